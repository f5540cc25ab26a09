#pragma once
// A small hash table from 32-bit keys to plain values in one block of memory, for rows that are read whole.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Open addressing with linear probing; at most 7/8 full. Key 2^32 - 1 is reserved.
/// Order of iteration is a function of the insertions. Threads: thread-compatible. Complexity: O(1) expected.
template <class Value>
class flat_table {
 public:
  struct entry {
    std::uint32_t key = empty_key;
    Value value{};
  };

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// The value of `key`, or null.
  [[nodiscard]] const Value* find(std::uint32_t key) const noexcept {
    if (entries_.empty()) return nullptr;
    const entry& e = entries_[probe(key)];
    return e.key == key ? &e.value : nullptr;
  }
  [[nodiscard]] bool contains(std::uint32_t key) const noexcept { return find(key) != nullptr; }

  /// The value of `key`, value-initialised if it was not there. Allocates: when a new key makes it grow; if that fails,
  /// nothing changed.
  Value& operator[](std::uint32_t key) {
    TANDEM_ASSERT(key != empty_key);
    if (!entries_.empty()) {
      entry& e = entries_[probe(key)];
      if (e.key == key) return e.value;
    }
    if ((size_ + 1) * 8 > entries_.size() * 7) rehash(entries_.empty() ? 8 : entries_.size() * 2);
    entry& e = entries_[probe(key)];
    e.key = key;
    ++size_;
    return e.value;
  }

  /// Calls f(key, value) for every entry.
  template <class F>
  void for_each(F&& f) const {
    for (const entry& e : entries_) {
      if (e.key != empty_key) f(e.key, e.value);
    }
  }
  template <class F>
  void for_each(F&& f) {
    for (entry& e : entries_) {
      if (e.key != empty_key) f(e.key, e.value);
    }
  }

  /// Keeps the entries for which keep(key, value) holds. Complexity: O(capacity). Allocates: a table as large.
  template <class F>
  void retain(F&& keep) {
    std::vector<entry> old(entries_.size());
    entries_.swap(old);
    size_ = 0;
    for (const entry& e : old) {
      if (e.key == empty_key || !keep(e.key, e.value)) continue;
      entries_[probe(e.key)] = e;
      ++size_;
    }
  }

 private:
  static constexpr std::uint32_t empty_key = std::numeric_limits<std::uint32_t>::max();

  // slot of `key`, or the empty slot where it belongs
  [[nodiscard]] std::size_t probe(std::uint32_t key) const noexcept {
    const std::size_t mask = entries_.size() - 1;
    std::size_t at = (key * std::size_t{0x9E3779B97F4A7C15U} >> 32U) & mask;
    while (entries_[at].key != key && entries_[at].key != empty_key) at = (at + 1) & mask;
    return at;
  }

  void rehash(std::size_t capacity) {
    std::vector<entry> old(capacity);
    entries_.swap(old);
    for (const entry& e : old) {
      if (e.key != empty_key) entries_[probe(e.key)] = e;
    }
  }

  std::vector<entry> entries_;  // power of two
  std::size_t size_ = 0;
};

TANDEM_END
