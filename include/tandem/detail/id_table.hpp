#pragma once
// The engine's ids: an interner whose latest ids can be taken back, so that a call that fails leaves none behind.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace detail {

// Threads: thread-compatible. Lifetime: views of names stay valid as long as the table and the id.
template <class Index>
class id_table {
 public:
  id_table() = default;
  id_table(const id_table&) = delete;
  id_table& operator=(const id_table&) = delete;

  // the index of `id`, the next one if it is new; after std::bad_alloc everything is as it was
  Index intern(std::string_view id) {
    if (const auto found = index_of_.find(id); found != index_of_.end()) return found->second;
    TANDEM_ASSERT(names_.size() < slot(no_id<Index>));
    const auto index = static_cast<Index>(names_.size());
    const std::string& stored = names_.emplace_back(id);
    try {
      index_of_.emplace(std::string_view(stored), index);
    } catch (...) {
      names_.pop_back();
      throw;
    }
    return index;
  }

  // `id` means nobody until it is interned again, under a new index; the old index keeps its name
  void release(std::string_view id) noexcept {
    if (const auto found = index_of_.find(id); found != index_of_.end()) index_of_.erase(found);
  }

  // takes back the latest ids until `n` are left
  void shrink(std::size_t n) noexcept {
    for (; names_.size() > n; names_.pop_back()) release(names_.back());
  }

  Index find(std::string_view id) const {
    const auto found = index_of_.find(id);
    return found == index_of_.end() ? no_id<Index> : found->second;
  }
  std::string_view name(Index index) const { return names_[slot(index)]; }

  std::size_t size() const noexcept { return names_.size(); }       // indices given
  std::size_t in_use() const noexcept { return index_of_.size(); }  // ids that mean somebody

 private:
  std::deque<std::string> names_;  // a deque: views of its strings survive growth
  std::unordered_map<std::string_view, Index> index_of_;
};

}  // namespace detail
TANDEM_END
