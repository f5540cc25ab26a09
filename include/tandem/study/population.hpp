#pragma once
// A population that an arm can be shown to: people with tastes that move, and a catalogue that turns over.
//
// Common random numbers: every draw is a pure function of (seed, purpose, user, visit, and page and place or item). Two
// arms that show one item to one person in one state get one answer, and somebody who leaves in one arm shifts nobody
// else's draws. What a person does differs between arms only because they were shown something else before.
//
// With a for the appeal of an item to a person in a visit, s for satisfaction, k for the place on the page:
//   a = <taste_strength * taste + mood_strength * mood, item> sqrt(dimensions) + quality + novelty(age) + trend(day)
//       - repeat_penalty [taken before]
//   P(look at place k) = k^-attention          P(take | looked at) = 1 / (1 + exp(-(take_base + a)))
//   s <- s + satisfaction_rate (mean of a over the places looked at - s), after each page
//   P(one more page) = 1 / (1 + exp(-(page_base + patience + page_gain s)))
//   gap to the next visit ~ 3 hours, and exponential with mean gap_days * habit * exp(-gap_gain s)
//   P(left for good within the gap) = 1 - exp(-churn_a_day exp(-churn_gain s) * gap)
// taste, mood and item are vectors of length 1. Taste goes steadily from one that somebody might have to another, and
// so on: drift makes people no more alike. The answer to an item is drawn once a visit: shown twice in a visit it is
// taken twice or never.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/study/population_options.hpp"

TANDEM_BEGIN
namespace study {

/// An item of the catalogue. Days are whole: it is on offer on days [launch, end).
struct catalogue_item {
  std::uint32_t category = 0;
  double launch_day = 0;
  double end_day = 0;
  double quality = 0;
  std::vector<double> trends;  ///< days on which it began to trend, ascending
};

/// One person and where they are. A value: copy it to try something out.
struct visitor {
  std::uint32_t user = 0;
  double arrival_day = 0;
  double habit = 1;              ///< their usual gap between visits, relative to others'
  std::uint32_t visit = 0;       ///< of this person, from 1; 0 = none yet
  std::uint32_t page = 0;        ///< of this visit, from 0
  channel where = channel::web;  ///< of this visit
  double satisfaction = 0;
  std::vector<float> taste;         ///< length 1
  std::int64_t taste_day = 0;       ///< the day it is of
  double head_start = 0;            ///< how far they were on the way between two tastes on day 0, in [0, 1)
  std::uint32_t life = 0;           ///< sudden changes of taste so far
  std::vector<float> wish;          ///< of this visit: taste and mood, as strong as they are
  std::vector<std::uint32_t> took;  ///< all items taken so far, ascending
};

/// The world. It does not change once made; visitors do.
///
/// Threads: thread-safe (all members are const). Memory: items * dimensions floats.
class population {
 public:
  /// Errors: invalid_argument as population_options::validate().
  explicit population(const population_options& options);

  [[nodiscard]] const population_options& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t n_users() const noexcept { return options_.users; }
  /// All items that are ever on offer while it runs: about items * (1 + days / shelf_days).
  [[nodiscard]] const std::vector<catalogue_item>& items() const noexcept { return items_; }
  /// An item's place in the space of taste; length 1.
  [[nodiscard]] std::span<const float> place(std::uint32_t item) const noexcept {
    return std::span(places_).subspan(item * options_.dimensions, options_.dimensions);
  }

  /// A person as they arrive.
  [[nodiscard]] visitor meet(std::uint32_t user) const;
  /// Begins their next visit: taste moves on to this day, a mood and a channel are drawn.
  void begin_visit(visitor& who, double day) const;
  /// How much an item attracts them in this visit. Complexity: O(dimensions).
  [[nodiscard]] double appeal(const visitor& who, std::uint32_t item, double day) const noexcept;
  /// They look at a page: `taken` are the items they take, in order; their satisfaction moves, and the page counts.
  void look(visitor& who, std::span<const std::uint32_t> page, double day, std::vector<std::uint32_t>& taken) const;
  /// What they find by themselves in this visit and take, if anything: `found` has at most one item of `on_offer`.
  void find_alone(visitor& who, std::span<const std::uint32_t> on_offer, double day,
                  std::vector<std::uint32_t>& found) const;
  /// Whether they ask for another page of this visit.
  [[nodiscard]] bool wants_another_page(const visitor& who) const noexcept;
  /// The day of their next visit, counted from one that began on `day`; infinity when they have left for good.
  [[nodiscard]] double next_visit(const visitor& who, double day) const noexcept;
  /// The probability of looking at place `k` (from 0) of a page in a channel.
  [[nodiscard]] double attention(channel where, std::size_t k) const noexcept;

 private:
  void make_items();
  void make_trends();
  [[nodiscard]] std::vector<float> draw_taste(random_stream& random) const;
  [[nodiscard]] std::vector<float> taste_at(const visitor& who, double day) const;
  void move_taste(visitor& who, std::int64_t day) const;

  population_options options_;
  std::vector<std::vector<float>> centres_;  // of the categories
  std::vector<catalogue_item> items_;
  std::vector<float> places_;  // items x dimensions
};

}  // namespace study
TANDEM_END

#include "tandem/study/detail/population_impl.hpp"
