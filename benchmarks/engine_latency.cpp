// How long observe() and recommend() take on a full engine, alone and while other threads observe and refit.
//
// A synthetic shop: 10,000 items, 5,000 users with latent taste, 500,000 events before anything is measured. The thread
// that recommends is pinned to the first core; the one that observes and the one that refits share the others. Observed
// is at 20,000 events a second, and once more without pause. The thread that refits has a low priority, as
// docs/refits.md tells hosts to give it; --nice 0 shows why.
//
//   engine_latency [--items N] [--users N] [--events N] [--rank K] [--nice 0 ... 19] [--json FILE]

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/engine.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace {

using namespace tandem;

struct settings {
  std::size_t items = 10000;
  std::size_t users = 5000;
  std::size_t events = 500000;
  std::size_t rank = 64;
  int nice = 19;
  std::string json;
};

struct shop_event {
  std::string user;
  std::string item;
};

// users draw items of their own few groups, popular ones more: something for every source to learn
class shop {
 public:
  explicit shop(settings s) : settings_(std::move(s)) {}
  shop_event next() {
    const std::uint64_t user = random_.below(settings_.users);
    const std::uint64_t groups = 50;
    const std::uint64_t group = (mix64(user) + random_.below(3)) % groups;
    const double skew = random_.uniform() * random_.uniform();
    const auto in_group = static_cast<std::uint64_t>(
        std::floor(static_cast<double>(settings_.items) / static_cast<double>(groups)) * skew);
    return {"user" + std::to_string(user), "item" + std::to_string(group + groups * in_group)};
  }

 private:
  settings settings_;
  random_stream random_{7};
};

void pin_to(std::size_t first, std::size_t last) {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  for (std::size_t c = first; c <= last; ++c) CPU_SET(c, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
#else
  (void)first;
  (void)last;
#endif
}

// of this thread alone
void set_nice(int nice) {
#if defined(__linux__)
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
#else
  (void)nice;
#endif
}

struct percentiles {
  double p50, p99, max;
};

percentiles of(std::vector<double> us) {
  std::sort(us.begin(), us.end());
  const auto at = [&](double q) { return us[static_cast<std::size_t>(q * static_cast<double>(us.size() - 1))]; };
  return {at(0.5), at(0.99), us.back()};
}

template <class F>
double microseconds(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

class run {
 public:
  explicit run(const settings& s) : settings_(s), shop_(s), engine_(options(s)) {}

  void fill() {
    for (std::size_t n = 0; n < settings_.events; ++n) observe();
    engine_.refit();
    for (std::size_t n = 0; n < 1000; ++n) observe();
  }

  percentiles observing(std::size_t n) {
    std::vector<double> us;
    for (std::size_t k = 0; k < n; ++k) {
      const shop_event e = shop_.next();
      const event given{e.user, e.item, "view", 1, clock()};
      us.push_back(microseconds([&] { engine_.observe(given); }));
    }
    return of(us);
  }

  // events that name an answer: the blender learns from its stored candidates; every third takes what was shown
  percentiles rewarding(std::size_t n) {
    std::vector<double> us;
    for (std::size_t k = 0; k < n; ++k) {
      const shop_event e = shop_.next();
      const recommendation shown = engine_.recommend({e.user, 10, clock()});
      const std::string_view item = k % 3 == 0 ? std::string_view(shown.items[k / 3 % 10].item) : e.item;
      const event given{.user = e.user, .item = item, .time = clock(), .decision = shown.id};
      us.push_back(microseconds([&] { engine_.observe(given); }));
    }
    return of(us);
  }

  // with what rewarding() taught: answers are ordered by a ranker, as those of an engine in use are
  void refit() {
    engine_.refit();
    if (!engine_.stats().has_ranker) std::abort();
  }

  percentiles recommending(std::size_t n) {
    std::vector<double> us;
    random_stream random(99);
    for (std::size_t k = 0; k < n; ++k) {
      const std::string user = "user" + std::to_string(random.below(settings_.users));
      const request asked{user, 10, clock()};
      std::size_t answered = 0;
      us.push_back(microseconds([&] { answered = engine_.recommend(asked).items.size(); }));
      if (answered != 10) std::abort();
    }
    return of(us);
  }

  // rate: events a second, told every millisecond; 0 = without pause
  percentiles recommending_under_load(std::size_t n, std::size_t rate, std::size_t& refits) {
    std::atomic<bool> stop{false};
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    std::thread observer([&] {
      pin_to(std::min<std::size_t>(1, cores - 1), cores - 1);
      for (auto next = std::chrono::steady_clock::now(); !stop;) {
        for (std::size_t k = 0; k < std::max<std::size_t>(1, rate / 1000); ++k) observe();
        next += std::chrono::milliseconds(1);
        if (rate > 0) std::this_thread::sleep_until(next);
      }
    });
    std::thread refitter([&] {
      pin_to(std::min<std::size_t>(1, cores - 1), cores - 1);
      set_nice(settings_.nice);
      while (!stop) engine_.refit();
    });
    std::thread reader;
    percentiles out{};
    const std::uint64_t before = engine_.stats().refits;
    reader = std::thread([&] {
      pin_to(0, 0);
      out = recommending(n);
    });
    reader.join();
    stop = true;
    observer.join();
    refitter.join();
    refits = engine_.stats().refits - before;
    return out;
  }

 private:
  static engine_options options(const settings& s) {
    engine_options o;
    o.rank = s.rank;
    return o;
  }
  timestamp clock() { return from_millis(static_cast<std::int64_t>(ticks_++) * 10); }
  void observe() {
    const shop_event e = shop_.next();
    engine_.observe({e.user, e.item, "view", 1, clock()});
  }

  settings settings_;
  shop shop_;
  engine engine_;
  std::atomic<std::uint64_t> ticks_{0};
};

}  // namespace

int main(int argc, char** argv) try {
  settings s;
  for (int k = 1; k + 1 < argc; k += 2) {
    const std::string flag = argv[k];
    if (flag == "--items") s.items = std::strtoull(argv[k + 1], nullptr, 10);
    if (flag == "--users") s.users = std::strtoull(argv[k + 1], nullptr, 10);
    if (flag == "--events") s.events = std::strtoull(argv[k + 1], nullptr, 10);
    if (flag == "--rank") s.rank = std::strtoull(argv[k + 1], nullptr, 10);
    if (flag == "--nice") s.nice = std::atoi(argv[k + 1]);
    if (flag == "--json") s.json = argv[k + 1];
  }
  run r(s);
  r.fill();
  const percentiles observe = r.observing(20000);
  const percentiles reward = r.rewarding(5000);
  r.refit();
  const percentiles alone = r.recommending(3000);
  std::size_t refits = 0;
  const percentiles paced = r.recommending_under_load(10000, 20000, refits);
  std::size_t refits_flooded = 0;
  const percentiles flooded = r.recommending_under_load(10000, 0, refits_flooded);
  std::printf("%zu items, rank %zu, %zu events, kernels %s\n", s.items, s.rank, s.events,
              std::string(simd_level()).c_str());
  std::printf("%-38s %10s %10s %10s\n", "microseconds", "p50", "p99", "max");
  const auto row = [](const char* name, const percentiles& p) {
    std::printf("%-38s %10.1f %10.1f %10.1f\n", name, p.p50, p.p99, p.max);
  };
  row("observe", observe);
  row("observe, in answer to a decision", reward);
  row("recommend 10 of all, alone", alone);
  row("the same, 20,000 events/s and refits", paced);
  row("the same, events without pause, refits", flooded);
  std::printf("refits meanwhile, at nice %d: %zu and %zu\n", s.nice, refits, refits_flooded);
  if (!s.json.empty()) {
    std::ofstream out(s.json);
    const auto field = [&](const char* name, const percentiles& p) {
      out << "\"" << name << "\": {\"p50\": " << p.p50 << ", \"p99\": " << p.p99 << ", \"max\": " << p.max << "}, ";
    };
    out << "{\"refit_nice\": " << s.nice << ", \"items\": " << s.items << ", \"rank\": " << s.rank
        << ", \"events\": " << s.events << ", \"kernels\": \"" << simd_level() << "\", ";
    field("observe_us", observe);
    field("observe_reward_us", reward);
    field("recommend_us", alone);
    field("recommend_under_load_us", paced);
    field("recommend_under_flood_us", flooded);
    out << "\"refits_meanwhile\": " << refits << "}\n";
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "engine_latency: %s\n", e.what());
  return 1;
}
