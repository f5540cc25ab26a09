#include "models.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <tuple>
#include <type_traits>
#include <utility>

#include "log_arguments.hpp"
#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/early_stopping.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
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

// Ranges in which a learner's options are searched; equal ends leave an option to --ranges.
template <class Options>
using tuned_options = std::vector<batch::tuned_option<Options>>;

// Fits early-stopped models, where the learner can stop early.
template <class Options, class Fit>
batch::search_result<Options> search(std::span<const batch::tuning_fold> folds, const Fit& fit, const Options& start,
                                     const tuned_options<Options>& ranges, const batch::search_options& options,
                                     executor_ref executor, const progress& report) {
  if constexpr (std::is_same_v<Options, batch::ials_options>) {
    const auto judge = [&](const batch::tuning_fold& fold, const Options& tried, const progress& inside) {
      const auto stopped = batch::fit_ials_until_stale(fold.train, fold.judge, tried, {}, executor, inside);
      return batch::tuning_score{stopped.ndcg, stopped.epochs};
    };
    return batch::search<Options>(folds, start, ranges, options, judge, report);
  } else {
    return batch::tune<Options>(folds, fit, start, ranges, options, executor, report);
  }
}

// The options of `all` that `keys` names, in the ranges it gives.
template <class Options>
tuned_options<Options> ranges_of(const tuned_options<Options>& all, std::span<const tuned_key> keys) {
  tuned_options<Options> out;
  for (const tuned_key& each : keys) {
    for (const batch::tuned_option<Options>& option : all) {
      if (each.key == option.name) out.push_back({option.name, option.member, each.range, option.scale});
    }
  }
  return out;
}

// `fit` takes a log, Options, an executor and a progress callback, and gives a batch::history_model.
template <class Options, class Fit>
model_kind kind_of(const char* name, Fit fit, const tuned_options<Options>& tuned = {}) {
  model_kind out;
  out.name = name;
  out.defaults = tandem::to_json(Options{});
  for (const batch::tuned_option<Options>& each : tuned) out.tuned.push_back({each.name, each.range});
  out.settle = [](const ordered_json& given) { return tandem::to_json(tandem::from_json<Options>(given)); };
  out.fit = [fit](const interactions& log, const ordered_json& options, executor_ref executor, const progress& report) {
    return any_model(fit(log, tandem::from_json<Options>(options), executor, report));
  };
  if constexpr (requires(const Options& options) { options.validate(); }) {
    out.tune = [fit, tuned](std::span<const batch::tuning_fold> folds, const ordered_json& options,
                            std::span<const tuned_key> keys, const batch::search_options& how, executor_ref executor,
                            const progress& report) {
      const auto start = tandem::from_json<Options>(options);
      const auto found = search<Options>(folds, fit, start, ranges_of(tuned, keys), how, executor, report);
      std::vector<tuned_setting> trials;
      for (const auto& each : found.trials) trials.push_back({tandem::to_json(each.options), each.ndcg});
      return trials;
    };
  }
  return out;
}

batch::popularity count(const interactions& log, no_options, executor_ref, const progress&) {
  return batch::popularity(log);
}

model_kind ials_kind() {
  using options = batch::ials_options;
  model_kind out = kind_of<options>("ials", [](const auto&... each) { return batch::fit_ials(each...); },
                                    {{"alpha0", &options::alpha0, {0.01F, 1.0F}},
                                     {"regularization", &options::regularization, {0.0003F, 0.1F}},
                                     {"nu", &options::nu, {1, 1}, batch::tuning_scale::linear},
                                     {"rank", &options::rank, {64, 64}}});
  out.finds_epochs = true;
  out.knows_dislikes = true;
  return out;
}

model_kind ease_kind() {
  using options = batch::ease_options;
  return kind_of<options>("ease", batch::fit_ease,
                          {{"regularization", &options::regularization, {10, 10000}},
                           {"dropout", &options::dropout, {0, 0}, batch::tuning_scale::linear}});
}

model_kind item_knn_kind() {
  using options = batch::item_knn_options;
  return kind_of<options>("item-knn", batch::fit_item_knn,
                          {{"neighbours", &options::neighbours, {10, 1000}},
                           {"shrinkage", &options::shrinkage, {0, 200}, batch::tuning_scale::linear},
                           {"k1", &options::k1, {100, 100}},
                           {"b", &options::b, {0.8F, 0.8F}, batch::tuning_scale::linear}});
}

model_kind bpr_kind() {
  using options = batch::bpr_options;
  return kind_of<options>("bpr", batch::fit_bpr,
                          {{"learning_rate", &options::learning_rate, {0.005F, 0.1F}},
                           {"regularization", &options::regularization, {0.001F, 0.1F}},
                           {"epochs", &options::epochs, {100, 100}},
                           {"rank", &options::rank, {64, 64}}});
}

model_kind biased_mf_kind() {
  model_kind out = kind_of<batch::biased_mf_options>("biased-mf", batch::fit_biased_mf);
  out.of_ratings = true;
  return out;
}

// An option of some model: its key, what stands for its value in the help, and the help.
struct option_text {
  const char* key;
  const char* type;
  const char* help;
};

constexpr std::array option_texts = {
    option_text{"rank", "K", "Latent factors"},
    option_text{"alpha0", "X", "Weight of what was not observed"},
    option_text{"regularization", "X", "Lambda: larger fits the log less closely"},
    option_text{"bias_regularization", "X", "Lambda of the biases"},
    option_text{"dropout", "X", "How much harder popular items are held back"},
    option_text{"nu", "X", "How the penalty grows with a row's history, 0 to 1"},
    option_text{"learning_rate", "X", "Length of a step"},
    option_text{"epochs", "N", "Passes over the log"},
    option_text{"init_stddev", "X", "Length of the random vectors it starts from"},
    option_text{"solver", "NAME", "How rows are solved: cholesky, conjugate_gradient or block"},
    option_text{"steps", "N", "Steps of the conjugate gradient"},
    option_text{"block", "N", "Factors solved at once by block"},
    option_text{"precision", "NAME",
                "What vectors are held in while rows are solved: float32, or with cholesky bfloat16"},
    option_text{"neighbours", "N", "Items kept as neighbours of each item"},
    option_text{"shrinkage", "X", "Holds back likeness that rests on few users"},
    option_text{"weighting", "NAME", "How a pair counts: none, tf_idf or bm25"},
    option_text{"normalize", "BOOL", "Whether likeness is a cosine"},
    option_text{"k1", "X", "How late a weight saturates in bm25"},
    option_text{"b", "X", "How far popularity counts against an item in bm25"},
    option_text{"max_bytes", "N", "Bytes that the fit may take; it is refused beyond"},
    option_text{"seed", "S", "Seed of everything random: same seed, same model"},
};

// An option that has a meaning with one value of another only.
struct option_needs {
  const char* key;
  const char* other;
  const char* value;
};

constexpr std::array needs = {option_needs{"steps", "solver", "conjugate_gradient"},
                              option_needs{"block", "solver", "block"}, option_needs{"k1", "weighting", "bm25"},
                              option_needs{"b", "weighting", "bm25"}};

// A JSON value as it is typed.
std::string text_of(const ordered_json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Lines of at most 56 columns, which is what stands beside the options: CLI11 2.1 does not wrap.
std::string wrapped(const std::string& text) {
  constexpr std::size_t columns = 56;
  std::string out;
  std::size_t used = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool fits = used == 0 || used + 1 + word.size() <= columns;
    if (used > 0) out += fits ? " " : "\n";
    used = used > 0 && fits ? used + 1 + word.size() : word.size();
    out += word;
  }
  return out;
}

// The models that have an option, and their defaults: "ials, bpr: 64; biased-mf: 32".
std::string defaults_of(const std::string& key) {
  std::vector<std::pair<std::string, std::string>> groups;  // value, models
  for (const model_kind& kind : model_kinds()) {
    if (!kind.defaults.contains(key)) continue;
    std::string value = text_of(kind.defaults[key]);
    if (value.size() > 2 && value.ends_with(".0")) value.resize(value.size() - 2);
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& each) { return each.first == value; });
    if (same == groups.end()) {
      groups.emplace_back(value, kind.name);
    } else {
      same->second += ", " + kind.name;
    }
  }
  std::string out;
  for (const auto& [value, models] : groups) out += (out.empty() ? "" : "; ") + models + ": " + value;
  return out;
}

// A number or a boolean where it reads as one, else text; the model's options say which they want.
ordered_json value_of(const std::string& text) {
  ordered_json out = ordered_json::parse(text, nullptr, false);
  return out.is_number() || out.is_boolean() ? out : ordered_json(text);
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

std::string option_name(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

const std::vector<model_kind>& model_kinds() {
  static const std::vector<model_kind> kinds = {
      ials_kind(), ease_kind(), item_knn_kind(), bpr_kind(), biased_mf_kind(), kind_of<no_options>("popularity", count),
  };
  return kinds;
}

void add_model_options(CLI::App& command, model_arguments& asked) {
  const std::vector<std::string> names = names_of(model_kinds());
  command.add_option("--model", asked.name, wrapped("What to fit: " + as_list(names) + " (ials)"))
      ->type_name("NAME")
      ->check(CLI::IsMember(names).description(""))
      ->group("The model");
  for (const option_text& each : option_texts) {
    command
        .add_option_function<std::string>(
            option_name(each.key),
            [&asked, key = std::string(each.key)](const std::string& text) { asked.given[key] = text; },
            wrapped(std::string(each.help) + " (" + defaults_of(each.key) + ")"))
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
  for (const option_needs& each : needs) {
    if (!given.contains(each.key)) continue;
    const std::string value = text_of(given.contains(each.other) ? given[each.other] : found->defaults[each.other]);
    if (value == each.value) continue;
    refuse(option_name(each.key), "is for " + option_name(each.other) + " " + each.value + ": leave it out");
  }
  try {
    return {*found, found->settle(given)};
  } catch (const tandem::error& e) {
    refuse(option_name(e.where().field), e.message() + (e.remedy().empty() ? "" : "; " + e.remedy()));
  }
}

}  // namespace tandem_cli
