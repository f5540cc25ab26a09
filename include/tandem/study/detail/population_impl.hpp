#pragma once
// Implementation of study/population.hpp: what is drawn, and from which stream.

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>
#include <numeric>

#include "tandem/study/population.hpp"

TANDEM_BEGIN
namespace study {

namespace detail {

/// What a number is drawn for: no two purposes share a stream.
enum class purpose : std::uint64_t {
  centre = 1,
  item,
  trend,
  arrival,
  taste,
  drift,
  mood,
  look,
  take,
  find,
  more,
  gap,
  churn,
  chance  // of the recommender that shows anything
};

/// The stream of one draw.
inline random_stream draw(std::uint64_t seed, purpose why, std::initializer_list<std::uint64_t> key) noexcept {
  std::uint64_t stream = static_cast<std::uint64_t>(why);
  for (const std::uint64_t part : key) stream = mix64(stream) + part;
  return random_stream(seed, mix64(stream));
}

inline double logistic_probability(double logit) noexcept { return 1 / (1 + std::exp(-logit)); }

inline void normalise(std::span<float> x) noexcept {
  double squares = 0;
  for (const float v : x) squares += double{v} * double{v};
  if (!(squares > 0)) return;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& v : x) v *= scale;
}

inline std::vector<float> random_direction(random_stream& random, std::size_t dimensions) {
  std::vector<float> out(dimensions);
  for (float& v : out) v = static_cast<float>(random.normal());
  normalise(out);
  return out;
}

/// sqrt(share) of one direction and sqrt(1 - share) of another, at length 1.
inline std::vector<float> mixed(std::span<const float> a, std::span<const float> b, double share) {
  const auto of_a = static_cast<float>(std::sqrt(share));
  const auto of_b = static_cast<float>(std::sqrt(1 - share));
  std::vector<float> out(a.size());
  for (std::size_t k = 0; k < a.size(); ++k) out[k] = of_a * a[k] + of_b * b[k];
  normalise(out);
  return out;
}

/// Halves every `half_life`.
inline double fading(double age, double half_life) noexcept { return std::exp2(-age / half_life); }

/// A trend's height at an age in days, relative to its greatest: rises for a day, then fades.
inline double trend_shape(double age, double half_life) noexcept {
  if (age < 0) return 0;
  return age < 1 ? age : fading(age - 1, half_life);
}

}  // namespace detail

inline population::population(const population_options& options) : options_(options) {
  options_.validate();
  random_stream random = detail::draw(options_.seed, detail::purpose::centre, {});
  centres_.reserve(options_.categories);
  for (std::size_t c = 0; c < options_.categories; ++c) {
    centres_.push_back(detail::random_direction(random, options_.dimensions));
  }
  make_items();
  make_trends();
}

inline void population::make_items() {
  const auto days = static_cast<double>(options_.days);
  const double in_all = static_cast<double>(options_.items) * (1 + days / options_.shelf_days);
  const auto n = static_cast<std::size_t>(std::ceil(in_all));
  items_.reserve(n);
  places_.reserve(n * options_.dimensions);
  for (std::size_t i = 0; i < n; ++i) {
    random_stream random = detail::draw(options_.seed, detail::purpose::item, {i});
    catalogue_item item;
    item.category = static_cast<std::uint32_t>(random.below(options_.categories));
    item.launch_day = std::floor(random.uniform() * (options_.shelf_days + days) - options_.shelf_days);
    item.end_day = item.launch_day + std::max(1.0, std::round(options_.shelf_days));
    item.quality = random.normal(0, options_.quality_spread);
    const std::vector<float> own = detail::random_direction(random, options_.dimensions);
    const std::vector<float> at = detail::mixed(centres_[item.category], own, options_.item_likeness);
    places_.insert(places_.end(), at.begin(), at.end());
    items_.push_back(std::move(item));
  }
}

inline void population::make_trends() {
  for (std::size_t d = 0; d < options_.days; ++d) {
    const auto day = static_cast<double>(d);
    std::vector<std::size_t> on_offer;
    on_offer.reserve(items_.size());
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].launch_day <= day && day < items_[i].end_day) on_offer.push_back(i);
    }
    random_stream random = detail::draw(options_.seed, detail::purpose::trend, {d});
    const double whole = std::floor(options_.trends_a_day);
    const bool one_more = random.uniform() < options_.trends_a_day - whole;
    const std::size_t n = on_offer.empty() ? 0 : static_cast<std::size_t>(whole) + (one_more ? 1 : 0);
    for (std::size_t k = 0; k < n; ++k) {
      items_[on_offer[random.below(on_offer.size())]].trends.push_back(day + random.uniform());
    }
  }
  for (catalogue_item& each : items_) std::ranges::sort(each.trends);
}

inline std::vector<float> population::draw_taste(random_stream& random) const {
  const std::vector<float>& first = centres_[random.below(centres_.size())];
  const std::vector<float>& second = centres_[random.below(centres_.size())];
  const std::vector<float> kinds = detail::mixed(first, second, 0.6);  // the first counts somewhat more
  return detail::mixed(kinds, detail::random_direction(random, options_.dimensions), options_.user_likeness);
}

inline visitor population::meet(std::uint32_t user) const {
  visitor who;
  who.user = user;
  random_stream arrival = detail::draw(options_.seed, detail::purpose::arrival, {user});
  const double window = arrival.uniform() < options_.first_users ? 7.0 : static_cast<double>(options_.days);
  who.arrival_day = arrival.uniform() * std::min(window, static_cast<double>(options_.days));
  who.habit = std::exp(arrival.normal(0, options_.habit_spread));
  who.satisfaction = options_.first_satisfaction;
  who.head_start = arrival.uniform();
  who.taste_day = static_cast<std::int64_t>(who.arrival_day);
  move_taste(who, who.taste_day);
  who.wish.resize(options_.dimensions);
  return who;
}

inline std::vector<float> population::taste_at(const visitor& who, double day) const {
  // between stations a quarter turn apart the likeness to what it was halves, on average, in .785 of the way
  const double way = day * 0.785 / options_.drift_half_life_days;
  const double before = std::floor(way);
  const auto station = [&](double k) {
    random_stream random =
        detail::draw(options_.seed, detail::purpose::taste, {who.user, who.life, static_cast<std::uint64_t>(k)});
    return draw_taste(random);
  };
  const double share = std::cos((way - before) * std::numbers::pi / 2);
  return detail::mixed(station(before), station(before + 1), share * share);
}

inline void population::move_taste(visitor& who, std::int64_t day) const {
  const double sudden = 1 - std::exp(-1 / options_.sudden_change_days);
  for (; who.taste_day < day; ++who.taste_day) {
    random_stream random =
        detail::draw(options_.seed, detail::purpose::drift, {who.user, static_cast<std::uint64_t>(who.taste_day)});
    if (random.uniform() < sudden) ++who.life;
  }
  // people do not set out together: each is somewhere on their way on day 0
  who.taste = taste_at(who, static_cast<double>(day) + who.head_start * options_.drift_half_life_days / 0.785);
}

inline void population::begin_visit(visitor& who, double day) const {
  ++who.visit;
  who.page = 0;
  move_taste(who, static_cast<std::int64_t>(day));
  random_stream random = detail::draw(options_.seed, detail::purpose::mood, {who.user, who.visit});
  double shares = 0;
  for (const channel_habits& each : options_.channels) shares += each.share;
  double left = random.uniform() * shares;
  std::size_t chosen = 0;
  while (chosen + 1 < n_channels && left >= options_.channels[chosen].share) left -= options_.channels[chosen++].share;
  who.where = static_cast<channel>(chosen);
  const std::vector<float>& mood = centres_[random.below(centres_.size())];
  const double scale = std::sqrt(static_cast<double>(options_.dimensions));
  const auto lasting = static_cast<float>(options_.taste_strength * scale);
  const auto passing = static_cast<float>(options_.mood_strength * scale);
  for (std::size_t k = 0; k < who.wish.size(); ++k) who.wish[k] = lasting * who.taste[k] + passing * mood[k];
}

inline double population::appeal(const visitor& who, std::uint32_t item, double day) const noexcept {
  const catalogue_item& facts = items_[item];
  const std::span<const float> at = place(item);
  const float match = std::inner_product(at.begin(), at.end(), who.wish.begin(), 0.0F);
  double out = double{match} + facts.quality;
  out += options_.novelty * detail::fading(std::max(0.0, day - facts.launch_day), options_.novelty_half_life_days);
  for (const double begun : facts.trends) {
    out += options_.trend_height * detail::trend_shape(day - begun, options_.trend_half_life_days);
  }
  if (std::ranges::binary_search(who.took, item)) out -= options_.repeat_penalty;
  return out;
}

inline double population::attention(channel where, std::size_t k) const noexcept {
  return std::pow(static_cast<double>(k + 1), -options_.channels[static_cast<std::size_t>(where)].attention);
}

namespace detail {

inline void remember(visitor& who, std::uint32_t item) {
  const auto at = std::ranges::lower_bound(who.took, item);
  if (at == who.took.end() || *at != item) who.took.insert(at, item);
}

}  // namespace detail

inline void population::look(visitor& who, std::span<const std::uint32_t> page, double day,
                             std::vector<std::uint32_t>& taken) const {
  taken.clear();
  double attraction = 0;
  std::size_t looked_at = 0;
  random_stream eyes = detail::draw(options_.seed, detail::purpose::look, {who.user, who.visit, who.page});
  for (std::size_t k = 0; k < page.size(); ++k) {
    if (eyes.uniform() >= attention(who.where, k)) continue;
    const double a = appeal(who, page[k], day);
    attraction += a;
    ++looked_at;
    random_stream whim = detail::draw(options_.seed, detail::purpose::take, {who.user, who.visit, page[k]});
    if (whim.uniform() < detail::logistic_probability(options_.take_base + a)) taken.push_back(page[k]);
  }
  if (looked_at > 0) {
    who.satisfaction += options_.satisfaction_rate * (attraction / static_cast<double>(looked_at) - who.satisfaction);
  }
  for (const std::uint32_t item : taken) detail::remember(who, item);
  ++who.page;
}

inline void population::find_alone(visitor& who, std::span<const std::uint32_t> on_offer, double day,
                                   std::vector<std::uint32_t>& found) const {
  found.clear();
  random_stream random = detail::draw(options_.seed, detail::purpose::find, {who.user, who.visit});
  if (on_offer.empty() || random.uniform() >= options_.own_find) return;
  double best = -std::numeric_limits<double>::infinity();
  found.push_back(on_offer.front());
  for (std::size_t k = 0; k < options_.own_breadth; ++k) {
    const std::uint32_t item = on_offer[random.below(on_offer.size())];
    const double a = appeal(who, item, day);
    if (a > best) found.front() = item;
    best = std::max(best, a);
  }
  detail::remember(who, found.front());
}

inline bool population::wants_another_page(const visitor& who) const noexcept {
  const channel_habits& habits = options_.channels[static_cast<std::size_t>(who.where)];
  if (static_cast<double>(who.page) >= habits.max_pages) return false;
  const double logit = options_.page_base + habits.patience + options_.page_gain * who.satisfaction;
  random_stream random = detail::draw(options_.seed, detail::purpose::more, {who.user, who.visit, who.page});
  return random.uniform() < detail::logistic_probability(logit);
}

inline double population::next_visit(const visitor& who, double day) const noexcept {
  const double mean = options_.gap_days * who.habit * std::exp(-options_.gap_gain * who.satisfaction);
  random_stream gap = detail::draw(options_.seed, detail::purpose::gap, {who.user, who.visit});
  constexpr double shortest = 0.125;
  const double days = shortest - mean * std::log(gap.uniform_open());
  const double rate = options_.churn_a_day * std::exp(-options_.churn_gain * who.satisfaction);
  random_stream churn = detail::draw(options_.seed, detail::purpose::churn, {who.user, who.visit});
  if (churn.uniform() < 1 - std::exp(-rate * days)) return std::numeric_limits<double>::infinity();
  return day + days;
}

}  // namespace study
TANDEM_END
