#pragma once
// Decisions of a loop that wait for their rewards, under the locks of those who decide and of those who learn.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "tandem/core/brief_mutex.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/pending_ring.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/reward_join.hpp"

TANDEM_BEGIN
namespace detail {

struct pending_choice {
  decision_id id = decision_id::none;
  online::choice chosen;
  std::uint64_t version = 0;
  timestamp time{};
  online::reward_join joined;
  double learned = 0;  // what the bandit has been taught
  bool taught = false;
  bool unlearnable = false;  // the bandit refused it: nothing more is taught
  bool settled = false;
  std::array<std::uint64_t, 4> keys{};  // of the latest rewards

  [[nodiscard]] bool saw(std::uint64_t key) const noexcept {
    return key != 0 && std::find(keys.begin(), keys.end(), key) != keys.end();
  }
  void see(std::uint64_t key) noexcept {
    if (key == 0) return;
    std::copy_backward(keys.begin(), keys.end() - 1, keys.end());
    keys[0] = key;
  }
};

/// The decisions of one part of a loop. Threads: the caller holds `mutex`, not for longer than the table is touched:
/// who decides waits for it. Allocates: on construction. Complexity: O(1) expected.
class pending_table : public pending_ring<pending_choice> {
 public:
  pending_table(std::size_t capacity, std::size_t dimension)
      : pending_ring(capacity, dimension), lesson_context(dimension) {}

  std::mutex learning;                // taken before `mutex`, and held while the bandit learns
  std::vector<float> lesson_context;  // of what it learns; guarded by `learning`
  brief_mutex mutex;                  // guards all else

  void keep_context(const pending_choice& p) noexcept {
    const std::span<const float> from = context(p);
    std::copy(from.begin(), from.end(), lesson_context.begin());
  }
};

}  // namespace detail
TANDEM_END
