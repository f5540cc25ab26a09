#pragma once
// Keys of users at hand: the latest used, in locked memory, found and replaced in constant time.

#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "secret.hpp"
#include "tandem/store/key_ring.hpp"

TANDEM_BEGIN
namespace detail::keys {

// Threads: one at a time.
class key_cache {
 public:
  explicit key_cache(std::size_t capacity) : keys_(capacity), capacity_(capacity) {}

  [[nodiscard]] std::size_t size() const noexcept { return at_.size(); }

  // The key becomes the latest. nullptr: not here. Valid until the next change.
  const marked_key* find(const pseudonym& user) noexcept {
    const auto found = at_.find(user);
    if (found == at_.end()) return nullptr;
    unlink(found->second);
    link(found->second);
    return &keys_[found->second];
  }

  // In place of the one used longest ago, when it is full. Precondition: not here.
  void add(const pseudonym& user, const marked_key& key) {
    if (at_.size() == capacity_) erase(nodes_[last_].user);
    if (free_ == none) {
      nodes_.push_back({user, none, none});
      free_ = static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    at_.emplace(user, free_);
    const std::uint32_t i = free_;
    free_ = nodes_[i].next;
    nodes_[i].user = user;
    keys_[i] = key;
    link(i);
  }

  void erase(const pseudonym& user) noexcept {
    const auto found = at_.find(user);
    if (found == at_.end()) return;
    const std::uint32_t i = found->second;
    at_.erase(found);
    unlink(i);
    sodium_memzero(&keys_[i], sizeof(marked_key));
    nodes_[i].next = free_;
    free_ = i;
  }

 private:
  static constexpr std::uint32_t none = 0xFFFFFFFFU;

  // of the list from the latest used to the longest unused, or, by next alone, of those that are free
  struct node {
    pseudonym user;
    std::uint32_t next, previous;
  };
  struct first_bytes {  // of what is a hash already
    std::size_t operator()(const pseudonym& user) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, user.bytes.data(), sizeof out);
      return out;
    }
  };

  void link(std::uint32_t i) noexcept {
    nodes_[i].previous = none;
    nodes_[i].next = first_;
    (first_ == none ? last_ : nodes_[first_].previous) = i;
    first_ = i;
  }
  void unlink(std::uint32_t i) noexcept {
    const auto [user, next, previous] = nodes_[i];
    (previous == none ? first_ : nodes_[previous].next) = next;
    (next == none ? last_ : nodes_[next].previous) = previous;
  }

  secret<marked_key> keys_;
  std::size_t capacity_;
  std::vector<node> nodes_;
  std::unordered_map<pseudonym, std::uint32_t, first_bytes> at_;
  std::uint32_t first_ = none, last_ = none, free_ = none;
};

}  // namespace detail::keys
TANDEM_END
