#pragma once
// What anybody had last: for each item the number of its latest event.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace online {

/// Scores 1 / (1 + events since the item's latest); 0 for items without one.
/// Threads: thread-compatible; a copy is a consistent snapshot for the price of n_items / 512 pointers.
class recency {
 public:
  /// Notes that the item's latest event is number `tick`, from 1: not below one told before.
  /// Complexity: O(1). Allocates: when items grow.
  void note(item_index item, double tick) {
    peaks_.grow(slot(item) / cow_vector<double>::block_size + 1);
    last_.grow(slot(item) + 1);
    double& highest = peaks_.write(slot(item) / cow_vector<double>::block_size);
    double& mine = last_.write(slot(item));
    known_ += mine > 0 ? 0U : 1U;
    mine = tick;
    highest = std::max(highest, tick);
  }

  /// The number of the item's latest event, 0 = it had none.
  [[nodiscard]] double of(item_index item) const noexcept {
    return slot(item) < last_.size() ? last_[slot(item)] : 0.0;
  }
  /// Items that had an event.
  [[nodiscard]] std::size_t known() const noexcept { return known_; }
  /// Scores of items are 1, 1/2, 1/3, ... when each event is of another item: the sum of as many as there are items.
  [[nodiscard]] double usual_total() const noexcept {
    const auto n = static_cast<double>(known_);
    return n > 0 ? std::log(n) + 0.5772156649 + 1 / (2 * n) : 0.0;  // harmonic number
  }

  /// Latest events of blocks of items; the largest of each.
  [[nodiscard]] std::size_t n_blocks() const noexcept { return last_.n_blocks(); }
  [[nodiscard]] std::span<const double> block(std::size_t b) const noexcept { return last_.block(b); }
  [[nodiscard]] double peak(std::size_t b) const noexcept { return peaks_[b]; }

  /// Writes everything it knows.
  void save(byte_writer& out) const { last_.save(out); }
  /// What save() wrote: it goes on with the same bits. Errors: bad_format, also for items beyond `n_items`.
  [[nodiscard]] static recency load(byte_reader& in, std::size_t n_items = no_limit) {
    recency out;
    out.last_ = cow_vector<double>::load(in, n_items);
    out.peaks_.grow(out.last_.n_blocks());
    for (std::size_t b = 0; b < out.last_.n_blocks(); ++b) {
      for (const double last : out.last_.block(b)) {
        in.check(std::isfinite(last) && last >= 0, "an impossible event number");
        out.known_ += last > 0 ? 1U : 0U;
        out.peaks_.write(b) = std::max(out.peaks_[b], last);
      }
    }
    return out;
  }

 private:
  cow_vector<double> last_;
  cow_vector<double> peaks_;  // by block of last_
  std::size_t known_ = 0;
};

}  // namespace online
TANDEM_END
