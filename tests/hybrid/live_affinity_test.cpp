#include "tandem/hybrid/live_affinity.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using tandem::batch::factor_model;
using tandem::batch::factor_weights;

namespace {

std::vector<float> normals(random_stream& random, std::size_t n, double sd) {
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal(0, sd));
  return out;
}

factor_model random_model(random_stream& random, std::size_t n_items, std::size_t rank, const factor_weights& weights) {
  return factor_model::from_factors(normals(random, 3 * rank, 0.3), normals(random, n_items * rank, 0.3), rank,
                                    weights);
}

std::vector<online::past_event> random_history(random_stream& random, std::size_t n, std::size_t n_items) {
  std::vector<online::past_event> out;
  for (std::size_t k = 0; k < n; ++k) {
    out.push_back({item_index{static_cast<std::uint32_t>(random.below(n_items))}, from_millis(0)});
  }
  return out;
}

// distinct items of a history the model knows, newest first
std::vector<item_index> distinct(const std::vector<online::past_event>& history, std::size_t n_items) {
  std::vector<item_index> out;
  for (std::size_t k = history.size(); k-- > 0;) {
    if (slot(history[k].item) < n_items && std::find(out.begin(), out.end(), history[k].item) == out.end()) {
      out.push_back(history[k].item);
    }
  }
  return out;
}

// the posterior by its definition, in double
struct dense_posterior {
  Eigen::MatrixXd covariance;
  Eigen::VectorXd mean;

  dense_posterior(const factor_model& model, const std::vector<item_index>& items, double recency) {
    const auto rank = static_cast<Eigen::Index>(model.rank());
    const auto row = [&](item_index i) {
      Eigen::VectorXd y(rank);
      for (Eigen::Index j = 0; j < rank; ++j)
        y[j] = static_cast<double>(model.item_factors(i)[static_cast<std::size_t>(j)]);
      return y;
    };
    Eigen::MatrixXd precision = Eigen::MatrixXd::Zero(rank, rank);
    for (std::uint32_t i = 0; i < model.n_items(); ++i) {
      precision += static_cast<double>(model.weights().alpha0) * row(item_index{i}) * row(item_index{i}).transpose();
    }
    Eigen::VectorXd b = Eigen::VectorXd::Zero(rank);
    for (std::size_t k = 0; k < items.size(); ++k) {
      const double w = std::pow(recency, static_cast<double>(k));
      precision += w * row(items[k]) * row(items[k]).transpose();
      b += w * row(items[k]);
    }
    const double n = static_cast<double>(items.size());
    const auto& weights = model.weights();
    precision.diagonal().array() +=
        static_cast<double>(weights.regularization) *
        std::pow(n + static_cast<double>(weights.alpha0) * static_cast<double>(model.n_items()),
                 static_cast<double>(weights.nu));
    covariance = precision.inverse();
    mean = covariance * b;
  }
};

}  // namespace

TEST_CASE("without recency live affinity is the batch fold-in") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    random_stream random(seed);
    const std::size_t rank = 1 + random.below(40);
    const std::size_t n_items = 20 + random.below(300);
    const factor_model model = random_model(random, n_items, rank, {0.1F, 0.01F, 1.0F});
    const auto history = random_history(random, 1 + random.below(100), n_items);
    const user_posterior posterior(model, recent_taste(model, history, {1.0, 128}));
    const std::vector<item_index> items = distinct(history, n_items);
    CHECK(posterior.known_items() == items.size());
    std::vector<float> folded(rank);
    model.fold_in(items, std::vector<float>(items.size(), 1.0F), folded);
    REQUIRE(posterior.mean().size() == rank);
    for (std::size_t j = 0; j < rank; ++j) {
      CHECK(static_cast<double>(posterior.mean()[j]) ==
            Approx(static_cast<double>(folded[j])).epsilon(1e-3).margin(1e-4));
    }
  }
}

TEST_CASE("mean and variance equal those of the posterior by its definition") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    random_stream random(seed);
    const std::size_t rank = 1 + random.below(32);
    const std::size_t n_items = 20 + random.below(200);
    factor_weights weights;
    weights.alpha0 = static_cast<float>(0.02 + random.uniform());
    weights.regularization = static_cast<float>(0.003 + random.uniform() * 0.05);
    weights.nu = static_cast<float>(random.uniform());
    const factor_model model = random_model(random, n_items, rank, weights);
    const auto history = random_history(random, 1 + random.below(100), n_items);
    const double recency = 0.8 + random.uniform() * 0.2;
    const user_posterior posterior(model, recent_taste(model, history, {recency, 128}));
    const dense_posterior expected(model, distinct(history, n_items), recency);
    for (std::size_t j = 0; j < rank; ++j) {
      CHECK(static_cast<double>(posterior.mean()[j]) ==
            Approx(expected.mean[static_cast<Eigen::Index>(j)]).epsilon(2e-3).margin(2e-4));
    }
    for (int trial = 0; trial < 10; ++trial) {
      const std::vector<float> y = normals(random, rank, 1);
      const Eigen::VectorXd dense =
          Eigen::Map<const Eigen::VectorXf>(y.data(), static_cast<Eigen::Index>(rank)).cast<double>();
      CHECK(static_cast<double>(posterior.variance(y)) == Approx(dense.dot(expected.covariance * dense)).epsilon(2e-3));
    }
  }
}

TEST_CASE("items the model does not know are ignored") {
  random_stream random(1);
  const factor_model model = random_model(random, 50, 8, {});
  const auto history = random_history(random, 60, 100);  // half of them came after the refit
  std::vector<online::past_event> known;
  for (const online::past_event& e : history) {
    if (slot(e.item) < 50) known.push_back(e);
  }
  const user_posterior all(model, recent_taste(model, history, {}));
  const user_posterior same(model, recent_taste(model, known, {}));
  CHECK(all.known_items() == same.known_items());
  CHECK(std::equal(all.mean().begin(), all.mean().end(), same.mean().begin(), same.mean().end()));

  const std::vector<online::past_event> strangers{{item_index{50}, {}}, {item_index{99}, {}}};
  CHECK(user_posterior(model, recent_taste(model, strangers, {})).known_items() == 0);
  CHECK(user_posterior(model, recent_taste(model, {}, {})).known_items() == 0);
}

TEST_CASE("an item had often counts once, at its latest") {
  random_stream random(2);
  const factor_model model = random_model(random, 50, 8, {});
  const auto at = [](std::uint32_t i) { return online::past_event{item_index{i}, {}}; };
  const std::vector<online::past_event> often{at(7), at(3), at(7), at(3), at(5), at(7)};
  const std::vector<online::past_event> once{at(3), at(5), at(7)};
  const user_posterior a(model, recent_taste(model, often, {0.9, 100}));
  const user_posterior b(model, recent_taste(model, once, {0.9, 100}));
  CHECK(a.known_items() == 3);
  CHECK(std::equal(a.mean().begin(), a.mean().end(), b.mean().begin(), b.mean().end()));
}

TEST_CASE("only the newest distinct items are used") {
  random_stream random(3);
  const factor_model model = random_model(random, 50, 8, {});
  const auto history = random_history(random, 100, 50);
  std::vector<item_index> items = distinct(history, 50);
  items.resize(10);
  const user_posterior posterior(model, recent_taste(model, history, {0.97, 10}));
  CHECK(posterior.known_items() == 10);
  const dense_posterior expected(model, items, 0.97);
  for (std::size_t j = 0; j < 8; ++j) {
    CHECK(static_cast<double>(posterior.mean()[j]) ==
          Approx(expected.mean[static_cast<Eigen::Index>(j)]).epsilon(2e-3).margin(2e-4));
  }
}

TEST_CASE("the whole taste is every item ever had, but for what was disliked and what the model does not know") {
  random_stream random(5);
  const factor_model model = random_model(random, 400, 8, {});
  online::history past;
  std::vector<item_index> expected;
  for (std::uint32_t i = 0; i < 350; ++i) {  // far more than a history keeps in order
    const item_index item{i * 7 % 450};
    past.add({item, from_millis(i)});
    if (slot(item) < 400 && slot(item) != 21) expected.push_back(item);
  }
  past.dislike(item_index{21});
  past.dislike(item_index{399});
  std::erase(expected, item_index{399});
  const taste whole = whole_taste(model, past);
  std::vector<float> folded(8);
  model.fold_in(expected, std::vector<float>(expected.size(), 1.0F), folded);
  REQUIRE(whole.items.size() == expected.size());
  const user_posterior posterior(model, whole, posterior_parts::mean);
  for (std::size_t j = 0; j < 8; ++j) {
    CHECK(static_cast<double>(posterior.mean()[j]) ==
          Approx(static_cast<double>(folded[j])).epsilon(1e-3).margin(1e-4));
  }
}

TEST_CASE("each further item of a direction makes scores along it more certain") {
  random_stream random(4);
  const factor_model model = random_model(random, 50, 6, {});
  std::vector<online::past_event> history;
  float before = 1e30F;
  for (std::uint32_t i = 0; i < 20; ++i) {
    history.push_back({item_index{i}, {}});
    const float now =
        user_posterior(model, recent_taste(model, history, {1.0, 128})).variance(model.item_factors(item_index{40}));
    CHECK(now > 0);
    CHECK(now <= before * 1.0001F);
    before = now;
  }
}

TEST_CASE("a posterior that cannot be solved is none") {
  // no weight on anything but the history: of rank 1, not 4
  const factor_model model = factor_model::from_factors({}, {1e20F, 1e20F, -1e20F, 1e20F, 1, 2, 3, 4}, 4, {0, 0, 1});
  const std::vector<online::past_event> history{{item_index{0}, {}}};
  const user_posterior posterior(model, recent_taste(model, history, {}));
  CHECK(posterior.known_items() == 0);
}

TEST_CASE("live affinity options out of range are named") {
  const auto field_of = [](const live_affinity_options& options) -> std::string {
    try {
      options.validate();
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
      return e.where().field;
    }
    return "accepted";
  };
  CHECK(field_of({}) == "accepted");
  CHECK(field_of({0, 100}) == "live.recency");
  CHECK(field_of({1.01, 100}) == "live.recency");
  CHECK(field_of({std::numeric_limits<double>::quiet_NaN(), 100}) == "live.recency");
  CHECK(field_of({0.9, 0}) == "live.items");
  CHECK(field_of({0.9, 129}) == "live.items");
}
