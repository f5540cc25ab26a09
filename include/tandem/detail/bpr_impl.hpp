#pragma once
// Bodies of batch/bpr.hpp: gradient steps in rounds of blocks that share no vector, and the fold-in.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/bpr.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/bpr_fold_in.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline void bpr_options::validate() const {
  const auto positive = [](float x) { return x > 0 && std::isfinite(x); };
  detail::require(rank >= 1 && rank <= 1024, "rank", "[1, 1024]");
  detail::require(positive(learning_rate), "learning_rate", "(0, inf)");
  detail::require(positive(regularization), "regularization", "(0, inf)");
  detail::require(epochs >= 1 && epochs <= 100000, "epochs", "[1, 100000]");
  detail::require(positive(init_stddev), "init_stddev", "(0, inf)");
}

}  // namespace batch

namespace detail {

/// Tries to draw a negative before a pair is passed over.
inline constexpr int bpr_tries = 16;

/// What each purpose draws its random numbers from.
enum class bpr_draws : std::uint64_t { users = 1, items, deal, samples, fold_in };

[[nodiscard]] inline random_stream bpr_stream(std::uint64_t seed, bpr_draws purpose, std::uint64_t stream) noexcept {
  return random_stream(mix64(seed + static_cast<std::uint64_t>(purpose)), stream);
}

[[nodiscard]] inline bool has(std::span<const std::uint32_t> ascending, std::uint32_t item) noexcept {
  return std::binary_search(ascending.begin(), ascending.end(), item);
}

/// One stochastic gradient step on rows p = (p_u, 1, 0...), qi and qj = (q, b, 0...) of whole chunks.
struct bpr_step {
  static constexpr std::size_t chunk = 16;
  std::size_t stride;  // a multiple of chunk
  std::size_t rank;
  float rate;
  float decay;  // rate * regularization

  void operator()(float* p, float* qi, float* qj) const noexcept {
    std::array<float, chunk> part{};
    for (std::size_t j = 0; j < stride; j += chunk) {
      for (std::size_t l = 0; l < chunk; ++l) part[l] += p[j + l] * (qi[j + l] - qj[j + l]);
    }
    for (std::size_t width = chunk / 2; width > 0; width /= 2) {
      for (std::size_t l = 0; l < width; ++l) part[l] += part[l + width];
    }
    const float push = rate / (1 + std::exp(part[0]));
    for (std::size_t j = 0; j < stride; j += chunk) {
      std::array<float, chunk> x;
      std::array<float, chunk> y;
      std::array<float, chunk> z;
      std::copy_n(p + j, chunk, x.data());
      std::copy_n(qi + j, chunk, y.data());
      std::copy_n(qj + j, chunk, z.data());
      for (std::size_t l = 0; l < chunk; ++l) {
        p[j + l] = x[l] + (push * (y[l] - z[l]) - decay * x[l]);
        qi[j + l] = y[l] + (push * x[l] - decay * y[l]);
        qj[j + l] = z[l] - (push * x[l] + decay * z[l]);
      }
    }
    p[rank] = 1;  // what multiplies the bias
  }
};

/// The factors in training, and the schedule of blocks.
class bpr_training {
 public:
  bpr_training(const interactions& log, const batch::bpr_options& options)
      : log_(log),
        options_(options),
        n_blocks_(std::clamp<std::size_t>(log.n_items() / 64, 1, 16)),
        step_{(options.rank + bpr_step::chunk) / bpr_step::chunk * bpr_step::chunk, options.rank, options.learning_rate,
              options.learning_rate * options.regularization},
        users_(log.n_users() * step_.stride, 0.0F),
        items_(log.n_items() * step_.stride, 0.0F),
        order_(log.n_items()),
        block_of_(log.n_items()),
        pairs_(log.size()),
        cell_start_(n_blocks_ * (n_blocks_ + 1)) {
    start_randomly();
    block_users();
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint32_t>(i);
  }

  [[nodiscard]] std::size_t n_blocks() const noexcept { return n_blocks_; }

  /// Deals the items into blocks, and the pairs of each block of users by the block of their item.
  void deal(std::size_t epoch, executor_ref executor) {
    random_stream random = bpr_stream(options_.seed, bpr_draws::deal, epoch);
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
    for (std::size_t b = 0; b < n_blocks_; ++b) {
      for (std::size_t at = item_start(b); at < item_start(b + 1); ++at) {
        block_of_[order_[at]] = static_cast<std::uint8_t>(b);
      }
    }
    executor.parallel_for(n_blocks_, [&](std::size_t b) { deal_pairs(b); });
  }

  /// All steps of round r: block b of the users with block b + r of the items.
  void round(std::size_t epoch, std::size_t r, executor_ref executor) {
    executor.parallel_for(n_blocks_, [&](std::size_t b) { train_cell(epoch, b, (b + r) % n_blocks_); });
  }

  /// Calls f(user, item) for the pairs as they are dealt, cell after cell.
  template <class F>
  void for_each_dealt(const F& f) const {
    for (std::size_t b = 0; b < n_blocks_; ++b) {
      const std::size_t* start = cell_start_.data() + b * (n_blocks_ + 1);
      for (std::size_t at = start[0]; at < start[n_blocks_]; ++at) f(pairs_[at].user, pairs_[at].item);
    }
  }

  [[nodiscard]] batch::bpr_model finish() const {
    const auto dense = [this](const std::vector<float>& rows) {
      const std::size_t width = options_.rank + 1;
      const std::size_t n = rows.size() / step_.stride;
      std::vector<float> out(n * width);
      for (std::size_t r = 0; r < n; ++r) std::copy_n(rows.data() + r * step_.stride, width, out.data() + r * width);
      return out;
    };
    if (!all_finite(users_) || !all_finite(items_)) {
      throw error(errc::not_finite, "bpr: the factors are beyond float32", {}, "lower learning_rate");
    }
    return batch::bpr_model::from_factors(dense(users_), dense(items_), options_.rank, options_.regularization,
                                          options_.seed);
  }

 private:
  struct pair {
    std::uint32_t user;
    std::uint32_t item;
  };

  [[nodiscard]] std::size_t item_start(std::size_t b) const noexcept { return b * order_.size() / n_blocks_; }

  void start_randomly() {
    const double stddev = static_cast<double>(options_.init_stddev) / std::sqrt(static_cast<double>(options_.rank));
    const auto draw = [&](bpr_draws purpose, std::size_t r, float* row) {
      random_stream random = bpr_stream(options_.seed, purpose, r);
      for (std::size_t j = 0; j < options_.rank; ++j) row[j] = static_cast<float>(random.normal(0, stddev));
    };
    for (std::size_t u = 0; u < log_.n_users(); ++u) {
      float* row = users_.data() + u * step_.stride;
      row[options_.rank] = 1;
      if (items_of(static_cast<std::uint32_t>(u)).empty()) continue;
      draw(bpr_draws::users, u, row);
    }
    for (std::size_t i = 0; i < log_.n_items(); ++i) draw(bpr_draws::items, i, items_.data() + i * step_.stride);
  }

  /// Blocks of neighbouring users with about as many pairs each.
  void block_users() {
    user_start_.push_back(0);
    pair_start_.push_back(0);
    std::size_t pairs = 0;
    for (std::uint32_t u = 0; u < log_.n_users(); ++u) {
      while (user_start_.size() < n_blocks_ && pairs >= user_start_.size() * log_.size() / n_blocks_) {
        user_start_.push_back(u);
        pair_start_.push_back(pairs);
      }
      pairs += items_of(u).size();
    }
    user_start_.resize(n_blocks_ + 1, static_cast<std::uint32_t>(log_.n_users()));
    pair_start_.resize(n_blocks_ + 1, log_.size());
  }

  [[nodiscard]] std::span<const std::uint32_t> items_of(std::uint32_t user) const noexcept {
    return log_.items_of(user_index{user}).index;
  }

  void deal_pairs(std::size_t b) {
    std::size_t* start = cell_start_.data() + b * (n_blocks_ + 1);
    std::fill_n(start, n_blocks_ + 1, 0);
    for (std::uint32_t u = user_start_[b]; u < user_start_[b + 1]; ++u) {
      for (const std::uint32_t i : items_of(u)) ++start[block_of_[i] + 1];
    }
    start[0] = pair_start_[b];
    for (std::size_t c = 0; c < n_blocks_; ++c) start[c + 1] += start[c];
    std::vector<std::size_t> next(start, start + n_blocks_);
    for (std::uint32_t u = user_start_[b]; u < user_start_[b + 1]; ++u) {
      for (const std::uint32_t i : items_of(u)) pairs_[next[block_of_[i]]++] = {u, i};
    }
  }

  void train_cell(std::size_t epoch, std::size_t user_block, std::size_t item_block) {
    const std::size_t* start = cell_start_.data() + user_block * (n_blocks_ + 1) + item_block;
    const std::span<pair> cell(pairs_.data() + start[0], start[1] - start[0]);
    const std::span<const std::uint32_t> pool(order_.data() + item_start(item_block),
                                              item_start(item_block + 1) - item_start(item_block));
    random_stream random =
        bpr_stream(options_.seed, bpr_draws::samples, (epoch * n_blocks_ + user_block) * n_blocks_ + item_block);
    for (std::size_t left = cell.size(); left > 0; --left) {
      std::swap(cell[left - 1], cell[random.below(left)]);
      const pair now = cell[left - 1];
      const std::span<const std::uint32_t> had = items_of(now.user);
      std::uint32_t negative = pool[random.below(pool.size())];
      int tries = 1;
      while (has(had, negative) && tries++ < bpr_tries) negative = pool[random.below(pool.size())];
      if (tries > bpr_tries) continue;
      step_(users_.data() + now.user * step_.stride, items_.data() + now.item * step_.stride,
            items_.data() + negative * step_.stride);
    }
  }

  const interactions& log_;
  const batch::bpr_options& options_;
  std::size_t n_blocks_;
  bpr_step step_;
  std::vector<float> users_;               // rows p_u, 1, zeros up to the stride
  std::vector<float> items_;               // rows q_i, b_i, zeros
  std::vector<std::uint32_t> order_;       // items, block after block
  std::vector<std::uint8_t> block_of_;     // of each item
  std::vector<std::uint32_t> user_start_;  // of each block of users
  std::vector<std::size_t> pair_start_;    // of each block of users, in pairs_
  std::vector<pair> pairs_;                // by block of users, then by block of items
  std::vector<std::size_t> cell_start_;    // n_blocks + 1 for each block of users
};

/// Negatives of each item of a history: 16, fewer when there would be more than 16,384 in all, but one at least.
[[nodiscard]] inline std::size_t bpr_negatives(std::size_t history) noexcept {
  return std::clamp<std::size_t>(16384 / std::max<std::size_t>(history, 1), 1, 16);
}

/// The pairs that a history says are in order: each of its items before some that are not in it.
inline ordered_pairs bpr_pairs(std::span<const std::uint32_t> history, std::span<const float> items, std::size_t rank,
                               std::uint64_t seed) {
  const std::size_t negatives = bpr_negatives(history.size());
  const std::size_t width = rank + 1;
  const std::size_t n_items = items.size() / width;
  ordered_pairs out;
  out.weight = 1.0F / static_cast<float>(negatives);
  if (history.size() >= n_items) return out;
  out.rows.reserve(history.size() * negatives * rank);
  out.offset.reserve(history.size() * negatives);
  for (const std::uint32_t i : history) {
    random_stream random = bpr_stream(seed, bpr_draws::fold_in, i);
    const float* better = items.data() + i * width;
    for (std::size_t n = 0; n < negatives; ++n) {
      auto j = static_cast<std::uint32_t>(random.below(n_items));
      while (has(history, j)) j = static_cast<std::uint32_t>((j + 1) % n_items);
      const float* worse = items.data() + j * width;
      for (std::size_t f = 0; f < rank; ++f) out.rows.push_back(better[f] - worse[f]);
      out.offset.push_back(better[rank] - worse[rank]);
    }
  }
  return out;
}

}  // namespace detail

namespace batch {

inline bpr_model bpr_model::from_factors(std::vector<float> users, std::vector<float> items, std::size_t rank,
                                         float regularization, std::uint64_t seed) {
  if (rank == 0) throw error(errc::invalid_argument, "the rank of a model must be at least 1", {{}, 0, "rank"});
  if (users.size() % (rank + 1) != 0 || items.size() % (rank + 1) != 0) {
    throw error(errc::invalid_argument, "the factors are not whole rows of rank + 1 = " + std::to_string(rank + 1));
  }
  if (!detail::all_finite(users) || !detail::all_finite(items)) {
    throw error(errc::not_finite, "the factors of a model must be finite");
  }
  if (!(regularization > 0 && std::isfinite(regularization))) {
    throw error(errc::invalid_argument, "must lie in (0, inf)", {{}, 0, "regularization"});
  }
  for (std::size_t last = rank; last < users.size(); last += rank + 1) {
    if (users[last] != 1)
      throw error(errc::invalid_argument, "a user's last number, which multiplies the bias, is not 1");
  }
  bpr_model model;
  model.rank_ = rank;
  model.regularization_ = regularization;
  model.seed_ = seed;
  model.users_ = std::move(users);
  model.items_ = std::move(items);
  return model;
}

inline void bpr_model::score(std::span<const float> user_vector, std::span<float> out) const {
  TANDEM_ASSERT(user_vector.size() == rank_ && out.size() == n_items());
  std::vector<float> extended(user_vector.begin(), user_vector.end());
  extended.push_back(1);
  kernels().score_rows(extended.data(), 1, items_.data(), n_items(), rank_ + 1, rank_ + 1, out.data());
}

inline void bpr_model::fold_in(std::span<const item_index> items, std::span<const float> weights,
                               std::span<float> out) const {
  TANDEM_ASSERT(items.size() == weights.size() && out.size() == rank_);
  const detail::gathered_history history = detail::gather_history(items, weights, n_items());
  const detail::ordered_pairs pairs = detail::bpr_pairs(history.index, items_, rank_, seed_);
  std::fill(out.begin(), out.end(), 0.0F);
  if (pairs.offset.empty()) return;
  const float ridge = regularization_ * static_cast<float>(history.index.size());
  detail::pairwise_newton newton(pairs, rank_, ridge);
  if (!newton.solve(out) || !detail::all_finite(out)) {
    throw error(errc::not_finite, "a user's vector cannot be solved from this history", {},
                "train with more regularization");
  }
}

inline bpr_model fit_bpr(const interactions& log, const bpr_options& options, executor_ref executor,
                         const progress& report) {
  options.validate();
  detail::require_likes(log);
  detail::bpr_training training(log, options);
  const std::size_t rounds = training.n_blocks();
  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    training.deal(epoch, executor);
    for (std::size_t r = 0; r < rounds; ++r) {
      training.round(epoch, r, executor);
      report_progress(report, {"bpr", epoch * rounds + r + 1, options.epochs * rounds});
    }
  }
  return training.finish();
}

}  // namespace batch
TANDEM_END
