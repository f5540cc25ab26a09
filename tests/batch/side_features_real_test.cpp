// Genres as priors on MovieLens 100K: what they are worth must not sink.

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/batch/side_features.hpp"
#include "tandem/core/random.hpp"
#include "tandem/evaluation/ranking.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

/// MovieLens 100K with its genres.
struct movies {
  std::vector<interaction> events;
  feature_matrix genres;

  movies(const std::filesystem::path& ratings, const std::filesystem::path& items) {
    std::ifstream in(ratings);
    std::uint32_t user = 0;
    std::uint32_t item = 0;
    std::uint32_t rating = 0;
    std::uint32_t time = 0;
    while (in >> user >> item >> rating >> time) events.push_back({user_index{user - 1}, item_index{item - 1}});
    std::vector<feature_entry> entries;
    std::ifstream lines(items);
    std::string line;
    for (std::uint32_t i = 0; std::getline(lines, line); ++i) {
      line.erase(line.find_last_not_of("\r\n") + 1);  // ends with 19 flags, each after a bar
      for (std::uint32_t g = 0; g < 19; ++g) {
        if (line[line.size() - 1 - 2 * g] == '1') entries.push_back({i, g});
      }
    }
    genres = feature_matrix::from_entries(entries, 1682, 19);
  }
};

/// Mean NDCG@10 of lists over users with targets.
template <class List>
double mean_ndcg(const std::vector<std::vector<item_index>>& targets, const List& list) {
  double sum = 0;
  double n = 0;
  for (std::uint32_t u = 0; u < targets.size(); ++u) {
    if (targets[u].empty()) continue;
    sum += evaluation::ndcg_at(evaluation::ranks_in(list(u), targets[u]), 10);
    n += 1;
  }
  return sum / n;
}

struct split_log {
  std::vector<interaction> train;
  std::vector<std::vector<item_index>> given = std::vector<std::vector<item_index>>(943);
  std::vector<std::vector<item_index>> targets = std::vector<std::vector<item_index>>(943);

  template <class Hidden>
  split_log(std::span<const interaction> events, const Hidden& hidden) {
    for (const interaction& e : events) {
      if (hidden(e)) {
        targets[slot(e.user)].push_back(e.item);
      } else {
        given[slot(e.user)].push_back(e.item);
        train.push_back(e);
      }
    }
    for (auto& each : targets) std::sort(each.begin(), each.end());
    for (auto& each : given) std::sort(each.begin(), each.end());
  }
  [[nodiscard]] interactions log() const { return interactions::from_events(train, 943, 1682, merge_rule::binary); }
};

std::vector<item_index> best_of(std::vector<scored_item> scored) {
  std::sort(scored.begin(), scored.end(), ranks_before);
  std::vector<item_index> out;
  for (std::size_t r = 0; r < std::min<std::size_t>(10, scored.size()); ++r) out.push_back(scored[r].item);
  return out;
}

constexpr ials_options movie_options{.rank = 32, .alpha0 = 0.3F, .regularization = 0.01F};

}  // namespace

TEST_CASE("genres rank unseen movies three times better than chance", "[features][real]") {
  const auto ratings = real_data("ml-100k/u.data");
  const auto items = real_data("ml-100k/u.item");
  if (ratings.empty() || items.empty()) return;
  const movies data(ratings, items);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    random_stream random(seed);
    std::vector<bool> hidden(1682);
    for (auto each : hidden) each = random.uniform() < 0.2;
    const split_log split(data.events, [&](const interaction& e) { return hidden[slot(e.item)]; });
    const feature_model model = fit_feature_ials(split.log(), {nullptr, &data.genres}, movie_options);
    const auto ranked = [&](const auto& score) {
      return mean_ndcg(split.targets, [&](std::uint32_t u) {
        std::vector<scored_item> scored;
        for (std::uint32_t i = 0; i < 1682; ++i) {
          if (hidden[i]) scored.push_back({item_index{i}, score(u, i)});
        }
        return best_of(scored);
      });
    };
    const double by_genre =
        ranked([&](std::uint32_t u, std::uint32_t i) { return model.factors().score(user_index{u}, item_index{i}); });
    const double by_chance = ranked([&](std::uint32_t, std::uint32_t) { return static_cast<float>(random.uniform()); });
    INFO("seed " << seed << ": NDCG@10 " << by_genre << ", chance " << by_chance);
    CHECK(by_genre > 3 * by_chance);
    CHECK(by_genre > 0.2);
  }
}

TEST_CASE("genres do not cost quality on movies with events, and help when events are few", "[features][real]") {
  const auto ratings = real_data("ml-100k/u.data");
  const auto items = real_data("ml-100k/u.item");
  if (ratings.empty() || items.empty()) return;
  const movies data(ratings, items);
  for (const double kept : {0.8, 0.1}) {
    random_stream random(1);
    const split_log split(data.events, [&](const interaction&) { return random.uniform() > kept; });
    const auto quality = [&](const factor_model& model) {
      return mean_ndcg(split.targets, [&](std::uint32_t u) {
        std::vector<scored_item> best(10);
        best.resize(model.top_n(model.user_factors(user_index{u}), best, split.given[u]));
        return best_of(best);
      });
    };
    const double without = quality(fit_ials(split.log(), movie_options));
    const double with = quality(fit_feature_ials(split.log(), {nullptr, &data.genres}, movie_options).factors());
    INFO("kept " << kept << ": NDCG@10 " << without << " without, " << with << " with genres");
    CHECK(with >= without);
  }
}
