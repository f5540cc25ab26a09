#pragma once
// How well a model predicts what users did after the training log ended: the judge of early stopping and tuning.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/history_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/evaluation/ranking.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of a validation.
struct validation_options {
  /// Places that count: NDCG@n. Range [1, 10000].
  std::size_t at = 100;
  /// Users judged at most, drawn by `seed`. Range [1, 2^32).
  std::size_t max_users = 5000;
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    detail::require(at >= 1 && at <= 10000, "validation.at", "[1, 10000]");
    detail::require(max_users >= 1 && max_users <= 0xFFFFFFFFU, "validation.max_users", "[1, 2^32)");
  }
};

/// Mean NDCG@n over users with held-out items: each is folded in from the items of training, which are then left out of
/// the ranking. Threads: immutable. Lifetime: refers to both logs, which must outlive it.
class validation {
 public:
  /// @param train     what the model is fitted on.
  /// @param held_out  of the same shape: what the same users did later (data/split.hpp). Items that a user already has
  ///                  in `train`, or dislikes, do not count.
  /// Errors: invalid_argument for an option, for logs of different shapes, or when no user has anything to judge.
  validation(const interactions& train, const interactions& held_out, const validation_options& options = {})
      : train_(train), options_(options) {
    options.validate();
    if (train.n_users() != held_out.n_users() || train.n_items() != held_out.n_items()) {
      throw error(errc::invalid_argument, "the held-out log has another shape than the training log",
                  {{}, 0, "held_out"}, "build both with the same numbers of users and items");
    }
    for (std::uint32_t u = 0; u < train.n_users(); ++u) {
      const auto had = train.items_of(user_index{u}).index;
      std::vector<item_index> targets;
      const auto then = held_out.items_of(user_index{u});
      for (std::size_t e = 0; e < then.size(); ++e) {
        if (then.weight[e] <= 0 || std::binary_search(had.begin(), had.end(), then.index[e])) continue;
        targets.push_back(item_index{then.index[e]});
      }
      if (!had.empty() && !targets.empty()) users_.push_back({user_index{u}, std::move(targets)});
    }
    if (users_.empty()) {
      throw error(errc::invalid_argument, "no user of the training log has a new item in the held-out log",
                  {{}, 0, "held_out"}, "hold out more of the log");
    }
    sample();
  }

  /// Users judged.
  [[nodiscard]] std::size_t n_users() const noexcept { return users_.size(); }

  /// Mean NDCG@n. Complexity: one score_history() and one pass over the items a user. Allocates: two floats an item for
  /// each task at work. The same bits for every executor. Errors: those of the model's score_history().
  template <history_model M>
  [[nodiscard]] double ndcg(const M& model, executor_ref executor = {}) const {
    constexpr std::size_t users_a_task = 16;
    std::vector<double> each(users_.size());
    executor.parallel_for((users_.size() + users_a_task - 1) / users_a_task, [&](std::size_t task) {
      std::vector<float> scores(model.n_items());
      std::vector<scored_item> best(options_.at);
      const std::size_t first = task * users_a_task;
      for (std::size_t u = first; u < std::min(users_.size(), first + users_a_task); ++u) {
        each[u] = judge(model, users_[u], scores, best);
      }
    });
    double sum = 0;
    for (const double x : each) sum += x;
    return sum / static_cast<double>(each.size());
  }

 private:
  struct judged_user {
    user_index user;
    std::vector<item_index> targets;
  };

  void sample() {
    if (users_.size() <= options_.max_users) return;
    random_stream random(options_.seed);
    for (std::size_t u = 0; u < options_.max_users; ++u) {
      std::swap(users_[u], users_[u + random.below(users_.size() - u)]);
    }
    users_.resize(options_.max_users);
  }

  template <history_model M>
  [[nodiscard]] double judge(const M& model, const judged_user& of, std::span<float> scores,
                             std::span<scored_item> best) const {
    const interactions::row row = train_.items_of(of.user);
    std::vector<item_index> had;
    had.reserve(row.size());
    for (const std::uint32_t i : row.index) had.push_back(item_index{i});
    model.score_history(had, row.weight, scores);
    best_items kept(best);
    kept.offer_all(item_index{0}, scores, had);
    std::vector<item_index> list;
    for (const scored_item& each : best.first(kept.finish())) list.push_back(each.item);
    return evaluation::ndcg_at(evaluation::ranks_in(list, of.targets), options_.at);
  }

  const interactions& train_;
  validation_options options_;
  std::vector<judged_user> users_;
};

}  // namespace batch
TANDEM_END
