// The program that crash_test.cpp kills: it lives on a file and says what it was promised, or checks what is left of
// it.

#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "durable/fault_life.hpp"
#include "durable/shim_vfs.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace fault_world;
using tandem_test::fault;
using tandem_test::shim_vfs;
namespace file_op = tandem_test::file_op;

namespace {

// one write a line: what was said before the end is said
void say(const std::string& line) {
  const std::string text = line + "\n";
  (void)!write(STDOUT_FILENO, text.data(), text.size());
}

struct kill_point {
  const char* name;
  unsigned of;
  const char* suffix;
};
constexpr kill_point kill_points[] = {
    {"log-write", file_op::write, "-wal"},
    {"log-sync", file_op::sync, "-wal"},
    {"log-removal", file_op::remove, "-wal"},
    {"file-write", file_op::write, "shop"},
    {"file-sync", file_op::sync, "shop"},
    {"journal-write", file_op::write, "-journal"},
    {"journal-removal", file_op::remove, "-journal"},
    {"open", file_op::open, ""},
    {"read", file_op::read, ""},
    {"lock", file_op::lock, ""},
    {"shared-lock", file_op::shared, ""},
};

// TANDEM_KILL_POINT=name:count, or none
void arrange_end(shim_vfs& shim) {
  const char* const asked = std::getenv("TANDEM_KILL_POINT");
  if (asked == nullptr || std::string_view(asked) == "none") return;
  const std::string_view text(asked);
  const std::size_t colon = text.find(':');
  for (const kill_point& each : kill_points) {
    if (text.substr(0, colon) != each.name) continue;
    shim.arrange(fault::kill, std::strtoull(asked + colon + 1, nullptr, 10), each.of, false, each.suffix);
    return;
  }
  std::abort();
}

// live FILE RUN LEVEL STEPS
int live(const std::string& path, std::uint64_t run, const std::string& level, std::size_t steps) {
  shim_vfs shim(false);
  arrange_end(shim);
  file_options file;
  file.vfs = shim.name();
  file.level = level == "power_loss" ? durability::power_loss : durability::process_crash;
  engine e = tandem::open(path, small_options(), file);
  say("opened");
  keyed_life life(run, {1000000, 45, 7}, "run" + std::to_string(run) + "-");
  if (file.level == durability::process_crash) life.heard = say;
  std::thread refit;
  std::size_t said = 0;
  for (std::size_t n = 0; n < steps; ++n) {
    if (n % 40 == 25) {  // while the life goes on
      if (refit.joinable()) refit.join();
      (void)e.refit_in_background([&](std::function<void()> job) { refit = std::thread(std::move(job)); });
    }
    life.step(e);
    if (file.level == durability::power_loss && life.flushes() && e.flush()) {
      for (; said < life.acknowledged.size(); ++said) say(life.acknowledged[said]);
    }
  }
  if (refit.joinable()) refit.join();
  return 0;
}

void forget_snapshots(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, in_peace().vfs.c_str()) != SQLITE_OK) std::abort();
  if (sqlite3_exec(db, "DELETE FROM snapshot; DELETE FROM part", nullptr, nullptr, nullptr) != SQLITE_OK) std::abort();
  sqlite3_close(db);
}

// check FILE: its keys, whether it is sound, and that it knows what its whole log comes to
int check(const std::string& path) {
  {
    const auto store = open_sqlite(path, in_peace());
    for (const std::string& key : keys_of(*store)) {
      if (!key.empty()) say(key);
    }
  }
  const file_report report = verify_file(path, in_peace());
  for (const std::string& each : report.problems) say("! " + each);
  const std::string copy = path + "-whole";
  std::filesystem::remove(copy);
  copy_file(path, copy, in_peace());
  const engine e = tandem::open(path, small_options(), in_peace());
  for (const std::string& each : e.opened().problems) say("! " + each);
  if (e.opened().decided_otherwise != 0) say("! decided otherwise");
  forget_snapshots(copy);
  const engine again = tandem::open(copy, small_options(), in_peace());
  if (raw(again.opened().from) != 0) say("! a snapshot was left");
  if (e.digest() != again.digest()) say("! another digest than a replay of the whole log");
  say("checked");
  return 0;
}

// outsider FILE: another program that reads the file with rights to write, as the sqlite3 shell does
int outsider(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) return 1;
  if (sqlite3_exec(db, "SELECT count(*) FROM record", nullptr, nullptr, nullptr) != SQLITE_OK) return 1;
  sqlite3_close(db);
  return 0;
}

// another FILE: what a second engine is told
int another(const std::string& path) {
  try {
    (void)tandem::open(path, small_options());
  } catch (const error& e) {
    say(std::string(name(e.code())) + ": " + e.what());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 5 && args[0] == "live") {
    return live(args[1], std::strtoull(args[2].c_str(), nullptr, 10), args[3],
                std::strtoull(args[4].c_str(), nullptr, 10));
  }
  if (args.size() != 2) return 2;
  if (args[0] == "check") return check(args[1]);
  if (args[0] == "outsider") return outsider(args[1]);
  if (args[0] == "another") return another(args[1]);
  return 2;
}
