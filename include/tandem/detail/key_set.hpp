#pragma once
// Event keys seen, the oldest forgotten first.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/detail/block_list.hpp"

TANDEM_BEGIN
namespace detail {

class key_set {
 public:
  explicit key_set(std::size_t capacity) : capacity_(capacity) {}
  key_set(key_set&&) = default;  // a copy's views would be of the original
  key_set& operator=(key_set&&) = default;

  bool contains(std::string_view key) const { return seen_.contains(key); }
  std::size_t size() const noexcept { return seen_.size(); }

  // adds a key that is not there; after std::bad_alloc everything is as it was
  void add(std::string_view key) {
    order_.push_back(std::string(key));
    try {
      seen_.insert(order_.back());
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
    while (seen_.size() > capacity_) {
      seen_.erase(order_.front());
      order_.drop_before(order_.begin() + 1);
    }
  }
  // the keys as they are now, the oldest first: a copy for the price of a pointer a block
  using keys_in_order = block_list<std::string, 256>;
  const keys_in_order& in_order() const noexcept { return order_; }

  static void save(const keys_in_order& keys, byte_writer& out) {
    out.section("keys");
    out.count(keys.end() - keys.begin());
    keys.read(0, [&](std::span<const std::string> run) {
      for (const std::string& each : run) out.text(each);
    });
  }
  void save(byte_writer& out) const { save(order_, out); }
  // the keys that save() wrote; what is above a smaller ceiling goes at the next trim(); throws bad_format
  static key_set load(byte_reader& in, std::size_t capacity) {
    in.section("keys");
    key_set out(capacity);
    for (std::size_t n = in.count(); n > 0; --n) {
      const std::string key = in.text();
      in.check(!out.contains(key), "a key that came before");
      out.add(key);
    }
    return out;
  }

 private:
  std::size_t capacity_;
  keys_in_order order_;
  std::unordered_set<std::string_view> seen_;  // of order_
};

}  // namespace detail
TANDEM_END
