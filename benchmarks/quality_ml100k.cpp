// Quality of the batch learners on MovieLens 100K, in two protocols; every setting is chosen on the training part
// alone.
//
// Ranking: the 80/20 split of a published comparison (ml-100k/mcrec-split; Ferrari Dacrema et al. 2021, table 46 of the
// supplement): P@10 divides by 10, R@10 by all targets of the user, both are means over the users with targets.
// Ratings: the first 80 % of the ratings by time train, the rest is predicted; RMSE over all, and over those of users
// who have ratings in the first part. Data: TANDEM_DATA/ml-100k (default: ../shared/data beside the source tree).
//
//   quality_ml100k [--threads N] [--json FILE]

#include <algorithm>
#include <cmath>
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

#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/history_model.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/data/split.hpp"
#include "tandem/evaluation/ranking.hpp"

namespace {

using namespace tandem;

constexpr std::uint32_t n_users = 943;
constexpr std::uint32_t n_items = 1682;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// The lines of the result, as JSON at the end.
class table {
 public:
  void add(const std::string& name, const char* first, double a, const char* second, double b, double seconds) {
    std::printf("%-52s %s %.4f  %s %.4f  fit %.2f cpu-s\n", name.c_str(), first, a, second, b, seconds);
    std::fflush(stdout);
    json_ << (json_.tellp() == 0 ? "[\n" : ",\n") << "  {\"name\": \"" << name << "\", \"" << first << "\": " << a
          << ", \"" << second << "\": " << b << ", \"fit_cpu_seconds\": " << seconds << "}";
  }
  void save(const std::string& path) const { std::ofstream(path) << json_.str() << "\n]\n"; }

 private:
  std::ostringstream json_;
};

// ---- ranking ----------------------------------------------------------------------------------------------------

using targets = std::map<std::uint32_t, std::vector<item_index>>;

struct ranking_split {
  interactions train;
  targets test;
};

std::ifstream open(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw error(errc::io_error, "cannot be opened", {path.string(), 0, {}}, "set TANDEM_DATA");
  return in;
}

ranking_split read_ranking(const std::filesystem::path& folder) {
  ranking_split out;
  std::vector<interaction> events;
  std::ifstream train = open(folder / "ml-100k.train.rating");
  for (std::uint32_t user = 0, item = 0, stars = 0; train >> user >> item >> stars;) {
    events.push_back({user_index{user - 1}, item_index{item - 1}});  // the file counts from 1
  }
  out.train = interactions::from_events(events, n_users, n_items, merge_rule::binary);
  std::ifstream test = open(folder / "ml-100k.test.rating");
  for (std::string line; std::getline(test, line);) {
    std::istringstream fields(line);
    std::uint32_t user = 0;
    fields >> user;
    for (std::uint32_t item = 0; fields >> item;) out.test[user - 1].push_back(item_index{item - 1});
  }
  return out;
}

/// Four of five training pairs, and the fifth as targets: where settings are chosen.
ranking_split inner_split(const interactions& train) {
  random_stream random(11);
  std::vector<interaction> events;
  ranking_split out;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    for (const std::uint32_t i : train.items_of(user_index{u}).index) {
      if (random.below(5) == 0) {
        out.test[u].push_back(item_index{i});
      } else {
        events.push_back({user_index{u}, item_index{i}});
      }
    }
  }
  out.train = interactions::from_events(events, n_users, n_items, merge_rule::binary);
  return out;
}

struct precision_recall {
  double precision = 0, recall = 0;
};

template <batch::history_model Model>
precision_recall judge(const ranking_split& data, const Model& model) {
  precision_recall sum;
  std::vector<float> scores(model.n_items());
  for (const auto& [user, wanted] : data.test) {
    const interactions::row row = data.train.items_of(user_index{user});
    std::vector<item_index> had;
    for (const std::uint32_t i : row.index) had.push_back(item_index{i});
    model.score_history(had, row.weight, scores);
    std::vector<scored_item> top(10);
    best_items best(top);
    best.offer_all(item_index{0}, scores, had);
    top.resize(best.finish());
    std::vector<item_index> list;
    for (const scored_item& each : top) list.push_back(each.item);
    const std::vector<double> ranks = evaluation::ranks_in(list, wanted);
    sum.precision += evaluation::precision_at(ranks, 10);
    sum.recall += evaluation::recall_at(ranks, 10, evaluation::recall_of::all);
  }
  const auto n = static_cast<double>(data.test.size());
  return {sum.precision / n, sum.recall / n};
}

/// Chooses among settings by P@10 on the inner split, then fits to all of train and adds a line for the test.
template <class Options, class Fit, class Describe>
void add_chosen(table& results, const ranking_split& data, const ranking_split& inner,
                const std::vector<Options>& settings, const Fit& fit, const Describe& describe) {
  const Options* chosen = nullptr;
  double best = -1;
  for (const Options& options : settings) {
    const double p = judge(inner, fit(inner.train, options)).precision;
    if (p > best) chosen = &options;
    best = std::max(best, p);
  }
  const double start = cpu_seconds();
  const auto model = fit(data.train, *chosen);
  const double seconds = cpu_seconds() - start;
  const precision_recall q = judge(data, model);
  results.add(describe(*chosen), "P@10", q.precision, "R@10", q.recall, seconds);
}

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

void rank(table& results, const std::filesystem::path& folder, thread_pool& pool) {
  const ranking_split data = read_ranking(folder / "mcrec-split");
  const ranking_split inner = inner_split(data.train);
  std::printf("ranking: %zu pairs train, %zu users are judged\n", data.train.size(), data.test.size());
  const precision_recall popular = judge(data, batch::popularity(data.train));
  results.add("popularity", "P@10", popular.precision, "R@10", popular.recall, 0);

  std::vector<batch::ease_options> ease;
  for (const float lambda : {50.0F, 100.0F, 200.0F, 300.0F, 400.0F, 500.0F, 700.0F})
    ease.push_back({.regularization = lambda});
  add_chosen(
      results, data, inner, ease, [&](const interactions& log, const auto& o) { return batch::fit_ease(log, o, pool); },
      [](const auto& o) { return text("ease lambda=", o.regularization); });

  std::vector<batch::item_knn_options> knn;
  for (const std::size_t neighbours : {20U, 50U, 100U, 200U, 400U}) {
    for (const float shrinkage : {0.0F, 10.0F, 100.0F}) {
      knn.push_back({.weighting = batch::item_weighting::none, .shrinkage = shrinkage, .neighbours = neighbours});
      knn.push_back({.weighting = batch::item_weighting::bm25, .shrinkage = shrinkage, .neighbours = neighbours});
      knn.push_back({.shrinkage = shrinkage, .neighbours = neighbours});
    }
  }
  add_chosen(
      results, data, inner, knn,
      [&](const interactions& log, const auto& o) { return batch::fit_item_knn(log, o, pool); },
      [](const auto& o) {
        const char* names[] = {"cosine", "tf-idf", "bm25"};
        return text("item_knn ", names[static_cast<std::size_t>(o.weighting)], " K=", o.neighbours,
                    " shrinkage=", o.shrinkage);
      });

  std::vector<batch::bpr_options> bpr;
  for (const float lambda : {0.003F, 0.01F, 0.02F, 0.03F}) {
    for (const float rate : {0.01F, 0.02F, 0.05F}) bpr.push_back({.learning_rate = rate, .regularization = lambda});
  }
  add_chosen(
      results, data, inner, bpr, [&](const interactions& log, const auto& o) { return batch::fit_bpr(log, o, pool); },
      [](const auto& o) {
        return text("bpr k=", o.rank, " rate=", o.learning_rate, " lambda=", o.regularization, " epochs=", o.epochs);
      });
}

// ---- ratings ----------------------------------------------------------------------------------------------------

interactions ratings(std::span<const logged_event> events) {
  std::vector<interaction> out;
  for (const logged_event& e : events) out.push_back({e.user, e.item, e.weight, e.time});
  return interactions::from_events(out, n_users, n_items, merge_rule::latest);
}

struct errors {
  double all = 0, known = 0;
};

/// RMSE over `test`: predict(user, item).
template <class Predict>
errors rmse(std::span<const logged_event> test, const interactions& train, const Predict& predict) {
  double all = 0;
  double known = 0;
  std::size_t n_known = 0;
  for (const logged_event& e : test) {
    const double miss = static_cast<double>(e.weight) - static_cast<double>(predict(e.user, e.item));
    all += miss * miss;
    if (train.items_of(e.user).size() == 0) continue;
    known += miss * miss;
    ++n_known;
  }
  return {std::sqrt(all / static_cast<double>(test.size())), std::sqrt(known / static_cast<double>(n_known))};
}

void predict_ratings(table& results, const std::filesystem::path& file, thread_pool& pool) {
  event_log log = read_events(file.string(), {.format = log_format::movielens, .value_as_weight = true});
  order_visits(log, 1);
  const log_split data = split_by_time(log, 0.8);
  const std::size_t cut = data.train.size() * 8 / 10;
  const std::span<const logged_event> inner_train(data.train.data(), cut);
  const std::span<const logged_event> inner_test(data.train.data() + cut, data.train.size() - cut);
  const interactions inner = ratings(inner_train);
  const interactions train = ratings(data.train);
  const auto fit_and_judge = [&](const interactions& rated, std::span<const logged_event> test, const auto& options) {
    const batch::biased_mf_model model = batch::fit_biased_mf(rated, options, pool);
    return rmse(test, rated, [&](user_index u, item_index i) { return model.clipped(model.predict(u, i)); });
  };
  const auto add_best = [&](const std::string& name, const std::vector<batch::biased_mf_options>& settings) {
    const batch::biased_mf_options* chosen = nullptr;
    double best = HUGE_VAL;
    for (const auto& options : settings) {
      const double now = fit_and_judge(inner, inner_test, options).all;
      if (now < best) chosen = &options;
      best = std::min(best, now);
    }
    const double start = cpu_seconds();
    const errors e = fit_and_judge(train, data.test, *chosen);
    results.add(text(name, " k=", chosen->rank, " lambda=", chosen->regularization, " biases ",
                     chosen->bias_regularization, " nu=", chosen->nu),
                "RMSE", e.all, "of known users", e.known, cpu_seconds() - start);
  };
  std::printf("ratings: %zu train, %zu are predicted\n", data.train.size(), data.test.size());
  const float mean = batch::fit_biased_mf(train, {.rank = 0, .epochs = 1}).mean();
  const errors constant = rmse(data.test, train, [&](user_index, item_index) { return mean; });
  results.add("the mean", "RMSE", constant.all, "of known users", constant.known, 0);
  std::vector<batch::biased_mf_options> biases;
  std::vector<batch::biased_mf_options> scaled;
  std::vector<batch::biased_mf_options> flat;
  for (const float b : {0.02F, 0.05F, 0.1F, 0.2F}) biases.push_back({.rank = 0, .bias_regularization = b});
  for (const float b : {1.0F, 3.0F, 10.0F, 20.0F}) biases.push_back({.rank = 0, .bias_regularization = b, .nu = 0});
  for (const std::size_t k : {8U, 32U}) {
    for (const float lambda : {0.05F, 0.1F, 0.15F, 0.2F, 0.3F}) {
      for (const float b : {0.02F, 0.05F, 0.1F, 0.2F})
        scaled.push_back({.rank = k, .regularization = lambda, .bias_regularization = b});
    }
    for (const float lambda : {5.0F, 10.0F, 15.0F, 20.0F}) {
      for (const float b : {1.0F, 3.0F, 10.0F, 20.0F})
        flat.push_back({.rank = k, .regularization = lambda, .bias_regularization = b, .nu = 0});
    }
  }
  add_best("biases alone", biases);
  add_best("biased_mf", scaled);
  add_best("biased_mf", flat);
}

void run(const std::filesystem::path& folder, std::size_t threads, const std::string& json_path) {
  std::printf("ml-100k; %s, %zu threads\n", std::string(simd_level()).c_str(), threads);
  thread_pool pool(threads);
  table results;
  rank(results, folder, pool);
  predict_ratings(results, folder / "u.data", pool);
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
    run(root / "ml-100k", threads, json_path);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
