#pragma once
// A catalogue with as little known of it as a test needs, and sources that say what the test tells them to.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/hybrid/source.hpp"

namespace small_world {

using namespace tandem;

inline item_index item(std::size_t i) { return static_cast<item_index>(i); }

// n items, one user without history
struct world {
  explicit world(std::size_t n_items) {
    known.items.grow(n_items);
    for (std::size_t i = 0; i < n_items; ++i) {
      names.push_back("item" + std::to_string(i));
      known.items.write(i) = names.back();
    }
  }

  [[nodiscard]] hybrid::query ask() const { return {known, "ada", user_index{0}, time, context}; }

  std::deque<std::string> names;
  hybrid::knowledge known;
  context_list context;
  timestamp time = from_millis(0);
};

// says what it was given; given nothing, it is silent
class told : public hybrid::source {
 public:
  explicit told(std::vector<float> scores, hybrid::score_scale scale = hybrid::score_scale::standard,
                std::vector<float> variances = {})
      : scores_(std::move(scores)), variances_(std::move(variances)), scale_(scale) {}

  std::string_view name() const noexcept override { return "told"; }
  hybrid::score_scale scale() const noexcept override { return scale_; }
  bool score(const hybrid::query&, std::span<float> out) const override {
    std::copy_n(scores_.begin(), std::min(scores_.size(), out.size()), out.begin());
    return !scores_.empty();
  }
  void variances(const hybrid::query&, std::span<const item_index> items, std::span<float> out) const override {
    for (std::size_t i = 0; i < items.size() && !variances_.empty(); ++i) out[i] = variances_[slot(items[i])];
  }

 private:
  std::vector<float> scores_;
  std::vector<float> variances_;
  hybrid::score_scale scale_;
};

// adds what it was given, item by item; given nothing, it is silent
class adding : public hybrid::sparse_source {
 public:
  explicit adding(std::vector<std::pair<std::size_t, float>> given,
                  hybrid::score_scale scale = hybrid::score_scale::standard)
      : given_(std::move(given)), scale_(scale) {}

  std::string_view name() const noexcept override { return "adding"; }
  hybrid::score_scale scale() const noexcept override { return scale_; }
  bool score_few(const hybrid::query&, hybrid::few_scores& out) const override {
    for (const auto& [item, score] : given_) out.add(static_cast<std::uint32_t>(item), score);
    return !given_.empty();
  }

 private:
  std::vector<std::pair<std::size_t, float>> given_;
  hybrid::score_scale scale_;
};

// counts what it was given
class counting : public hybrid::shared_source {
 public:
  explicit counting(std::span<const float> counts) : counts_(1e9) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts_.add(item(i), 0, counts[i]);
  }
  std::string_view name() const noexcept override { return "counting"; }
  double total(const hybrid::query&) const override { return counts_.total(); }
  float score_of(const hybrid::query&, item_index i) const override { return counts_.relative(i); }
  std::size_t n_blocks(const hybrid::query&) const override { return counts_.n_blocks(); }
  float peak(const hybrid::query&, std::size_t b) const override { return counts_.peak(b); }
  std::span<const float> block(const hybrid::query&, std::size_t b, std::span<float>) const override {
    return counts_.block(b);
  }

 private:
  online::trend counts_;
};

// writes some scores, then fails
class failing : public hybrid::source {
 public:
  std::string_view name() const noexcept override { return "failing"; }
  bool score(const hybrid::query&, std::span<float> out) const override {
    std::fill(out.begin(), out.end(), 7.0F);
    if (!out.empty()) out.front() = 9;
    throw std::runtime_error("the host's service is down");
  }
};

// scores by an inner product with the item factors
class pointing : public hybrid::source {
 public:
  explicit pointing(std::vector<float> vector) : vector_(std::move(vector)) {}
  std::string_view name() const noexcept override { return "pointing"; }
  bool score(const hybrid::query&, std::span<float>) const override { return false; }
  bool direction(const hybrid::query&, std::span<float> user_vector) const override {
    std::copy(vector_.begin(), vector_.end(), user_vector.begin());
    return true;
  }

 private:
  std::vector<float> vector_;
};

using sources = std::vector<std::shared_ptr<const hybrid::source>>;

}  // namespace small_world
