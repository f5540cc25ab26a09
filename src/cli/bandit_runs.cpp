#include "bandit_runs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <utility>

#include "fitting.hpp"
#include "tandem/detail/running_moments.hpp"
#include "tandem/evaluation/doubly_robust.hpp"
#include "tandem/online/linear_arms.hpp"

namespace tandem_cli {
namespace {

using tandem::online::choice;

constexpr std::size_t report_every = 256;

// Rewards on their way: each is learned once so many later ones have set out.
class delayed_rewards {
 public:
  delayed_rewards(any_bandit& bandit, const context_table& contexts, std::size_t delay)
      : bandit_(bandit), contexts_(contexts), delay_(delay) {}

  void send(const choice& chosen, std::size_t row, double reward) {
    waiting_.push_back({chosen, row, static_cast<float>(reward), now_});
  }
  // A round has ended.
  void arrive() {
    for (; !waiting_.empty() && waiting_.front().sent + delay_ <= now_; waiting_.pop_front()) {
      const reward_sent& first = waiting_.front();
      bandit_.learn(first.chosen, contexts_.row(first.row), first.reward);
    }
    ++now_;
  }

 private:
  struct reward_sent {
    choice chosen;
    std::size_t row;
    float reward;
    std::uint64_t sent;
  };

  any_bandit& bandit_;
  const context_table& contexts_;
  std::size_t delay_;
  std::uint64_t now_ = 0;
  std::deque<reward_sent> waiting_;
};

run_outcome outcome_of(const std::vector<double>& rewards, double seconds, std::size_t decisions) {
  run_outcome out;
  out.rounds = rewards.size();
  out.microseconds = 1e6 * seconds / static_cast<double>(decisions);
  if (rewards.empty()) return out;
  const auto mean_of = [](auto first, auto last) {
    return std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
  };
  out.mean = mean_of(rewards.begin(), rewards.end());
  double squares = 0;
  for (const double r : rewards) squares += (r - out.mean) * (r - out.mean);
  const auto n = static_cast<double>(rewards.size());
  out.error = rewards.size() > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
  const std::size_t tenth = std::max<std::size_t>(1, rewards.size() / 10);
  out.last_tenth = mean_of(rewards.end() - static_cast<std::ptrdiff_t>(tenth), rewards.end());
  return out;
}

void report_round(const tandem::progress& report, std::size_t round, std::size_t rounds) {
  if (round % report_every == 0) tandem::report_progress(report, {"run", round, rounds});
}

}  // namespace

std::vector<std::uint32_t> order_of(std::size_t rows, bool shuffle, std::uint64_t seed) {
  std::vector<std::uint32_t> out(rows);
  std::iota(out.begin(), out.end(), 0U);
  if (!shuffle) return out;
  tandem::random_stream random(seed);
  for (std::size_t i = rows; i > 1; --i) std::swap(out[i - 1], out[random.below(i)]);
  return out;
}

run_outcome run_live(const classified_rows& rows, any_bandit& bandit, const run_settings& settings,
                     const tandem::progress& report) {
  tandem::random_stream random(settings.seed);
  delayed_rewards rewards(bandit, rows.contexts, settings.delay);
  std::vector<double> earned;
  earned.reserve(settings.order.size());
  const double start = cpu_seconds();
  for (const std::uint32_t row : settings.order) {
    report_round(report, earned.size(), settings.order.size());
    const choice chosen = bandit.choose(rows.contexts.row(row), random);
    earned.push_back(static_cast<std::uint32_t>(chosen.arm) == rows.label[row] ? 1 : 0);
    rewards.send(chosen, row, earned.back());
    rewards.arrive();
  }
  return outcome_of(earned, cpu_seconds() - start, settings.order.size());
}

run_outcome run_rejection(const logged_rows& rows, any_bandit& bandit, const run_settings& settings,
                          const tandem::progress& report) {
  tandem::random_stream random(settings.seed);
  tandem::random_stream thinning(settings.seed, 1);
  const double least = *std::min_element(rows.propensity.begin(), rows.propensity.end());
  delayed_rewards rewards(bandit, rows.contexts, settings.delay);
  std::vector<double> earned;
  std::size_t round = 0;
  const double start = cpu_seconds();
  for (const std::uint32_t row : settings.order) {
    report_round(report, round++, settings.order.size());
    const choice chosen = bandit.choose(rows.contexts.row(row), random);
    const bool kept = thinning.uniform() * rows.propensity[row] < least;
    if (!kept || static_cast<std::uint32_t>(chosen.arm) != rows.arm[row]) continue;
    earned.push_back(rows.reward[row]);
    rewards.send(chosen, row, earned.back());
    rewards.arrive();
  }
  return outcome_of(earned, cpu_seconds() - start, settings.order.size());
}

estimated run_estimates(const logged_rows& rows, any_bandit& bandit, const run_settings& settings,
                        const tandem::progress& report) {
  tandem::random_stream random(settings.seed);
  tandem::online::linear_arms model(tandem::online::linear_arms_options{rows.contexts.dimension});
  for (std::size_t a = 0; a < rows.arms.size(); ++a) model.add();
  tandem::online::linear_arms::scratch memory;
  std::vector<tandem::online::estimate> predicted(rows.arms.size());
  std::vector<double> target(rows.arms.size());
  tandem::evaluation::self_normalized snips;
  tandem::evaluation::doubly_robust dr;
  delayed_rewards rewards(bandit, rows.contexts, settings.delay);
  std::size_t round = 0;
  for (const std::uint32_t row : settings.order) {
    report_round(report, round++, settings.order.size());
    const auto context = rows.contexts.row(row);
    const std::size_t arm = rows.arm[row];
    bandit.probabilities(context, target);
    model.predict(context, memory, predicted);
    double expected = 0;
    for (std::size_t a = 0; a < target.size(); ++a) expected += target[a] * double{predicted[a].mean};
    const tandem::evaluation::logged_reward record{rows.reward[row], rows.propensity[row], std::min(1.0, target[arm])};
    snips.add(record);
    dr.add(record, {double{predicted[arm].mean}, expected});
    model.update(static_cast<tandem::online::arm_index>(arm), context, static_cast<float>(record.reward), 1);
    rewards.send(bandit.logged(arm, record.propensity, context, random), row, record.reward);
    rewards.arrive();
  }
  return {snips.estimate(), dr.estimate()};
}

}  // namespace tandem_cli
