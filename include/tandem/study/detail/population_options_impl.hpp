#pragma once
// Implementation of study/population_options.hpp: the options by name.

#include <algorithm>

#include "tandem/study/detail/html_text.hpp"
#include "tandem/study/population_options.hpp"

TANDEM_BEGIN
namespace study {

namespace detail {

template <auto Member>
option_place option_at(population_options& o) {
  return &(o.*Member);
}

template <std::size_t Channel, auto Member>
option_place habit_at(population_options& o) {
  return &(o.channels[Channel].*Member);
}

/// A whole number as it is, others in the shortest form that reads back.
inline std::string plain_number(double x) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x);
  return {buffer.data(), end.ptr};
}

[[noreturn]] inline void refuse_option(const population_field& field, const std::string& why) {
  throw error(errc::invalid_argument, why, {{}, 0, std::string(field.name)});
}

inline void check_range(const population_field& field, double value) {
  if (value >= field.low && value <= field.high) return;
  refuse_option(field, cat("must lie in [", plain_number(field.low), ", ", plain_number(field.high), "]"));
}

}  // namespace detail

inline std::span<const population_field> population_fields() noexcept {
  using o = population_options;
  using h = channel_habits;
  using detail::habit_at;
  using detail::option_at;
  static constexpr std::array<population_field, 48> all{{
      {"users", 1, 1e7, &option_at<&o::users>},
      {"first_users", 0, 1, &option_at<&o::first_users>},
      {"days", 1, 10000, &option_at<&o::days>},
      {"warm_up_days", 0, 10000, &option_at<&o::warm_up_days>},
      {"page_size", 1, 100, &option_at<&o::page_size>},
      {"items", 10, 1e6, &option_at<&o::items>},
      {"shelf_days", 1, 1e7, &option_at<&o::shelf_days>},
      {"dimensions", 2, 256, &option_at<&o::dimensions>},
      {"categories", 1, 10000, &option_at<&o::categories>},
      {"item_likeness", 0, 1, &option_at<&o::item_likeness>},
      {"quality_spread", 0, 10, &option_at<&o::quality_spread>},
      {"novelty", -10, 10, &option_at<&o::novelty>},
      {"novelty_half_life_days", 0.01, 1e7, &option_at<&o::novelty_half_life_days>},
      {"trends_a_day", 0, 1e4, &option_at<&o::trends_a_day>},
      {"trend_height", -10, 10, &option_at<&o::trend_height>},
      {"trend_half_life_days", 0.01, 1e7, &option_at<&o::trend_half_life_days>},
      {"taste_strength", 0, 20, &option_at<&o::taste_strength>},
      {"user_likeness", 0, 1, &option_at<&o::user_likeness>},
      {"drift_half_life_days", 0.1, 1e7, &option_at<&o::drift_half_life_days>},
      {"sudden_change_days", 0.1, 1e7, &option_at<&o::sudden_change_days>},
      {"mood_strength", 0, 20, &option_at<&o::mood_strength>},
      {"take_base", -20, 20, &option_at<&o::take_base>},
      {"repeat_penalty", -20, 20, &option_at<&o::repeat_penalty>},
      {"own_find", 0, 1, &option_at<&o::own_find>},
      {"own_breadth", 1, 10000, &option_at<&o::own_breadth>},
      {"web.share", 0, 1e3, &habit_at<0, &h::share>},
      {"web.attention", 0, 10, &habit_at<0, &h::attention>},
      {"web.patience", -20, 20, &habit_at<0, &h::patience>},
      {"web.max_pages", 1, 100, &habit_at<0, &h::max_pages>},
      {"mobile.share", 0, 1e3, &habit_at<1, &h::share>},
      {"mobile.attention", 0, 10, &habit_at<1, &h::attention>},
      {"mobile.patience", -20, 20, &habit_at<1, &h::patience>},
      {"mobile.max_pages", 1, 100, &habit_at<1, &h::max_pages>},
      {"mail.share", 0, 1e3, &habit_at<2, &h::share>},
      {"mail.attention", 0, 10, &habit_at<2, &h::attention>},
      {"mail.patience", -20, 20, &habit_at<2, &h::patience>},
      {"mail.max_pages", 1, 100, &habit_at<2, &h::max_pages>},
      {"satisfaction_rate", 0, 1, &option_at<&o::satisfaction_rate>},
      {"first_satisfaction", -20, 20, &option_at<&o::first_satisfaction>},
      {"page_base", -20, 20, &option_at<&o::page_base>},
      {"page_gain", -20, 20, &option_at<&o::page_gain>},
      {"gap_days", 0.05, 1e4, &option_at<&o::gap_days>},
      {"gap_gain", -20, 20, &option_at<&o::gap_gain>},
      {"habit_spread", 0, 5, &option_at<&o::habit_spread>},
      {"churn_a_day", 0, 1, &option_at<&o::churn_a_day>},
      {"churn_gain", -20, 20, &option_at<&o::churn_gain>},
      {"page_seconds", 0.1, 3600, &option_at<&o::page_seconds>},
      {"item_seconds", 0, 3600, &option_at<&o::item_seconds>},
  }};
  return all;
}

inline double get(const population_options& options, const population_field& field) noexcept {
  population_options copy = options;
  const option_place place = field.at(copy);
  if (const auto* const* whole = std::get_if<std::size_t*>(&place)) return static_cast<double>(**whole);
  return **std::get_if<double*>(&place);
}

inline void set(population_options& options, std::string_view name, double value) {
  const auto fields = population_fields();
  const auto found = std::ranges::find(fields, name, &population_field::name);
  if (found == fields.end()) {
    std::string names;
    for (const population_field& each : fields) names += (names.empty() ? "" : ", ") + std::string(each.name);
    throw error(errc::not_found, "there is no assumption '" + std::string(name) + "'", {}, "choose from " + names);
  }
  detail::check_range(*found, value);
  const option_place place = found->at(options);
  if (auto* const* whole = std::get_if<std::size_t*>(&place)) {
    if (value != std::floor(value)) detail::refuse_option(*found, "must be a whole number");
    **whole = static_cast<std::size_t>(value);
  } else {
    **std::get_if<double*>(&place) = value;
  }
}

inline void population_options::validate() const {
  for (const population_field& each : population_fields()) detail::check_range(each, get(*this, each));
  double shares = 0;
  for (const channel_habits& each : channels) shares += each.share;
  if (!(shares > 0))
    throw error(errc::invalid_argument, "one must be above 0", {{}, 0, "web.share, mobile.share, mail.share"});
}

}  // namespace study
TANDEM_END
