#pragma once
// Vectors as k-means sees them: users without a vector left out, directions or differences from the mean.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/segments.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace detail {

/// sum of term(j), j < n, in an order that lets eight terms be added at once.
template <class Term>
[[nodiscard]] double sum_by_eights(std::size_t n, const Term& term) noexcept {
  std::array<double, 8> part{};
  std::size_t j = 0;
  for (; j + 8 <= n; j += 8) {
    for (std::size_t l = 0; l < 8; ++l) part[l] += term(j + l);
  }
  double sum = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
  for (; j < n; ++j) sum += term(j);
  return sum;
}

[[nodiscard]] inline double squared_length(std::span<const float> x) noexcept {
  return sum_by_eights(x.size(), [&](std::size_t j) { return double{x[j]} * double{x[j]}; });
}

/// ||a - b||^2, exactly 0 for equal vectors.
template <class Number>
[[nodiscard]] double squared_distance(std::span<const float> a, std::span<const Number> b) noexcept {
  return sum_by_eights(a.size(), [&](std::size_t j) {
    const double d = double{a[j]} - double{b[j]};
    return d * d;
  });
}

/// Writes the point of a vector. False, and nothing written, for a vector that is all zero or not finite.
[[nodiscard]] inline bool place_point(batch::segment_distance distance, std::span<const float> origin,
                                      std::span<const float> vector, std::span<float> point) noexcept {
  const double squares = squared_length(vector);
  if (!(squares > 0) || !std::isfinite(squares)) return false;
  if (distance == batch::segment_distance::cosine) {
    const double length = std::sqrt(squares);
    for (std::size_t j = 0; j < point.size(); ++j) point[j] = static_cast<float>(double{vector[j]} / length);
  } else {
    for (std::size_t j = 0; j < point.size(); ++j) {
      point[j] = static_cast<float>(double{vector[j]} - double{origin[j]});
    }
  }
  return true;
}

/// The points of a fit.
struct segment_points {
  std::size_t rank = 0;
  std::vector<float> origin;         // of length rank
  std::vector<float> rows;           // size() x rank
  std::vector<std::uint32_t> users;  // whose point a row is; ascending
  std::vector<double> squares;       // squared lengths of the rows
  [[nodiscard]] std::size_t size() const noexcept { return users.size(); }
  [[nodiscard]] std::span<const float> row(std::size_t r) const noexcept { return {rows.data() + r * rank, rank}; }
};

/// The mean of the vectors that are not zero.
[[nodiscard]] inline std::vector<float> mean_vector(std::span<const float> vectors, std::size_t rank,
                                                    std::span<const std::uint32_t> users) {
  std::vector<double> sum(rank, 0.0);
  for (const std::uint32_t u : users) {
    for (std::size_t j = 0; j < rank; ++j) sum[j] += double{vectors[u * rank + j]};
  }
  std::vector<float> mean(rank);
  for (std::size_t j = 0; j < rank; ++j) mean[j] = static_cast<float>(sum[j] / static_cast<double>(users.size()));
  return mean;
}

/// Checks the vectors and makes points of them.
[[nodiscard]] inline segment_points place_points(std::span<const float> vectors, std::size_t rank,
                                                 batch::segment_distance distance) {
  constexpr double longest = 1e36;  // squares of sums of two must stay below the largest float
  if (rank == 0 || vectors.size() % rank != 0) {
    throw error(errc::invalid_argument, "the vectors are not whole rows of rank " + std::to_string(rank),
                {{}, 0, "vectors"});
  }
  const std::size_t n = vectors.size() / rank;
  segment_points out;
  out.rank = rank;
  for (std::size_t u = 0; u < n; ++u) {
    const double squares = squared_length(vectors.subspan(u * rank, rank));
    if (!std::isfinite(squares)) {
      throw error(errc::not_finite, "the vector of user " + std::to_string(u) + " is not finite", {{}, 0, "vectors"});
    }
    if (distance == batch::segment_distance::euclidean && squares > longest) {
      throw error(errc::not_finite, "the vector of user " + std::to_string(u) + " is longer than 1e18",
                  {{}, 0, "vectors"}, "scale the vectors down");
    }
    if (squares > 0) out.users.push_back(static_cast<std::uint32_t>(u));
  }
  out.origin.assign(rank, 0.0F);
  if (distance == batch::segment_distance::euclidean && out.size() > 0) {
    out.origin = mean_vector(vectors, rank, out.users);
  }
  out.rows.resize(out.size() * rank);
  for (std::size_t r = 0; r < out.size(); ++r) {
    (void)place_point(distance, out.origin, vectors.subspan(out.users[r] * rank, rank),
                      std::span(out.rows).subspan(r * rank, rank));
    out.squares.push_back(squared_length(out.row(r)));
  }
  return out;
}

}  // namespace detail
TANDEM_END
