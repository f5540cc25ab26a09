// A child that ingests, refits and checkpoints is killed, and killed again: what it was promised is in the file.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "durable/child.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/random.hpp"

using tandem_test::child_end;
using tandem_test::run_child;

namespace {

// one file, and what it promised in all its lives
class killed_file {
 public:
  explicit killed_file(std::uint64_t seed) : random_(seed, 9) {}

  // a life that may be cut short, by us or at a kill point; true if it was
  bool live(std::uint64_t number, const std::string& point) {
    const std::string level = number % 3 == 0 ? "power_loss" : "process_crash";
    const long lines = point.empty() ? static_cast<long>(random_.below(60)) : -1;
    const child_end end = run_child({"live", path_, std::to_string(number), level, "110"}, lines,
                                    static_cast<unsigned>(random_.below(3000)), point);
    INFO("exit code " << end.exit_code);
    REQUIRE((end.killed || end.exit_code == 0));
    for (const std::string& line : end.lines) {
      if (line != "opened") promised_.insert(line);
    }
    return end.killed;
  }

  void check() {
    const child_end end = run_child({"check", path_});
    REQUIRE(end.exit_code == 0);
    REQUIRE(!end.lines.empty());
    REQUIRE(end.lines.back() == "checked");
    std::map<std::string, int> times;
    for (const std::string& line : end.lines) {
      INFO(line);
      REQUIRE(line[0] != '!');
      REQUIRE(++times[line] == 1);
    }
    for (const std::string& key : promised_) {
      INFO("promised: " << key);
      REQUIRE(times[key] == 1);
    }
  }
  [[nodiscard]] std::size_t promised() const noexcept { return promised_.size(); }

 private:
  test_support::scratch folder_;
  std::string path_ = (folder_.path / "shop").string();
  tandem::random_stream random_;
  std::set<std::string> promised_;
};

struct tally {
  std::size_t kills = 0, promised = 0;
};

tally kill_at_random(std::size_t kills, std::uint64_t seed) {
  tally out;
  constexpr std::size_t lives_of_a_file = 12;
  for (std::uint64_t file = 0; out.kills < kills; ++file) {
    killed_file subject(seed + file);
    for (std::uint64_t n = 0; n < lives_of_a_file && out.kills < kills; ++n) {
      CAPTURE(seed, file, n);
      if (subject.live(file * 100 + n, {})) ++out.kills;
      subject.check();
    }
    out.promised += subject.promised();
  }
  return out;
}

struct kill_point {
  const char* name;
  std::size_t stride;  // many enough for a quick look
};
constexpr kill_point points[] = {
    {"log-write", 331}, {"log-sync", 1},      {"log-removal", 1},     {"file-write", 60},
    {"file-sync", 1},   {"journal-write", 1}, {"journal-removal", 1}, {"open", 5},
    {"read", 40},       {"lock", 40},         {"shared-lock", 301},
};

// kills at each point, at the first, at every `stride`th after it, to the last that a life reaches: of a new file, and
// of one that has lived before
tally kill_at_points(std::uint64_t seed, std::size_t finer) {
  tally out;
  for (const kill_point& at : points) {
    for (const bool lived : {false, true}) {
      const std::size_t stride = at.stride > finer ? at.stride / finer : 1;
      for (std::size_t count = 1;; count += stride) {
        CAPTURE(at.name, lived, count);
        killed_file subject(seed);
        if (lived) REQUIRE(!subject.live(1, "none"));
        const bool killed = subject.live(count + 1, std::string(at.name) + ":" + std::to_string(count));
        if (killed) subject.check();
        out.promised += subject.promised();
        if (!killed) break;
        ++out.kills;
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("killed at random, a process leaves every event it acknowledged, once, and the same bits") {
  const tally done = kill_at_random(25, 1);
  CHECK(done.kills == 25);
  CHECK(done.promised > 100);
}

TEST_CASE("killed at every named point, a process leaves every event it acknowledged, once, and the same bits") {
  CHECK(kill_at_points(2, 1).kills >= 25);
}

TEST_CASE("a thousand kills", "[.long]") {
  const tally at_random = kill_at_random(700, 1000);
  const tally at_points = kill_at_points(3, 30);
  WARN(at_random.kills << " kills at random, " << at_points.kills << " at named points, "
                       << at_random.promised + at_points.promised << " acknowledged events");
  CHECK(at_random.kills + at_points.kills >= 1000);
}
