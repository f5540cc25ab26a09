// The approximate index on hnswlib beside the exact one: how many of the best 10 it finds, and the time a query.
//
// Vectors of 64 factors: log-normal lengths, as trained ones have; one length for all, in all directions alike; and one
// length for all, in 1,000 groups. Medians of the CPU time of one thread over 256 queries, asked of each in turn,
// several rounds. Building takes minutes for a million items, and says at each million how many seconds it took so far:
// items are added in order, so that this is the time of a catalogue of that size.
//
//   approximate_top_n [--items N] [--links M] [--ef-construction E] [--rounds N] [--only WORDS] [--json FILE]
//
// --only "log-normal" takes the vectors whose name has these words.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/hnsw.hpp"

namespace {

using namespace tandem;
using namespace tandem::batch;

constexpr std::size_t rank = 64;
constexpr std::size_t n_queries = 256;
constexpr std::size_t n_groups = 1000;
constexpr std::size_t n_best = 10;
constexpr std::size_t sizes_in_sight[] = {10, 20, 50, 100, 200, 400, 800, 1600};

struct settings {
  std::size_t items = 100000;
  std::size_t rounds = 5;
  approximate_top_n_options options;
  std::string only, json;
};

struct catalogue {
  std::string name;
  std::vector<float> items, queries;
};

struct result {
  double exact_us = 0;
  std::vector<double> us, recall;  // of each of sizes_in_sight
};

double cpu_microseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

// n vectors around the rows of `centres` in turn by chance, or around 0 where there are none
std::vector<float> vectors(std::uint64_t seed, std::size_t n, double spread, const std::vector<float>& centres = {}) {
  random_stream random(seed);
  std::vector<float> out(n * rank);
  for (std::size_t i = 0; i < n; ++i) {
    const double length = 0.3 * std::exp(spread * random.normal());
    const std::size_t group = centres.empty() ? 0 : random.below(centres.size() / rank);
    for (std::size_t j = 0; j < rank; ++j) {
      const double y = length * random.normal() / std::sqrt(1 + 0.15 * static_cast<double>(j));
      out[i * rank + j] = static_cast<float>(centres.empty() ? y : 0.5 * y + double{centres[group * rank + j]});
    }
  }
  return out;
}

std::vector<float> normalised(std::vector<float> rows) {
  for (std::size_t first = 0; first < rows.size(); first += rank) {
    double sum = 0;
    for (std::size_t j = 0; j < rank; ++j) sum += double{rows[first + j]} * double{rows[first + j]};
    for (std::size_t j = 0; j < rank; ++j) rows[first + j] /= static_cast<float>(std::sqrt(sum));
  }
  return rows;
}

// The CPU time of f, one number a query, into `us`; f(query, q)
template <class F>
void pass(const catalogue& c, std::vector<double>& us, F&& f) {
  for (std::size_t q = 0; q < n_queries; ++q) {
    const std::span<const float> query(c.queries.data() + q * rank, rank);
    const double start = cpu_microseconds();
    f(query, q);
    us.push_back(cpu_microseconds() - start);
  }
}

std::size_t found(std::span<const scored_item> best, std::span<const scored_item> out) {
  std::size_t count = 0;
  for (const scored_item& each : out) {
    const auto is_it = [&](const scored_item& other) { return other.item == each.item; };
    if (std::any_of(best.begin(), best.end(), is_it)) ++count;
  }
  return count;
}

result measure(const catalogue& c, const top_n_index& exact, const approximate_top_n& index, std::size_t rounds) {
  constexpr std::size_t n_sizes = std::size(sizes_in_sight);
  std::vector<double> exact_us;
  std::vector<std::vector<double>> us(n_sizes);
  std::vector<scored_item> best(n_queries * n_best), out(n_queries * n_best);
  result r;
  for (std::size_t round = 0; round < rounds; ++round) {  // each in turn, so that all meet the same neighbours
    pass(c, exact_us,
         [&](auto query, std::size_t q) { exact.top_n(query, std::span(best).subspan(q * n_best, n_best)); });
    r.recall.clear();
    for (std::size_t s = 0; s < n_sizes; ++s) {
      const approximate_top_n searched = index.with_ef(sizes_in_sight[s]);
      pass(c, us[s],
           [&](auto query, std::size_t q) { searched.top_n(query, std::span(out).subspan(q * n_best, n_best)); });
      std::size_t count = 0;
      for (std::size_t q = 0; q < n_queries; ++q) {
        count += found(std::span(best).subspan(q * n_best, n_best), std::span(out).subspan(q * n_best, n_best));
      }
      r.recall.push_back(static_cast<double>(count) / static_cast<double>(out.size()));
    }
  }
  r.exact_us = median(exact_us);
  for (std::size_t s = 0; s < n_sizes; ++s) r.us.push_back(median(us[s]));
  return r;
}

std::string run(const catalogue& c, const settings& s) {
  const top_n_index exact = top_n_index::from_rows(c.items, rank);
  const double start = cpu_microseconds();
  const auto watch = [&](const progress_report& report) {
    constexpr std::size_t mark = 1000000;
    if (report.done >= mark && report.done % mark < 1024 && report.done < report.total) {
      std::printf("  %zu items after %.0f s\n", report.done, (cpu_microseconds() - start) * 1e-6);
      std::fflush(stdout);
    }
    return true;
  };
  const approximate_top_n index = approximate_top_n::from_rows(c.items, rank, s.options, watch);
  const double build = (cpu_microseconds() - start) * 1e-6;
  const result r = measure(c, exact, index, s.rounds);
  std::printf("%s: built in %.0f s, %.0f MB; exact: %.0f MB, %.1f us\n", c.name.c_str(), build,
              static_cast<double>(index.memory_bytes()) * 1e-6, static_cast<double>(exact.memory_bytes()) * 1e-6,
              r.exact_us);
  std::string json = "{\"vectors\": \"" + c.name + "\", \"build_s\": " + std::to_string(build) +
                     ", \"bytes\": " + std::to_string(index.memory_bytes()) +
                     ", \"exact_us\": " + std::to_string(r.exact_us) + ", \"by_ef\": [";
  for (std::size_t i = 0; i < r.us.size(); ++i) {
    std::printf("  ef %5zu: recall@10 %.3f, %.1f us\n", sizes_in_sight[i], r.recall[i], r.us[i]);
    json += std::string(i == 0 ? "" : ", ") + "{\"ef\": " + std::to_string(sizes_in_sight[i]) +
            ", \"recall\": " + std::to_string(r.recall[i]) + ", \"us\": " + std::to_string(r.us[i]) + "}";
  }
  std::fflush(stdout);
  return json + "]}";
}

settings read_settings(int argc, char** argv) {
  settings s;
  for (int a = 1; a + 1 < argc; a += 2) {
    const std::string flag = argv[a];
    const std::string value = argv[a + 1];
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (flag == "--items") s.items = number();
    if (flag == "--links") s.options.links = number();
    if (flag == "--ef-construction") s.options.ef_construction = number();
    if (flag == "--rounds") s.rounds = std::max<std::size_t>(1, number());
    if (flag == "--only") s.only = value;
    if (flag == "--json") s.json = value;
  }
  return s;
}

void run_all(const settings& s) {
  std::printf("kernels %s, %zu items, links %zu, ef_construction %zu, CPU microseconds a query\n",
              std::string(simd_level()).c_str(), s.items, s.options.links, s.options.ef_construction);
  const std::vector<float> queries = vectors(2, n_queries, 0);
  const std::vector<float> centres = vectors(3, n_groups, 0);
  std::string json;
  const auto add = [&](const std::string& name, auto make_items, const std::vector<float>& asked) {
    if (name.find(s.only) == std::string::npos) return;
    json += (json.empty() ? "" : ",\n") + run({name, make_items(), asked}, s);
  };
  add(
      "log-normal lengths", [&] { return vectors(1, s.items, 0.6); }, queries);
  add(
      "equal lengths", [&] { return normalised(vectors(1, s.items, 0)); }, queries);
  add(
      "equal lengths, groups", [&] { return normalised(vectors(1, s.items, 0, centres)); },
      normalised(vectors(4, n_queries, 0, centres)));
  if (s.json.empty()) return;
  std::ofstream(s.json) << "{\"kernels\": \"" << simd_level() << "\", \"items\": " << s.items
                        << ", \"links\": " << s.options.links << ", \"ef_construction\": " << s.options.ef_construction
                        << ", \"cases\": [\n"
                        << json << "]}\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run_all(read_settings(argc, argv));
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "approximate_top_n: %s\n", failure.what());
    return 1;
  }
}
