#pragma once
// Numbers in memory that starts at a cache line, so that a vector never lies across two.

#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

/// A fixed number of trivial objects, zero at first, at an address that is a multiple of 64.
/// Threads: thread-compatible. Errors: std::bad_alloc.
template <class T>
class aligned_buffer {
  static_assert(std::is_trivial_v<T>);

 public:
  aligned_buffer() = default;
  explicit aligned_buffer(std::size_t size) : lines_((size * sizeof(T) + sizeof(line) - 1) / sizeof(line)) {}

  [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(lines_.data()); }
  [[nodiscard]] const T* data() const noexcept { return reinterpret_cast<const T*>(lines_.data()); }
  [[nodiscard]] std::size_t bytes() const noexcept { return lines_.size() * sizeof(line); }

 private:
  struct alignas(64) line {
    std::byte bytes[64];
  };
  std::vector<line> lines_;
};

}  // namespace detail
TANDEM_END
