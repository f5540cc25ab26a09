// The exact best 10 items for one user: every score, the index without and with 8-bit copies, and batches of users.
//
// Vectors look trained: a spectrum that decays, lengths log-normal as popularity makes them; beside them the worst
// case, items of one length, of which no scan can leave out any; and factors of iALS, of a synthetic log and, where
// TANDEM_DATA (default: ../shared/data) has it, of MovieLens 1M. Medians of the CPU time of one thread; every query is
// asked of all in turn. With --items, one case from raw float32 files instead, so that peers can have the same
// vectors (benchmarks/peers/top_n.py).
//
//   top_n [--json FILE] [--rounds N]
//   top_n --items FILE --queries FILE --rank K [--n N] [--rounds N] [--answers FILE] [--json FILE]

#include "tandem/batch/top_n.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"

namespace {

using namespace tandem;
using namespace tandem::batch;

struct settings {
  std::string items, queries, answers, json;
  std::size_t rank = 0, n = 10, rounds = 3;
};

struct catalogue {
  std::string name;
  std::size_t rank;
  std::vector<float> items, queries;
};

struct timing {
  double every_score, float32, rounded, batch;  // microseconds a query
};

double cpu_microseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

template <class F>
double timed(F&& f) {
  const double start = cpu_microseconds();
  f();
  return cpu_microseconds() - start;
}

double median(std::vector<double> x) {
  if (x.empty()) return 0;
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

std::vector<float> vectors(std::uint64_t seed, std::size_t n, std::size_t rank, double spread) {
  random_stream random(seed);
  std::vector<float> out(n * rank);
  for (std::size_t i = 0; i < n; ++i) {
    const double length = 0.3 * std::exp(spread * random.normal());
    for (std::size_t j = 0; j < rank; ++j) {
      out[i * rank + j] = static_cast<float>(length * random.normal() / std::sqrt(1 + 0.15 * static_cast<double>(j)));
    }
  }
  return out;
}

std::vector<float> read_floats(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw error(errc::io_error, "cannot be opened", {path, 0, {}});
  std::vector<float> out(static_cast<std::size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

catalogue of_model(std::string name, const factor_model& model) {
  return {std::move(name), model.rank(), std::vector<float>(model.item_matrix().begin(), model.item_matrix().end()),
          std::vector<float>(model.user_matrix().begin(), model.user_matrix().end())};
}

// users of two tastes each, among 60 groups of items of skewed popularity
catalogue synthetic_log() {
  constexpr std::uint32_t n_users = 30000;
  constexpr std::uint32_t n_items = 20000;
  constexpr std::uint64_t groups = 60;
  random_stream random(5);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    const std::uint64_t tastes[] = {random.below(groups), random.below(groups), random.below(groups)};
    const auto length = static_cast<std::size_t>(5 + 30 * random.gamma(1));
    for (std::size_t e = 0; e < length; ++e) {
      const double skew = std::pow(random.uniform(), 3);
      const auto in_group = static_cast<std::uint64_t>(skew * static_cast<double>(n_items / groups));
      const std::uint64_t item = tastes[std::min<std::uint64_t>(random.below(5) / 2, 2)] + groups * in_group;
      events.push_back({user_index{u}, item_index{static_cast<std::uint32_t>(item)}, 1.0F, {}});
    }
  }
  const interactions log = interactions::from_events(events, n_users, n_items, merge_rule::binary);
  return of_model("iALS, synthetic log", fit_ials(log, {.rank = 64, .epochs = 4}));
}

catalogue movielens() {
  const char* root = std::getenv("TANDEM_DATA");
  const std::filesystem::path data = root != nullptr ? root : TANDEM_SOURCE_DIR "/../shared/data";
  std::ifstream in(data / "ml-1m-strong/train.csv");
  std::map<unsigned, std::uint32_t> users;
  std::vector<interaction> events;
  std::uint32_t n_items = 0;
  std::string line;
  while (std::getline(in, line)) {
    unsigned user = 0;
    unsigned item = 0;
    if (std::sscanf(line.c_str(), "%u,%u", &user, &item) != 2) continue;  // uid,sid
    const auto known = users.emplace(user, static_cast<std::uint32_t>(users.size())).first;
    events.push_back({user_index{known->second}, item_index{item}, 1.0F, {}});
    n_items = std::max(n_items, item + 1);
  }
  if (events.empty()) return {};
  const interactions log = interactions::from_events(events, users.size(), n_items);
  return of_model("iALS, MovieLens 1M", fit_ials(log, {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F}));
}

timing measure(catalogue c, const settings& s, std::size_t& memory) {
  const std::size_t k = c.rank;
  const std::size_t m = std::min<std::size_t>(c.queries.size() / k, 256);
  const factor_model model = factor_model::from_factors({}, std::move(c.items), k, {});
  const top_n_index index(model);
  const top_n_index float32(model, {.rounded = false});
  memory = index.memory_bytes();
  std::vector<double> every, plain, rounded, batch;
  std::vector<scored_item> out(s.n);
  std::vector<scored_item> all(s.n * m);
  std::vector<std::size_t> counts(m);
  for (std::size_t round = 0; round < s.rounds; ++round) {
    for (std::size_t q = 0; q < m; ++q) {
      const std::span<const float> query(c.queries.data() + q * k, k);
      rounded.push_back(timed([&] { index.top_n(query, out); }));
      if (q % 8 != 0) continue;  // the slow ones less often
      plain.push_back(timed([&] { float32.top_n(query, out); }));
      every.push_back(timed([&] { model.top_n(query, out); }));
    }
    const std::span<const float> queries(c.queries.data(), m * k);
    batch.push_back(timed([&] { index.top_n_batch(queries, all, counts); }) / static_cast<double>(m));
  }
  if (!s.answers.empty()) {
    std::ofstream to(s.answers, std::ios::binary);
    for (const scored_item& each : all) to.write(reinterpret_cast<const char*>(&each.item), sizeof each.item);
  }
  return {median(every), median(plain), median(rounded), median(batch)};
}

class table {
 public:
  explicit table(const settings& s) : settings_(s) {
    std::printf("kernels %s, best %zu, CPU microseconds a query\n", std::string(simd_level()).c_str(), s.n);
    std::printf("%-22s %8s %5s %12s %9s %9s %9s %7s\n", "vectors", "items", "rank", "every score", "float32", "8-bit",
                "batch", "MB");
  }
  void add(catalogue c) {
    if (c.items.empty()) return;
    const std::string name = c.name;
    const std::size_t rank = c.rank;
    const std::size_t items = c.items.size() / rank;
    std::size_t memory = 0;
    const timing t = measure(std::move(c), settings_, memory);
    std::printf("%-22s %8zu %5zu %12.1f %9.1f %9.1f %9.2f %7.1f\n", name.c_str(), items, rank, t.every_score, t.float32,
                t.rounded, t.batch, static_cast<double>(memory) * 1e-6);
    std::fflush(stdout);
    if (!json_.empty()) json_ += ",\n";
    json_ += "{\"vectors\": \"" + name + "\", \"items\": " + std::to_string(items) +
             ", \"rank\": " + std::to_string(rank) + ", \"every_score_us\": " + std::to_string(t.every_score) +
             ", \"float32_us\": " + std::to_string(t.float32) + ", \"rounded_us\": " + std::to_string(t.rounded) +
             ", \"batch_us\": " + std::to_string(t.batch) + ", \"bytes\": " + std::to_string(memory) + "}";
  }
  void write() const {
    if (settings_.json.empty()) return;
    std::ofstream(settings_.json) << "{\"kernels\": \"" << simd_level() << "\", \"n\": " << settings_.n
                                  << ", \"cases\": [\n"
                                  << json_ << "]}\n";
  }

 private:
  const settings& settings_;
  std::string json_;
};

settings read_settings(int argc, char** argv) {
  settings s;
  for (int a = 1; a + 1 < argc; a += 2) {
    const std::string flag = argv[a];
    const std::string value = argv[a + 1];
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (flag == "--items") s.items = value;
    if (flag == "--queries") s.queries = value;
    if (flag == "--answers") s.answers = value;
    if (flag == "--json") s.json = value;
    if (flag == "--rank") s.rank = number();
    if (flag == "--n") s.n = number();
    if (flag == "--rounds") s.rounds = number();
  }
  return s;
}

void run(const settings& s) {
  table t(s);
  if (!s.items.empty()) {
    if (s.rank == 0) throw error(errc::invalid_argument, "is needed with --items", {{}, 0, "--rank"});
    t.add({"from a file", s.rank, read_floats(s.items), read_floats(s.queries)});
  } else {
    t.add(movielens());
    t.add(synthetic_log());
    for (const bool equal : {false, true}) {
      for (const std::size_t n : {3500U, 20000U, 100000U, 1000000U}) {
        for (const std::size_t k : {64U, 128U}) {
          t.add({equal ? "equal lengths" : "log-normal lengths", k, vectors(1, n, k, equal ? 0 : 0.6),
                 vectors(2, 256, k, 0)});
        }
      }
    }
  }
  t.write();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(read_settings(argc, argv));
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "top_n: %s\n", failure.what());
    return 1;
  }
}
