#pragma once
// How a file of events is to be read, and what came of it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN

/// How a log is written down.
enum class log_format : std::uint8_t {
  /// u.data (tab), ratings.csv or ratings.dat (::), told apart by their first line. Times are seconds.
  movielens,
  /// One event a line, fields between delimiters. Between commas or semicolons a field may stand in double quotes, a
  /// quote inside it doubled, and then hold delimiters and line ends (RFC 4180).
  delimited,
  /// One JSON object a line. Needs nlohmann_json: include "tandem/data/jsonl_reader.hpp" and call read_jsonl().
  jsonl,
};

/// What a time that is a plain number counts. Text like 2011-12-09T12:50:00Z is understood with any of them.
enum class time_unit : std::uint8_t {
  /// Decided once a file from its first 1000 such times: milliseconds if any of them is 1e11 or more from zero (in
  /// seconds that is the year 5138, in milliseconds 1973), else seconds. Name the unit for files that lie near 1970.
  automatic,
  seconds,
  milliseconds,
};

/// What the parts of an event are called in a header line or a JSON object.
struct field_names {
  std::string user = "user";
  std::string item = "item";
  std::string time = "time";
  std::string action = "action";
  std::string value = "value";
  std::string key = "key";
};

/// Options of the readers. A default-constructed object reads a delimited file with a header line.
struct read_options {
  log_format format = log_format::delimited;

  // ---- how the file is laid out ---------------------------------------------------------------------------------
  /// Delimited: what each column is, in order: user, item, time, action, value, key, or "-" for one to ignore. The file
  /// then has no header line. Empty = the first line is a header, read with `names`.
  std::vector<std::string> columns = {};
  /// Delimited: 0 = whichever of tab, "::", comma and semicolon fits the first line best.
  char delimiter = 0;
  /// Delimited: leave out this many lines at the start.
  std::size_t skip_lines = 0;
  /// Columns of a header line, and keys of JSON objects; others are ignored. A column that is called by a name of your
  /// own must be there.
  field_names names = {};

  // ---- what it means --------------------------------------------------------------------------------------------
  time_unit unit = time_unit::automatic;
  /// Event n gets the time n seconds, n from 0; a time in the file is not read. For files that are in order and have no
  /// time. Without this, an event without a time is an error.
  bool times_from_order = false;
  /// The weight of an event is its value (the rating, the quantity); otherwise 1.
  bool value_as_weight = false;
  /// The action of events that name none.
  std::string action = "view";

  // ---- trouble --------------------------------------------------------------------------------------------------
  /// Leave out lines that cannot be read and count them, instead of stopping at the first.
  bool skip_bad = false;
  /// A longer line cannot be read. Bounds the memory that a file without line ends takes.
  std::size_t max_line_bytes = std::size_t{1} << 20U;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// One line that was left out.
struct bad_line {
  place where;
  std::string reason;
};

/// What reading a file came to.
struct read_report {
  std::uint64_t lines = 0;          ///< lines of text in the file, header and empty ones included
  std::uint64_t events = 0;         ///< events read
  std::uint64_t duplicates = 0;     ///< left out because an earlier event has the same key
  std::uint64_t bad = 0;            ///< left out because they cannot be read
  std::vector<bad_line> first_bad;  ///< the first 20 of those
};

TANDEM_END
