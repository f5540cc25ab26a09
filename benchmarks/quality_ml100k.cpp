// Quality of the batch learners on MovieLens 100K, in two protocols; every setting is chosen on the training part
// alone.
//
// Ranking: the 80/20 split of a published comparison (ml-100k/mcrec-split; Ferrari Dacrema et al. 2021, table 46 of the
// supplement): P@10 divides by 10, R@10 by all targets of the user, both are means over the users with targets.
// Settings are chosen on three inner splits of the same kind, each hiding a random fifth of the training pairs: by
// P@10, but for iALS, which the library's tuner tunes by NDCG@10 for each of three ranks, P@10 deciding between the
// ranks. Ratings: the first 80 % of the ratings by time train, the rest is predicted; RMSE over all, and over those of
// users who have ratings in the first part. Data: TANDEM_DATA/ml-100k (default: ../shared/data beside the source tree).
//
//   quality_ml100k [--threads N] [--json FILE]

#include <cmath>
#include <vector>

#include "quality_tuning.hpp"
#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/data/split.hpp"

namespace {

using namespace quality;

constexpr std::uint32_t n_users = 943;
constexpr std::uint32_t n_items = 1682;
constexpr std::uint64_t n_seeds = 3;

// ---- ranking ----------------------------------------------------------------------------------------------------

interactions to_log(const std::vector<interaction>& pairs) {
  return interactions::from_events(pairs, n_users, n_items, merge_rule::binary);
}

judged_split read_ranking(const std::filesystem::path& folder) {
  std::vector<interaction> known;
  std::ifstream train = open(folder / "ml-100k.train.rating");
  for (std::uint32_t user = 0, item = 0, stars = 0; train >> user >> item >> stars;) {
    known.push_back({user_index{user - 1}, item_index{item - 1}});  // the file counts from 1
  }
  std::vector<interaction> hidden;
  std::ifstream test = open(folder / "ml-100k.test.rating");
  for (std::string line; std::getline(test, line);) {
    std::istringstream fields(line);
    std::uint32_t user = 0;
    fields >> user;
    for (std::uint32_t item = 0; fields >> item;) hidden.push_back({user_index{user - 1}, item_index{item - 1}});
  }
  return {to_log(known), to_log(known), to_log(hidden)};
}

/// Four of five training pairs, and the fifth as targets: where settings are chosen.
judged_split inner_split(const interactions& train, std::uint64_t seed) {
  random_stream random(seed);
  std::vector<interaction> known, hidden;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    for (const item_index item : items_in(train, u)) {
      (random.below(5) == 0 ? hidden : known).push_back({user_index{u}, item});
    }
  }
  return {to_log(known), to_log(known), to_log(hidden)};
}

/// Everything is chosen on `inner`, and judged on `outer`.
struct study {
  judged_split outer;
  std::vector<judged_split> inner;
  thread_pool& pool;
  table& results;

  template <class Model>
  measures add(const std::string& name, const std::string& settings, const Model& model) const {
    const measures m = judge(outer, model, pool);
    results.add(name, settings, {{"P@10", m.precision10}, {"R@10", m.recall10}});
    return m;
  }
};

/// Chooses among settings by P@10, then fits all of train and adds a line.
template <class Options, class Fit, class Describe>
void add_chosen(const study& s, const std::string& name, const std::vector<Options>& settings, const Fit& fit,
                const Describe& describe) {
  const chosen<Options> best = choose(std::span(s.inner), settings, fit, &measures::precision10, s.pool);
  s.add(name, text(describe(best.options), ", inner P@10 ", best.inner), fit(s.outer.train, best.options));
}

void add_ials(const study& s) {
  const auto fit = [&](const interactions& log, const auto& o) { return batch::fit_ials(log, o, s.pool); };
  std::vector<batch::ials_options> tuned;
  for (const std::size_t rank : {32U, 64U, 128U}) {
    const batch::tuning_options tuning = tuned.empty() ? batch::tuning_options{.trials = 24} : close_to(tuned.back());
    tuned.push_back(tune(s.inner, {.rank = rank, .epochs = 16}, tuning, 10, s.pool).options);
  }
  const auto best = choose(std::span(s.inner), tuned, fit, &measures::precision10, s.pool);
  batch::ials_options options = best.options;
  const std::string settings = text("k=", options.rank, " alpha0=", options.alpha0, " lambda=", options.regularization,
                                    " epochs=", options.epochs, ", inner P@10 ", best.inner);
  std::vector<measures> each;
  for (options.seed = 0; options.seed < n_seeds; ++options.seed) {
    each.push_back(s.add(text("ials seed=", options.seed), settings, fit(s.outer.train, options)));
  }
  const measures m = mean(each);
  s.results.add("ials", text(settings, ", mean of ", n_seeds, " seeds"),
                {{"P@10", m.precision10}, {"R@10", m.recall10}});
}

void add_ease(const study& s) {
  std::vector<batch::ease_options> settings;
  for (const float lambda : {50.0F, 100.0F, 200.0F, 300.0F, 400.0F, 500.0F, 700.0F}) {
    settings.push_back({.regularization = lambda});
  }
  add_chosen(
      s, "ease", settings, [&](const interactions& log, const auto& o) { return batch::fit_ease(log, o, s.pool); },
      [](const auto& o) { return text("lambda=", o.regularization); });
}

void add_item_knn(const study& s) {
  using batch::item_weighting;
  std::vector<batch::item_knn_options> settings;
  for (const std::size_t neighbours : {20U, 50U, 100U, 200U, 400U}) {
    for (const float shrinkage : {0.0F, 10.0F, 100.0F}) {
      for (const auto weighting : {item_weighting::none, item_weighting::bm25, item_weighting::tf_idf}) {
        settings.push_back({.weighting = weighting, .shrinkage = shrinkage, .neighbours = neighbours});
      }
    }
  }
  add_chosen(
      s, "item_knn", settings,
      [&](const interactions& log, const auto& o) { return batch::fit_item_knn(log, o, s.pool); },
      [](const auto& o) {
        const char* names[] = {"cosine", "tf-idf", "bm25"};
        return text(names[static_cast<std::size_t>(o.weighting)], " K=", o.neighbours, " shrinkage=", o.shrinkage);
      });
}

void add_bpr(const study& s) {
  std::vector<batch::bpr_options> settings;
  for (const float lambda : {0.003F, 0.01F, 0.02F, 0.03F}) {
    for (const float rate : {0.01F, 0.02F, 0.05F})
      settings.push_back({.learning_rate = rate, .regularization = lambda});
  }
  add_chosen(
      s, "bpr", settings, [&](const interactions& log, const auto& o) { return batch::fit_bpr(log, o, s.pool); },
      [](const auto& o) {
        return text("k=", o.rank, " rate=", o.learning_rate, " lambda=", o.regularization, " epochs=", o.epochs);
      });
}

void rank(const std::filesystem::path& folder, thread_pool& pool, table& results) {
  study s{read_ranking(folder), {}, pool, results};
  for (const std::uint64_t seed : {11U, 12U, 13U}) s.inner.push_back(inner_split(s.outer.train, seed));
  std::printf("ranking: %zu pairs train, %zu are to be found\n", s.outer.train.size(), s.outer.targets.size());
  s.add("popularity", "", batch::popularity(s.outer.train));
  add_ease(s);
  add_ials(s);
  add_item_knn(s);
  add_bpr(s);
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

/// The grids: biases alone, factors with penalties that grow with a row's ratings (nu = 1), and flat ones (nu = 0).
struct rating_settings {
  std::vector<batch::biased_mf_options> biases, scaled, flat;

  rating_settings() {
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
  }
};

void predict_ratings(const std::filesystem::path& file, thread_pool& pool, table& results) {
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
    const batch::biased_mf_options* best = nullptr;
    double least = HUGE_VAL;
    for (const auto& options : settings) {
      const double now = fit_and_judge(inner, inner_test, options).all;
      if (now < least) best = &options;
      least = std::min(least, now);
    }
    const double start = cpu_seconds();
    const errors e = fit_and_judge(train, data.test, *best);
    results.add(name,
                text("k=", best->rank, " lambda=", best->regularization, " biases ", best->bias_regularization,
                     " nu=", best->nu),
                {{"RMSE", e.all}, {"of known users", e.known}, {"fit_cpu_seconds", cpu_seconds() - start}});
  };
  std::printf("ratings: %zu train, %zu are predicted\n", data.train.size(), data.test.size());
  const float mean_rating = batch::fit_biased_mf(train, {.rank = 0, .epochs = 1}).mean();
  const errors constant = rmse(data.test, train, [&](user_index, item_index) { return mean_rating; });
  results.add("the mean", "", {{"RMSE", constant.all}, {"of known users", constant.known}});
  const rating_settings settings;
  add_best("biases alone", settings.biases);
  add_best("biased_mf, scaled penalty", settings.scaled);
  add_best("biased_mf, flat penalty", settings.flat);
}

void run(const std::filesystem::path& data, thread_pool& pool, table& results) {
  rank(data / "ml-100k" / "mcrec-split", pool, results);
  predict_ratings(data / "ml-100k" / "u.data", pool, results);
}

}  // namespace

int main(int argc, char** argv) { return quality::run_main(argc, argv, TANDEM_SOURCE_DIR "/../shared/data", run); }
