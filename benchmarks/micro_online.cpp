// The online room by itself: one decision and one reward of each bandit, one event of each learner.
//
// Contexts and rewards are drawn beforehand; arms have seen 1,000 rewards each before anything is timed.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/history.hpp"
#include "tandem/online/linear_bandit.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sequence.hpp"
#include "tandem/online/trend.hpp"

namespace {

using namespace tandem;
using namespace tandem::online;

constexpr std::size_t n_contexts = 64;

std::vector<float> contexts(std::size_t dimension) {
  random_stream random(1);
  std::vector<float> out(n_contexts * dimension);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

linear_bandit<> taught_bandit(std::size_t arms, std::size_t dimension, const any_policy& policy) {
  linear_bandit_options<any_policy> options;
  options.dimension = dimension;
  options.policy = policy;
  linear_bandit<> out(options);
  const std::vector<float> x = contexts(dimension);
  random_stream random(2);
  for (std::size_t a = 0; a < arms; ++a) {
    const arm_index arm = out.add_arm();
    for (std::size_t t = 0; t < 1000; ++t) {
      out.learn(arm, std::span(x).subspan(t % n_contexts * dimension, dimension), random.uniform() < 0.1 ? 1.0F : 0.0F);
    }
  }
  return out;
}

// decides and learns: what one round of a bandit costs
void round_trip(benchmark::State& state, const any_policy& policy) {
  const auto arms = static_cast<std::size_t>(state.range(0));
  const auto dimension = static_cast<std::size_t>(state.range(1));
  linear_bandit<> bandit = taught_bandit(arms, dimension, policy);
  const std::vector<float> x = contexts(dimension);
  random_stream random(3);
  std::size_t t = 0;
  for (auto _ : state) {
    const std::span<const float> context = std::span(x).subspan(t++ % n_contexts * dimension, dimension);
    const choice chosen = bandit.choose(context, random);
    bandit.learn(chosen, context, t % 10 == 0 ? 1.0F : 0.0F);
  }
}

void learn(benchmark::State& state) {
  const auto dimension = static_cast<std::size_t>(state.range(0));
  linear_bandit<> bandit = taught_bandit(1, dimension, greedy{});
  const std::vector<float> x = contexts(dimension);
  const arm_index arm = bandit.arms()[0];
  std::size_t t = 0;
  for (auto _ : state) {
    bandit.learn(arm, std::span(x).subspan(t++ % n_contexts * dimension, dimension), 1.0F);
  }
}

void beta_round_trip(benchmark::State& state) {
  beta_bandit bandit;
  for (std::int64_t a = 0; a < state.range(0); ++a) {
    bandit.add_arm({1.0 + static_cast<double>(a % 7), 50.0 + static_cast<double>(a % 11)});
  }
  random_stream random(4);
  std::size_t t = 0;
  for (auto _ : state) {
    const choice chosen = bandit.choose(random);
    bandit.learn(chosen.arm, t++ % 10 == 0 ? 1.0 : 0.0);
  }
}

void sequence_event(benchmark::State& state) {
  const auto n_items = static_cast<std::uint64_t>(state.range(0));
  sequence together;
  std::vector<history> users(1000);
  random_stream random(5);
  double tick = 0;
  const auto event = [&] {
    history& user = users[random.below(users.size())];
    const past_event e{item_index{static_cast<std::uint32_t>(random.below(random.below(n_items) + 1))},
                       from_millis(static_cast<std::int64_t>(tick))};
    together.learn(user.recent(), e, ++tick);
    user.add(e);
  };
  for (int k = 0; k < 300000; ++k) event();
  for (auto _ : state) event();
}

void trend_event(benchmark::State& state) {
  trend counts(2000);
  random_stream random(6);
  double tick = 0;
  for (auto _ : state) counts.add(item_index{static_cast<std::uint32_t>(random.below(10000))}, ++tick);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const auto& [arms, dimension] : {std::pair{20, 20}, {100, 50}, {100, 128}, {1000, 20}})
    b->Args({arms, dimension});
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const std::array<std::pair<const char*, any_policy>, 5> policies{{{"lin_ucb", linear_ucb{}},
                                                                    {"lin_ts", thompson{}},
                                                                    {"epsilon_greedy", epsilon_greedy{}},
                                                                    {"softmax", softmax{}},
                                                                    {"inverse_gap", inverse_gap{}}}};
  for (const auto& [name, policy] : policies) {
    benchmark::RegisterBenchmark(("round/" + std::string(name)).c_str(), round_trip, policy)->Apply(shapes);
  }
  benchmark::RegisterBenchmark("round/beta", beta_round_trip)->Arg(20)->Arg(100);
  benchmark::RegisterBenchmark("learn/linear", learn)->Arg(20)->Arg(50)->Arg(128);
  benchmark::RegisterBenchmark("learn/sequence", sequence_event)->Arg(1000)->Arg(10000);
  benchmark::RegisterBenchmark("learn/trend", trend_event);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
