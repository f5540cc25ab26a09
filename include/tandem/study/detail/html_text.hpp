#pragma once
// Text for reports: numbers as people read them, and what must be escaped in HTML.

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tandem/core/time.hpp"

TANDEM_BEGIN
namespace study::detail {

/// The pieces in a row.
template <class... Pieces>
[[nodiscard]] std::string cat(const Pieces&... pieces) {
  std::string out;
  (out += ... += std::string_view(pieces));
  return out;
}

/// `text` with & < > " ' as entities, and control characters that HTML forbids left out.
[[nodiscard]] inline std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

/// x with `digits` places after the point; "–" when it is not a number. Independent of the locale.
[[nodiscard]] inline std::string fixed(double x, int digits) {
  if (!std::isfinite(x)) return "–";
  std::array<char, 400> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, std::chars_format::fixed, digits);
  std::string text(buffer.data(), end.ptr);
  if (text.find_first_not_of("-0.") == std::string::npos && text.front() == '-') text.erase(0, 1);  // no "-0.0"
  return text;
}

/// 1234567 as "1,234,567".
[[nodiscard]] inline std::string thousands(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

/// A measure in [0, 1] without its leading zero: ".123".
[[nodiscard]] inline std::string measure(double x) {
  std::string text = fixed(x, 3);
  return text.rfind("0.", 0) == 0 ? text.substr(1) : text;
}

/// A share as a percentage: "12 %"; below 10 % with one digit more precision than above.
[[nodiscard]] inline std::string percent(double share) {
  return fixed(100 * share, std::abs(share) < 0.0995 ? 1 : 0) + "\u00a0%";
}

/// A change by a factor, as a signed percentage: "+4 %", "−12 %".
[[nodiscard]] inline std::string change(double ratio) {
  const double by = 100 * (ratio - 1);
  const std::string text = fixed(std::abs(by), std::abs(by) < 9.95 ? 1 : 0);
  return (by < 0 && text != "0.0" ? "−" : "+") + text + "\u00a0%";
}

/// A ratio: "3.5", "1.04".
[[nodiscard]] inline std::string factor(double ratio) {
  return fixed(ratio, ratio < 1.995 ? 2 : ratio < 19.95 ? 1 : 0);
}

/// A duration in the unit that suits it: "850 ns", "12 µs", "1.4 ms", "2.1 s".
[[nodiscard]] inline std::string duration_text(double microseconds) {
  const auto with = [](double x, std::string_view unit) { return cat(fixed(x, x < 9.95 ? 1 : 0), "\u00a0", unit); };
  if (microseconds < 0.9995) return with(1e3 * microseconds, "ns");
  if (microseconds < 999.5) return with(microseconds, "µs");
  if (microseconds < 999.5e3) return with(1e-3 * microseconds, "ms");
  return with(1e-6 * microseconds, "s");
}

/// A day: "7 Mar 1998".
[[nodiscard]] inline std::string day_text(timestamp time) {
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  return cat(std::to_string(static_cast<unsigned>(date.day())), " ", months[static_cast<unsigned>(date.month()) - 1],
             " ", std::to_string(static_cast<int>(date.year())));
}

}  // namespace study::detail
TANDEM_END
