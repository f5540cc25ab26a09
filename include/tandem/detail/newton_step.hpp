#pragma once
// One step of a weight that is learned online, down its own curvature.

#include <algorithm>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

// how far a step goes: its share of Newton's, and the curvature that a weight has before anything is known of it
struct step_size {
  float rate;
  float prior;
};

// known <- keep known + bend; weight -= rate gradient / (prior + known): a weight of which little is known moves far.
// keep forgets over about 10,000 steps.
inline void newton_step(float& weight, float& known, float gradient, float bend, step_size size) noexcept {
  constexpr float keep = 1 - 1e-4F;
  known = keep * known + std::max(0.0F, bend);
  weight -= size.rate * gradient / (size.prior + known);
}

}  // namespace detail
TANDEM_END
