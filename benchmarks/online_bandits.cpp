// Bandits in pieces that benchmarks/peers/online.py runs beside their peers; each prints one line of JSON.
//
//   online_bandits world FILE --world NAME --seed S     writes a made-up world (bandit_worlds.hpp) as raw float32
//   online_bandits quality FILE --policy P              share of the gap that a policy earns there, and its mean reward
//   online_bandits speed --arms K --dimension D --policy P   decide + reward through the whole loop, one thread
//   online_bandits readers --arms K --dimension D       decisions a second of one thread, of two, and beside a learner
//   online_bandits delay FILE --policy P                regret when each reward comes --rounds later, by that at once
//   online_bandits replay --rows N                      an invented log shaped like the Open Bandit Dataset's, replayed
//
// P: auto, lin_ucb, lin_ts, tuned; --strength, --discount for the two that have them.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <exception>
#include <fstream>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "bandit_worlds.hpp"
#include "tandem/online/auto_bandit.hpp"
#include "tandem/online/decision_loop.hpp"
#include "tandem/online/linear_bandit.hpp"

extern std::atomic<std::size_t> allocations;  // counting_new.cpp

namespace {

using namespace tandem;
using namespace tandem::online;
using bandit_worlds::world;
using clock_type = std::chrono::steady_clock;

double microseconds(clock_type::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }
double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// f(bandit with its arms), for the policy that the command line names
template <class F>
void with_bandit(const arguments& given, std::size_t arms, std::size_t dimension, F f) {
  const std::string policy = given.text("policy", "auto");
  const double strength = given.number("strength", 0.1);
  const auto discount = static_cast<float>(given.number("discount", 1));
  const auto run = [&](auto bandit) {
    for (std::size_t a = 0; a < arms; ++a) bandit.add_arm();
    f(std::move(bandit));
  };
  if (policy == "auto") return run(auto_bandit({.dimension = dimension}));
  if (policy == "lin_ucb")
    return run(lin_ucb({.dimension = dimension, .policy = {.alpha = strength}, .discount = discount}));
  if (policy == "lin_ts")
    return run(lin_ts({.dimension = dimension, .policy = {.scale = strength}, .discount = discount}));
  if (policy == "tuned") return run(tuned_lin_ucb({.dimension = dimension, .discount = discount}));
  throw std::invalid_argument("no policy is called '" + policy + "'");
}

// ---- worlds
// -----------------------------------------------------------------------------------------------------------

void write_world(const arguments& given) {
  const world w = bandit_worlds::make(given.text("world", "20x20"), given.count("seed", 1),
                                      given.count("rounds", bandit_worlds::standard_rounds));
  std::ofstream out(given.file, std::ios::binary);
  const auto write = [&](const std::vector<float>& values) {
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
  };
  write({static_cast<float>(w.rounds), static_cast<float>(w.arms), static_cast<float>(w.dimension)});
  write(w.contexts);
  write(w.pays);
  write(w.luck);
  if (!out) throw std::runtime_error(given.file + " cannot be written");
  std::printf("{\"rounds\": %zu, \"arms\": %zu, \"dimension\": %zu}\n", w.rounds, w.arms, w.dimension);
}

world read_world(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const auto read = [&](std::size_t n) {
    std::vector<float> out(n);
    in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(n * sizeof(float)));
    if (!in) throw std::runtime_error(path + " cannot be read, or is cut off");
    return out;
  };
  const std::vector<float> head = read(3);
  world out;
  out.rounds = static_cast<std::size_t>(head[0]);
  out.arms = static_cast<std::size_t>(head[1]);
  out.dimension = static_cast<std::size_t>(head[2]);
  out.contexts = read(out.rounds * out.dimension);
  out.pays = read(out.rounds * out.arms);
  out.luck = read(out.rounds);
  return out;
}

struct outcome {
  double share = 0, reward = 0, regret = 0;
};

// plays a world; each reward comes `delay` rounds later
template <class Bandit>
outcome play(Bandit bandit, const world& w, std::size_t delay, std::uint64_t seed) {
  struct shown {
    choice what;
    std::size_t round;
  };
  std::deque<shown> waiting;
  bandit_worlds::gap_share gap(w);
  outcome out;
  for (std::size_t t = 0; t < w.rounds; ++t) {
    random_stream dice(seed, t);
    const choice c = bandit.choose(w.context(t), dice);
    gap.chosen(t, raw(c.arm));
    const std::span<const float> chances = w.chances(t);
    out.regret += static_cast<double>(*std::max_element(chances.begin(), chances.end()) - chances[raw(c.arm)]);
    out.reward += static_cast<double>(w.reward(t, raw(c.arm))) / static_cast<double>(w.rounds);
    waiting.push_back({c, t});
    if (waiting.size() <= delay) continue;
    const shown past = waiting.front();
    waiting.pop_front();
    bandit.learn(past.what, w.context(past.round), w.reward(past.round, raw(past.what.arm)));
  }
  out.share = gap.value();
  return out;
}

void quality(const arguments& given) {
  const world w = read_world(given.file);
  with_bandit(given, w.arms, w.dimension, [&](const auto& bandit) {
    const auto begin = clock_type::now();
    const outcome o = play(bandit, w, 0, given.count("seed", 1));
    std::printf("{\"share\": %.6f, \"reward\": %.6f, \"us\": %.3f}\n", o.share, o.reward,
                microseconds(clock_type::now() - begin) / static_cast<double>(w.rounds));
  });
}

void delay(const arguments& given) {
  const world w = read_world(given.file);
  with_bandit(given, w.arms, w.dimension, [&](const auto& bandit) {
    const double at_once = play(bandit, w, 0, given.count("seed", 1)).regret;
    const double late = play(bandit, w, given.count("rounds", 1000), given.count("seed", 1)).regret;
    std::printf("{\"at_once\": %.2f, \"late\": %.2f, \"ratio\": %.4f}\n", at_once, late, late / at_once);
  });
}

// ---- speed --------------------------------------------------------------------------------------------------------

constexpr std::size_t n_contexts = 1024;

std::vector<float> normal_contexts(std::size_t dimension) {
  random_stream random(1);
  std::vector<float> out(n_contexts * dimension);
  for (float& x : out) x = static_cast<float>(random.normal());
  for (std::size_t c = 0; c < n_contexts; ++c) out[c * dimension] = 1;
  return out;
}

struct shape {
  explicit shape(const arguments& given)
      : arms(given.count("arms", 20)), dimension(given.count("dimension", 20)), contexts(normal_contexts(dimension)) {}
  std::size_t arms, dimension;
  std::vector<float> contexts;
  [[nodiscard]] std::span<const float> context(std::size_t n) const {
    return std::span(contexts).subspan(n % n_contexts * dimension, dimension);
  }
};

// one round of the loop as a host runs it: decide by id, keep, join the reward, learn
template <class Loop>
void round(Loop& loop, const shape& s, std::uint64_t n) {
  const decision_id id{n};
  const timestamp now = from_millis(static_cast<std::int64_t>(n));
  const loop_decision d = loop.decide(id, s.context(n), now);
  loop.reward(id, (raw(d.chosen.arm) + n) % 10 == 0 ? 1 : 0, now);
}

void speed(const arguments& given) {
  const shape s(given);
  const std::size_t rounds = given.count("rounds", 200000);
  with_bandit(given, s.arms, s.dimension, [&](const auto& bandit) {
    decision_loop loop(bandit, {.seed = 7, .capacity = 4096});
    std::uint64_t n = 1;
    for (const std::uint64_t warm = 5000; n <= warm; ++n) round(loop, s, n);
    const std::size_t before = allocations;
    const auto begin = clock_type::now();
    const double cpu = thread_seconds();
    for (const std::uint64_t end = n + rounds; n < end; ++n) round(loop, s, n);
    const double spent = thread_seconds() - cpu;
    const double wall = microseconds(clock_type::now() - begin) * 1e-6;
    const std::size_t allocated = allocations - before;
    std::vector<double> decide, learn;
    for (std::size_t r = 0; r < std::min<std::size_t>(rounds, 50000); ++r, ++n) {
      const decision_id id{n};
      const timestamp now = from_millis(static_cast<std::int64_t>(n));
      const auto a = clock_type::now();
      const loop_decision d = loop.decide(id, s.context(n), now);
      const auto b = clock_type::now();
      loop.reward(id, (raw(d.chosen.arm) + n) % 10 == 0 ? 1 : 0, now);
      const auto c = clock_type::now();
      decide.push_back(microseconds(b - a));
      learn.push_back(microseconds(c - b));
    }
    std::printf(
        "{\"per_s\": %.0f, \"per_wall_s\": %.0f, \"decide_p50_us\": %.3f, \"decide_p99_us\": %.3f, "
        "\"learn_p50_us\": %.3f, \"learn_p99_us\": %.3f, \"allocations\": %zu, \"simd\": \"%s\"}\n",
        static_cast<double>(rounds) / spent, static_cast<double>(rounds) / wall, quantile(decide, 0.5),
        quantile(decide, 0.99), quantile(learn, 0.5), quantile(learn, 0.99), allocated,
        std::string(simd_level()).c_str());
  });
}

// ---- many threads
// -----------------------------------------------------------------------------------------------------

struct pace {
  double per_s = 0, per_cpu_s = 0;
  std::uint64_t torn = 0;
};

// decisions a second of some readers, while `beside` runs until told to stop
template <class Loop, class Beside>
pace readers(Loop& loop, const shape& s, std::size_t n_readers, double seconds, std::uint64_t first_id, Beside beside) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> decided{0}, torn{0};
  std::atomic<double> cpu{0};
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < n_readers; ++r) {
    threads.emplace_back([&, r] {
      std::uint64_t mine = 0, backwards = 0, latest = 0;
      const double begin = thread_seconds();
      while (!stop.load(std::memory_order_relaxed)) {
        const loop_decision d =
            loop.decide(decision_id{first_id + mine * n_readers + r}, s.context(mine), from_millis(0));
        if (!d.ok() || d.version < latest) ++backwards;
        latest = d.version;
        ++mine;
      }
      const double spent = thread_seconds() - begin;
      decided += mine;
      torn += backwards;
      for (double sum = cpu; !cpu.compare_exchange_weak(sum, sum + spent);) {
      }
    });
  }
  std::thread other([&] { beside(stop); });
  const auto begin = clock_type::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& each : threads) each.join();
  const double wall = microseconds(clock_type::now() - begin) * 1e-6;
  other.join();
  return {static_cast<double>(decided) / wall, static_cast<double>(decided) / cpu, torn};
}

void readers(const arguments& given) {
  const shape s(given);
  const double seconds = given.number("seconds", 1);
  with_bandit(given, s.arms, s.dimension, [&](const auto& bandit) {
    decision_loop loop(bandit, {.seed = 7, .default_reward = std::nullopt, .capacity = 1U << 14U});
    const auto nobody = [](std::atomic<bool>&) {};
    std::uint64_t id = 1U << 30U;
    std::vector<double> one, two, beside, beside_paced, learned;
    std::uint64_t torn = 0;
    for (std::size_t r = 0; r < given.count("repeat", 5); ++r) {
      const auto take = [&](std::vector<double>& into, std::size_t n, auto with, bool by_cpu) {
        const pace p = readers(loop, s, n, seconds, id, with);
        into.push_back(by_cpu ? p.per_cpu_s : p.per_s);
        torn += p.torn;
        id += std::uint64_t{1} << 32U;
      };
      std::vector<double> alone;
      take(one, 1, nobody, false);
      take(two, 2, nobody, false);
      take(alone, 1, nobody, true);
      std::uint64_t rounds = 0;
      take(
          beside, 1,
          [&](std::atomic<bool>& stop) {
            while (!stop.load(std::memory_order_relaxed)) round(loop, s, id + (std::uint64_t{1} << 31U) + ++rounds);
          },
          true);
      beside.back() /= alone.back();
      learned.push_back(static_cast<double>(rounds) / seconds);
      take(
          beside_paced, 1,
          [&](std::atomic<bool>& stop) {
            for (auto next = clock_type::now(); !stop.load(std::memory_order_relaxed);) {
              for (int k = 0; k < 20; ++k) round(loop, s, id + (std::uint64_t{1} << 31U) + ++rounds);
              std::this_thread::sleep_until(next += std::chrono::milliseconds(1));
            }
          },
          true);
      beside_paced.back() /= alone.back();
    }
    std::vector<double> ratio;
    for (std::size_t r = 0; r < one.size(); ++r) ratio.push_back(two[r] / one[r]);
    std::printf(
        "{\"one_per_s\": %.0f, \"two_per_s\": %.0f, \"two_vs_one\": %.4f, \"beside_a_learner\": %.4f, "
        "\"beside_20000_learned_per_s\": %.4f, "
        "\"learner_per_s\": %.0f, \"torn\": %llu}\n",
        median(one), median(two), median(ratio), median(beside), median(beside_paced), median(learned),
        static_cast<unsigned long long>(torn));
  });
}

// ---- replay of a log ------------------------------------------------------------------------------------------------

// 80 arms, 20 features, uniform logging, clicks of 0.35 %: the policy learns from the rows in which it would have done
// what was done (Li et al. 2011)
void replay(const arguments& given) {
  const std::size_t rows = given.count("rows", 1374327);
  const shape s(given);
  random_stream world(3);
  std::vector<double> rate(s.arms);
  for (double& each : rate) each = 0.0035 * std::exp(0.5 * world.normal());
  std::size_t matched = 0;
  double clicks = 0;
  with_bandit(given, s.arms, s.dimension, [&](auto bandit) {
    const double begin = thread_seconds();
    for (std::size_t n = 0; n < rows; ++n) {
      const std::span<const float> x = s.context(n);
      const std::uint64_t logged = world.below(s.arms);
      const bool click = world.uniform() < rate[logged] * std::exp(0.5 * static_cast<double>(x[1 + logged % 19]));
      random_stream dice(9, n);
      const choice c = bandit.choose(x, dice);
      if (raw(c.arm) != logged) continue;
      ++matched;
      clicks += click ? 1 : 0;
      bandit.learn(c, x, click ? 1.0F : 0.0F);
    }
    const double spent = thread_seconds() - begin;
    std::printf("{\"seconds\": %.3f, \"rows\": %zu, \"matched\": %zu, \"click_rate\": %.6f}\n", spent, rows, matched,
                clicks / static_cast<double>(std::max<std::size_t>(matched, 1)));
  });
}

}  // namespace

int main(int argc, char** argv) try {
  const arguments given(argc, argv);
  if (given.command == "world") {
    write_world(given);
  } else if (given.command == "quality") {
    quality(given);
  } else if (given.command == "delay") {
    delay(given);
  } else if (given.command == "speed") {
    speed(given);
  } else if (given.command == "readers") {
    readers(given);
  } else if (given.command == "replay") {
    replay(given);
  } else {
    std::fprintf(stderr, "usage: online_bandits world|quality|delay|speed|readers|replay [FILE] [--option value]...\n");
    return 2;
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "online_bandits: %s\n", e.what());
  return 1;
}
