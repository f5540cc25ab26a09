#pragma once
// What goes to the blender: the union of what the sources proposed, with every source's view of each.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/hybrid/source.hpp"
#include "tandem/online/channel_rates.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Where in the visit the user is; the blender may trust sources differently in each.
enum class moment : std::uint8_t { new_user, visit_start, visit_deep, session_start, session_deep, returning };
inline constexpr std::size_t n_moments = 6;

/// Channels that are kept apart; further ones count as none.
inline constexpr std::size_t max_channels = online::channel_rates::max_channels;
/// Segments of users that have weights of their own; further ones have those of all.
inline constexpr std::size_t max_segments = 64;

/// The moment of a request: same time as the last event = within a visit, deep from its seventh event on; within half
/// an hour = within a session.
[[nodiscard]] inline moment moment_of(const query& q) noexcept {
  const auto recent = q.known.history->recent();
  if (recent.empty()) return moment::new_user;
  if (recent.back().time == q.time) {
    constexpr std::size_t early = 6;
    const bool deep = recent.size() >= early &&
                      std::ranges::all_of(recent.last(early), [&](const auto& past) { return past.time == q.time; });
    return deep ? moment::visit_deep : moment::visit_start;
  }
  if (q.time - recent.back().time < std::chrono::minutes(30)) {
    return q.known.history->events() >= 3 ? moment::session_deep : moment::session_start;
  }
  return moment::returning;
}

/// What a request says of its moment in numbers.
struct request_numbers {
  float events = 0;  ///< log(1 + events of the user)
  float since = -1;  ///< log(1 + seconds since the user's last event); -1 = none
  float run = 0;     ///< the user's latest events that have the request's time

  [[nodiscard]] static request_numbers of(const query& q) noexcept {
    request_numbers out;
    const auto recent = q.known.history->recent();
    if (recent.empty()) return out;
    out.events = std::log1p(static_cast<float>(q.known.history->events()));
    const auto gap = static_cast<float>((q.time - recent.back().time).count()) / 1000;
    out.since = std::log1p(std::max(0.0F, gap));
    const auto other = std::find_if(recent.rbegin(), recent.rend(), [&](const auto& e) { return e.time != q.time; });
    out.run = static_cast<float>(other - recent.rbegin());
    return out;
  }
  void save(byte_writer& out) const {
    for (const float x : {events, since, run}) out.put(x);
  }
  [[nodiscard]] static request_numbers load(byte_reader& in) {
    request_numbers out;
    for (float* const x : {&out.events, &out.since, &out.run}) *x = in.get_finite<float>();
    return out;
  }
};

/// The union of what the sources proposed, with every source's view of every candidate.
struct candidate_set {
  static constexpr std::uint8_t not_proposed = 255;
  static constexpr std::size_t exact_places = 10;

  std::vector<item_index> items;  ///< n candidates
  std::size_t n_sources = 0;
  std::vector<float> value;                ///< n x n_sources, normalised scores
  std::vector<std::uint8_t> place;         ///< n x n_sources, place in the source's list or not_proposed
  std::vector<std::uint32_t> tied_beyond;  ///< per source: items left out that tie with an exact place of its list
  std::vector<float> unit;                 ///< per source: change of value per unit of score; 0 for shares
  moment when = moment::new_user;
  std::size_t channel = 0;  ///< of the request, from 1 to max_channels; 0 = none, or not known yet
  std::size_t segment = 0;  ///< the same of segments, to max_segments
  request_numbers asked;
  std::vector<float> ranked;  ///< n, the ranker's scores; empty without one

  [[nodiscard]] std::size_t size() const noexcept { return items.size(); }

  /// Place of candidate c in the list of source s, from 0, ties at their mean place; infinity if not proposed.
  /// Exact below exact_places; beyond, it may be too small by ties that the list left out.
  [[nodiscard]] double tied_place(std::size_t c, std::size_t s) const noexcept {
    if (place[c * n_sources + s] == not_proposed) return std::numeric_limits<double>::infinity();
    const float mine = value[c * n_sources + s];
    std::size_t above = 0;
    std::size_t equal = 0;
    bool last = true;
    for (std::size_t o = 0; o < size(); ++o) {
      if (place[o * n_sources + s] == not_proposed) continue;
      const float theirs = value[o * n_sources + s];
      above += theirs > mine ? 1 : 0;
      equal += theirs == mine ? 1 : 0;
      last = last && theirs >= mine;
    }
    if (last) equal += tied_beyond[s];
    return static_cast<double>(above) + static_cast<double>(equal - 1) / 2;
  }

  void save(byte_writer& out) const {
    out.section("candidates");
    out.put(when);
    out.count(channel);
    out.count(segment);
    asked.save(out);
    out.count(n_sources);
    out.put(items);
    out.put(tied_beyond);
    out.put(unit);
    out.put(value);
    out.put(place);
    out.put(ranked);
  }
  /// The set that save() wrote, with all its sizes in agreement.
  /// Errors: bad_format, also for items beyond `n_items` and for other than `n_sources` sources.
  [[nodiscard]] static candidate_set load(byte_reader& in, std::size_t n_sources, std::size_t n_items = no_limit) {
    in.section("candidates");
    candidate_set out;
    out.when = in.get_up_to(moment::returning);
    out.channel = in.count(max_channels);
    out.segment = in.count(max_segments);
    out.asked = request_numbers::load(in);
    out.n_sources = in.count();
    in.check(out.n_sources == n_sources, "another number of sources");
    out.items = in.get_vector<item_index>();
    for (const item_index item : out.items) in.check(slot(item) < n_items, "an unknown item");
    out.tied_beyond = in.get_vector<std::uint32_t>(n_sources);
    out.unit = in.get_vector<float>(n_sources);
    const bool nothing = out.items.empty() && out.tied_beyond.empty() && out.unit.empty();  // nobody was asked
    in.check(nothing || (out.tied_beyond.size() == n_sources && out.unit.size() == n_sources), "an impossible count");
    const std::size_t cells = out.size() * out.unit.size();
    out.value = in.get_vector<float>(cells);
    out.place = in.get_vector<std::uint8_t>(cells);
    in.check(out.value.size() == cells && out.place.size() == cells, "an impossible count");
    out.ranked = in.get_vector<float>(out.size());
    in.check(out.ranked.empty() || out.ranked.size() == out.size(), "an impossible count");
    for (const auto* numbers : {&out.unit, &out.value, &out.ranked}) {
      for (const float x : *numbers) in.check(std::isfinite(x), "a number that is not finite");
    }
    return out;
  }
};

}  // namespace hybrid
TANDEM_END
