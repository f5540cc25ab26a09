#pragma once
// The file's numbers of users and items, and this engine's: an erased name leaves a hole in the one, not in the other.

#include <cstddef>
#include <cstdint>
#include <limits>

#include "tandem/core/cow.hpp"

TANDEM_BEGIN
namespace detail::file {

// File ids count from 1, engine indices from 0; each engine index has one file id. A copy costs a pointer a block.
class id_map {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  // what an append may have to take back
  struct mark {
    std::size_t indices, ids;
  };
  [[nodiscard]] mark size() const noexcept { return {indices_, ids_}; }
  void shrink(mark to) noexcept {
    indices_ = to.indices;
    ids_ = to.ids;
  }

  [[nodiscard]] std::size_t n_ids() const noexcept { return ids_; }
  [[nodiscard]] bool has_index(std::size_t index) const noexcept { return index < indices_; }
  // requires has_index()
  [[nodiscard]] std::uint32_t id_of(std::size_t index) const noexcept { return id_of_[index]; }
  [[nodiscard]] std::uint32_t index_of(std::uint64_t id) const noexcept {
    return id >= 1 && id <= ids_ ? index_of_[id - 1] : none;
  }

  // ids up to `n` exist in the file, though nothing here has them yet
  void reserve_ids(std::size_t n) {
    for (std::size_t id = index_of_.size() + 1; id <= n; ++id) {
      index_of_.grow(id);
      index_of_.write(id - 1) = none;
    }
    if (n > ids_) ids_ = n;
  }
  // gives the next index an id of its own
  std::uint32_t add() {
    const auto id = static_cast<std::uint32_t>(ids_ + 1);
    put(id);
    return id;
  }
  // gives the next index this id
  void put(std::uint32_t id) {
    reserve_ids(id);
    id_of_.grow(indices_ + 1);
    id_of_.write(indices_) = id;
    index_of_.write(id - 1) = static_cast<std::uint32_t>(indices_);
    ++indices_;
  }
  // another id of an index that has one: of somebody who came again before what they were had been erased
  void put_also(std::uint32_t id, std::uint32_t index) {
    reserve_ids(id);
    index_of_.write(id - 1) = index;
  }

 private:
  cow_vector<std::uint32_t> id_of_;
  cow_vector<std::uint32_t> index_of_;
  std::size_t indices_ = 0;
  std::size_t ids_ = 0;
};

}  // namespace detail::file
TANDEM_END
