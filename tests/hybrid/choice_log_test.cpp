#include "tandem/hybrid/choice_log.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

// n candidates that two sources score: c, and c modulo 7
candidate_set some_set(std::size_t n) {
  candidate_set out;
  out.n_sources = 2;
  out.when = moment::session_deep;
  out.asked = {1.5F, 0.25F, 2};
  for (std::uint32_t c = 0; c < n; ++c) {
    out.items.push_back(item_index{c});
    out.value.push_back(static_cast<float>(c));
    out.value.push_back(static_cast<float>(c % 7));
  }
  out.unit.assign(2, 1.0F);
  return out;
}

std::vector<std::size_t> all_of(std::size_t n) {
  std::vector<std::size_t> out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

std::vector<float> scores_of(std::size_t n) {
  std::vector<float> out(n);
  for (std::size_t c = 0; c < n; ++c) out[c] = static_cast<float>(c) / 10;
  return out;
}

void add(choice_log& to, std::size_t n, std::size_t taken, std::uint32_t user = 1) {
  to.add(some_set(n), all_of(n), taken, scores_of(n), user_index{user});
}

}  // namespace

TEST_CASE("a choice among few keeps them all, the one taken first") {
  choice_log log(2);
  add(log, 5, 3);
  REQUIRE(log.size() == 1);
  const choice& kept = *log.latest()[0];
  CHECK(kept.user == user_index{1});
  CHECK(kept.score == std::vector<float>{0.3F, 0, 0.1F, 0.2F, 0.4F});
  CHECK(kept.value == std::vector<float>{3, 3, 0, 0, 1, 1, 2, 2, 4, 4});
  CHECK(kept.added == std::vector<float>(5));
  CHECK(kept.frame.highest == std::vector<float>{4, 4});
  CHECK(kept.frame.best == 0.4F);
  CHECK(kept.frame.candidates == 5);
  CHECK(kept.frame.when == moment::session_deep);
  CHECK(kept.frame.asked.events == 1.5F);
}

TEST_CASE("a page keeps what was on it, and the frame of all candidates") {
  choice_log log(2);
  const std::vector<std::size_t> page{9, 2, 4};
  const std::vector<float> effect{0, -1, -2};
  log.add(some_set(30), page, 4, scores_of(30), user_index{0}, effect);
  const choice& kept = *log.latest()[0];
  CHECK(kept.score == std::vector<float>{0.4F, 0.9F, 0.2F});
  CHECK(kept.added == std::vector<float>{-2, 0, -1});
  CHECK(kept.frame.highest == std::vector<float>{29, 6});
}

TEST_CASE("of many the best of the blend are kept, and others that stand for those left") {
  choice_log log(2, {100, 10});
  std::set<float> drawn;
  for (int k = 0; k < 60; ++k) add(log, 100, 50);
  for (const auto& each : log.latest()) {
    REQUIRE(each->rows() == 11);
    CHECK(each->score[0] == 5.0F);
    for (std::size_t r = 1; r <= 5; ++r) CHECK(each->score[r] == static_cast<float>(100 - r) / 10);
    for (std::size_t r = 0; r < 11; ++r) CHECK(each->added[r] == Approx(r < 6 ? 0 : std::log(94.0 / 5)));
    const std::set<float> rest(each->score.begin() + 6, each->score.end());
    CHECK(rest.size() == 5);
    CHECK(*rest.rbegin() < 9.5F);
    CHECK_FALSE(rest.contains(5.0F));
    drawn.insert(rest.begin(), rest.end());
  }
  CHECK(drawn.size() > 80);  // of 94: any of them may be drawn
}

TEST_CASE("no choice is kept of one candidate, nor by a log of none") {
  choice_log log(2);
  add(log, 1, 0);
  CHECK(log.size() == 0);
  choice_log none(2, {0, 40});
  add(none, 5, 0);
  CHECK(none.size() == 0);
}

TEST_CASE("the oldest choices give way, and those of users who are forgotten") {
  choice_log log(2, {5, 40});
  for (std::uint32_t u = 0; u < 8; ++u) add(log, 4, 0, u);
  const std::vector<user_index> gone{user_index{4}, user_index{6}, user_index{1}};
  log.remove(gone);
  std::vector<std::uint32_t> left;
  for (const auto& each : log.latest()) left.push_back(raw(each->user));
  CHECK(left == std::vector<std::uint32_t>{3, 5, 7});
}

TEST_CASE("a choice log goes on from what it saved, with the same bits") {
  choice_log log(2, {20, 10});
  for (std::uint32_t u = 0; u < 30; ++u) add(log, 60, u, u);
  const auto load = [](byte_reader& in) { return choice_log::load(in, 2, {20, 10}); };
  choice_log again = tandem_test::read_from(tandem_test::saved(log), load);
  for (std::uint32_t u = 0; u < 5; ++u) {
    add(log, 60, u, u);
    add(again, 60, u, u);
  }
  CHECK(tandem_test::saved(again) == tandem_test::saved(log));
}

TEST_CASE("a choice log of other sources, or of more choices than wanted, is refused") {
  choice_log log(2);
  for (std::size_t k = 0; k < 3; ++k) add(log, 6, k);
  const tandem_test::bytes bytes = tandem_test::saved(log);
  CHECK(tandem_test::is_refused(bytes, [](byte_reader& in) { return choice_log::load(in, 3); }));
  CHECK(tandem_test::is_refused(bytes, [](byte_reader& in) { return choice_log::load(in, 2, {2, 40}); }));
  CHECK_THROWS_AS(choice_log(2, {2'000'000, 40}), error);
  CHECK_THROWS_AS(choice_log(2, {10, 1}), error);
}

TEST_CASE("damage to a saved choice log is refused, or does no harm") {
  choice_log log(2, {20, 4});
  for (std::size_t k = 0; k < 2; ++k) add(log, 7, k);
  const auto load = [](byte_reader& in) { return choice_log::load(in, 2, {20, 4}); };
  tandem_test::check_damage(tandem_test::saved(log), load, [](choice_log& damaged, random_stream&) {
    add(damaged, 7, 1);
    (void)damaged.latest();
  });
}
