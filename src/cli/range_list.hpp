#pragma once
// Ranges of options in one word of the command line.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "log_arguments.hpp"
#include "models.hpp"
#include "tandem/detail/parse_text.hpp"

namespace tandem_cli {

/// "alpha0=0.01:1,init-stddev=0.1:1"; dashes or underscores. Nothing for the empty text.
/// Ends with exit code 2 for what is not KEY=LOW:HIGH with LOW below HIGH, and for a key that is named twice.
[[nodiscard]] inline std::vector<tuned_key> ranges_in(const std::string& option, const std::string& list) {
  std::vector<tuned_key> out;
  for (std::size_t from = 0; !list.empty() && from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    const std::string word = list.substr(from, end - from);
    from = end + 1;
    const std::size_t sign = word.find('=');
    const std::size_t colon = word.find(':', sign == std::string::npos ? word.size() : sign);
    std::optional<double> low;
    std::optional<double> high;
    if (colon != std::string::npos) {
      low = tandem::detail::parse_number(word.substr(sign + 1, colon - sign - 1));
      high = tandem::detail::parse_number(word.substr(colon + 1));
    }
    const auto fits = [](const std::optional<double>& x) {
      return x && std::abs(*x) <= static_cast<double>(std::numeric_limits<float>::max());
    };
    if (sign == 0 || !fits(low) || !fits(high) || !(static_cast<float>(*low) < static_cast<float>(*high))) {
      refuse(option, "'" + word + "' is not OPTION=LOW:HIGH with LOW below HIGH, e.g. alpha0=0.01:1");
    }
    std::string key = word.substr(0, sign);
    std::replace(key.begin(), key.end(), '-', '_');
    if (std::any_of(out.begin(), out.end(), [&](const tuned_key& each) { return each.key == key; })) {
      refuse(option, "names '" + key + "' twice");
    }
    out.push_back({key, {static_cast<float>(*low), static_cast<float>(*high)}});
  }
  return out;
}

}  // namespace tandem_cli
