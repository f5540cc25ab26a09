#pragma once
// Running tests/durable/crash_child.cpp, and killing it.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace tandem_test {

struct child_end {
  std::vector<std::string> lines;
  bool killed = false;
  int exit_code = 0;
};

/// Runs the child; it is killed once it has said so many lines, some microseconds later. `point` as TANDEM_KILL_POINT
inline child_end run_child(const std::vector<std::string>& args, long lines = -1, unsigned wait = 0,
                           const std::string& point = {}) {
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  std::vector<char*> argv{const_cast<char*>(TANDEM_CRASH_CHILD)};
  for (const std::string& each : args) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    if (!point.empty()) setenv("TANDEM_KILL_POINT", point.c_str(), 1);
    execv(TANDEM_CRASH_CHILD, argv.data());
    _exit(127);
  }
  close(ends[1]);
  child_end out;
  std::string text;
  char some[512];
  long seen = 0;
  for (ssize_t n = 0; (n = read(ends[0], some, sizeof some)) > 0;) {
    text.append(some, static_cast<std::size_t>(n));
    for (ssize_t k = 0; k < n; ++k) seen += some[k] == '\n' ? 1 : 0;
    if (lines < 0 || seen < lines) continue;
    usleep(wait);
    kill(child, SIGKILL);
    lines = -1;
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  out.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    out.lines.push_back(text.substr(at, end - at));
  }
  return out;
}

}  // namespace tandem_test
