#pragma once
// A list that grows at the end and may lose its front, in blocks that never move.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

// A copy shares the blocks: it may be read on any thread while more is added to the original.
template <class T, std::size_t BlockSize>
class block_list {
 public:
  // the subscript of the first that is left, and that after the last
  std::size_t begin() const noexcept { return first_; }
  std::size_t end() const noexcept { return end_; }
  // requires that there are any
  const T& front() const noexcept { return (*blocks_.front())[first_ % BlockSize]; }
  const T& back() const noexcept { return (*blocks_[(end_ - 1) / BlockSize - dropped_])[(end_ - 1) % BlockSize]; }

  // whatever is thrown, the list is as it was
  void push_back(T value) {
    if (end_ == (dropped_ + blocks_.size()) * BlockSize) {
      blocks_.push_back(std::make_shared<std::vector<T>>(BlockSize));
    }
    (*blocks_.back())[end_ % BlockSize] = std::move(value);
    ++end_;
  }
  // takes the latest back; no copy may have been made since it was added
  void pop_back() noexcept {
    --end_;
    if ((dropped_ + blocks_.size() - 1) * BlockSize == end_) blocks_.pop_back();
  }

  // forgets what stands before `first`; memory goes a whole block at a time
  void drop_before(std::size_t first) noexcept {
    first_ = std::max(first_, first);
    for (; (dropped_ + 1) * BlockSize <= first_; ++dropped_) blocks_.erase(blocks_.begin());
  }

  // calls f with consecutive runs from `from`, or the first that is left, to the end
  template <class F>
  void read(std::size_t from, F&& f) const {
    for (std::size_t at = std::max(from, first_); at < end_;) {
      const std::size_t offset = at % BlockSize;
      const std::size_t n = std::min(end_ - at, BlockSize - offset);
      f(std::span<const T>(blocks_[at / BlockSize - dropped_]->data() + offset, n));
      at += n;
    }
  }

 private:
  std::vector<std::shared_ptr<std::vector<T>>> blocks_;
  std::size_t dropped_ = 0;  // blocks
  std::size_t first_ = 0;
  std::size_t end_ = 0;
};

}  // namespace detail
TANDEM_END
