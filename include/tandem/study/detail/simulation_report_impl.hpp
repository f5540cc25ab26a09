#pragma once
// Implementation of study/simulation_report.hpp: the figures' formulas, t intervals, the settings of the sweep.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tandem/study/simulation_report.hpp"

TANDEM_BEGIN
namespace study {

namespace detail {

inline double per(double some, double of) noexcept { return of > 0 ? some / of : 0; }
inline double per(std::uint64_t some, std::uint64_t of) noexcept {
  return per(static_cast<double>(some), static_cast<double>(of));
}

/// Of a thousand pages filled.
inline double per_thousand(double what, const simulation_result& r) noexcept {
  return per(1000 * what, static_cast<double>(r.answers));
}

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::array<double, 3> not_known{unknown, unknown, unknown};

// The survey's figures: batch, real time, hybrid.
inline constexpr std::array<double, 3> survey_ctr{.055, .078, .092};
inline constexpr std::array<double, 3> survey_d30{.60, .65, .75};
inline constexpr std::array<double, 3> survey_latency_us{150e3, 45e3, 80e3};
inline constexpr std::array<double, 3> survey_records_per_s{2000, 8000, 6000};
inline constexpr std::array<double, 3> survey_memory_mb{1200, 4500, 3000};

inline double records_a_second(const simulation_result& r) {
  const double seconds = r.decide.total_seconds() + r.learn.total_seconds() + r.refit_s;
  return per(static_cast<double>(r.answers + r.learned), seconds);
}

}  // namespace detail

inline std::span<const figure> figures() noexcept {
  using r = simulation_result;
  using detail::not_known;
  using detail::per;
  using detail::per_thousand;
  using enum figure_unit;
  static constexpr std::array<figure, 20> all{{
      {"ctr", "taken of shown (CTR)", "Attention", share, false, detail::survey_ctr,
       [](const r& x) { return per(x.taken, x.shown); }},
      {"taken_per_visit", "taken a visit", "Attention", number, false, not_known,
       [](const r& x) { return per(x.taken, x.visits); }},
      {"pages_per_visit", "pages a visit", "Attention", number, false, not_known,
       [](const r& x) { return per(x.pages, x.visits); }},
      {"minutes_per_visit", "minutes a visit", "Attention", number, false, not_known,
       [](const r& x) { return per(x.minutes, static_cast<double>(x.visits)); }},
      {"interaction_rate", "visits that take something", "Attention", share, false, not_known,
       [](const r& x) { return per(x.visits_with_taking, x.visits); }},
      {"d7", "retention, day 7", "Loyalty", share, false, not_known,
       [](const r& x) { return x.retained[retention_at(7)].share(); }},
      {"d30", "retention, day 30", "Loyalty", share, false, detail::survey_d30,
       [](const r& x) { return x.retained[retention_at(30)].share(); }},
      {"d90", "retention, day 90", "Loyalty", share, false, not_known,
       [](const r& x) { return x.retained[retention_at(90)].share(); }},
      {"visits_per_week", "visits a person-week", "Loyalty", number, false, not_known,
       [](const r& x) { return per(static_cast<double>(x.visits), x.user_weeks); }},
      {"satisfaction", "satisfaction", "Loyalty", number, false, not_known,
       [](const r& x) { return per(x.satisfaction, static_cast<double>(x.pages)); }},
      {"decide_p50_us", "answer, median", "Speed", microseconds, true, detail::survey_latency_us,
       [](const r& x) { return x.decide.percentile(0.5); }},
      {"decide_p99_us", "answer, 99th percentile", "Speed", microseconds, true, not_known,
       [](const r& x) { return x.decide.percentile(0.99); }},
      {"learn_p50_us", "learning a taking, median", "Speed", microseconds, true, not_known,
       [](const r& x) { return x.learn.percentile(0.5); }},
      {"records_per_s", "records a second", "Throughput and memory", a_second, true, detail::survey_records_per_s,
       &detail::records_a_second},
      {"peak_mb", "peak memory", "Throughput and memory", megabytes, true, detail::survey_memory_mb,
       [](const r& x) { return x.peak_rss_mb; }},
      {"cpu_s", "processor time, all days", "Throughput and memory", seconds, true, not_known,
       [](const r& x) { return x.cpu_s; }},
      {"refit_cpu_s", "of it refits", "Throughput and memory", seconds, true, not_known,
       [](const r& x) { return x.refit_cpu_s; }},
      {"answers", "pages filled, all days", "Cost", number, false, not_known,
       [](const r& x) { return static_cast<double>(x.answers); }},
      {"cpu_s_per_thousand", "processor time a 1,000 pages", "Cost", seconds, true, not_known,
       [](const r& x) { return per_thousand(x.cpu_s, x); }},
      {"bytes_per_thousand", "memory grown a 1,000 pages", "Cost", bytes, true, not_known,
       [](const r& x) { return per_thousand(1e6 * std::max(0.0, x.peak_rss_mb - x.start_rss_mb), x); }},
  }};
  return all;
}

inline const figure& figure_of(std::string_view key) noexcept {
  const auto found = std::ranges::find(figures(), key, &figure::key);
  TANDEM_ASSERT(found != figures().end());
  return *found;
}

namespace detail {

/// P(|T| <= sqrt(n) tan(angle)) for n degrees of freedom.
inline double student_within(std::size_t n, double angle) noexcept {
  const double c = std::cos(angle);
  double term = n % 2 == 1 ? c : 1;
  double sum = n == 1 ? 0 : term;
  for (std::size_t k = n % 2 == 1 ? 3 : 2; k < n; k += 2) {
    term *= c * c * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  if (n % 2 == 0) return std::sin(angle) * sum;
  return 2 / std::numbers::pi * (angle + std::sin(angle) * sum);
}

}  // namespace detail

inline double student_quantile(std::size_t n, double confidence) noexcept {
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  double low = 0;
  double high = std::numbers::pi / 2;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (detail::student_within(n, middle) < confidence ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(n)) * std::tan((low + high) / 2);
}

inline seed_estimate over_seeds(std::span<const double> values) noexcept {
  seed_estimate out;
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  out.mean = sum / n;
  double squares = 0;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  const double error = std::sqrt(squares / (n - 1) / n);
  const double half = student_quantile(values.size() - 1) * error;
  out.range = {out.mean - half, out.mean + half};
  return out;
}

inline seed_estimate estimate_of(const figure& f, const contender_runs& runs) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const simulation_result& each : runs) values.push_back(f.of(each));
  return over_seeds(values);
}

namespace detail {

template <class Compare>
std::vector<double> paired(const figure& f, const contender_runs& a, const contender_runs& b, Compare compare) {
  const std::size_t n = std::min(a.size(), b.size());
  std::vector<double> out(n);
  for (std::size_t s = 0; s < n; ++s) out[s] = compare(f.of(a[s]), f.of(b[s]));
  return out;
}

}  // namespace detail

inline seed_estimate difference(const figure& f, const contender_runs& a, const contender_runs& b) {
  return over_seeds(detail::paired(f, a, b, [](double x, double y) { return x - y; }));
}

inline seed_estimate ratio(const figure& f, const contender_runs& a, const contender_runs& b) {
  const seed_estimate logs = over_seeds(
      detail::paired(f, a, b, [](double x, double y) { return x > 0 && y > 0 ? std::log(x / y) : detail::unknown; }));
  return {std::exp(logs.mean), {std::exp(logs.range.low), std::exp(logs.range.high)}};
}

inline std::vector<sweep_setting> sweep_settings() {
  constexpr double never = 1e7;
  return {
      {"as asked for", {}},
      {"taste never changes", {{"drift_half_life_days", never}, {"sudden_change_days", never}}},
      {"taste changes fast", {{"drift_half_life_days", 15}, {"sudden_change_days", 60}}},
      {"no moods", {{"mood_strength", 0}}},
      {"moods stronger than taste", {{"mood_strength", 2}}},
      {"no trends", {{"trends_a_day", 0}}},
      {"many trends", {{"trends_a_day", 5}}},
      {"catalogue never changes", {{"shelf_days", never}}},
      {"catalogue changes in two weeks", {{"shelf_days", 14}}},
      {"no place bias", {{"web.attention", 0}, {"mobile.attention", 0}, {"mail.attention", 0}}},
      {"strong place bias", {{"web.attention", 2}, {"mobile.attention", 2}, {"mail.attention", 2}}},
      {"few people", {{"users", 100}}},
      {"short histories", {{"gap_days", 20}, {"page_base", -2}}},
      {"taste matters little", {{"taste_strength", 0.3}, {"quality_spread", 1}}},
      {"taste is all, and stays",
       {{"taste_strength", 1.8},
        {"user_likeness", 0.3},
        {"mood_strength", 0},
        {"trends_a_day", 0},
        {"novelty", 0},
        {"drift_half_life_days", never},
        {"sudden_change_days", never},
        {"shelf_days", never}}},
      {"little is taken", {{"take_base", -5.5}}},
  };
}

inline population_options with(population_options base, const sweep_setting& setting) {
  for (const auto& [name, value] : setting.changes) set(base, name, value);
  return base;
}

inline outcome outcome_of(const seed_estimate& ratio) noexcept {
  if (ratio.range.low > 1) return outcome::wins;
  if (ratio.range.high < 1) return outcome::loses;
  return outcome::even;
}

}  // namespace study
TANDEM_END
