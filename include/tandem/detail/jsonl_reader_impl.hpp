#pragma once
// Bodies of data/jsonl_reader.hpp: a SAX handler that keeps the parts of one event and builds no tree.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <istream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/data/readers.hpp"
#include "tandem/detail/delimited_reader.hpp"
#include "tandem/detail/event_builder.hpp"
#include "tandem/detail/line_source.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/detail/readers_impl.hpp"

TANDEM_BEGIN
namespace detail {

/// Hears what the parser finds in one line and keeps the event in it; what it does not like stands in problem().
class json_event final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit json_event(const field_names& names) : names_(as_array(names)) {}

  /// The event in a line, whose text lives until the next call; false when there is none.
  bool parse(std::string_view line, found_event& out) {
    depth_ = 0;
    seen_ = {};
    for (std::string& each : text_) each.clear();
    time_.reset();
    value_ = 1;
    field_ = {};
    if (!nlohmann::json::sax_parse(line.begin(), line.end(), this)) return false;
    out = {text_[part_user], text_[part_item], text_[part_action], text_[part_key], time_, value_};
    return true;
  }

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// The key the problem lies in; empty when it is the line as a whole.
  [[nodiscard]] std::string_view field() const noexcept { return field_; }

  bool null() override {
    return take([] { return true; });
  }
  bool boolean(bool) override {
    return take([this] { return refuse("is a boolean"); });
  }
  bool number_integer(std::int64_t x) override { return number(static_cast<double>(x), true, std::to_string(x)); }
  bool number_unsigned(std::uint64_t x) override { return number(static_cast<double>(x), true, std::to_string(x)); }
  bool number_float(double x, const std::string& text) override { return number(x, false, text); }
  bool string(std::string& x) override {
    return take([this, &x] {
      if (current_ == part_value) return refuse(shown(x) + " is not a number");
      text_[current_].swap(x);
      if (current_ == part_time) time_ = parse_time(text_[part_time]);
      return true;
    });
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON text has none
  bool start_object(std::size_t) override {
    return depth_ == 0 ? (depth_ = 1, true) : take([this] { return refuse("is an object"); }) && ++depth_ != 0;
  }
  bool start_array(std::size_t) override {
    return take([this] { return refuse("is an array"); }) && ++depth_ != 0;
  }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool key(std::string& name) override {
    if (depth_ != 1) return true;
    current_ = 0;
    while (current_ < n_parts && (names_[current_].empty() || names_[current_] != name)) ++current_;
    if (current_ == n_parts) return true;
    return std::exchange(seen_[current_], true) ? refuse("stands there twice") : true;
  }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception&) override {
    problem_ = "is not one JSON object: it breaks off or goes wrong at byte " + std::to_string(position) + ", near " +
               shown(token);
    return false;
  }

 private:
  // Hands a value to `keep` if it belongs to a part of the event, and passes over it otherwise.
  template <class Keep>
  bool take(Keep keep) {
    if (depth_ == 0) {
      problem_ = "is not a JSON object";
      return false;
    }
    return depth_ > 1 || current_ == n_parts || keep();
  }

  bool number(double x, bool whole, const std::string& text) {
    return take([&] {
      if (current_ == part_value) {
        value_ = x;
      } else if (current_ == part_time) {
        text_[part_time] = text;
        time_ = found_time{x, std::nullopt, text_[part_time]};
      } else if (whole) {
        text_[current_] = text;
      } else {
        return refuse(shown(text) + " is neither text nor a whole number");
      }
      return true;
    });
  }

  bool end() {
    --depth_;
    return true;
  }

  bool refuse(std::string what) {
    problem_ = std::move(what);
    field_ = names_[current_];
    return false;
  }

  std::array<std::string_view, n_parts> names_;
  std::size_t depth_ = 0;
  std::size_t current_ = n_parts;  // the part whose value comes next; n_parts = one to pass over
  std::array<bool, n_parts> seen_{};
  std::array<std::string, n_parts> text_;
  std::optional<found_time> time_;
  double value_ = 1;
  std::string problem_;
  std::string_view field_;
};

inline event_log read_json_lines(line_source& source, const read_options& options, read_report& report) {
  event_builder builder(options, source.name(), report);
  json_event line(options.names);
  for (bool more = true; more;) {
    try {
      more = source.next();
      found_event e;
      if (more && !line.parse(source.record(), e)) {
        builder.fail(source.line_number(), std::string(line.field()), line.problem());
      }
      if (more) builder.add(e, source.line_number());
    } catch (const error& e) {
      if (!builder.leave_out(e)) throw;
    }
  }
  if (report.events + report.duplicates + report.bad == 0) refuse_empty(source);
  return builder.finish();
}

}  // namespace detail

inline event_log read_jsonl(std::istream& in, std::string_view name, const read_options& options, read_report* report,
                            const progress& callback) {
  return detail::read_stream(in, std::string(name), 0, options, report, callback,
                             [&options](detail::line_source& source, read_report& filled) {
                               return detail::read_json_lines(source, options, filled);
                             });
}

inline event_log read_jsonl(const std::filesystem::path& path, const read_options& options, read_report* report,
                            const progress& callback) {
  std::uint64_t bytes = 0;
  std::ifstream in = detail::open_log(path, bytes);
  return detail::read_stream(in, path.string(), bytes, options, report, callback,
                             [&options](detail::line_source& source, read_report& filled) {
                               return detail::read_json_lines(source, options, filled);
                             });
}

TANDEM_END
