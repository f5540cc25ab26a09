#pragma once
// The models that `tandem fit` and `tandem evaluate` know by name, and their options on the command line.

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "any_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

namespace tandem_cli {

/// One learner. Its options are a JSON object with the keys of its options struct.
struct model_kind {
  std::string name;
  bool saved = false;  ///< `tandem fit` can save it
  nlohmann::ordered_json defaults;
  /// All options from those given, read strictly and validated. Errors: as tandem::from_json().
  std::function<nlohmann::ordered_json(const nlohmann::ordered_json&)> settle;
  std::function<any_model(const tandem::interactions&, const nlohmann::ordered_json&, tandem::executor_ref,
                          const tandem::progress&)>
      fit;
};

/// All of them. A new learner is one line in models.cpp, and one in its table for each option that is new here.
[[nodiscard]] const std::vector<model_kind>& model_kinds();

/// What was said of the model on the command line.
struct model_arguments {
  std::string name = "ials";
  std::map<std::string, std::string> given;  ///< text by key, of those that were named
};

/// Adds --model and every option of every model.
void add_model_options(CLI::App& command, model_arguments& asked);

/// A learner and all of its options.
struct chosen_model {
  const model_kind& kind;
  nlohmann::ordered_json options;

  /// The seed it draws from; 0 when it draws nothing.
  [[nodiscard]] std::uint64_t seed() const { return options.value("seed", std::uint64_t{0}); }
};

/// Ends with exit code 2 for an option that the model does not have, or a value that it does not take.
[[nodiscard]] chosen_model choose_model(const model_arguments& asked);

}  // namespace tandem_cli
