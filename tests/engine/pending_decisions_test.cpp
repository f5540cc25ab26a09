#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/pending_decisions.hpp"
#include "tandem/engine.hpp"

using namespace tandem;
using detail::known_ids;
using detail::pending_decision;
using detail::pending_decisions;

namespace {

constexpr known_ids known{30, 40, 2};

item_index some_item(random_stream& random) {
  return item_index{static_cast<std::uint32_t>(random.below(known.items))};
}

hybrid::candidate_set some_candidates(random_stream& random) {
  hybrid::candidate_set set;
  set.n_sources = known.sources;
  const std::size_t n = random.below(6);
  if (n == 0 && random.below(2) == 0) return set;
  for (std::size_t i = 0; i < n; ++i) set.items.push_back(some_item(random));
  set.value.assign(n * set.n_sources, 0.5F);
  set.place.assign(n * set.n_sources, hybrid::candidate_set::not_proposed);
  set.tied_beyond.assign(set.n_sources, 1);
  set.unit.assign(set.n_sources, 0.25F);
  set.when = hybrid::moment::session_deep;
  return set;
}

pending_decision some_decision(random_stream& random) {
  pending_decision p;
  p.id = decision_id{1 + random.below(100000)};
  p.user = random.below(3) == 0 ? no_id<user_index> : user_index{static_cast<std::uint32_t>(random.below(known.users))};
  p.user_name = std::to_string(random.below(30));
  p.user_problem = static_cast<reject_reason>(random.below(10));
  p.time = from_millis(static_cast<std::int64_t>(random.below(1000)));
  p.shadow = random.below(4) == 0;
  p.facts.assign(random.below(3), "device=phone");
  const auto set = std::make_shared<hybrid::candidate_set>(some_candidates(random));
  for (std::size_t c = 0; c < set->size(); c += 2) {
    p.shown.push_back(c);
    p.shown_items.push_back(set->items[c]);
  }
  p.candidates = set;
  return p;
}

void step(pending_decisions& pending, random_stream& random) {
  const auto learn = [&](pending_decision& p) noexcept { p.defaulted = p.rewarded.empty(); };
  pending_decision p = some_decision(random);
  if (pending.find(p.id) == nullptr) pending.add(std::move(p));
  if (pending_decision* const answer = pending.find(decision_id{1 + random.below(100)})) {
    answer->rewarded.push_back(some_item(random));
  }
  pending.remove(decision_id{1 + random.below(1000)});
  pending.settle(from_millis(static_cast<std::int64_t>(random.below(1000))), std::chrono::milliseconds(200), learn);
  pending.trim(learn);
}

std::size_t ask(const pending_decisions& pending, random_stream&) { return pending.size(); }

pending_decisions load(byte_reader& in) { return pending_decisions::load(in, 15, known); }

}  // namespace

TEST_CASE("pending decisions that were saved go on as if they never were") {
  tandem_test::check_goes_on([] { return pending_decisions(15); }, step, ask, load);
}

TEST_CASE("damaged pending decisions are refused or can wait") {
  pending_decisions small(15);
  random_stream random(4);
  for (int k = 0; k < 6; ++k) step(small, random);
  pending_decision whole = some_decision(random);
  whole.id = decision_id{200000};
  small.add(std::move(whole));
  tandem_test::check_damage(
      tandem_test::saved(small), load,
      [](pending_decisions& pending, random_stream& r) {
        pending.for_each([](pending_decision& p) {
          CHECK((p.candidates == nullptr) == p.settled);
          for (const std::size_t c : p.shown) CHECK(c < p.candidates->size());
        });
        for (int k = 0; k < 10; ++k) step(pending, r);
      },
      6000);
}

TEST_CASE("a copy of pending decisions shares the candidates and stays as it is") {
  pending_decisions pending(15);
  random_stream random(1);
  for (int k = 0; k < 10; ++k) step(pending, random);
  pending.add(some_decision(random));
  pending_decisions copy = pending;
  const auto before = tandem_test::saved(pending);
  std::vector<const hybrid::candidate_set*> sets;
  pending.for_each([&](pending_decision& p) { sets.push_back(p.candidates.get()); });
  std::size_t at = 0;
  copy.for_each([&](pending_decision& p) { CHECK(p.candidates.get() == sets[at++]); });
  for (int k = 0; k < 20; ++k) step(pending, random);
  CHECK(tandem_test::saved(copy) == before);
  CHECK(tandem_test::saved(pending) != before);
}

TEST_CASE("a decision that names what nobody knows is refused") {
  pending_decisions pending(15);
  random_stream random(2);
  pending_decision p = some_decision(random);
  while (p.shown.empty() || p.user == no_id<user_index>) p = some_decision(random);
  const known_ids just{slot(p.user) + 1, known.items, known.sources};
  pending.add(std::move(p));
  const auto refused = [&](known_ids ids) {
    return tandem_test::is_refused(tandem_test::saved(pending),
                                   [&](byte_reader& in) { return pending_decisions::load(in, 15, ids); });
  };
  CHECK_FALSE(refused(just));
  CHECK(refused({just.users - 1, just.items, just.sources}));
  CHECK(refused({just.users, 0, just.sources}));
  CHECK(refused({just.users, just.items, just.sources + 1}));
}

TEST_CASE("a decision that shows other items than its candidates is refused") {
  random_stream random(3);
  pending_decision p = some_decision(random);
  while (p.shown.empty()) p = some_decision(random);
  const auto read = [](byte_reader& in) { return pending_decision::load(in, known); };
  CHECK_FALSE(tandem_test::is_refused(tandem_test::saved(p), read));
  pending_decision other = p;
  other.shown_items[0] = item_index{raw(other.shown_items[0]) == 0 ? 1U : 0U};
  CHECK(tandem_test::is_refused(tandem_test::saved(other), read));
  other = p;
  other.shown_items.pop_back();
  CHECK(tandem_test::is_refused(tandem_test::saved(other), read));
  other = p;
  other.shown.pop_back();  // decided again on a machine that decides otherwise, it may lack one
  CHECK_FALSE(tandem_test::is_refused(tandem_test::saved(other), read));
}

TEST_CASE("decisions that do not come in order of their ids, or have none, are refused") {
  const auto refused = [](std::uint64_t first, std::uint64_t second) {
    random_stream random(5);
    pending_decision p = some_decision(random);
    const auto whole = tandem_test::written([&](byte_writer& out) {
      out.section("pending");
      out.count(2);
      for (const std::uint64_t id : {first, second}) {
        p.id = decision_id{id};
        p.save(out);
      }
    });
    return tandem_test::is_refused(whole, load);
  };
  CHECK_FALSE(refused(1, 2));
  CHECK(refused(0, 2));
  CHECK(refused(2, 2));
  CHECK(refused(2, 1));
}
