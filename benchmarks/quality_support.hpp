#pragma once
// What the programs that judge quality share: held-out users, their measures, a table as text and JSON, and main().

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tandem/batch/history_model.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/evaluation/ranking.hpp"

namespace quality {

using namespace tandem;

// ---- who is judged, and how -----------------------------------------------------------------------------------------

/// A log to fit, and users to judge: what is known of each, and what was held out. Users without targets do not count.
/// The users of `train` may be others (strong generalisation) or the same.
struct judged_split {
  interactions train, given, targets;
};

/// Means over the users judged.
struct measures {
  double recall20 = 0, recall50 = 0, ndcg100 = 0;  // recall divides by min(k, targets)
  double precision10 = 0, recall10 = 0;            // precision by 10, this recall by all targets
};

inline std::vector<item_index> items_in(const interactions& log, std::uint32_t user) {
  std::vector<item_index> out;
  for (const std::uint32_t i : log.items_of(user_index{user}).index) out.push_back(item_index{i});
  return out;
}

/// How well a model ranks all items but the known ones.
template <batch::history_model Model>
measures judge(const judged_split& data, const Model& model, executor_ref executor = {}) {
  const std::size_t n_users = data.targets.n_users();
  std::vector<measures> each(n_users);
  std::vector<std::uint8_t> counts(n_users, 0);
  executor.parallel_for(n_users, [&](std::size_t u) {
    const auto user = static_cast<std::uint32_t>(u);
    const std::vector<item_index> wanted = items_in(data.targets, user);
    if (wanted.empty()) return;
    const std::vector<item_index> had = items_in(data.given, user);
    std::vector<float> scores(model.n_items());
    model.score_history(had, data.given.items_of(user_index{user}).weight, scores);
    std::vector<scored_item> top(100);
    best_items best(top);
    best.offer_all(item_index{0}, scores, had);
    top.resize(best.finish());
    std::vector<item_index> list;
    for (const scored_item& one : top) list.push_back(one.item);
    const std::vector<double> ranks = evaluation::ranks_in(list, wanted);
    each[u] = {evaluation::recall_at(ranks, 20), evaluation::recall_at(ranks, 50), evaluation::ndcg_at(ranks, 100),
               evaluation::precision_at(ranks, 10), evaluation::recall_at(ranks, 10, evaluation::recall_of::all)};
    counts[u] = 1;
  });
  measures sum;
  double n = 0;
  for (std::size_t u = 0; u < n_users; ++u) {
    sum.recall20 += each[u].recall20;
    sum.recall50 += each[u].recall50;
    sum.ndcg100 += each[u].ndcg100;
    sum.precision10 += each[u].precision10;
    sum.recall10 += each[u].recall10;
    n += counts[u];
  }
  return {sum.recall20 / n, sum.recall50 / n, sum.ndcg100 / n, sum.precision10 / n, sum.recall10 / n};
}

/// Component by component, e.g. over seeds.
inline measures mean(std::span<const measures> of) {
  measures sum;
  const auto n = static_cast<double>(of.size());
  for (const measures& m : of) {
    sum.recall20 += m.recall20 / n;
    sum.recall50 += m.recall50 / n;
    sum.ndcg100 += m.ndcg100 / n;
    sum.precision10 += m.precision10 / n;
    sum.recall10 += m.recall10 / n;
  }
  return sum;
}

// ---- what comes out -------------------------------------------------------------------------------------------------

inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// One figure of a line.
struct figure {
  const char* name;
  double value;
};

/// Lines of a name, the settings that were used and figures: as text at once, as JSON at the end.
class table {
 public:
  void add(const std::string& name, const std::string& settings, const std::vector<figure>& figures) {
    std::printf("%-44s", name.c_str());
    json_ << (json_.tellp() == 0 ? "" : ",\n") << "  {\"name\": \"" << name << "\", \"settings\": \"" << settings
          << '"';
    for (const figure& f : figures) {
      std::printf("  %s %.4f", f.name, f.value);
      json_ << ", \"" << f.name << "\": " << f.value;
    }
    json_ << '}';
    std::printf("  %s\n", settings.c_str());
    std::fflush(stdout);
  }
  void save(const std::string& path, std::size_t threads) const {
    std::ofstream out(path);
    out << "{\"simd\": \"" << simd_level() << "\", \"threads\": " << threads << ", \"rows\": [\n"
        << json_.str() << "\n]}\n";
    if (!out.flush()) throw error(errc::io_error, "cannot be written", {path, 0, {}});
  }

 private:
  std::ostringstream json_;
};

// ---- data and main --------------------------------------------------------------------------------------------------

inline std::ifstream open(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw error(errc::io_error, "cannot be opened", {path.string(), 0, {}}, "set TANDEM_DATA");
  return in;
}

/// main() of a program called PROGRAM [--threads N] [--json FILE]: run(folder of all data, threads, table).
/// Data: the environment variable TANDEM_DATA, else `otherwise`.
template <class Run>
int run_main(int argc, char** argv, const std::filesystem::path& otherwise, const Run& run) {
  std::size_t threads = 1;
  std::string json_path;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--threads") threads = std::strtoul(argv[i + 1], nullptr, 10);
    if (option == "--json") json_path = argv[i + 1];
  }
  const char* data = std::getenv("TANDEM_DATA");
  try {
    std::printf("%s, %zu threads\n", std::string(simd_level()).c_str(), threads);
    thread_pool pool(threads);
    table results;
    run(data != nullptr ? std::filesystem::path(data) : otherwise, pool, results);
    if (!json_path.empty()) results.save(json_path, threads);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  return 0;
}

}  // namespace quality
