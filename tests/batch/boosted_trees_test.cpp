#include "tandem/batch/boosted_trees.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "boosted_trees_reference.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

const float not_there = std::nanf("");

struct table {
  std::size_t n_features = 1;
  std::vector<float> features{}, labels{}, weights{}, margins{};
  std::vector<std::uint32_t> groups{};

  [[nodiscard]] labelled_rows rows() const { return {{features, n_features}, labels, weights, margins, groups}; }
  [[nodiscard]] std::size_t n_rows() const { return labels.size(); }
};

/// Rows whose labels depend on some of their features. @param values  distinct values a feature, 0 = any number.
table random_table(std::uint64_t seed, std::size_t n_rows, std::size_t n_features, tree_loss loss,
                   std::uint64_t values = 0, double missing = 0) {
  random_stream random(seed, 77);
  table out;
  out.n_features = n_features;
  for (std::size_t r = 0; r < n_rows; ++r) {
    double signal = 0.3 * random.normal();
    for (std::size_t f = 0; f < n_features; ++f) {
      float x = values == 0 ? static_cast<float>(random.normal()) : static_cast<float>(random.below(values));
      signal += (f % 3 == 0 ? 1.0 : -0.4) * (static_cast<double>(x) > 0.4 ? 1 : 0);
      if (random.uniform() < missing) x = not_there;
      out.features.push_back(x);
    }
    const bool positive = random.uniform() * (1 + std::exp(-signal)) < 1;
    out.labels.push_back(loss == tree_loss::squared ? static_cast<float>(signal) : positive ? 1.0F : 0.0F);
  }
  if (loss == tree_loss::softmax) {
    for (std::size_t left = n_rows; left > 0; left -= out.groups.back()) {
      out.groups.push_back(static_cast<std::uint32_t>(std::min<std::size_t>(left, random.below(12))));
    }
  }
  return out;
}

std::vector<float> margins_of(const boosted_trees& model, const table& data) {
  std::vector<float> out(data.n_rows());
  model.margins({data.features, data.n_features}, out, data.margins);
  return out;
}

double loss_of(const boosted_trees& model, const table& data) {
  return mean_loss(data.rows(), model.loss(), margins_of(model, data));
}

bool same_bits(const boosted_trees& a, const boosted_trees& b) {
  const auto x = a.nodes();
  const auto y = b.nodes();
  return x.size() == y.size() && a.base() == b.base() && std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
}

/// Real threads, each taking every threads-th call, last to first.
struct striping_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t) {
      running.emplace_back([=, this] {
        for (std::size_t i = n; i-- > 0;) {
          if (i % threads == t) f(i);
        }
      });
    }
    for (std::thread& each : running) each.join();
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

/// What a call was refused for: "code field".
template <class F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const error& failure) {
    return std::string(name(failure.code())) + " " + failure.where().field;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("boosted trees: gradients are the derivatives of the loss", "[boosted_trees]") {
  for (const tree_loss loss : {tree_loss::squared, tree_loss::logistic, tree_loss::softmax}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      INFO("loss " << static_cast<int>(loss) << ", seed " << seed);
      table data = random_table(seed, 40, 2, loss);
      random_stream random(seed);
      double total = 0;
      std::vector<double> margins;
      for (std::size_t r = 0; r < 40; ++r) {
        data.weights.push_back(r % 7 == 0 ? 0.0F : static_cast<float>(random.uniform() * 3));
        if (loss == tree_loss::softmax && random.uniform() < 0.2) data.labels[r] = 2.5F;
        margins.push_back(2 * random.normal());
      }
      const detail::tree_objective objective(data.rows(), loss, "");
      REQUIRE(objective.has_signal());
      std::vector<detail::gradient> g(40);
      objective.gradients(margins, g, {});
      // the mean times what it was divided by: softmax divides by the weight of targets, found from their gradients
      if (loss != tree_loss::softmax) {
        for (const float w : data.weights) total += static_cast<double>(w);
      } else {
        std::size_t first = 0;
        for (const std::uint32_t size : data.groups) {
          double labels = 0;
          for (std::size_t r = first; r < first + size; ++r) {
            if (data.weights[r] > 0) labels += static_cast<double>(data.labels[r]);
          }
          for (std::size_t r = first; r < first + size; ++r) {
            if (labels > 0)
              total += static_cast<double>(data.weights[r]) * static_cast<double>(data.labels[r]) / labels;
          }
          first += size;
        }
      }
      for (std::size_t r = 0; r < 40; ++r) {
        constexpr double step = 1e-4;
        const auto at = [&](double by) {
          std::vector<double> moved = margins;
          moved[r] += by;
          return total * objective.mean_loss(moved, {});
        };
        CHECK(static_cast<double>(g[r].first) == Approx((at(step) - at(-step)) / (2 * step)).margin(1e-5));
        CHECK(static_cast<double>(g[r].second) ==
              Approx((at(step) - 2 * at(0) + at(-step)) / (step * step)).margin(2e-5));
      }
    }
  }
}

TEST_CASE("boosted trees: a tree has the splits of an exhaustive search", "[boosted_trees]") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    INFO("seed " << seed);
    const tree_loss loss = seed % 3 == 0 ? tree_loss::logistic : tree_loss::squared;
    const double missing = seed % 2 == 0 ? 0.0 : 0.25;
    table data = random_table(seed, 20 + seed % 50, 1 + seed % 4, loss, seed % 5 == 0 ? 4 : 0, missing);
    random_stream random(seed, 5);
    for (std::size_t r = 0; r < data.n_rows(); ++r) {
      data.margins.push_back(static_cast<float>(random.normal()));
      data.weights.push_back(static_cast<float>(0.5 + random.uniform()));
    }
    const float lambdas[] = {0.0F, 1.0F, 5.0F};
    const float gammas[] = {0.0F, 0.4F};
    const float weights[] = {0.0F, 1.0F, 3.0F};
    const boosted_trees_options options{.loss = loss,
                                        .rounds = 1,
                                        .eta = 0.7F,
                                        .max_depth = 1 + seed % 5,
                                        .lambda = lambdas[seed % 3],
                                        .gamma = gammas[seed % 2],
                                        .min_child_weight = weights[seed / 3 % 3]};
    std::vector<double> g;
    std::vector<double> h;
    for (std::size_t r = 0; r < data.n_rows(); ++r) {
      const auto m = static_cast<double>(data.margins[r]);
      const auto w = static_cast<double>(data.weights[r]);
      const double p = loss == tree_loss::squared ? m : 1 / (1 + std::exp(-m));
      g.push_back(w * (p - static_cast<double>(data.labels[r])));
      h.push_back(loss == tree_loss::squared ? w : w * p * (1 - p));
    }
    const reference::exact_tree expected({data.features, data.n_features}, g, h, options);
    const boosted_trees model = fit_boosted_trees(data.rows(), options);
    double gain = 0;
    for (const double each : model.importances()) gain += each;
    CHECK(gain == Approx(expected.total_gain()).epsilon(1e-5).margin(1e-6));
    CHECK(model.nodes().size() == 2 * expected.n_leaves() - 1);
    const std::vector<float> margins = margins_of(model, data);
    for (std::size_t r = 0; r < data.n_rows(); ++r) {
      CHECK(static_cast<double>(margins[r]) ==
            Approx(static_cast<double>(data.margins[r]) + expected.margins()[r]).margin(1e-5));
    }
  }
}

TEST_CASE("boosted trees: every round lowers the training loss", "[boosted_trees]") {
  for (const tree_loss loss : {tree_loss::squared, tree_loss::logistic, tree_loss::softmax}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      INFO("loss " << static_cast<int>(loss) << ", seed " << seed);
      const table data = random_table(seed, 600, 5, loss, 0, 0.1);
      const labelled_rows rows = data.rows();
      const boosted_trees model = fit_boosted_trees(rows, {.loss = loss, .rounds = 30, .max_depth = 3}, {}, {}, &rows);
      REQUIRE(model.validation_losses().size() == 30);
      const std::vector<float> nothing(600, static_cast<float>(model.base()));
      double before = mean_loss(rows, loss, nothing);
      for (const double now : model.validation_losses()) {
        CHECK(now < before);
        before = now;
      }
      // walked over bins while training, over features now
      CHECK(loss_of(model, data) == Approx(before).epsilon(1e-5));
    }
  }
}

TEST_CASE("boosted trees: the leaves of grown trees keep min_child_weight, and their values are the optimum",
          "[boosted_trees]") {
  const table data = random_table(3, 500, 4, tree_loss::squared);
  const boosted_trees model =
      fit_boosted_trees(data.rows(), {.rounds = 1, .eta = 1, .max_depth = 8, .lambda = 2, .min_child_weight = 12});
  std::vector<double> count(model.nodes().size());
  std::vector<double> sum(model.nodes().size());
  for (std::size_t r = 0; r < 500; ++r) {
    std::uint32_t at = 0;
    while (model.nodes()[at].left != at) {
      const tree_node& node = model.nodes()[at];
      at = node.left + (data.features[r * 4 + node.feature] >= node.threshold ? 1U : 0U);
    }
    count[at] += 1;
    sum[at] += static_cast<double>(data.labels[r]) - model.base();
  }
  std::size_t leaves = 0;
  for (std::size_t i = 0; i < count.size(); ++i) {
    if (model.nodes()[i].left != i) continue;
    ++leaves;
    CHECK(count[i] >= 12);
    CHECK(static_cast<double>(model.nodes()[i].value) == Approx(sum[i] / (count[i] + 2)).epsilon(1e-5));
  }
  CHECK(leaves > 10);
}

TEST_CASE("boosted trees: any number of threads gives the same bits", "[boosted_trees][concurrency]") {
  for (const tree_loss loss : {tree_loss::squared, tree_loss::logistic, tree_loss::softmax}) {
    // enough rows that nodes are cut into parts, both to be summed and to be moved
    table data = random_table(1, 150000, 9, loss, 0, 0.05);
    const labelled_rows rows = data.rows();
    const boosted_trees_options options{.loss = loss,
                                        .rounds = 3,
                                        .max_leaves = loss == tree_loss::logistic ? 20U : 0U,
                                        .subsample = 0.9F,
                                        .level_feature_share = 0.7F};
    const boosted_trees expected = fit_boosted_trees(rows, options, {}, {}, &rows);
    for (const std::size_t threads : {2U, 7U}) {
      INFO("loss " << static_cast<int>(loss) << ", " << threads << " threads");
      striping_executor striping{threads};
      const boosted_trees model = fit_boosted_trees(rows, options, striping, {}, &rows);
      CHECK(same_bits(model, expected));
      CHECK(std::equal(model.validation_losses().begin(), model.validation_losses().end(),
                       expected.validation_losses().begin(), expected.validation_losses().end()));
    }
  }
}

TEST_CASE("boosted trees: the order of rows does not show", "[boosted_trees]") {
  const table data = random_table(2, 1000, 4, tree_loss::squared, 9, 0.1);
  table reversed = data;
  std::reverse(reversed.labels.begin(), reversed.labels.end());
  for (std::size_t r = 0; r < 1000; ++r) {
    std::copy_n(data.features.begin() + static_cast<std::ptrdiff_t>(4 * (999 - r)), 4,
                reversed.features.begin() + static_cast<std::ptrdiff_t>(4 * r));
  }
  const std::vector<float> start(1000, 0.25F);  // the mean label is a sum of doubles, and would differ in its last bit
  table a = data;
  a.margins = start;
  reversed.margins = start;
  CHECK(same_bits(fit_boosted_trees(a.rows(), {.rounds = 10}), fit_boosted_trees(reversed.rows(), {.rounds = 10})));
}

TEST_CASE("boosted trees: the seed decides what is drawn, and nothing else does", "[boosted_trees]") {
  const table data = random_table(4, 2000, 6, tree_loss::squared);
  const auto fit = [&](std::uint64_t seed, float share) {
    return fit_boosted_trees(data.rows(), {.rounds = 5, .subsample = share, .feature_share = share, .seed = seed});
  };
  CHECK(same_bits(fit(1, 0.5F), fit(1, 0.5F)));
  CHECK_FALSE(same_bits(fit(1, 0.5F), fit(2, 0.5F)));
  CHECK(same_bits(fit(1, 1.0F), fit(2, 1.0F)));
}

TEST_CASE("boosted trees: a tree draws its share of features, a level its share of those", "[boosted_trees]") {
  const table data = random_table(5, 3000, 12, tree_loss::squared);
  const auto features_by_tree = [&](const boosted_trees& model) {
    std::vector<std::vector<bool>> used;
    std::size_t first = 0;
    for (const std::uint32_t size : model.tree_sizes()) {
      used.emplace_back(12);
      for (std::size_t i = first; i < first + size; ++i) {
        if (model.nodes()[i].left != i - first) used.back()[model.nodes()[i].feature] = true;
      }
      first += size;
    }
    return used;
  };
  const boosted_trees few = fit_boosted_trees(data.rows(), {.rounds = 30, .max_depth = 8, .feature_share = 0.25F});
  std::vector<bool> ever(12);
  for (const std::vector<bool>& used : features_by_tree(few)) {
    CHECK(std::count(used.begin(), used.end(), true) == 3);  // noise is split too at this depth
    for (std::size_t f = 0; f < 12; ++f) ever[f] = ever[f] || used[f];
  }
  CHECK(std::count(ever.begin(), ever.end(), true) == 12);
  const boosted_trees levels =
      fit_boosted_trees(data.rows(), {.rounds = 30, .max_depth = 3, .level_feature_share = 0.05F});
  for (const std::vector<bool>& used : features_by_tree(levels)) {
    CHECK(std::count(used.begin(), used.end(), true) <= 3);  // one a level
  }
}

TEST_CASE("boosted trees: a weight of two is a row twice, a weight of zero none", "[boosted_trees]") {
  for (const tree_loss loss : {tree_loss::squared, tree_loss::logistic}) {
    const table data = random_table(6, 400, 3, loss, 0, 0.1);
    table weighted = data;
    table repeated;
    repeated.n_features = 3;
    for (std::size_t r = 0; r < 400; ++r) {
      const std::size_t times = r % 3;
      weighted.weights.push_back(static_cast<float>(times));
      for (std::size_t t = 0; t < times; ++t) {
        repeated.labels.push_back(data.labels[r]);
        for (std::size_t f = 0; f < 3; ++f) repeated.features.push_back(data.features[3 * r + f]);
      }
    }
    const boosted_trees_options options{.loss = loss, .rounds = 5, .max_depth = 3};
    const boosted_trees a = fit_boosted_trees(weighted.rows(), options);
    const boosted_trees b = fit_boosted_trees(repeated.rows(), options);
    const std::vector<float> x = margins_of(a, data);
    const std::vector<float> y = margins_of(b, data);
    for (std::size_t r = 0; r < 400; ++r) {
      if (r % 3 != 0) CHECK(x[r] == Approx(y[r]).margin(1e-5));
    }
    CHECK(mean_loss(weighted.rows(), loss, x) == Approx(mean_loss(repeated.rows(), loss, margins_of(b, repeated))));
  }
}

TEST_CASE("boosted trees: softmax leaves rows of weight zero out of their group", "[boosted_trees]") {
  table data = random_table(7, 300, 3, tree_loss::softmax);
  table without;
  without.n_features = 3;
  std::size_t r = 0;
  for (const std::uint32_t size : data.groups) {
    without.groups.push_back(0);
    for (std::size_t end = r + size; r < end; ++r) {
      data.weights.push_back(r % 5 == 2 ? 0.0F : 1.0F);
      if (r % 5 == 2) continue;
      ++without.groups.back();
      without.labels.push_back(data.labels[r]);
      for (std::size_t f = 0; f < 3; ++f) without.features.push_back(data.features[3 * r + f]);
    }
  }
  const boosted_trees_options options{.loss = tree_loss::softmax, .rounds = 8, .max_depth = 3};
  CHECK(same_bits(fit_boosted_trees(data.rows(), options), fit_boosted_trees(without.rows(), options)));
}

TEST_CASE("boosted trees: groups without a positive teach nothing", "[boosted_trees]") {
  const table data = random_table(8, 500, 3, tree_loss::softmax);
  table more = data;
  const table other = random_table(9, 60, 3, tree_loss::softmax);
  more.features.insert(more.features.end(), other.features.begin(), other.features.end());
  more.labels.resize(560, 0.0F);
  more.groups.push_back(60);
  const boosted_trees_options options{.loss = tree_loss::softmax, .rounds = 1, .max_depth = 3};
  // cuts may move with the values seen, and so may a tie; what is learned is worth the same
  CHECK(loss_of(fit_boosted_trees(more.rows(), options), data) ==
        Approx(loss_of(fit_boosted_trees(data.rows(), options), data)).epsilon(0.01));
  CHECK(loss_of(fit_boosted_trees(data.rows(), options), more) ==
        Approx(loss_of(fit_boosted_trees(data.rows(), options), data)));
  table none = data;
  none.labels.assign(500, 0.0F);
  const boosted_trees model = fit_boosted_trees(none.rows(), options);
  CHECK(model.n_trees() == 0);
  CHECK(loss_of(model, none) == 0);
}

TEST_CASE("boosted trees: a group may have several positives of different worth", "[boosted_trees]") {
  // two rows of labels 3 and 1: the best shares are 3/4 and 1/4
  table data{1, {1, 2, 3}, {3, 1, 0}, {}, {}, {3}};
  const boosted_trees model = fit_boosted_trees(
      data.rows(), {.loss = tree_loss::softmax, .rounds = 4000, .eta = 0.5F, .lambda = 0.01F, .min_child_weight = 0});
  const std::vector<float> m = margins_of(model, data);
  CHECK(m[0] - m[1] == Approx(std::log(3.0)).margin(1e-3));
  CHECK(m[1] - m[2] > 4);
}

TEST_CASE("boosted trees: base margins are where learning starts", "[boosted_trees]") {
  table data = random_table(10, 500, 3, tree_loss::squared);
  table shifted = data;
  for (std::size_t r = 0; r < 500; ++r) {
    data.margins.push_back(0.5F);
    shifted.margins.push_back(2.5F);
    shifted.labels[r] += 2.0F;
  }
  const boosted_trees a = fit_boosted_trees(data.rows(), {.rounds = 20});
  const boosted_trees b = fit_boosted_trees(shifted.rows(), {.rounds = 20});
  CHECK(a.base() == 0);
  const std::vector<float> x = margins_of(a, data);
  const std::vector<float> y = margins_of(b, shifted);
  for (std::size_t r = 0; r < 500; ++r) CHECK(x[r] + 2 == Approx(y[r]).margin(2e-2));
  CHECK(loss_of(a, data) == Approx(loss_of(b, shifted)).epsilon(1e-2));
}

TEST_CASE("boosted trees: the base is the best constant", "[boosted_trees]") {
  const table squared{1, {1, 1, 1}, {1, 2, 6}, {1, 1, 2}};
  CHECK(fit_boosted_trees(squared.rows(), {.rounds = 1}).base() == Approx(3.75));
  const table logistic{1, {1, 1, 1, 1}, {1, 0, 0, 0}};
  CHECK(fit_boosted_trees(logistic.rows(), {.loss = tree_loss::logistic, .rounds = 1}).base() ==
        Approx(std::log(1.0 / 3)));
  const table all_positive{1, {1, 2}, {1, 1}};
  const boosted_trees model = fit_boosted_trees(all_positive.rows(), {.loss = tree_loss::logistic, .rounds = 200});
  CHECK(std::isfinite(model.base()));
  CHECK(model.predict(std::vector<float>{1}) > 0.8F);
}

TEST_CASE("boosted trees: early stopping keeps the trees of the best round", "[boosted_trees]") {
  const table train = random_table(11, 300, 8, tree_loss::logistic);
  const table valid = random_table(12, 2000, 8, tree_loss::logistic);
  const labelled_rows judge = valid.rows();
  const boosted_trees model = fit_boosted_trees(
      train.rows(), {.loss = tree_loss::logistic, .rounds = 2000, .eta = 0.3F, .early_stopping_rounds = 10}, {}, {},
      &judge);
  const auto losses = model.validation_losses();
  REQUIRE(losses.size() < 2000);
  const auto best = std::min_element(losses.begin(), losses.end());
  CHECK(static_cast<std::size_t>(best - losses.begin()) + 1 == model.n_trees());
  CHECK(losses.size() == model.n_trees() + 10);
  CHECK(loss_of(model, valid) == Approx(*best).epsilon(1e-6));
  std::size_t nodes = 0;
  for (const std::uint32_t size : model.tree_sizes()) nodes += size;
  CHECK(nodes == model.nodes().size());
}

TEST_CASE("boosted trees: early stopping keeps no tree when none helps", "[boosted_trees]") {
  table train = random_table(13, 200, 3, tree_loss::squared);
  table valid = train;
  for (float& y : train.labels) y = -y;
  for (std::size_t r = 0; r < 200; ++r) train.margins.push_back(0);
  valid.margins = train.margins;
  const labelled_rows judge = valid.rows();
  const boosted_trees model =
      fit_boosted_trees(train.rows(), {.rounds = 50, .early_stopping_rounds = 3}, {}, {}, &judge);
  CHECK(model.n_trees() == 0);
  CHECK(model.validation_losses().size() == 3);
}

TEST_CASE("boosted trees: leaf-wise growth takes the greatest gain first and stops at max_leaves", "[boosted_trees]") {
  const table data = random_table(14, 3000, 5, tree_loss::squared, 0, 0.1);
  double before = std::numeric_limits<double>::infinity();
  for (const std::size_t leaves : {2U, 3U, 7U, 20U, 64U}) {
    const boosted_trees model =
        fit_boosted_trees(data.rows(), {.rounds = 1, .eta = 1, .max_depth = 32, .max_leaves = leaves, .lambda = 0});
    CHECK(model.nodes().size() == 2 * leaves - 1);
    const double now = loss_of(model, data);
    CHECK(now < before);
    before = now;
    // the gains of squared loss are twice what the loss falls by
    double gain = 0;
    for (const double each : model.importances()) gain += each;
    const std::vector<float> nothing(3000, static_cast<float>(model.base()));
    CHECK(gain / 2 / 3000 == Approx(mean_loss(data.rows(), model.loss(), nothing) - now).epsilon(1e-4));
  }
  // with room for every leaf, both ways give the same tree, numbered differently
  const boosted_trees wide = fit_boosted_trees(data.rows(), {.rounds = 1, .max_depth = 4, .max_leaves = 16});
  const boosted_trees level = fit_boosted_trees(data.rows(), {.rounds = 1, .max_depth = 4});
  CHECK(margins_of(wide, data) == margins_of(level, data));
}

TEST_CASE("boosted trees: more open nodes than a batch holds are all grown", "[boosted_trees]") {
  const table data = random_table(15, 20000, 6, tree_loss::squared);
  const boosted_trees model =
      fit_boosted_trees(data.rows(), {.rounds = 1, .eta = 1, .max_depth = 9, .lambda = 0, .min_child_weight = 5});
  CHECK(model.nodes().size() > 2 * 200);
  double gain = 0;
  for (const double each : model.importances()) gain += each;
  const std::vector<float> nothing(20000, static_cast<float>(model.base()));
  CHECK(gain / 2 / 20000 == Approx(mean_loss(data.rows(), model.loss(), nothing) - loss_of(model, data)).epsilon(1e-4));
}

TEST_CASE("boosted trees: of equal gains the smaller feature wins", "[boosted_trees]") {
  const table once = random_table(28, 800, 3, tree_loss::logistic, 0, 0.1);
  table many;
  many.labels = once.labels;
  many.n_features = 12;  // each column four times, in more ranges than one
  for (std::size_t r = 0; r < 800; ++r) {
    for (std::size_t f = 0; f < 12; ++f) many.features.push_back(once.features[3 * r + f % 3]);
  }
  const boosted_trees_options options{.loss = tree_loss::logistic, .rounds = 10};
  CHECK(same_bits(fit_boosted_trees(many.rows(), options), fit_boosted_trees(once.rows(), options)));
}

TEST_CASE("boosted trees: what is missing can be all there is to know", "[boosted_trees]") {
  table data;
  for (std::size_t r = 0; r < 100; ++r) {
    data.features.push_back(r % 2 == 0 ? not_there : static_cast<float>(r % 10));
    data.labels.push_back(r % 2 == 0 ? 5.0F : 1.0F);
  }
  const boosted_trees model = fit_boosted_trees(data.rows(), {.rounds = 1, .eta = 1, .max_depth = 1, .lambda = 0});
  CHECK(model.margin(std::vector<float>{not_there}) == Approx(5));
  for (const float x : {-1e30F, 0.0F, 3.0F, 1e30F}) CHECK(model.margin(std::vector<float>{x}) == Approx(1));
}

TEST_CASE("boosted trees: where training saw no missing value, one goes to the heavier child", "[boosted_trees]") {
  for (const bool heavier_right : {false, true}) {
    table data;
    for (std::size_t r = 0; r < 30; ++r) {
      const bool high = heavier_right ? r >= 10 : r >= 20;
      data.features.push_back(high ? 1.0F : 0.0F);
      data.labels.push_back(high ? 1.0F : 0.0F);
    }
    const boosted_trees model = fit_boosted_trees(data.rows(), {.rounds = 1, .eta = 1, .lambda = 0});
    CHECK(model.margin(std::vector<float>{not_there}) == Approx(heavier_right ? 1 : 0).margin(1e-6));
    CHECK(model.nodes()[0].threshold == 0.5F);
  }
}

TEST_CASE("boosted trees: features that say nothing give a single leaf", "[boosted_trees]") {
  table data = random_table(16, 50, 2, tree_loss::squared);
  for (std::size_t r = 0; r < 50; ++r) {
    data.features[2 * r] = 3.0F;
    data.features[2 * r + 1] = not_there;
  }
  const boosted_trees model = fit_boosted_trees(data.rows(), {.rounds = 3});
  CHECK(model.n_trees() == 3);
  CHECK(model.nodes().size() == 3);
  CHECK(margins_of(model, data)[0] == Approx(model.base()).margin(1e-5));
}

TEST_CASE("boosted trees: small and empty data are fitted", "[boosted_trees]") {
  const table one{2, {1, 2}, {7}};
  CHECK(fit_boosted_trees(one.rows(), {.rounds = 5}).margin(std::vector<float>{1, 2}) == Approx(7));
  const table none{2, {}, {}};
  CHECK(fit_boosted_trees(none.rows(), {}).n_features() == 2);
  CHECK(fit_boosted_trees({}, {}).n_trees() == 0);
  table weightless = random_table(17, 20, 2, tree_loss::squared);
  weightless.weights.assign(20, 0.0F);
  const boosted_trees model = fit_boosted_trees(weightless.rows(), {});
  CHECK(model.n_trees() == 0);
  CHECK(margins_of(model, weightless)[3] == 0);
  const table two{1, {0, 1}, {0, 1}};
  const boosted_trees sampled = fit_boosted_trees(two.rows(), {.rounds = 20, .subsample = 0.001F});
  CHECK(sampled.n_trees() == 20);
}

TEST_CASE("boosted trees: bins are exact for few values and near equal for many", "[boosted_trees]") {
  random_stream random(1);
  std::vector<float> x;
  for (int r = 0; r < 20000; ++r) {
    x.push_back(static_cast<float>(random.below(200)) - 100);                           // all distinct values
    x.push_back(static_cast<float>(std::exp(3 * random.normal())));                     // a long tail
    x.push_back(random.uniform() < 0.6 ? 0.0F : static_cast<float>(random.uniform()));  // a heavy value
  }
  for (const std::size_t max_bins : {3U, 17U, 256U}) {
    const detail::feature_bins bins({x, 3}, {}, max_bins, 1 << 18, 0, {});
    const detail::binned_rows rows({x, 3}, bins, {});
    CHECK(bins.n_bins(0) == std::min<std::size_t>(max_bins, 201));
    for (std::size_t f = 0; f < 3; ++f) {
      CHECK(std::is_sorted(bins.cuts(f).begin(), bins.cuts(f).end()));
      CHECK(bins.n_bins(f) <= max_bins);
      std::vector<std::size_t> count(bins.n_bins(f));
      for (std::size_t r = 0; r < 20000; ++r) {
        const std::size_t bin = rows.feature(f)[r];
        ++count[bin];
        REQUIRE(bin == rows.row(r)[f]);
        if (bin > 0) REQUIRE(x[3 * r + f] >= bins.cuts(f)[bin - 1]);
        if (bin < bins.cuts(f).size()) REQUIRE(x[3 * r + f] < bins.cuts(f)[bin]);
      }
      CHECK(count.back() == 0);
      if (f == 1) {
        const std::size_t share = 20000 / (max_bins - 1);
        for (std::size_t b = 0; b + 1 < count.size(); ++b) {
          CHECK(count[b] + 2 >= share);
          CHECK(count[b] <= share + 2);
        }
      }
    }
  }
}

TEST_CASE("boosted trees: weighted bins carry equal weight", "[boosted_trees]") {
  std::vector<float> x;
  std::vector<float> weights;
  for (int r = 0; r < 10000; ++r) {
    x.push_back(static_cast<float>(r));
    weights.push_back(r < 5000 ? 9.0F : 1.0F);
  }
  const detail::feature_bins bins({x, 1}, weights, 12, 1 << 18, 0, {});
  REQUIRE(bins.cuts(0).size() == 10);
  const auto low = std::count_if(bins.cuts(0).begin(), bins.cuts(0).end(), [](float c) { return c < 5000; });
  CHECK(low == 9);  // nine tenths of the weight
}

TEST_CASE("boosted trees: a sample of rows gives nearly the bins of all", "[boosted_trees]") {
  const table data = random_table(18, 50000, 1, tree_loss::squared);
  const detail::feature_bins all({data.features, 1}, {}, 11, 50000, 0, {});
  const detail::feature_bins some({data.features, 1}, {}, 11, 5000, 0, {});
  REQUIRE(some.cuts(0).size() == all.cuts(0).size());
  for (std::size_t c = 0; c < all.cuts(0).size(); ++c) {
    CHECK(some.cuts(0)[c] == Approx(all.cuts(0)[c]).margin(0.08));
    CHECK(some.cuts(0)[c] != all.cuts(0)[c]);
  }
}

TEST_CASE("boosted trees: cuts lie between neighbours even where there is no number between them", "[boosted_trees]") {
  const float pairs[][2] = {{1.0F, std::nextafter(1.0F, 2.0F)},
                            {-std::numeric_limits<float>::denorm_min(), 0.0F},
                            {0.0F, std::numeric_limits<float>::denorm_min()},
                            {-3e38F, 3e38F},
                            {3.3e38F, 3.4e38F}};
  for (const auto& pair : pairs) {
    const float cut = detail::cut_between(pair[0], pair[1]);
    CHECK(pair[0] < cut);
    CHECK(cut <= pair[1]);
  }
}

TEST_CASE("boosted trees: labels of any magnitude are learned", "[boosted_trees]") {
  const table plain = random_table(19, 500, 3, tree_loss::squared);
  const boosted_trees expected = fit_boosted_trees(plain.rows(), {.rounds = 10});
  for (const float scale : {1e-20F, 1e-3F, 1e6F, 1e15F, 1e30F}) {
    INFO("scale " << scale);
    table scaled = plain;
    for (float& y : scaled.labels) y *= scale;
    const boosted_trees model = fit_boosted_trees(scaled.rows(), {.rounds = 10});
    const double by = static_cast<double>(scale);
    CHECK(loss_of(model, scaled) / by / by == Approx(loss_of(expected, plain)).epsilon(0.02));
  }
}

TEST_CASE("boosted trees: one outlier does not hide the others", "[boosted_trees]") {
  table data = random_table(20, 1000, 3, tree_loss::squared);
  data.labels[17] = 1e5F;
  data.features[3 * 17] = 50.0F;  // and a split can take it away
  table others = data;
  others.weights.assign(1000, 1.0F);
  others.weights[17] = 0;
  const boosted_trees model = fit_boosted_trees(data.rows(), {.rounds = 200, .eta = 0.3F, .min_child_weight = 0});
  const std::vector<float> nothing(1000, 0.0F);
  CHECK(mean_loss(others.rows(), tree_loss::squared, margins_of(model, data)) <
        0.5 * mean_loss(others.rows(), tree_loss::squared, nothing));
}

TEST_CASE("boosted trees: numbers that are none are refused by name", "[boosted_trees]") {
  const table good = random_table(21, 30, 2, tree_loss::softmax);
  const auto tried = [](const table& data, tree_loss loss) {
    return refusal([&] { (void)fit_boosted_trees(data.rows(), {.loss = loss, .rounds = 1}); });
  };
  CHECK(tried(good, tree_loss::softmax) == "accepted");
  for (const float bad : {not_there, HUGE_VALF, -HUGE_VALF}) {
    table data = good;
    data.labels[4] = bad;
    CHECK(tried(data, tree_loss::softmax) == "not_finite labels");
    data = good;
    data.weights.assign(30, 1.0F);
    data.weights[4] = bad;
    CHECK(tried(data, tree_loss::softmax) == "not_finite weights");
    data = good;
    data.margins.assign(30, 1.0F);
    data.margins[4] = bad;
    CHECK(tried(data, tree_loss::softmax) == "not_finite margins");
    if (std::isnan(bad)) continue;
    data = good;
    data.features[9] = bad;
    CHECK(tried(data, tree_loss::softmax) == "not_finite features");
  }
  table data = good;
  data.labels[4] = -1;
  CHECK(tried(data, tree_loss::softmax) == "invalid_argument labels");
  table ungrouped = good;
  ungrouped.groups.clear();
  CHECK(tried(ungrouped, tree_loss::softmax) == "invalid_argument groups");
  data.groups.clear();
  CHECK(tried(data, tree_loss::logistic) == "invalid_argument labels");
  data.labels[4] = 1.5F;
  CHECK(tried(data, tree_loss::logistic) == "invalid_argument labels");
  CHECK(tried(data, tree_loss::squared) == "accepted");
  data.weights.assign(30, -1.0F);
  CHECK(tried(data, tree_loss::squared) == "invalid_argument weights");
}

TEST_CASE("boosted trees: an infinite feature is refused with its row", "[boosted_trees]") {
  table data = random_table(22, 30, 2, tree_loss::squared);
  data.features[2 * 17 + 1] = -HUGE_VALF;
  try {
    (void)fit_boosted_trees(data.rows(), {});
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.message() == "feature 1 of row 17 is infinite");
    CHECK(failure.remedy().find("NaN") != std::string::npos);
  }
}

TEST_CASE("boosted trees: lengths that do not fit are refused by name", "[boosted_trees]") {
  const table good = random_table(23, 30, 2, tree_loss::squared);
  const auto tried = [&](auto&& change) {
    table data = good;
    change(data);
    return refusal([&] { (void)fit_boosted_trees(data.rows(), {.rounds = 1}); });
  };
  CHECK(tried([](table& t) { t.labels.pop_back(); }) == "invalid_argument features");
  CHECK(tried([](table& t) { t.features.pop_back(); }) == "invalid_argument features");
  CHECK(tried([](table& t) { t.n_features = 0; }) == "invalid_argument features");
  CHECK(tried([](table& t) { t.weights.resize(29); }) == "invalid_argument weights");
  CHECK(tried([](table& t) { t.margins.resize(31); }) == "invalid_argument margins");
  CHECK(tried([](table& t) { t.groups = {30}; }) == "invalid_argument groups");
  CHECK(refusal([&] { (void)mean_loss(good.rows(), tree_loss::squared, std::vector<float>(29)); }) ==
        "invalid_argument margins");
  CHECK(refusal([&] { (void)mean_loss(good.rows(), tree_loss::squared, std::vector<float>(30, not_there)); }) ==
        "not_finite margins");
}

TEST_CASE("boosted trees: validation rows are checked as the others are", "[boosted_trees]") {
  const table train = random_table(24, 30, 2, tree_loss::logistic);
  const auto tried = [&](const table& valid, std::size_t stop) {
    const labelled_rows judge = valid.rows();
    return refusal([&] {
      (void)fit_boosted_trees(train.rows(), {.loss = tree_loss::logistic, .rounds = 1, .early_stopping_rounds = stop},
                              {}, {}, &judge);
    });
  };
  CHECK(tried(train, 1) == "accepted");
  CHECK(tried(random_table(24, 30, 3, tree_loss::logistic), 0) == "invalid_argument validation.features");
  table valid = train;
  valid.labels[3] = 2;
  CHECK(tried(valid, 0) == "invalid_argument validation.labels");
  valid = train;
  valid.weights.assign(30, 0.0F);
  CHECK(tried(valid, 0) == "accepted");
  CHECK(tried(valid, 1) == "invalid_argument validation.labels");
  CHECK(refusal([&] {
          (void)fit_boosted_trees(train.rows(), {.loss = tree_loss::logistic, .early_stopping_rounds = 1});
        }) == "invalid_argument early_stopping_rounds");
}

TEST_CASE("boosted trees: margins that leave float32 end in an error that says what to do", "[boosted_trees]") {
  table data = random_table(25, 30, 2, tree_loss::squared);
  data.weights.assign(30, 3e38F);
  for (float& y : data.labels) y = y > 0 ? 100.0F : -100.0F;
  try {
    (void)fit_boosted_trees(data.rows(), {});
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::not_finite);
    CHECK(failure.remedy().find("scale") != std::string::npos);
  }
}

TEST_CASE("boosted trees: leaves beyond float32 end in an error too", "[boosted_trees]") {
  // confident and wrong: the curvature is next to nothing, and so is what divides the gradient
  const table data{1, {0, 1}, {1, 1}, {}, {-95, -95}};
  try {
    (void)fit_boosted_trees(data.rows(),
                            {.loss = tree_loss::logistic, .rounds = 3, .eta = 1, .lambda = 0, .min_child_weight = 0});
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::not_finite);
    CHECK(failure.remedy().find("lambda") != std::string::npos);
  }
}

TEST_CASE("boosted trees: bad options are refused by name", "[boosted_trees]") {
  const table data = random_table(26, 30, 2, tree_loss::squared);
  const auto field_of = [&](const boosted_trees_options& options) {
    const std::string said = refusal([&] { (void)fit_boosted_trees(data.rows(), options); });
    return said == "accepted" ? said : said.substr(said.find(' ') + 1);
  };
  CHECK(field_of({.rounds = 1}) == "accepted");
  CHECK(field_of({.loss = static_cast<tree_loss>(3)}) == "loss");
  for (const std::size_t bad : {0U, 100001U}) CHECK(field_of({.rounds = bad}) == "rounds");
  for (const std::size_t bad : {0U, 33U}) CHECK(field_of({.max_depth = bad}) == "max_depth");
  for (const std::size_t bad : {1U, 4097U}) CHECK(field_of({.max_leaves = bad}) == "max_leaves");
  for (const std::size_t bad : {2U, 257U}) CHECK(field_of({.max_bins = bad}) == "max_bins");
  CHECK(field_of({.bin_rows = 0}) == "bin_rows");
  CHECK(field_of({.early_stopping_rounds = 100001}) == "early_stopping_rounds");
  for (const float bad : {0.0F, -0.1F, 1.01F, not_there}) {
    CHECK(field_of({.eta = bad}) == "eta");
    CHECK(field_of({.subsample = bad}) == "subsample");
    CHECK(field_of({.feature_share = bad}) == "feature_share");
    CHECK(field_of({.level_feature_share = bad}) == "level_feature_share");
  }
  for (const float bad : {-0.1F, HUGE_VALF, not_there}) {
    CHECK(field_of({.lambda = bad}) == "lambda");
    CHECK(field_of({.gamma = bad}) == "gamma");
    CHECK(field_of({.min_child_weight = bad}) == "min_child_weight");
  }
}

TEST_CASE("boosted trees: progress counts trees on the calling thread, and can cancel at each", "[boosted_trees]") {
  const table data = random_table(27, 100, 2, tree_loss::squared);
  const auto caller = std::this_thread::get_id();
  std::size_t calls = 0;
  striping_executor striping{2};
  (void)fit_boosted_trees(data.rows(), {.rounds = 7}, striping, [&](const progress_report& report) {
    CHECK(report.stage == "boosted trees");
    CHECK(report.done == ++calls);
    CHECK(report.total == 7);
    CHECK(std::this_thread::get_id() == caller);
    return true;
  });
  CHECK(calls == 7);
  for (std::size_t stop = 1; stop <= 7; ++stop) {
    std::size_t seen = 0;
    CHECK(refusal([&] {
            (void)fit_boosted_trees(data.rows(), {.rounds = 7}, {},
                                    [&](const progress_report&) { return ++seen < stop; });
          }) == "cancelled ");
    CHECK(seen == stop);
  }
  CHECK_THROWS_AS(fit_boosted_trees(data.rows(), {.rounds = 2}, {},
                                    [](const progress_report&) -> bool { throw std::logic_error("host"); }),
                  std::logic_error);
}
