#pragma once
// Folds over users: train on most of them, and see how well the others are foreseen from a part of what they took.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of user_folds().
struct user_fold_options {
  /// Range [1, 1000].
  std::size_t folds = 1;
  /// Of the users who have two items or more, held out over all folds together. Range (0, 1).
  double held_out_share = 0.1;
  /// Of the items of a user who is held out; at least one, and one is left. Range (0, 1). Liang et al. take .2.
  double target_share = 0.2;
  /// Which users, and which of their items.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    detail::require(folds >= 1 && folds <= 1000, "folds", "[1, 1000]");
    detail::require(held_out_share > 0 && held_out_share < 1, "held_out_share", "(0, 1)");
    detail::require(target_share > 0 && target_share < 1, "target_share", "(0, 1)");
  }
};

/// Strong generalisation (Marlin 2004): no user to judge is among those to train on. All three have the log's shape.
struct user_fold {
  interactions train;     ///< users to train on; the rows of the others are empty
  interactions known;     ///< of each other user, the part to fold in
  interactions held_out;  ///< and the part to foresee: batch::validation(known, held_out) judges
};

}  // namespace batch

namespace detail {

/// How many of a user's items are targets: at least one, and one is left.
[[nodiscard]] inline std::size_t targets_among(std::size_t n, double share) noexcept {
  const auto wanted = static_cast<std::size_t>(std::round(share * static_cast<double>(n)));
  return std::clamp<std::size_t>(wanted, 1, n - 1);
}

/// The fold that holds out the users of fold_of[u] == f.
[[nodiscard]] inline batch::user_fold hold_out(const interactions& log, const std::vector<std::size_t>& fold_of,
                                               std::size_t f, const batch::user_fold_options& options) {
  std::vector<interaction> train;
  std::vector<interaction> known;
  std::vector<interaction> targets;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const interactions::row row = log.items_of(user_index{u});
    std::vector<std::size_t> order(row.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::size_t n_targets = 0;
    if (fold_of[u] == f) {
      random_stream draw(mix64(options.seed), u);
      for (std::size_t e = order.size(); e > 1; --e) std::swap(order[e - 1], order[draw.below(e)]);
      n_targets = targets_among(row.size(), options.target_share);
    }
    for (std::size_t e = 0; e < order.size(); ++e) {
      auto& part = fold_of[u] != f ? train : e < n_targets ? targets : known;
      part.push_back({user_index{u}, item_index{row.index[order[e]]}, row.weight[order[e]], {}});
    }
  }
  const auto matrix = [&log](const std::vector<interaction>& events) {
    return interactions::from_events(events, log.n_users(), log.n_items(), merge_rule::sum,
                                     log.keeps_dislikes() ? dislike_rule::keep : dislike_rule::leave_out);
  };
  return {matrix(train), matrix(known), matrix(targets)};
}

}  // namespace detail

namespace batch {

/// Deals users out: each is held out in one fold at most, drawn by the seed; items of a user by (seed, user).
/// Complexity: O(entries) a fold, and sorting them. Allocates: the folds. Threads: pure.
/// Errors: invalid_argument for an option, or when the users with two items or more are fewer than the folds.
[[nodiscard]] inline std::vector<user_fold> user_folds(const interactions& log, const user_fold_options& options = {}) {
  options.validate();
  std::vector<std::uint32_t> users;
  std::size_t active = 0;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    active += log.items_of(user_index{u}).size() > 0 ? 1U : 0U;
    if (log.items_of(user_index{u}).size() > 1) users.push_back(u);
  }
  const auto held = static_cast<std::size_t>(options.held_out_share * static_cast<double>(users.size()));
  const std::size_t n_held = std::max(held, options.folds);
  if (n_held >= active || n_held > users.size()) {
    throw error(errc::invalid_argument,
                "the log has " + std::to_string(users.size()) + " users with two items or more, too few to hold out " +
                    std::to_string(n_held) + " and train on others",
                {{}, 0, "folds"}, "ask for fewer folds, or give a longer log");
  }
  random_stream random(options.seed);
  for (std::size_t u = 0; u < n_held; ++u) std::swap(users[u], users[u + random.below(users.size() - u)]);

  std::vector<std::size_t> fold_of(log.n_users(), options.folds);  // options.folds = in none
  for (std::size_t u = 0; u < n_held; ++u) fold_of[users[u]] = u * options.folds / n_held;
  std::vector<user_fold> out;
  for (std::size_t f = 0; f < options.folds; ++f) out.push_back(detail::hold_out(log, fold_of, f, options));
  return out;
}

}  // namespace batch
TANDEM_END
