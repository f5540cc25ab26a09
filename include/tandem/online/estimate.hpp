#pragma once
// What a learner knows of a candidate: an expected reward and how uncertain it is.

#include <cmath>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace online {

/// The posterior of a candidate's expected reward: its mean and the variance *of that mean*, not of single rewards.
struct estimate {
  float mean = 0;
  float variance = 0;  ///< >= 0; 0 = known exactly

  /// False when either is NaN or infinite. A policy gives such a candidate nothing while another is finite.
  [[nodiscard]] bool finite() const noexcept { return std::isfinite(mean) && std::isfinite(variance); }
  /// Standard deviation of the mean; a negative variance counts as 0.
  [[nodiscard]] double sd() const noexcept { return variance > 0 ? std::sqrt(static_cast<double>(variance)) : 0.0; }
};

/// What an arm with rewards in [0, 1] has earned: the parameters of a Beta posterior, both > 0.
struct beta_counts {
  double alpha = 1;  ///< prior + rewards
  double beta = 1;   ///< prior + (1 - reward) over all plays

  [[nodiscard]] double mean() const noexcept { return alpha / (alpha + beta); }
};

}  // namespace online
TANDEM_END
