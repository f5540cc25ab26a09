// Quality of the batch learners on MovieLens 1M in the strong-generalisation protocol of Liang et al. 2018.
//
// Training sees 4,034 users; each of the 1,000 held-out users is folded in from 80 % of their items and judged on the
// rest. Recall@k divides by min(k, targets); NDCG@100 by the ideal order. The settings of iALS and EASE are published
// ones; those of item-kNN and BPR were chosen on an inner split of the training users. None is tuned on the users
// judged. Data: TANDEM_DATA/ml-1m-strong (default: ../shared/data beside the source tree).
//
//   quality_ml1m_strong [--threads N] [--json FILE]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/history_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/evaluation/ranking.hpp"

namespace {

using tandem::item_index;

using histories = std::map<unsigned, std::vector<item_index>>;

histories read_histories(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw tandem::error(tandem::errc::io_error, "cannot be opened", {path.string(), 0, {}}, "set TANDEM_DATA");
  histories out;
  std::string line;
  std::getline(in, line);  // uid,sid
  for (std::uint64_t number = 2; std::getline(in, line); ++number) {
    unsigned user = 0;
    unsigned item = 0;
    if (std::sscanf(line.c_str(), "%u,%u", &user, &item) != 2) {
      throw tandem::error(tandem::errc::bad_format, "is not uid,sid", {path.string(), number, {}});
    }
    out[user].push_back(item_index{item});
  }
  for (auto& [user, items] : out) std::sort(items.begin(), items.end());
  return out;
}

struct split {
  tandem::interactions train;
  histories given, targets;  // of the held-out users
};

split read_split(const std::filesystem::path& folder) {
  split out;
  const histories train = read_histories(folder / "train.csv");
  out.given = read_histories(folder / "validation_tr.csv");
  out.targets = read_histories(folder / "validation_te.csv");
  std::vector<tandem::interaction> events;
  std::uint32_t n_users = 0;
  std::size_t n_items = 0;
  for (const auto& [user, items] : train) {
    for (const item_index item : items) events.push_back({tandem::user_index{n_users}, item, 1.0F, {}});
    ++n_users;
  }
  for (const histories* part :
       {&train, static_cast<const histories*>(&out.given), static_cast<const histories*>(&out.targets)}) {
    for (const auto& each : *part) n_items = std::max(n_items, tandem::slot(each.second.back()) + 1);
  }
  out.train = tandem::interactions::from_events(events, n_users, n_items);
  return out;
}

struct quality {
  double recall20 = 0, recall50 = 0, ndcg100 = 0;
};

/// top(given, out) writes the best items for a history, without those in it, and returns how many.
template <class Top>
quality judge(const split& data, const Top& top) {
  quality sum;
  for (const auto& [user, targets] : data.targets) {
    std::vector<tandem::scored_item> best(100);
    best.resize(top(data.given.at(user), std::span(best)));
    std::vector<item_index> list;
    for (const tandem::scored_item& each : best) list.push_back(each.item);
    const std::vector<double> ranks = tandem::evaluation::ranks_in(list, targets);
    sum.recall20 += tandem::evaluation::recall_at(ranks, 20);
    sum.recall50 += tandem::evaluation::recall_at(ranks, 50);
    sum.ndcg100 += tandem::evaluation::ndcg_at(ranks, 100);
  }
  const auto n = static_cast<double>(data.targets.size());
  return {sum.recall20 / n, sum.recall50 / n, sum.ndcg100 / n};
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One line of the table, as text at once and as JSON at the end.
class table {
 public:
  void add(const std::string& name, double fit_seconds, const quality& q) {
    std::printf("%-48s R@20 %.4f  R@50 %.4f  N@100 %.4f  fit %.2f cpu-s\n", name.c_str(), q.recall20, q.recall50,
                q.ndcg100, fit_seconds);
    std::fflush(stdout);
    json_ << (json_.tellp() == 0 ? "[\n" : ",\n") << "  {\"name\": \"" << name << "\", \"recall@20\": " << q.recall20
          << ", \"recall@50\": " << q.recall50 << ", \"ndcg@100\": " << q.ndcg100
          << ", \"fit_cpu_seconds\": " << fit_seconds << ", \"simd\": \"" << tandem::simd_level() << "\"}";
  }
  void save(const std::string& path) const { std::ofstream(path) << json_.str() << "\n]\n"; }

 private:
  std::ostringstream json_;
};

std::string describe(const tandem::batch::ials_options& o) {
  std::ostringstream out;
  out << "ials k=" << o.rank << " alpha0=" << o.alpha0 << " lambda=" << o.regularization << " epochs=" << o.epochs
      << " seed=" << o.seed;
  return out.str();
}

std::string describe(const tandem::batch::ease_options& o) {
  std::ostringstream out;
  out << "ease lambda=" << o.regularization << " dropout=" << o.dropout;
  return out.str();
}

std::string describe(const tandem::batch::item_knn_options& o) {
  const char* names[] = {o.normalize ? "cosine" : "counts", "tf-idf", "bm25"};
  std::ostringstream out;
  out << "item_knn " << names[static_cast<std::size_t>(o.weighting)] << " K=" << o.neighbours
      << " shrinkage=" << o.shrinkage << (o.normalize ? "" : " not normalized");
  return out.str();
}

std::string describe(const tandem::batch::bpr_options& o) {
  std::ostringstream out;
  out << "bpr k=" << o.rank << " rate=" << o.learning_rate << " lambda=" << o.regularization << " epochs=" << o.epochs
      << " seed=" << o.seed;
  return out.str();
}

/// How well a model of any kind ranks for the histories of the held-out users.
template <tandem::batch::history_model Model>
quality judge_model(const split& data, const Model& model) {
  std::vector<float> scores(model.n_items());
  return judge(data, [&](const auto& given, std::span<tandem::scored_item> out) {
    model.score_history(given, std::vector<float>(given.size(), 1.0F), scores);
    tandem::best_items best(out);
    best.offer_all(item_index{0}, scores, given);
    return best.finish();
  });
}

/// One line for each of the settings.
template <class Options, class Fit>
void add_each(table& results, const split& data, const std::vector<Options>& settings, const Fit& fit) {
  for (const Options& options : settings) {
    const double start = cpu_seconds();
    const auto model = fit(options);
    const double fit_seconds = cpu_seconds() - start;
    results.add(describe(options), fit_seconds, judge_model(data, model));
  }
}

void add_ials(table& results, const split& data, tandem::thread_pool& pool) {
  // the published settings for this file, and the default number of epochs beside the reference's 16
  const std::vector<tandem::batch::ials_options> settings{
      {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F, .seed = 0},
      {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F, .seed = 1},
      {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F, .epochs = 16, .seed = 0},
      {.rank = 32, .alpha0 = 0.2F, .regularization = 0.006F},
      {.rank = 128, .alpha0 = 0.3F, .regularization = 0.006F},
      {.rank = 256, .alpha0 = 0.3F, .regularization = 0.006F},
      {},  // the defaults
  };
  add_each(results, data, settings,
           [&](const auto& options) { return tandem::batch::fit_ials(data.train, options, pool); });
}

/// EASE, and what it loses when few entries a row are kept.
void add_ease(table& results, const split& data, tandem::thread_pool& pool) {
  const tandem::batch::ease_options options;
  const double start = cpu_seconds();
  const tandem::batch::ease_model model = tandem::batch::fit_ease(data.train, options, pool);
  results.add(describe(options), cpu_seconds() - start, judge_model(data, model));
  for (const std::size_t kept : {400U, 200U, 100U, 50U}) {
    results.add("  truncated to " + std::to_string(kept) + " a row", 0, judge_model(data, model.truncated(kept)));
  }
}

void add_item_knn(table& results, const split& data, tandem::thread_pool& pool) {
  using tandem::batch::item_weighting;
  const std::vector<tandem::batch::item_knn_options> settings{
      {},
      {.weighting = item_weighting::none},
      {.weighting = item_weighting::bm25, .shrinkage = 100},
      {.weighting = item_weighting::bm25, .normalize = false},
  };
  add_each(results, data, settings,
           [&](const auto& options) { return tandem::batch::fit_item_knn(data.train, options, pool); });
}

void add_bpr(table& results, const split& data, tandem::thread_pool& pool) {
  const std::vector<tandem::batch::bpr_options> settings{{.seed = 0}, {.seed = 1}, {.learning_rate = 0.01F}};
  add_each(results, data, settings,
           [&](const auto& options) { return tandem::batch::fit_bpr(data.train, options, pool); });
}

void run(const std::filesystem::path& folder, std::size_t threads, const std::string& json_path) {
  const split data = read_split(folder);
  std::printf("ml-1m-strong: %zu users, %zu items, %zu entries, %zu held-out users; %s, %zu threads\n",
              data.train.n_users(), data.train.n_items(), data.train.size(), data.targets.size(),
              std::string(tandem::simd_level()).c_str(), threads);
  table results;
  const tandem::batch::popularity popular(data.train);
  results.add("popularity", 0, judge_model(data, popular));
  tandem::thread_pool pool(threads);
  add_ials(results, data, pool);
  add_ease(results, data, pool);
  add_item_knn(results, data, pool);
  add_bpr(results, data, pool);
  if (!json_path.empty()) results.save(json_path);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t threads = 1;
  std::string json_path;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--threads") threads = std::strtoul(argv[i + 1], nullptr, 10);
    if (option == "--json") json_path = argv[i + 1];
  }
  const char* data = std::getenv("TANDEM_DATA");
  const std::filesystem::path root = data != nullptr ? data : TANDEM_SOURCE_DIR "/../shared/data";
  try {
    run(root / "ml-1m-strong", threads, json_path);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
