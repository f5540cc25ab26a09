#pragma once
// Event keys seen, the oldest forgotten first.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

class key_set {
 public:
  explicit key_set(std::size_t capacity) : capacity_(capacity) {}

  bool contains(std::string_view key) const { return seen_.contains(key); }

  // adds a key that is not there; after std::bad_alloc everything is as it was
  void add(std::string_view key) {
    const std::string& stored = order_.emplace_back(key);
    try {
      seen_.insert(stored);
    } catch (...) {
      order_.pop_back();
      throw;
    }
  }
  // takes the latest key back
  void take_back() noexcept {
    seen_.erase(order_.back());
    order_.pop_back();
  }
  // forgets the oldest keys above the ceiling
  void trim() noexcept {
    while (order_.size() > capacity_) {
      seen_.erase(order_.front());
      order_.pop_front();
    }
  }

 private:
  std::size_t capacity_;
  std::deque<std::string> order_;
  std::unordered_set<std::string_view> seen_;  // of order_
};

}  // namespace detail
TANDEM_END
