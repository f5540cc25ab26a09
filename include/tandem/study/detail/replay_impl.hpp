#pragma once
// Implementation of study/replay.hpp: the walk through the log, and the clocks around each call.

#include <algorithm>
#include <limits>

#include "tandem/study/replay.hpp"

TANDEM_BEGIN
namespace study {

namespace detail {

/// How much an event of each action of the log counts.
inline std::vector<double> action_weights(const event_log& log, const replay_options& options) {
  std::vector<double> out(log.actions.size(), 1.0);
  for (const auto& [action, weight] : options.actions) {
    const action_index known = log.actions.find(action);
    if (known != no_id<action_index>) out[slot(known)] = weight;
  }
  return out;
}

}  // namespace detail

inline replay_plan plan_replay(const event_log& log, const replay_options& options) {
  options.validate();
  const std::size_t n = log.events.size();
  if (n > std::numeric_limits<std::uint32_t>::max()) {
    throw error(errc::invalid_argument, "the log has more events than a replay can count (2^32 - 1)");
  }
  const std::size_t half = n / 2;
  replay_plan plan;
  for (std::size_t k = 1; k < 2 * options.refits; ++k) {
    const std::size_t at = half * k / options.refits;
    if (at > 0 && (plan.refits.empty() || plan.refits.back() < at)) plan.refits.push_back(at);
  }
  std::vector<std::uint32_t> history(log.users.size(), 0);
  std::unordered_set<std::uint64_t> had;
  const std::vector<double> action_weight = detail::action_weights(log, options);
  for (std::size_t i = 0; i < n; ++i) {
    const logged_event& e = log.events[i];
    const double weight = action_weight[slot(e.action)] * static_cast<double>(e.weight);
    if (weight == 0) continue;
    const bool repeat = !had.insert(std::uint64_t{raw(e.user)} << 32U | raw(e.item)).second;
    if (i % options.every == half % options.every && weight > 0 && (options.repeat_items || !repeat)) {
      if (i < half) ++plan.first_judged;
      plan.predictions.push_back({static_cast<std::uint32_t>(i), history[slot(e.user)]});
    }
    if (weight > 0) ++history[slot(e.user)];
  }
  if (plan.n_judged() == 0) {
    throw error(errc::wrong_state, "nothing is left to judge in the second half of " + std::to_string(n) + " events",
                {}, "give a longer log, a smaller 'every', or judge repeated items too");
  }
  return plan;
}

namespace detail {

/// Processor time of this process, in seconds.
inline double processor_seconds() noexcept { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One replay under way.
class replayer {
 public:
  replayer(const event_log& log, const replay_plan& plan, engine& subject)
      : log_(log), plan_(plan), subject_(subject), shown_(log.items.size()), answers_(plan.predictions.size()) {
    result_.rank.reserve(plan.n_judged());
  }

  /// Decides and judges the planned predictions among events [first, last), then learns them all.
  void step(std::size_t first, std::size_t last) {
    if (next_refit_ < plan_.refits.size() && plan_.refits[next_refit_] <= first) refit(first);
    const std::size_t from = next_;
    while (next_ < plan_.predictions.size() && plan_.predictions[next_].event < last) predict(next_++);
    for (std::size_t i = first, p = from; i < last; ++i) {
      const bool predicted = p < next_ && plan_.predictions[p].event == i;
      learn(i, predicted ? answers_[p++] : decision_id::none);
    }
  }

  replay_result finish() {
    result_.events = log_.events.size();
    result_.coverage = shown_.report().coverage;
    result_.cpu_s = processor_seconds() - started_ - aside_;
    return std::move(result_);
  }

 private:
  using clock = std::chrono::steady_clock;

  static double micros_since(clock::time_point start) {
    return std::chrono::duration<double, std::micro>(clock::now() - start).count();
  }

  void predict(std::size_t p) {
    const logged_event& e = log_.events[plan_.predictions[p].event];
    request ask{.user = log_.users.name(e.user), .count = slate_size, .time = e.time};
    ask.shadow = true;
    const auto start = clock::now();
    const recommendation answer = subject_.recommend(ask);
    result_.decide.add(micros_since(start));
    answers_[p] = answer.id;
    if (p < plan_.first_judged) return;
    const double before = processor_seconds();
    judge(ask, answer, log_.items.name(e.item));
    aside_ += processor_seconds() - before;
  }

  void judge(const request& ask, const recommendation& answer, std::string_view taken) {
    std::vector<item_index> slate;
    for (const recommended_item& each : answer) slate.push_back(log_.items.find(each.item));
    shown_.add(slate);
    const explanation why = subject_.explain(ask, taken);
    result_.rank.push_back(why.known && why.allowed && why.candidate ? why.rank : evaluation::missed);
    for (const source_opinion& each : why.sources) column(each.name);
    const std::size_t row = result_.source_rank.size();
    result_.source_rank.resize(row + result_.sources.size(), std::numeric_limits<float>::infinity());
    if (!why.known || !why.allowed) return;
    for (const source_opinion& each : why.sources) {
      result_.source_rank[row + column(each.name)] = static_cast<float>(each.rank);
    }
    const auto at = std::find(result_.experts.begin(), result_.experts.end(), why.served_by);
    const auto expert = static_cast<std::size_t>(at - result_.experts.begin());
    if (at == result_.experts.end()) {
      result_.experts.emplace_back(why.served_by);
      result_.served.push_back(0);
    }
    ++result_.served[expert];
  }

  /// The column of a source; a new one widens the rows so far.
  std::size_t column(std::string_view source) {
    const auto at = std::find(result_.sources.begin(), result_.sources.end(), source);
    if (at != result_.sources.end()) return static_cast<std::size_t>(at - result_.sources.begin());
    const std::size_t width = result_.sources.size();
    const std::size_t rows = result_.rank.size() - 1;  // the row under way comes after
    std::vector<float> wider(rows * (width + 1), std::numeric_limits<float>::infinity());
    for (std::size_t r = 0; r < rows; ++r) {
      std::copy_n(result_.source_rank.begin() + static_cast<std::ptrdiff_t>(r * width), width,
                  wider.begin() + static_cast<std::ptrdiff_t>(r * (width + 1)));
    }
    result_.source_rank = std::move(wider);
    result_.sources.emplace_back(source);
    return width;
  }

  void learn(std::size_t i, decision_id answered) {
    const logged_event& e = log_.events[i];
    event told;
    told.user = log_.users.name(e.user);
    told.item = log_.items.name(e.item);
    told.action = log_.actions.name(e.action);
    told.value = static_cast<double>(e.weight);
    told.time = e.time;
    told.decision = answered;
    const auto start = clock::now();
    const observe_result taken = subject_.observe(told);
    result_.learn.add(micros_since(start));
    if (!taken.taken()) {
      throw error(errc::wrong_state, "the engine did not take event " + std::to_string(i + 1) + " (user '" +
                                         std::string(told.user) + "', item '" + std::string(told.item) + "'): " +
                                         std::string(name(taken.status)) + ", " + std::string(name(taken.reason)));
    }
  }

  void refit(std::size_t first) {
    while (next_refit_ < plan_.refits.size() && plan_.refits[next_refit_] <= first) ++next_refit_;
    const double cpu = processor_seconds();
    const auto start = clock::now();
    subject_.refit();
    result_.refit_s += 1e-6 * micros_since(start);
    result_.refit_cpu_s += processor_seconds() - cpu;
    ++result_.refits;
  }

  const event_log& log_;
  const replay_plan& plan_;
  engine& subject_;
  evaluation::catalogue_total shown_;
  std::vector<decision_id> answers_;
  std::size_t next_ = 0;
  std::size_t next_refit_ = 0;
  double started_ = processor_seconds();
  double aside_ = 0;  // processor time of looking ranks up
  replay_result result_;
};

}  // namespace detail

inline replay_result replay(const event_log& log, const replay_plan& plan, protocol known, engine& subject,
                            const progress& callback) {
  const std::size_t n = log.events.size();
  const std::size_t report_every = n / 1000 + 1;
  std::size_t reported = 0;
  detail::replayer walk(log, plan, subject);
  const auto step = [&](std::size_t first, std::size_t last) {
    walk.step(first, last);
    if (last - reported < report_every && last < n) return;
    report_progress(callback, {"replay", last, n});
    reported = last;
  };
  if (known == protocol::next_event) {
    for (std::size_t i = 0; i < n; ++i) step(i, i + 1);
  } else {
    for (const visit& each : visits(log.events)) step(each.first, each.last);
  }
  return walk.finish();
}

}  // namespace study
TANDEM_END
