#pragma once
// Logs and results small enough to work out by hand.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/study/report.hpp"

/// One event as text.
struct line {
  std::string user;
  std::string item;
  std::int64_t seconds = 0;
};

/// "u7", "i12": a letter and a number.
inline std::string id(char letter, std::size_t number) { return std::string(1, letter).append(std::to_string(number)); }

inline tandem::event_log log_of(const std::vector<line>& lines) {
  tandem::event_log log;
  for (const line& each : lines) {
    tandem::logged_event e;
    e.user = log.users.intern(each.user);
    e.item = log.items.intern(each.item);
    e.action = log.actions.intern("view");
    e.time = tandem::from_millis(1'000'000'000'000 + each.seconds * 1000);
    log.events.push_back(e);
  }
  return log;
}

/// `n` events at different times, users and items drawn evenly: nothing in it can be predicted.
inline std::vector<line> random_lines(std::uint64_t seed, std::size_t n, std::size_t users, std::size_t items) {
  tandem::random_stream random(seed);
  std::vector<line> lines;
  for (std::size_t k = 0; k < n; ++k) {
    lines.push_back({id('u', random.below(users)), id('i', random.below(items)), static_cast<std::int64_t>(60 * k)});
  }
  return lines;
}

/// An engine with these sources and a model small enough for tests.
inline tandem::engine small_engine(std::vector<std::string> sources, bool repeat_items) {
  tandem::engine_options options;
  options.rank = 4;
  options.sources = std::move(sources);
  options.exclude_seen = !repeat_items;
  return tandem::engine(std::move(options));
}

/// A result in which prediction p of arm a stood at `rank(p)`, with two sources: one that always puts the item first,
/// one that never finds it.
template <class Rank>
tandem::study::replay_result result_of(const tandem::study::replay_plan& plan, Rank rank) {
  tandem::study::replay_result out;
  out.sources = {"neighbours", "live_affinity"};
  for (std::size_t p = 0; p < plan.n_judged(); ++p) {
    out.rank.push_back(rank(p));
    out.source_rank.push_back(0);
    out.source_rank.push_back(500);
    out.decide.add(100);
    out.learn.add(10);
  }
  out.experts = {"blend", "neighbours"};
  out.served = {3, 1};
  out.coverage = 0.5;
  out.events = 1000;
  out.refits = 3;
  out.cpu_s = 2;
  out.peak_rss_mb = 40;
  out.log_rss_mb = 10;
  return out;
}

/// A whole report about 1,200 random events: every arm's rank is a function of its number.
inline tandem::study::study_report small_report() {
  tandem::event_log log = log_of(random_lines(3, 1200, 20, 50));
  tandem::study::replay_options options;
  options.every = 1;
  options.repeat_items = true;
  const tandem::study::replay_plan plan = tandem::study::plan_replay(log, options);
  tandem::study::study_report report = tandem::study::describe(log, plan, options, 7);
  report.dataset = "small.csv";
  const auto results = [&] {
    std::array<tandem::study::replay_result, tandem::study::n_arms> out;
    for (std::size_t a = 0; a < out.size(); ++a) {
      out[a] = result_of(
          plan, [a](std::size_t p) { return static_cast<double>((p * 7 + 3 * (3 - a)) % (12 + 6 * (3 - a))); });
    }
    return out;
  };
  report.next_event = tandem::study::summarise(log, plan, report, results());
  report.next_visit = tandem::study::summarise(log, plan, report, results());
  return report;
}
