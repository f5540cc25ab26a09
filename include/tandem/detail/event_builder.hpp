#pragma once
// From the parts of events that a reader found to a log: checks, units of time, duplicates, indices.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/time.hpp"
#include "tandem/core/utf8.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/read_options.hpp"
#include "tandem/detail/parse_text.hpp"

TANDEM_BEGIN
namespace detail {

/// The time of an event as found: a number of yet unknown unit, a moment that text spelled out, or neither.
struct found_time {
  std::optional<double> number;
  std::optional<timestamp> moment;
  std::string_view text;  ///< as it stands in the file
};

/// The parts of one event as found; empty = absent.
struct found_event {
  std::string_view user;
  std::string_view item;
  std::string_view action;
  std::string_view key;
  std::optional<found_time> time;
  double value = 1;
};

inline found_time parse_time(std::string_view text) noexcept {
  const std::optional<double> number = parse_number(text);
  return {number, number ? std::nullopt : parse_iso_time(text), text};
}

/// Gathers events; add() throws error(bad_format) for one that cannot be taken, and is then as if it was not called.
class event_builder {
 public:
  event_builder(const read_options& options, std::string file, read_report& report)
      : options_(options), file_(std::move(file)), report_(report), unit_(options.unit) {}

  void add(const found_event& e, std::uint64_t line) {
    line_ = line;
    check_id(e.user, options_.names.user, true);
    check_id(e.item, options_.names.item, true);
    check_id(e.action, options_.names.action, false);
    check_id(e.key, options_.names.key, false);
    if (!(std::abs(e.value) <= static_cast<double>(std::numeric_limits<float>::max()))) {
      fail(options_.names.value, "is not a finite number in the range of a float");
    }
    const timestamp time = options_.times_from_order ? timestamp{} : resolve(e.time);
    if (!e.key.empty() && !keys_.emplace(e.key).second) {
      ++report_.duplicates;
      return;
    }
    if (unit_ == time_unit::automatic && !options_.times_from_order && e.time->number) {
      pending_.emplace_back(log_.events.size(), *e.time->number);
    }
    append(e, time);
    if (pending_.size() == max_pending) decide_unit();
  }

  /// Says that the line at hand cannot be read.
  [[noreturn]] void fail(const std::string& field, const std::string& reason) const {
    throw error(errc::bad_format, reason, {file_, line_, field}, "correct it, or leave out such lines (skip_bad)");
  }
  [[noreturn]] void fail(std::uint64_t line, const std::string& field, const std::string& reason) {
    line_ = line;
    fail(field, reason);
  }

  /// Counts a line that cannot be read; false when the options do not allow any.
  [[nodiscard]] bool leave_out(const error& e) {
    if (!options_.skip_bad || e.code() != errc::bad_format) return false;
    if (report_.first_bad.size() < max_listed) report_.first_bad.push_back({e.where(), e.message()});
    ++report_.bad;
    return true;
  }

  event_log finish() {
    decide_unit();
    if (report_.events + report_.duplicates == 0 && report_.bad > 0) {
      const bad_line& first = report_.first_bad.front();
      throw error(errc::bad_format,
                  "none of " + std::to_string(report_.bad) + " lines can be read; the first: " + first.reason,
                  first.where, "see that format, columns and names describe the file");
    }
    return std::move(log_);
  }

 private:
  static constexpr std::size_t max_listed = 20;
  static constexpr std::size_t max_pending = 1000;
  static constexpr double first_millis = 1e11;           // as documented at time_unit::automatic
  static constexpr double end_millis = 253402300800000;  // the year 10000

  void append(const found_event& e, timestamp time) {
    logged_event out;
    out.user = log_.users.intern(e.user);
    out.item = log_.items.intern(e.item);
    out.action = log_.actions.intern(e.action.empty() ? std::string_view(options_.action) : e.action);
    out.weight = options_.value_as_weight ? static_cast<float>(e.value) : 1.0F;
    out.time = options_.times_from_order ? timestamp(std::chrono::seconds(log_.events.size())) : time;
    log_.events.push_back(out);
    ++report_.events;
  }

  void check_id(std::string_view id, const std::string& field, bool required) const {
    if (id.empty() && required) fail(field, "is empty");
    if (id.size() > max_id_bytes) {
      fail(field, shown(id) + " is longer than " + std::to_string(max_id_bytes) + " bytes");
    }
    if (!is_utf8(id)) fail(field, shown(id) + " is not UTF-8");
  }

  timestamp resolve(const std::optional<found_time>& time) const {
    const std::string& field = options_.names.time;
    if (!time) fail(field, "is missing");
    if (time->moment) return *time->moment;
    if (!time->number) {
      fail(field, shown(time->text) + " is neither a number since 1970 nor a time like 2011-12-09T12:50:00Z");
    }
    const double scale = unit_ == time_unit::seconds ? 1000 : 1;
    const double millis = std::abs(*time->number) * scale;
    if (options_.unit == time_unit::automatic && unit_ == time_unit::seconds && millis >= first_millis * scale) {
      fail(field, shown(time->text) + " counts milliseconds, it seems, and the first times of the file seconds");
    }
    if (!(millis < end_millis)) fail(field, shown(time->text) + " lies beyond the year 9999");
    return unit_ == time_unit::automatic ? timestamp{} : from_millis(std::llround(*time->number * scale));
  }

  void decide_unit() {
    if (unit_ != time_unit::automatic) return;
    unit_ = time_unit::seconds;
    for (const auto& [at, number] : pending_) {
      if (std::abs(number) >= first_millis) unit_ = time_unit::milliseconds;
    }
    const double scale = unit_ == time_unit::seconds ? 1000 : 1;
    for (const auto& [at, number] : pending_) log_.events[at].time = from_millis(std::llround(number * scale));
    pending_.clear();
  }

  const read_options& options_;
  std::string file_;
  read_report& report_;
  time_unit unit_;
  std::uint64_t line_ = 0;
  event_log log_;
  std::unordered_set<std::string> keys_;
  std::vector<std::pair<std::size_t, double>> pending_;  // events whose times wait for the unit
};

}  // namespace detail
TANDEM_END
