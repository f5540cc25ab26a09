#pragma once
// Reads logs of events from files: MovieLens as published, and delimited text (CSV, TSV). JSON Lines: jsonl_reader.hpp.

#include <filesystem>
#include <iosfwd>
#include <string_view>

#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/read_options.hpp"

TANDEM_BEGIN

/// Reads a log in file order. Text is UTF-8, with or without a byte order mark; lines end with LF or CRLF; empty lines
/// are passed over. Ids are taken as they stand, spaces included. A line cannot be read when: its number of fields is
/// wrong, its user or item is empty, an id is longer than max_id_bytes or not UTF-8, its time or value is not a finite
/// number in range, a quote is not closed, or it ends in the middle.
/// @param report  filled in, also when reading fails; may be null.
/// @param callback  hears of bytes done and in all (stage "read"), four times a megabyte.
/// Complexity: one pass; one block and one line in memory beside the result. Threads: thread-safe (no state).
/// Errors: io_error (cannot be opened or read); bad_format with file, line and field (a line that cannot be read,
/// unless skip_bad; an empty file; a file of which no line can be read); invalid_argument (options); cancelled.
[[nodiscard]] event_log read_events(const std::filesystem::path& path, const read_options& options,
                                    read_report* report = nullptr, const progress& callback = {});

/// As above from a stream; `name` stands for the file in errors.
[[nodiscard]] event_log read_events(std::istream& in, std::string_view name, const read_options& options,
                                    read_report* report = nullptr, const progress& callback = {});

TANDEM_END

#include "tandem/detail/readers_impl.hpp"
