#pragma once
// What the programs that benchmarks/peers/ runs share: their command line, and the middle of many figures.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

/// COMMAND [FILE] [--option value]...
struct arguments {
  std::string command, file;
  std::map<std::string, std::string> options;

  arguments(int argc, char** argv) {
    for (int a = 1; a < argc; ++a) {
      if (std::strncmp(argv[a], "--", 2) == 0 && a + 1 < argc) {
        options[argv[a] + 2] = argv[a + 1];
        ++a;
      } else if (command.empty()) {
        command = argv[a];
      } else {
        file = argv[a];
      }
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    const auto at = options.find(name);
    return at == options.end() ? otherwise : at->second;
  }
  [[nodiscard]] double number(const std::string& name, double otherwise) const {
    const auto at = options.find(name);
    return at == options.end() ? otherwise : std::stod(at->second);
  }
  [[nodiscard]] std::size_t count(const std::string& name, std::size_t otherwise) const {
    return static_cast<std::size_t>(number(name, static_cast<double>(otherwise)));
  }
};

/// The value below which a share of the values lies.
inline double quantile(std::vector<double>& values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

inline double median(std::vector<double> values) { return quantile(values, 0.5); }
