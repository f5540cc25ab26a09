#include "tandem/data/feature_matrix.hpp"

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

TEST_CASE("a feature matrix holds what was put in, in any order", "[features]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    const std::size_t n_rows = 1 + random.below(20);
    const std::size_t n_features = 1 + random.below(10);
    std::vector<double> dense(n_rows * n_features, 0.0);
    std::vector<feature_entry> entries;
    for (int e = 0; e < 60; ++e) {
      const auto r = static_cast<std::uint32_t>(random.below(n_rows));
      const auto f = static_cast<std::uint32_t>(random.below(n_features));
      const auto value = static_cast<float>(random.below(5)) - 2;
      dense[r * n_features + f] += static_cast<double>(value);
      entries.push_back({r, f, value});
    }
    const feature_matrix m = feature_matrix::from_entries(entries, n_rows, n_features);
    CHECK(m.n_rows() == n_rows);
    CHECK(m.n_features() == n_features);
    std::size_t stored = 0;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const feature_row row = m.row(r);
      stored += row.size();
      for (std::size_t e = 0; e < row.size(); ++e) {
        if (e > 0) CHECK(row.index[e] > row.index[e - 1]);
        CHECK(row.value[e] != 0);
        CHECK(static_cast<double>(row.value[e]) == dense[r * n_features + row.index[e]]);
        dense[r * n_features + row.index[e]] = 0;
      }
    }
    CHECK(stored == m.size());
    for (const double left : dense) CHECK(left == 0);
  }
}

TEST_CASE("empty feature matrices have rows", "[features]") {
  CHECK(feature_matrix().n_rows() == 0);
  const feature_matrix none = feature_matrix::from_entries({}, 3, 0);
  CHECK(none.n_rows() == 3);
  CHECK(none.n_features() == 0);
  CHECK(none.row(2).size() == 0);
}

TEST_CASE("bad feature entries are refused", "[features]") {
  const auto code_of = [](std::vector<feature_entry> entries) {
    try {
      (void)feature_matrix::from_entries(entries, 4, 3);
    } catch (const error& failure) {
      CHECK(failure.message().find("row") != std::string::npos);
      return failure.code();
    }
    return errc::wrong_state;
  };
  CHECK(code_of({{0, 0, 1}}) == errc::wrong_state);
  CHECK(code_of({{4, 0, 1}}) == errc::invalid_argument);
  CHECK(code_of({{0, 3, 1}}) == errc::invalid_argument);
  CHECK(code_of({{0, 0, std::nanf("")}}) == errc::not_finite);
  CHECK(code_of({{0, 0, HUGE_VALF}}) == errc::not_finite);
  CHECK(code_of({{1, 2, 3e38F}, {1, 2, 3e38F}}) == errc::not_finite);
}
