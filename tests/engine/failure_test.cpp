// What an engine is worth when memory runs out or its store fails: an event is in the log, whole, or nothing changed.

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/store/memory_store.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

engine_options options_of_all() {
  engine_options o = small_options();
  o.actions = {{"thumbs_down", -1}};
  return o;
}

// an engine in the middle of its life: events with contexts, a page that waits, readers of what is known
struct life {
  engine subject;
  recommendation page;
  explicit life(std::size_t n = 500) : subject(options_of_all()) {
    const std::vector<deed> log = deeds(n, 3);
    for (std::size_t k = 0; k < n; ++k) {
      event told = log[k].as_event();
      told.context = {{"device", k % 2 == 0 ? "phone" : "tv"}};
      subject.observe(told);
    }
    subject.refit();
    page = subject.recommend({.user = "newcomer", .count = 5, .time = later, .context = {{"hour", "9"}}});
  }
};

// what is told after it, whatever happened before
void go_on(engine& e) {
  for (const deed& d : deeds(60, 11, 45, 130)) e.observe(d.as_event());
  e.observe({.user = "ada", .item = "new item 2", .time = later, .context = {{"device", "watch"}}});
  e.refit();
}

std::vector<double> judged(const engine& e) {
  std::vector<double> out = digest(e, 10, 130, later);
  const engine_stats s = e.stats();
  for (const std::uint64_t count : {s.events, s.rewards, s.duplicates, s.late, s.users, s.items, raw(s.position)}) {
    out.push_back(static_cast<double>(count));
  }
  for (const char* item : {"new item", "new item 2", "item3"}) {
    for (const char* user : {"ada", "newcomer", "new user"}) {
      const explanation x = e.explain({.user = user, .time = later, .context = {{"device", "watch"}}}, item);
      out.push_back(x.known ? 1 : 0);
      for (const source_opinion& o : x.sources) out.push_back(double{o.score});
    }
  }
  return out;
}

using call = std::function<observe_result(life&)>;

// told what becomes of a call when its k-th allocation fails, for k = 0, 1, … until none does
[[maybe_unused]] void fails_cleanly(const call& f) {
  life never;
  life whole;
  REQUIRE(f(whole).taken());
  go_on(never.subject);
  go_on(whole.subject);
  const std::vector<double> as_never = judged(never.subject);
  const std::vector<double> as_whole = judged(whole.subject);
  int refused = 0;
  int half = 0;
  for (long k = 0;; ++k) {
    INFO("allocations that succeed: " << k);
    REQUIRE(k < 2000);
    life l;
    observe_result r;
    {
      const tandem_test::fail_new_after limit(k);
      r = f(l);
    }
    const std::uint64_t missed = l.subject.stats().half_learned;
    if (r.status == observe_status::out_of_memory) {
      ++refused;
      CHECK(l.subject.stats().events == 500);
      if (k % 2 == 0) {
        REQUIRE(f(l).taken());  // may be tried again, with the same key
        go_on(l.subject);
        CHECK(judged(l.subject) == as_whole);
      } else {
        go_on(l.subject);
        CHECK(judged(l.subject) == as_never);
      }
      continue;
    }
    REQUIRE(r.taken());
    CHECK(missed <= 1);
    CHECK(l.subject.stats().events == 501);
    go_on(l.subject);
    if (missed == 0) {
      CHECK(judged(l.subject) == as_whole);
      break;
    }
    ++half;
    CHECK(l.subject.stats().events == 562);
    CHECK(l.subject.stats().model_position == log_position{562});
    CHECK(l.subject.stats().items == whole.subject.stats().items);
    CHECK(l.subject.recommend({.user = "newcomer", .count = 200, .time = later}).items.size() > 50);
  }
  CHECK(refused > 0);
  CHECK(half < 30);
}

class flaky_store final : public event_store {
 public:
  explicit flaky_store(bool& broken) : broken_(&broken) {}
  log_position append(const event_entry& entry) override {
    check();
    return inside_.append(entry);
  }
  void append(const answer_entry& entry) override {
    check();
    inside_.append(entry);
  }
  void append(const change_entry& entry) override {
    check();
    inside_.append(entry);
  }
  log_position end() const noexcept override { return inside_.end(); }
  std::shared_ptr<const log_prefix> prefix() const override { return inside_.prefix(); }

 private:
  void check() const {
    if (*broken_) throw std::runtime_error("the disk is full");
  }
  bool* broken_;
  memory_store inside_;
};

// says nothing, and does something when it is asked
class meddler final : public hybrid::source {
 public:
  explicit meddler(std::function<void()> act) : act_(std::move(act)) {}
  std::string_view name() const noexcept override { return "meddler"; }
  bool score(const hybrid::query&, std::span<float>) const override {
    act_();
    return false;
  }

 private:
  std::function<void()> act_;
};

}  // namespace

#if TANDEM_TEST_CAN_FAIL_NEW

TEST_CASE("memory that runs out under an event leaves it whole in the log, or nothing changed", "[engine][failure]") {
  SECTION("a new user, item, action, key and context") {
    const event told{.user = "a new user whose name does not fit into a short string",
                     .item = "new item",
                     .action = "an action nobody has declared",
                     .time = later,
                     .key = "a key that does not fit into a short string",
                     .context = {{"device", "watch"}, {"place", "on a train somewhere"}}};
    fails_cleanly([&](life& l) { return l.subject.observe(told); });
  }
  SECTION("what is known") {
    fails_cleanly(
        [](life& l) { return l.subject.observe({.user = "user1", .item = "item3", .time = later, .key = "k"}); });
  }
  SECTION("a dislike") {
    const event told{.user = "new user", .item = "new item", .action = "thumbs_down", .time = later};
    fails_cleanly([&](life& l) { return l.subject.observe(told); });
  }
  SECTION("a reward for somebody new") {
    fails_cleanly([](life& l) { return l.subject.reward(l.page.id, l.page.items[2].item, 1, later); });
  }
  SECTION("an event that is a reward") {
    event told{.user = "newcomer", .item = "new item", .time = later, .key = "k"};
    fails_cleanly([&](life& l) {
      told.decision = l.page.id;
      return l.subject.observe(told);
    });
  }
}

TEST_CASE("an event at the edge of a block of the catalogue fails as cleanly as any", "[engine][failure]") {
  for (const std::size_t n : {std::size_t{511}, std::size_t{512}, std::size_t{513}}) {
    for (long k = 0, taken = 0; taken < 2; ++k) {
      REQUIRE(k < 2000);
      engine e(small_options());
      for (std::size_t i = 0; i < n; ++i) e.upsert_item(item_name(i));
      const recommendation reader = e.recommend({.user = "ada", .time = later});
      observe_result r;
      {
        const tandem_test::fail_new_after limit(k);
        r = e.observe({"ada", "one more", "view", 1, later});
      }
      e.observe({"ada", "another one", "view", 1, later});
      CHECK(e.stats().items == n + (r.taken() ? 2 : 1));
      std::set<std::string> shown;
      for (const recommended_item& each : e.recommend({.user = "bob", .count = 2 * n, .time = later})) {
        shown.insert(each.item);
      }
      CHECK_FALSE(shown.contains(""));
      CHECK(shown.size() == e.stats().items);
      e.refit();
      taken += r.taken() && e.stats().half_learned == 0 ? 1 : 0;
    }
  }
}

TEST_CASE("an answer that runs out of memory says so and can be asked again", "[engine][failure]") {
  life l;
  const request asked{.user = "user1", .count = 5, .time = later, .context = {{"hour", "9"}}};
  const std::uint64_t before = l.subject.stats().decisions;
  std::uint64_t failed = 0;
  for (long k = 0;; k += 1 + k / 20) {
    recommendation r;
    {
      const tandem_test::fail_new_after limit(k);
      r = l.subject.recommend(asked);
    }
    if (r.id != decision_id::none) {
      CHECK(r.items.size() == 5);
      break;
    }
    CHECK(r.items.empty());
    CHECK(l.subject.stats().failed_answers == ++failed);
    CHECK(l.subject.stats().decisions == before);
  }
  CHECK(failed > 5);
  CHECK(l.subject.stats().decisions == before + 1);
  CHECK(l.subject.stats().pending_decisions == 2);
}

TEST_CASE("catalogue and users survive memory that runs out", "[engine][failure]") {
  life whole;
  whole.subject.upsert_item("new item", {{"kind", "a kind of things with a long name"}});
  whole.subject.retire_item("item3");
  whole.subject.retire_item("a new item that is retired at once");
  whole.subject.merge("user1", "a new user with a long name");
  go_on(whole.subject);
  const auto until_it_works = [](const auto& f) {
    for (long k = 0;; ++k) {
      try {
        const tandem_test::fail_new_after limit(k);
        return f();
      } catch (const std::bad_alloc&) {
      }
    }
  };
  life l;
  until_it_works([&] { l.subject.upsert_item("new item", {{"kind", "a kind of things with a long name"}}); });
  until_it_works([&] { l.subject.retire_item("item3"); });
  until_it_works([&] { l.subject.retire_item("a new item that is retired at once"); });
  until_it_works([&] { l.subject.merge("user1", "a new user with a long name"); });
  go_on(l.subject);
  CHECK(judged(l.subject) == judged(whole.subject));
}

TEST_CASE("a clock that moves settles every page whose window has passed, also without memory", "[engine][failure]") {
  engine_options o = options_of_all();
  o.default_reward = 1;
  const timestamp much_later = later + std::chrono::minutes(40);
  for (long k = 0;; ++k) {
    INFO("allocations that succeed: " << k);
    REQUIRE(k < 100);
    engine e(o);
    std::function<void()> meanwhile;  // while an answer is made it shares what is known, and learning has to copy
    e.add_source(std::make_shared<meddler>([&] {
      if (meanwhile) meanwhile();
    }));
    for (const deed& d : deeds(50, 5)) e.observe(d.as_event());
    for (int page = 0; page < 3; ++page) e.recommend({.user = "ada", .count = 3, .time = later + duration(page)});
    bool thrown = false;
    meanwhile = [&] {
      const tandem_test::fail_new_after limit(k);
      try {
        e.advance(much_later);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
    };
    e.recommend({.user = "ada", .count = 3, .time = much_later});
    CHECK_FALSE(thrown);
    CHECK(e.stats().newest == much_later);
    CHECK(e.stats().expired_decisions == 3);
    CHECK(e.stats().half_learned <= 3);
    if (e.stats().half_learned == 0) {
      CHECK(k > 0);
      break;
    }
  }
}

#endif

TEST_CASE("a store that fails is reported, and nothing changed", "[engine][failure]") {
  bool broken = false;
  engine e(small_options(), std::make_unique<flaky_store>(broken));
  engine good(small_options());  // told the same, with a store that works
  for (const deed& d : deeds(200, 5)) {
    REQUIRE(e.observe(d.as_event()).taken());
    good.observe(d.as_event());
  }
  const recommendation page = e.recommend({.user = "stranger", .count = 3, .time = later});
  good.recommend({.user = "stranger", .count = 3, .time = later});
  REQUIRE(page.items.size() == 3);
  const engine_stats before = e.stats();
  broken = true;
  const event told{.user = "new user",
                   .item = "new item",
                   .action = "new action",
                   .time = later,
                   .key = "k",
                   .context = {{"device", "watch"}}};
  CHECK(e.observe(told).status == observe_status::store_failed);
  CHECK(e.reward(page.id, page.items[0].item, 1, later).status == observe_status::store_failed);
  CHECK(e.recommend({.user = "user1", .time = later}).id == decision_id::none);
  const engine_stats after = e.stats();
  CHECK(after.events == before.events);
  CHECK(after.users == before.users);
  CHECK(after.items == before.items);
  CHECK(after.rewards == 0);
  CHECK(after.decisions == before.decisions);
  CHECK(after.pending_decisions == before.pending_decisions);
  CHECK(after.failed_answers == 1);
  CHECK(after.newest == before.newest);
  CHECK(digest(e, 40, 120, later) == digest(good, 40, 120, later));
  broken = false;
  CHECK(e.observe(told).status == observe_status::accepted);
  CHECK(e.observe(told).status == observe_status::duplicate);
  CHECK(e.reward(page.id, page.items[0].item, 1, later).taken());
  CHECK(e.reward(page.id, page.items[0].item, 1, later).status == observe_status::duplicate);
  e.refit();
  CHECK(e.stats().model_position == log_position{202});
  good.observe(told);
  good.reward(page.id, page.items[0].item, 1, later);
  good.refit();
  CHECK(digest(e, 40, 120, later) == digest(good, 40, 120, later));
}

TEST_CASE("a store must be empty", "[engine][failure]") {
  auto used = std::make_unique<memory_store>();
  used->append(event_entry{});
  try {
    engine e({}, std::move(used));
    FAIL("events that the engine does not know were taken over");
  } catch (const error& e) {
    CHECK(e.code() == errc::wrong_state);
    CHECK(e.where().field == "store");
  }
}

TEST_CASE("a span of events says what became of each", "[engine]") {
  engine_options o;
  o.max_events = 3;
  engine e(o);
  const std::vector<event> told{{.user = "ada", .item = "kettle", .key = "a"},
                                {.user = "", .item = "kettle"},
                                {.user = "ada", .item = "teapot", .key = "a"},
                                {.user = "ada", .item = "teapot"},
                                {.user = "bob", .item = "cup"},
                                {.user = "bob", .item = "saucer"}};
  std::vector<observe_result> results(told.size());
  CHECK(e.observe(told, results) == 3);
  CHECK(results[0].status == observe_status::accepted);
  CHECK(results[1].reason == reject_reason::empty_user);
  CHECK(results[2].status == observe_status::duplicate);
  CHECK(results[3].position == log_position{1});
  CHECK(results[4].position == log_position{2});
  CHECK(results[5].status == observe_status::full);

  engine without;
  CHECK(without.observe(told) == 4);
  engine some;
  std::vector<observe_result> first(2);
  CHECK(some.observe(told, first) == 4);
  CHECK(first[1].reason == reject_reason::empty_user);
  CHECK(some.observe(std::span<const event>{}, first) == 0);
}
