#pragma once
// One arm meets the population: pages are shown and taken from, nights pass, and everything is counted.
//
// This header needs no engine: anything that can fill a page is a recommender. study/simulation_arms.hpp has the
// engine's arms. Two references stand beside them: chance, and an oracle that knows what nobody can know.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/progress.hpp"
#include "tandem/core/time.hpp"
#include "tandem/study/latency.hpp"
#include "tandem/study/population.hpp"
#include "tandem/study/retention.hpp"

TANDEM_BEGIN
namespace study {

/// Somebody asks for a page.
struct page_request {
  const visitor& who;                       ///< an honest recommender reads no more of them than user and where
  timestamp time{};                         ///< of `day`
  double day = 0;                           ///< days since the start
  std::size_t count = 10;                   ///< items wanted
  std::span<const std::uint32_t> shown;     ///< on earlier pages of this visit: not wanted again
  std::span<const std::uint32_t> on_offer;  ///< ascending
};

/// Somebody took an item.
struct taking {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
  channel where = channel::web;
  timestamp time{};
  bool from_page = true;  ///< of the page shown last to them; otherwise they found it by themselves
};

/// What fills pages and learns, if it does. Calls come in order of time; users and items are numbers of the population.
class recommender {
 public:
  recommender() = default;
  virtual ~recommender() = default;
  recommender(const recommender&) = delete;
  recommender& operator=(const recommender&) = delete;

  /// An item is on offer from now on.
  virtual void launch(std::uint32_t) {}
  /// It is no longer.
  virtual void retire(std::uint32_t) {}
  /// A night has come, at this time: the moment to refit. Nobody visits meanwhile.
  virtual void night(timestamp) {}
  /// It is this time, and nothing else happened.
  virtual void advance(timestamp) {}
  /// Fills `page`, best first: at most `count` items, each on offer, none twice.
  virtual void show(const page_request& asked, std::vector<std::uint32_t>& page) = 0;
  /// Hears what was taken.
  virtual void taken(const taking&) {}
};

/// What came of it. Pages and visits are those of visits that began from warm_up_days on.
struct simulation_result {
  std::uint64_t pages = 0;
  std::uint64_t shown = 0;  ///< items on those pages, looked at or not
  std::uint64_t taken = 0;  ///< from those pages
  std::uint64_t visits = 0;
  std::uint64_t visits_with_taking = 0;  ///< that took something from a page
  double minutes = 0;                    ///< of all these pages together
  double satisfaction = 0;               ///< summed over pages, after each
  double user_weeks = 0;                 ///< from arrival (or the end of the warm-up) to the end, whoever left or not
  std::uint64_t lost = 0;                ///< people who left for good
  std::array<share_count, retention_days.size()> retained{};  ///< everybody, by retention_days
  std::vector<std::uint64_t> weekly_shown, weekly_taken;      ///< by week, the warm-up too

  // ---- cost, of all days -----------------------------------------------------------------------------------------
  std::uint64_t answers = 0;  ///< pages filled
  std::uint64_t learned = 0;  ///< takings told
  latency_histogram decide;   ///< calls of show()
  latency_histogram learn;    ///< calls of taken()
  double refit_s = 0;         ///< wall time of night()
  double cpu_s = 0;           ///< processor time in all calls of the recommender
  double refit_cpu_s = 0;     ///< of that, in night()
  double peak_rss_mb = 0;     ///< for the caller to fill in: of the process that ran this
  double start_rss_mb = 0;    ///< for the caller to fill in: of the same process before it started
};

/// Runs the population from its first day to its last. Everything is done on the calling thread.
///
/// At 3 o'clock every night items leave and come, then night() is called, from the second night on. The first call
/// brings all items that are on offer at the start. Takings of a page are told at its time plus what looking through
/// it took, before anybody else's page; a taking of their own is told after the first page of a visit.
/// Complexity: O(pages * page_size * dimensions) beside the recommender.
/// @param callback  hears of days done (stage "simulate").
/// Errors: wrong_state when the recommender shows what it must not; cancelled; what the recommender throws.
[[nodiscard]] simulation_result simulate(const population& world, recommender& subject, const progress& callback = {});

/// Day 0: 1 January 2025, 0:00 UTC. The time of a day of the simulation.
[[nodiscard]] timestamp time_of(double day) noexcept;

/// Shows anything on offer that the visit has not seen: what nothing known is worth.
class random_recommender final : public recommender {
 public:
  explicit random_recommender(std::uint64_t seed) noexcept : seed_(seed) {}
  void show(const page_request& asked, std::vector<std::uint32_t>& page) override;

 private:
  std::uint64_t seed_;
};

/// Knows every taste, mood and trend, and shows what appeals most: the most that one page can earn. Not the most that
/// a population can earn over time, but near it. Complexity: O(items * dimensions) a page.
class oracle_recommender final : public recommender {
 public:
  explicit oracle_recommender(const population& world) noexcept : world_(world) {}
  void show(const page_request& asked, std::vector<std::uint32_t>& page) override;

 private:
  const population& world_;
  std::vector<std::pair<double, std::uint32_t>> by_appeal_;
};

}  // namespace study
TANDEM_END

#include "tandem/study/detail/simulation_impl.hpp"
