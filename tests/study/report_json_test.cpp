#if __has_include(<nlohmann/json.hpp>)  // an opt-in edge: without nlohmann_json there is nothing to test
#include "tandem/study/report_json.hpp"

#include <string>

#include "small_logs.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

void check_protocol(const nlohmann::ordered_json& json) {
  for (const std::string arm : {"batch", "batch_fold_in", "realtime", "realtime_ranked", "hybrid"}) {
    INFO(arm);
    const auto& figures = json.at("arms").at(arm);
    for (const std::string key : {"ndcg@10", "hr@10", "mrr", "coverage", "events_per_s", "peak_rss_mb", "cpu_s"}) {
      INFO(key);
      CHECK(figures.at(key).is_number());
    }
    for (const std::string key : {"decide_us", "learn_us"}) {
      CHECK(figures.at(key).at("p50").is_number());
      CHECK(figures.at(key).at("p99").is_number());
    }
    CHECK(figures.at("ndcg@10_interval").size() == 2);
    CHECK(figures.at("hr@10").get<double>() >= figures.at("ndcg@10").get<double>());
  }
  for (const std::string source : {"neighbours", "live_affinity"}) {
    CHECK(json.at("sources").at(source).at("ndcg@10").is_number());
    CHECK(json.at("sources").at(source).at("hr@10").is_number());
  }
  for (const std::string with :
       {"hybrid/batch", "hybrid/batch_fold_in", "hybrid/realtime", "hybrid/realtime_ranked", "hybrid/best_source"}) {
    INFO(with);
    CHECK(json.at("ratios").at(with).is_number());
    CHECK(json.at("ratio_intervals").at(with).size() == 2);
    CHECK(json.at("differences").at(with).is_number());
  }
  CHECK(json.at("best_source") == "neighbours");
  CHECK(json.at("served_by").at("blend") == 0.75);
}

}  // namespace

TEST_CASE("the JSON report has every key it promises, for both protocols") {
  const nlohmann::ordered_json json = to_json(small_report());
  CHECK(json.at("dataset") == "small.csv");
  CHECK(json.at("events") == 1200);
  CHECK(json.at("users") == 20);
  CHECK(json.at("items") == 50);
  CHECK(json.at("seed") == 7);
  CHECK(json.at("version") == TANDEM_VERSION_STRING);
  CHECK(json.at("options").at("every") == 1);
  CHECK(json.at("options").at("refits") == 12);
  CHECK(json.at("options").at("repeat_items") == true);
  CHECK(json.at("options").at("actions").empty());
  CHECK(json.at("options").at("value_as_weight") == false);
  CHECK(json.at("notes").empty());
  check_protocol(json);
  check_protocol(json.at("next_visit"));
}

TEST_CASE("the JSON report is the same for the same study, and can be read back") {
  const std::string text = to_json(small_report()).dump(2);
  CHECK(text == to_json(small_report()).dump(2));
  CHECK(nlohmann::ordered_json::parse(text).dump(2) == text);
}

TEST_CASE("what actions count, and what the log says and the study does not use, stands in the JSON") {
  study_report report = small_report();
  report.options.actions = {{"view", 1}, {"return", -1}};
  report.value_as_weight = true;
  report.notes = {"All is well."};
  const auto json = nlohmann::json::parse(to_json(report).dump());
  CHECK(json.at("options").at("actions") == nlohmann::json{{"view", 1}, {"return", -1}});
  CHECK(json.at("options").at("value_as_weight") == true);
  CHECK(json.at("notes") == nlohmann::json::array({"All is well."}));
}

TEST_CASE("a figure that the data does not give is null, not a number") {
  study_report report = small_report();
  report.next_event.comparisons.front().ratio = {};
  const auto json = nlohmann::json::parse(to_json(report).dump());
  CHECK(json.at("ratios").at("hybrid/batch").is_null());
}
#endif
