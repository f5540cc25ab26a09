#pragma once
// A graph of hnswlib by inner product: built item by item, then only read.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/hnswlib_compat.hpp"

TANDEM_BEGIN
namespace detail {

/// The negative inner product. A type of its own, so that no code of hnswlib is instantiated twice, differently, in a
/// program that uses hnswlib itself.
struct hnsw_distance {
  float value = 0;

  friend hnsw_distance operator-(hnsw_distance a) noexcept { return {-a.value}; }
  friend bool operator<(hnsw_distance a, hnsw_distance b) noexcept { return a.value < b.value; }
  friend bool operator>(hnsw_distance a, hnsw_distance b) noexcept { return a.value > b.value; }
  friend bool operator==(hnsw_distance a, hnsw_distance b) noexcept { return a.value == b.value; }

  /// Of two vectors of length *rank. One that is no number is as far as can be, so that distances have an order.
  static hnsw_distance between(const void* x, const void* y, const void* rank) {
    const float product = kernels().dot(static_cast<const float*>(x), static_cast<const float*>(y),
                                        *static_cast<const std::size_t*>(rank));
    return {product == product ? -product : std::numeric_limits<float>::infinity()};
  }
};

/// The vectors of one rank, as hnswlib asks for them.
class hnsw_space final : public hnswlib::SpaceInterface<hnsw_distance> {
 public:
  explicit hnsw_space(std::size_t rank) noexcept : rank_(rank) {}

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  std::size_t get_data_size() override { return rank_ * sizeof(float); }
  hnswlib::DISTFUNC<hnsw_distance> get_dist_func() override { return &hnsw_distance::between; }
  void* get_dist_func_param() override { return &rank_; }

 private:
  std::size_t rank_;
};

/// The marks of what one search has seen, out of hnswlib's pool.
class hnsw_marks {
 public:
  explicit hnsw_marks(hnswlib::VisitedListPool& pool) : pool_(pool), list_(pool.getFreeVisitedList()) {}
  ~hnsw_marks() { pool_.releaseVisitedList(list_); }
  hnsw_marks(const hnsw_marks&) = delete;
  hnsw_marks& operator=(const hnsw_marks&) = delete;

  [[nodiscard]] const void* address(std::uint32_t item) const noexcept { return list_->mass + item; }
  /// Marks an item; returns whether it was not yet.
  bool mark(std::uint32_t item) noexcept {
    if (list_->mass[item] == list_->curV) return false;
    list_->mass[item] = list_->curV;
    return true;
  }

 private:
  hnswlib::VisitedListPool& pool_;
  hnswlib::VisitedList* list_;
};

/// The graph. Node i is item i.
/// Threads: immutable once finish() was called; thread-compatible before.
class hnsw_graph {
 public:
  /// Room for `capacity` items, above 0. Errors: std::runtime_error, of hnswlib, without memory.
  hnsw_graph(std::size_t capacity, std::size_t rank, std::size_t links, std::size_t ef_construction, std::uint64_t seed)
      : space_(rank),
        scale_(1 / std::log(static_cast<double>(links))),
        seed_(seed),
        graph_(&space_, capacity, links, ef_construction) {
    graph_.mult_ = 0;  // what hnswlib draws is layer 0: add() says which one it is
    for (std::size_t item = 0; item < capacity; ++item) highest_ = std::max(highest_, level_of(item));
  }
  hnsw_graph(const hnsw_graph&) = delete;
  hnsw_graph& operator=(const hnsw_graph&) = delete;

  /// Adds the next item. The first one reaches the highest layer of all: searches always begin with it, and hnswlib
  /// never takes its locks in two orders, which ThreadSanitizer would report.
  /// Errors: std::runtime_error, of hnswlib: no memory, or no room.
  void add(const float* row) {
    const std::size_t item = size();
    graph_.addPoint(row, item, item == 0 ? highest_ : level_of(item));
  }

  /// Frees what only additions need: nothing may be added any more.
  void finish() {
    decltype(graph_.label_lookup_)().swap(graph_.label_lookup_);
    decltype(graph_.link_list_locks_)().swap(graph_.link_list_locks_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return graph_.cur_element_count; }
  [[nodiscard]] std::size_t rank() const noexcept { return space_.rank(); }
  /// Where a search begins, in the highest layer.
  [[nodiscard]] std::uint32_t entry() const noexcept { return graph_.enterpoint_node_; }
  [[nodiscard]] int top_layer() const noexcept { return graph_.maxlevel_; }

  /// The items that an item of this layer is linked to.
  [[nodiscard]] std::span<const std::uint32_t> links(std::uint32_t item, int layer) const noexcept {
    hnswlib::linklistsizeint* list = graph_.get_linklist_at_level(item, layer);
    return {list + 1, graph_.getListCount(list)};
  }

  /// The vectors: item i from rows() + i * stride() on.
  [[nodiscard]] const float* rows() const noexcept {
    return reinterpret_cast<const float*>(graph_.data_level0_memory_ + graph_.offsetData_);
  }
  [[nodiscard]] std::size_t stride() const noexcept { return graph_.size_data_per_element_ / sizeof(float); }
  [[nodiscard]] const float* row(std::uint32_t item) const noexcept { return rows() + item * stride(); }

  [[nodiscard]] hnsw_marks marks() const { return hnsw_marks(*graph_.visited_list_pool_); }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    std::size_t upper = 0;
    for (const int level : graph_.element_levels_) upper += static_cast<std::size_t>(level);
    return size() * (graph_.size_data_per_element_ + sizeof(char*) + sizeof(int) + sizeof(hnswlib::vl_type)) +
           upper * graph_.size_links_per_element_ + locks_kept * sizeof(std::mutex);
  }

 private:
  static constexpr std::size_t locks_kept = 65536;  // whatever the size

  /// The highest layer an item reaches: 0 as a rule, one in `links` more than 0 and so on. A random number of tandem,
  /// since those of std:: differ between standard libraries.
  [[nodiscard]] int level_of(std::size_t item) const noexcept {
    return static_cast<int>(-std::log(random_stream(seed_, item).uniform_open()) * scale_);
  }

  hnsw_space space_;
  double scale_;
  std::uint64_t seed_;
  int highest_ = 0;
  hnswlib::HierarchicalNSW<hnsw_distance> graph_;
};

}  // namespace detail
TANDEM_END
