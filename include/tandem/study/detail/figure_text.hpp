#pragma once
// A simulation's figures as people read them: in which unit, with how many digits.

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "tandem/study/detail/html_text.hpp"
#include "tandem/study/simulation_report.hpp"

TANDEM_BEGIN
namespace study::detail {

/// What a figure is written in, and its value in that.
struct figure_scale {
  double factor = 1;
  std::string_view unit;
};

[[nodiscard]] inline figure_scale scale_of(const figure& f) {
  switch (f.unit) {
    case figure_unit::share: return {100, "%"};
    case figure_unit::microseconds: return {1, "µs"};
    case figure_unit::seconds: return {1, "s"};
    case figure_unit::bytes: return {1e-3, "kB"};
    case figure_unit::megabytes: return {1, "MB"};
    case figure_unit::a_second: return {1, "/s"};
    case figure_unit::number: break;
  }
  return {1, ""};
}

/// Three digits or so.
[[nodiscard]] inline std::string short_number(double x) {
  const double size = std::abs(x);
  if (!(size < 1000)) {
    return std::isfinite(x) && x > 0 ? thousands(static_cast<std::uint64_t>(std::lround(x))) : fixed(x, 0);
  }
  return fixed(x, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

[[nodiscard]] inline std::string value_text(const figure& f, double value) {
  return short_number(value * scale_of(f).factor);
}

/// "answer, median, µs".
[[nodiscard]] inline std::string heading(const figure& f) {
  const std::string_view unit = scale_of(f).unit;
  return unit.empty() ? std::string(f.title) : cat(f.title, ", ", unit);
}

/// "150,000 / 45,000 / 80,000"; empty where the survey has none.
[[nodiscard]] inline std::string survey_text(const figure& f) {
  if (!std::isfinite(f.survey[0])) return "";
  return cat(value_text(f, f.survey[0]), " / ", value_text(f, f.survey[1]), " / ", value_text(f, f.survey[2]));
}

/// Whether a figure says nothing of this contender.
[[nodiscard]] inline bool is_silent(const figure& f, contender c) noexcept {
  return f.of_engine && (c == contender::random || c == contender::oracle);
}

}  // namespace study::detail
TANDEM_END
