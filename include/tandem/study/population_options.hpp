#pragma once
// Every assumption of the population simulator, one documented number each, with a name to set it by.
//
// Appeal is what drives everything: how much an item attracts somebody now, in logits of taking it when it is looked
// at. Where nothing is cited, a default is a guess at what is usual, made before any arm was run, and not tuned since;
// `take_base` alone was set afterwards, so that the batch arm takes a plausible share. docs/simulation.md says more.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace study {

/// Where a page is shown.
enum class channel : std::uint8_t { web, mobile, mail };

inline constexpr std::size_t n_channels = 3;

/// The channel's name, as hosts are told it.
[[nodiscard]] constexpr std::string_view name(channel c) noexcept {
  constexpr std::array<std::string_view, n_channels> names = {"web", "mobile", "mail"};
  return names[static_cast<std::size_t>(c)];
}

/// How people behave in one channel.
struct channel_habits {
  double share = 1;      ///< of all visits, relative to the other channels'. Range [0, 1e3]
  double attention = 1;  ///< place k = 1, 2, ... is looked at with probability k^-attention. Range [0, 10]
  double patience = 0;   ///< added to the logit of asking for one more page. Range [-20, 20]
  double max_pages = 1;  ///< of one visit. Range [1, 100]
};

/// The population and its catalogue. Days are days of simulated time; a "half-life" is the time in which an effect
/// halves.
struct population_options {
  // ---- size -----------------------------------------------------------------------------------------------------
  /// Of everything random in the population. Two arms with one seed meet the same people.
  std::uint64_t seed = 0;
  /// People who arrive, in all. Range [1, 1e7]. Small, so that 20 seeds take minutes.
  std::size_t users = 1000;
  /// Share of them who come in the first week, as to the launch of a product; the others at any time. Range [0, 1].
  double first_users = 0.3;
  /// How long it runs. Range [1, 10000]. Long enough to see 90-day retention of those of the first week.
  std::size_t days = 120;
  /// Days at the start whose pages and visits are not counted (retention counts everybody): all arms start knowing
  /// nothing, and the survey's systems did not. Range [0, 10000].
  std::size_t warm_up_days = 14;
  /// Items of a page. Range [1, 100].
  std::size_t page_size = 10;

  // ---- items ----------------------------------------------------------------------------------------------------
  /// On offer at any one time. Range [10, 1e6]. A shop or a feed of middling size.
  std::size_t items = 1000;
  /// Days an item stays on offer; new ones take the place of those that left. Range [1, 1e7]. Half a year: about six
  /// of 1,000 are replaced every night.
  double shelf_days = 180;
  /// Dimensions of taste. Range [2, 256]. Factor models of such sizes explain most logs.
  std::size_t dimensions = 16;
  /// Kinds of items. Range [1, 10000].
  std::size_t categories = 20;
  /// How much of an item's place in the space of taste (of its variance) is that of its category. Range [0, 1].
  double item_likeness = 0.6;
  /// Standard deviation of what makes an item attract everybody. Range [0, 10]. Less than that of taste.
  double quality_spread = 0.5;
  /// Added appeal on the day of the launch. Range [-10, 10]. News are worth more; negative where the known is liked.
  double novelty = 0.8;
  /// Half-life of that in days. Range [0.01, 1e7].
  double novelty_half_life_days = 7;
  /// Items that begin to trend each day, whatever their kind. Range [0, 1e4].
  double trends_a_day = 1;
  /// Their added appeal at the height, a day later. Range [-10, 10]. As much as taste gives a favourite kind.
  double trend_height = 2;
  /// Half-life of that in days. Range [0.01, 1e7].
  double trend_half_life_days = 3;

  // ---- taste ----------------------------------------------------------------------------------------------------
  /// Standard deviation, over items, of the appeal by lasting taste. Range [0, 20].
  double taste_strength = 1.2;
  /// How much of a person's taste (of its variance) is that of two categories; the rest is their own. Range [0, 1].
  double user_likeness = 0.6;
  /// Days until the likeness of taste to what it was has halved, by steady drift. Range [0.1, 1e7].
  double drift_half_life_days = 90;
  /// Mean days between sudden changes to a wholly new taste. Range [0.1, 1e7]. A new job, a child, another hobby.
  double sudden_change_days = 365;
  /// Standard deviation, over items, of the appeal by the mood of one visit: one category is wanted more, whatever the
  /// lasting taste. Range [0, 20]. Sessions have an intent of their own, weaker than taste.
  double mood_strength = 0.8;

  // ---- taking ---------------------------------------------------------------------------------------------------
  /// Logit of taking an item of appeal 0 that is looked at. Range [-20, 20]. The scale of all rates.
  double take_base = -3.8;
  /// Appeal that an item loses for somebody who has taken it before. Range [-20, 20].
  double repeat_penalty = 4;
  /// Probability that somebody takes, in a visit, an item they found by themselves (search, a friend). Range [0, 1].
  /// Systems learn from these too.
  double own_find = 0.3;
  /// Items they compare when they do; they take the one that attracts them most. Range [1, 10000].
  std::size_t own_breadth = 30;
  /// Place bias: web pages are looked through, small screens less, mails hardly; mobile feeds go on longest.
  std::array<channel_habits, n_channels> channels = {
      channel_habits{0.45, 0.6, 0, 10}, channel_habits{0.4, 0.8, 0.4, 15}, channel_habits{0.15, 1.0, 0, 1}};

  // ---- satisfaction: a running mean, over pages, of the mean appeal of the items looked at -----------------------
  /// Weight of the latest page. Range [0, 1]. The last ten pages or so are remembered.
  double satisfaction_rate = 0.1;
  /// Of a newcomer. Range [-20, 20]. A little goodwill: chance gives about 0.
  double first_satisfaction = 0.5;
  /// Logit of asking for one more page at satisfaction 0. Range [-20, 20]. Two to three pages a visit.
  double page_base = 0.2;
  /// Added for each unit of satisfaction. Range [-20, 20].
  double page_gain = 0.4;
  /// Mean days between visits at satisfaction 0. Range [0.05, 1e4]. One to three visits a week.
  double gap_days = 4;
  /// The logarithm of the gap falls by this for each unit of satisfaction. Range [-20, 20].
  double gap_gain = 0.3;
  /// Standard deviation, over people, of the logarithm of their usual gap. Range [0, 5].
  double habit_spread = 0.5;
  /// Probability a day of leaving for good at satisfaction 0. Range [0, 1]. Some 55 % are left after 30 days.
  double churn_a_day = 0.02;
  /// The logarithm of that rate falls by this for each unit of satisfaction. Range [-20, 20].
  double churn_gain = 0.5;
  /// Seconds a page takes to look through. Range [0.1, 3600].
  double page_seconds = 25;
  /// Seconds an item takes that is taken. Range [0, 3600].
  double item_seconds = 90;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Where an option's number is.
using option_place = std::variant<double*, std::size_t*>;

/// An option that can be set by name: "users", "web.attention".
struct population_field {
  std::string_view name;
  double low = 0, high = 0;  ///< its range
  option_place (*at)(population_options&) = nullptr;
};

/// All numbers of population_options but the seed, in their order.
[[nodiscard]] std::span<const population_field> population_fields() noexcept;

/// The value of a field.
[[nodiscard]] double get(const population_options& options, const population_field& field) noexcept;

/// Sets an option by name. Errors: not_found, listing the names there are; invalid_argument (range; no whole number
/// where one is asked for).
void set(population_options& options, std::string_view name, double value);

}  // namespace study
TANDEM_END

#include "tandem/study/detail/population_options_impl.hpp"
