#pragma once
// The posteriors of many arms over one context, side by side, so that one pass tells what every arm is expected to pay.
//
// Sixteen arms share a panel and a vector register; x' A^-1 x of all of them is one walk over packed triangles.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/aligned_buffer.hpp"
#include "tandem/detail/arm_population.hpp"
#include "tandem/detail/random_effects.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/ud_gaussian.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_posterior.hpp"

TANDEM_BEGIN
namespace online {

/// The most features with which linear_arms learn their prior: one step of that is O(d^3).
inline constexpr std::size_t max_population_dimension = 256;

/// Options of linear_arms.
struct linear_arms_options {
  /// Length of a context vector; put a constant 1 in it unless rewards are centred. Range [1, 65536].
  std::size_t dimension = 1;
  /// See linear_options.
  float regularization = 1;
  /// Variance of one reward around its mean, or 0: learned from how far rewards fell from what was expected, for all
  /// arms together. Then uncertainty has the scale of the rewards. Range [0, 1e12].
  float noise_variance = 1;
  /// Each observation of an arm fades its older ones by this factor: 1 = never forget, 0.995 = about 200 count.
  /// Range [1e-6, 1].
  float discount = 1;
  /// Learn from all arms how arms are: the mean and the covariance of their coefficients become the prior of each
  /// (empirical Bayes, detail/arm_population.hpp). An arm little is known of is then expected to be like the others, in
  /// whatever they are alike, and regularization only says what is expected before. For at most
  /// max_population_dimension features.
  bool learn_prior = false;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    linear_options{dimension, regularization}.validate();
    tandem::detail::require_or(noise_variance >= 0 && noise_variance <= 1e12F, "noise_variance",
                               "give a number in [0, 1e12]; 0 = learned");
    tandem::detail::require_or(discount >= 1e-6F && discount <= 1, "discount", "give a number in [1e-6, 1]");
    tandem::detail::require_or(!learn_prior || dimension <= max_population_dimension, "learn_prior",
                               "give at most 256 features, or learn none");
  }
};

/// What an arm was expected to pay before it was learned what it did.
struct prediction_error {
  float error = 0;   ///< reward - expected
  float spread = 0;  ///< x' A^-1 x: the error has variance noise_variance * (spread + 1 / weight)
};

/// A linear_posterior an arm, that share nothing but the noise (Li et al., WWW 2010, algorithm 1, keeps the same) and,
/// with learn_prior, what arms are like.
///
/// Threads: thread-compatible; a copy is a value. Memory: 2 d (d + 5) bytes an arm, with learn_prior 6 d (d + 4), for a
/// multiple of 16 arms, half as much again while they grow. Allocates: when arms are added, else nothing.
class linear_arms {
 public:
  /// What predict() writes to on its way: one a thread, of any life. Allocates: when the number of arms grows.
  struct scratch {
    std::vector<float> mean, spread;
  };

  /// Errors: invalid_argument as linear_arms_options::validate().
  explicit linear_arms(const linear_arms_options& options)
      : options_((options.validate(), options)),
        prior_(std::make_shared<const linear_prior>(options.dimension, options.regularization)) {
    if (options.learn_prior) {
      population_ = tandem::detail::arm_population(options.dimension, double{options.regularization});
    }
  }

  /// Adds an arm that knows nothing, or only what arms are like. Handles are never used twice. Errors: std::bad_alloc,
  /// and no arm was added.
  arm_index add();
  /// Adds an arm that starts from what is known, and keeps to that: it neither learns its prior from the others nor
  /// teaches them. Errors: invalid_argument when its dimension is another one.
  arm_index add(const linear_posterior& known);
  /// Makes room, so that the next `n` calls of add() allocate nothing. Errors: std::bad_alloc, and nothing changed.
  void reserve(std::size_t n);
  /// Returns false when there is no such arm. Complexity: O(arms + d^2).
  bool remove(arm_index arm) noexcept;

  /// The arms, in the order of every span.
  [[nodiscard]] std::span<const arm_index> handles() const noexcept { return arms_.handles(); }
  [[nodiscard]] std::size_t size() const noexcept { return arms_.size(); }
  [[nodiscard]] std::size_t dimension() const noexcept { return options_.dimension; }
  [[nodiscard]] const linear_arms_options& options() const noexcept { return options_; }
  /// Variance of one reward around its mean: given, or learned so far (1 before the first reward).
  [[nodiscard]] float noise_variance() const noexcept {
    if (options_.noise_variance > 0) return options_.noise_variance;
    return observed_ > 0 ? static_cast<float>(std::clamp(squares_ / observed_, 1e-30, 1e12)) : 1.0F;
  }
  /// What is known of an arm, alone: a copy; nothing when there is no such arm. Complexity: O(d^2). Allocates.
  [[nodiscard]] std::optional<linear_posterior> posterior(arm_index arm) const;

  /// An arm that was never played, as the others make it likely: for each coefficient the mean over arms and the
  /// variance between them, by DerSimonian and Laird (1986) from what each arm's rewards say beside its prior, or the
  /// prior of the options while fewer than three arms have learned as much as it said. Coefficients as independent of
  /// each other. With learn_prior the prior that was learned, which is what add() starts from. For add(). Complexity:
  /// O(arms * d^2). Allocates.
  [[nodiscard]] linear_posterior group_prior() const;

  /// What every arm is expected to pay. @param x  length d.   @param out  as long as handles(); overwritten.
  /// Not finite where x is not, or has another length. Complexity: O(arms * d^2). Allocates: when `memory` has not seen
  /// as many arms.
  void predict(std::span<const float> x, scratch& memory, std::span<estimate> out) const;

  /// Learns what an arm paid at x, `weight` times; may come late and in any order; a negative weight takes back.
  /// Returns nothing, and changes nothing, when there is no such arm, x has another length or
  /// linear_posterior::update() would refuse. Complexity: O(d^2) without discount; O(d^3) in one call of d / 4 with
  /// learn_prior.
  std::optional<prediction_error> update(arm_index arm, std::span<const float> x, float reward,
                                         float weight = 1) noexcept;
  /// As linear_posterior::revise(). Returns false when there is no such arm, too.
  bool revise(arm_index arm, std::span<const float> x, float change, float weight = 1) noexcept;
  /// Forgets what one arm has learned, down to gamma of it: see linear_posterior::discount(). False without such an
  /// arm.
  bool discount(arm_index arm, float gamma) noexcept;

 private:
  struct place {
    std::size_t lane = 0;  // of all panels
    std::shared_ptr<const linear_prior> prior;
    std::size_t next = 0;  // the prior direction to give back next
    bool member = false;   // of the population: its prior is learned
  };

  [[nodiscard]] std::size_t panel_size() const noexcept {
    return tandem::detail::ud_lanes * tandem::detail::ud_column(options_.dimension);
  }
  void vacate(std::size_t lane) noexcept { vacant_[n_vacant_++] = lane; }
  [[nodiscard]] std::size_t n_panels() const noexcept { return lanes_ / tandem::detail::ud_lanes; }
  float* panel(std::size_t lane) noexcept { return panels_.data() + lane / tandem::detail::ud_lanes * panel_size(); }
  void write(std::size_t lane, std::span<const float> state) noexcept;
  void grow(std::size_t n_more);
  float* kept(std::size_t lane) noexcept { return kept_.data() + lane * options_.dimension; }
  arm_index put(place at, std::span<const float> state);
  [[nodiscard]] float* gaussian(const place& at) noexcept {
    return panel(at.lane) + at.lane % tandem::detail::ud_lanes;
  }
  [[nodiscard]] linear_prior learned_prior() const;
  void fade(place& at, float gamma) noexcept;
  void fade_member(const place& at, float gamma) noexcept;
  void learn_prior() noexcept;
  [[nodiscard]] float* work() noexcept { return work_.data(); }
  [[nodiscard]] float* direction() noexcept { return work_.data() + 3 * tandem::detail::ud_lanes * options_.dimension; }

  linear_arms_options options_;
  std::shared_ptr<const linear_prior> prior_;
  arm_table<place> arms_;
  std::vector<std::size_t> vacant_;  // as long as there are lanes; the first n_vacant_ are without an arm
  std::size_t n_vacant_ = 0;
  std::size_t lanes_ = 0;
  tandem::detail::aligned_buffer<float> panels_;
  std::vector<float> kept_;  // weight left of each direction of each lane's prior
  std::vector<float> work_ = std::vector<float>((3 * tandem::detail::ud_lanes + 1) * options_.dimension);
  tandem::detail::arm_population population_;  // of the lanes
  std::size_t visited_ = 0;                    // arms of this round through the population
  std::size_t since_visit_ = 0;                // updates
  double squares_ = 0, observed_ = 0;          // of errors over their own standard deviation without noise
};

inline void linear_arms::write(std::size_t lane, std::span<const float> state) noexcept {
  float* const to = panel(lane) + lane % tandem::detail::ud_lanes;
  for (std::size_t e = 0; e < state.size(); ++e) to[e * tandem::detail::ud_lanes] = state[e];
}

// all that can throw comes first
inline void linear_arms::grow(std::size_t n_more) {
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  const std::size_t old = n_panels() * panel_size();
  const std::size_t wanted = n_panels() + n_more;
  kept_.reserve(wanted * lanes * options_.dimension);
  vacant_.reserve(wanted * lanes);
  if (options_.learn_prior) population_.reserve(wanted * lanes);
  if (panels_.bytes() < wanted * panel_size() * sizeof(float)) {  // by halves, so that many arms cost no square
    tandem::detail::aligned_buffer<float> larger((wanted + wanted / 2) * panel_size());
    std::copy_n(panels_.data(), old, larger.data());
    panels_ = std::move(larger);
  }
  kept_.resize(wanted * lanes * options_.dimension);
  vacant_.resize(wanted * lanes);
  if (options_.learn_prior) population_.resize(wanted * lanes);
  for (std::size_t l = n_more * lanes; l-- > 0;) vacate(lanes_ + l);
  lanes_ = wanted * lanes;
}

inline void linear_arms::reserve(std::size_t n) {
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  arms_.reserve(arms_.size() + n);
  if (n_vacant_ < n) grow((n - n_vacant_ + lanes - 1) / lanes);
}

inline arm_index linear_arms::add(const linear_posterior& known) {
  if (known.dimension() != options_.dimension) {
    throw error(errc::invalid_argument, "the prior has dimension " + std::to_string(known.dimension()),
                {"", 0, "prior"}, "give one of dimension " + std::to_string(options_.dimension));
  }
  reserve(1);
  const std::size_t lane = vacant_[n_vacant_ - 1];
  std::copy(known.memory_.end() - static_cast<std::ptrdiff_t>(options_.dimension), known.memory_.end(), kept(lane));
  return put({lane, known.prior(), known.next_},
             std::span(known.memory_).first(tandem::detail::ud_column(options_.dimension)));
}

inline arm_index linear_arms::add() {
  reserve(1);
  const place at{vacant_[n_vacant_ - 1], prior_, 0, options_.learn_prior};
  std::fill_n(kept(at.lane), options_.dimension, 1.0F);
  const arm_index out = put(at, prior_->state());
  if (at.member) {
    population_.clear(at.lane);
    population_.write(at.lane, gaussian(at));
  }
  return out;
}

// in the lane that is vacant next, room for which was made
inline arm_index linear_arms::put(place at, std::span<const float> state) {
  write(at.lane, state);
  --n_vacant_;
  return arms_.add(std::move(at));
}

inline bool linear_arms::remove(arm_index arm) noexcept {
  const place* const at = arms_.find(arm);
  if (at == nullptr) return false;
  write(at->lane, prior_->state());
  vacate(at->lane);
  return arms_.remove(arm);
}

inline std::optional<linear_posterior> linear_arms::posterior(arm_index arm) const {
  const place* const at = arms_.find(arm);
  if (at == nullptr) return std::nullopt;
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  linear_posterior out(at->member ? std::make_shared<const linear_prior>(learned_prior()) : at->prior,
                       noise_variance());
  const std::size_t n = tandem::detail::ud_column(options_.dimension);
  const float* const from = panels_.data() + at->lane / lanes * panel_size() + at->lane % lanes;
  for (std::size_t e = 0; e < n; ++e) out.memory_[e] = from[e * lanes];
  const float* const kept = kept_.data() + at->lane * options_.dimension;
  std::copy_n(kept, options_.dimension, out.memory_.end() - static_cast<std::ptrdiff_t>(options_.dimension));
  if (at->member) {
    std::fill(out.memory_.end() - static_cast<std::ptrdiff_t>(options_.dimension), out.memory_.end(),
              static_cast<float>(population_.kept(at->lane)));
  }
  out.next_ = at->next;
  return out;
}

inline linear_prior linear_arms::learned_prior() const {
  const std::size_t d = options_.dimension;
  std::vector<float> mean(d);
  std::vector<float> precision(d * d);
  const double* from = population_.precision().data();
  for (std::size_t i = 0; i < d; ++i) {
    mean[i] = static_cast<float>(population_.mean()[i]);
    for (std::size_t j = 0; j <= i; ++j) precision[i * d + j] = static_cast<float>(*from++);
  }
  return {mean, precision};
}

inline linear_posterior linear_arms::group_prior() const {
  if (options_.learn_prior) return linear_posterior(std::make_shared<const linear_prior>(learned_prior()));
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  const std::size_t d = options_.dimension;
  const double noise = double{noise_variance()};
  const double before = noise / double{options_.regularization};
  std::vector<tandem::detail::random_effects> groups(d);
  std::vector<double> variance(d);
  for (const place& at : arms_.values()) {
    const float* const memory = panels_.data() + at.lane / lanes * panel_size() + at.lane % lanes;
    const auto element = [&](std::size_t e) { return double{memory[e * lanes]}; };
    std::fill(variance.begin(), variance.end(), 0.0);
    for (std::size_t j = 0; j < d; ++j) {
      const std::size_t column = tandem::detail::ud_column(j);
      variance[j] += element(column + 1);
      for (std::size_t i = 0; i < j; ++i)
        variance[i] += element(column + 1) * element(column + 2 + i) * element(column + 2 + i);
    }
    for (std::size_t j = 0; j < d; ++j) {
      const double known = 1 / (noise * variance[j]) - 1 / before;  // what the rewards add to the prior's precision
      if (known * before < 1) continue;
      groups[j].add(element(tandem::detail::ud_column(j)) / (noise * variance[j] * known), 1 / known);
    }
  }
  std::vector<float> mean(d);
  std::vector<float> precision(d * d);
  for (std::size_t j = 0; j < d; ++j) {
    const auto likely = groups[j].next({0, before});
    mean[j] = static_cast<float>(likely.mean);
    precision[j * d + j] = static_cast<float>(std::clamp(noise / likely.variance, 1e-10, 1e12));
  }
  return linear_posterior(std::make_shared<const linear_prior>(mean, precision));
}

inline void linear_arms::predict(std::span<const float> x, scratch& memory, std::span<estimate> out) const {
  TANDEM_ASSERT(out.size() == size());
  if (x.size() != options_.dimension) {
    constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
    return std::fill(out.begin(), out.end(), estimate{unknown, unknown});
  }
  memory.mean.resize(lanes_);
  memory.spread.resize(lanes_);
  kernels().predict_panels(x.data(), panels_.data(), n_panels(), options_.dimension, memory.mean.data(),
                           memory.spread.data());
  const float noise = noise_variance();
  const std::span<const place> places = arms_.values();
  for (std::size_t a = 0; a < places.size(); ++a) {
    const std::size_t lane = places[a].lane;
    out[a] = {memory.mean[lane], noise * memory.spread[lane]};
  }
}

inline std::optional<prediction_error> linear_arms::update(arm_index arm, std::span<const float> x, float reward,
                                                           float weight) noexcept {
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  place* const at = arms_.find(arm);
  if (at == nullptr || x.size() != options_.dimension) return std::nullopt;
  float before[2];
  if (!kernels().update_panel(panel(at->lane), options_.dimension, at->lane % lanes, x.data(), reward, weight, work(),
                              before)) {
    return std::nullopt;
  }
  const prediction_error out{reward - before[0], before[1]};
  if (options_.noise_variance == 0 && weight > 0) {
    const double kept = options_.discount;
    squares_ = kept * squares_ + double{out.error} * out.error * weight / (1 + double{weight} * out.spread);
    observed_ = kept * observed_ + 1;
  }
  if (at->member) population_.observe(at->lane, x.data(), double{reward}, double{weight});
  if (options_.discount < 1) fade(*at, options_.discount);
  if (options_.learn_prior) learn_prior();
  return out;
}

// one arm at a time is written anew and counted; when all have been, the prior is what they say
inline void linear_arms::learn_prior() noexcept {
  if (++since_visit_ < options_.dimension / 4) return;
  since_visit_ = 0;
  if (visited_ >= arms_.size()) {
    population_.conclude(double{noise_variance()});
    visited_ = 0;
  }
  const place& at = arms_.values()[visited_++];
  if (!at.member) return;
  population_.write(at.lane, gaussian(at));
  population_.count(double{noise_variance()});
}

inline bool linear_arms::revise(arm_index arm, std::span<const float> x, float change, float weight) noexcept {
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  place* const at = arms_.find(arm);
  if (at == nullptr || x.size() != options_.dimension) return false;
  const float amount = weight * change;
  if (!tandem::detail::ud_revise<lanes>(gaussian(*at), options_.dimension, x.data(), amount, work())) return false;
  if (at->member) population_.revise(at->lane, x.data(), double{amount});
  return true;
}

inline bool linear_arms::discount(arm_index arm, float gamma) noexcept {
  TANDEM_ASSERT(gamma >= 0 && gamma <= 1);
  place* const at = arms_.find(arm);
  if (at == nullptr) return false;
  if (gamma >= 1e-6F) {
    fade(*at, gamma);
  } else if (at->member) {
    population_.clear(at->lane);
    population_.write(at->lane, gaussian(*at));
  } else {
    write(at->lane, at->prior->state());
    std::fill_n(kept(at->lane), options_.dimension, 1.0F);
    at->next = 0;
  }
  return true;
}

// the prior is given back at once when a tenth of it is gone
inline void linear_arms::fade_member(const place& at, float gamma) noexcept {
  population_.fade(at.lane, double{gamma});
  if (population_.kept(at.lane) < 0.9) return population_.write(at.lane, gaussian(at));
  float* const memory = gaussian(at);
  for (std::size_t j = 0; j < options_.dimension; ++j) {
    memory[(tandem::detail::ud_column(j) + 1) * tandem::detail::ud_lanes] /= gamma;
  }
}

inline void linear_arms::fade(place& at, float gamma) noexcept {
  if (at.member) return fade_member(at, gamma);
  constexpr std::size_t lanes = tandem::detail::ud_lanes;
  float before[2];
  detail::ud_discount<lanes>(gaussian(at), gamma, *at.prior, kept(at.lane), at.next, direction(),
                             [&](const float* x, float reward, float weight) {
                               return kernels().update_panel(panel(at.lane), options_.dimension, at.lane % lanes, x,
                                                             reward, weight, work(), before);
                             });
}

}  // namespace online
TANDEM_END
