#pragma once
// Bodies of batch/next_item_ridge.hpp: both Gramians in O(events * window), an inverse in place, and one product.
//
// With H the kept items of a user in order, d the decay, c_q = s_q / |x_q|^2 before scaling, and W the window,
//     X' S X  has, for places r <= p of one user,  d^(p - r) * sum over q in (p, r + W] of c_q d^(2 (q - p - 1))
// in row H_p and column H_r, and the same mirrored for r < p. The inner sum is a prefix of one series that belongs to
// p: a pair of places costs one multiplication, and not a loop over the events that have both in their window. With
// by_visit all events of a visit have the window before its first one, which stands for them: c is the sum of theirs.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/next_item_ridge.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/normal_equations.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/spd_inverse.hpp"

TANDEM_BEGIN
namespace batch {

inline void next_item_ridge_options::validate() const {
  detail::require(regularization > 0 && std::isfinite(regularization), "regularization", "(0, inf)");
  detail::require(decay > 0 && decay <= 1, "decay", "(0, 1]");
  detail::require(window >= 1 && window <= 1024, "window", "[1, 1024]");
  detail::require(half_life > 0, "half_life", "(0, inf]");
  detail::require(max_items >= 1 && max_items <= std::numeric_limits<std::uint32_t>::max(), "max_items", "[1, 2^32)");
  detail::require(max_bytes >= 1, "max_bytes", "[1, 2^64)");
}

}  // namespace batch

namespace detail {

inline constexpr std::uint32_t ridge_no_row = std::numeric_limits<std::uint32_t>::max();

/// Items by falling number of events, those of one event left out.
inline std::vector<item_index> ridge_items(std::span<const logged_event> events, std::size_t n_items,
                                           std::size_t most) {
  std::vector<std::uint32_t> count(n_items, 0);
  for (const logged_event& e : events) {
    if (slot(e.item) >= n_items) {
      throw error(errc::invalid_argument,
                  "item " + std::to_string(raw(e.item)) + " is not one of the " + std::to_string(n_items) + " items");
    }
    if (e.weight > 0) ++count[slot(e.item)];
  }
  std::vector<item_index> out;
  for (std::uint32_t i = 0; i < n_items; ++i) {
    if (count[i] >= 2) out.push_back(item_index{i});
  }
  std::stable_sort(out.begin(), out.end(), [&](item_index a, item_index b) { return count[slot(a)] > count[slot(b)]; });
  out.resize(std::min(out.size(), most));
  return out;
}

inline void require_ridge_memory(std::size_t kept, std::size_t events, std::uint64_t allowed) {
  const auto m = static_cast<double>(kept);
  const double panels = 2.0 * sizeof(float) * static_cast<double>(std::min(kept, sweep_block));
  const double bytes = m * (2.0 * sizeof(float) * m + panels) + 36.0 * static_cast<double>(events);
  if (bytes <= static_cast<double>(allowed)) return;
  throw error(errc::invalid_argument,
              "next-item ridge needs " + std::to_string(static_cast<std::uint64_t>(bytes / 1e6) + 1) + " MB for " +
                  std::to_string(kept) + " items and " + std::to_string(events) + " events, and " +
                  std::to_string(allowed / 1'000'000) + " MB are allowed",
              {{}, 0, "max_bytes"}, "keep fewer items, or allow more");
}

/// The events that count, user after user, each user's in order.
struct ridge_log {
  std::vector<std::uint32_t> row;      ///< of the item, or ridge_no_row
  std::vector<std::uint32_t> ahead;    ///< the event before which the window of each event ends
  std::vector<float> gram;             ///< sum of c_q = s_q / |x_q|^2 over the events whose window ends before this one
  std::vector<float> target;           ///< s_q / |x_q|; 0 without a past
  std::vector<std::uint32_t> first;    ///< first event of each user, and the end
  std::vector<std::uint32_t> user;     ///< of each event
  std::vector<std::uint32_t> by_item;  ///< events of each row, in order
  std::vector<std::size_t> start;      ///< of each row in by_item, and the end
};

/// Places of [0, n) in order of key(n): counting sort. Keys beyond `keys` are left out.
template <class Index, class Key>
std::vector<std::uint32_t> ridge_group(std::size_t n, std::size_t keys, const Key& key, std::vector<Index>& start) {
  start.assign(keys + 1, 0);
  for (std::size_t e = 0; e < n; ++e) {
    if (key(e) < keys) ++start[key(e) + 1];
  }
  for (std::size_t k = 0; k < keys; ++k) start[k + 1] += start[k];
  std::vector<Index> next(start.begin(), start.end() - 1);
  std::vector<std::uint32_t> out(start.back());
  for (std::size_t e = 0; e < n; ++e) {
    if (key(e) < keys) out[next[key(e)]++] = static_cast<std::uint32_t>(e);
  }
  return out;
}

/// |x_q|^2 before scaling, for event q of a user whose events start at `first`. @param sum  by row, zero between calls.
inline double ridge_norm(const ridge_log& log, std::size_t first, std::size_t q,
                         const batch::next_item_ridge_options& o, std::span<double> sum) noexcept {
  const std::size_t from = q - std::min(q - first, o.window);
  double age = 1;
  for (std::size_t r = q; r-- > from; age *= static_cast<double>(o.decay)) {
    if (log.row[r] != ridge_no_row) sum[log.row[r]] += age;
  }
  double norm = 0;
  for (std::size_t r = q; r-- > from;) {
    if (log.row[r] == ridge_no_row) continue;
    norm += sum[log.row[r]] * sum[log.row[r]];
    sum[log.row[r]] = 0;
  }
  return norm;
}

inline ridge_log make_ridge_log(std::span<const logged_event> events, std::span<const std::uint32_t> row_of,
                                std::size_t m, const batch::next_item_ridge_options& o) {
  constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
  std::size_t users = 0;
  for (const logged_event& e : events) users = std::max(users, slot(e.user) + 1);
  ridge_log out;
  const std::vector<std::uint32_t> order = ridge_group(
      events.size(), users, [&](std::size_t e) { return events[e].weight > 0 ? slot(events[e].user) : nobody; },
      out.first);
  const std::size_t n = order.size();
  out.row.resize(n);
  out.user.resize(n);
  for (std::size_t q = 0; q < n; ++q) {
    out.row[q] = row_of[slot(events[order[q]].item)];
    out.user[q] = raw(events[order[q]].user);
  }
  out.ahead.resize(n);
  for (std::size_t q = 0; q < n; ++q) {
    const bool goes_on = o.by_visit && q > out.first[out.user[q]] && events[order[q - 1]].time == events[order[q]].time;
    out.ahead[q] = goes_on ? out.ahead[q - 1] : static_cast<std::uint32_t>(q);
  }
  out.gram.assign(n, 0);
  out.target.assign(n, 0);
  std::vector<double> sum(m, 0.0);
  for (std::size_t q = 0; q < n; ++q) {
    const double norm = ridge_norm(out, out.first[out.user[q]], out.ahead[q], o, sum);
    if (norm <= 0) continue;
    const double recent = std::exp2(-static_cast<double>(events.size() - 1 - order[q]) / o.half_life);
    out.gram[out.ahead[q]] += static_cast<float>(recent / norm);
    out.target[q] = static_cast<float>(recent / std::sqrt(norm));
  }
  out.by_item = ridge_group(
      n, m, [&](std::size_t q) { return std::size_t{out.row[q]}; }, out.start);
  return out;
}

/// Rows of both products, summed in double over the events of the row's item.
class ridge_rows {
 public:
  ridge_rows(const ridge_log& log, std::size_t m, const batch::next_item_ridge_options& o)
      : log_(log), decay_(o.decay), window_(o.window), gram_(m), target_(m), series_(o.window + 1) {}

  /// gram: what pairs of places r <= p with H_p = i give row i of X' S X. target: column i of X' S Y.
  void sum(std::size_t i, std::span<float> gram, std::span<float> target) {
    std::fill(gram_.begin(), gram_.end(), 0.0);
    std::fill(target_.begin(), target_.end(), 0.0);
    for (std::size_t k = log_.start[i]; k < log_.start[i + 1]; ++k) add(log_.by_item[k]);
    std::transform(gram_.begin(), gram_.end(), gram.begin(), [](double x) { return static_cast<float>(x); });
    std::transform(target_.begin(), target_.end(), target.begin(), [](double x) { return static_cast<float>(x); });
  }

 private:
  void add(std::size_t p) {
    const std::size_t first = log_.first[log_.user[p]];
    const std::size_t end = log_.first[log_.user[p] + 1];
    series_[0] = 0;
    double factor = 1;
    for (std::size_t n = 1; n <= window_; ++n, factor *= decay_ * decay_) {
      series_[n] = series_[n - 1] + (p + n < end ? factor * static_cast<double>(log_.gram[p + n]) : 0.0);
    }
    gram_[log_.row[p]] += series_[window_];
    double age = decay_;  // d^(p - r)
    for (std::size_t r = p; r-- > p - std::min(p - first, window_); age *= decay_) {
      const std::uint32_t row = log_.row[r];
      if (row == ridge_no_row) continue;
      const double twice = row == log_.row[p] ? 2 : 1;  // on the diagonal the mirrored pair falls on the same cell
      gram_[row] += twice * age * series_[window_ - (p - r)];
    }
    const std::size_t ahead = log_.ahead[p];
    double wanted{log_.target[p]};
    for (std::size_t r = ahead; r-- > ahead - std::min(ahead - first, window_); wanted *= decay_) {
      if (log_.row[r] != ridge_no_row) target_[log_.row[r]] += wanted;
    }
  }

  const ridge_log& log_;
  double decay_;
  std::size_t window_;
  std::vector<double> gram_, target_, series_;
};

inline constexpr std::size_t ridge_tile = 64;

/// Calls f(i, j) for j < i < m, tile by tile; a task owns the cells (i, j) and (j, i) of its tiles.
template <class F>
void for_each_ridge_tile(std::size_t m, executor_ref executor, const F& f) {
  const std::size_t tiles = (m + ridge_tile - 1) / ridge_tile;
  executor.parallel_for(tiles, [&](std::size_t task) {
    const std::size_t t = tiles - 1 - task;  // the longest first
    for (std::size_t column = 0; column <= t * ridge_tile; column += ridge_tile) {
      for (std::size_t i = t * ridge_tile; i < std::min(m, (t + 1) * ridge_tile); ++i) {
        for (std::size_t j = column; j < std::min(i, column + ridge_tile); ++j) f(i, j);
      }
    }
  });
}

/// Writes X' S X + lambda I to the lower triangle of `gram`, and Y' S X to `target`, both m x m.
template <class Done>
void ridge_products(const ridge_log& log, std::size_t m, const batch::next_item_ridge_options& o, std::span<float> gram,
                    std::span<float> target, executor_ref executor, const Done& done) {
  constexpr std::size_t rows_a_wave = 16 * ridge_tile;
  for (std::size_t wave = 0; wave < m; wave += rows_a_wave) {
    const std::size_t wave_end = std::min(m, wave + rows_a_wave);
    executor.parallel_for((wave_end - wave + ridge_tile - 1) / ridge_tile, [&](std::size_t task) {
      const std::size_t first = wave + task * ridge_tile;
      ridge_rows rows(log, m, o);
      for (std::size_t i = first; i < std::min(wave_end, first + ridge_tile); ++i) {
        rows.sum(i, gram.subspan(i * m, m), target.subspan(i * m, m));
      }
    });
    done(wave_end - wave);
  }
  for_each_ridge_tile(m, executor, [&](std::size_t i, std::size_t j) { gram[i * m + j] += gram[j * m + i]; });
  for (std::size_t i = 0; i < m; ++i) gram[i * m + i] += o.regularization;
}

/// Turns the lower triangle of -A^-1 in `gram` into B = A^-1 R, in place; `target` is R transposed.
template <class Done>
void ridge_weights(std::span<float> gram, std::span<const float> target, std::size_t m, executor_ref executor,
                   const Done& done) {
  constexpr std::size_t rows_a_wave = 16 * ridge_tile;
  for_each_ridge_tile(m, executor, [&](std::size_t i, std::size_t j) {
    gram[i * m + j] = -gram[i * m + j];
    gram[j * m + i] = gram[i * m + j];
  });
  for (std::size_t i = 0; i < m; ++i) gram[i * m + i] = -gram[i * m + i];
  for (std::size_t wave = 0; wave < m; wave += rows_a_wave) {
    const std::size_t wave_end = std::min(m, wave + rows_a_wave);
    executor.parallel_for((wave_end - wave + ridge_tile - 1) / ridge_tile, [&](std::size_t task) {
      const std::size_t first = wave + task * ridge_tile;
      const std::size_t count = std::min(wave_end - first, ridge_tile);
      std::vector<float> product(count * m);
      kernels().score_rows(gram.data() + first * m, count, target.data(), m, m, m, product.data());
      std::copy(product.begin(), product.end(), gram.begin() + static_cast<std::ptrdiff_t>(first * m));
    });
    done(wave_end - wave);
  }
}

}  // namespace detail

namespace batch {

inline next_item_ridge_model next_item_ridge_model::from_weights(std::vector<item_index> kept,
                                                                 std::vector<float> weights, std::size_t n_items,
                                                                 const next_item_ridge_options& options) {
  options.validate();
  const std::size_t m = kept.size();
  const bool square = m == 0 ? weights.empty() : weights.size() / m == m && weights.size() % m == 0;
  if (!square) {
    throw error(errc::invalid_argument, "the weights are not " + std::to_string(m) + " x " + std::to_string(m) +
                                            " but " + std::to_string(weights.size()));
  }
  if (!detail::all_finite(weights)) throw error(errc::not_finite, "the weights of a model must be finite");
  next_item_ridge_model model;
  model.row_.assign(n_items, not_kept);
  for (std::size_t k = 0; k < m; ++k) {
    if (slot(kept[k]) >= n_items || model.row_[slot(kept[k])] != not_kept) {
      throw error(errc::invalid_argument, "item " + std::to_string(raw(kept[k])) + " is out of range or given twice");
    }
    model.row_[slot(kept[k])] = static_cast<std::uint32_t>(k);
  }
  model.decay_ = options.decay;
  model.window_ = options.window;
  model.kept_ = std::move(kept);
  model.weights_ = std::move(weights);
  return model;
}

inline void next_item_ridge_model::spread(std::span<const float> score, std::span<float> out) const noexcept {
  for (std::size_t k = 0; k < kept_.size(); ++k) out[slot(kept_[k])] = score[k];
}

inline bool next_item_ridge_model::score_recent(std::span<const item_index> latest, std::span<float> out) const {
  std::vector<item_index> items;
  std::vector<float> weights;
  items.reserve(window_);
  weights.reserve(window_);
  float age = 1;
  for (std::size_t k = 0; k < std::min(latest.size(), window_); ++k) {
    const item_index item = latest[latest.size() - 1 - k];
    if (slot(item) < n_items() && row_[slot(item)] != not_kept) {
      items.push_back(item);
      weights.push_back(age);
    }
    age *= decay_;
  }
  score_history(items, weights, out);
  return !items.empty();
}

inline void next_item_ridge_model::score_history(std::span<const item_index> items, std::span<const float> weights,
                                                 std::span<float> out) const {
  TANDEM_ASSERT(items.size() == weights.size() && out.size() == n_items());
  const detail::gathered_history history = detail::gather_history(items, weights, n_items());
  std::fill(out.begin(), out.end(), 0.0F);
  double norm = 0;
  for (std::size_t h = 0; h < history.index.size(); ++h) {
    if (row_[history.index[h]] != not_kept) norm += double{history.weight[h]} * double{history.weight[h]};
  }
  if (norm <= 0) return;
  const std::size_t m = kept_.size();
  std::vector<float> score(m);
  for (std::size_t h = 0; h < history.index.size(); ++h) {
    const std::uint32_t row = row_[history.index[h]];
    if (row == not_kept) continue;
    const auto weight = static_cast<float>(double{history.weight[h]} / std::sqrt(norm));
    kernels().axpy(weight, weights_.data() + std::size_t{row} * m, score.data(), m);
  }
  spread(score, out);
}

inline next_item_ridge_model fit_next_item_ridge(std::span<const logged_event> events, std::size_t n_items,
                                                 const next_item_ridge_options& options, executor_ref executor,
                                                 const progress& report) {
  options.validate();
  if (events.size() >= std::numeric_limits<std::uint32_t>::max()) {
    throw error(errc::invalid_argument, "the log has more events than a next-item ridge can count (2^32 - 2)");
  }
  std::vector<item_index> kept = detail::ridge_items(events, n_items, options.max_items);
  const std::size_t m = kept.size();
  detail::require_ridge_memory(m, events.size(), options.max_bytes);
  std::size_t done = 0;
  const auto advance = [&](std::size_t items) {
    done += items;
    report_progress(report, {"next-item ridge", done, 3 * m});
  };
  std::vector<float> gram(m * m);
  {
    std::vector<std::uint32_t> row_of(n_items, detail::ridge_no_row);
    for (std::size_t k = 0; k < m; ++k) row_of[slot(kept[k])] = static_cast<std::uint32_t>(k);
    std::vector<float> target(m * m);
    detail::ridge_products(detail::make_ridge_log(events, row_of, m, options), m, options, gram, target, executor,
                           advance);
    if (!detail::negated_inverse(gram, m, executor, advance)) {
      throw error(errc::not_finite, "next-item ridge: the Gramian cannot be inverted in float32", {},
                  "raise regularization");
    }
    detail::ridge_weights(gram, target, m, executor, advance);
  }
  return next_item_ridge_model::from_weights(std::move(kept), std::move(gram), n_items, options);
}

}  // namespace batch
TANDEM_END
