#pragma once
// Was it seen at all? Click models part the place of an item from its worth, so that what nobody looked at teaches
// nothing.
//
//   position_bias_model  P(click) = examined(place) * attraction(item): pages, grids
//   cascade_model        read from the top until the first click: lists of answers
//   swap_bias            examined(place) by experiment, without a model of the items
//
// What they give a learner is a weight: bandit.learn(arm, clicked, model.examined(...)).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a position_bias_model.
struct position_bias_options {
  /// Places of a page. Range [1, 10000].
  std::size_t places = 10;
  /// What is believed of an unseen item: so many examinations, with this rate of clicks. Ranges (0, 1e6], (0, 1).
  double prior_examinations = 5;
  double prior_attraction = 0.1;
  /// Step sizes n^-decay of the statistics: 1 averages all alike, less forgets what was learned from the first, wrong
  /// weights. Range (0.5, 1].
  double decay = 0.7;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(places >= 1 && places <= 10000, "places", "give a number in [1, 10000]");
    tandem::detail::require_or(prior_examinations > 0 && prior_examinations <= 1e6, "prior_examinations",
                               "give a number in (0, 1e6]");
    tandem::detail::require_or(prior_attraction > 0 && prior_attraction < 1, "prior_attraction",
                               "give a number in (0, 1)");
    tandem::detail::require_or(decay > 0.5 && decay <= 1, "decay", "give a number in (0.5, 1]");
  }
};

/// The position-based model, learned one impression at a time.
///
///   P(click) = t_k g_i     t_k: place k is examined, t_0 = 1     g_i: item i is clicked once examined
///   no click: P(examined) = t_k (1 - g_i) / (1 - t_k g_i), and t_k, g_i move towards the ratios of expected counts
///
/// Identified up to a factor, so the first place is said to be always examined: t_k is relative to it. It needs items
/// that appear at several places; a ranking that never changes cannot tell the two apart (explore, or swap_bias).
/// Threads: thread-compatible. Allocates: when items grow.
/// Sources: Richardson et al. 2007; regression EM: Wang et al., WSDM 2018; online EM: Cappe and Moulines 2009.
class position_bias_model {
 public:
  /// Errors: invalid_argument as position_bias_options::validate().
  explicit position_bias_model(const position_bias_options& options = {}) : options_(options) {
    options.validate();
    places_.resize(options.places);
    // 1 / (1 + k): wrong by less than a constant, on every page that was ever measured
    for (std::size_t k = 0; k < places_.size(); ++k) places_[k].ratio = 1 / (1 + static_cast<double>(k));
  }

  /// Learns one impression. Returns false, and changes nothing, for a place beyond the page or an item beyond 2^26.
  /// Complexity: O(1).
  bool add(std::size_t place, item_index item, bool clicked) {
    if (place >= places_.size() || slot(item) >= max_items) return false;
    if (slot(item) >= items_.size()) items_.resize(slot(item) + 1, statistic{0, 0, options_.prior_attraction});
    const double seen = examined(place, item, clicked);
    if (place > 0) move(places_[place], 1, seen, 100);
    move(items_[slot(item)], seen, clicked ? 1.0 : 0.0, options_.prior_examinations);
    return true;
  }

  /// P(place is examined), relative to the first place; 0 beyond the page.
  [[nodiscard]] double examination(std::size_t place) const noexcept {
    return place < places_.size() ? std::clamp(places_[place].ratio, least, 1.0) : 0.0;
  }
  /// P(click once examined); the prior's for an item never seen.
  [[nodiscard]] double attraction(item_index item) const noexcept {
    return slot(item) < items_.size() ? std::clamp(items_[slot(item)].ratio, least, 1 - least)
                                      : options_.prior_attraction;
  }
  /// P(it was examined, given what happened): the weight with which to learn. 1 after a click; 0 beyond the page.
  [[nodiscard]] double examined(std::size_t place, item_index item, bool clicked) const noexcept {
    if (place >= places_.size()) return 0;
    if (clicked) return 1;
    const double t = examination(place);
    const double g = attraction(item);
    return t * (1 - g) / (1 - t * g);
  }

 private:
  static constexpr double least = 1e-4;
  static constexpr std::size_t max_items = std::size_t{1} << 26U;
  struct statistic {
    double n = 0;       // updates
    double weight = 0;  // average of what the ratio divides by
    double ratio = 0;
  };

  // ratio = average of b / average of a, both with steps (n + prior)^-decay, and a prior that fades as 1 / n
  void move(statistic& s, double a, double b, double prior) const noexcept {
    if (s.n <= 0) s.weight = a;
    s.n += 1;
    const double step = std::pow(s.n + prior, -options_.decay);
    const double top = (1 - step) * s.ratio * s.weight + step * b;
    s.weight = (1 - step) * s.weight + step * a;
    s.ratio = s.weight > 0 ? top / s.weight : s.ratio;
  }

  position_bias_options options_;
  std::vector<statistic> places_;
  std::vector<statistic> items_;
};

/// Examination by swap interventions: for some requests, the item meant for the first place and the one meant for place
/// k change places, by a fair coin. Shown in both places alike, the same items' clicks differ by examination only:
///
///   examination(k) / examination(0) = click rate at k / click rate at 0, over the items of these pairs
///
/// Threads: thread-compatible. Allocates: at construction.
/// Source: Joachims, Swaminathan, Schnabel, WSDM 2017, 4.1 (swap with landmark rank 1).
class swap_bias {
 public:
  /// @param places  of a page, in [1, 10000]. Errors: invalid_argument.
  explicit swap_bias(std::size_t places) {
    tandem::detail::require_or(places >= 1 && places <= 10000, "places", "give a number in [1, 10000]");
    pairs_.resize(places);
  }

  /// An item of a pair (0, k): was it shown at k, or at the first place, and was it clicked there? Only requests in
  /// which the coin was tossed for this pair, both outcomes. Returns false for k outside [1, places).
  bool add(std::size_t k, bool at_k, bool clicked) noexcept {
    if (k < 1 || k >= pairs_.size()) return false;
    side& s = at_k ? pairs_[k].there : pairs_[k].first;
    s.shown += 1;
    s.clicks += clicked ? 1 : 0;
    return true;
  }

  /// examination(k) / examination(0): 1 for k = 0; empty without a click at the first place of the pair.
  [[nodiscard]] std::optional<double> examination(std::size_t k) const noexcept {
    if (k == 0) return 1.0;
    if (k >= pairs_.size() || pairs_[k].first.clicks <= 0 || pairs_[k].there.shown <= 0) return std::nullopt;
    return pairs_[k].there.rate() / pairs_[k].first.rate();
  }
  /// The standard error of its logarithm (delta method); infinite without a click on either side.
  [[nodiscard]] double log_standard_error(std::size_t k) const noexcept {
    if (k == 0) return 0;
    if (k >= pairs_.size() || pairs_[k].first.clicks <= 0 || pairs_[k].there.clicks <= 0) {
      return std::numeric_limits<double>::infinity();
    }
    const auto relative = [](const side& s) { return (1 - s.rate()) / s.clicks; };
    return std::sqrt(relative(pairs_[k].first) + relative(pairs_[k].there));
  }

 private:
  struct side {
    double shown = 0;
    double clicks = 0;
    [[nodiscard]] double rate() const noexcept { return clicks / shown; }
  };
  struct pair {
    side first, there;
  };
  std::vector<pair> pairs_;
};

/// The cascade: the user reads from the top and stops at the first click; without one, has read all.
///
///   attraction(i) = (clicks + a) / (examinations + n)     examined(k) = product over j < k of (1 - attraction(j))
///
/// Threads: thread-compatible. Allocates: when items grow. Source: Craswell, Zoeter, Taylor, Ramsey, WSDM 2008.
class cascade_model {
 public:
  /// @param prior_examinations, prior_attraction  as in position_bias_options. Errors: invalid_argument.
  explicit cascade_model(double prior_examinations = 5, double prior_attraction = 0.1)
      : prior_n_(prior_examinations), prior_(prior_attraction) {
    position_bias_options{.prior_examinations = prior_examinations, .prior_attraction = prior_attraction}.validate();
  }

  /// Learns one slate, top first. @param click  the first place clicked; slate.size() = none. Returns false, and
  /// changes nothing, for a place beyond it or an item beyond 2^26. Complexity: O(places read).
  bool add(std::span<const item_index> slate, std::size_t click) {
    if (click > slate.size()) return false;
    std::size_t needed = items_.size();
    for (const item_index item : slate) {
      if (slot(item) >= (std::size_t{1} << 26U)) return false;
      needed = std::max(needed, slot(item) + 1);
    }
    items_.resize(needed);
    for (std::size_t k = 0; k < slate.size() && k <= click; ++k) {
      items_[slot(slate[k])].examinations += 1;
      items_[slot(slate[k])].clicks += k == click ? 1 : 0;
    }
    return true;
  }

  /// P(click once examined); the prior's for an item never seen.
  [[nodiscard]] double attraction(item_index item) const noexcept {
    const counts c = slot(item) < items_.size() ? items_[slot(item)] : counts{};
    return (c.clicks + prior_n_ * prior_) / (c.examinations + prior_n_);
  }
  /// out[k] = P(place k of the slate is read). @param out  as long as slate; overwritten.
  void examination(std::span<const item_index> slate, std::span<double> out) const noexcept {
    TANDEM_ASSERT(out.size() == slate.size());
    double read = 1;
    for (std::size_t k = 0; k < slate.size(); ++k) {
      out[k] = read;
      read *= 1 - attraction(slate[k]);
    }
  }
  /// The weight with which to learn from place k when the first click was at `click` (the slate's size = none): 1 for
  /// what was read, 0 for what came after.
  [[nodiscard]] static double examined(std::size_t k, std::size_t click) noexcept { return k <= click ? 1.0 : 0.0; }

 private:
  struct counts {
    double examinations = 0;
    double clicks = 0;
  };
  double prior_n_;
  double prior_;
  std::vector<counts> items_;
};

}  // namespace online
TANDEM_END
