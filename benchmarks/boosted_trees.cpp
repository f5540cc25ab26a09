// Training and scoring of boosted trees, on one data set: time, and the loss on rows that training did not see.
//
//   boosted_trees [--train FILE --valid FILE] [--loss squared|logistic|softmax] [--rounds N] [--depth N] [--eta X]
//                 [--threads N] [--repeat N] [--json FILE]
//
// A file is little-endian: the five characters TREES and three of padding; rows, features and groups as 64-bit
// integers; features [rows x features] and labels as float32; the size of each group as 32-bit integers.
// benchmarks/peers/boosted_trees.py writes such files and runs XGBoost beside this program. Without files: 100,000
// made-up rows of 30 features. Times are medians of --repeat runs, wall clock; binning is part of training.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

namespace {

using namespace tandem;
using namespace tandem::batch;

struct data_set {
  std::size_t n_features = 0;
  std::vector<float> features, labels;
  std::vector<std::uint32_t> groups;

  [[nodiscard]] labelled_rows rows() const { return {{features, n_features}, labels, {}, {}, groups}; }
};

template <class T>
void read_into(std::ifstream& in, std::vector<T>& out, std::size_t n) {
  out.resize(n);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(n * sizeof(T)));
}

data_set read_data(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw error(errc::io_error, "cannot be opened", {path, 0, {}});
  std::array<char, 8> magic{};
  in.read(magic.data(), magic.size());
  std::vector<std::uint64_t> sizes;
  read_into(in, sizes, 3);
  if (!in || std::memcmp(magic.data(), "TREES", 5) != 0) {
    throw error(errc::bad_format, "does not begin with TREES and three sizes", {path, 0, {}});
  }
  data_set out;
  out.n_features = sizes[1];
  read_into(in, out.features, sizes[0] * sizes[1]);
  read_into(in, out.labels, sizes[0]);
  read_into(in, out.groups, sizes[2]);
  if (!in) throw error(errc::bad_format, "ends early", {path, 0, {}});
  return out;
}

/// Made-up rows for a run without files: products, steps and noise.
data_set made_up(std::uint64_t seed, std::size_t n_rows, tree_loss loss) {
  data_set out;
  out.n_features = 30;
  random_stream random(seed);
  for (std::size_t r = 0; r < n_rows; ++r) {
    const std::size_t first = out.features.size();
    for (std::size_t f = 0; f < out.n_features; ++f) out.features.push_back(static_cast<float>(random.normal()));
    const float* x = out.features.data() + first;
    const double signal =
        static_cast<double>(x[0] * x[1] + (x[2] > 0.3F ? 1.0F : 0.0F) + 0.5F * x[3]) + 0.5 * random.normal();
    const bool positive = random.uniform() * (1 + std::exp(-signal)) < 1;
    out.labels.push_back(loss == tree_loss::squared ? static_cast<float>(signal) : positive ? 1.0F : 0.0F);
    if (loss == tree_loss::softmax && r % 100 == 99) out.groups.push_back(100);
  }
  return out;
}

struct settings {
  std::string train, valid, json;
  boosted_trees_options options;
  std::size_t threads = 1;
  std::size_t repeat = 5;
};

settings parse(int argc, char** argv) {
  settings out;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) throw error(errc::invalid_argument, "needs a value", {{}, 0, name});
    const std::string value = argv[i + 1];
    if (name == "--train") {
      out.train = value;
    } else if (name == "--valid") {
      out.valid = value;
    } else if (name == "--json") {
      out.json = value;
    } else if (name == "--rounds") {
      out.options.rounds = std::stoul(value);
    } else if (name == "--depth") {
      out.options.max_depth = std::stoul(value);
    } else if (name == "--eta") {
      out.options.eta = std::stof(value);
    } else if (name == "--threads") {
      out.threads = std::stoul(value);
    } else if (name == "--repeat") {
      out.repeat = std::stoul(value);
    } else if (name == "--loss") {
      out.options.loss = value == "logistic"  ? tree_loss::logistic
                         : value == "softmax" ? tree_loss::softmax
                                              : tree_loss::squared;
    } else {
      throw error(errc::invalid_argument, "is not known", {{}, 0, name});
    }
  }
  return out;
}

struct seconds {
  double wall = 0, cpu = 0;
};

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

template <class F>
seconds median_seconds(std::size_t repeat, const F& f) {
  std::vector<double> wall;
  std::vector<double> cpu;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, repeat); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    f();
    cpu.push_back(static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
    wall.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return {median(wall), median(cpu)};
}

void run(const settings& chosen) {
  const tree_loss loss = chosen.options.loss;
  const data_set train = chosen.train.empty() ? made_up(1, 100000, loss) : read_data(chosen.train);
  const data_set valid = chosen.valid.empty() ? made_up(2, 20000, loss) : read_data(chosen.valid);
  std::unique_ptr<thread_pool> pool;
  if (chosen.threads > 1) pool = std::make_unique<thread_pool>(chosen.threads);
  const executor_ref executor = pool ? executor_ref(*pool) : executor_ref();

  boosted_trees model;
  const seconds fit =
      median_seconds(chosen.repeat, [&] { model = fit_boosted_trees(train.rows(), chosen.options, executor); });
  std::vector<float> margins(train.labels.size());
  const seconds score =
      median_seconds(chosen.repeat, [&] { model.margins(train.rows().features, margins, {}, executor); });
  margins.resize(valid.labels.size());
  const seconds one_by_one = median_seconds(chosen.repeat, [&] {
    for (std::size_t r = 0; r < margins.size(); ++r) margins[r] = model.margin(valid.rows().features.row(r));
  });
  const double one_row_us = one_by_one.cpu / static_cast<double>(margins.size()) * 1e6;
  const double judged = mean_loss(valid.rows(), loss, margins, executor);

  std::printf("%zu rows, %zu features, %zu trees of depth %zu, %zu threads\n", train.labels.size(), train.n_features,
              model.n_trees(), chosen.options.max_depth, chosen.threads);
  std::printf("train %.3f s (CPU %.3f)   score all %.4f s (CPU %.4f)   one row %.2f us   validation loss %.6f\n",
              fit.wall, fit.cpu, score.wall, score.cpu, one_row_us, judged);
  if (chosen.json.empty()) return;
  std::ofstream out(chosen.json);
  out << "{\"rows\": " << train.labels.size() << ", \"features\": " << train.n_features
      << ", \"trees\": " << model.n_trees() << ", \"threads\": " << chosen.threads << ", \"train_s\": " << fit.wall
      << ", \"train_cpu_s\": " << fit.cpu << ", \"score_s\": " << score.wall << ", \"score_cpu_s\": " << score.cpu
      << ", \"one_row_us\": " << one_row_us << ", \"loss\": " << judged << "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "boosted_trees: %s\n", failure.what());
    return 1;
  }
}
