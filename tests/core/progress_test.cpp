#include "tandem/core/progress.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("nobody asks: nothing happens") { CHECK_NOTHROW(report_progress({}, {"ials", 1, 2})); }

TEST_CASE("the callback hears stage and counts") {
  std::vector<std::string> heard;
  const progress callback = [&](const progress_report& r) {
    heard.push_back(std::string(r.stage) + " " + std::to_string(r.done) + "/" + std::to_string(r.total));
    return true;
  };
  report_progress(callback, {"read", 0, 0});
  report_progress(callback, {"ials", 3, 16});
  CHECK(heard == std::vector<std::string>{"read 0/0", "ials 3/16"});
}

TEST_CASE("a callback that returns false cancels, by an error that names the stage") {
  try {
    report_progress([](const progress_report&) { return false; }, {"ials", 3, 16});
    FAIL("did not throw");
  } catch (const error& e) {
    CHECK(e.code() == errc::cancelled);
    CHECK(std::string(e.what()).find("ials") != std::string::npos);
  }
}

TEST_CASE("what the callback throws passes through") {
  const progress callback = [](const progress_report&) -> bool { throw 42; };
  CHECK_THROWS_AS(report_progress(callback, {}), int);
}
