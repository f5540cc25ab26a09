#pragma once
// Records that wait, each with a context, found by id, in memory of a fixed size: the oldest give way.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/random.hpp"

TANDEM_BEGIN
namespace detail {

/// A ring in order of arrival, and a hash table of its subscripts. Record: a value with a member `decision_id id`.
/// Threads: thread-compatible. Allocates: on construction. Complexity: O(1) expected.
template <class Record>
class pending_ring {
 public:
  pending_ring(std::size_t capacity, std::size_t dimension)
      : ring_(capacity), contexts_(capacity * dimension), places_(std::bit_ceil(2 * capacity)), dimension_(dimension) {}

  [[nodiscard]] Record* find(decision_id id) noexcept {
    for (std::size_t at = home(id); places_[at] != 0; at = next(at)) {
      if (ring_[places_[at] - 1].id == id) return &ring_[places_[at] - 1];
    }
    return nullptr;
  }
  [[nodiscard]] std::span<const float> context(const Record& r) const noexcept {
    return {contexts_.data() + static_cast<std::size_t>(&r - ring_.data()) * dimension_, dimension_};
  }

  /// The place of a record not in the ring: that of the oldest, which `leave(Record&)` sees before it goes.
  template <class F>
  Record& add(decision_id id, std::span<const float> context, F leave) noexcept {
    const std::size_t at = added_ % ring_.size();
    Record& r = ring_[at];
    if (added_ >= ring_.size()) {
      if (settled_ == added_ - ring_.size()) ++settled_;
      leave(r);
      remove(r.id);
    }
    r = {};
    r.id = id;
    std::copy(context.begin(), context.end(), contexts_.data() + at * dimension_);
    ++added_;
    std::size_t place = home(id);
    while (places_[place] != 0) place = next(place);
    places_[place] = static_cast<std::uint32_t>(at + 1);
    return r;
  }

  /// The oldest that was not passed yet; null when there is none.
  [[nodiscard]] Record* next_unpassed() noexcept {
    return settled_ < added_ ? &ring_[settled_ % ring_.size()] : nullptr;
  }
  void pass() noexcept { ++settled_; }
  [[nodiscard]] std::size_t unpassed() const noexcept { return static_cast<std::size_t>(added_ - settled_); }

  /// Writes the records that are there, oldest first, with their contexts. Record: one that writes itself.
  void save(byte_writer& out) const {
    const std::uint64_t n = std::min<std::uint64_t>(added_, ring_.size());
    out.count(n);
    out.count(unpassed());
    for (std::uint64_t i = added_ - n; i < added_; ++i) {
      const Record& r = ring_[i % ring_.size()];
      r.save(out);
      out.values(context(r));
    }
  }
  /// Takes what save() wrote into a ring that holds nothing, of the same dimension and at least as large. Errors:
  /// bad_format.
  void load(byte_reader& in) {
    const std::size_t n = in.count(ring_.size());
    const std::size_t waiting = in.count(n);
    std::vector<float> read(dimension_);
    for (std::size_t i = 0; i < n; ++i) {
      const Record record = Record::load(in);
      in.values(std::span(read));
      in.check(record.id != decision_id::none && find(record.id) == nullptr, "a decision that came before");
      add(record.id, read, [](Record&) {}) = record;
    }
    settled_ = added_ - waiting;
  }

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

  std::vector<Record> ring_;
  std::vector<float> contexts_;
  std::vector<std::uint32_t> places_;  // subscript in the ring + 1; 0 = vacant
  std::size_t dimension_;
  std::uint64_t added_ = 0, settled_ = 0;  // since construction
};

}  // namespace detail
TANDEM_END
