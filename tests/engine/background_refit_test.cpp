// refit_in_background(): one at a time, whatever becomes of the function and of the engine meanwhile.

#include <exception>
#include <functional>
#include <stdexcept>
#include <utility>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

engine filled() {
  engine e(small_options());
  for (const deed& d : deeds(200, 3)) e.observe(d.as_event());
  return e;
}

// takes the work and keeps it
struct desk {
  std::function<void()> work;
  auto post() {
    return [this](std::function<void()> w) { work = std::move(w); };
  }
  void run() { std::exchange(work, nullptr)(); }
};

}  // namespace

TEST_CASE("a refit in the background is one at a time, and done hears how it went", "[engine][refit]") {
  engine e = filled();
  desk d;
  int heard = 0;
  const auto done = [&](std::exception_ptr failure) {
    CHECK(failure == nullptr);
    CHECK(e.stats().refits == static_cast<std::uint64_t>(++heard));
    if (heard == 1) CHECK(e.refit_in_background(d.post()));  // no longer pending
  };
  REQUIRE(e.refit_in_background(d.post(), {}, {}, done));
  CHECK_FALSE(e.refit_in_background(d.post(), {}, {}, done));
  CHECK(e.stats().refits == 0);
  d.run();
  CHECK(heard == 1);
  d.run();
  CHECK(e.stats().refits == 2);
  CHECK(e.stats().failed_refits == 0);
  CHECK(e.stats().model_version == 2);
}

TEST_CASE("a refit that fails in the background is counted and heard of, and the next one may come",
          "[engine][refit]") {
  engine e = filled();
  desk d;
  errc why{};
  const auto done = [&](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const error& caught) {
      why = caught.code();
    }
  };
  REQUIRE(e.refit_in_background(
      d.post(), {}, [](const progress_report&) { return false; }, done));
  d.run();
  CHECK(why == errc::cancelled);
  CHECK(e.stats().failed_refits == 1);
  CHECK(e.stats().refits == 0);
  CHECK(e.model() == nullptr);
  REQUIRE(e.refit_in_background(d.post()));
  d.run();
  CHECK(e.stats().refits == 1);
}

TEST_CASE("a post that throws, or drops the work, leaves no refit pending", "[engine][refit]") {
  engine e = filled();
  const auto broken = [](std::function<void()>) { throw std::runtime_error("no thread"); };
  CHECK_THROWS_AS(e.refit_in_background(broken), std::runtime_error);
  CHECK(e.refit_in_background([](const std::function<void()>&) {}));
  desk d;
  CHECK(e.refit_in_background(d.post()));
  CHECK_FALSE(e.refit_in_background(d.post()));
  d.work = nullptr;
  CHECK(e.refit_in_background(d.post()));
  d.run();
  CHECK(e.stats().refits == 1);
  CHECK(e.stats().failed_refits == 0);
}

TEST_CASE("an engine may be moved or go before its refit runs", "[engine][refit]") {
  desk d;
  engine first = filled();
  REQUIRE(first.refit_in_background(d.post()));
  engine second = std::move(first);
  CHECK_FALSE(second.refit_in_background(d.post()));
  d.run();
  CHECK(second.stats().refits == 1);

  bool heard = false;
  REQUIRE(
      second.refit_in_background(d.post(), {}, {}, [&](std::exception_ptr failure) { heard = failure == nullptr; }));
  second = engine(small_options());
  d.run();
  CHECK(heard);
  CHECK(second.stats().refits == 0);
  CHECK(second.refit_in_background(d.post()));
}
