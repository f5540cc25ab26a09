#include "interruption.hpp"

#include <csignal>

#include "support/catch.hpp"

using tandem_cli::interruption;

TEST_CASE("a signal cancels the work at its next report, and the next work starts afresh") {
  tandem_cli::progress_bar bar;
  for (const int signal : {SIGINT, SIGTERM}) {
    const interruption watch;
    const tandem::progress report = interruption::callback(bar);
    CHECK(report({"work", 1, 10}));
    std::raise(signal);
    CHECK(interruption::asked());
    CHECK_FALSE(report({"work", 2, 10}));
    CHECK_THROWS_AS(tandem::report_progress(report, {"work", 3, 10}), tandem::error);
  }
  const interruption again;
  CHECK_FALSE(interruption::asked());
}

TEST_CASE("a second signal is the system's, and so is any when nobody watches") {
  struct sigaction now {};
  {
    const interruption watch;
    std::raise(SIGINT);
    ::sigaction(SIGINT, nullptr, &now);
    CHECK(now.sa_handler == SIG_DFL);
  }
  ::sigaction(SIGTERM, nullptr, &now);
  const auto before = now.sa_handler;
  {
    const interruption watch;
    ::sigaction(SIGTERM, nullptr, &now);
    CHECK(now.sa_handler != before);
  }
  ::sigaction(SIGTERM, nullptr, &now);
  CHECK(now.sa_handler == before);
}
