// What a durable event costs, beside plain SQLite: the same rows, as many a commit, in one run, turn by turn.
//
// store_durability [--events N] [--rounds R] [--rows-per-commit N] [--longest N] [--folder DIR] [--json OUT]
// Plain SQLite inserts the bytes of the same entries into a table of the same columns by prepared statements: a row
// each, and sixteen rows each, which is what the store does.

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "tandem/core/random.hpp"
#include "tandem/open.hpp"

namespace {

using namespace tandem;
using wall = std::chrono::steady_clock;

double seconds_since(wall::time_point start) { return std::chrono::duration<double>(wall::now() - start).count(); }

double middle(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x.empty() ? 0 : x[x.size() / 2];
}
double quantile(std::vector<double>& x, double q) {
  std::sort(x.begin(), x.end());
  return x.empty() ? 0 : x[std::min(x.size() - 1, static_cast<std::size_t>(q * static_cast<double>(x.size())))];
}

// A shop of 20,000 users and 5,000 items; popular ones come often.
struct shop_log {
  std::vector<std::string> users, items;
  std::vector<event> events;

  explicit shop_log(std::size_t n, std::uint64_t seed = 1) {
    for (int u = 0; u < 20000; ++u) users.push_back("user-" + std::to_string(100000 + u));
    for (int i = 0; i < 5000; ++i) items.push_back("item-" + std::to_string(10000 + i));
    random_stream random(seed, 3);
    for (std::size_t k = 0; k < n; ++k) {
      const double x = random.uniform();
      const double y = random.uniform();
      event e;
      e.user = users[static_cast<std::size_t>(x * x * 20000)];
      e.item = items[static_cast<std::size_t>(y * y * y * 5000)];
      e.time = from_millis(1'700'000'000'000 + static_cast<std::int64_t>(k) * 250);
      events.push_back(e);
    }
  }
};

class bench_folder {
 public:
  explicit bench_folder(const std::string& folder) : path_(std::filesystem::path(folder) / "tandem-bench-store") {
    std::filesystem::create_directories(path_);
  }
  ~bench_folder() { std::filesystem::remove_all(path_); }
  std::string fresh(const char* name) const {
    for (const char* end : {"", "-wal", "-shm", "-owner", "-journal"}) std::filesystem::remove(file(name) + end);
    return file(name);
  }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// the rows that the store writes for these events: what plain SQLite is given
struct plain_row {
  std::int64_t seq, kind, user;
  std::string body;
  std::int64_t sum;
};

std::vector<plain_row> rows_of(const bench_folder& where, const shop_log& log) {
  const std::string path = where.fresh("rows");
  {
    engine e = open(path, {}, {.level = durability::none});
    e.observe(log.events);
    e.flush();
  }
  std::vector<plain_row> out;
  SQLite::Database db(path);
  SQLite::Statement rows(db, "SELECT seq, kind, user, body, sum FROM record ORDER BY seq");
  while (rows.executeStep()) {
    const SQLite::Column body = rows.getColumn(3);
    out.push_back({rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
                   std::string(static_cast<const char*>(body.getBlob()), static_cast<std::size_t>(body.getBytes())),
                   rows.getColumn(4).getInt64()});
  }
  return out;
}

// @param together  rows an INSERT has
double plain_sqlite(const std::string& path, const std::vector<plain_row>& rows, std::size_t per_commit, bool sync,
                    std::size_t together) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
  (void)db.execAndGet("PRAGMA journal_mode=WAL");
  db.exec(sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  db.exec(
      "CREATE TABLE record(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, user INTEGER, body BLOB NOT NULL, "
      "sum INTEGER NOT NULL)");
  std::string values = "(?, ?, ?, ?, ?)";
  SQLite::Statement one(db, "INSERT INTO record VALUES" + values);
  for (std::size_t k = 1; k < together; ++k) values += ", (?, ?, ?, ?, ?)";
  SQLite::Statement many(db, "INSERT INTO record VALUES" + values);
  const auto start = wall::now();
  for (std::size_t k = 0; k < rows.size();) {
    db.exec("BEGIN IMMEDIATE");
    for (const std::size_t end = std::min(rows.size(), k + per_commit); k < end;) {
      const std::size_t n = end - k >= together ? together : 1;
      SQLite::Statement& add = n == 1 ? one : many;
      for (int at = 0; at < static_cast<int>(n) * 5; at += 5, ++k) {
        add.bind(at + 1, rows[k].seq);
        add.bind(at + 2, rows[k].kind);
        add.bind(at + 3, rows[k].user);
        add.bindNoCopy(at + 4, rows[k].body.data(), static_cast<int>(rows[k].body.size()));
        add.bind(at + 5, rows[k].sum);
      }
      add.exec();
      add.reset();
    }
    db.exec("COMMIT");
  }
  return static_cast<double>(rows.size()) / seconds_since(start);
}

// the store alone: what the engine hands it, without learning
double store_alone(const std::string& path, const shop_log& log, std::size_t per_commit, durability level) {
  const auto store = open_sqlite(path, {.level = level, .queue_bytes = std::size_t{1} << 28U});
  store->opened();
  std::map<std::string_view, std::uint32_t> users, items;
  std::vector<event_entry> entries;
  for (const event& e : log.events) {
    event_entry entry;
    entry.record.user = user_index{users.emplace(e.user, static_cast<std::uint32_t>(users.size())).first->second};
    entry.record.item = item_index{items.emplace(e.item, static_cast<std::uint32_t>(items.size())).first->second};
    entry.record.time = e.time;
    entry.user = e.user;
    entry.item = e.item;
    entry.action = e.action;
    entries.push_back(entry);
  }
  const auto start = wall::now();
  for (std::size_t k = 0; k < entries.size();) {
    for (const std::size_t end = std::min(entries.size(), k + per_commit); k < end; ++k) store->append(entries[k]);
    if (!store->commit(store->last())) std::printf("FAILED: %s\n", store->failure().c_str());
  }
  return static_cast<double>(entries.size()) / seconds_since(start);
}

// through the engine: learned too, in spans
double through_engine(const std::string& path, const shop_log& log, std::size_t per_commit, durability level) {
  engine e = open(path, {}, {.level = level});
  const auto start = wall::now();
  for (std::size_t k = 0; k < log.events.size(); k += per_commit) {
    const std::size_t n = std::min(per_commit, log.events.size() - k);
    e.observe(std::span(log.events).subspan(k, n));
    if (level == durability::power_loss) e.flush();
  }
  e.flush();
  return static_cast<double>(log.events.size()) / seconds_since(start);
}

// threads that each wait for every event of theirs
double waiting_threads(const std::string& path, const shop_log& log, std::size_t n_threads, std::size_t per_thread) {
  engine e = open(path, {}, {.level = durability::power_loss});
  std::vector<std::thread> threads;
  const auto start = wall::now();
  for (std::size_t t = 0; t < n_threads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t k = 0; k < per_thread; ++k) {
        const observe_result r = e.observe(log.events[(t * per_thread + k) % log.events.size()]);
        e.wait_durable(r.ticket);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  return static_cast<double>(n_threads * per_thread) / seconds_since(start);
}

nlohmann::ordered_json one_by_one(const std::string& path, const shop_log& log, durability level, std::size_t n) {
  engine e = open(path, {}, {.level = level});
  std::vector<double> micros;
  for (std::size_t k = 0; k < n; ++k) {
    const auto start = wall::now();
    const observe_result r = e.observe(log.events[k % log.events.size()]);
    if (level == durability::power_loss) e.wait_durable(r.ticket);
    micros.push_back(seconds_since(start) * 1e6);
  }
  nlohmann::ordered_json out{{"p50", quantile(micros, .5)}, {"p99", quantile(micros, .99)}};
  std::printf("  one durable event at %-13s p50 %8.1f us  p99 %8.1f us\n",
              level == durability::power_loss ? "power_loss" : "process_crash", out["p50"].get<double>(),
              out["p99"].get<double>());
  return out;
}

// how long opening takes, from a snapshot and from the log alone
nlohmann::ordered_json opening(const bench_folder& where, std::size_t longest) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (std::size_t n = 10000; n <= longest; n *= 10) {
    const std::string path = where.fresh("long");
    {
      engine e = open(path, {}, {.level = durability::none});
      const shop_log log(std::min<std::size_t>(n, 1000000));
      for (std::size_t done = 0; done < n; done += log.events.size()) e.observe(log.events);
    }
    auto start = wall::now();
    double from_snapshot = 0;
    std::uint64_t bytes = std::filesystem::file_size(path);
    {
      const engine e = open(path);
      from_snapshot = seconds_since(start);
      if (e.opened().replayed > 1000) std::printf("  NOT from a snapshot\n");
    }
    const auto events = verify_file(path);
    {
      SQLite::Database db(path, SQLite::OPEN_READWRITE);
      db.exec("DELETE FROM snapshot; DELETE FROM part; VACUUM");
    }
    const std::uint64_t log_bytes = std::filesystem::file_size(path);
    start = wall::now();
    double from_log = 0;
    {
      const engine e = open(path);
      from_log = seconds_since(start);
      if (e.opened().replayed < n) std::printf("  NOT from the log\n");
    }
    std::printf(
        "  %9zu events: open %7.3f s from a snapshot, %8.3f s from the log alone; %.1f bytes an event, file %.1f MB\n",
        n, from_snapshot, from_log, static_cast<double>(log_bytes) / static_cast<double>(n),
        static_cast<double>(bytes) / 1e6);
    out.push_back({{"events", n},
                   {"from_snapshot_s", from_snapshot},
                   {"from_log_s", from_log},
                   {"bytes_per_event", static_cast<double>(log_bytes) / static_cast<double>(n)},
                   {"file_bytes_with_snapshots", bytes},
                   {"users", events.users}});
  }
  return out;
}

// answers beside a thread that writes without pause
nlohmann::ordered_json answers_beside_writing(const bench_folder& where, const shop_log& log) {
  engine e = open(where.fresh("served"), {}, {.level = durability::process_crash});
  e.observe(std::span(log.events).first(std::min<std::size_t>(log.events.size(), 100000)));
  const auto ask = [&](std::size_t n) {
    std::vector<double> micros;
    for (std::size_t k = 0; k < n; ++k) {
      const auto start = wall::now();
      (void)e.recommend({.user = log.users[(k * 37) % log.users.size()], .time = log.events.back().time});
      micros.push_back(seconds_since(start) * 1e6);
    }
    return micros;
  };
  std::vector<double> alone = ask(2000);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t k = 0; !done; ++k) e.observe(log.events[k % log.events.size()]);
  });
  std::vector<double> beside = ask(2000);
  done = true;
  writer.join();
  nlohmann::ordered_json out{{"alone_p50_us", quantile(alone, .5)},
                             {"alone_p99_us", quantile(alone, .99)},
                             {"beside_p50_us", quantile(beside, .5)},
                             {"beside_p99_us", quantile(beside, .99)}};
  std::printf("  recommend: alone p50 %.0f p99 %.0f us, beside a thread that writes p50 %.0f p99 %.0f us\n",
              out["alone_p50_us"].get<double>(), out["alone_p99_us"].get<double>(), out["beside_p50_us"].get<double>(),
              out["beside_p99_us"].get<double>());
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  const arguments given(argc, argv);
  const std::size_t n = given.count("events", 300000);
  const std::size_t rounds = given.count("rounds", 5);
  const std::size_t per_commit = given.count("rows-per-commit", 1000);
  const bench_folder where(given.text("folder", std::filesystem::temp_directory_path().string()));
  const shop_log log(n);
  const std::vector<plain_row> rows = rows_of(where, log);

  std::map<std::string, std::vector<double>> rate;
  for (std::size_t round = 0; round < rounds; ++round) {
    rate["sqlite_process_crash"].push_back(plain_sqlite(where.fresh("plain"), rows, per_commit, false, 1));
    rate["sqlite_sixteen_process_crash"].push_back(plain_sqlite(where.fresh("plain"), rows, per_commit, false, 16));
    rate["store_process_crash"].push_back(store_alone(where.fresh("s"), log, per_commit, durability::process_crash));
    rate["engine_process_crash"].push_back(
        through_engine(where.fresh("e"), log, per_commit, durability::process_crash));
    rate["sqlite_power_loss"].push_back(plain_sqlite(where.fresh("plain"), rows, per_commit, true, 1));
    rate["sqlite_sixteen_power_loss"].push_back(plain_sqlite(where.fresh("plain"), rows, per_commit, true, 16));
    rate["store_power_loss"].push_back(store_alone(where.fresh("s"), log, per_commit, durability::power_loss));
    rate["engine_power_loss"].push_back(through_engine(where.fresh("e"), log, per_commit, durability::power_loss));
    rate["engine_none"].push_back(through_engine(where.fresh("e"), log, per_commit, durability::none));
  }
  std::map<std::string, double> mid;
  for (const auto& [what, all] : rate) mid[what] = middle(all);
  const auto ratio = [&](const char* ours, const char* theirs) { return mid[ours] / mid[theirs]; };
  std::printf("rows a second, %zu a commit, medians of %zu:\n", per_commit, rounds);
  for (const auto& [what, figure] : mid) std::printf("  %-30s %10.0f\n", what.c_str(), figure);
  nlohmann::ordered_json out;
  out["ratios"] = {
      {"durable_vs_sqlite_process_crash", ratio("store_process_crash", "sqlite_process_crash")},
      {"durable_vs_sqlite_power_loss", ratio("store_power_loss", "sqlite_power_loss")},
      {"durable_vs_sqlite_sixteen_process_crash", ratio("store_process_crash", "sqlite_sixteen_process_crash")},
      {"durable_vs_sqlite_sixteen_power_loss", ratio("store_power_loss", "sqlite_sixteen_power_loss")},
      {"engine_vs_sqlite_process_crash", ratio("engine_process_crash", "sqlite_process_crash")},
      {"engine_vs_sqlite_power_loss", ratio("engine_power_loss", "sqlite_power_loss")}};
  for (const auto& [what, figure] : out["ratios"].items())
    std::printf("  %-40s %.2f\n", what.c_str(), figure.get<double>());
  out["rows_per_commit"] = per_commit;
  out["events_per_s"] = {{"none", mid["engine_none"]},
                         {"process_crash", mid["engine_process_crash"]},
                         {"power_loss", mid["engine_power_loss"]}};
  for (const std::size_t threads : {1U, 4U, 16U, 64U}) {
    const double figure = waiting_threads(where.fresh("w"), log, threads, std::max<std::size_t>(20, 4000 / threads));
    out["waiting_threads"][std::to_string(threads)] = figure;
    std::printf("  %2zu threads that wait for each event, power_loss: %8.0f events a second\n", threads, figure);
  }
  out["one_event_us"]["process_crash"] = one_by_one(where.fresh("o"), log, durability::process_crash, 20000);
  out["one_event_us"]["power_loss"] = one_by_one(where.fresh("o"), log, durability::power_loss, 1000);
  out["answers"] = answers_beside_writing(where, log);
  out["open_s"] = opening(where, given.count("longest", 1000000));
  out["bytes_per_event"] = out["open_s"].back()["bytes_per_event"];
  out["survey"] = {{"records_per_s", 8000}, {"memory_gb", 4.5}};
  if (const std::string file = given.text("json", ""); !file.empty()) {
    if (std::FILE* f = std::fopen(file.c_str(), "w")) {
      std::fputs(out.dump(2).c_str(), f);
      std::fputs("\n", f);
      std::fclose(f);
    }
  }
} catch (const std::exception& e) {
  std::fprintf(stderr, "store_durability: %s\n", e.what());
  return 1;
}
