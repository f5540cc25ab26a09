#pragma once
// Reads logs of events written as JSON Lines, one object a line. An opt-in edge: needs nlohmann_json.

#include <filesystem>
#include <iosfwd>
#include <string_view>

#include "tandem/data/readers.hpp"

TANDEM_BEGIN

/// Reads a log of JSON objects, one a line, with the keys options.names; other keys are ignored. Ids may be strings or
/// integers, times numbers or ISO 8601 text, values numbers; null is as good as absent.
/// All else as read_events(); of the options, those for delimited files are not used.
[[nodiscard]] event_log read_jsonl(const std::filesystem::path& path, const read_options& options = {},
                                   read_report* report = nullptr, const progress& callback = {});

/// As above from a stream; `name` stands for the file in errors.
[[nodiscard]] event_log read_jsonl(std::istream& in, std::string_view name, const read_options& options = {},
                                   read_report* report = nullptr, const progress& callback = {});

TANDEM_END

#include "tandem/detail/jsonl_reader_impl.hpp"
