#include "models.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "log_arguments.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/json.hpp"

namespace tandem_cli {

/// For a learner that has none.
struct no_options {};

}  // namespace tandem_cli

template <>
struct tandem::json_fields<tandem_cli::no_options> {
  static constexpr auto list = std::tuple{};
};

namespace tandem_cli {
namespace {

using nlohmann::ordered_json;
using tandem::executor_ref;
using tandem::interactions;
using tandem::progress;
namespace batch = tandem::batch;

// `fit` takes a log, Options, an executor and a progress callback, and gives a batch::history_model.
template <class Options, class Fit>
model_kind kind_of(const char* name, Fit fit) {
  using model = decltype(fit(interactions{}, Options{}, executor_ref{}, progress{}));
  return {name, savable<model>, tandem::to_json(Options{}),
          [](const ordered_json& given) { return tandem::to_json(tandem::from_json<Options>(given)); },
          [fit](const interactions& log, const ordered_json& options, executor_ref executor, const progress& report) {
            return any_model(fit(log, tandem::from_json<Options>(options), executor, report));
          }};
}

batch::popularity count(const interactions& log, no_options, executor_ref, const progress&) {
  return batch::popularity(log);
}

// An option of some model: its key, what stands for its value in the help, and the help.
struct option_text {
  const char* key;
  const char* type;
  const char* help;
};

constexpr std::array option_texts = {
    option_text{"rank", "K", "Latent factors (64)"},
    option_text{"alpha0", "X", "Weight of what was not observed (0.1)"},
    option_text{"regularization", "X", "Lambda (0.003)"},
    option_text{"nu", "X", "How the penalty grows with a row's history (1), 0 to 1"},
    option_text{"epochs", "N", "Passes over users and items (8)"},
    option_text{"init_stddev", "X", "Length of the random vectors it starts from (0.1)"},
    option_text{"solver", "NAME", "How rows are solved: cholesky, conjugate_gradient or\nblock (cholesky)"},
    option_text{"steps", "N", "Steps of the conjugate gradient (3)"},
    option_text{"block", "N", "Factors solved at once by block (64)"},
    option_text{"seed", "S", "Seed of everything random (0): same seed, same model"},
};

std::string option_name(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

// A number where it reads as one, else text; the model's options say which they want.
ordered_json value_of(const std::string& text) {
  ordered_json out = ordered_json::parse(text, nullptr, false);
  return out.is_number() ? out : ordered_json(text);
}

// "--rank, --alpha0, ..." for those of a model that the command has.
std::string options_of(const model_kind& kind) {
  std::string out;
  for (const option_text& each : option_texts) {
    if (kind.defaults.contains(each.key)) out += (out.empty() ? "" : ", ") + option_name(each.key);
  }
  return out.empty() ? "it takes none" : "it takes " + out;
}

std::vector<std::string> names_of(const std::vector<model_kind>& kinds) {
  std::vector<std::string> out;
  out.reserve(kinds.size());
  for (const model_kind& each : kinds) out.push_back(each.name);
  return out;
}

std::string as_list(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t k = 0; k < names.size(); ++k) {
    out += (k == 0 ? "" : k + 1 == names.size() ? " or " : ", ") + names[k];
  }
  return out;
}

}  // namespace

const std::vector<model_kind>& model_kinds() {
  static const std::vector<model_kind> kinds = {
      kind_of<batch::ials_options>("ials", [](const auto&... each) { return batch::fit_ials(each...); }),
      kind_of<no_options>("popularity", count),
  };
  return kinds;
}

void add_model_options(CLI::App& command, model_arguments& asked) {
  const std::vector<std::string> names = names_of(model_kinds());
  command.add_option("--model", asked.name, "What to fit: " + as_list(names) + " (ials)")
      ->type_name("NAME")
      ->check(CLI::IsMember(names).description(""))
      ->group("The model");
  for (const option_text& each : option_texts) {
    command
        .add_option_function<std::string>(
            option_name(each.key),
            [&asked, key = std::string(each.key)](const std::string& text) { asked.given[key] = text; }, each.help)
        ->type_name(each.type)
        ->group("The model");
  }
}

chosen_model choose_model(const model_arguments& asked) {
  const auto& kinds = model_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const model_kind& each) { return each.name == asked.name; });
  ordered_json given = ordered_json::object();
  for (const auto& [key, text] : asked.given) {
    if (!found->defaults.contains(key)) {
      refuse(option_name(key), "is no option of the model " + found->name + "; " + options_of(*found));
    }
    given[key] = value_of(text);
  }
  const std::string solver = given.value("solver", std::string("cholesky"));
  if (given.contains("steps") && solver != "conjugate_gradient") {
    refuse("--steps", "is for --solver conjugate_gradient: leave it out");
  }
  if (given.contains("block") && solver != "block") refuse("--block", "is for --solver block: leave it out");
  try {
    return {*found, found->settle(given)};
  } catch (const tandem::error& e) {
    refuse(option_name(e.where().field), e.message() + (e.remedy().empty() ? "" : "; " + e.remedy()));
  }
}

}  // namespace tandem_cli
