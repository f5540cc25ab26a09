#pragma once
// Implementation of study/report.hpp: from ranks to measures, groups, comparisons and their intervals.

#include "tandem/study/report.hpp"

TANDEM_BEGIN
namespace study {
namespace detail {

/// The judged predictions as columns: whose they are (numbered as they appear), and what the user had done before.
struct judged_columns {
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> history;
  std::uint32_t n_users = 0;
};

inline judged_columns columns_of(const event_log& log, const replay_plan& plan) {
  judged_columns out;
  constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> number(log.users.size(), none);
  for (std::size_t p = plan.first_judged; p < plan.predictions.size(); ++p) {
    std::uint32_t& user = number[slot(log.events[plan.predictions[p].event].user)];
    if (user == none) user = out.n_users++;
    out.user.push_back(user);
    out.history.push_back(plan.predictions[p].history);
  }
  return out;
}

/// Applies a measure of one rank to all.
template <class Ranks, class Measure>
std::vector<double> measured(const Ranks& ranks, Measure measure) {
  std::vector<double> out;
  out.reserve(ranks.size());
  for (const auto r : ranks) out.push_back(measure(static_cast<double>(r)));
  return out;
}

inline double ndcg10(double rank) { return evaluation::ndcg_at(rank, slate_size); }
inline double hit10(double rank) { return evaluation::hit_at(rank, slate_size); }
inline double reciprocal(double rank) { return evaluation::reciprocal_rank(rank); }

/// Runs bootstraps with one seed and one executor, so that comparisons are of the same draws.
class resampler {
 public:
  resampler(std::uint64_t seed, executor_ref executor) : executor_(executor) {
    options_.resamples = 1000;
    options_.seed = seed;
  }

  estimate mean(std::span<const double> values, std::span<const std::uint32_t> user) const {
    if (values.empty()) return {};
    return from(evaluation::bootstrap_mean(values, user, options_, executor_));
  }
  estimate difference(std::span<const double> a, std::span<const double> b, std::span<const std::uint32_t> user) const {
    return from(evaluation::bootstrap_difference(a, b, user, options_, executor_));
  }
  /// NaN when b is too often zero for a ratio.
  estimate ratio(std::span<const double> a, std::span<const double> b, std::span<const std::uint32_t> user) const {
    try {
      return from(evaluation::bootstrap_ratio(a, b, user, options_, executor_));
    } catch (const error& e) {
      if (e.code() != errc::not_finite) throw;
      return {};
    }
  }

 private:
  static estimate from(const evaluation::bootstrap_estimate& e) { return {e.value, e.range}; }

  evaluation::bootstrap_options options_;
  executor_ref executor_;
};

/// NDCG@10 by length of history.
inline std::vector<estimate> by_history(std::span<const double> ndcg, const judged_columns& of,
                                        std::span<const history_group> groups, const resampler& draw) {
  std::vector<estimate> out;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::uint32_t end = g + 1 < groups.size() ? groups[g + 1].first : std::numeric_limits<std::uint32_t>::max();
    std::vector<double> values;
    std::vector<std::uint32_t> users;
    for (std::size_t p = 0; p < ndcg.size(); ++p) {
      if (of.history[p] < groups[g].first || of.history[p] >= end) continue;
      values.push_back(ndcg[p]);
      users.push_back(of.user[p]);
    }
    out.push_back(draw.mean(values, users));
  }
  return out;
}

/// The p-th of n slices of `size` things begins here.
inline std::size_t slice_start(std::size_t p, std::size_t n, std::size_t size) { return size * p / n; }

/// Means over equal slices.
inline std::vector<double> over_time(std::span<const double> ndcg, std::size_t n_slices) {
  std::vector<double> out;
  for (std::size_t s = 0; s < n_slices; ++s) {
    const std::size_t first = slice_start(s, n_slices, ndcg.size());
    const std::size_t last = slice_start(s + 1, n_slices, ndcg.size());
    double sum = 0;
    for (std::size_t p = first; p < last; ++p) sum += ndcg[p];
    out.push_back(sum / static_cast<double>(last - first));
  }
  return out;
}

/// The ranks that source s gave the items taken.
inline std::vector<float> ranks_of_source(const replay_result& result, std::size_t s) {
  std::vector<float> out(result.rank.size());
  for (std::size_t p = 0; p < out.size(); ++p) out[p] = result.source_rank[p * result.sources.size() + s];
  return out;
}

/// Share of predictions that each source, and no other, had in its first ten.
inline std::vector<double> found_alone(const replay_result& result) {
  const std::size_t width = result.sources.size();
  std::vector<double> alone(width, 0);
  for (std::size_t p = 0; p < result.rank.size(); ++p) {
    std::size_t finders = 0;
    std::size_t finder = 0;
    for (std::size_t s = 0; s < width; ++s) {
      if (!(result.source_rank[p * width + s] < static_cast<float>(slate_size))) continue;
      ++finders;
      finder = s;
    }
    if (finders == 1) alone[finder] += 1 / static_cast<double>(result.rank.size());
  }
  return alone;
}

/// Sources best first.
inline std::vector<source_report> report_sources(const replay_result& hybrid_result, const judged_columns& of,
                                                 const resampler& draw) {
  const std::vector<double> alone = found_alone(hybrid_result);
  std::vector<source_report> out;
  for (std::size_t s = 0; s < hybrid_result.sources.size(); ++s) {
    const std::vector<float> ranks = ranks_of_source(hybrid_result, s);
    source_report report;
    report.name = hybrid_result.sources[s];
    for (const hybrid::source_info& info : hybrid::built_in_sources()) {
      if (info.name == report.name) report.needs_model = info.needs_model;
    }
    report.ndcg = draw.mean(measured(ranks, ndcg10), of.user);
    double hits = 0;
    for (const float r : ranks) hits += hit10(static_cast<double>(r));
    report.hr = hits / static_cast<double>(ranks.size());
    report.alone = alone[s];
    out.push_back(std::move(report));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.ndcg.value > b.ndcg.value; });
  return out;
}

inline std::vector<history_group> group_histories(const replay_plan& plan) {
  std::vector<history_group> groups = {{0, 0}, {1, 0}, {5, 0}, {20, 0}, {100, 0}};
  const double one = 1 / static_cast<double>(plan.n_judged());
  for (std::size_t p = plan.first_judged; p < plan.predictions.size(); ++p) {
    std::size_t g = groups.size() - 1;
    while (groups[g].first > plan.predictions[p].history) --g;
    groups[g].share += one;
  }
  return groups;
}

}  // namespace detail

inline study_report describe(const event_log& log, const replay_plan& plan, const replay_options& options,
                             std::uint64_t seed) {
  study_report out;
  out.events = log.events.size();
  out.users = log.users.size();
  out.items = log.items.size();
  for (const visit& each : visits(log.events)) {
    ++out.visits;
    if (each.last - each.first > 1) out.tied_events += each.last - each.first;
  }
  out.first = log.events.front().time;
  out.last = log.events.back().time;
  out.judged = plan.n_judged();
  out.judged_users = detail::columns_of(log, plan).n_users;
  const std::size_t n_slices = std::clamp<std::size_t>(plan.n_judged() / 150, 1, 24);
  for (std::size_t s = 0; s < n_slices; ++s) {
    const std::size_t p = plan.first_judged + detail::slice_start(s, n_slices, plan.n_judged());
    out.slices.push_back(log.events[plan.predictions[p].event].time);
  }
  out.slices.push_back(log.events[plan.predictions.back().event].time);
  out.history_groups = detail::group_histories(plan);
  out.options = options;
  out.seed = seed;
  return out;
}

inline protocol_report summarise(const event_log& log, const replay_plan& plan, const study_report& facts,
                                 std::array<replay_result, n_arms> results, executor_ref executor) {
  const detail::judged_columns of = detail::columns_of(log, plan);
  const detail::resampler draw(facts.seed, executor);
  protocol_report out;
  std::array<std::vector<double>, n_arms> ndcg;
  for (std::size_t a = 0; a < n_arms; ++a) {
    const std::vector<double>& ranks = results[a].rank;
    if (ranks.size() != plan.n_judged() || results[a].source_rank.size() != ranks.size() * results[a].sources.size()) {
      throw error(errc::invalid_argument,
                  "the result of arm '" + std::string(name(all_arms[a])) + "' is not one of this plan");
    }
    ndcg[a] = detail::measured(ranks, detail::ndcg10);
    arm_report& report = out.arms[a];
    report.all.ndcg = draw.mean(ndcg[a], of.user);
    report.all.hr = draw.mean(detail::measured(ranks, detail::hit10), of.user);
    report.all.mrr = draw.mean(detail::measured(ranks, detail::reciprocal), of.user);
    report.by_history = detail::by_history(ndcg[a], of, facts.history_groups, draw);
    report.over_time = detail::over_time(ndcg[a], facts.slices.size() - 1);
  }
  const std::vector<double>& mine = ndcg[static_cast<std::size_t>(arm::hybrid)];
  const replay_result& hybrid_result = results[static_cast<std::size_t>(arm::hybrid)];
  const auto compare = [&](std::string with, std::span<const double> other) {
    out.comparisons.push_back(
        {std::move(with), draw.ratio(mine, other, of.user), draw.difference(mine, other, of.user)});
  };
  for (const arm a : {arm::batch, arm::batch_fold_in, arm::realtime, arm::realtime_ranked}) {
    compare(std::string(name(a)), ndcg[static_cast<std::size_t>(a)]);
  }
  out.sources = detail::report_sources(hybrid_result, of, draw);
  if (!out.sources.empty()) {
    const auto at = std::find(hybrid_result.sources.begin(), hybrid_result.sources.end(), out.sources.front().name);
    const auto best = static_cast<std::size_t>(at - hybrid_result.sources.begin());
    compare("best_source", detail::measured(detail::ranks_of_source(hybrid_result, best), detail::ndcg10));
  }
  for (std::size_t a = 0; a < n_arms; ++a) out.arms[a].raw = std::move(results[a]);
  return out;
}

}  // namespace study
TANDEM_END
