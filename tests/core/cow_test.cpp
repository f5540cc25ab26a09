#include "tandem/core/cow.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using tandem::cow;
using tandem::cow_vector;

namespace {

// Counts its living copies.
struct counted {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> copies{0};
  int value = 0;
  counted() { ++alive; }
  explicit counted(int v) : value(v) { ++alive; }
  counted(const counted& other) : value(other.value) {
    ++alive;
    ++copies;
  }
  counted(counted&& other) noexcept : value(other.value) { ++alive; }
  counted& operator=(const counted&) = default;
  counted& operator=(counted&&) = default;
  ~counted() { --alive; }
};

}  // namespace

TEST_CASE("a sole owner writes in place") {
  cow<std::string> a(std::string("one"));
  const std::string* before = &*a;
  a.write() = "two";
  CHECK(*a == "two");
  CHECK(&*a == before);
  CHECK(a->size() == 3);
}

TEST_CASE("a copy shares until one of the two is written") {
  cow<std::string> a(std::string("one"));
  const cow<std::string> b = a;
  CHECK(&*a == &*b);
  a.write() = "two";
  CHECK(*a == "two");
  CHECK(*b == "one");
  const std::string* alone = &*a;
  a.write() += "!";
  CHECK(&*a == alone);
}

TEST_CASE("a default cow holds a value-initialised T") {
  const cow<int> zero;
  CHECK(*zero == 0);
}

TEST_CASE("values are copied only when shared and destroyed with their last owner") {
  counted::copies = 0;
  {
    cow<counted> a(counted(1));
    cow<counted> b = a;
    cow<counted> c = std::move(a);
    a = b;
    b = cow<counted>(counted(2));
    const cow<counted>& itself = c;
    c = itself;
    CHECK(counted::copies == 0);
    CHECK(counted::alive == 2);
    c.write().value = 3;
    CHECK(counted::copies == 1);
    CHECK(a->value == 1);
    CHECK(b->value == 2);
    CHECK(c->value == 3);
  }
  CHECK(counted::alive == 0);
}

TEST_CASE("a clone that throws leaves the writer as it was") {
  struct fragile {
    bool fails = false;
    fragile() = default;
    fragile(const fragile& other) : fails(other.fails) {
      if (fails) throw 1;
    }
    fragile& operator=(const fragile&) = default;
  };
  cow<fragile> a;
  a.write().fails = true;
  const cow<fragile> b = a;
  CHECK_THROWS_AS(a.write(), int);
  CHECK(&*a == &*b);
}

TEST_CASE("a cow_vector that shrinks and grows again has the values it had, and its copies stay as they were") {
  cow_vector<int> v;
  v.grow(70);
  v.write(69) = 4;
  const cow_vector<int> copy = v;
  v.shrink(100);
  CHECK(v.size() == 70);
  v.shrink(3);
  CHECK(v.size() == 3);
  v.grow(70);
  CHECK(v[69] == 4);
  v.shrink(0);
  CHECK(v.size() == 0);
  CHECK(copy.size() == 70);
}

TEST_CASE("a cow_vector grows by value-initialised elements") {
  cow_vector<int, 4> v;
  CHECK(v.size() == 0);
  v.grow(6);
  CHECK(v.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(v[i] == 0);
  v.write(5) = 7;
  v.grow(3);
  CHECK(v.size() == 6);
  v.grow(9);
  CHECK(v.size() == 9);
  CHECK(v[5] == 7);
}

TEST_CASE("for_each_block covers the elements in order, once each") {
  for (const std::size_t n : {0U, 1U, 3U, 4U, 5U, 8U, 11U}) {
    cow_vector<std::size_t, 4> v;
    v.grow(n);
    for (std::size_t i = 0; i < n; ++i) v.write(i) = i;
    std::vector<std::size_t> seen;
    v.for_each_block([&](std::size_t first, const std::size_t* data, std::size_t count) {
      CHECK(first == seen.size());
      CHECK(count > 0);
      seen.insert(seen.end(), data, data + count);
    });
    std::vector<std::size_t> expected(n);
    std::iota(expected.begin(), expected.end(), std::size_t{0});
    CHECK(seen == expected);
  }
}

TEST_CASE("copies of a cow_vector do what copies of a vector do") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    tandem::random_stream random(seed);
    std::vector<cow_vector<int, 3>> shared(1);
    std::vector<std::vector<int>> plain(1);
    for (int step = 0; step < 300; ++step) {
      const std::size_t which = random.below(shared.size());
      switch (random.below(4)) {
        case 0: {
          const std::size_t n = plain[which].size() + random.below(3);
          shared[which].grow(n);
          plain[which].resize(n);
          break;
        }
        case 1:
          if (shared.size() < 5) {
            shared.push_back(cow_vector<int, 3>(shared[which]));
            plain.push_back(std::vector<int>(plain[which]));
          } else {
            shared.erase(shared.begin() + static_cast<std::ptrdiff_t>(which));
            plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(which));
          }
          break;
        default:
          if (!plain[which].empty()) {
            const std::size_t i = random.below(plain[which].size());
            shared[which].write(i) = step;
            plain[which][i] = step;
          }
      }
    }
    for (std::size_t c = 0; c < shared.size(); ++c) {
      REQUIRE(shared[c].size() == plain[c].size());
      for (std::size_t i = 0; i < plain[c].size(); ++i) REQUIRE(shared[c][i] == plain[c][i]);
    }
  }
}

TEST_CASE("readers keep a consistent copy while a writer goes on", "[concurrency]") {
  // the writer keeps all elements equal under the lock; a copy taken under the lock must show them equal for ever
  std::mutex mutex;
  cow_vector<int, 8> live;
  live.grow(50);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!stop) {
        cow_vector<int, 8> copy;
        {
          const std::lock_guard lock(mutex);
          copy = live;
        }
        const int first = copy[0];
        copy.for_each_block([&](std::size_t, const int* data, std::size_t count) {
          for (std::size_t i = 0; i < count; ++i) torn += data[i] != first ? 1 : 0;
        });
        ++reads;
      }
    });
  }
  for (int round = 1; round <= 2000 || reads < 100; ++round) {
    {
      const std::lock_guard lock(mutex);
      for (std::size_t i = 0; i < live.size(); ++i) live.write(i) = round;
    }
    std::this_thread::yield();  // or the readers would hardly ever get the lock
  }
  stop = true;
  for (auto& each : readers) each.join();
  CHECK(torn == 0);
}

TEST_CASE("copies may be destroyed on any thread, in any order", "[concurrency]") {
  counted::alive = 0;
  {
    std::mutex mutex;
    cow<counted> live(counted(0));
    std::vector<std::thread> readers;
    for (int r = 0; r < 4; ++r) {
      readers.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          std::unique_lock lock(mutex);
          const cow<counted> copy = live;
          lock.unlock();
          if (copy->value < 0) std::abort();
        }
      });
    }
    for (int i = 0; i < 500; ++i) {
      const std::lock_guard lock(mutex);
      ++live.write().value;
    }
    for (auto& each : readers) each.join();
    CHECK(live->value == 500);
  }
  CHECK(counted::alive == 0);
}

TEST_CASE("a shared vector that was saved has the same elements, and its copies stay apart") {
  for (const std::size_t n : {0U, 1U, 511U, 512U, 513U, 2000U}) {
    cow_vector<float> numbers;
    cow_vector<std::vector<std::uint32_t>, 16> rows;
    numbers.grow(n);
    rows.grow(n);
    for (std::size_t i = 0; i < n; ++i) {
      numbers.write(i) = static_cast<float>(i) / 7;
      rows.write(i).assign(i % 3, static_cast<std::uint32_t>(i));
    }
    const auto whole = tandem_test::saved(numbers);
    cow_vector<float> same =
        tandem_test::read_from(whole, [&](tandem::byte_reader& in) { return cow_vector<float>::load(in, n); });
    const auto same_rows = tandem_test::read_from(tandem_test::saved(rows), [](tandem::byte_reader& in) {
      return cow_vector<std::vector<std::uint32_t>, 16>::load(in);
    });
    REQUIRE(same.size() == n);
    REQUIRE(same_rows.size() == n);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(same[i] == numbers[i]);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(same_rows[i] == rows[i]);
    const cow_vector<float> before = same;
    same.grow(n + 1);
    same.write(n) = 1;
    CHECK(before.size() == n);
    CHECK(tandem_test::saved(before) == whole);
    if (n == 0) continue;
    CHECK(tandem_test::is_refused(whole, [&](tandem::byte_reader& in) { return cow_vector<float>::load(in, n - 1); }));
  }
}

TEST_CASE("a damaged shared vector is refused or is one") {
  cow_vector<float> numbers;
  numbers.grow(5);
  tandem_test::check_damage(
      tandem_test::saved(numbers), [](tandem::byte_reader& in) { return cow_vector<float>::load(in); },
      [](cow_vector<float>& v, tandem::random_stream&) {
        v.grow(20);
        for (std::size_t i = 0; i < 20; ++i) v.write(i) += 1;
      });
}
