#pragma once
// Options and reports to and from JSON; opt in by linking tandem::json.
//
// Reading is strict: a key that is not known, a key given twice, a value of the wrong type or beyond its type's range
// is an error that names the field. Keys that are left out keep their default, so a file states only what differs.
// Times are milliseconds and say so: "reward_window_ms". Infinity is the string "infinity". Writing gives every field
// in the struct's order, and what is written reads back to the same values, bit for bit.

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/data/page_rules.hpp"
#include "tandem/detail/json_fields.hpp"
#include "tandem/engine.hpp"
#include "tandem/evaluation/bootstrap.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/online/reward_join.hpp"
#include "tandem/online/reward_shaping.hpp"

TANDEM_BEGIN

/// Whatever this header, or a json_fields<T> of the host's own, gives a JSON form.
template <class T>
concept json_mapped = json_listed<T> || json_kinds<T>;

/// A struct as JSON, fields in their order. As text: `to_json(options).dump(2)`.
/// Threads: pure. Errors: not_finite for a NaN; invalid_argument for an action named twice.
template <json_mapped T>
[[nodiscard]] nlohmann::ordered_json to_json(const T& value) {
  return detail::json::write_value<nlohmann::ordered_json>(value, {});
}

/// A struct from parsed JSON (nlohmann::json or ordered_json), validated when it has validate().
/// Parsing keeps one of two equal keys without a word: prefer the overload for text.
/// Threads: pure. Errors: bad_format, naming the field and what would be right; invalid_argument from validate().
template <json_mapped T, class Json>
requires requires(const Json& json) { json.is_object(); }
[[nodiscard]] T from_json(const Json& json) {
  T value{};
  detail::json::read_value(json, value, {});
  if constexpr (requires { value.validate(); }) value.validate();
  return value;
}

/// A struct from JSON text. @param file  named in errors; empty = none.
/// Threads: pure. Errors: as above; bad_format with the line for what is not JSON, or a key given twice.
template <json_mapped T>
[[nodiscard]] T from_json(std::string_view text, const std::string& file = {}) {
  try {
    return from_json<T>(detail::json::parse<nlohmann::ordered_json>(text));
  } catch (const error& e) {
    if (file.empty()) throw;
    throw error(e.code(), e.message(), {file, e.where().line, e.where().field}, e.remedy());
  }
}

/// A struct from a JSON file. Errors: as above, naming the file; io_error when it cannot be read.
template <json_mapped T>
[[nodiscard]] T load_json(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && !in.eof()) throw error(errc::io_error, "cannot be read", {.file = path});
  return from_json<T>(std::string_view(text), path);
}

/// Writes a struct to a file as indented JSON. Errors: as to_json(); io_error when it cannot be written.
template <json_mapped T>
void save_json(const T& value, const std::string& path) {
  const std::string text = to_json(value).dump(2) + "\n";
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out.good()) throw error(errc::io_error, "cannot be written", {.file = path});
}

// ---- the fields -------------------------------------------------------------------------------------------------

template <>
struct json_names<batch::ials_solver> {
  using enum batch::ials_solver;
  static constexpr std::array list = {std::pair{"cholesky", cholesky},
                                      std::pair{"conjugate_gradient", conjugate_gradient}, std::pair{"block", block}};
};

template <>
struct json_names<batch::ials_precision> {
  using enum batch::ials_precision;
  static constexpr std::array list = {std::pair{"float32", float32}, std::pair{"bfloat16", bfloat16}};
};

template <>
struct json_fields<batch::ials_options> {
  using type = batch::ials_options;
  static constexpr auto list = std::tuple{
      json_field{"rank", &type::rank},
      json_field{"alpha0", &type::alpha0},
      json_field{"regularization", &type::regularization},
      json_field{"nu", &type::nu},
      json_field{"epochs", &type::epochs},
      json_field{"warm_epochs", &type::warm_epochs},
      json_field{"init_stddev", &type::init_stddev},
      json_field{"solver", &type::solver},
      json_field{"steps", &type::steps},
      json_field{"block", &type::block},
      json_field{"precision", &type::precision},
      json_field{"seed", &type::seed},
  };
};

template <>
struct json_fields<batch::ease_options> {
  using type = batch::ease_options;
  static constexpr auto list = std::tuple{
      json_field{"regularization", &type::regularization},
      json_field{"dropout", &type::dropout},
      json_field{"max_bytes", &type::max_bytes},
  };
};

template <>
struct json_fields<batch::next_item_ridge_options> {
  using type = batch::next_item_ridge_options;
  static constexpr auto list = std::tuple{
      json_field{"regularization", &type::regularization},
      json_field{"decay", &type::decay},
      json_field{"window", &type::window},
      json_field{"by_visit", &type::by_visit},
      json_field{"half_life", &type::half_life},
      json_field{"max_items", &type::max_items},
      json_field{"max_bytes", &type::max_bytes},
  };
};

template <>
struct json_names<batch::item_weighting> {
  using enum batch::item_weighting;
  static constexpr std::array list = {std::pair{"none", none}, std::pair{"tf_idf", tf_idf}, std::pair{"bm25", bm25}};
};

template <>
struct json_fields<batch::item_knn_options> {
  using type = batch::item_knn_options;
  static constexpr auto list = std::tuple{
      json_field{"weighting", &type::weighting},
      json_field{"normalize", &type::normalize},
      json_field{"shrinkage", &type::shrinkage},
      json_field{"neighbours", &type::neighbours},
      json_field{"k1", &type::k1},
      json_field{"b", &type::b},
  };
};

template <>
struct json_fields<batch::bpr_options> {
  using type = batch::bpr_options;
  static constexpr auto list = std::tuple{
      json_field{"rank", &type::rank},
      json_field{"learning_rate", &type::learning_rate},
      json_field{"regularization", &type::regularization},
      json_field{"epochs", &type::epochs},
      json_field{"init_stddev", &type::init_stddev},
      json_field{"seed", &type::seed},
  };
};

template <>
struct json_fields<batch::biased_mf_options> {
  using type = batch::biased_mf_options;
  static constexpr auto list = std::tuple{
      json_field{"rank", &type::rank},
      json_field{"regularization", &type::regularization},
      json_field{"bias_regularization", &type::bias_regularization},
      json_field{"nu", &type::nu},
      json_field{"epochs", &type::epochs},
      json_field{"init_stddev", &type::init_stddev},
      json_field{"seed", &type::seed},
  };
};

template <>
struct json_fields<hybrid::live_affinity_options> {
  using type = hybrid::live_affinity_options;
  static constexpr auto list = std::tuple{
      json_field{"recency", &type::recency},
      json_field{"items", &type::items},
  };
};

template <>
struct json_fields<online::sequence_options> {
  using type = online::sequence_options;
  static constexpr auto list = std::tuple{
      json_field{"window", &type::window},
      json_field{"around_decay", &type::around_decay},
      json_field{"after_decay", &type::after_decay},
      json_field{"half_life", &type::half_life},
      json_field{"max_neighbours", &type::max_neighbours},
  };
};

template <>
struct json_fields<hybrid::blender_options> {
  using type = hybrid::blender_options;
  static constexpr auto list = std::tuple{
      json_field{"rate", &type::rate},
      json_field{"proposals", &type::proposals},
      json_field{"leader_decay", &type::leader_decay},
      json_field{"guard", &type::guard},
  };
};

template <>
struct json_fields<hybrid::ranker_options> {
  using type = hybrid::ranker_options;
  static constexpr auto list = std::tuple{
      json_field{"choices", &type::choices},
      json_field{"others", &type::others},
      json_field{"depth", &type::depth},
  };
};

template <>
struct json_fields<online::thompson> {
  using type = online::thompson;
  static constexpr auto list = std::tuple{json_field{"scale", &type::scale}, json_field{"support", &type::support}};
};

template <>
struct json_fields<online::greedy> {
  static constexpr auto list = std::tuple{};
};

template <>
struct json_fields<online::epsilon_greedy> {
  static constexpr auto list = std::tuple{json_field{"epsilon", &online::epsilon_greedy::epsilon}};
};

template <>
struct json_fields<online::softmax> {
  static constexpr auto list = std::tuple{json_field{"temperature", &online::softmax::temperature}};
};

template <>
struct json_fields<online::linear_ucb> {
  using type = online::linear_ucb;
  static constexpr auto list = std::tuple{json_field{"alpha", &type::alpha}, json_field{"epsilon", &type::epsilon}};
};

template <>
struct json_fields<online::inverse_gap> {
  static constexpr auto list = std::tuple{json_field{"gamma", &online::inverse_gap::gamma}};
};

/// {"kind": "thompson", "scale": 1, ...}
template <>
struct json_fields<online::any_policy> {
  using kinds = online::any_policy::variant;
  static const kinds& get(const online::any_policy& policy) { return policy.kind(); }
};

template <>
struct json_names<online::join_rule> {
  using enum online::join_rule;
  static constexpr std::array list = {std::pair{"sum", sum}, std::pair{"mean", mean}, std::pair{"earliest", earliest},
                                      std::pair{"max", max}};
};

template <>
struct json_fields<online::action_reward> {
  using type = online::action_reward;
  static constexpr auto list = std::tuple{
      json_field{"action", &type::action},
      json_field{"weight", &type::weight},
      json_field{"cap", &type::cap},
      json_field{"window_ms", &type::window},
  };
};

template <>
struct json_fields<online::reward_shaping_options> {
  using type = online::reward_shaping_options;
  static constexpr auto list = std::tuple{
      json_field{"actions", &type::actions},
      json_field{"lowest", &type::lowest},
      json_field{"highest", &type::highest},
  };
};

template <>
struct json_fields<hybrid::slate_options> {
  using type = hybrid::slate_options;
  static constexpr auto list = std::tuple{
      json_field{"policy", &type::policy},
      json_field{"pool", &type::pool},
  };
};

template <>
struct json_fields<attribute_cap> {
  using type = attribute_cap;
  static constexpr auto list = std::tuple{json_field{"attribute", &type::attribute}, json_field{"most", &type::most}};
};

template <>
struct json_fields<score_boost> {
  using type = score_boost;
  static constexpr auto list =
      std::tuple{json_field{"fact", &type::fact}, json_field{"item", &type::item}, json_field{"by", &type::by}};
};

template <>
struct json_names<diversity_kind> {
  using enum diversity_kind;
  static constexpr std::array list = {std::pair{"none", none}, std::pair{"mmr", mmr}, std::pair{"dpp", dpp}};
};

template <>
struct json_fields<diversity_rule> {
  using type = diversity_rule;
  static constexpr auto list = std::tuple{
      json_field{"kind", &type::kind},
      json_field{"lambda", &type::lambda},
      json_field{"theta", &type::theta},
  };
};

template <>
struct json_fields<page_rules> {
  using type = page_rules;
  static constexpr auto list = std::tuple{
      json_field{"only_with", &type::only_with}, json_field{"never_with", &type::never_with},
      json_field{"caps", &type::caps},           json_field{"boosts", &type::boosts},
      json_field{"diversity", &type::diversity},
  };
};

template <>
struct json_fields<engine_options> {
  using type = engine_options;
  static constexpr auto list = std::tuple{
      json_field{"rank", &type::rank},
      json_field{"seed", &type::seed},
      json_field{"actions", &type::actions},
      json_field{"exclude_seen", &type::exclude_seen},
      json_field{"sources", &type::sources},
      json_field{"channel_fact", &type::channel_fact},
      json_field{"segment_fact", &type::segment_fact},
      json_field{"ials", &type::ials},
      json_field{"ridge", &type::ridge},
      json_field{"live", &type::live},
      json_field{"sequence", &type::sequence},
      json_field{"blender", &type::blender},
      json_field{"ranker", &type::ranker},
      json_field{"slate", &type::slate},
      json_field{"reward_window_ms", &type::reward_window},
      json_field{"default_reward", &type::default_reward},
      json_field{"lateness_ms", &type::lateness},
      json_field{"max_ahead_ms", &type::max_ahead},
      json_field{"max_pending_decisions", &type::max_pending_decisions},
      json_field{"max_logged_decisions", &type::max_logged_decisions},
      json_field{"max_event_keys", &type::max_event_keys},
      json_field{"max_facts", &type::max_facts},
      json_field{"max_events", &type::max_events},
  };
};

template <>
struct json_fields<engine_stats> {
  using type = engine_stats;
  static constexpr auto list = std::tuple{
      json_field{"events", &type::events},
      json_field{"duplicates", &type::duplicates},
      json_field{"late", &type::late},
      json_field{"rejected", &type::rejected},
      json_field{"half_learned", &type::half_learned},
      json_field{"ignored_facts", &type::ignored_facts},
      json_field{"decisions", &type::decisions},
      json_field{"rewards", &type::rewards},
      json_field{"duplicate_rewards", &type::duplicate_rewards},
      json_field{"unknown_rewards", &type::unknown_rewards},
      json_field{"failed_answers", &type::failed_answers},
      json_field{"unlogged_answers", &type::unlogged_answers},
      json_field{"failed_checkpoints", &type::failed_checkpoints},
      json_field{"late_rewards", &type::late_rewards},
      json_field{"expired_decisions", &type::expired_decisions},
      json_field{"evicted_decisions", &type::evicted_decisions},
      json_field{"refits", &type::refits},
      json_field{"failed_refits", &type::failed_refits},
      json_field{"model_version", &type::model_version},
      json_field{"users", &type::users},
      json_field{"items", &type::items},
      json_field{"retired_items", &type::retired_items},
      json_field{"pending_decisions", &type::pending_decisions},
      json_field{"position", &type::position},
      json_field{"model_position", &type::model_position},
      json_field{"newest_ms", &type::newest},
      json_field{"has_ranker", &type::has_ranker},
      json_field{"leader", &type::leader},
  };
};

template <>
struct json_fields<recommended_item> {
  using type = recommended_item;
  static constexpr auto list = std::tuple{
      json_field{"item", &type::item},
      json_field{"score", &type::score},
      json_field{"propensity", &type::propensity},
  };
};

template <>
struct json_fields<told_event> {
  using type = told_event;
  static constexpr auto list = std::tuple{
      json_field{"user", &type::user},         json_field{"item", &type::item},
      json_field{"action", &type::action},     json_field{"value", &type::value},
      json_field{"time_ms", &type::time},      json_field{"key", &type::key},
      json_field{"decision", &type::decision}, json_field{"context", &type::context},
  };
};

template <>
struct json_fields<told_answer> {
  using type = told_answer;
  static constexpr auto list = std::tuple{
      json_field{"id", &type::id},           json_field{"user", &type::user},   json_field{"time_ms", &type::time},
      json_field{"shadow", &type::shadow},   json_field{"given", &type::given}, json_field{"items", &type::items},
      json_field{"context", &type::context},
  };
};

template <>
struct json_fields<user_data> {
  using type = user_data;
  static constexpr auto list = std::tuple{
      json_field{"user", &type::user},     json_field{"names", &type::names},     json_field{"consent", &type::consent},
      json_field{"events", &type::events}, json_field{"answers", &type::answers},
  };
};

template <>
struct json_fields<erased_counts> {
  using type = erased_counts;
  static constexpr auto list = std::tuple{
      json_field{"entries", &type::entries},     json_field{"events", &type::events},
      json_field{"decisions", &type::decisions}, json_field{"names", &type::names},
      json_field{"snapshots", &type::snapshots},
  };
};

template <>
struct json_fields<erasure_receipt> {
  using type = erasure_receipt;
  static constexpr auto list = std::tuple{
      json_field{"user", &type::user},
      json_field{"asked_ms", &type::asked},
      json_field{"counts", &type::counts},
      json_field{"up_to", &type::up_to},
  };
};

template <>
struct json_fields<open_report> {
  using type = open_report;
  static constexpr auto list = std::tuple{
      json_field{"from", &type::from},         json_field{"replayed", &type::replayed},
      json_field{"refitted", &type::refitted}, json_field{"decided_otherwise", &type::decided_otherwise},
      json_field{"problems", &type::problems},
  };
};

template <>
struct json_fields<evaluation::interval> {
  using type = evaluation::interval;
  static constexpr auto list = std::tuple{json_field{"low", &type::low}, json_field{"high", &type::high}};
};

template <>
struct json_fields<evaluation::ranking_report> {
  using type = evaluation::ranking_report;
  static constexpr auto list = std::tuple{
      json_field{"k", &type::k},
      json_field{"n", &type::n},
      json_field{"ndcg", &type::ndcg},
      json_field{"recall", &type::recall},
      json_field{"precision", &type::precision},
      json_field{"map", &type::map},
      json_field{"mrr", &type::mrr},
  };
};

template <>
struct json_fields<evaluation::catalogue_report> {
  using type = evaluation::catalogue_report;
  static constexpr auto list = std::tuple{
      json_field{"slates", &type::slates},     json_field{"shown", &type::shown},
      json_field{"coverage", &type::coverage}, json_field{"gini", &type::gini},
      json_field{"novelty", &type::novelty},
  };
};

template <>
struct json_fields<evaluation::bootstrap_options> {
  using type = evaluation::bootstrap_options;
  static constexpr auto list = std::tuple{
      json_field{"confidence", &type::confidence},
      json_field{"resamples", &type::resamples},
      json_field{"seed", &type::seed},
  };
};

template <>
struct json_fields<evaluation::bootstrap_estimate> {
  using type = evaluation::bootstrap_estimate;
  static constexpr auto list = std::tuple{
      json_field{"value", &type::value},
      json_field{"range", &type::range},
      json_field{"n", &type::n},
      json_field{"clusters", &type::clusters},
  };
};

template <>
struct json_fields<evaluation::off_policy_estimate> {
  using type = evaluation::off_policy_estimate;
  static constexpr auto list = std::tuple{
      json_field{"value", &type::value},
      json_field{"standard_error", &type::standard_error},
      json_field{"range", &type::range},
      json_field{"n", &type::n},
      json_field{"effective_sample_size", &type::effective_sample_size},
      json_field{"largest_weight", &type::largest_weight},
      json_field{"mean_weight", &type::mean_weight},
      json_field{"mean_weight_error", &type::mean_weight_error},
      json_field{"overlap", &type::overlap},
      json_field{"cut_weight", &type::cut_weight},
      json_field{"mean_inverse_propensity", &type::mean_inverse_propensity},
      json_field{"mean_inverse_propensity_error", &type::mean_inverse_propensity_error},
  };
};

TANDEM_END

/// `nlohmann::json j = options;` and `j.get<tandem::engine_options>()`, as to_json() and from_json() do it.
template <tandem::json_mapped T>
struct nlohmann::adl_serializer<T> {
  template <class Json>
  static void to_json(Json& json, const T& value) {
    json = tandem::detail::json::write_value<Json>(value, {});
  }
  template <class Json>
  static void from_json(const Json& json, T& value) {
    value = tandem::from_json<T>(json);
  }
};
