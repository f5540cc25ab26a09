// What becomes of a page after it was shown: rewards in time, late, for whoever has the account; silence; no room.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "tandem/detail/pending_decisions.hpp"

using namespace engine_world;
using std::chrono::minutes;

namespace {

const timestamp later = from_millis(10'000'000);

engine_options rates_only() {
  engine_options o = small_options();
  o.sources = {"response_rate"};
  o.slate.policy = online::greedy{};
  return o;
}

// a shop of two items, one of which fills the page of one
struct counter {
  engine shop;
  recommendation page;
  explicit counter(engine_options o) : shop(std::move(o)) {
    shop.upsert_item("kettle");
    shop.upsert_item("teapot");
    ask();
  }
  void ask() {
    const std::vector<std::string_view> only{"kettle"};
    page = shop.recommend({.user = "ada", .count = 1, .time = later, .candidates = only});
  }
  // the rate at which the shown item is taken
  [[nodiscard]] float rate() const { return shop.explain({.user = "bob", .time = later}, "kettle").sources[0].score; }
};

bool has(const engine& e, std::string_view user, std::string_view item) {
  const explanation x = e.explain({.user = user, .time = later, .exclude_seen = true}, item);
  return x.known && !x.allowed;
}

}  // namespace

TEST_CASE("a page without an answer learns the default reward when its window has passed", "[engine][rewards]") {
  std::vector<float> rates;
  for (const double reward : {0.0, 0.5, 1.0, 7.0}) {
    engine_options o = rates_only();
    o.default_reward = reward;
    counter c(o);
    const float shown = c.rate();
    c.shop.advance(later + minutes(29));
    CHECK(c.rate() == shown);
    c.shop.advance(later + minutes(30));
    c.shop.advance(later + minutes(90));
    CHECK(c.shop.stats().expired_decisions == 1);
    rates.push_back(c.rate());
    CHECK((c.rate() > shown) == (reward > 0));
  }
  CHECK(rates[0] < rates[1]);
  CHECK(rates[1] < rates[2]);
  CHECK(rates[2] == rates[3]);  // clamped
}

TEST_CASE("a late reward is counted and moves the rate by what was not learned yet", "[engine][rewards]") {
  for (const double reward : {0.0, 0.25}) {
    engine_options o = rates_only();
    o.default_reward = reward;
    counter in_time(o);
    counter late(o);
    in_time.shop.reward(in_time.page.id, "kettle", 1, later);
    in_time.shop.advance(later + minutes(40));
    late.shop.advance(later + minutes(40));
    CHECK(late.rate() < in_time.rate());
    CHECK(late.shop.reward(late.page.id, "kettle", 1, later + minutes(40)).taken());
    CHECK(late.shop.reward(late.page.id, "kettle", 1, later + minutes(40)).status == observe_status::duplicate);
    CHECK(late.rate() == in_time.rate());
    CHECK(late.shop.stats().late_rewards == 1);
    CHECK(late.shop.stats().rewards == 1);
    CHECK(in_time.shop.stats().late_rewards == 0);
    const float before = late.rate();
    CHECK(late.shop.reward(late.page.id, "teapot", 1, later + minutes(40)).taken());  // was not on the page
    CHECK(late.rate() == before);
    CHECK(late.shop.stats().late_rewards == 2);
  }
}

TEST_CASE("a page asked for in the far future keeps no other from expiring", "[engine][rewards]") {
  engine e = engine(rates_only());
  e.upsert_item("kettle");
  e.recommend({.user = "ada", .time = timestamp::max()});
  for (int k = 0; k < 5; ++k) e.recommend({.user = "ada", .time = later + minutes(5 - k)});
  e.advance(later + minutes(33));
  CHECK(e.stats().expired_decisions == 3);  // times need not come in order
  e.advance(later + minutes(60));
  CHECK(e.stats().expired_decisions == 5);
  CHECK(e.stats().pending_decisions == 6);
}

TEST_CASE("pages that give way at the ceiling are counted and learned as expired", "[engine][rewards]") {
  engine_options o = rates_only();
  o.max_pending_decisions = 2;
  o.default_reward = 1;
  engine e(o);
  e.upsert_item("kettle");
  for (int k = 0; k < 5; ++k) e.recommend({.user = "ada", .time = later});
  CHECK(e.stats().pending_decisions == 2);
  CHECK(e.stats().evicted_decisions == 3);
  CHECK(e.stats().expired_decisions == 3);
  e.advance(later + minutes(31));
  CHECK(e.stats().expired_decisions == 5);
  e.recommend({.user = "ada", .time = later + minutes(31)});
  CHECK(e.stats().evicted_decisions == 3);  // what gave way had expired before
  CHECK(e.reward(decision_id{1}, "kettle", 1, later).reason == reject_reason::unknown_decision);

  o.max_pending_decisions = 0;
  engine none(o);
  none.upsert_item("kettle");
  CHECK(none.recommend({.user = "ada", .time = later}).items.size() == 1);
  CHECK(none.stats().pending_decisions == 0);
  CHECK(none.stats().evicted_decisions == 1);
}

TEST_CASE("a page is settled once, and then keeps nothing that only learning needed", "[engine][rewards]") {
  tandem::detail::pending_decisions pages(10);
  for (const unsigned id : {1U, 2U, 3U}) {
    tandem::detail::pending_decision page;
    page.id = decision_id{id};
    page.time = later + minutes(id);
    tandem::hybrid::candidate_set offered;
    offered.items.assign(300, item_index{7});
    page.candidates = std::make_shared<const tandem::hybrid::candidate_set>(std::move(offered));
    page.shown.assign(30, 0);
    page.shown_items.assign(30, item_index{7});
    pages.add(std::move(page));
  }
  int settled = 0;
  const auto count = [&](tandem::detail::pending_decision&) noexcept { ++settled; };
  for (int tick = 0; tick < 5; ++tick) pages.settle(later + minutes(32), minutes(30), count);
  CHECK(settled == 2);
  CHECK(pages.find(decision_id{1})->candidates == nullptr);
  CHECK(pages.find(decision_id{1})->shown.capacity() == 0);
  CHECK(pages.find(decision_id{1})->was_shown(item_index{7}));
  CHECK(pages.find(decision_id{3})->candidates->size() == 300);
  CHECK(pages.find(decision_id{3})->shown.size() == 30);
}

TEST_CASE("a user that could not be observed is answered, and rewards say why not", "[engine][rewards]") {
  engine e(small_options());
  for (const deed& d : deeds(100, 3)) e.observe(d.as_event());
  const std::size_t users = e.stats().users;
  const auto reason = [&](const std::string& user) {
    const recommendation r = e.recommend({.user = user, .count = 3, .time = later});
    REQUIRE(r.items.size() == 3);
    const observe_result got = e.reward(r.id, r.items[0].item, 1, later);
    CHECK(got.status == observe_status::rejected);
    return got.reason;
  };
  CHECK(reason("") == reject_reason::empty_user);
  CHECK(reason("\xff\xfe") == reject_reason::not_utf8);
  CHECK(reason(std::string(max_id_bytes + 1, 'x')) == reject_reason::id_too_long);
  CHECK(reason(std::string(1U << 20U, 'x')) == reject_reason::id_too_long);
  CHECK(e.stats().users == users);
  CHECK(e.stats().rewards == 0);
  CHECK(e.stats().rejected == 4);
  e.read_decisions([](const logged_decision& d) { CHECK(d.user.empty()); });
  const recommendation r = e.recommend({.user = "", .count = 3, .time = later});  // somebody after all
  CHECK(e.observe({.user = "ada", .item = r.items[0].item, .time = later, .decision = r.id}).taken());
  CHECK(e.stats().rewards == 1);
}

TEST_CASE("rewards of pages shown before login go to the account", "[engine][rewards]") {
  for (const bool had_done_something : {false, true}) {
    for (const bool did_something_after : {false, true}) {
      engine e(small_options());
      for (const deed& d : deeds(300, 3)) e.observe(d.as_event());
      if (had_done_something) e.observe({"cookie", "mug", "view", 1, later});
      const recommendation page = e.recommend({.user = "cookie", .count = 5, .time = later, .exclude_seen = true});
      if (did_something_after) e.observe({"cookie", "jug", "view", 1, later});
      e.merge("cookie", "account");
      REQUIRE(e.reward(page.id, page.items[0].item, 1, later).taken());
      CHECK(has(e, "account", page.items[0].item));
      CHECK_FALSE(has(e, "cookie", page.items[0].item));
      CHECK(has(e, "account", "mug") == had_done_something);
      CHECK(has(e, "account", "jug") == did_something_after);
      e.merge("cookie", "somebody else");  // the next visitor with that cookie
      e.reward(page.id, page.items[1].item, 1, later);
      CHECK(has(e, "account", page.items[1].item));
      CHECK_FALSE(has(e, "somebody else", page.items[1].item));
      e.refit();
    }
  }
}

TEST_CASE("users merged away are not counted, and leave nothing behind for the next of their name", "[engine]") {
  engine e(small_options());
  e.observe({"cookie", "kettle", "view", 1, later});
  e.observe({"ada", "teapot", "view", 1, later});
  CHECK(e.stats().users == 2);
  e.merge("cookie", "ada");
  CHECK(e.stats().users == 1);
  CHECK_FALSE(has(e, "cookie", "kettle"));
  e.observe({"cookie", "cup", "view", 1, later});
  CHECK(e.stats().users == 2);
  e.merge("cookie", "ada");
  e.merge("ada", "bob");
  CHECK(e.stats().users == 1);
  for (const char* item : {"kettle", "teapot", "cup"}) CHECK(has(e, "bob", item));
  CHECK_FALSE(has(e, "ada", "teapot"));
  e.refit();
  CHECK(e.model()->n_users() == 4);
}
