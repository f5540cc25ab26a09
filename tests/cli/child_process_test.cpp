#include "child_process.hpp"

#include <unistd.h>

#include <csignal>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "result_bytes.hpp"
#include "support/catch.hpp"
#include "tandem/core/error.hpp"

using namespace tandem;
using tandem_cli::child_process;

namespace {

// What a child's failure says, and its code.
std::pair<errc, std::string> failure_of(const child_process::work& job) {
  child_process child("the arm", job);
  try {
    (void)child.run({});
  } catch (const error& e) {
    return {e.code(), e.what()};
  }
  return {errc::io_error, "it did not fail"};
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a child's answer comes back whole, however long") {
  for (const std::size_t size : {0U, 1U, 70000U, 5000000U}) {
    child_process child("big", [size](const progress&) { return std::string(size, 'x'); });
    CHECK(child.run({}) == std::string(size, 'x'));
  }
}

TEST_CASE("a child works in a process and memory of its own") {
  int here = 1;
  child_process child("own", [&here](const progress&) {
    here = 2;
    return std::to_string(::getpid());
  });
  CHECK(child.run({}) != std::to_string(::getpid()));
  CHECK(here == 1);
}

TEST_CASE("a child's progress is heard, in order") {
  child_process child("steps", [](const progress& report) {
    for (std::size_t k = 1; k <= 5; ++k) report_progress(report, {"inside", k, 5});
    return std::string();
  });
  std::vector<std::size_t> heard;
  (void)child.run([&](const progress_report& report) {
    CHECK(report.stage == "steps");
    CHECK(report.total == 5);
    heard.push_back(report.done);
    return true;
  });
  CHECK(heard == std::vector<std::size_t>{1, 2, 3, 4, 5});
}

TEST_CASE("what a child throws arrives with its code and the child's name") {
  const auto thrown = failure_of([](const progress&) -> std::string {
    throw error(errc::not_finite, "factor 3 is not a number", {"x.csv", 7, "value"}, "check it");
  });
  CHECK(thrown.first == errc::not_finite);
  CHECK(thrown.second == "the arm: x.csv:7: field 'value': factor 3 is not a number; check it");
  CHECK(has(failure_of([](const progress&) -> std::string { throw std::bad_alloc(); }).second, "out of memory"));
  CHECK(
      has(failure_of([](const progress&) -> std::string { throw std::runtime_error("odd"); }).second, "the arm: odd"));
}

TEST_CASE("a child that dies says of what") {
  const auto killed = failure_of([](const progress&) -> std::string {
    ::raise(SIGKILL);
    return {};
  });
  CHECK(killed.first == errc::wrong_state);
  CHECK(has(killed.second, "the arm was ended by signal 9"));
  CHECK(has(killed.second, "memory"));
  CHECK(has(failure_of([](const progress&) -> std::string { ::_exit(3); }).second, "exit code 3"));
}

TEST_CASE("a callback that says stop ends the wait, and the child with it") {
  child_process child("long", [](const progress& report) {
    for (std::size_t k = 0;; ++k) report_progress(report, {"inside", k, 0});
    return std::string();
  });
  CHECK_THROWS_AS(child.run([](const progress_report& report) { return report.done < 10; }), error);
}

TEST_CASE("children that are never run end with their owner") {
  std::vector<child_process> children;
  for (int k = 0; k < 5; ++k) children.emplace_back("idle", [](const progress&) { return std::string("never"); });
  CHECK(children[3].run({}) == "never");
}

TEST_CASE("memory is that of the process") {
  const double before = tandem_cli::peak_rss_mb();
  CHECK(before > 1);
  const std::vector<char> block(100'000'000, 'x');
  CHECK(tandem_cli::peak_rss_mb() > before + 90);
  CHECK(block.back() == 'x');
}

TEST_CASE("a result survives its journey between processes, and half of one is refused") {
  study::replay_result sent;
  sent.rank = {0, 3.5, evaluation::missed};
  sent.sources = {"a", "long name"};
  sent.source_rank = {1, 2, 3, 4, 5, 6};
  sent.experts = {"blend"};
  sent.served = {3};
  sent.coverage = 0.25;
  sent.events = 7;
  sent.refits = 2;
  sent.decide.add(12);
  sent.learn.add(3);
  sent.learn.add(4);
  sent.refit_s = 1.5;
  sent.refit_cpu_s = 1.25;
  sent.cpu_s = 9;
  sent.peak_rss_mb = 60;
  sent.log_rss_mb = 20;
  const std::string bytes = tandem_cli::to_bytes(sent);
  const study::replay_result got = tandem_cli::from_bytes(bytes);
  CHECK(got.rank == sent.rank);
  CHECK(got.sources == sent.sources);
  CHECK(got.source_rank == sent.source_rank);
  CHECK(got.experts == sent.experts);
  CHECK(got.served == sent.served);
  CHECK(got.learn.size() == 2);
  CHECK(got.decide.percentile(0.5) == sent.decide.percentile(0.5));
  CHECK(got.log_rss_mb == 20);
  CHECK(tandem_cli::to_bytes(got) == bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 101) {
    CHECK_THROWS_AS(tandem_cli::from_bytes(std::string_view(bytes).substr(0, size)), error);
  }
}
