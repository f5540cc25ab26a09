// What a warm refit loses against a cold one, after a tenth of new data, on MovieLens 1M (ml1m_strong.hpp).
//
// A tenth of the training events is hidden: at random, or all events of users drawn until they are a tenth. A model of
// the rest is the start of a fit of everything in 1, 2 or 4 epochs; beside it, cold fits of everything in 8 and 16. All
// are judged on the 1,000 held-out users. Settings: published_ials(), but for epochs. Three seeds, each for what is
// hidden and for the factors. Data: TANDEM_DATA/ml-1m-strong (default: ../shared/data beside the source tree).
//
//   quality_warm_refit [--threads N] [--json FILE]

#include <algorithm>
#include <vector>

#include "ml1m_strong.hpp"
#include "tandem/batch/ials.hpp"

namespace {

using namespace quality;

constexpr std::uint64_t n_seeds = 3;

interactions without_random_events(const interactions& log, std::uint64_t seed) {
  random_stream random(seed, 1);
  histories kept(log.n_users());
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    for (const item_index item : items_in(log, u)) {
      if (random.below(10) != 0) kept[u].push_back(item);
    }
  }
  return to_log(kept, log.n_items());
}

interactions without_some_users(const interactions& log, std::uint64_t seed) {
  random_stream random(seed, 2);
  std::vector<std::uint8_t> hidden(log.n_users(), 0);
  std::size_t n_hidden = 0;
  while (n_hidden < log.size() / 10) {
    const auto user = static_cast<std::uint32_t>(random.below(log.n_users()));
    if (hidden[user] != 0) continue;
    hidden[user] = 1;
    n_hidden += log.items_of(user_index{user}).size();
  }
  histories kept;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    if (hidden[u] == 0) kept.push_back(items_in(log, u));
  }
  return to_log(kept, log.n_items());
}

/// NDCG@100 of one way to come to a model of everything, seed by seed.
struct way {
  std::string name;
  std::vector<double> ndcg;

  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double x : ndcg) sum += x;
    return sum / static_cast<double>(ndcg.size());
  }
};

class comparison {
 public:
  comparison(const judged_split& data, executor_ref executor) : data_(data), executor_(executor) {}

  void add(const std::string& name, const batch::factor_model& model) {
    const double ndcg = judge(data_, model, executor_).ndcg100;
    const auto at = std::find_if(ways_.begin(), ways_.end(), [&](const way& w) { return w.name == name; });
    if (at == ways_.end()) {
      ways_.push_back({name, {ndcg}});
    } else {
      at->ndcg.push_back(ndcg);
    }
  }
  /// A line each: the figure, and how far it is above or below the cold fits.
  void report(const std::string& hidden, table& results) const {
    const auto of = [&](const char* name) {
      return std::find_if(ways_.begin(), ways_.end(), [&](const way& w) { return w.name == name; })->mean();
    };
    for (const way& w : ways_) {
      results.add(w.name, hidden,
                  {{"ndcg@100", w.mean()},
                   {"against_cold_8", w.mean() - of("cold_8")},
                   {"against_cold_16", w.mean() - of("cold_16")}});
    }
  }

 private:
  const judged_split& data_;
  executor_ref executor_;
  std::vector<way> ways_;
};

template <class Hide>
void compare(const judged_split& data, const std::string& hidden, const Hide& hide, thread_pool& pool, table& results) {
  comparison all(data, pool);
  for (std::uint64_t seed = 0; seed < n_seeds; ++seed) {
    batch::ials_options options = published_ials(64);
    options.seed = seed;
    options.epochs = 8;
    const batch::factor_model earlier = batch::fit_ials(hide(data.train, seed), options, pool);
    all.add("earlier", earlier);
    for (const std::size_t epochs : {1U, 2U, 4U}) {
      options.warm_epochs = epochs;
      all.add(text("warm_", epochs), batch::fit_ials(data.train, options, pool, {}, &earlier));
    }
    for (const std::size_t epochs : {8U, 16U}) {
      options.epochs = epochs;
      all.add(text("cold_", epochs), batch::fit_ials(data.train, options, pool));
    }
  }
  all.report(hidden, results);
}

void run(const std::filesystem::path& folder, thread_pool& pool, table& results) {
  const judged_split data = read_ml1m_strong(folder / "ml-1m-strong");
  compare(data, "random_events", without_random_events, pool, results);
  compare(data, "new_users", without_some_users, pool, results);
}

}  // namespace

int main(int argc, char** argv) { return quality::run_main(argc, argv, TANDEM_SOURCE_DIR "/../shared/data", run); }
