// The batch learner in pieces that benchmarks/peers/batch.py runs beside its peers; each prints one line of JSON.
//
//   batch_ials make FOLDER [--scale S]     an invented log shaped like MovieLens 20M times S: indptr.i64, indices.i32
//   batch_ials epoch FOLDER [--rank K] [--solver NAME] [--bfloat16 1] [--epochs N] [--threads N]
//   batch_ials fold_in FOLDER [--rank K]   50 items at a time; and one event more by a rank-one update
//   batch_ials peak [--rank K]             this core's multiply-adds, and what the Gram kernel makes of them
//
// Times are CPU seconds of the process: other programs on the machine disturb them less.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/online/linear_posterior.hpp"

namespace {

using namespace tandem;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// the most memory held since this program began; getrusage() would count that of the process that started it as well
double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
  }
  return 0;
}

// ---- the log --------------------------------------------------------------------------------------------------------

template <class T>
void write_raw(const std::string& path, const std::vector<T>& values) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!out) throw error(errc::io_error, "cannot be written", {path, 0, {}});
}

template <class T>
std::vector<T> read_raw(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw error(errc::io_error, "cannot be opened", {path, 0, {}}, "run batch_ials make first");
  std::vector<T> out(static_cast<std::size_t>(in.tellg()) / sizeof(T));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
  return out;
}

// 136,677 users with log-normal histories of 83 on average, 20,108 items of falling popularity: 11 million entries
void make(const arguments& given) {
  const double scale = given.number("scale", 1);
  const auto n_users = static_cast<std::size_t>(136677 * scale);
  const auto n_items = static_cast<std::size_t>(20108 * std::min(1.0, scale));
  std::vector<std::int64_t> start{0};
  std::vector<std::int32_t> items;
  random_stream random(5);
  for (std::size_t u = 0; u < n_users; ++u) {
    const double activity = std::exp(3.87 + 1.1 * random.normal());
    const auto n = static_cast<std::size_t>(std::clamp(activity, 5.0, static_cast<double>(n_items) / 4));
    const auto first = static_cast<std::ptrdiff_t>(items.size());
    for (std::size_t e = 0; e < n; ++e) {
      const double skewed = std::pow(random.uniform(), 3.0);
      items.push_back(static_cast<std::int32_t>(skewed * static_cast<double>(n_items)));
    }
    std::sort(items.begin() + first, items.end());
    items.erase(std::unique(items.begin() + first, items.end()), items.end());
    start.push_back(static_cast<std::int64_t>(items.size()));
  }
  std::filesystem::create_directories(given.file);
  write_raw(given.file + "/indptr.i64", start);
  write_raw(given.file + "/indices.i32", items);
  std::printf("{\"users\": %zu, \"items\": %zu, \"entries\": %zu}\n", n_users, n_items, items.size());
}

interactions read_log(const std::string& folder) {
  const auto start = read_raw<std::int64_t>(folder + "/indptr.i64");
  const auto items = read_raw<std::int32_t>(folder + "/indices.i32");
  std::vector<interaction> events;
  events.reserve(items.size());
  std::int32_t last = 0;
  for (std::size_t u = 0; u + 1 < start.size(); ++u) {
    for (auto e = static_cast<std::size_t>(start[u]); e < static_cast<std::size_t>(start[u + 1]); ++e) {
      last = std::max(last, items[e]);
      const auto user = static_cast<user_index>(u);
      events.push_back({user, static_cast<item_index>(items[e]), 1, {}});
    }
  }
  return interactions::from_events(events, start.size() - 1, static_cast<std::size_t>(last) + 1);
}

// ---- an epoch -------------------------------------------------------------------------------------------------------

// Multiplications and additions of an exact epoch done plainly: symmetric Gramians, and systems of the rank. Our short
// rows do fewer, and the stepwise solvers far fewer, so a rate of these flatters both: it compares times, not kernels.
double useful_operations(const interactions& log, std::size_t rank) {
  const auto k = static_cast<double>(rank);
  const auto rows = static_cast<double>(log.n_users() + log.n_items());
  return 2 * static_cast<double>(log.size()) * k * (k + 1) + rows * (k * k * k / 3 + 2 * k * k);
}

void epoch(const arguments& given) {
  const interactions log = read_log(given.file);
  batch::ials_options options;
  options.rank = given.count("rank", 64);
  options.epochs = given.count("epochs", 3);
  const auto solver = given.options.find("solver");
  if (solver != given.options.end() && solver->second == "cg") options.solver = batch::ials_solver::conjugate_gradient;
  if (solver != given.options.end() && solver->second == "block") options.solver = batch::ials_solver::block;
  if (given.count("bfloat16", 0) != 0) options.precision = batch::ials_precision::bfloat16;
  thread_pool pool(given.count("threads", 1));
  std::vector<double> marks;  // CPU seconds when users are solved: after the first half step, then once an epoch
  const std::size_t an_epoch = log.n_users() + log.n_items();
  const double begin = cpu_seconds();
  const auto watch = [&](const progress_report& report) {
    if (report.done >= log.n_users() + marks.size() * an_epoch) marks.push_back(cpu_seconds());
    return true;
  };
  const batch::factor_model model = batch::fit_ials(log, options, pool, watch);
  std::vector<double> seconds;
  for (std::size_t e = 1; e < marks.size(); ++e) seconds.push_back(marks[e] - marks[e - 1]);
  const double each = median(seconds);
  std::printf(
      "{\"rank\": %zu, \"epoch_s\": %.4f, \"gflops\": %.2f, \"fit_s\": %.4f, \"entries\": %zu, \"peak_rss_mb\": %.0f, "
      "\"simd\": \"%s\"}\n",
      options.rank, each, useful_operations(log, options.rank) / each * 1e-9, cpu_seconds() - begin, log.size(),
      peak_megabytes(), std::string(simd_level()).c_str());
}

// ---- a user at a time -----------------------------------------------------------------------------------------------

template <class F>
double microseconds(F&& f) {
  timespec from{};
  timespec to{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
  f();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
  return static_cast<double>(to.tv_sec - from.tv_sec) * 1e6 + static_cast<double>(to.tv_nsec - from.tv_nsec) * 1e-3;
}

// what a user's system is before the first event, with the ridge of a history of that length
std::vector<float> prior_precision(const batch::factor_model& model, double history) {
  std::vector<float> out(model.gram().begin(), model.gram().end());
  for (std::size_t a = 0; a < model.rank(); ++a) out[a * model.rank() + a] += model.regularizer(history);
  return out;
}

void fold_in(const arguments& given) {
  constexpr std::size_t history = 50;
  const interactions log = read_log(given.file);
  batch::ials_options options;
  options.rank = given.count("rank", 64);
  options.epochs = 2;
  thread_pool pool(2);
  const batch::factor_model model = batch::fit_ials(log, options, pool);
  const std::vector<float> precision = prior_precision(model, history);
  const std::vector<float> zero(options.rank, 0.0F);
  random_stream random(9);
  const std::vector<float> weights(history, 1.0F);
  std::vector<float> out(options.rank);
  std::vector<double> fold_us;
  std::vector<double> event_us;
  double largest_difference = 0;
  for (int user = 0; user < 2000; ++user) {
    std::vector<item_index> items;
    while (items.size() < history) {
      const double skewed = std::pow(random.uniform(), 3.0) * static_cast<double>(log.n_items());
      const item_index item{static_cast<std::uint32_t>(skewed)};
      if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
    }
    std::sort(items.begin(), items.end());
    fold_us.push_back(microseconds([&] { model.fold_in(items, weights, out); }));
    if (user % 20 != 0) continue;
    auto posterior = online::linear_posterior::from_prior(zero, precision);
    for (const item_index item : items) {
      event_us.push_back(microseconds([&] { posterior.update(model.item_factors(item), 1.0F); }));
    }
    double difference = 0;
    double length = 0;
    for (std::size_t j = 0; j < options.rank; ++j) {
      const double d = static_cast<double>(posterior.theta(j)) - static_cast<double>(out[j]);
      difference += d * d;
      length += static_cast<double>(out[j]) * static_cast<double>(out[j]);
    }
    largest_difference = std::max(largest_difference, std::sqrt(difference / length));
  }
  std::printf(
      "{\"rank\": %zu, \"items\": %zu, \"fold_in_us\": %.2f, \"rank_one_event_us\": %.2f, "
      "\"events_beside_fold_in\": %.1e}\n",
      options.rank, history, median(fold_us), median(event_us), largest_difference);
}

// ---- the ceiling ----------------------------------------------------------------------------------------------------

#if defined(__x86_64__) && defined(__GNUC__)
constexpr long fused_rounds = 4000000;

// twelve independent sums of x * x, in vectors of `bytes`; a macro, because a target is not a template's argument
#define TANDEM_FUSED_LOOP(name, isa, bytes)                                         \
  __attribute__((target(isa))) double name() {                                      \
    using vector = float __attribute__((vector_size(bytes)));                       \
    vector x = vector{} + 1.0001F;                                                  \
    vector sum[12];                                                                 \
    for (vector & s : sum) s = x;                                                   \
    for (long r = 0; r < fused_rounds; ++r) {                                       \
      for (vector & s : sum) s += x * x;                                            \
      asm volatile("" : "+v"(x));                                                   \
    }                                                                               \
    for (vector & s : sum) asm volatile("" : "+v"(s));                              \
    constexpr std::size_t width = sizeof(vector) / sizeof(float);                   \
    return static_cast<double>(fused_rounds) * 12 * static_cast<double>(width) * 2; \
  }
TANDEM_FUSED_LOOP(fused_512, "avx512f", 64)
TANDEM_FUSED_LOOP(fused_256, "avx2,fma", 32)
#undef TANDEM_FUSED_LOOP

template <class F>
double best_rate(const F& run) {
  double best = 0;
  for (int round = 0; round < 7; ++round) {
    const double begin = cpu_seconds();
    const double operations = run();
    best = std::max(best, operations / (cpu_seconds() - begin) * 1e-9);
  }
  return best;
}

double peak_gflops() {
  double best = 0;
  if (__builtin_cpu_supports("avx512f")) best = std::max(best, best_rate(fused_512));
  if (__builtin_cpu_supports("avx2")) best = std::max(best, best_rate(fused_256));
  return best;
}
#else
double peak_gflops() { return 0; }
#endif

double gram_gflops(std::size_t k) {
  constexpr std::size_t n_rows = 20000;
  constexpr std::size_t n = 512;
  random_stream random(3);
  std::vector<float> rows(n_rows * k);
  for (float& x : rows) x = static_cast<float>(random.normal());
  std::vector<std::uint32_t> index(n * 64);
  for (std::uint32_t& i : index) i = static_cast<std::uint32_t>(random.below(n_rows));
  const std::vector<float> weight(n, 1.0F);
  std::vector<float> gram(k * k, 0.0F);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const double begin = cpu_seconds();
    std::size_t calls = 0;
    for (; calls < 256; ++calls) {
      kernels().gram_accumulate(rows.data(), k, index.data() + calls % 64 * n, weight.data(), n, k, gram.data());
    }
    const double operations = static_cast<double>(calls * n * k * (k + 1));
    best = std::max(best, operations / (cpu_seconds() - begin) * 1e-9);
  }
  return best;
}

void peak(const arguments& given) {
  const std::size_t k = given.count("rank", 128);
  std::printf("{\"rank\": %zu, \"peak_gflops\": %.1f, \"gram_gflops\": %.1f, \"simd\": \"%s\"}\n", k, peak_gflops(),
              gram_gflops(k), std::string(simd_level()).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv);
  try {
    if (given.command == "make") return make(given), 0;
    if (given.command == "epoch") return epoch(given), 0;
    if (given.command == "fold_in") return fold_in(given), 0;
    if (given.command == "peak") return peak(given), 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "batch_ials: %s\n", failure.what());
    return 1;
  }
  std::fprintf(stderr, "usage: batch_ials make|epoch|fold_in|peak ..., see the top of its source\n");
  return 2;
}
