#pragma once
// Ids in one word of the command line.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "log_arguments.hpp"
#include "tandem/detail/json_fields.hpp"

namespace tandem_cli {

/// "a,b" or, for ids that hold commas, JSON: ["a,b"]. Nothing for the empty text.
/// Ends with exit code 2 for an empty id, and for JSON that is no array of strings.
[[nodiscard]] inline std::vector<std::string> ids_in(const std::string& option, const std::string& list) {
  std::vector<std::string> out;
  if (!list.empty() && list.front() == '[') {
    try {
      tandem::detail::json::read_value(tandem::detail::json::parse<nlohmann::ordered_json>(list), out, "");
    } catch (const tandem::error& e) {
      refuse(option, "is no JSON array of strings: " + e.message());
    }
  } else {
    for (std::size_t from = 0; !list.empty() && from <= list.size();) {
      const std::size_t end = std::min(list.find(',', from), list.size());
      out.push_back(list.substr(from, end - from));
      from = end + 1;
    }
  }
  if (std::find(out.begin(), out.end(), std::string()) != out.end()) refuse(option, "names an empty id");
  return out;
}

}  // namespace tandem_cli
