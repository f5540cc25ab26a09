#pragma once
// One run of k-means over points: seeds, then Lloyd's iterations.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tandem/core/executor.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/segment_points.hpp"

TANDEM_BEGIN
namespace detail {

/// The nearest of `count` centres to each of n points, ties by smaller index: least ||c||^2 / 2 - <p, c>.
/// @param scores  room for count * n.
inline void nearest_centres(std::span<const float> centres, std::span<const float> halves, std::span<const float> rows,
                            std::size_t rank, std::span<float> scores, std::span<std::uint32_t> nearest) noexcept {
  const std::size_t n = nearest.size();
  kernels().score_rows(centres.data(), halves.size(), rows.data(), n, rank, rank, scores.data());
  std::fill(nearest.begin(), nearest.end(), 0U);
  for (std::size_t r = 0; r < n; ++r) scores[r] = halves[0] - scores[r];  // the least so far
  for (std::size_t c = 1; c < halves.size(); ++c) {
    const float* score = scores.data() + c * n;
    for (std::size_t r = 0; r < n; ++r) {
      const float away = halves[c] - score[r];
      nearest[r] = away < scores[r] ? static_cast<std::uint32_t>(c) : nearest[r];
      scores[r] = away < scores[r] ? away : scores[r];
    }
  }
}

inline std::vector<float> half_squares(std::span<const float> centres, std::size_t rank) {
  std::vector<float> halves(centres.size() / rank);
  for (std::size_t c = 0; c < halves.size(); ++c) {
    halves[c] = static_cast<float>(squared_length(centres.subspan(c * rank, rank)) / 2);
  }
  return halves;
}

/// The rows of each segment, ascending: those of segment c are order[start[c]] ... order[start[c + 1] - 1].
struct segment_members {
  std::vector<std::size_t> start;
  std::vector<std::uint32_t> order;

  segment_members(std::span<const std::uint32_t> nearest, std::size_t count)
      : start(count + 1, 0), order(nearest.size()) {
    for (const std::uint32_t c : nearest) ++start[c + 1];
    for (std::size_t c = 0; c < count; ++c) start[c + 1] += start[c];
    std::vector<std::size_t> next(start.begin(), start.end() - 1);
    for (std::size_t r = 0; r < nearest.size(); ++r) order[next[nearest[r]]++] = static_cast<std::uint32_t>(r);
  }
  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t c) const noexcept {
    return {order.data() + start[c], start[c + 1] - start[c]};
  }
};

/// The mean of some rows: float32 sums of at most 1,024 rows, added up in double.
inline void mean_of_rows(const segment_points& points, std::span<const std::uint32_t> rows, std::span<double> mean) {
  constexpr std::size_t block = 1024;
  std::vector<float> part(points.rank);
  std::fill(mean.begin(), mean.end(), 0.0);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    std::fill(part.begin(), part.end(), 0.0F);
    kernels().gather_sum(points.rows.data(), points.rank, rows.data() + first, nullptr,
                         std::min(block, rows.size() - first), points.rank, part.data());
    for (std::size_t j = 0; j < part.size(); ++j) mean[j] += double{part[j]};
  }
  for (double& x : mean) x /= static_cast<double>(rows.size());
}

/// Centres, and the assignment to them.
class lloyd_run {
 public:
  lloyd_run(const segment_points& points, std::size_t count, batch::segment_distance distance, executor_ref executor)
      : points_(&points),
        executor_(executor),
        count_(count),
        distance_(distance),
        centres_(count * points.rank),
        nearest_(points.size(), 0),
        away_(points.size(), 0.0) {}

  [[nodiscard]] std::span<const float> centres() const noexcept { return centres_; }
  [[nodiscard]] std::span<const std::uint32_t> nearest() const noexcept { return nearest_; }
  [[nodiscard]] double inertia() const noexcept { return inertia_; }
  [[nodiscard]] std::size_t iterations() const noexcept { return iterations_; }
  [[nodiscard]] bool converged() const noexcept { return converged_; }

  void start_from(std::span<const float> centres) { std::copy(centres.begin(), centres.end(), centres_.begin()); }

  /// Each seed is a point drawn in proportion to its squared distance from the seeds before it: of 2 + ln(count) drawn,
  /// the one that leaves the least inertia.
  /// @param between  called before each seed.
  template <class Between>
  void draw_seeds(random_stream random, const Between& between) {
    const std::size_t k = points_->rank;
    const auto n_trials = 2 + static_cast<std::size_t>(std::log(static_cast<double>(count_)));
    std::fill(away_.begin(), away_.end(), std::numeric_limits<double>::infinity());
    std::vector<float> trials;
    for (std::size_t c = 0; c < count_; ++c) {
      between();
      trials.clear();
      for (std::size_t t = 0; t < (c == 0 ? 1 : n_trials); ++t) {
        const std::span<const float> trial =
            points_->row(c == 0 ? random.below(points_->size()) : draw(random.uniform()));
        trials.insert(trials.end(), trial.begin(), trial.end());
      }
      const std::size_t best = trials.size() == k ? 0 : best_trial(trials);
      const std::span<const float> seed = std::span(trials).subspan(best * k, k);
      std::copy(seed.begin(), seed.end(), centre(c).begin());
      for_each_block([&](std::size_t first, std::size_t n) {
        std::vector<float> squared(n);
        squared_distances(seed, first, squared);
        for (std::size_t p = 0; p < n; ++p) away_[first + p] = std::min(away_[first + p], double{squared[p]});
      });
    }
  }

  /// @param between  called before each iteration.
  template <class Between>
  void iterate(std::size_t max_iterations, double tolerance, const Between& between) {
    converged_ = false;
    (void)assign();
    while (iterations_ < max_iterations && !converged_) {
      between();
      ++iterations_;
      const double before = inertia_;
      const bool moved = move_centres();
      const std::size_t changed = assign();
      converged_ = !moved && (changed == 0 || before - inertia_ <= tolerance * before);
    }
  }

  /// Numbers the segments by size, the largest first, ties as they are.
  void sort_by_size() {
    const segment_members members(nearest_, count_);
    std::vector<std::uint32_t> order(count_);
    for (std::size_t c = 0; c < count_; ++c) order[c] = static_cast<std::uint32_t>(c);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return members.of(a).size() > members.of(b).size(); });
    const std::vector<float> from = centres_;
    for (std::size_t c = 0; c < count_; ++c) {
      std::copy_n(from.data() + order[c] * points_->rank, points_->rank, centre(c).data());
    }
    (void)assign();  // not renamed: ties go to the smaller of the new numbers
  }

 private:
  static constexpr std::size_t block = 256;  // points a task

  [[nodiscard]] std::span<float> centre(std::size_t c) noexcept {
    return std::span(centres_).subspan(c * points_->rank, points_->rank);
  }

  template <class F>
  void for_each_block(const F& f) const {
    const std::size_t n = points_->size();
    executor_.parallel_for((n + block - 1) / block,
                           [&](std::size_t b) { f(b * block, std::min(block, n - b * block)); });
  }

  /// out[q * n + p] = squared distance of query q from point first + p, as exact as nearest_centres().
  void squared_distances(std::span<const float> queries, std::size_t first, std::span<float> out) const noexcept {
    const std::size_t k = points_->rank;
    const std::size_t n_queries = queries.size() / k;
    const std::size_t n = out.size() / n_queries;
    kernels().score_rows(queries.data(), n_queries, points_->row(first).data(), n, k, k, out.data());
    for (std::size_t q = 0; q < n_queries; ++q) {
      const double length = squared_length(queries.subspan(q * k, k));
      for (std::size_t p = 0; p < n; ++p) {
        const double squared = length + points_->squares[first + p] - 2 * double{out[q * n + p]};
        out[q * n + p] = static_cast<float>(std::max(0.0, squared));
      }
    }
  }

  /// The one of some points that would leave the least inertia as the next seed, ties by smaller index.
  [[nodiscard]] std::size_t best_trial(std::span<const float> trials) const {
    const std::size_t n_trials = trials.size() / points_->rank;
    const std::size_t n_blocks = (points_->size() + block - 1) / block;
    std::vector<double> parts(n_blocks * n_trials, 0.0);
    for_each_block([&](std::size_t first, std::size_t n) {
      std::vector<float> squared(n_trials * n);
      squared_distances(trials, first, squared);
      for (std::size_t t = 0; t < n_trials; ++t) {
        double& sum = parts[first / block * n_trials + t];
        for (std::size_t p = 0; p < n; ++p) sum += std::min(away_[first + p], double{squared[t * n + p]});
      }
    });
    std::vector<double> left(n_trials, 0.0);
    for (std::size_t part = 0; part < parts.size(); ++part) left[part % n_trials] += parts[part];
    return static_cast<std::size_t>(std::min_element(left.begin(), left.end()) - left.begin());
  }

  [[nodiscard]] std::size_t draw(double uniform) const noexcept {
    double total = 0;
    for (const double a : away_) total += a;
    const double target = uniform * total;
    double sum = 0;
    std::size_t last = 0;
    for (std::size_t p = 0; p < away_.size(); ++p) {
      if (!(away_[p] > 0)) continue;
      last = p;
      sum += away_[p];
      if (sum > target) break;
    }
    return last;
  }

  /// How many points changed the segment. Sets the inertia.
  std::size_t assign() {
    const std::vector<std::uint32_t> before = nearest_;
    const std::vector<float> halves = half_squares(centres_, points_->rank);
    for_each_block([&](std::size_t first, std::size_t n) {
      std::vector<float> scores(count_ * n);
      const std::size_t k = points_->rank;
      nearest_centres(centres_, halves, std::span(points_->rows).subspan(first * k, n * k), k, scores,
                      std::span(nearest_).subspan(first, n));
      for (std::size_t p = first; p < first + n; ++p) {
        away_[p] = squared_distance(points_->row(p), std::span<const float>(centres_).subspan(nearest_[p] * k, k));
      }
    });
    inertia_ = 0;
    for (const double a : away_) inertia_ += a;
    std::size_t changed = 0;
    for (std::size_t p = 0; p < nearest_.size(); ++p) changed += nearest_[p] != before[p] ? 1U : 0U;
    return changed;
  }

  /// Puts every centre into the middle of its segment. True if an empty segment took a point.
  bool move_centres() {
    const segment_members members(nearest_, count_);
    executor_.parallel_for(count_, [&](std::size_t c) {
      if (members.of(c).empty()) return;
      std::vector<double> mean(points_->rank);
      mean_of_rows(*points_, members.of(c), mean);
      double length = 1;
      if (distance_ == batch::segment_distance::cosine) {
        length = 0;
        for (const double x : mean) length += x * x;
        length = std::sqrt(length);
        if (!(length > 0)) return;  // directions that cancel out: any centre is as good
      }
      for (std::size_t j = 0; j < mean.size(); ++j) centre(c)[j] = static_cast<float>(mean[j] / length);
    });
    return fill_empty(members);
  }

  bool fill_empty(const segment_members& members) {
    std::vector<std::size_t> sizes(count_);
    for (std::size_t c = 0; c < count_; ++c) sizes[c] = members.of(c).size();
    bool filled = false;
    for (std::size_t c = 0; c < count_; ++c) {
      if (sizes[c] > 0) continue;
      std::size_t farthest = away_.size();
      double distance = 0;
      for (std::size_t p = 0; p < away_.size(); ++p) {
        if (away_[p] > distance && sizes[nearest_[p]] > 1) {
          distance = away_[p];
          farthest = p;
        }
      }
      if (farthest == away_.size()) return filled;  // fewer different points than segments
      --sizes[nearest_[farthest]];
      sizes[c] = 1;
      away_[farthest] = 0;  // taken
      const std::span<const float> point = points_->row(farthest);
      std::copy(point.begin(), point.end(), centre(c).begin());
      filled = true;
    }
    return filled;
  }

  const segment_points* points_;
  executor_ref executor_;
  std::size_t count_;
  batch::segment_distance distance_;
  std::vector<float> centres_;
  std::vector<std::uint32_t> nearest_;
  std::vector<double> away_;  // squared distance of each point from its centre
  double inertia_ = 0;
  std::size_t iterations_ = 0;
  bool converged_ = false;
};

}  // namespace detail
TANDEM_END
