// The kernels at every SIMD level of this machine, beside Eigen at this build's flags.
//
// Rates are of useful work: k(k+1) operations a row of a Gramian, 2k an inner product, k^3/3 + 2k^2 a solved system.

#include <benchmark/benchmark.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"

namespace {

using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::vector<float> random_floats(std::size_t n) {
  tandem::random_stream random(1);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

/// `count` histories of `length` items among 20,000, as training meets them.
struct histories {
  static constexpr std::size_t n_items = 20000;
  static constexpr std::size_t count = 256;
  std::vector<std::uint32_t> index;
  std::vector<float> weight;

  explicit histories(std::size_t length) : index(count * length), weight(count * length, 1.0F) {
    tandem::random_stream random(2);
    for (std::uint32_t& i : index) i = static_cast<std::uint32_t>(random.below(n_items));
  }
};

void report_rate(benchmark::State& state, double operations) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(operations * static_cast<double>(state.iterations()) * 1e-9, benchmark::Counter::kIsRate);
}

double gram_operations(std::size_t k, std::size_t n) {
  return static_cast<double>(k) * static_cast<double>(k + 1) * static_cast<double>(n);
}

double solve_operations(std::size_t k) {
  const auto n = static_cast<double>(k);
  return n * n * n / 3 + 2 * n * n;
}

void gram(benchmark::State& state, const std::string& level) {
  tandem::set_simd_level(level);
  const auto k = static_cast<std::size_t>(state.range(0));
  const auto n = static_cast<std::size_t>(state.range(1));
  const std::vector<float> rows = random_floats(histories::n_items * k);
  const histories all(n);
  std::vector<float> out(k * k, 0.0F);
  std::size_t h = 0;
  for (auto _ : state) {
    tandem::kernels().gram_accumulate(rows.data(), k, all.index.data() + h * n, all.weight.data() + h * n, n, k,
                                      out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
    h = (h + 1) % histories::count;
  }
  report_rate(state, gram_operations(k, n));
}

void gram_eigen(benchmark::State& state) {
  const auto k = static_cast<std::size_t>(state.range(0));
  const auto n = static_cast<std::size_t>(state.range(1));
  const std::vector<float> rows = random_floats(histories::n_items * k);
  const histories all(n);
  Eigen::MatrixXf out = Eigen::MatrixXf::Zero(state.range(0), state.range(0));
  Eigen::MatrixXf gathered(state.range(0), state.range(1));
  std::size_t h = 0;
  for (auto _ : state) {
    for (std::size_t r = 0; r < n; ++r) {
      gathered.col(static_cast<Eigen::Index>(r)) =
          Eigen::Map<const Eigen::VectorXf>(rows.data() + all.index[h * n + r] * k, state.range(0));
    }
    out.selfadjointView<Eigen::Lower>().rankUpdate(gathered);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
    h = (h + 1) % histories::count;
  }
  report_rate(state, gram_operations(k, n));
}

matrix positive_definite(Eigen::Index k) {
  const std::vector<float> entries = random_floats(static_cast<std::size_t>(2 * k * k));
  const Eigen::Map<const matrix> x(entries.data(), 2 * k, k);
  return x.transpose() * x + matrix::Identity(k, k);
}

void solve(benchmark::State& state, const std::string& level) {
  tandem::set_simd_level(level);
  const auto k = static_cast<std::size_t>(state.range(0));
  const matrix a = positive_definite(state.range(0));
  const std::vector<float> b = random_floats(k);
  matrix work = a;
  std::vector<float> x = b;
  for (auto _ : state) {
    work = a;
    x = b;
    benchmark::DoNotOptimize(tandem::kernels().cholesky_solve(work.data(), x.data(), k));
    benchmark::ClobberMemory();
  }
  report_rate(state, solve_operations(k));
}

void solve_eigen(benchmark::State& state) {
  const matrix a = positive_definite(state.range(0));
  const std::vector<float> entries = random_floats(static_cast<std::size_t>(state.range(0)));
  const Eigen::VectorXf b = Eigen::Map<const Eigen::VectorXf>(entries.data(), state.range(0));
  Eigen::VectorXf x = b;
  Eigen::LLT<Eigen::MatrixXf> llt(state.range(0));
  for (auto _ : state) {
    llt.compute(a);
    x = llt.solve(b);
    benchmark::DoNotOptimize(x.data());
    benchmark::ClobberMemory();
  }
  report_rate(state, solve_operations(static_cast<std::size_t>(state.range(0))));
}

void score_rows(benchmark::State& state, const std::string& level) {
  tandem::set_simd_level(level);
  const auto k = static_cast<std::size_t>(state.range(0));
  const auto n = static_cast<std::size_t>(state.range(1));
  const auto queries = static_cast<std::size_t>(state.range(2));
  const std::vector<float> rows = random_floats(n * k);
  const std::vector<float> x = random_floats(queries * k);
  std::vector<float> out(queries * n);
  for (auto _ : state) {
    tandem::kernels().score_rows(x.data(), queries, rows.data(), n, k, k, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report_rate(state, 2.0 * static_cast<double>(k) * static_cast<double>(n) * static_cast<double>(queries));
}

void score_rows_eigen(benchmark::State& state) {
  const auto k = static_cast<std::size_t>(state.range(0));
  const auto n = static_cast<std::size_t>(state.range(1));
  const auto queries = static_cast<std::size_t>(state.range(2));
  const std::vector<float> rows = random_floats(n * k);
  const std::vector<float> x = random_floats(queries * k);
  const Eigen::Map<const matrix> items(rows.data(), state.range(1), state.range(0));
  const Eigen::Map<const matrix> vectors(x.data(), state.range(2), state.range(0));
  matrix out(state.range(2), state.range(1));
  for (auto _ : state) {
    if (queries == 1) {
      out.row(0).transpose().noalias() = items * vectors.row(0).transpose();
    } else {
      out.noalias() = vectors * items.transpose();
    }
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report_rate(state, 2.0 * static_cast<double>(k) * static_cast<double>(n) * static_cast<double>(queries));
}

// rate: of one comparison a number
void class_maxima(benchmark::State& state, const std::string& level) {
  tandem::set_simd_level(level);
  const auto n = static_cast<std::size_t>(state.range(0));
  const std::vector<float> x = random_floats(n);
  std::vector<float> out(static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    tandem::kernels().class_maxima(x.data(), n, out.size(), out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report_rate(state, static_cast<double>(n));
}

void rank_one(benchmark::State& state, const std::string& level) {
  tandem::set_simd_level(level);
  const auto k = static_cast<std::size_t>(state.range(0));
  const std::vector<float> x = random_floats(k);
  std::vector<float> out(k * k, 0.0F);
  for (auto _ : state) {
    tandem::kernels().rank_one_update(1e-6F, x.data(), k, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report_rate(state, 2.0 * static_cast<double>(k * k));
}

void gram_shapes(benchmark::internal::Benchmark* b) {
  for (const int k : {64, 128, 256}) {
    for (const int n : {16, 80, 512}) b->Args({k, n});
  }
}

void score_shapes(benchmark::internal::Benchmark* b) {
  for (const int n : {3500, 10000, 20000, 100000}) {
    for (const int queries : {1, 2, 4}) b->Args({64, n, queries});
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const std::string_view name : tandem::available_simd_levels()) {
    const std::string level(name);
    benchmark::RegisterBenchmark(("gram/" + level).c_str(), gram, level)->Apply(gram_shapes);
    benchmark::RegisterBenchmark(("solve/" + level).c_str(), solve, level)->Arg(32)->Arg(64)->Arg(128)->Arg(256);
    benchmark::RegisterBenchmark(("score_rows/" + level).c_str(), score_rows, level)->Apply(score_shapes);
    benchmark::RegisterBenchmark(("class_maxima/" + level).c_str(), class_maxima, level)->Args({10000, 512});
    benchmark::RegisterBenchmark(("rank_one/" + level).c_str(), rank_one, level)->Arg(64)->Arg(128);
  }
  benchmark::RegisterBenchmark("gram/eigen", gram_eigen)->Apply(gram_shapes);
  benchmark::RegisterBenchmark("solve/eigen", solve_eigen)->Arg(32)->Arg(64)->Arg(128)->Arg(256);
  benchmark::RegisterBenchmark("score_rows/eigen", score_rows_eigen)->Apply(score_shapes);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
