#pragma once
// Reads one delimited file: finds its columns, then turns records into events.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/read_options.hpp"
#include "tandem/detail/event_builder.hpp"
#include "tandem/detail/line_source.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/detail/record_splitter.hpp"

TANDEM_BEGIN
namespace detail {

// The parts of an event, in the order of the arrays below.
enum part : std::size_t { part_user, part_item, part_time, part_action, part_value, part_key, n_parts };

inline constexpr std::array<std::string_view, n_parts> part_names = {"user", "item", "time", "action", "value", "key"};

inline std::array<std::string_view, n_parts> as_array(const field_names& names) {
  return {names.user, names.item, names.time, names.action, names.value, names.key};
}

/// Where each part of an event stands among the fields of a record.
struct column_layout {
  static constexpr std::size_t absent = ~std::size_t{0};
  std::array<std::size_t, n_parts> column{absent, absent, absent, absent, absent, absent};
  std::size_t n_columns = 0;
};

template <class Names>
column_layout find_columns(const Names& header, const std::array<std::string_view, n_parts>& names,
                           const place& where) {
  column_layout layout;
  layout.n_columns = header.size();
  for (std::size_t c = 0; c < header.size(); ++c) {
    const auto found = std::find(names.begin(), names.end(), std::string_view(header[c]));
    if (found == names.end() || found->empty()) continue;
    std::size_t& column = layout.column[static_cast<std::size_t>(found - names.begin())];
    if (column != column_layout::absent) {
      throw error(errc::bad_format, "two columns are called " + shown(*found), where, "rename or ignore one");
    }
    column = c;
  }
  return layout;
}

/// The columns as a list for people; the first few of many.
template <class Names>
std::string list_of(const Names& columns) {
  constexpr std::size_t most = 12;
  std::string out;
  for (std::size_t c = 0; c < std::min(columns.size(), most); ++c) out += (c == 0 ? "" : ", ") + shown(columns[c]);
  return out + (columns.size() > most ? ", ..." : "");
}

/// What an event must have must be there, and so must what the host called by a name of its own.
template <class Names>
void require_columns(const column_layout& layout, const read_options& options, const place& where,
                     const Names& columns) {
  const auto names = as_array(options.names);
  for (const part each : {part_user, part_item, part_time, part_action, part_value, part_key}) {
    const bool must = each <= part_time || (!names[each].empty() && names[each] != part_names[each]);
    if (!must || layout.column[each] != column_layout::absent || (each == part_time && options.times_from_order)) {
      continue;
    }
    throw error(errc::bad_format, "there is no column " + shown(names[each]) + "; there are: " + list_of(columns),
                where,
                each == part_time ? "name it with names or columns, or set times_from_order for a file in time order"
                                  : "name it with names, or name all columns with columns");
  }
}

/// What a MovieLens file is, as options for a delimited one.
inline read_options movielens_options(const read_options& given, std::string_view first_line, const place& where) {
  read_options options = given;
  if (options.unit == time_unit::automatic) options.unit = time_unit::seconds;
  options.columns = {"user", "item", "value", "time"};
  options.names = {};
  if (first_line.find('\t') != std::string_view::npos) {
    options.delimiter = '\t';
  } else if (first_line.find("::") != std::string_view::npos) {
    options.delimiter = 0;
  } else if (first_line == "userId,movieId,rating,timestamp") {
    options.delimiter = ',';
    options.columns.clear();
    options.names = {"userId", "movieId", "timestamp", "", "rating", ""};
  } else {
    throw error(errc::bad_format, shown(first_line) + " is not the first line of a MovieLens file", where,
                "u.data (tabs), ratings.dat (::) and ratings.csv are known; read others as delimited");
  }
  return options;
}

/// Reads a delimited file from its first line on.
class delimited_reader {
 public:
  delimited_reader(line_source& source, const read_options& options, read_report& report)
      : source_(source), options_(settled(source, options)), builder_(options_, source.name(), report) {}

  event_log read() {
    const std::string first_line(source_.record());
    source_.give_back();
    const std::string delimiter = choose_delimiter(first_line);
    record_splitter records(source_, delimiter);
    if (options_.columns.empty()) {
      records.next();
      layout_ = find_columns(records.fields(), as_array(options_.names), here());
      require_columns(layout_, options_, here(), records.fields());
    } else {
      layout_ = find_columns(options_.columns, part_names, here());
      require_columns(layout_, options_, here(), options_.columns);
    }
    for (bool more = true; more;) {
      try {
        more = records.next();
        if (more) add(records.fields());
      } catch (const error& e) {
        if (!builder_.leave_out(e)) throw;
      }
    }
    return builder_.finish();
  }

 private:
  // Goes to the first line with something in it and adapts the options to what they and that line say.
  static read_options settled(line_source& source, const read_options& given) {
    for (std::size_t i = 0; i < given.skip_lines && source.skip_line(); ++i) {
    }
    if (!source.next()) refuse_empty(source);
    read_options options = given;
    if (given.format == log_format::movielens) {
      return movielens_options(given, source.record(), {source.name(), source.line_number(), {}});
    }
    if (!options.columns.empty()) options.names = {};  // errors speak of the columns' names
    return options;
  }

  [[nodiscard]] place here() const { return {source_.name(), source_.line_number(), {}}; }

  [[nodiscard]] std::string choose_delimiter(std::string_view first_line) const {
    if (options_.delimiter != 0) return std::string(1, options_.delimiter);
    const std::string_view found = find_delimiter(first_line, options_.columns.size());
    if (found.empty()) {
      throw error(errc::bad_format, "there is no tab, '::', comma or semicolon in " + shown(first_line), here(),
                  "name the delimiter");
    }
    return std::string(found);
  }

  void add(const std::vector<std::string_view>& fields) {
    if (fields.size() != layout_.n_columns) {
      builder_.fail(source_.line_number(), "",
                    "has " + std::to_string(fields.size()) + " fields, not " + std::to_string(layout_.n_columns));
    }
    const auto text = [&](part which) {
      const std::size_t column = layout_.column[which];
      return column == column_layout::absent ? std::string_view{} : fields[column];
    };
    found_event e;
    e.user = text(part_user);
    e.item = text(part_item);
    e.action = text(part_action);
    e.key = text(part_key);
    if (!options_.times_from_order) e.time = parse_time(text(part_time));
    if (const std::string_view value = text(part_value); !value.empty()) {
      const std::optional<double> number = parse_number(value);
      if (!number) builder_.fail(source_.line_number(), options_.names.value, shown(value) + " is not a finite number");
      e.value = *number;
    }
    builder_.add(e, source_.line_number());
  }

  line_source& source_;
  read_options options_;
  event_builder builder_;
  column_layout layout_;
};

}  // namespace detail
TANDEM_END
