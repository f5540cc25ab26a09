#include "tandem/core/executor.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;

namespace {

int twice(int x) { return 2 * x; }

// A host's executor: calls backwards.
struct backwards {
  std::vector<std::size_t> called;
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    while (n-- > 0) {
      called.push_back(n);
      f(n);
    }
  }
  [[nodiscard]] int concurrency() const { return 3; }
};

struct no_executor {
  void parallel_for(std::size_t) {}
};

}  // namespace

TEST_CASE("function_ref calls what it refers to") {
  int calls = 0;
  auto count = [&calls](int by) { return calls += by; };
  const function_ref<int(int)> ref = count;
  CHECK(ref(2) == 2);
  CHECK(ref(3) == 5);
  const function_ref<int(int)> copy = ref;
  CHECK(copy(1) == 6);
  CHECK(calls == 6);
}

TEST_CASE("function_ref takes plain functions, const callables and callables that keep state") {
  const function_ref<int(int)> plain = twice;
  CHECK(plain(4) == 8);
  const function_ref<int(int)> pointer = &twice;
  CHECK(pointer(5) == 10);
  const auto constant = [](int x) { return x + 1; };
  const function_ref<int(int)> to_const = constant;
  CHECK(to_const(1) == 2);
  int state = 0;
  auto counter = [state]() mutable { return ++state; };
  const function_ref<int()> to_mutable = counter;
  to_mutable();
  CHECK(to_mutable() == 2);
  CHECK(counter() == 3);
}

TEST_CASE("function_ref drops a result nobody wants and passes what cannot be copied") {
  const auto plus = [](int x) { return x + 1; };
  const function_ref<void(int)> drops = plus;
  drops(1);
  const auto take = [](std::unique_ptr<int> p) { return *p; };
  const function_ref<int(std::unique_ptr<int>)> moves = take;
  CHECK(moves(std::make_unique<int>(7)) == 7);
  int x = 1;
  const auto through = [](int& r) -> int& { return r; };
  const function_ref<int&(int&)> reference = through;
  reference(x) = 9;
  CHECK(x == 9);
}

TEST_CASE("the inline executor runs in order, on this thread, and stops at what is thrown") {
  inline_executor e;
  CHECK(e.concurrency() == 1);
  std::vector<std::size_t> called;
  e.parallel_for(4, [&](std::size_t i) { called.push_back(i); });
  CHECK(called == std::vector<std::size_t>{0, 1, 2, 3});
  e.parallel_for(0, [&](std::size_t) { FAIL(); });
  const auto fails_at_two = [&](std::size_t i) {
    if (i == 2) throw std::out_of_range("two");
  };
  CHECK_THROWS_AS(e.parallel_for(4, fails_at_two), std::out_of_range);
}

TEST_CASE("executor_ref by default runs inline") {
  const executor_ref e;
  CHECK(e.concurrency() == 1);
  std::size_t sum = 0;
  e.parallel_for(5, [&](std::size_t i) { sum += i; });
  CHECK(sum == 10);
}

TEST_CASE("executor_ref passes on to the host's executor, and so do its copies") {
  backwards host;
  const executor_ref e = host;
  const executor_ref copy = e;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  CHECK(copy.concurrency() == 3);
  std::size_t sum = 0;
  copy.parallel_for(3, [&](std::size_t i) { sum += i; });
  CHECK(sum == 3);
  CHECK(host.called == std::vector<std::size_t>{2, 1, 0});
}

TEST_CASE("the concept tells executors from others") {
  STATIC_REQUIRE(executor<inline_executor>);
  STATIC_REQUIRE(executor<thread_pool>);
  STATIC_REQUIRE(executor<executor_ref>);
  STATIC_REQUIRE(executor<backwards>);
  STATIC_REQUIRE_FALSE(executor<no_executor>);
  STATIC_REQUIRE_FALSE(executor<int>);
}
