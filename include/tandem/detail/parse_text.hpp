#pragma once
// Numbers and times out of text, and text into error messages.

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "tandem/core/config.hpp"
#include "tandem/core/time.hpp"
#include "tandem/core/utf8.hpp"

TANDEM_BEGIN
namespace detail {

/// `text` in quotes for a message: at most 40 bytes, what does not print as \xNN.
inline std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string_view head = text.substr(0, most);
  if (head.size() < text.size()) {
    for (int i = 0; i < 3 && !is_utf8(head); ++i) head.remove_suffix(1);  // not in the middle of a character
  }
  const bool plain = is_utf8(head);
  std::string out = "'";
  for (const char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && (byte < 0x80 || plain)) {
      out += c;
    } else {
      constexpr std::string_view digits = "0123456789abcdef";
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  out += "'";
  if (head.size() < text.size()) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The number that all of `text` spells, spaces around it left out; empty if it spells none, or one that is not finite
/// or out of a double's range.
inline std::optional<double> parse_number(std::string_view text) noexcept {
  text = trimmed(text);
  const char* const last = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto [end, failure] = std::from_chars(text.data(), last, whole); failure == std::errc{} && end == last) {
    return static_cast<double>(whole);
  }
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  if (failure != std::errc{} || end != last || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// Reads `count` digits, or nothing.
inline bool take_digits(std::string_view& text, std::size_t count, int& out) noexcept {
  if (text.size() < count) return false;
  out = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

inline bool take(std::string_view& text, std::string_view any_of) noexcept {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// hh:mm[:ss[.fraction]], or nothing.
inline bool take_clock(std::string_view& text, duration& out) noexcept {
  int hour = 0;
  int minute = 0;
  int second = 0;
  int millis = 0;
  if (!take_digits(text, 2, hour) || !take(text, ":") || !take_digits(text, 2, minute)) return false;
  if (take(text, ":")) {
    if (!take_digits(text, 2, second)) return false;
    if (take(text, ".,")) {
      int digit = 0;
      int place = 100;
      if (!take_digits(text, 1, digit)) return false;
      do {
        millis += digit * place;
        place /= 10;
      } while (take_digits(text, 1, digit));
    }
  }
  out = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) + duration(millis);
  return hour < 24 && minute < 60 && second <= 60;  // 60: a leap second
}

/// Z, +hh:mm, +hhmm, +hh or nothing (UTC).
inline bool take_offset(std::string_view& text, duration& out) noexcept {
  out = duration(0);
  if (text.empty() || take(text, "Zz")) return true;
  const bool west = text.front() == '-';
  int hour = 0;
  int minute = 0;
  if (!take(text, "+-") || !take_digits(text, 2, hour)) return false;
  const bool colon = take(text, ":");
  if ((colon || !text.empty()) && !take_digits(text, 2, minute)) return false;
  out = std::chrono::hours(hour) + std::chrono::minutes(minute);
  if (west) out = -out;
  return hour < 24 && minute < 60;
}

/// YYYY-MM-DD, or that, T or a space, and hh:mm[:ss[.fraction]] with Z, an offset, or neither (then UTC).
inline std::optional<timestamp> parse_iso_time(std::string_view text) noexcept {
  text = trimmed(text);
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_digits(text, 4, year) || !take(text, "-") || !take_digits(text, 2, month) || !take(text, "-") ||
      !take_digits(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  duration clock{0};
  duration offset{0};
  if (!text.empty() && (!take(text, "Tt ") || !take_clock(text, clock) || !take_offset(text, offset))) {
    return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return timestamp(std::chrono::sys_days(date)) + clock - offset;
}

}  // namespace detail
TANDEM_END
