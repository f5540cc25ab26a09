#pragma once
// Decisions that wait for their rewards, found by id, in memory of a fixed size: the oldest give way.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "tandem/core/brief_mutex.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/time.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/reward_join.hpp"

TANDEM_BEGIN
namespace detail {

struct pending_choice {
  decision_id id = decision_id::none;
  online::choice chosen;
  std::uint64_t version = 0;
  timestamp time{};
  online::reward_join joined;
  double learned = 0;  // what the bandit has been taught
  bool taught = false;
  bool unlearnable = false;  // the bandit refused it: nothing more is taught
  bool settled = false;
  std::array<std::uint64_t, 4> keys{};  // of the latest rewards

  [[nodiscard]] bool saw(std::uint64_t key) const noexcept {
    return key != 0 && std::find(keys.begin(), keys.end(), key) != keys.end();
  }
  void see(std::uint64_t key) noexcept {
    if (key == 0) return;
    std::copy_backward(keys.begin(), keys.end() - 1, keys.end());
    keys[0] = key;
  }
};

/// A ring in order of arrival, and a hash table of its subscripts. Threads: the caller holds `mutex`, not for longer
/// than the table is touched: who decides waits for it. Allocates: on construction. Complexity: O(1) expected.
class pending_table {
 public:
  pending_table(std::size_t capacity, std::size_t dimension)
      : lesson_context(dimension),
        ring_(capacity),
        contexts_(capacity * dimension),
        places_(std::bit_ceil(2 * capacity)),
        dimension_(dimension) {}

  std::mutex learning;                // taken before `mutex`, and held while the bandit learns
  std::vector<float> lesson_context;  // of what it learns; guarded by `learning`
  brief_mutex mutex;                  // guards all that follows

  [[nodiscard]] pending_choice* find(decision_id id) noexcept {
    for (std::size_t at = home(id); places_[at] != 0; at = next(at)) {
      if (ring_[places_[at] - 1].id == id) return &ring_[places_[at] - 1];
    }
    return nullptr;
  }
  [[nodiscard]] std::span<const float> context(const pending_choice& p) const noexcept {
    return {contexts_.data() + static_cast<std::size_t>(&p - ring_.data()) * dimension_, dimension_};
  }

  /// The place of a decision not in the table: that of the oldest, which `leave(pending_choice&)` sees before it goes.
  template <class F>
  pending_choice& add(decision_id id, std::span<const float> context, F leave) noexcept {
    const std::size_t at = added_ % ring_.size();
    pending_choice& p = ring_[at];
    if (added_ >= ring_.size()) {
      if (settled_ == added_ - ring_.size()) ++settled_;
      leave(p);
      remove(p.id);
    }
    p = {};
    p.id = id;
    std::copy(context.begin(), context.end(), contexts_.data() + at * dimension_);
    ++added_;
    std::size_t place = home(id);
    while (places_[place] != 0) place = next(place);
    places_[place] = static_cast<std::uint32_t>(at + 1);
    return p;
  }

  /// The oldest that was not passed yet; null when there is none.
  [[nodiscard]] pending_choice* next_unpassed() noexcept {
    return settled_ < added_ ? &ring_[settled_ % ring_.size()] : nullptr;
  }
  void pass() noexcept { ++settled_; }
  void keep_context(const pending_choice& p) noexcept {
    const std::span<const float> from = context(p);
    std::copy(from.begin(), from.end(), lesson_context.begin());
  }
  [[nodiscard]] std::size_t unpassed() const noexcept { return static_cast<std::size_t>(added_ - settled_); }

 private:
  [[nodiscard]] std::size_t home(decision_id id) const noexcept { return mix64(raw(id)) >> 8U & (places_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & (places_.size() - 1); }

  // linear probing: what follows moves up, so that no search meets a gap before its entry
  void remove(decision_id id) noexcept {
    std::size_t gap = home(id);
    while (ring_[places_[gap] - 1].id != id) gap = next(gap);
    for (std::size_t at = next(gap); places_[at] != 0; at = next(at)) {
      const std::size_t wanted = home(ring_[places_[at] - 1].id);
      if (((at - wanted) & (places_.size() - 1)) < ((at - gap) & (places_.size() - 1))) continue;
      places_[gap] = places_[at];
      gap = at;
    }
    places_[gap] = 0;
  }

  std::vector<pending_choice> ring_;
  std::vector<float> contexts_;
  std::vector<std::uint32_t> places_;  // subscript in the ring + 1; 0 = vacant
  std::size_t dimension_;
  std::uint64_t added_ = 0, settled_ = 0;  // since construction
};

}  // namespace detail
TANDEM_END
