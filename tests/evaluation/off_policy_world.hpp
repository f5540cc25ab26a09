#pragma once
// A small world of which every policy's true value is known, and logs drawn from it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/random.hpp"
#include "tandem/evaluation/doubly_robust.hpp"

namespace off_policy_world {

using namespace tandem;
using namespace tandem::evaluation;

constexpr std::size_t n_contexts = 3;
constexpr std::size_t n_actions = 4;
using table = std::array<std::array<double, n_actions>, n_contexts>;

// A world of three equally likely contexts and four actions with clicks of known probability. The logging policy and
// the policy in question prefer different actions; weights lie between 0.14 and 5.
constexpr table click = {{{.1, .3, .5, .2}, {.4, .4, .1, .6}, {.05, .2, .3, .9}}};
constexpr table logging = {{{.4, .3, .1, .2}, {.25, .25, .25, .25}, {.7, .1, .1, .1}}};
constexpr table target = {{{.1, .2, .5, .2}, {.1, .2, .1, .6}, {.1, .2, .2, .5}}};
// A model of the clicks that is wrong everywhere.
constexpr table guess = {{{.2, .2, .6, .1}, {.3, .5, .2, .4}, {.1, .1, .2, .7}}};

inline double expected_under(const table& policy, const table& reward, std::size_t context) {
  double sum = 0;
  for (std::size_t a = 0; a < n_actions; ++a) sum += policy[context][a] * reward[context][a];
  return sum;
}

inline double value_of(const table& policy) {
  double sum = 0;
  for (std::size_t x = 0; x < n_contexts; ++x) sum += expected_under(policy, click, x) / n_contexts;
  return sum;
}

struct record {
  logged_reward logged;
  predicted_reward guessed;
  predicted_reward exact;
};

inline std::vector<record> make_log(std::uint64_t seed, std::size_t n) {
  random_stream random(seed, 5);
  std::vector<record> log;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t x = random.below(n_contexts);
    double u = random.uniform();
    std::size_t a = 0;
    while (a + 1 < n_actions && u >= logging[x][a]) u -= logging[x][a++];
    const double reward = random.uniform() < click[x][a] ? 1 : 0;
    log.push_back({{.reward = reward, .propensity = logging[x][a], .target = target[x][a]},
                   {.taken = guess[x][a], .expected = expected_under(target, guess, x)},
                   {.taken = click[x][a], .expected = expected_under(target, click, x)}});
  }
  return log;
}

/// What f throws; the test fails when it throws nothing.
inline error thrown_by(function_ref<void()> f) {
  try {
    f();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return {errc::io_error, ""};
}

}  // namespace off_policy_world
