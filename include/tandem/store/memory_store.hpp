#pragma once
// A log in memory, in blocks that never move.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "tandem/store/event_store.hpp"

TANDEM_BEGIN

/// Keeps all events, and the latest `max_decisions` decisions, in memory. 32 bytes an event.
/// Threads: thread-compatible; a prefix taken from it may be read on any thread while the store grows.
class memory_store final : public event_store {
 public:
  explicit memory_store(std::size_t max_decisions = 100000) : max_decisions_(max_decisions) {}

  log_position append(const logged_event& record) override {
    if (size_ == blocks_.size() * block_size) {
      blocks_.push_back(std::make_shared<std::vector<logged_event>>(block_size));
    }
    (*blocks_.back())[size_ % block_size] = record;
    return log_position{size_++};
  }

  void append(const decision& record) override {
    if (max_decisions_ == 0) return;
    decisions_.push_back(record);
    if (decisions_.size() > max_decisions_) decisions_.pop_front();
  }

  [[nodiscard]] log_position end() const noexcept override { return log_position{size_}; }

  [[nodiscard]] std::shared_ptr<const log_prefix> prefix() const override {
    return std::make_shared<memory_prefix>(blocks_, size_);
  }

  /// The latest decisions, oldest first.
  [[nodiscard]] const std::deque<decision>& decisions() const noexcept { return decisions_; }

 private:
  static constexpr std::size_t block_size = 4096;
  using block = std::shared_ptr<std::vector<logged_event>>;

  class memory_prefix final : public log_prefix {
   public:
    memory_prefix(std::vector<block> blocks, std::size_t size) : blocks_(std::move(blocks)), size_(size) {}
    [[nodiscard]] log_position end() const noexcept override { return log_position{size_}; }
    void read(log_position from, function_ref<void(std::span<const logged_event>)> f) const override {
      for (std::size_t at = raw(from); at < size_;) {
        const std::size_t offset = at % block_size;
        const std::size_t n = std::min(size_ - at, block_size - offset);
        f({blocks_[at / block_size]->data() + offset, n});
        at += n;
      }
    }

   private:
    std::vector<block> blocks_;
    std::size_t size_;
  };

  std::vector<block> blocks_;
  std::size_t size_ = 0;
  std::size_t max_decisions_;
  std::deque<decision> decisions_;
};

TANDEM_END
