#include "tandem/store/memory_store.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

// The event that stands at position n.
logged_event event_at(std::uint64_t n) {
  return {static_cast<user_index>(n % 1000), static_cast<item_index>(n % 777),          action_index{},
          static_cast<float>(n % 5),         from_millis(static_cast<std::int64_t>(n)), static_cast<decision_id>(n)};
}

event_entry entry_at(std::uint64_t n) {
  event_entry e;
  e.record = event_at(n);
  return e;
}

bool is_event_at(const logged_event& e, std::uint64_t n) {
  const logged_event expected = event_at(n);
  return e.user == expected.user && e.item == expected.item && e.weight == expected.weight && e.time == expected.time &&
         e.decision == expected.decision;
}

// Reads from `from`; returns how many events there were, or fails when one is not what stands there.
std::uint64_t check_from(const log_prefix& prefix, std::uint64_t from) {
  std::uint64_t at = from;
  bool right = true;
  prefix.read(log_position{from}, [&](log_position first, std::span<const logged_event> run) {
    right = right && !run.empty() && raw(first) == at;
    for (const logged_event& e : run) right = right && is_event_at(e, at++);
  });
  REQUIRE(right);
  return at - from;
}

answer_entry decision_with(std::uint64_t id) {
  answer_entry a;
  a.record.id = static_cast<decision_id>(id);
  return a;
}

std::vector<std::uint64_t> ids_in(const log_prefix& prefix) {
  std::vector<std::uint64_t> out;
  prefix.read_decisions([&](std::span<const decision> run) {
    for (const decision& d : run) out.push_back(raw(d.id));
  });
  return out;
}

// the last n of 1 .. top
std::vector<std::uint64_t> ids_up_to(std::uint64_t top, std::uint64_t n) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t id = top - std::min(n, top) + 1; id <= top; ++id) out.push_back(id);
  return out;
}

}  // namespace

TEST_CASE("positions count from 0 in the order of appending") {
  memory_store store;
  CHECK(store.end() == log_position{0});
  for (std::uint64_t n = 0; n < 10000; ++n) REQUIRE(store.append(entry_at(n)) == log_position{n});
  CHECK(store.end() == log_position{10000});
}

TEST_CASE("a prefix reads what was appended, from anywhere") {
  for (const std::uint64_t size : {0U, 1U, 4095U, 4096U, 4097U, 8192U, 20000U}) {
    memory_store store;
    for (std::uint64_t n = 0; n < size; ++n) store.append(entry_at(n));
    const auto prefix = store.prefix();
    CHECK(prefix->end() == log_position{size});
    for (const std::uint64_t from : {0U, 1U, 4095U, 4096U, 5000U, 20000U, 30000U}) {
      CHECK(check_from(*prefix, from) == (from < size ? size - from : 0));
    }
  }
}

TEST_CASE("a prefix stays the same when the log grows or goes") {
  std::shared_ptr<const log_prefix> prefix;
  {
    memory_store store;
    for (std::uint64_t n = 0; n < 5000; ++n) store.append(entry_at(n));
    prefix = store.prefix();
    for (std::uint64_t n = 5000; n < 20000; ++n) store.append(entry_at(n));
    CHECK(prefix->end() == log_position{5000});
    CHECK(check_from(*store.prefix(), 0) == 20000);
  }
  CHECK(check_from(*prefix, 0) == 5000);
}

TEST_CASE("random appends, prefixes and reads do what a vector does") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    memory_store store;
    std::uint64_t size = 0;
    std::vector<std::pair<std::shared_ptr<const log_prefix>, std::uint64_t>> taken;
    for (int step = 0; step < 30; ++step) {
      for (std::uint64_t n = random.below(1500); n > 0; --n) store.append(entry_at(size++));
      taken.emplace_back(store.prefix(), size);
    }
    for (const auto& [prefix, end] : taken) {
      const std::uint64_t from = random.below(end + 1);
      REQUIRE(prefix->end() == log_position{end});
      REQUIRE(check_from(*prefix, from) == end - from);
    }
  }
}

TEST_CASE("the latest decisions are kept, oldest first") {
  for (const std::size_t kept : {0U, 1U, 3U, 255U, 256U, 257U, 1000U}) {
    memory_store store(kept);
    std::shared_ptr<const log_prefix> earlier;
    for (std::uint64_t id = 1; id <= 1000; ++id) {
      store.append(decision_with(id));
      if (id == 500) earlier = store.prefix();
    }
    CHECK(ids_in(*store.prefix()) == ids_up_to(1000, kept));
    CHECK(ids_in(*earlier) == ids_up_to(500, kept));
  }
}

TEST_CASE("the store serves as an event_store") {
  memory_store store;
  event_store& base = store;
  CHECK(base.append(entry_at(0)) == log_position{0});
  base.append(decision_with(1));
  CHECK(base.end() == log_position{1});
  CHECK(base.prefix()->end() == log_position{1});
}

TEST_CASE("a prefix stays the same while another thread appends", "[concurrency]") {
  memory_store store;
  std::uint64_t size = 0;
  for (; size < 100; ++size) store.append(entry_at(size));
  for (int round = 0; round < 10; ++round) {
    // as the engine does: the prefix is taken under its lock, before appending goes on; reading needs no lock
    const auto prefix = store.prefix();
    const std::uint64_t end = size;
    std::atomic<bool> wrong{false};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r) {
      readers.emplace_back([&] {
        for (int pass = 0; pass < 20; ++pass) {
          std::uint64_t at = 0;
          prefix->read(log_position{0}, [&](log_position, std::span<const logged_event> run) {
            for (const logged_event& e : run) {
              if (!is_event_at(e, at++)) wrong = true;
            }
          });
          if (at != end) wrong = true;
        }
      });
    }
    for (int n = 0; n < 3000; ++n) store.append(entry_at(size++));
    for (auto& each : readers) each.join();
    REQUIRE_FALSE(wrong);
  }
}
