#pragma once
// Copy-on-write values: a reader keeps a consistent copy for the price of a pointer while one writer goes on.

#include <atomic>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/prefetch.hpp"

TANDEM_BEGIN

/// A value of type T that is shared until written.
///
/// Copies share one T; write() clones it first when somebody else holds it. All copies must be *made* and all writes
/// done under one lock of the owner; copies may be *read and destroyed* on any thread without it.
/// Threads: thread-compatible in that sense. Allocates: on construction and when write() clones.
template <class T>
class cow {
 public:
  cow() : node_(new node{}) {}
  explicit cow(T value) : node_(new node{std::move(value)}) {}
  cow(const cow& other) noexcept : node_(other.node_) { node_->owners.fetch_add(1, std::memory_order_relaxed); }
  cow(cow&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  cow& operator=(cow other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~cow() {
    if (node_ != nullptr && node_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
  }

  [[nodiscard]] const T& operator*() const noexcept { return node_->value; }
  [[nodiscard]] const T* operator->() const noexcept { return &node_->value; }
  /// Brings the value near. A hint: changes nothing.
  void prefetch() const noexcept { tandem::prefetch(node_); }

  /// The value for writing, cloned first unless this is its only owner.
  [[nodiscard]] T& write() {
    if (node_->owners.load(std::memory_order_acquire) != 1) *this = cow(T(node_->value));
    return node_->value;
  }

 private:
  struct node {
    T value{};
    std::atomic<std::size_t> owners{1};
    node() = default;
    explicit node(T v) : value(std::move(v)) {}
  };
  node* node_;
};

/// A growing vector of T in blocks that are shared until written: a copy costs one pointer a block.
/// Threads: as cow<T>. Complexity: operator[] O(1); write() O(1), or one block's copy when a reader holds it.
template <class T, std::size_t BlockSize = 512>
class cow_vector {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return (*blocks_[i / BlockSize])[i % BlockSize]; }
  [[nodiscard]] T& write(std::size_t i) { return blocks_[i / BlockSize].write()[i % BlockSize]; }

  /// Grows to n elements; new ones are value-initialised.
  void grow(std::size_t n) {
    while (blocks_.size() * BlockSize < n) blocks_.push_back(cow<std::vector<T>>(std::vector<T>(BlockSize)));
    if (n > size_) size_ = n;
  }

  /// Takes back elements until n are left. Should grow() bring them back, they have the values they had.
  void shrink(std::size_t n) noexcept {
    if (n < size_) size_ = n;
  }

  /// Elements of one block are contiguous: block b begins with element b * block_size; the last may be shorter.
  static constexpr std::size_t block_size = BlockSize;
  [[nodiscard]] std::size_t n_blocks() const noexcept { return (size_ + BlockSize - 1) / BlockSize; }
  [[nodiscard]] std::span<const T> block(std::size_t b) const noexcept {
    const std::size_t first = b * BlockSize;
    return {blocks_[b]->data(), size_ - first < BlockSize ? size_ - first : BlockSize};
  }
  /// Calls f(first, pointer, count) for each block, in order.
  template <class F>
  void for_each_block(F&& f) const {
    for (std::size_t b = 0; b < n_blocks(); ++b) f(b * BlockSize, block(b).data(), block(b).size());
  }

  /// Writes the elements. T: plain, a vector of such, or a type that writes itself.
  void save(byte_writer& out) const {
    out.count(size_);
    for_each_block([&](std::size_t, const T* first, std::size_t n) { out.values(std::span(first, n)); });
  }
  /// The vector that save() wrote. @param max  more elements are an error. Errors: bad_format.
  [[nodiscard]] static cow_vector load(byte_reader& in, std::size_t max = no_limit) {
    cow_vector out;
    for (const std::size_t n = in.count(max); out.size_ < n;) {
      const std::size_t some = n - out.size_ < BlockSize ? n - out.size_ : BlockSize;
      out.grow(out.size_ + some);
      in.values(std::span(out.blocks_.back().write()).first(some));
    }
    return out;
  }

 private:
  std::vector<cow<std::vector<T>>> blocks_;
  std::size_t size_ = 0;
};

TANDEM_END
