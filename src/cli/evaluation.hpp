#pragma once
// A model judged on held-out users: what each is known to have, what it is to be asked for, and the measures.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "any_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

namespace tandem_cli {

/// The users to judge. Both matrices have the same users and the catalogue's items.
struct held_out {
  tandem::interactions known;    ///< what the model hears of them
  tandem::interactions targets;  ///< what it is to foresee
};

/// A measure and its mean over the judged users.
struct metric {
  std::string_view name;
  double value = 0;
};

/// How far predicted ratings, cut to the scale of training, lie from those that were given.
struct rating_errors {
  std::size_t targets = 0;
  double rmse = 0;  ///< root of the mean squared error
  double mae = 0;   ///< mean absolute error
};

/// What judging came to.
struct evaluation_result {
  std::array<metric, 7> metrics;
  std::size_t judged = 0;                ///< users
  std::size_t without_known = 0;         ///< users left out: nothing is known of them
  std::size_t without_target = 0;        ///< users left out: all of their targets are known already
  std::size_t known_targets = 0;         ///< (user, item) targets left out because they are known already
  std::optional<rating_errors> ratings;  ///< of a model that predicts them
  double cpu_seconds = 0;
};

/// Scores all items for what is known of each user, leaves those items out, and measures where the targets stand.
/// Targets count alike, whatever their weight; ties count at their expected place (evaluation/ranking.hpp). Recall
/// divides by min(k, targets), as Liang et al. 2018; coverage is over all items of the matrices. Ratings are compared
/// for all targets but those that are known, also of users of whom nothing is known.
/// The result is the same, bit for bit, for every executor. Errors: as score_history(); cancelled.
[[nodiscard]] evaluation_result judge(const any_model& model, const held_out& users, tandem::executor_ref executor,
                                      const tandem::progress& report);

}  // namespace tandem_cli
