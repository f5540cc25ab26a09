#pragma once
// What `tandem bandit` learns from: contexts as numbers, and classes or logged rewards beside them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/core/progress.hpp"

namespace tandem_cli {

/// How columns become contexts, and how much of the file is read.
struct context_choice {
  std::vector<std::string> one_hot;  ///< columns whose numbers are names; "*" behind a prefix stands for several
  std::vector<std::string> ignore;   ///< columns to leave out; the same
  bool standardize = true;
  std::size_t limit = 0;  ///< rows; 0 = all
};

/// Contexts, a row each: every chosen column as a number, or as one 0 or 1 for each of its texts, and a constant 1.
struct context_table {
  std::size_t dimension = 0;
  std::vector<float> values;  ///< row by row

  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return std::span(values).subspan(i * dimension, dimension);
  }
};

/// A file of rows with a class each.
struct classified_rows {
  context_table contexts;
  std::vector<std::uint32_t> label;
  std::vector<std::string> classes;  ///< in order of appearance

  [[nodiscard]] std::size_t size() const { return label.size(); }
};

/// A log of decisions.
struct logged_rows {
  context_table contexts;
  std::vector<std::uint32_t> arm;
  std::vector<double> reward;
  std::vector<double> propensity;
  std::vector<std::string> arms;  ///< in order of appearance

  [[nodiscard]] std::size_t size() const { return arm.size(); }
};

/// Which columns of a log hold what.
struct logged_columns {
  std::string arm = "arm";
  std::string reward = "reward";
  std::string propensity = "propensity";
  std::vector<std::string> context;  ///< "*" behind a prefix stands for several
};

/// The most texts of a column, and the most classes or arms of a file.
inline constexpr std::size_t max_texts = 64;
inline constexpr std::size_t max_arms = 1024;
/// The longest context: 8 d^2 bytes an arm are needed.
inline constexpr std::size_t max_dimension = 2048;

/// Reads rows with a class; every column but the target is context. @param target  its column; empty = the last.
/// Errors: io_error; bad_format, naming file, line, column and what to do.
[[nodiscard]] classified_rows read_classified(const std::string& path, const std::string& target,
                                              const context_choice& chosen, const tandem::progress& progress);

/// Reads a log of decisions. Errors: the same; invalid_argument, naming the line, for a propensity outside (0, 1].
[[nodiscard]] logged_rows read_logged(const std::string& path, const logged_columns& columns,
                                      const context_choice& chosen, const tandem::progress& progress);

}  // namespace tandem_cli
