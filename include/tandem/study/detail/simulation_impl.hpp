#pragma once
// Implementation of study/simulation.hpp: the queue of who comes next, the nights, and the clocks around each call.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <iterator>
#include <queue>
#include <string>
#include <tuple>

#include "tandem/study/simulation.hpp"

TANDEM_BEGIN
namespace study {

inline timestamp time_of(double day) noexcept {
  constexpr std::int64_t first_day_millis = 1'735'689'600'000;
  return from_millis(first_day_millis + static_cast<std::int64_t>(std::floor(day * 86'400'000.0)));
}

inline void random_recommender::show(const page_request& asked, std::vector<std::uint32_t>& page) {
  page.clear();
  random_stream random =
      detail::draw(seed_, detail::purpose::chance, {asked.who.user, asked.who.visit, asked.who.page});
  const auto there = [&](const auto& list, std::uint32_t item) { return std::ranges::find(list, item) != list.end(); };
  const std::size_t left = asked.on_offer.size() - std::min(asked.on_offer.size(), asked.shown.size());
  for (std::size_t k = 0; k < 50 * asked.count && page.size() < std::min(asked.count, left); ++k) {
    const std::uint32_t item = asked.on_offer[random.below(asked.on_offer.size())];
    if (!there(page, item) && !there(asked.shown, item)) page.push_back(item);
  }
}

inline void oracle_recommender::show(const page_request& asked, std::vector<std::uint32_t>& page) {
  by_appeal_.clear();
  by_appeal_.reserve(asked.on_offer.size());
  for (const std::uint32_t item : asked.on_offer) {
    if (std::ranges::find(asked.shown, item) != asked.shown.end()) continue;
    by_appeal_.emplace_back(-world_.appeal(asked.who, item, asked.day), item);
  }
  const std::size_t n = std::min(asked.count, by_appeal_.size());
  std::partial_sort(by_appeal_.begin(), by_appeal_.begin() + static_cast<std::ptrdiff_t>(n), by_appeal_.end());
  page.clear();
  for (std::size_t k = 0; k < n; ++k) page.push_back(by_appeal_[k].second);
}

namespace detail {

/// One run under way.
class simulation {
 public:
  simulation(const population& world, recommender& subject)
      : world_(world), subject_(subject), days_(static_cast<double>(world.options().days)) {
    const std::size_t weeks = world.options().days / 7 + 1;
    result_.weekly_shown.resize(weeks);
    result_.weekly_taken.resize(weeks);
  }

  simulation_result run(const progress& callback) {
    meet_everybody();
    const std::size_t days = world_.options().days;
    for (std::size_t day = 0; day < days; ++day) {
      // the night of day d is at d + 1/8; before the first one nobody has come
      const double until = static_cast<double>(day) + night_hour;
      serve_until(day == 0 ? 0 : until);
      change_catalogue(static_cast<double>(day));
      if (day > 0) sleep(until);
      report_progress(callback, {"simulate", day, days});
    }
    serve_until(days_);
    report_progress(callback, {"simulate", days, days});
    return finish();
  }

 private:
  static constexpr double night_hour = 0.125;
  static constexpr double seconds_a_day = 86'400;
  using clock = std::chrono::steady_clock;

  /// Somebody whose turn comes.
  struct turn {
    double day;
    std::uint32_t user;
    bool operator>(const turn& other) const noexcept { return std::tie(day, user) > std::tie(other.day, other.user); }
  };

  /// A person and their visit under way.
  struct person {
    visitor who;
    bool in_visit = false;
    bool took = false;
    double began = 0;
    std::vector<std::uint32_t> shown;
    retention::windows seen{};
  };

  void meet_everybody() {
    people_.resize(world_.n_users());
    for (std::uint32_t u = 0; u < people_.size(); ++u) {
      people_[u].who = world_.meet(u);
      queue_.push({people_[u].who.arrival_day, u});
    }
  }

  void serve_until(double day) {
    while (!queue_.empty() && queue_.top().day < day) {
      const turn next = queue_.top();
      queue_.pop();
      serve(people_[next.user], next.day);
    }
  }

  void change_catalogue(double day) {
    std::vector<std::uint32_t> now;
    now.reserve(on_offer_.size());
    for (std::uint32_t i = 0; i < world_.items().size(); ++i) {
      const catalogue_item& item = world_.items()[i];
      if (item.launch_day <= day && day < item.end_day) now.push_back(i);
    }
    std::vector<std::uint32_t> changed;
    std::ranges::set_difference(on_offer_, now, std::back_inserter(changed));
    for (const std::uint32_t item : changed) subject_.retire(item);
    changed.clear();
    std::ranges::set_difference(now, on_offer_, std::back_inserter(changed));
    for (const std::uint32_t item : changed) subject_.launch(item);
    on_offer_ = std::move(now);
  }

  void sleep(double day) {
    const double cpu = processor();
    const auto start = clock::now();
    subject_.night(time_of(day));
    result_.refit_s += micros_since(start) * 1e-6;
    const double spent = processor() - cpu;
    result_.refit_cpu_s += spent;
    result_.cpu_s += spent;
  }

  void serve(person& one, double day) {
    if (!one.in_visit) begin(one, day);
    const double over = day + page(one, day) / seconds_a_day;
    if (world_.wants_another_page(one.who)) {
      queue_.push({over, one.who.user});
      return;
    }
    one.in_visit = false;
    const double next = world_.next_visit(one.who, one.began);
    if (std::isinf(next)) {
      ++result_.lost;
    } else {
      queue_.push({std::max(next, over), one.who.user});
    }
  }

  void begin(person& one, double day) {
    world_.begin_visit(one.who, day);
    one.in_visit = true;
    one.took = false;
    one.began = day;
    one.shown.clear();
    retention::visited(one.seen, one.who.arrival_day, day);
    if (counts(one)) ++result_.visits;
  }

  /// Shows a page and tells what came of it; returns the seconds it took.
  double page(person& one, double day) {
    const population_options& options = world_.options();
    const bool first = one.who.page == 0;
    show(one, day);
    world_.look(one.who, page_, day, taken_);
    const double seconds = options.page_seconds + options.item_seconds * static_cast<double>(taken_.size());
    count_page(one, day, seconds);
    tell(one.who, day + seconds / seconds_a_day, true);
    if (first) {
      world_.find_alone(one.who, on_offer_, day, taken_);
      tell(one.who, day + seconds / seconds_a_day, false);
    }
    one.shown.insert(one.shown.end(), page_.begin(), page_.end());
    return seconds;
  }

  void show(const person& one, double day) {
    const page_request asked{one.who, time_of(day), day, world_.options().page_size, one.shown, on_offer_};
    const double cpu = processor();
    subject_.advance(asked.time);
    const auto start = clock::now();
    subject_.show(asked, page_);
    result_.decide.add(micros_since(start));
    result_.cpu_s += processor() - cpu;
    ++result_.answers;
    check(asked);
  }

  void check(const page_request& asked) const {
    std::vector<std::uint32_t> sorted = page_;
    std::ranges::sort(sorted);
    const auto refuse = [](const char* what) {
      throw error(errc::wrong_state, std::string("the recommender showed ") + what);
    };
    if (sorted.size() > asked.count) refuse("more items than were asked for");
    if (std::ranges::adjacent_find(sorted) != sorted.end()) refuse("an item twice on a page");
    if (!std::ranges::includes(on_offer_, sorted)) refuse("an item that is not on offer");
  }

  void tell(const visitor& who, double day, bool from_page) {
    for (const std::uint32_t item : taken_) {
      const double cpu = processor();
      const auto start = clock::now();
      subject_.taken({who.user, item, who.where, time_of(day), from_page});
      result_.learn.add(micros_since(start));
      result_.cpu_s += processor() - cpu;
      ++result_.learned;
    }
  }

  void count_page(person& one, double day, double seconds) {
    const auto week = static_cast<std::size_t>(day / 7);
    result_.weekly_shown[week] += page_.size();
    result_.weekly_taken[week] += taken_.size();
    const bool first_taking = !one.took && !taken_.empty();
    one.took = one.took || first_taking;
    if (!counts(one)) return;
    if (first_taking) ++result_.visits_with_taking;
    ++result_.pages;
    result_.shown += page_.size();
    result_.taken += taken_.size();
    result_.minutes += seconds / 60;
    result_.satisfaction += one.who.satisfaction;
  }

  simulation_result finish() {
    retention kept(days_);
    const auto warm = static_cast<double>(world_.options().warm_up_days);
    for (const person& one : people_) {
      kept.add(one.seen, one.who.arrival_day);
      result_.user_weeks += std::max(0.0, days_ - std::max(warm, one.who.arrival_day)) / 7;
    }
    result_.retained = kept.counts();
    return std::move(result_);
  }

  /// Whether the visit under way is one of those that rates are of.
  [[nodiscard]] bool counts(const person& one) const noexcept {
    return one.began >= static_cast<double>(world_.options().warm_up_days);
  }
  static double processor() noexcept { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
  static double micros_since(clock::time_point start) {
    return std::chrono::duration<double, std::micro>(clock::now() - start).count();
  }

  const population& world_;
  recommender& subject_;
  double days_;
  std::vector<person> people_;
  std::priority_queue<turn, std::vector<turn>, std::greater<>> queue_;
  std::vector<std::uint32_t> on_offer_, page_, taken_;
  simulation_result result_;
};

}  // namespace detail

inline simulation_result simulate(const population& world, recommender& subject, const progress& callback) {
  return detail::simulation(world, subject).run(callback);
}

}  // namespace study
TANDEM_END
