#include "models.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "id_list.hpp"
#include "range_list.hpp"
#include "served_model.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/user_folds.hpp"

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

std::string failure_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const tandem::error& e) {
    return e.what();
  }
  return "did not fail";
}

template <class Model>
std::vector<float> scores_of(const Model& model, std::span<const tandem::item_index> items,
                             std::span<const float> weights) {
  std::vector<float> out(model.n_items(), -1.0F);
  model.score_history(items, weights, out);
  return out;
}

void check_close(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).margin(1e-4));
}

tandem::interactions small_log() {
  std::vector<tandem::interaction> events;
  for (std::uint32_t k = 0; k < 60; ++k) {
    events.push_back(
        {tandem::user_index{k % 12}, tandem::item_index{(k * 7 + k / 12) % 9}, static_cast<float>(1 + k % 5), {}});
  }
  return tandem::interactions::from_events(events, 13, 9, tandem::merge_rule::max);  // user 12 has nothing
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

TEST_CASE("every model can be saved, and serves as before") {
  const test_support::scratch here;
  const tandem::interactions log = small_log();
  const std::vector<tandem::item_index> history = {tandem::item_index{1}, tandem::item_index{4}};
  for (const model_kind& kind : model_kinds()) {
    INFO(kind.name);
    const std::filesystem::path folder = here.path / kind.name;
    const any_model model = kind.fit(log, kind.defaults, {}, {});
    tandem::model_notes notes;
    notes.learner = kind.name;
    notes.options = kind.defaults;
    for (int u = 0; u < 13; ++u) notes.users.push_back("u" + std::to_string(u));
    model.save_to(folder, notes);
    const served_model served(folder.string());
    CHECK(served.n_items() == 9);
    CHECK(served.notes().learner == kind.name);
    if (kind.of_ratings) {
      CHECK(failure_of([&] { (void)served.scores_of(history); }).find("how a history was rated") != std::string::npos);
    } else {
      check_close(served.scores_of(history), scores_of(model, history, std::vector<float>(2, 1.0F)));
    }
    if (served.n_users() == 0) {
      CHECK(failure_of([&] { served.require_users(); }).find("--items") != std::string::npos);
      continue;
    }
    served.require_users();
    CHECK(served.n_users() == 13);
    if (kind.name != "popularity") {
      CHECK(failure_of([&] { (void)served.scores_of(tandem::user_index{12}, "u12"); }).find("u12") !=
            std::string::npos);
    }
    if (kind.name == "bpr") continue;  // training stops short of what a fold-in solves
    const auto row = log.items_of(tandem::user_index{3});
    std::vector<tandem::item_index> taken;
    for (const std::uint32_t i : row.index) taken.push_back(tandem::item_index{i});
    check_close(served.scores_of(tandem::user_index{3}, "u3"), scores_of(model, taken, row.weight));
  }
}

TEST_CASE("a bpr model serves its users by the vectors of training") {
  const test_support::scratch here;
  const std::filesystem::path folder = here.path / "model";
  const tandem::interactions log = small_log();
  const auto model = tandem::batch::fit_bpr(log, {.rank = 4, .epochs = 3});
  tandem::model_notes notes;
  notes.learner = "bpr";
  save(folder, model, notes);
  const served_model served(folder.string());
  std::vector<float> expected(9);
  model.score(model.user_factors(tandem::user_index{5}), expected);
  check_close(served.scores_of(tandem::user_index{5}, "5"), expected);
  notes.options["regularization"] = -1;
  save(folder, model, notes);
  const served_model spoilt(folder.string());
  const std::vector<tandem::item_index> history = {tandem::item_index{1}};
  CHECK(failure_of([&] { (void)spoilt.scores_of(history); }).find("options.regularization") != std::string::npos);
}

TEST_CASE("a search finds settings of every model that has any, by key, and keeps the others") {
  const auto parts = tandem::batch::user_folds(small_log(), {.held_out_share = 0.5});
  const tandem::batch::validation judge(parts[0].known, parts[0].held_out);
  const tandem::batch::tuning_fold folds[] = {{parts[0].train, judge}};
  for (const model_kind& kind : model_kinds()) {
    INFO(kind.name);
    CHECK(kind.tuned.empty() == (kind.of_ratings || kind.name == "popularity"));
    for (const tuned_key& each : kind.tuned) {
      INFO(each.key);
      REQUIRE(kind.defaults.contains(each.key));
      if (!each.searched()) continue;
      const tuned_key key{each.key, {each.range.low, 2 * std::max(each.range.low, 1.0F)}};
      const auto trials = kind.tune(folds, kind.defaults, std::span(&key, 1), {.trials = 3}, {}, {});
      REQUIRE(trials.size() == 3);
      CHECK(failure_of([&] {
              (void)kind.tune(folds, kind.defaults, std::span(&key, 1), {}, {}, [](const auto&) { return false; });
            }).find("cancelled") != std::string::npos);
      for (const tuned_setting& trial : trials) {
        CHECK(trial.options[key.key].get<double>() >= static_cast<double>(key.range.low));
        CHECK(trial.options[key.key].get<double>() <= static_cast<double>(key.range.high));
        for (const auto& option : trial.options.items()) {
          if (option.key() != key.key && !(kind.finds_epochs && option.key() == "epochs")) {
            CHECK(option.value() == kind.defaults[option.key()]);
          }
        }
      }
    }
  }
}

TEST_CASE("an option's help names the models that take it, with their true defaults") {
  CLI::App app;
  model_arguments asked;
  add_model_options(app, asked);
  const auto help_of = [&](const char* name) {
    std::string out = app.get_option(name)->get_description();
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
  };
  CHECK(help_of("--rank").find("(ials, bpr: 64; biased-mf: 32)") != std::string::npos);
  CHECK(help_of("--neighbours").find("(item-knn: 100)") != std::string::npos);
  for (const CLI::Option* each : app.get_options()) {
    std::istringstream lines(each->get_description());
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 56);
  }
  for (const model_kind& kind : model_kinds()) {
    for (const auto& option : kind.defaults.items()) {
      if (option.key() == "warm_epochs") continue;  // for a host that refits
      INFO(option.key());
      CHECK(app.get_option_no_throw(option_name(option.key())) != nullptr);
    }
  }
}

TEST_CASE("ranges are options with a low and a high end") {
  CHECK(ranges_in("--ranges", "").empty());
  const auto read = ranges_in("--ranges", "alpha0=0.01:1,init-stddev=1e-3:2");
  REQUIRE(read.size() == 2);
  CHECK(read[0].key == "alpha0");
  CHECK(read[0].range.low == 0.01F);
  CHECK(read[0].range.high == 1.0F);
  CHECK(read[1].key == "init_stddev");
  for (const char* bad : {"a", "a=1", "=1:2", "a=1:x", "a=:2", "a=2:1", "a=1:1", "a=1:2,", "a=1:nan", "a=1:1e39"}) {
    INFO(bad);
    CHECK(refusal([&] { (void)ranges_in("--ranges", bad); }).find("--ranges: ") == 0);
  }
  CHECK(refusal([] { (void)ranges_in("--ranges", "a=1:2,a=2:3"); }).find("twice") != std::string::npos);
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
  CHECK(refusal([] { (void)choose_model({"item-knn", {{"k1", "2"}}}); }).find("--k1: is for --weighting bm25") == 0);
  CHECK(choose_model({"item-knn", {{"k1", "2"}, {"weighting", "bm25"}}}).options["k1"] == 2);
  CHECK(choose_model({"item-knn", {{"normalize", "false"}}}).options["normalize"] == false);
  CHECK(refusal([] {
          (void)choose_model({"item-knn", {{"normalize", "no"}}});
        }).find("true or false") != std::string::npos);
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
