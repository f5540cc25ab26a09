#pragma once
// A log in memory, in blocks that never move.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "tandem/detail/block_list.hpp"
#include "tandem/store/event_store.hpp"

TANDEM_BEGIN

/// Keeps all events, and the latest `max_decisions` decisions, in memory. 32 bytes an event.
/// Threads: thread-compatible; a prefix taken from it may be read on any thread while the store grows.
class memory_store final : public event_store {
 public:
  explicit memory_store(std::size_t max_decisions = 100000) : max_decisions_(max_decisions) {}

  using event_store::append;

  log_position append(const event_entry& entry) override {
    events_.push_back(entry.record);
    return log_position{events_.end() - 1};
  }

  void append(const answer_entry& entry) override {
    decisions_.push_back(entry.record);
    decisions_.drop_before(decisions_.end() - std::min(decisions_.end(), max_decisions_));
  }

  [[nodiscard]] log_position end() const noexcept override { return log_position{events_.end()}; }

  [[nodiscard]] std::shared_ptr<const log_prefix> prefix() const override {
    return std::make_shared<memory_prefix>(events_, decisions_);
  }

 private:
  using event_blocks = detail::block_list<logged_event, 4096>;
  using decision_blocks = detail::block_list<decision, 256>;

  class memory_prefix final : public log_prefix {
   public:
    memory_prefix(event_blocks events, decision_blocks decisions)
        : events_(std::move(events)), decisions_(std::move(decisions)) {}
    [[nodiscard]] log_position end() const noexcept override { return log_position{events_.end()}; }
    void read(log_position from, function_ref<void(log_position, std::span<const logged_event>)> f) const override {
      std::size_t at = raw(from);
      events_.read(at, [&](std::span<const logged_event> run) {
        f(log_position{at}, run);
        at += run.size();
      });
    }
    void read_decisions(function_ref<void(std::span<const decision>)> f) const override { decisions_.read(0, f); }

   private:
    event_blocks events_;
    decision_blocks decisions_;
  };

  event_blocks events_;
  decision_blocks decisions_;
  std::size_t max_decisions_;
};

TANDEM_END
