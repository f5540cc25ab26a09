#include "tandem/data/page_rules.hpp"

#include <limits>
#include <string>

#include "support/catch.hpp"

using namespace tandem;

namespace {

// what validate() names, or "accepted"
std::string refused(const page_rules& rules) {
  try {
    rules.validate();
  } catch (const error& e) {
    CHECK(e.code() == errc::invalid_argument);
    return e.where().field;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("rules that say nothing are empty, those that say something are not") {
  CHECK(page_rules{}.empty());
  CHECK(page_rules{.diversity = {.kind = diversity_kind::none, .lambda = 1}}.empty());
  CHECK_FALSE(page_rules{.only_with = {"stock=yes"}}.empty());
  CHECK_FALSE(page_rules{.never_with = {"stock=no"}}.empty());
  CHECK_FALSE(page_rules{.caps = {{"category", 2}}}.empty());
  CHECK_FALSE(page_rules{.boosts = {{.item = "kettle"}}}.empty());
  CHECK_FALSE(page_rules{.diversity = {.kind = diversity_kind::dpp}}.empty());
}

TEST_CASE("rules are taken as the manual says") {
  CHECK(refused({}) == "accepted");
  CHECK(refused({.only_with = {"stock=yes", "age=6", "formula=a=b"},
                 .never_with = {"="},
                 .caps = {{"category", 2}, {"product", 1}, {"", 1000}},
                 .boosts = {{.fact = "campaign=summer", .by = -100}, {.item = "kettle", .by = 0}},
                 .diversity = {.kind = diversity_kind::mmr, .lambda = 1, .theta = 0.01}}) == "accepted");
}

TEST_CASE("a rule that is wrong is named") {
  CHECK(refused({.only_with = {"stock=yes", "stock"}}) == "rules.only_with[1]");
  CHECK(refused({.never_with = {std::string("age=\xff")}}) == "rules.never_with[0]");
  page_rules lengthy;
  for (const std::size_t length : {512U, 513U}) {
    lengthy.never_with.assign(1, "age=");
    lengthy.never_with[0].append(length, 'x');
    CHECK(refused(lengthy) == (length == 512 ? "accepted" : "rules.never_with[0]"));
  }
  CHECK(refused({.only_with = std::vector<std::string>(65, "a=b")}) == "rules.only_with");
  CHECK(refused({.caps = {{"category", 2}, {"product", 0}}}) == "rules.caps[1].most");
  CHECK(refused({.caps = {{"category", 1001}}}) == "rules.caps[0].most");
  CHECK(refused({.caps = {{"category", 2}, {"category", 3}}}) == "rules.caps[1].attribute");
  CHECK(refused({.caps = std::vector<attribute_cap>(17)}) == "rules.caps");
  CHECK(refused({.boosts = {{}}}) == "rules.boosts[0]");
  CHECK(refused({.boosts = {{.fact = "a=b", .item = "kettle"}}}) == "rules.boosts[0]");
  CHECK(refused({.boosts = {{.fact = "a"}}}) == "rules.boosts[0].fact");
  CHECK(refused({.boosts = {{.item = "\xff"}}}) == "rules.boosts[0].item");
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double by : {101.0, -101.0, nan}) {
    CHECK(refused({.boosts = {{.item = "kettle", .by = by}}}) == "rules.boosts[0].by");
  }
  for (const double lambda : {-0.1, 1.1, nan}) {
    CHECK(refused({.diversity = {.lambda = lambda}}) == "rules.diversity.lambda");
  }
  for (const double theta : {0.0, 1001.0, nan}) {
    CHECK(refused({.diversity = {.theta = theta}}) == "rules.diversity.theta");
  }
  CHECK(refused({.diversity = {.kind = static_cast<diversity_kind>(3)}}) == "rules.diversity.kind");
}
