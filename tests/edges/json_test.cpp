#if __has_include(<nlohmann/json.hpp>)
#include "tandem/json.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using Catch::Matchers::Contains;

namespace {

struct inner {
  float small = 0.1F;
  std::uint8_t byte = 7;
};

enum class colour : std::uint16_t { red, green };

// One field of every type that has a JSON form.
struct everything {
  bool flag = true;
  int whole = -3;
  std::uint64_t count = 5;
  double real = 0.25;
  std::string text = "a";
  std::vector<std::string> words = {"x", "y"};
  std::vector<inner> parts = {};
  std::vector<std::pair<std::string, double>> named = {{"view", 1}};
  duration wait = std::chrono::seconds(2);
  timestamp moment = from_millis(-7);
  colour tint = colour::green;
  inner nested = {};
  online::any_policy policy = online::greedy{};
};

struct checked {
  int positive = 1;
  void validate() const {
    if (positive <= 0) throw error(errc::invalid_argument, "must be above 0", {{}, 0, "positive"}, "give 1 or more");
  }
};

template <class Code>
error failure(Code&& code) {
  try {
    code();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return error(errc::cancelled, "");
}

template <class T>
error refused(std::string_view text) {
  return failure([&] { (void)from_json<T>(text); });
}

template <class T>
void round_trip(const T& value) {
  const std::string text = to_json(value).dump();
  CHECK(to_json(from_json<T>(std::string_view(text))).dump() == text);
}

}  // namespace

TANDEM_BEGIN
template <>
struct json_fields<inner> {
  static constexpr auto list = std::tuple{json_field{"small", &inner::small}, json_field{"byte", &inner::byte}};
};
template <>
struct json_fields<everything> {
  using type = everything;
  static constexpr auto list = std::tuple{
      json_field{"flag", &type::flag},        json_field{"whole", &type::whole}, json_field{"count", &type::count},
      json_field{"real", &type::real},        json_field{"text", &type::text},   json_field{"words", &type::words},
      json_field{"parts", &type::parts},      json_field{"named", &type::named}, json_field{"wait_ms", &type::wait},
      json_field{"moment_ms", &type::moment}, json_field{"tint", &type::tint},   json_field{"nested", &type::nested},
      json_field{"policy", &type::policy},
  };
};
template <>
struct json_fields<checked> {
  static constexpr auto list = std::tuple{json_field{"positive", &checked::positive}};
};
TANDEM_END

// what makes a field that is not listed fail to build
static_assert(detail::json::n_fields<everything>() == 13);
static_assert(detail::json::n_fields<inner>() == 2);
static_assert(detail::json::n_fields<online::greedy>() == 0);

TEST_CASE("every type of field is written in the struct's order") {
  CHECK(to_json(everything{}).dump() ==
        R"({"flag":true,"whole":-3,"count":5,"real":0.25,"text":"a","words":["x","y"],"parts":[],)"
        R"("named":{"view":1.0},"wait_ms":2000,"moment_ms":-7,"tint":1,"nested":{"small":0.1,"byte":7},)"
        R"("policy":{"kind":"greedy"}})");
}

TEST_CASE("every type of field is read") {
  const auto read = from_json<everything>(std::string_view(R"({
    "flag": false, "whole": -9, "count": 18446744073709551615, "real": 1e-3, "text": "ü\n", "words": ["z"],
    "parts": [{"byte": 1}, {"small": 2}], "named": {"buy": 5, "hide": -1}, "wait_ms": 1, "moment_ms": -9000000000000,
    "tint": 0, "nested": {"byte": 255}, "policy": {"kind": "softmax", "temperature": 3}})"));
  CHECK_FALSE(read.flag);
  CHECK(read.whole == -9);
  CHECK(read.count == std::numeric_limits<std::uint64_t>::max());
  CHECK(read.real == 1e-3);
  CHECK(read.text == "\xc3\xbc\n");
  CHECK(read.words == std::vector<std::string>{"z"});
  REQUIRE(read.parts.size() == 2);
  CHECK(read.parts[0].byte == 1);
  CHECK(read.parts[0].small == 0.1F);
  CHECK(read.parts[1].small == 2.0F);
  CHECK(read.named == std::vector<std::pair<std::string, double>>{{"buy", 5}, {"hide", -1}});
  CHECK(read.wait == duration(1));
  CHECK(to_millis(read.moment) == -9000000000000);
  CHECK(read.tint == colour::red);
  CHECK(read.nested.byte == 255);
  CHECK(std::get<online::softmax>(read.policy.kind()).temperature == 3);
  round_trip(read);
}

TEST_CASE("keys that are left out keep their default") {
  CHECK(to_json(from_json<everything>(std::string_view("{}"))) == to_json(everything{}));
  CHECK(from_json<everything>(std::string_view(R"({"nested": {}})")).nested.byte == 7);
}

TEST_CASE("what is written reads back bit for bit") {
  random_stream random(1);
  for (int i = 0; i < 20000; ++i) {
    everything value;
    value.real = (random.uniform() - 0.5) * std::pow(10.0, static_cast<double>(random.below(600)) - 300);
    value.nested.small =
        static_cast<float>((random.uniform() - 0.5) * std::pow(10.0, static_cast<double>(random.below(70)) - 35));
    value.count = random();
    value.whole = static_cast<int>(random());
    value.moment = from_millis(static_cast<std::int64_t>(random()));
    const std::string text = to_json(value).dump();
    const auto read = from_json<everything>(std::string_view(text));
    REQUIRE(read.real == value.real);
    REQUIRE(read.nested.small == value.nested.small);
    REQUIRE(read.count == value.count);
    REQUIRE(read.whole == value.whole);
    REQUIRE(read.moment == value.moment);
  }
}

TEST_CASE("infinity has a name, and what is not a number is refused") {
  everything value;
  value.real = -std::numeric_limits<double>::infinity();
  value.nested.small = std::numeric_limits<float>::infinity();
  const std::string text = to_json(value).dump();
  CHECK(text.find(R"("real":"-infinity")") != std::string::npos);
  const auto read = from_json<everything>(std::string_view(text));
  CHECK(read.real == value.real);
  CHECK(read.nested.small == value.nested.small);
  value.nested.small = std::numeric_limits<float>::quiet_NaN();
  const error e = failure([&] { (void)to_json(value); });
  CHECK(e.code() == errc::not_finite);
  CHECK(e.where().field == "nested.small");
}

TEST_CASE("an unknown key is refused by its path, with the nearest known ones") {
  const error e = refused<everything>(R"({"nested": {"smal": 1}})");
  CHECK(e.code() == errc::bad_format);
  CHECK(e.where().field == "nested.smal");
  CHECK(e.remedy() == "nearest known: 'small', 'byte'");
  CHECK(refused<everything>(R"({"wait": 1})").remedy().rfind("nearest known: 'wait_ms'", 0) == 0);
  CHECK(refused<everything>(R"({"Flag": true})").remedy().rfind("nearest known: 'flag'", 0) == 0);
  CHECK(refused<everything>(R"({"parts": [{}, {"": 1}]})").where().field == "parts[1].");
  CHECK(refused<everything>(R"({"policy": {"kind": "greedy", "epsilon": 1}})").where().field == "policy.epsilon");
}

TEST_CASE("a value of the wrong type, or beyond its range, is refused by name") {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"flag": 1})", "flag"},
      {R"({"flag": "true"})", "flag"},
      {R"({"flag": null})", "flag"},
      {R"({"whole": 1.5})", "whole"},
      {R"({"whole": 1e3})", "whole"},
      {R"({"whole": 2147483648})", "whole"},
      {R"({"whole": "3"})", "whole"},
      {R"({"count": -1})", "count"},
      {R"({"count": 18446744073709551616})", "count"},
      {R"({"real": "1"})", "real"},
      {R"({"real": "inf"})", "real"},
      {R"({"real": null})", "real"},
      {R"({"text": 3})", "text"},
      {R"({"words": "x"})", "words"},
      {R"({"words": ["x", 3]})", "words[1]"},
      {R"({"parts": {}})", "parts"},
      {R"({"parts": [3]})", "parts[0]"},
      {R"({"parts": [{"byte": 256}]})", "parts[0].byte"},
      {R"({"named": [["view", 1]]})", "named"},
      {R"({"named": {"view": "1"}})", "named.view"},
      {R"({"wait_ms": "2s"})", "wait_ms"},
      {R"({"wait_ms": 0.5})", "wait_ms"},
      {R"({"moment_ms": 9223372036854775808})", "moment_ms"},
      {R"({"tint": 65536})", "tint"},
      {R"({"tint": "red"})", "tint"},
      {R"({"nested": []})", "nested"},
      {R"({"nested": {"small": 1e39}})", "nested.small"},
      {R"({"policy": "greedy"})", "policy"},
      {R"({"policy": {}})", "policy.kind"},
      {R"({"policy": {"kind": 3}})", "policy.kind"},
      {R"({"policy": {"kind": "gready"}})", "policy.kind"},
      {R"({"policy": {"kind": "softmax", "temperature": true}})", "policy.temperature"},
  };
  for (const auto& [text, field] : cases) {
    INFO(text);
    const error e = refused<everything>(text);
    CHECK(e.code() == errc::bad_format);
    CHECK(e.where().field == field);
  }
  CHECK(refused<everything>(R"({"policy": {"kind": "gready"}})").remedy().rfind("nearest known: 'greedy'", 0) == 0);
  CHECK(refused<everything>("[]").code() == errc::bad_format);
}

TEST_CASE("what is not JSON is refused with its line, and a key given twice by its name") {
  CHECK(refused<everything>("{\n\"flag\": true,\n}").where().line == 3);
  for (const char* text :
       {"", "{", "{} {}", "{'flag': true}", "{\"flag\": tru}", "\xff", "{\"real\": 1e999}", "nul", "// comment\n{}"}) {
    INFO(text);
    CHECK(refused<everything>(text).code() == errc::bad_format);
  }
  CHECK(refused<everything>(R"({"flag": true, "flag": false})").where().field == "flag");
  CHECK(refused<everything>(R"({"nested": {"byte": 1}, "named": {"a": 1, "b": 2, "a": 3}})").where().field == "a");
  // the same key in two objects is not twice
  CHECK(from_json<everything>(std::string_view(R"({"parts": [{"byte": 1}, {"byte": 2}]})")).parts.size() == 2);
  // deep nesting is refused, not recursed into
  CHECK(refused<everything>(std::string(200000, '[')).code() == errc::bad_format);
  CHECK(refused<everything>(std::string(200000, '[') + std::string(200000, ']')).code() == errc::bad_format);
}

TEST_CASE("damaged JSON text is read or refused, never worse") {
  const std::string whole = to_json(everything{}).dump();
  random_stream random(2);
  int bad = 0;
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text = whole;
    for (std::uint64_t i = 0; i <= random.below(3); ++i) text[random.below(text.size())] = static_cast<char>(random());
    try {
      (void)from_json<everything>(std::string_view(text));
    } catch (const error& e) {
      ++bad;
      CHECK(e.code() == errc::bad_format);
    }
  }
  CHECK(bad > 2500);
}

TEST_CASE("a struct that validates itself is validated when read") {
  CHECK(from_json<checked>(std::string_view(R"({"positive": 3})")).positive == 3);
  const error e = refused<checked>(R"({"positive": 0})");
  CHECK(e.code() == errc::invalid_argument);
  CHECK(e.where().field == "positive");
}

TEST_CASE("files are named in errors, and saved files load") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "options.json").string();
  everything value;
  value.whole = 12;
  save_json(value, path);
  CHECK(load_json<everything>(path).whole == 12);

  std::ofstream(path) << "{\n\n  \"whole\": \n}";
  const error broken = failure([&] { (void)load_json<everything>(path); });
  CHECK(broken.where().file == path);
  CHECK(broken.where().line == 4);
  std::ofstream(path) << R"({"hole": 1})";
  CHECK(std::string(failure([&] { (void)load_json<everything>(path); }).what()) ==
        path + ": field 'hole': there is no such key; nearest known: 'whole', 'flag', 'count'");
  std::remove(path.c_str());
  CHECK(failure([&] { (void)load_json<everything>(path); }).code() == errc::io_error);
  CHECK(failure([&] { save_json(value, path + "/no/such/place"); }).code() == errc::io_error);
}

TEST_CASE("nlohmann's own conversions go through the same reading and writing") {
  everything value;
  value.whole = 99;
  const nlohmann::json json = value;
  CHECK(json.at("whole") == 99);
  CHECK(json.get<everything>().whole == 99);
  const nlohmann::ordered_json ordered = std::vector<everything>{value};
  CHECK(ordered.at(0).at("wait_ms") == 2000);
  CHECK(failure([] { (void)nlohmann::json::parse(R"({"hole": 1})").get<everything>(); }).where().field == "hole");
}

TEST_CASE("every policy has a JSON form") {
  hybrid::slate_options options;
  for (const online::any_policy& policy :
       {online::any_policy(online::thompson{0.5, 17}), online::any_policy(online::greedy{}),
        online::any_policy(online::epsilon_greedy{0.125}), online::any_policy(online::softmax{2}),
        online::any_policy(online::linear_ucb{0.5, 0.25}), online::any_policy(online::inverse_gap{7})}) {
    options.policy = policy;
    const auto read = from_json<hybrid::slate_options>(std::string_view(to_json(options).dump()));
    CHECK(read.policy.name() == policy.name());
    round_trip(options);
  }
  CHECK(to_json(options.policy).dump() == R"({"kind":"inverse_gap","gamma":7.0})");
}

TEST_CASE("rules of a page come from JSON as they are written, and are validated") {
  const auto read = from_json<page_rules>(std::string_view(R"({
    "only_with": ["stock=yes"], "caps": [{"attribute": "category", "most": 2}, {"attribute": "product"}],
    "boosts": [{"fact": "campaign=summer", "by": 0.5}], "diversity": {"kind": "mmr", "lambda": 0.25}})"));
  CHECK(read.only_with == std::vector<std::string>{"stock=yes"});
  REQUIRE(read.caps.size() == 2);
  CHECK(read.caps[0].most == 2);
  CHECK(read.caps[1].most == 1);
  CHECK(read.boosts.at(0).by == 0.5);
  CHECK(read.diversity.kind == diversity_kind::mmr);
  round_trip(read);
  round_trip(page_rules{});
  CHECK(refused<page_rules>(R"({"caps": [{"attribute": "a", "most": 0}]})").where().field == "rules.caps[0].most");
  CHECK(refused<page_rules>(R"({"diversity": {"kind": "mrm"}})").remedy().rfind("nearest known: 'mmr'", 0) == 0);
  CHECK(refused<page_rules>(R"({"only": ["a=b"]})").remedy().rfind("nearest known: 'only_with'", 0) == 0);
}

TEST_CASE("rewards of actions come from JSON as they are declared, and are validated") {
  const auto read = from_json<online::reward_shaping_options>(std::string_view(
      R"({"actions": [{"action": "click", "cap": 1}, {"action": "buy", "weight": 5, "window_ms": 1000}], "highest": 6})"));
  REQUIRE(read.actions.size() == 2);
  CHECK(read.actions[0].window == std::chrono::hours(24));
  CHECK(read.actions[1].weight == 5);
  CHECK(read.actions[1].window == duration{1000});
  CHECK(std::isinf(read.actions[1].cap));
  round_trip(read);
  CHECK(refused<online::reward_shaping_options>(R"({"actions": [{"action": "a", "cup": 1}]})").where().field ==
        "actions[0].cup");
  CHECK(failure([] {
          (void)from_json<online::reward_shaping_options>(std::string_view(R"({"actions": [{"action": ""}]})"));
        })
            .where()
            .field == "actions[0].action");
}

TEST_CASE("an enum with names is written and read by its name") {
  batch::ials_options options;
  options.solver = batch::ials_solver::block;
  options.block = 16;
  options.steps = 5;
  CHECK(to_json(options)["solver"] == "block");
  const auto again = from_json<batch::ials_options>(to_json(options));
  CHECK(again.solver == batch::ials_solver::block);
  CHECK(again.block == 16);
  CHECK(again.steps == 5);
  const error unknown = refused<batch::ials_options>(R"({"solver": "conjugate"})");
  CHECK(unknown.where().field == "solver");
  CHECK(unknown.remedy().rfind("nearest known: 'conjugate_gradient'", 0) == 0);
  CHECK(refused<batch::ials_options>(R"({"solver": 1})").remedy() == "give a name, as a string");
  CHECK_THROWS_AS(to_json(batch::ials_options{.solver = static_cast<batch::ials_solver>(9)}), error);
}

TEST_CASE("options of the batch learners come back as they were, and are validated") {
  round_trip(batch::ease_options{.regularization = 0.1F, .dropout = 0.3F, .max_bytes = 1ULL << 40U});
  round_trip(batch::item_knn_options{.weighting = batch::item_weighting::bm25, .neighbours = 7, .k1 = 1.2F, .b = 0.7F});
  round_trip(batch::bpr_options{.rank = 3, .learning_rate = 0.1F, .epochs = 9, .seed = 1ULL << 63U});
  round_trip(batch::biased_mf_options{.rank = 0, .bias_regularization = 0.7F, .nu = 0});
  CHECK(to_json(batch::item_knn_options{})["weighting"] == "tf_idf");
  CHECK(to_json(batch::item_knn_options{})["normalize"] == true);
  CHECK(refused<batch::item_knn_options>(R"({"weighting": "tfidf"})").remedy().rfind("nearest known: 'tf_idf'", 0) ==
        0);
  CHECK(refused<batch::item_knn_options>(R"({"normalize": 1})").where().field == "normalize");
  CHECK(refused<batch::ease_options>(R"({"regularization": 0})").where().field == "regularization");
  CHECK(refused<batch::ease_options>(R"({"lambda": 1})").where().field == "lambda");
  CHECK(refused<batch::bpr_options>(R"({"learning_rate": -1})").where().field == "learning_rate");
  CHECK(refused<batch::biased_mf_options>(R"({"rank": 2000})").where().field == "rank");
}

TEST_CASE("engine options come back as they were, and are validated") {
  round_trip(engine_options{});
  const auto read = from_json<engine_options>(std::string_view(R"({
    "rank": 32, "seed": 7, "actions": {"view": 1, "purchase": 5, "dislike": -1}, "ials": {"alpha0": 0.3},
    "blender": {"rate": 0.1}, "slate": {"policy": {"kind": "thompson", "scale": 0.5}}, "reward_window_ms": 60000,
    "max_logged_decisions": 5, "max_facts": 6, "channel_fact": "channel", "segment_fact": "kind"})"));
  CHECK(read.rank == 32);
  CHECK(read.max_logged_decisions == 5);
  CHECK(read.max_facts == 6);
  CHECK(read.channel_fact == "channel");
  CHECK(read.segment_fact == "kind");
  CHECK(read.actions.size() == 3);
  CHECK(read.actions[1] == std::pair<std::string, double>{"purchase", 5});
  CHECK(read.ials.alpha0 == 0.3F);
  CHECK(read.ials.epochs == engine_options{}.ials.epochs);
  CHECK(read.blender.rate == 0.1);
  CHECK(read.reward_window == std::chrono::minutes(1));
  round_trip(read);
  CHECK(refused<engine_options>(R"({"rank": 0})").code() == errc::invalid_argument);
  CHECK(refused<engine_options>(R"({"ials": {"epoch": 3}})").remedy().rfind("nearest known: 'epochs'", 0) == 0);
}

TEST_CASE("reports come back as they were") {
  engine_stats stats;
  stats.events = 12;
  stats.position = log_position{99};
  stats.newest = from_millis(-3);
  stats.leader = "blend";
  stats.half_learned = 3;
  stats.ignored_facts = 4;
  stats.failed_answers = 5;
  stats.late_rewards = 6;
  stats.evicted_decisions = 7;
  round_trip(stats);
  CHECK(from_json<engine_stats>(std::string_view(to_json(stats).dump())).position == log_position{99});

  evaluation::ranking_total ranking(10);
  ranking.add(3.0);
  ranking.add(evaluation::missed);
  round_trip(ranking.report());
  round_trip(evaluation::catalogue_total(3).report());
  round_trip(evaluation::bootstrap_options{});
  round_trip(evaluation::bootstrap_mean(std::vector<double>{1, 2, 4}));
  evaluation::inverse_propensity ips;
  ips.add({1, .5, .25});
  ips.add({0, .25, .5});
  round_trip(ips.estimate());
  CHECK(to_json(evaluation::interval{1, 2}).dump() == R"({"low":1.0,"high":2.0})");
}
#endif

TEST_CASE("what is known of a user, and what was erased, come back as they were") {
  user_data known;
  known.user = "ada";
  known.names = {"ada", "visitor 7"};
  known.consent = false;
  known.events = {
      {"ada", "tea", "buy", 2.5, from_millis(17), "order 1", decision_id{4}, {{"device", "phone"}, {"", ""}}}};
  known.answers = {{decision_id{4}, "visitor 7", from_millis(16), true, true, {{"tea", 0.25F, 0.5}}, {}}};
  const std::string text = to_json(known).dump();
  CHECK(to_json(from_json<user_data>(text)).dump() == text);
  CHECK(from_json<user_data>(text).events[0].context == known.events[0].context);
  CHECK(from_json<user_data>(text).answers[0].given);
  CHECK_THROWS_WITH(from_json<user_data>(R"({"events": [{"context": [["a"]]}]})"),
                    Contains("events[0].context[0]") && Contains("two strings"));
  const erasure_receipt erased{"ada", from_millis(5), {7, 5, 2, 1, 3}, entry_number{90}};
  CHECK(from_json<erasure_receipt>(to_json(erased).dump()).text() == erased.text());
  const open_report opened{entry_number{3}, 4, 1, 2, {"snapshot 1 is passed over"}};
  CHECK(from_json<open_report>(to_json(opened).dump()).problems == opened.problems);
}

TEST_CASE("JSON nested deeper than anything of ours is refused before it is copied") {
  const auto refusal = [](std::size_t levels) {
    const std::string text = "{\"nested\": " + std::string(levels, '[') + std::string(levels, ']') + "}";
    try {
      (void)from_json<everything>(std::string_view(text));
    } catch (const error& e) {
      return e.message();
    }
    return std::string("accepted");
  };
  CHECK(refusal(200000).find("deeper than 100 levels") != std::string::npos);
  CHECK(refusal(50).find("deeper") == std::string::npos);
}
