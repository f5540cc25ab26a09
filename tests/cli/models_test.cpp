#include "models.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "id_list.hpp"
#include "support/catch.hpp"
#include "tandem/batch/ials.hpp"

using namespace tandem_cli;

namespace {

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const CLI::ValidationError& e) {
    return e.what();
  }
  return "not refused";
}

tandem::interactions small_log() {
  std::vector<tandem::interaction> events;
  for (std::uint32_t k = 0; k < 60; ++k) {
    events.push_back({tandem::user_index{k % 12}, tandem::item_index{(k * 7 + k / 12) % 9}, 1.0F, {}});
  }
  return tandem::interactions::from_events(events, 12, 9, tandem::merge_rule::binary);
}

}  // namespace

TEST_CASE("every model has a name of its own and fits a log into what scores a history") {
  std::set<std::string> names;
  for (const model_kind& kind : model_kinds()) {
    INFO(kind.name);
    CHECK(names.insert(kind.name).second);
    CHECK(kind.settle(nlohmann::ordered_json::object()) == kind.defaults);
    const any_model model = kind.fit(small_log(), kind.defaults, {}, {});
    CHECK(model.n_items() == 9);
    std::vector<float> scores(9, -1.0F);
    const std::vector<tandem::item_index> history = {tandem::item_index{0}, tandem::item_index{7}};
    model.score_history(history, std::vector<float>(2, 1.0F), scores);
    CHECK(std::count(scores.begin(), scores.end(), -1.0F) == 0);
  }
}

TEST_CASE("models that can be saved come back, and rank as before") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "tandem_models_test";
  for (const model_kind& kind : model_kinds()) {
    if (!kind.saved) continue;
    INFO(kind.name);
    std::filesystem::remove_all(folder);
    const tandem::interactions log = small_log();
    const any_model model = kind.fit(log, kind.defaults, {}, {});
    tandem::model_notes notes;
    for (int u = 0; u < 12; ++u) notes.users.push_back("u" + std::to_string(u));
    model.save_to(folder, notes);
    const tandem::saved_model saved = tandem::load_model(folder);
    REQUIRE(saved.factors.n_users() == 12);
    REQUIRE(saved.factors.n_items() == 9);
    const tandem::user_index user{3};
    std::vector<tandem::item_index> history;
    for (const std::uint32_t i : log.items_of(user).index) history.push_back(tandem::item_index{i});
    std::vector<float> before(9);
    std::vector<float> after(9);
    model.score_history(history, std::vector<float>(history.size(), 1.0F), before);
    saved.factors.score(saved.factors.user_factors(user), after);
    for (std::size_t i = 0; i < 9; ++i) CHECK(after[i] == Approx(before[i]).margin(1e-4));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("options are those of the model, in its own types") {
  const auto chosen = choose_model({"ials", {{"rank", "16"}, {"alpha0", "1e-1"}, {"solver", "block"}, {"seed", "7"}}});
  CHECK(chosen.options["rank"] == 16);
  CHECK(chosen.options["alpha0"] == 0.1);
  CHECK(chosen.options["solver"] == "block");
  CHECK(chosen.options["epochs"] == tandem::batch::ials_options{}.epochs);
  CHECK(chosen.seed() == 7);
  CHECK(choose_model({"popularity", {}}).seed() == 0);
  CHECK(refusal([] { (void)choose_model({"popularity", {{"rank", "16"}}}); }).find("--rank: ") == 0);
  CHECK(refusal([] { (void)choose_model({"ials", {{"init_stddev", "0"}}}); }).find("--init-stddev: must lie in") == 0);
  CHECK(refusal([] { (void)choose_model({"ials", {{"rank", "[16]"}}}); }).find("--rank: is of type string") == 0);
  CHECK(refusal([] { (void)choose_model({"ials", {{"steps", "2"}}}); }).find("--steps: ") == 0);
}

TEST_CASE("every option of a model that a command line may set is one of its options") {
  CLI::App app;
  model_arguments asked;
  add_model_options(app, asked);
  for (const CLI::Option* each : app.get_options()) {
    std::string key = each->get_name().substr(2);
    std::replace(key.begin(), key.end(), '-', '_');
    if (key == "help" || key == "model") continue;
    INFO(key);
    CHECK(std::any_of(model_kinds().begin(), model_kinds().end(),
                      [&](const model_kind& kind) { return kind.defaults.contains(key); }));
  }
}

TEST_CASE("lists of ids are words between commas, or JSON") {
  using ids = std::vector<std::string>;
  CHECK(ids_in("--items", "").empty());
  CHECK(ids_in("--items", "a") == ids{"a"});
  CHECK(ids_in("--items", "a, b,c") == ids{"a", " b", "c"});
  CHECK(ids_in("--items", R"(["a,b", "[c"])") == ids{"a,b", "[c"});
  CHECK(refusal([] { (void)ids_in("--items", "a,,b"); }) == "--items: names an empty id");
  CHECK(refusal([] { (void)ids_in("--items", "a,"); }) == "--items: names an empty id");
  CHECK(refusal([] { (void)ids_in("--items", "[\"a\""); }).find("--items: is no JSON array of strings: not JSON") == 0);
  CHECK(refusal([] { (void)ids_in("--items", "[1]"); }).find("--items: is no JSON array of strings") == 0);
}
