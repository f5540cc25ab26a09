#pragma once
// A small hash table from 32-bit keys to plain values that lie side by side, for rows that are read whole.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/prefetch.hpp"

TANDEM_BEGIN

/// Entries in one dense block, found through a table of their subscripts: open addressing, linear probing, at most half
/// full. A walk over all entries has no gaps to jump; a search hardly ever reads an entry of another key, since a place
/// also holds eight bits of its key's hash. At most 2^24 - 1 entries.
/// Order of iteration is that of insertion. Threads: thread-compatible. Complexity: O(1) expected.
/// Memory: sizeof(key and value) plus 8 to 16 bytes an entry.
template <class Value>
class flat_table {
 public:
  struct entry {
    std::uint32_t key = 0;
    Value value{};
  };

  static constexpr std::size_t max_entries = (std::size_t{1} << 24U) - 1;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// The value of `key`, or null.
  [[nodiscard]] const Value* find(std::uint32_t key) const noexcept {
    if (places_.empty()) return nullptr;
    const std::uint32_t found = places_[probe(key)];
    return found == vacant ? nullptr : &entries_[entry_at(found)].value;
  }
  [[nodiscard]] bool contains(std::uint32_t key) const noexcept { return find(key) != nullptr; }

  /// The value of `key`, value-initialised if it was not there. Allocates: when a new key makes it grow; if that fails,
  /// nothing changed. Errors: std::length_error when full.
  Value& operator[](std::uint32_t key) {
    std::size_t at = 0;
    if (!places_.empty()) {
      at = probe(key);
      if (places_[at] != vacant) return entries_[entry_at(places_[at])].value;
    }
    if (entries_.size() == max_entries) throw std::length_error("a flat_table holds no more");
    if ((entries_.size() + 1) * 2 > places_.size()) {
      grow();
      at = probe(key);
    }
    entries_.push_back({key, Value{}});
    places_[at] = place(key, entries_.size() - 1);
    return entries_.back().value;
  }

  /// Brings near what find(key) reads first. A hint: changes nothing.
  void prefetch_place(std::uint32_t key) const noexcept {
    if (!places_.empty()) prefetch(places_.data() + home(key));
  }
  /// Brings near what operator[](key) touches last; useful once prefetch_place(key) has taken effect.
  void prefetch_entry(std::uint32_t key) const noexcept {
    if (places_.empty()) return;
    std::size_t at = home(key);
    while (places_[at] != vacant && tag(places_[at]) != tag(hash(key))) at = next(at);
    prefetch(entries_.data() + (places_[at] == vacant ? entries_.size() : entry_at(places_[at])));
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
    enter_all();
  }

  /// Writes the entries in their order. Value: plain, or one that writes itself.
  void save(byte_writer& out) const {
    out.count(entries_.size());
    for (const entry& e : entries_) {
      out.put(e.key);
      out.put(e.value);
    }
  }
  /// The table that save() wrote. Errors: bad_format.
  [[nodiscard]] static flat_table load(byte_reader& in) {
    flat_table out;
    for (std::size_t n = in.count(max_entries); out.size() < n;) {
      const auto key = in.get<std::uint32_t>();
      in.check(!out.contains(key), "a key that came before");
      out[key] = in.get<Value>();
    }
    return out;
  }

 private:
  // A place: the top eight bits of the key's hash, then 1 + the subscript of its entry in 24 bits.
  static constexpr std::uint32_t vacant = 0;

  static std::uint32_t hash(std::uint32_t key) noexcept {
    return static_cast<std::uint32_t>(key * std::uint64_t{0x9E3779B97F4A7C15U} >> 32U);
  }
  static std::uint32_t tag(std::uint32_t hash_or_place) noexcept { return hash_or_place >> 24U; }
  static std::uint32_t place(std::uint32_t key, std::size_t entry) noexcept {
    return tag(hash(key)) << 24U | static_cast<std::uint32_t>(entry + 1);
  }
  static std::size_t entry_at(std::uint32_t place) noexcept { return (place & max_entries) - 1; }

  [[nodiscard]] std::size_t home(std::uint32_t key) const noexcept { return hash(key) & (places_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & (places_.size() - 1); }

  // subscript of the place of `key`, or of the vacant one where it belongs
  [[nodiscard]] std::size_t probe(std::uint32_t key) const noexcept {
    const std::uint32_t mine = tag(hash(key));
    std::size_t at = home(key);
    while (places_[at] != vacant && (tag(places_[at]) != mine || entries_[entry_at(places_[at])].key != key)) {
      at = next(at);
    }
    return at;
  }
  // fills vacant places with those of all entries
  void enter_all() noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      std::size_t at = home(entries_[i].key);
      while (places_[at] != vacant) at = next(at);
      places_[at] = place(entries_[i].key, i);
    }
  }
  void grow() {
    std::vector<std::uint32_t> larger(places_.empty() ? 8 : places_.size() * 2, vacant);
    places_.swap(larger);
    enter_all();
  }

  std::vector<entry> entries_;
  std::vector<std::uint32_t> places_;  // a power of two
};

TANDEM_END
