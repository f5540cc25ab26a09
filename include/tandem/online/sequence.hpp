#pragma once
// What goes with what, learned event by event: decayed item-to-item counts over each user's latest items.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/flat_table.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/history.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a sequence model.
struct sequence_options {
  /// How many of the user's latest items count as near an event. Range [1, history::max_recent].
  std::size_t window = 20;
  /// Weight lost per step of distance, both directions counted alike. Range (0, 1].
  double around_decay = 0.95;
  /// The same for what came after, over the first 10 steps. Range (0, 1].
  double after_decay = 0.8;
  /// Events until an old count weighs half. > 0; infinity = never forget.
  double half_life = 200000;
  /// Neighbours kept per item; the weakest quarter gives way when full. 28 to 56 bytes each, allocated as needed, and
  /// half as many of the latest ties, up to 128, at 20 bytes.
  /// Range [16, 2^20].
  std::size_t max_neighbours = 256;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    tandem::detail::require(window >= 1 && window <= history::max_recent, "sequence.window", "[1, 128]");
    tandem::detail::require(around_decay > 0 && around_decay <= 1, "sequence.around_decay", "(0, 1]");
    tandem::detail::require(after_decay > 0 && after_decay <= 1, "sequence.after_decay", "(0, 1]");
    tandem::detail::require(half_life > 0, "sequence.half_life", "(0, inf]");
    tandem::detail::require(max_neighbours >= 16 && max_neighbours <= (1U << 20U), "sequence.max_neighbours",
                            "[16, 2^20]");
  }

  void save(byte_writer& out) const {
    out.count(window);
    out.put(around_decay);
    out.put(after_decay);
    out.put(half_life);
    out.count(max_neighbours);
  }
  /// Errors: bad_format unless the options that come are these.
  void expect(byte_reader& in) const {
    const bool same = in.count() == window && in.get<double>() == around_decay && in.get<double>() == after_decay &&
                      in.get<double>() == half_life && in.count() == max_neighbours;
    in.check(same, "other options than those given");
  }
};

/// How strongly one item is tied to another.
struct tie {
  float around = 0;    ///< near it in some user's events, either order, weighted by distance
  float after = 0;     ///< came within 10 events after it, weighted by distance
  float next = 0;      ///< was the very next event
  float together = 0;  ///< at the same time by the same user (one basket, one visit)

  tie& operator+=(const tie& more) noexcept {
    around += more.around;
    after += more.after;
    next += more.next;
    together += more.together;
    return *this;
  }
  tie& operator*=(float factor) noexcept {
    around *= factor;
    after *= factor;
    next *= factor;
    together *= factor;
    return *this;
  }

  void save(byte_writer& out) const {
    for (const float count : {around, after, next, together}) out.put(count);
  }
  /// Errors: bad_format, also for a count that is not finite.
  [[nodiscard]] static tie load(byte_reader& in) {
    tie out;
    for (float* const count : {&out.around, &out.after, &out.next, &out.together}) *count = in.get_finite<float>();
    return out;
  }
};

/// The neighbours of one item: a table, and the latest ties as they came. A table is spread over more memory than a
/// cache holds for all items, so it is touched once for many ties and not for each.
struct neighbours {
  using entry = flat_table<tie>::entry;

  flat_table<tie> ties;
  std::vector<entry> latest;  ///< not in `ties` yet: at most 128, and half of max_neighbours
  double base = 0;            ///< tick at which the stored counts weigh 1
  float followed = 0;         ///< decayed count of events that had a next one

  /// Calls f(item, tie) for every neighbour, for one perhaps more than once: what is given for it adds up.
  template <class F>
  void for_each(F&& f) const {
    ties.for_each(f);
    for (const entry& e : latest) f(e.key, e.value);
  }
  /// How strongly the item is tied to `item`. Complexity: O(size of latest).
  [[nodiscard]] tie of(item_index item) const noexcept {
    const tie* const known = ties.find(raw(item));
    tie out = known != nullptr ? *known : tie{};
    for (const entry& e : latest) {
      if (e.key == raw(item)) out += e.value;
    }
    return out;
  }

  void save(byte_writer& out) const {
    out.put(base);
    out.put(followed);
    ties.save(out);
    out.count(latest.size());
    for (const entry& e : latest) {
      out.put(e.key);
      out.put(e.value);
    }
  }
  /// Errors: bad_format, also for more than `max_ties` in the table or `max_latest` beside it.
  [[nodiscard]] static neighbours load(byte_reader& in, std::size_t max_ties, std::size_t max_latest) {
    neighbours out;
    out.base = in.get_finite<double>();
    out.followed = in.get_finite<float>();
    out.ties = flat_table<tie>::load(in);
    in.check(out.ties.size() <= max_ties, "an impossible count");
    for (std::size_t n = in.count(max_latest); n > 0; --n) {
      const auto key = in.get<std::uint32_t>();
      out.latest.push_back({key, in.get<tie>()});
    }
    return out;
  }
};

/// Incremental item-to-item model. Threads: thread-compatible; neighbours of an item are copy-on-write, so a reader
/// keeps the rows it needs for the price of a pointer each. Memory: 10 KiB an item at most with the default.
class sequence {
 public:
  explicit sequence(sequence_options options = {}) : options_(options) {
    options_.validate();
    float around = 1;
    for (float& w : around_weight_) {
      w = around;
      around *= static_cast<float>(options_.around_decay);
    }
    float after = 1;
    for (float& w : after_weight_) {
      w = after;
      after *= static_cast<float>(options_.after_decay);
    }
  }

  /// Learns that a user whose latest events are `recent` (oldest first) now has `e`.
  /// @param tick  number of events so far, over all users.
  /// Complexity: O(window) expected, amortised. Allocates: when a row grows.
  void learn(std::span<const past_event> recent, const past_event& e, double tick) {
    const std::size_t n = std::min(recent.size(), options_.window);
    std::size_t top = slot(e.item);
    for (std::size_t k = 0; k < n; ++k) top = std::max(top, slot(recent[recent.size() - 1 - k].item));
    if (rows_.size() <= top) rows_.resize(top + 1);
    expect(recent, e.item);
    for (const past_event& earlier : recent.last(n)) prefetch_end(rows_[slot(earlier.item)]->latest);
    neighbours& own = rows_[slot(e.item)].write();
    const float own_scale = scale_of(own, tick);
    for (std::size_t k = 0; k < n; ++k) {
      const past_event& earlier = recent[recent.size() - 1 - k];
      const bool same_item = earlier.item == e.item;
      if (k >= after_steps && same_item) continue;
      neighbours& row = rows_[slot(earlier.item)].write();
      const float scale = row.base == own.base ? own_scale : scale_of(row, tick);
      const float around = same_item ? 0 : around_weight_[k];
      const float together = !same_item && earlier.time == e.time ? 1.0F : 0.0F;
      const float next = k == 0 ? 1.0F : 0.0F;
      const float after = k < after_steps ? after_weight_[k] : 0.0F;
      row.followed += scale * next;
      add(row, e.item, {scale * around, scale * after, scale * next, scale * together});
      if (!same_item) add(own, earlier.item, {own_scale * around, 0, 0, own_scale * together});
    }
  }

  /// Brings near what learn() with these arguments reads first, while the caller does something else. A hint.
  void expect(std::span<const past_event> recent, item_index item) const noexcept {
    if (slot(item) < rows_.size()) rows_[slot(item)].prefetch();
    for (const past_event& earlier : recent.last(std::min(recent.size(), options_.window))) {
      if (slot(earlier.item) < rows_.size()) rows_[slot(earlier.item)].prefetch();
    }
  }

  /// The neighbours of an item as they are now, or an empty row. Complexity: O(1).
  [[nodiscard]] cow<neighbours> neighbours_of(item_index item) const {
    return slot(item) < rows_.size() ? rows_[slot(item)] : cow<neighbours>();
  }

  /// The factor that turns counts of a row into counts as of `tick`.
  [[nodiscard]] float weight_at(const neighbours& row, double tick) const noexcept {
    return static_cast<float>(std::exp2(-(tick - row.base) / options_.half_life));
  }

  [[nodiscard]] const sequence_options& options() const noexcept { return options_; }

  /// Writes everything it knows. Complexity: O(neighbours of all items).
  void save(byte_writer& out) const {
    out.section("sequence");
    options_.save(out);
    out.count(rows_.size());
    for (const cow<neighbours>& row : rows_) row->save(out);
  }
  /// The model that save() wrote: it goes on with the same bits.
  /// Errors: bad_format, also for other options than those of the saved one, and for items beyond `n_items`.
  [[nodiscard]] static sequence load(byte_reader& in, sequence_options options = {}, std::size_t n_items = no_limit) {
    in.section("sequence");
    sequence out(options);
    options.expect(in);
    const std::size_t n = in.count(n_items);
    while (out.rows_.size() < n) {
      out.rows_.emplace_back(neighbours::load(in, options.max_neighbours, out.most_latest()));
      out.rows_.back()->for_each([&](std::uint32_t item, const tie&) { in.check(item < n, "an unknown item"); });
    }
    return out;
  }

  /// Steps over which `after` is counted.
  static constexpr std::size_t after_steps = 10;

 private:
  static constexpr std::size_t max_latest = 128;

  // The rows lie scattered over memory: asked for one after the other, each would be waited for. Here all are on their
  // way at once, level by level.
  static void prefetch_end(const std::vector<neighbours::entry>& latest) noexcept {
    prefetch(latest.data() + latest.size());
  }

  // growth factor of `row` at `tick`; rescales the row before the factor grows large
  float scale_of(neighbours& row, double tick) const {
    const double exponent = (tick - row.base) / options_.half_life;
    if (exponent < 40) return static_cast<float>(std::exp2(exponent));
    const float factor = static_cast<float>(std::exp2(-exponent));
    row.followed *= factor;
    row.ties.for_each([&](std::uint32_t, tie& t) { t *= factor; });
    for (neighbours::entry& e : row.latest) e.value *= factor;
    row.base = tick;
    return 1;
  }

  [[nodiscard]] std::size_t most_latest() const noexcept { return std::min(max_latest, options_.max_neighbours / 2); }

  void add(neighbours& row, item_index item, const tie& more) const {
    if (row.latest.size() >= most_latest()) settle(row);
    row.latest.push_back({raw(item), more});
  }

  // moves the latest ties into the table
  void settle(neighbours& row) const {
    for (const neighbours::entry& e : row.latest) row.ties.prefetch_place(e.key);
    for (const neighbours::entry& e : row.latest) row.ties.prefetch_entry(e.key);
    for (neighbours::entry& e : row.latest) {
      if (row.ties.size() >= options_.max_neighbours && !row.ties.contains(e.key)) drop_weakest(row);
      row.ties[e.key] += e.value;
      e.value = tie{};  // should memory run out before the end, nothing is counted twice
    }
    row.latest.clear();
  }

  // drops the quarter with the smallest counts; of equal ones at the limit, those that came first
  static void drop_weakest(neighbours& row) {
    const auto strength = [](const tie& t) { return t.around + t.after; };
    std::vector<float> sorted;
    sorted.reserve(row.ties.size());
    row.ties.for_each([&](std::uint32_t, const tie& t) { sorted.push_back(strength(t)); });
    const auto quarter = static_cast<std::ptrdiff_t>(sorted.size() / 4);
    std::nth_element(sorted.begin(), sorted.begin() + quarter, sorted.end());
    const float limit = sorted[static_cast<std::size_t>(quarter)];
    auto equal = quarter - std::count_if(sorted.begin(), sorted.begin() + quarter, [&](float s) { return s < limit; });
    row.ties.retain([&](std::uint32_t, const tie& t) {
      const float s = strength(t);
      return s > limit || (s == limit && equal-- <= 0);
    });
  }

  sequence_options options_;
  std::array<float, history::max_recent> around_weight_{};
  std::array<float, after_steps> after_weight_{};
  std::vector<cow<neighbours>> rows_;
};

}  // namespace online
TANDEM_END
