#pragma once
// A small hash table from 32-bit keys to plain values that lie side by side, for rows that are read whole.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/prefetch.hpp"

TANDEM_BEGIN

/// Entries in one dense block, found through a table of their subscripts: open addressing, linear probing, at most half
/// full. A walk over all entries has no gaps to jump.
/// Order of iteration is that of insertion. Threads: thread-compatible. Complexity: O(1) expected.
/// Memory: sizeof(key and value) plus 8 to 16 bytes an entry.
template <class Value>
class flat_table {
 public:
  struct entry {
    std::uint32_t key = 0;
    Value value{};
  };

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// The value of `key`, or null.
  [[nodiscard]] const Value* find(std::uint32_t key) const noexcept {
    if (places_.empty()) return nullptr;
    const std::uint32_t at = places_[probe(key)];
    return at == vacant ? nullptr : &entries_[at - 1].value;
  }
  [[nodiscard]] bool contains(std::uint32_t key) const noexcept { return find(key) != nullptr; }

  /// The value of `key`, value-initialised if it was not there. Requires fewer than 2^32 - 1 entries. Allocates: when a
  /// new key makes it grow; if that fails, nothing changed.
  Value& operator[](std::uint32_t key) {
    std::size_t place = 0;
    if (!places_.empty()) {
      place = probe(key);
      if (places_[place] != vacant) return entries_[places_[place] - 1].value;
    }
    if ((entries_.size() + 1) * 2 > places_.size()) {
      grow();
      place = vacant_place(places_, key);
    }
    entries_.push_back({key, Value{}});
    places_[place] = static_cast<std::uint32_t>(entries_.size());
    return entries_.back().value;
  }

  /// Brings near what find(key) reads first. A hint: changes nothing.
  void prefetch_place(std::uint32_t key) const noexcept {
    if (!places_.empty()) prefetch(places_.data() + home(key, places_.size()));
  }
  /// Brings near what find(key) reads last; useful once prefetch_place(key) has taken effect.
  void prefetch_entry(std::uint32_t key) const noexcept {
    if (places_.empty()) return;
    const std::uint32_t at = places_[home(key, places_.size())];
    if (at != vacant) prefetch(entries_.data() + (at - 1));
  }

  /// Calls f(key, value) for every entry.
  template <class F>
  void for_each(F&& f) const {
    for (const entry& e : entries_) f(e.key, e.value);
  }
  template <class F>
  void for_each(F&& f) {
    for (entry& e : entries_) f(e.key, e.value);
  }

  /// Keeps the entries for which keep(key, value) holds. Complexity: O(capacity).
  template <class F>
  void retain(F&& keep) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!keep(entries_[i].key, entries_[i].value)) continue;
      if (kept != i) entries_[kept] = std::move(entries_[i]);
      ++kept;
    }
    entries_.resize(kept);
    places_.assign(places_.size(), vacant);
    enter_all(places_);
  }

 private:
  static constexpr std::uint32_t vacant = 0;  // others are 1 + the subscript of an entry

  static std::size_t home(std::uint32_t key, std::size_t capacity) noexcept {
    return (key * std::size_t{0x9E3779B97F4A7C15U} >> 32U) & (capacity - 1);
  }
  // place of `key`, or the vacant place where it belongs
  [[nodiscard]] std::size_t probe(std::uint32_t key) const noexcept {
    const std::size_t mask = places_.size() - 1;
    std::size_t p = home(key, places_.size());
    while (places_[p] != vacant && entries_[places_[p] - 1].key != key) p = (p + 1) & mask;
    return p;
  }
  static std::size_t vacant_place(const std::vector<std::uint32_t>& places, std::uint32_t key) noexcept {
    std::size_t p = home(key, places.size());
    while (places[p] != vacant) p = (p + 1) & (places.size() - 1);
    return p;
  }
  void enter_all(std::vector<std::uint32_t>& places) const noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      places[vacant_place(places, entries_[i].key)] = static_cast<std::uint32_t>(i + 1);
    }
  }
  void grow() {
    std::vector<std::uint32_t> larger(places_.empty() ? 8 : places_.size() * 2, vacant);
    enter_all(larger);
    places_ = std::move(larger);
  }

  std::vector<entry> entries_;
  std::vector<std::uint32_t> places_;  // a power of two
};

TANDEM_END
