#pragma once
// Bodies of batch/segments.hpp.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/segments.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/segment_lloyd.hpp"
#include "tandem/detail/segment_points.hpp"

TANDEM_BEGIN
namespace batch {

inline void segment_options::validate() const {
  detail::require(count >= 1 && count <= 4096, "count", "[1, 4096]");
  detail::require(distance == segment_distance::cosine || distance == segment_distance::euclidean, "distance",
                  "{cosine, euclidean}");
  detail::require(restarts >= 1 && restarts <= 1000, "restarts", "[1, 1000]");
  detail::require(max_iterations >= 1 && max_iterations <= 100000, "max_iterations", "[1, 100000]");
  detail::require(tolerance >= 0 && tolerance < 1, "tolerance", "[0, 1)");
}

inline segment_index segmentation::assign(std::span<const float> vector) const {
  TANDEM_ASSERT(vector.size() == rank_);
  std::vector<float> point(rank_);
  if (count() == 0 || !detail::place_point(distance_, origin_, vector, point)) return no_id<segment_index>;
  std::vector<float> scores(count());
  std::uint32_t nearest = 0;
  detail::nearest_centres(placed_, halves_, point, rank_, scores, {&nearest, 1});
  return segment_index{nearest};
}

}  // namespace batch

namespace detail {

/// The mean and the mean squared distance from it of every segment.
struct segment_moments {
  std::vector<double> means;
  std::vector<double> spreads;
  std::vector<std::size_t> sizes;

  segment_moments(const segment_points& points, std::span<const std::uint32_t> nearest, std::size_t count,
                  executor_ref executor)
      : means(count * points.rank), spreads(count, 0.0), sizes(count) {
    const segment_members members(nearest, count);
    executor.parallel_for(count, [&](std::size_t c) {
      sizes[c] = members.of(c).size();
      if (sizes[c] == 0) return;
      const std::span<double> mean = std::span(means).subspan(c * points.rank, points.rank);
      mean_of_rows(points, members.of(c), mean);
      for (const std::uint32_t r : members.of(c)) spreads[c] += distance(points.row(r), c);
      spreads[c] /= static_cast<double>(sizes[c]);
    });
  }

  /// ||p - mean||^2
  [[nodiscard]] double distance(std::span<const float> point, std::size_t c) const noexcept {
    return squared_distance(point, std::span<const double>(means).subspan(c * point.size(), point.size()));
  }

  /// The silhouette of a point of segment `own`: the mean over a segment of ||p - q||^2 is ||p - mean||^2 + spread.
  [[nodiscard]] double silhouette(std::span<const float> point, std::size_t own) const noexcept {
    if (sizes[own] <= 1) return 0;
    double nearest_other = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      if (c != own && sizes[c] > 0) nearest_other = std::min(nearest_other, distance(point, c) + spreads[c]);
    }
    if (!std::isfinite(nearest_other)) return 0;
    const auto n = static_cast<double>(sizes[own]);
    const double within = (distance(point, own) + spreads[own]) * n / (n - 1);  // without itself
    const double larger = std::max(within, nearest_other);
    return larger > 0 ? (nearest_other - within) / larger : 0;
  }
};

/// The inertia of all points in one segment.
inline double single_inertia(const segment_points& points, batch::segment_distance distance) {
  const std::vector<std::uint32_t> all(points.size(), 0);
  const segment_moments one(points, all, 1, {});
  const auto n = static_cast<double>(points.size());
  if (distance == batch::segment_distance::euclidean) return n * one.spreads[0];
  double squares = 0;
  for (const double x : one.means) squares += x * x;
  return std::max(0.0, 2 * n * (1 - std::sqrt(squares)));
}

/// The best of several runs, or the one from the centres of an earlier fit.
inline lloyd_run best_run(const segment_points& points, const batch::segment_options& options, executor_ref executor,
                          const progress& report, std::span<const float> warm_centres) {
  const std::size_t n_runs = warm_centres.empty() ? options.restarts : 1;
  lloyd_run best(points, options.count, options.distance, executor);
  for (std::size_t run = 0; run < n_runs; ++run) {
    lloyd_run now(points, options.count, options.distance, executor);
    const auto ask = [&] {
      report_progress(report,
                      {"segments", run * options.max_iterations + now.iterations(), n_runs * options.max_iterations});
    };
    if (warm_centres.empty()) {
      now.draw_seeds(random_stream(options.seed, run), ask);
    } else {
      now.start_from(warm_centres);
    }
    now.iterate(options.max_iterations, options.tolerance, ask);
    if (run == 0 || now.inertia() < best.inertia()) best = std::move(now);
  }
  const std::size_t total = n_runs * options.max_iterations;
  report_progress(report, {"segments", total, total});
  return best;
}

}  // namespace detail

namespace batch {

/// Fills in a segmentation.
struct segments_access {
  [[nodiscard]] static segmentation make(const detail::segment_points& points, const detail::lloyd_run& run,
                                         std::size_t n_users, const segment_options& options, executor_ref executor) {
    segmentation out;
    out.rank_ = points.rank;
    out.distance_ = options.distance;
    out.origin_ = points.origin;
    out.placed_.assign(run.centres().begin(), run.centres().end());
    out.halves_ = detail::half_squares(out.placed_, points.rank);
    out.centres_ = out.placed_;
    for (std::size_t j = 0; j < out.centres_.size(); ++j) out.centres_[j] += points.origin[j % points.rank];
    out.assignment_.assign(n_users, no_id<segment_index>);
    for (std::size_t r = 0; r < points.size(); ++r) out.assignment_[points.users[r]] = segment_index{run.nearest()[r]};
    out.n_assigned_ = points.size();
    out.iterations_ = run.iterations();
    out.converged_ = run.converged();
    out.inertia_ = run.inertia();
    const double single = detail::single_inertia(points, options.distance);
    out.explained_ = single > 0 ? std::clamp(1 - out.inertia_ / single, 0.0, 1.0) : 0;
    rate(out, points, run, executor);
    return out;
  }

  [[nodiscard]] static std::vector<float> placed(const segmentation& earlier, const detail::segment_points& points) {
    std::vector<float> out = earlier.centres_;
    for (std::size_t j = 0; j < out.size(); ++j) out[j] -= points.origin[j % points.rank];
    return out;
  }

 private:
  static void rate(segmentation& out, const detail::segment_points& points, const detail::lloyd_run& run,
                   executor_ref executor) {
    const std::size_t count = run.centres().size() / points.rank;
    const detail::segment_moments moments(points, run.nearest(), count, executor);
    constexpr std::size_t block = 256;
    std::vector<double> each(points.size());
    executor.parallel_for((points.size() + block - 1) / block, [&](std::size_t b) {
      for (std::size_t r = b * block; r < std::min(points.size(), (b + 1) * block); ++r) {
        each[r] = moments.silhouette(points.row(r), run.nearest()[r]);
      }
    });
    out.sizes_ = moments.sizes;
    out.silhouettes_.assign(count, 0.0);
    for (std::size_t r = 0; r < points.size(); ++r) {
      out.silhouette_ += each[r] / static_cast<double>(points.size());
      out.silhouettes_[run.nearest()[r]] += each[r] / static_cast<double>(out.sizes_[run.nearest()[r]]);
    }
  }
};

}  // namespace batch

namespace detail {

inline void require_segments_fit(const segment_points& points, const batch::segment_options& options,
                                 const batch::segmentation* warm_start) {
  if (options.count > points.size()) {
    throw error(
        errc::invalid_argument,
        "is " + std::to_string(options.count) + ", but only " + std::to_string(points.size()) + " users have a vector",
        {{}, 0, "count"}, "ask for fewer segments");
  }
  if (warm_start == nullptr) return;
  const auto require = [](bool holds, const char* field, const char* what) {
    if (!holds) {
      throw error(errc::invalid_argument, std::string("the segmentation to start from has another ") + what,
                  {{}, 0, field}, "fit without a warm start");
    }
  };
  require(warm_start->rank() == points.rank, "rank", "rank");
  require(warm_start->count() == options.count, "count", "number of segments");
  require(warm_start->distance() == options.distance, "distance", "distance");
}

}  // namespace detail

namespace batch {

inline segmentation fit_segments(std::span<const float> vectors, std::size_t rank, const segment_options& options,
                                 executor_ref executor, const progress& report, const segmentation* warm_start) {
  options.validate();
  const detail::segment_points points = detail::place_points(vectors, rank, options.distance);
  detail::require_segments_fit(points, options, warm_start);
  const std::vector<float> warm =
      warm_start != nullptr ? segments_access::placed(*warm_start, points) : std::vector<float>();
  detail::lloyd_run run = detail::best_run(points, options, executor, report, warm);
  if (warm_start == nullptr) run.sort_by_size();
  return segments_access::make(points, run, vectors.size() / rank, options, executor);
}

inline segmentation fit_segments(const factor_model& model, const segment_options& options, executor_ref executor,
                                 const progress& report, const segmentation* warm_start) {
  return fit_segments(model.user_matrix(), model.rank(), options, executor, report, warm_start);
}

inline std::vector<segment_sweep> sweep_segments(std::span<const float> vectors, std::size_t rank,
                                                 std::span<const std::size_t> counts, const segment_options& options,
                                                 executor_ref executor, const progress& report) {
  std::vector<segment_sweep> out;
  segment_options each = options;
  for (const std::size_t count : counts) {
    each.count = count;
    const segmentation fit = fit_segments(vectors, rank, each, executor, report);
    out.push_back({count, fit.inertia(), fit.explained(), fit.silhouette()});
  }
  return out;
}

}  // namespace batch
TANDEM_END
