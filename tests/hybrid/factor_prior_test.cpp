#include "tandem/hybrid/factor_prior.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/linear_bandit.hpp"

using namespace tandem;
using hybrid::factor_prior;

namespace {

struct small_world {
  std::vector<float> users, items;  // true vectors, rank 4
  interactions log;
  batch::factor_model model;

  [[nodiscard]] double likes(std::size_t user, std::size_t item) const {
    double sum = 0;
    for (std::size_t j = 0; j < 4; ++j) sum += static_cast<double>(users[user * 4 + j] * items[item * 4 + j]);
    return 1 / (1 + std::exp(2 - 2 * sum));
  }
};

small_world make(std::uint64_t seed) {
  small_world out;
  random_stream random(seed);
  for (std::size_t n = 0; n < 300 * 4; ++n) out.users.push_back(static_cast<float>(random.normal()));
  for (std::size_t n = 0; n < 60 * 4; ++n) out.items.push_back(static_cast<float>(random.normal()));
  std::vector<interaction> pairs;
  for (std::uint32_t u = 0; u < 300; ++u) {
    for (std::uint32_t i = 0; i < 59; ++i) {  // nobody has the last item
      if (random.uniform() < 0.5 * out.likes(u, i)) pairs.push_back({user_index{u}, item_index{i}, 1});
    }
  }
  out.log = interactions::from_events(pairs, 300, 60);
  out.model = batch::fit_ials(out.log, {.rank = 4, .epochs = 8});
  return out;
}

}  // namespace

TEST_CASE("an item's prior has its vector for a mean, and the variance of its normal matrix") {
  const small_world world = make(1);
  const factor_prior prior(world.model, world.log, 0.5F);
  for (const std::uint32_t i : {0U, 7U, 59U}) {
    const online::linear_posterior known = prior.item(item_index{i});
    Eigen::Matrix4d a = Eigen::Matrix4d::Zero();
    const auto x = [&](std::uint32_t u) {
      const auto f = world.model.user_factors(user_index{u});
      return Eigen::Vector4d(double{f[0]}, double{f[1]}, double{f[2]}, double{f[3]});
    };
    const auto row = world.log.users_of(item_index{i});
    for (std::uint32_t u = 0; u < 300; ++u) a += double{world.model.weights().alpha0} * x(u) * x(u).transpose();
    for (std::size_t n = 0; n < row.index.size(); ++n) {
      a += double{row.weight[n]} * x(row.index[n]) * x(row.index[n]).transpose();
    }
    const double history = static_cast<double>(row.index.size());
    const auto& w = world.model.weights();
    a.diagonal().array() += double{w.regularization} * std::pow(history + double{w.alpha0} * 300, double{w.nu});
    const Eigen::Matrix4d covariance = Eigen::Matrix4d(0.5 * a).llt().solve(Eigen::Matrix4d::Identity());
    for (std::size_t j = 0; j < 4; ++j) {
      CHECK(known.theta(j) == Approx(world.model.item_factors(item_index{i})[j]));
      std::vector<float> unit(4);
      unit[j] = 1;
      const auto at = static_cast<Eigen::Index>(j);
      CHECK(known.variance(unit) == Approx(covariance(at, at)).epsilon(1e-3));
    }
  }
  CHECK(prior.item(item_index{59}).variance(std::vector<float>{1, 1, 1, 1}) >
        prior.item(item_index{0}).variance(std::vector<float>{1, 1, 1, 1}));
}

TEST_CASE("a bandit that starts from the model earns more than one that starts from nothing") {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const small_world world = make(seed);
    const factor_prior prior(world.model, world.log);
    const auto run = [&](bool start) {
      online::lin_ucb bandit({.dimension = 4, .policy = {.alpha = 0.5}, .noise_variance = 0});
      for (std::uint32_t i = 0; i < 60; ++i) start ? bandit.add_arm(prior.item(item_index{i})) : bandit.add_arm();
      random_stream luck(seed, 3);
      double earned = 0;
      for (std::uint64_t n = 0; n < 600; ++n) {
        const auto user = static_cast<std::uint32_t>(luck.below(300));
        const std::span<const float> x = world.model.user_factors(user_index{user});
        random_stream dice(seed, n);
        const online::choice c = bandit.choose(x, dice);
        const double chance = world.likes(user, raw(c.arm));
        earned += chance;
        bandit.learn(c, x, luck.uniform() < chance ? 1.0F : 0.0F);
      }
      return earned;
    };
    with += run(true);
    without += run(false);
  }
  INFO("from the model " << with << ", from nothing " << without);
  CHECK(with > 1.2 * without);
}

TEST_CASE("a prior refuses another log, an unknown item and no trust") {
  const small_world world = make(2);
  const interactions other =
      interactions::from_events(std::vector<interaction>{{user_index{0}, item_index{0}, 1}}, 1, 60);
  CHECK_THROWS_AS(factor_prior(world.model, other), error);
  CHECK_THROWS_AS(factor_prior(world.model, world.log, 0), error);
  CHECK_THROWS_AS(factor_prior(world.model, world.log, std::numeric_limits<float>::quiet_NaN()), error);
  CHECK_THROWS_AS(factor_prior(world.model, world.log).item(item_index{60}), error);
}
