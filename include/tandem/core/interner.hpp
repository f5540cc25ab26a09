#pragma once
// Host ids (strings) to dense indices and back.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN

/// The longest host id in bytes; longer ones are rejected where they enter.
inline constexpr std::size_t max_id_bytes = 512;

/// Gives each distinct string the next index, in order of first appearance.
///
/// Threads: thread-compatible. Lifetime: the views it returns stay valid as long as the interner and the index.
/// Complexity: O(length) expected a call. Allocates: once per new id.
template <class Index>
class interner {
 public:
  interner() = default;
  interner(const interner& other) : names_(other.names_) {
    for (const auto& [id, index] : other.index_of_) index_of_.emplace(names_[slot(index)], index);
  }
  interner(interner&&) noexcept = default;
  interner& operator=(interner other) noexcept {
    names_.swap(other.names_);
    index_of_.swap(other.index_of_);
    return *this;
  }
  ~interner() = default;

  /// The index of `id`, new if it was not seen before. Requires at most 2^32 - 1 ids.
  /// Errors: std::bad_alloc, after which everything is as it was.
  Index intern(std::string_view id) {
    if (const auto found = index_of_.find(id); found != index_of_.end()) return found->second;
    TANDEM_ASSERT(names_.size() < slot(no_id<Index>));
    const Index index = static_cast<Index>(names_.size());
    const std::string& stored = names_.emplace_back(id);
    try {
      index_of_.emplace(std::string_view(stored), index);
    } catch (...) {
      names_.pop_back();
      throw;
    }
    return index;
  }

  /// `id` means nobody until it is interned again, under a new index; the old index keeps its name.
  void release(std::string_view id) noexcept {
    if (const auto found = index_of_.find(id); found != index_of_.end()) index_of_.erase(found);
  }

  /// Takes back the latest indices until `n` are left: a call that fails leaves none behind.
  void shrink(std::size_t n) noexcept {
    for (; names_.size() > n; names_.pop_back()) release(names_.back());
  }

  /// The index of `id`, or no_id<Index> if it was never interned.
  [[nodiscard]] Index find(std::string_view id) const {
    const auto found = index_of_.find(id);
    return found == index_of_.end() ? no_id<Index> : found->second;
  }

  /// The id of an index given before.
  [[nodiscard]] std::string_view name(Index index) const {
    TANDEM_ASSERT(slot(index) < names_.size());
    return names_[slot(index)];
  }

  /// Indices given.
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  /// Ids that have an index: all but those released.
  [[nodiscard]] std::size_t in_use() const noexcept { return index_of_.size(); }

  /// Writes all names, and which indices were released.
  void save(byte_writer& out) const {
    out.section("ids");
    out.count(names_.size());
    for (const std::string& each : names_) out.text(each);
    std::vector<std::uint32_t> released;
    for (std::size_t i = 0; i < names_.size() && released.size() + in_use() < size(); ++i) {
      if (slot(find(names_[i])) != i) released.push_back(static_cast<std::uint32_t>(i));
    }
    out.put(released);
  }
  /// The interner that save() wrote. Complexity: O(bytes) expected. Errors: bad_format.
  [[nodiscard]] static interner load(byte_reader& in) {
    interner out;
    in.section("ids");
    for (std::size_t n = in.count(slot(no_id<Index>)); n > 0; --n) out.names_.push_back(in.text());
    const auto released = in.get_vector<std::uint32_t>(out.size());
    out.index_of_.reserve(out.size() - released.size());
    auto next = released.begin();
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (next != released.end() && *next == i) {
        ++next;
        continue;
      }
      in.check(out.index_of_.emplace(out.names_[i], static_cast<Index>(i)).second, "an id that came before");
    }
    in.check(next == released.end(), "released indices out of order");
    return out;
  }

 private:
  std::deque<std::string> names_;  // a deque: views of its strings survive growth
  std::unordered_map<std::string_view, Index> index_of_;
};

TANDEM_END
