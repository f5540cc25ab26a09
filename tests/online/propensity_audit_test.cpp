// Every policy draws with the probabilities that it logs: counts fit them, and 1 / p averages to the number of arms
// that can be drawn.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/auto_bandit.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/challenge.hpp"
#include "tandem/online/count_bandit.hpp"
#include "tandem/online/exp3_ix.hpp"
#include "tandem/online/hybrid_bandit.hpp"
#include "tandem/online/linear_bandit.hpp"
#include "tandem/online/logistic_bandit.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"
#include "tandem/online/tuned.hpp"

using namespace tandem::online;
using tandem::random_stream;

namespace {

constexpr std::size_t n_arms = 6;

/// @param decide  returns what was drawn, and its logged propensity. @param p  what the policy says it draws with.
template <class Decide>
void audit(const char* policy_name, std::size_t decisions, const std::vector<double>& p, Decide decide) {
  INFO(policy_name);
  std::vector<std::size_t> counts(p.size(), 0);
  double inverse = 0;
  std::size_t mislogged = 0;
  random_stream random(20);
  for (std::size_t n = 0; n < decisions; ++n) {
    const draw drawn = decide(random);
    mislogged += drawn.probability == p[drawn.index] ? 0U : 1U;
    ++counts[drawn.index];
    inverse += 1 / drawn.probability;
  }
  CHECK(mislogged == 0);
  CHECK(tandem_test::chi_square_p(counts, p) > 0.001);
  double possible = 0;
  double second = 0;
  for (const double each : p) {
    possible += each > 0 ? 1 : 0;
    second += each > 0 ? 1 / each : 0;  // the second moment of 1 / p
  }
  const double error = std::sqrt(std::max(0.0, second - possible * possible) / static_cast<double>(decisions));
  CHECK(std::abs(inverse / static_cast<double>(decisions) - possible) <= 4 * error + 1e-9);
}

void audit_policies(std::size_t decisions) {
  const std::vector<estimate> candidates = {{0.30F, 0.010F}, {0.34F, 0.004F}, {0.25F, 0.030F},
                                            {0.34F, 0.004F}, {0.10F, 0.002F}, {0.20F, 0.050F}};
  for (const any_policy& policy :
       {any_policy(greedy{}), any_policy(epsilon_greedy{0.2}), any_policy(softmax{0.1}), any_policy(linear_ucb{1, 0.1}),
        any_policy(inverse_gap{10}), any_policy(thompson{1}), any_policy(thompson{1, 3})}) {
    std::vector<double> p(candidates.size());
    policy.probabilities(candidates, p);
    audit(policy.name().data(), decisions, p, [&](random_stream& random) { return sample(p, random); });
  }
  tuned<thompson> mixture;
  std::vector<double> p(candidates.size());
  tuned<thompson>::scratch memory;
  mixture.probabilities(candidates, p, memory);
  audit("tuned", decisions, p, [&](random_stream& random) { return sample(p, random); });
  std::vector<double> mixed(p.size());
  challenge({.share = 0.3}).probabilities(std::vector<double>{0, 1, 0, 0, 0, 0}, p, mixed);
  audit("challenge", decisions, mixed, [&](random_stream& random) { return sample(mixed, random); });
}

template <class Bandit>
void audit_without_context(const char* name, Bandit bandit, std::size_t decisions) {
  for (std::size_t a = 0; a < n_arms; ++a) bandit.add_arm();
  random_stream random(3);
  for (int t = 0; t < 300; ++t) {
    const choice chosen = bandit.choose(random);
    const double reward = random.uniform() < 0.1 * static_cast<double>(1 + tandem::raw(chosen.arm)) ? 1 : 0;
    if constexpr (requires { bandit.learn(chosen, reward); }) {
      bandit.learn(chosen, reward);
    } else {
      bandit.learn(chosen.arm, reward);
    }
  }
  std::vector<double> p(n_arms);
  bandit.probabilities(p);
  audit(name, decisions, p, [&](random_stream& dice) {
    const choice chosen = bandit.choose(dice);
    return draw{tandem::slot(chosen.arm), chosen.propensity};
  });
}

template <class Bandit>
void audit_with_context(const char* name, Bandit bandit, std::size_t decisions) {
  const std::vector<float> x = {1, 0.4F, -0.7F};
  for (std::size_t a = 0; a < n_arms; ++a) {
    if constexpr (requires { bandit.add_arm(); }) {
      bandit.add_arm();
    } else {  // an arm with features
      bandit.add_arm(std::vector<float>{0.3F * static_cast<float>(a), 1});
    }
  }
  random_stream random(4);
  for (int t = 0; t < 300; ++t) {
    const choice chosen = bandit.choose(x, random);
    bandit.learn(chosen, x, random.uniform() < 0.1 * static_cast<double>(1 + tandem::raw(chosen.arm)) ? 1.0F : 0.0F);
  }
  std::vector<double> p(n_arms);
  bandit.probabilities(x, p);
  audit(name, decisions, p, [&](random_stream& dice) {
    const choice chosen = bandit.choose(x, dice);
    return draw{tandem::slot(chosen.arm), chosen.propensity};
  });
}

void audit_bandits(std::size_t decisions) {
  audit_without_context("beta_bandit", beta_bandit(), decisions);
  audit_without_context("ucb1", ucb1_bandit({.policy = {.epsilon = 0.1}}), decisions);
  audit_without_context("kl_ucb", kl_ucb_bandit({.policy = {.epsilon = 0.1}}), decisions);
  audit_without_context("gaussian_thompson", gaussian_thompson(), decisions);
  audit_without_context("count_bandit, tuned", count_bandit<tuned<thompson>>(), decisions);
  audit_without_context("exp3_ix", exp3_ix(), decisions);
  audit_with_context("lin_ucb", lin_ucb({.dimension = 3, .policy = {.alpha = 0.1, .epsilon = 0.1}}), decisions);
  audit_with_context("lin_ts", lin_ts({.dimension = 3}), decisions);
  audit_with_context("tuned_lin_ucb", tuned_lin_ucb({.dimension = 3}), decisions);
  audit_with_context("tuned_lin_ts", tuned_lin_ts({.dimension = 3}), decisions);
  audit_with_context("auto_bandit", auto_bandit({.dimension = 3}), decisions);
  audit_with_context("hybrid_bandit", hybrid_bandit<thompson>({.dimension = 3, .crossed = 2, .features = 2}),
                     decisions);
  audit_with_context("hybrid_bandit, tuned",
                     hybrid_bandit<tuned<linear_ucb>>({.dimension = 3, .crossed = 2, .features = 2}), decisions);
  audit_with_context("logistic_ts", logistic_ts({.dimension = 3}), decisions);
  audit_with_context("full_logistic_ts", full_logistic_ts({.dimension = 3}), decisions);
  audit_with_context(
      "logistic inverse_gap",
      logistic_bandit<inverse_gap>({.dimension = 3, .policy = {.gamma = 10}, .scale = logistic_scale::probability}),
      decisions);
}

}  // namespace

TEST_CASE("every policy draws with the propensities that it logs, in 100,000 decisions") { audit_policies(100000); }

TEST_CASE("every bandit draws with the propensities that it logs, in 20,000 decisions") { audit_bandits(20000); }

TEST_CASE("every policy and bandit draws with the propensities that it logs, in a million decisions", "[.long]") {
  audit_policies(1000000);
  audit_bandits(1000000);
}
