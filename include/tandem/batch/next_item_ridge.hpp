#pragma once
// Next-item ridge: a linear model from a user's latest items to the one that comes next, in closed form; no epochs, no
// seed.
//
// Minimises over B [m x m]
//     sum_e s_e || y_e - x_e B ||^2  +  lambda || B ||^2,
// where e runs over the events that come after another of their user: y_e is the unit vector of the event's item, x_e
// the user's `window` latest events before it, weighing decay^k (k = 0 is the latest; an item that came twice counts
// twice), scaled to length 1, and s_e = 2^(-age / half_life). With X and Y of rows x_e, y_e and S = diag(s_e),
//     B = (X' S X + lambda I)^-1 X' S Y.
// (SLIT of Choi et al. 2021, "Session-aware linear item-item models for session-based recommendation", is near: targets
// are all later items of a session there, and both ends decay with time.) The m items are the most popular ones; the
// others are neither in x_e nor in y_e.
// Where EASE says what belongs together, this says what follows: the order of events is all it looks at.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tandem/core/executor.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/event.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of fit_next_item_ridge(). A default-constructed object is a sensible start.
struct next_item_ridge_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// lambda. Range (0, inf).
  float regularization = 60;
  /// Weight lost per event of age. Range (0, 1].
  float decay = 0.97F;
  /// The latest events that count. Range [1, 1024].
  std::size_t window = 80;
  /// Predict a visit from earlier visits only: x_e is the window before the first of the user's events at the time of e
  /// (neighbours in their order), the same for all of them. What is bought together is then nothing to learn from, and
  /// what makes people come back is. A host that asks such a model leaves out the events of the visit under way.
  bool by_visit = false;
  /// Events of the log, of all users, until one weighs half. Range (0, inf]; infinity = all weigh alike.
  double half_life = 200000;
  /// Items kept: those with the most events, of equals the smaller index; an item of one event is never kept. Range
  /// [1, 2^32).
  std::size_t max_items = 3000;
  // ---- do not change the result -----------------------------------------------------------------------------------
  /// The most that fit_next_item_ridge() may allocate, in bytes; a larger fit is refused before anything large is
  /// allocated. Range [1, 2^64). m kept items take 8 m^2 bytes and 2 KB an item, n events 36 n: 3,000 items and a
  /// million events 110 MB.
  std::uint64_t max_bytes = 4'000'000'000;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// B, dense over the items kept.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its weights; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: 4 m^2 bytes for m kept items, and 4 bytes an item.
class next_item_ridge_model {
 public:
  /// No items.
  next_item_ridge_model() = default;

  /// A model of the given weights, row-major. Complexity: O(m^2). Allocates: 4 bytes an item.
  /// @param kept     m distinct items below n_items, in the order of the weights' rows and columns.
  /// @param weights  length m^2.
  /// @param options  of these, decay and window are those that score_recent() takes.
  /// Errors: invalid_argument for an option, another length, or an item out of range or given twice; not_finite.
  [[nodiscard]] static next_item_ridge_model from_weights(std::vector<item_index> kept, std::vector<float> weights,
                                                          std::size_t n_items,
                                                          const next_item_ridge_options& options = {});

  [[nodiscard]] std::size_t n_items() const noexcept { return row_.size(); }
  [[nodiscard]] float decay() const noexcept { return decay_; }
  [[nodiscard]] std::size_t window() const noexcept { return window_; }
  /// The items kept, most popular first.
  [[nodiscard]] std::span<const item_index> kept() const& noexcept { return kept_; }
  [[nodiscard]] std::span<const item_index> kept() const&& = delete;
  /// B, row-major [m x m], in the order of kept(): row k is what kept()[k] says about what comes next.
  [[nodiscard]] std::span<const float> weights() const& noexcept { return weights_; }
  [[nodiscard]] std::span<const float> weights() const&& = delete;

  /// The scores of all items for what a user did last, oldest first, as in training: x B, x of length 1. Events before
  /// the window, and items that are not kept, n_items() and above among them, count nothing; an item that is not kept
  /// scores 0. Returns false, with zeros, when no event counts.
  /// Complexity: O(window * m + n_items). Allocates: m floats. @param out  length n_items(), overwritten.
  bool score_recent(std::span<const item_index> latest, std::span<float> out) const;

  /// The same for any weights (batch/history_model.hpp). Empty gives zeros.
  /// Complexity: O(|items| * m + n_items). Allocates: m floats and a copy of the history.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight.
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const;

 private:
  static constexpr std::uint32_t not_kept = std::numeric_limits<std::uint32_t>::max();

  void spread(std::span<const float> score, std::span<float> out) const noexcept;

  float decay_ = 1;
  std::size_t window_ = 1;
  std::vector<item_index> kept_;
  std::vector<std::uint32_t> row_;  // by item: its row, or not_kept
  std::vector<float> weights_;
};

/// Fits a model to the events of a log.
///
/// @param events   in the order in which they happened. Those that count 0 or less teach nothing, and are not in the
///                 past that others have; but they age the log.
/// @param n_items  items the model scores; the log's are below.
/// @param report   called on the calling thread: done and total count kept items, 3 m in all.
/// Complexity: O(events * window) for X' S X and X' S Y, 4 m^3 operations for the rest, m the items kept.
/// Allocates: next_item_ridge_options::max_bytes. Threads: thread-safe. The result is the same, bit for bit, for every
/// executor.
/// Errors: invalid_argument for an option, an item out of range, 2^32 - 1 events or more, and for more than max_bytes
/// allows, with what the fit would take; cancelled; not_finite when the regularization is too small to invert in
/// float32.
[[nodiscard]] next_item_ridge_model fit_next_item_ridge(std::span<const logged_event> events, std::size_t n_items,
                                                        const next_item_ridge_options& options = {},
                                                        executor_ref executor = {}, const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/next_item_ridge_impl.hpp"
