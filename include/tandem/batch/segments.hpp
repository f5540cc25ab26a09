#pragma once
// Segments of users: k-means over their vectors.
//
// Minimises over centres c_1 ... c_K and an assignment s the inertia  sum_u ||p_u - c_s(u)||^2  by Lloyd's iterations
// (Lloyd 1982) from k-means++ seeds (Arthur and Vassilvitskii 2007; the greedy kind, which tries several points for
// each), several times, and keeps the best.
// The points p_u are, by segment_distance,
//   cosine     x_u / ||x_u||, with centres of length 1 (spherical k-means: Dhillon and Modha 2001); then
//              ||p - c||^2 = 2 (1 - cos). The default, since the length of a user's vector grows with the history and
//              its direction is the taste: with Euclidean distances, segments come out as the busy and the idle.
//   euclidean  x_u.
// Names elsewhere: count = k, n_clusters in scikit-learn; restarts = n_init; inertia = inertia_ there, over rows of
// length 1 for cosine.
// Users whose vector is all zero have no history, hence no taste: they belong to no segment and take no part.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/progress.hpp"

TANDEM_BEGIN
namespace batch {

/// Index of a segment, in [0, segmentation::count()). no_id<segment_index> stands for "in no segment".
enum class segment_index : std::uint32_t {};

/// What makes two users alike.
enum class segment_distance : std::uint8_t {
  cosine,     ///< the directions of their vectors
  euclidean,  ///< their vectors, lengths included
};

/// Options of fit_segments(). A default-constructed object is a sensible start.
struct segment_options {
  /// Segments. Range [1, 4096], and at most the users with a vector. sweep_segments() helps to choose.
  std::size_t count = 8;
  segment_distance distance = segment_distance::cosine;
  /// Runs from different seeds, of which the one of least inertia is kept. Range [1, 1000]. Not used by a warm start.
  std::size_t restarts = 4;
  /// Iterations of one run at most. Range [1, 100000].
  std::size_t max_iterations = 100;
  /// A run has converged when no user changes the segment, or when an iteration lowers the inertia by less than this
  /// part of it. Range [0, 1).
  double tolerance = 1e-4;
  /// Seed of the k-means++ draws. Same vectors, options, seed and SIMD level: same bits, any number of threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Users in segments. Every user is in the segment of the nearest centre, ties by smaller index.
///
/// Segments of a cold fit are numbered by size, the largest first; those of a warm start keep their numbers. A segment
/// can be empty only when there are fewer different vectors than segments, or max_iterations came first.
/// Threads: immutable. Lifetime: its spans stay valid until it is destroyed, assigned to or moved from.
/// Memory: 4 bytes a user, and 8 bytes a factor of the centres.
class segmentation {
 public:
  /// No users in no segments.
  segmentation() = default;

  [[nodiscard]] std::size_t count() const noexcept { return sizes_.size(); }
  [[nodiscard]] std::size_t n_users() const noexcept { return assignment_.size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] segment_distance distance() const noexcept { return distance_; }

  /// The segment of a user of the fit, or no_id<segment_index>.
  [[nodiscard]] segment_index segment_of(user_index user) const noexcept {
    TANDEM_ASSERT(slot(user) < n_users());
    return assignment_[slot(user)];
  }
  /// The same for all, length n_users().
  [[nodiscard]] std::span<const segment_index> assignment() const& noexcept { return assignment_; }
  [[nodiscard]] std::span<const segment_index> assignment() const&& = delete;

  /// The segment of any vector, e.g. of a user folded in: that of the nearest centre. For the vectors of the fit it
  /// gives segment_of(). no_id<segment_index> for a vector that is all zero, or not finite.
  /// @param vector  length rank().
  /// Complexity: O(count * rank). Allocates: rank floats and count floats.
  [[nodiscard]] segment_index assign(std::span<const float> vector) const;

  /// The centre of a segment, length rank(): the mean of its users' vectors; for cosine of their directions, of
  /// length 1.
  [[nodiscard]] std::span<const float> centre(segment_index segment) const& noexcept {
    TANDEM_ASSERT(slot(segment) < count());
    return {centres_.data() + slot(segment) * rank_, rank_};
  }
  [[nodiscard]] std::span<const float> centre(segment_index) const&& = delete;

  /// Users in a segment.
  [[nodiscard]] std::size_t size(segment_index segment) const noexcept {
    TANDEM_ASSERT(slot(segment) < count());
    return sizes_[slot(segment)];
  }
  /// Users in any segment: all but those whose vector is zero.
  [[nodiscard]] std::size_t n_assigned() const noexcept { return n_assigned_; }

  // ---- how good it is -------------------------------------------------------------------------------------------

  /// sum_u ||p_u - c_s(u)||^2.
  [[nodiscard]] double inertia() const noexcept { return inertia_; }
  /// 1 - inertia / inertia of a single segment, in [0, 1]: what an elbow plot shows. 0 if all vectors are the same.
  [[nodiscard]] double explained() const noexcept { return explained_; }

  /// Mean over users of (b - a) / max(a, b), in [-1, 1] (Rousseeuw 1987): a = mean distance to the others of the own
  /// segment, b = the least mean distance to the users of another one. Distances are 1 - cos or squared Euclidean
  /// (metric = "cosine" or "sqeuclidean" in scikit-learn): their means have a closed form, so that this is exact, over
  /// all pairs, without a sample. A user alone in a segment counts 0; one segment gives 0.
  [[nodiscard]] double silhouette() const noexcept { return silhouette_; }
  /// The mean over the users of one segment; 0 for an empty one.
  [[nodiscard]] double silhouette(segment_index segment) const noexcept {
    TANDEM_ASSERT(slot(segment) < count());
    return silhouettes_[slot(segment)];
  }

  /// Iterations of the run that was kept.
  [[nodiscard]] std::size_t iterations() const noexcept { return iterations_; }
  /// False if that run ended by max_iterations.
  [[nodiscard]] bool converged() const noexcept { return converged_; }

 private:
  friend struct segments_access;

  std::size_t rank_ = 0;
  segment_distance distance_ = segment_distance::cosine;
  std::vector<segment_index> assignment_;
  std::vector<float> origin_;   // subtracted from vectors, so that float32 does for any mean; zero for cosine
  std::vector<float> placed_;   // centres of points, origin subtracted: what vectors are compared with
  std::vector<float> halves_;   // half their squared lengths
  std::vector<float> centres_;  // centres of vectors
  std::vector<std::size_t> sizes_;
  std::vector<double> silhouettes_;
  std::size_t n_assigned_ = 0;
  std::size_t iterations_ = 0;
  bool converged_ = true;
  double inertia_ = 0;
  double explained_ = 0;
  double silhouette_ = 0;
};

/// Segments the rows of a matrix.
///
/// @param vectors     row-major [users x rank].
/// @param warm_start  an earlier segmentation of the same count, rank and distance, or null: its centres are where the
///                    one run starts, so that segments keep their numbers. They mean something only in the space they
///                    were fitted in: that of a model fitted from the earlier one, or aligned with it
///                    (batch/align.hpp).
/// @param report      called on the calling thread once a seed and once an iteration: stage "segments", done out of
///                    restarts * max_iterations; done jumps when a run converges early.
/// A segment that loses all its users takes the one farthest from its centre, ties by smaller index.
/// Complexity: O(users * count * rank) an iteration, and 2 + ln(count) times that for the seeds of a run. Allocates:
/// the points once more (users * rank * 4 bytes), and about 50 bytes a user. Threads: thread-safe. The result is the
/// same, bit for bit, for every executor. Errors: invalid_argument for an option, for vectors that are not whole rows,
/// for more segments than users with a vector, or for a warm start of another shape; not_finite for a vector, naming
/// the user, or for vectors too long for float32 distances; cancelled.
[[nodiscard]] segmentation fit_segments(std::span<const float> vectors, std::size_t rank,
                                        const segment_options& options, executor_ref executor = {},
                                        const progress& report = {}, const segmentation* warm_start = nullptr);

/// Segments the users of a model. As above, with vectors = user_matrix().
[[nodiscard]] segmentation fit_segments(const factor_model& model, const segment_options& options,
                                        executor_ref executor = {}, const progress& report = {},
                                        const segmentation* warm_start = nullptr);

/// What one number of segments reaches.
struct segment_sweep {
  std::size_t count = 0;
  double inertia = 0;
  double explained = 0;   ///< look for the count after which it grows little (the elbow)
  double silhouette = 0;  ///< look for its largest value
};

/// Fits once for each of `counts`, to choose from. options.count is not used. The choice stays with the host: the most
/// telling segments are not always those of the best figure.
/// Complexity, errors, progress: as fit_segments() for each count in turn.
[[nodiscard]] std::vector<segment_sweep> sweep_segments(std::span<const float> vectors, std::size_t rank,
                                                        std::span<const std::size_t> counts,
                                                        const segment_options& options, executor_ref executor = {},
                                                        const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/segments_impl.hpp"
