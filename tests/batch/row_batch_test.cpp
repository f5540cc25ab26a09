// Half an epoch whose small systems are solved sixteen at a time, beside dense algebra in double.

#include "tandem/detail/row_batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/detail/ials_half_step.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

constexpr std::size_t n_fixed = 300;

/// Rows to be solved, of all lengths about a rank, against the same held side.
struct half_epoch {
  std::size_t k;
  ials_options options;
  std::vector<float> fixed;
  std::vector<std::vector<std::uint32_t>> index;
  std::vector<std::vector<float>> weight;
  std::vector<float> priors;  // of each row, or empty

  half_epoch(std::uint64_t seed, std::size_t rank, std::size_t n_rows, bool has_priors)
      : k(rank),
        options{.rank = rank, .alpha0 = 0.2F, .regularization = 0.05F, .nu = 0.6F},
        fixed(n_fixed * rank),
        index(n_rows),
        weight(n_rows) {
    random_stream random(seed);
    for (float& x : fixed) x = static_cast<float>(random.normal());
    for (std::size_t r = 0; r < n_rows; ++r) {
      const std::size_t history = random.below(k + 12);
      for (std::size_t e = 0; e < history; ++e) {
        index[r].push_back(static_cast<std::uint32_t>(random.below(n_fixed)));
        const double sign = seed % 2 == 1 && random.below(4) == 0 ? -1 : 1;
        weight[r].push_back(static_cast<float>(sign * (random.gamma(1) + 1e-3)));
      }
    }
    if (has_priors) priors.resize(n_rows * k);
    for (float& x : priors) x = static_cast<float>(random.normal());
  }

  /// The same for some of the rows, in the order given.
  [[nodiscard]] half_epoch with(const std::vector<std::size_t>& rows) const {
    half_epoch out = *this;
    out.index.clear();
    out.weight.clear();
    out.priors.clear();
    for (const std::size_t r : rows) {
      out.index.push_back(index[r]);
      out.weight.push_back(weight[r]);
      if (!priors.empty()) out.priors.insert(out.priors.end(), priors.begin() + at(r), priors.begin() + at(r + 1));
    }
    return out;
  }

  [[nodiscard]] std::vector<float> solve(bool rotates, executor_ref executor = {}) const {
    std::vector<float> out(index.size() * k, -1.0F);
    const auto row_of = [this](std::size_t r) { return interactions::row{index[r], weight[r]}; };
    detail::solved_side side(row_of, index.size(), n_fixed, options, true);
    side.rotates = rotates;
    const progress nobody;
    detail::ials_progress report{nobody, index.size()};
    detail::half_step(side, fixed, std::span<float>(out), options, executor, priors).run(report);
    return out;
  }

  [[nodiscard]] Eigen::VectorXd expected(std::size_t r) const {
    const auto n = static_cast<Eigen::Index>(k);
    const reference::matrix y = reference::rows_of(fixed, k);
    const double ridge = reference::ridge({options.alpha0, options.regularization, options.nu},
                                          static_cast<double>(index[r].size()), n_fixed);
    Eigen::MatrixXd a = double{options.alpha0} * (y.transpose() * y) + ridge * Eigen::MatrixXd::Identity(n, n);
    Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
    for (std::size_t e = 0; e < index[r].size(); ++e) {
      const Eigen::VectorXd v = y.row(index[r][e]).transpose();
      a += std::abs(double{weight[r][e]}) * v * v.transpose();
      b += std::max(0.0, double{weight[r][e]}) * v;
    }
    for (std::size_t j = 0; j < k && !priors.empty(); ++j) {
      b[static_cast<Eigen::Index>(j)] += ridge * double{priors[r * k + j]};
    }
    if (index[r].empty() && !priors.empty()) return reference::rows_of(priors, k).row(at(r) / n).transpose();
    return a.ldlt().solve(b);
  }

  [[nodiscard]] std::ptrdiff_t at(std::size_t r) const { return static_cast<std::ptrdiff_t>(r * k); }
};

bool same_row(const std::vector<float>& a, std::size_t r, const std::vector<float>& b, std::size_t s, std::size_t k) {
  return std::memcmp(a.data() + r * k, b.data() + s * k, k * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("half an epoch of short and long rows agrees with dense algebra, row by row", "[ials]") {
  const std::size_t ranks[] = {1, 3, 16, 33, 64, 70};
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const std::size_t k = ranks[seed % 6];
    const half_epoch half(seed, k, 90, seed / 6 % 2 == 0);
    for (const bool rotates : {false, true}) {
      INFO("seed " << seed << ", rank " << k << ", rotates " << rotates);
      const std::vector<float> got = half.solve(rotates);
      double worst = 0;
      for (std::size_t r = 0; r < half.index.size(); ++r) {
        const Eigen::VectorXd expected = half.expected(r);
        const Eigen::VectorXd x = reference::rows_of(std::span(got).subspan(r * k, k), k).row(0).transpose();
        worst = std::max(worst, (x - expected).norm() / (1e-3 + expected.norm()));
      }
      CHECK(worst < 2e-4);
    }
  }
}

TEST_CASE("a row's bits are the same whatever rows are solved beside it, on any number of threads",
          "[ials][concurrency]") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const std::size_t k = seed % 3 == 0 ? 8 : seed % 3 == 1 ? 21 : 64;
    const half_epoch half(seed, k, 200, seed % 4 < 2);
    for (const bool rotates : {false, true}) {
      INFO("seed " << seed << ", rank " << k << ", rotates " << rotates);
      const std::vector<float> all = half.solve(rotates);
      thread_pool pool(3);
      const std::vector<float> shared = half.solve(rotates, pool);
      CHECK(std::memcmp(all.data(), shared.data(), all.size() * sizeof(float)) == 0);
      random_stream random(seed, 5);
      std::vector<std::size_t> some;
      for (std::size_t r = half.index.size(); r-- > 0;) {
        if (random.below(3) == 0) some.push_back(r);
      }
      const std::vector<float> few = half.with(some).solve(rotates);
      bool same = true;
      for (std::size_t s = 0; s < some.size(); ++s) same = same && same_row(few, s, all, some[s], k);
      CHECK(same);
    }
  }
}

TEST_CASE("one row without a finite solution among others is refused, and named as such", "[ials]") {
  for (const std::size_t bad : {std::size_t{0}, std::size_t{17}, std::size_t{59}}) {
    half_epoch half(2, 16, 60, false);
    half.index[bad] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    half.weight[bad].assign(18, 3e38F);
    std::optional<error> failure;
    try {
      static_cast<void>(half.solve(false));
    } catch (const error& e) {
      failure = e;
    }
    REQUIRE(failure.has_value());
    CHECK(failure->code() == errc::not_finite);
    CHECK(std::string(failure->what()).find("regularization") != std::string::npos);
  }
}
