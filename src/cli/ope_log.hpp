#pragma once
// The log of `tandem ope`: a table of numbers by column name, and another policy's probabilities out of its own log.

#include <functional>
#include <optional>
#include <string>

#include "tandem/core/progress.hpp"
#include "tandem/evaluation/doubly_robust.hpp"

namespace tandem_cli {

/// Which columns hold what; empty: not there.
struct ope_columns {
  std::string reward = "reward";
  std::string propensity = "propensity";
  std::string target;     ///< the probability of the logged action under the policy in question
  std::string predicted;  ///< a model's reward of the logged action
  std::string expected;   ///< and of the policy in question
  std::string item;
  std::string position;
  std::string mean_of;  ///< a file: target = its mean propensity of the record's item, as a share of its position
};

/// One line.
struct ope_record {
  tandem::evaluation::logged_reward logged;
  std::optional<tandem::evaluation::predicted_reward> predicted;
};

/// Reads CSV or TSV with a header, a line at a time, in constant memory but for the table of `mean_of`.
/// Errors: io_error; bad_format, naming file, line and column; invalid_argument, naming the line, for what `use`
/// refuses.
void read_ope_log(const std::string& path, const ope_columns& columns, const tandem::progress& progress,
                  const std::function<void(const ope_record&)>& use);

}  // namespace tandem_cli
