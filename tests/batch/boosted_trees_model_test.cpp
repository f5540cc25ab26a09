#include "tandem/batch/boosted_trees_model.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

const float not_there = std::nanf("");

struct parts {
  std::vector<tree_node> nodes;
  std::vector<std::uint32_t> sizes;
};

/// Random trees: every open node is split with probability 0.7 until `most` nodes stand.
parts random_trees(random_stream& random, std::size_t n_trees, std::size_t n_features, std::size_t most) {
  parts out;
  for (std::size_t t = 0; t < n_trees; ++t) {
    std::vector<tree_node> tree(1);
    for (std::uint32_t i = 0; i < tree.size(); ++i) {
      if (tree.size() + 2 <= most && random.uniform() < 0.7) {
        tree[i] = tree_node::inner(static_cast<std::uint32_t>(random.below(n_features)),
                                   static_cast<float>(random.normal()), random.uniform() < 0.5,
                                   static_cast<std::uint32_t>(tree.size()), static_cast<float>(random.uniform()));
        tree.resize(tree.size() + 2);
      } else {
        tree[i] = tree_node::leaf(i, static_cast<float>(random.normal()));
      }
    }
    out.nodes.insert(out.nodes.end(), tree.begin(), tree.end());
    out.sizes.push_back(static_cast<std::uint32_t>(tree.size()));
  }
  return out;
}

std::vector<float> random_rows(random_stream& random, std::size_t n, double missing) {
  std::vector<float> out(n);
  for (float& x : out) x = random.uniform() < missing ? not_there : static_cast<float>(random.normal());
  return out;
}

/// The definition, word by word.
double walk(const parts& trees, std::span<const float> row, double base) {
  double sum = base;
  std::size_t first = 0;
  for (const std::uint32_t size : trees.sizes) {
    std::size_t at = 0;
    for (;;) {
      const tree_node& node = trees.nodes[first + at];
      if (node.left == at) break;
      const float x = row[node.feature];
      const bool right = std::isnan(x) ? node.missing_right == 1 : x >= node.threshold;
      at = node.left + (right ? 1U : 0U);
    }
    sum += static_cast<double>(trees.nodes[first + at].value);
    first += size;
  }
  return sum;
}

parts stump() {
  return {{tree_node::inner(1, 0.5F, true, 1, 3.0F), tree_node::leaf(1, -1.0F), tree_node::leaf(2, 2.0F)}, {3}};
}

}  // namespace

static_assert(sizeof(tree_node) == 16);

TEST_CASE("boosted trees: one row, many rows and the definition agree to the bit", "[boosted_trees]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    random_stream random(seed);
    const std::size_t n_features = 1 + random.below(12);
    const std::size_t n_rows = 1 + random.below(300);
    const parts trees = random_trees(random, random.below(30), n_features, 1 + random.below(80));
    const double base = random.normal();
    const boosted_trees model =
        boosted_trees::from_nodes(trees.nodes, trees.sizes, n_features, tree_loss::squared, base);
    const std::vector<float> rows = random_rows(random, n_rows * n_features, seed % 2 == 0 ? 0.0 : 0.2);
    const std::vector<float> starts = random_rows(random, n_rows, 0);
    std::vector<float> plain(n_rows);
    std::vector<float> started(n_rows);
    model.margins({rows, n_features}, plain);
    thread_pool pool(2);
    model.margins({rows, n_features}, started, starts, pool);
    for (std::size_t r = 0; r < n_rows; ++r) {
      const std::span<const float> row = std::span(rows).subspan(r * n_features, n_features);
      const auto start = static_cast<double>(starts[r]);
      REQUIRE(plain[r] == model.margin(row));
      REQUIRE(plain[r] == static_cast<float>(walk(trees, row, base)));
      REQUIRE(started[r] == model.margin(row, start));
      REQUIRE(started[r] == static_cast<float>(walk(trees, row, base + start)));
    }
  }
}

TEST_CASE("boosted trees: missing values go the learned way, numbers by the threshold", "[boosted_trees]") {
  const parts trees = stump();
  const boosted_trees model = boosted_trees::from_nodes(trees.nodes, trees.sizes, 2, tree_loss::squared, 10);
  const auto margin = [&](float x) {
    const std::vector<float> row{7.0F, x};
    return model.margin(row);
  };
  CHECK(margin(0.49F) == 9);
  CHECK(margin(0.5F) == 12);
  CHECK(margin(not_there) == 12);
  CHECK(margin(-HUGE_VALF) == 9);
  CHECK(margin(HUGE_VALF) == 12);
}

TEST_CASE("boosted trees: a threshold of infinity separates numbers from missing values", "[boosted_trees]") {
  std::vector<tree_node> nodes{tree_node::inner(0, HUGE_VALF, true, 1, 1), tree_node::leaf(1, -1),
                               tree_node::leaf(2, 1)};
  const boosted_trees model = boosted_trees::from_nodes(nodes, {3}, 1, tree_loss::squared, 0);
  const std::vector<float> rows{std::numeric_limits<float>::max(), -3.0F, not_there};
  std::vector<float> out(3);
  model.margins({rows, 1}, out);
  CHECK(out == std::vector<float>{-1, -1, 1});
}

TEST_CASE("boosted trees: predict gives a probability for logistic and the margin otherwise", "[boosted_trees]") {
  const parts trees = stump();
  const std::vector<float> rows{0, 0, 0, 1, 0, not_there};
  const std::vector<float> starts{0.5F, -4, 100};
  for (const tree_loss loss : {tree_loss::squared, tree_loss::logistic, tree_loss::softmax}) {
    const boosted_trees model = boosted_trees::from_nodes(trees.nodes, trees.sizes, 2, loss, 0);
    CHECK(model.loss() == loss);
    std::vector<float> out(3);
    model.predict({rows, 2}, out, starts);
    for (std::size_t r = 0; r < 3; ++r) {
      const auto start = static_cast<double>(starts[r]);
      const double margin = start + (r == 0 ? -1 : 2);
      CHECK(out[r] == Approx(loss == tree_loss::logistic ? 1 / (1 + std::exp(-margin)) : margin));
      CHECK(out[r] == model.predict(std::span(rows).subspan(r * 2, 2), start));
    }
  }
}

TEST_CASE("boosted trees: importances are the gains, feature by feature", "[boosted_trees]") {
  random_stream random(4);
  const parts trees = random_trees(random, 20, 5, 40);
  const boosted_trees model = boosted_trees::from_nodes(trees.nodes, trees.sizes, 5, tree_loss::squared, 0);
  std::vector<double> expected(5);
  std::size_t first = 0;
  for (const std::uint32_t size : trees.sizes) {
    for (std::size_t i = 0; i < size; ++i) {
      const tree_node& node = trees.nodes[first + i];
      if (node.left != i) expected[node.feature] += static_cast<double>(node.value);
    }
    first += size;
  }
  CHECK(std::vector<double>(model.importances().begin(), model.importances().end()) == expected);
}

TEST_CASE("boosted trees: a model read back from its nodes is the same model", "[boosted_trees]") {
  random_stream random(5);
  const parts trees = random_trees(random, 10, 3, 30);
  const boosted_trees model =
      boosted_trees::from_nodes(trees.nodes, trees.sizes, 3, tree_loss::logistic, 0.25, {0.7, 0.6});
  const boosted_trees again = boosted_trees::from_nodes(
      {model.nodes().begin(), model.nodes().end()}, {model.tree_sizes().begin(), model.tree_sizes().end()},
      model.n_features(), model.loss(), model.base(),
      {model.validation_losses().begin(), model.validation_losses().end()});
  const std::vector<float> rows = random_rows(random, 300, 0.1);
  std::vector<float> a(100);
  std::vector<float> b(100);
  model.predict({rows, 3}, a);
  again.predict({rows, 3}, b);
  CHECK(a == b);
  CHECK(again.validation_losses().size() == 2);
}

TEST_CASE("boosted trees: a model without trees gives its base", "[boosted_trees]") {
  CHECK(boosted_trees().margin({}) == 0);
  CHECK(boosted_trees().n_trees() == 0);
  const boosted_trees model = boosted_trees::from_nodes({}, {}, 2, tree_loss::squared, 1.5);
  const std::vector<float> row{1, 2};
  CHECK(model.margin(row, 1) == 2.5F);
  std::vector<float> none;
  model.margins({{}, 2}, none);
}

TEST_CASE("boosted trees: lengths that do not fit are refused", "[boosted_trees]") {
  const parts trees = stump();
  const boosted_trees model = boosted_trees::from_nodes(trees.nodes, trees.sizes, 2, tree_loss::squared, 0);
  const std::vector<float> rows(6);
  std::vector<float> out(3);
  const auto field_of = [&](const feature_matrix& features, std::span<const float> starts) {
    try {
      model.margins(features, out, starts);
    } catch (const error& failure) {
      CHECK(failure.code() == errc::invalid_argument);
      return failure.where().field;
    }
    return std::string("accepted");
  };
  CHECK(field_of({rows, 2}, {}) == "accepted");
  CHECK(field_of({rows, 3}, {}) == "rows");
  CHECK(field_of({std::span(rows).first(4), 2}, {}) == "rows");
  CHECK(field_of({rows, 2}, std::span(rows).first(2)) == "starts");
}

TEST_CASE("boosted trees: nodes that are not trees are refused", "[boosted_trees]") {
  const auto refused = [](std::vector<tree_node> nodes, std::vector<std::uint32_t> sizes, errc code) {
    try {
      (void)boosted_trees::from_nodes(std::move(nodes), std::move(sizes), 2, tree_loss::squared, 0);
    } catch (const error& failure) {
      return failure.code() == code;
    }
    return false;
  };
  const std::vector<tree_node> good = stump().nodes;
  const auto with = [&](std::size_t at, const tree_node& node) {
    std::vector<tree_node> nodes = good;
    nodes[at] = node;
    return nodes;
  };
  CHECK_FALSE(refused(good, {3}, errc::invalid_argument));
  CHECK(refused(good, {2}, errc::invalid_argument));
  CHECK(refused(good, {4}, errc::invalid_argument));
  CHECK(refused(good, {3, 0}, errc::invalid_argument));
  CHECK(refused(good, {}, errc::invalid_argument));
  CHECK(refused(with(0, tree_node::inner(0, 0, false, 2, 0)), {3}, errc::invalid_argument));  // 3 is beyond
  CHECK(refused(with(0, tree_node::inner(2, 0, false, 1, 0)), {3}, errc::invalid_argument));  // no such feature
  CHECK(refused(with(1, tree_node::inner(0, 0, false, 0, 0)), {3}, errc::invalid_argument));  // back to the root
  CHECK(refused(with(1, tree_node::inner(0, 0, false, 2, 0)), {3}, errc::invalid_argument));
  CHECK(refused(with(0, tree_node::leaf(0, 1)), {3}, errc::invalid_argument));  // nobody's children
  CHECK(refused(with(0, tree_node::inner(0, not_there, false, 1, 0)), {3}, errc::not_finite));
  CHECK(refused(with(1, tree_node::leaf(1, not_there)), {3}, errc::not_finite));
  tree_node leaf_with_threshold = tree_node::leaf(1, 0);
  leaf_with_threshold.threshold = 1;
  CHECK(refused(with(1, leaf_with_threshold), {3}, errc::invalid_argument));
  CHECK_THROWS_AS(boosted_trees::from_nodes(good, {3}, std::size_t{1} << 27, tree_loss::squared, 0), error);
  CHECK_THROWS_AS(boosted_trees::from_nodes(good, {3}, 2, tree_loss::squared, std::nan("")), error);
}

TEST_CASE("boosted trees: damaged nodes are refused or walk to an end", "[boosted_trees]") {
  random_stream random(6);
  std::size_t refused = 0;
  for (int run = 0; run < 2000; ++run) {
    parts trees = random_trees(random, 3, 4, 20);
    auto* bytes = reinterpret_cast<unsigned char*>(trees.nodes.data());
    for (int hit = 0; hit < 2; ++hit) {
      bytes[random.below(trees.nodes.size() * sizeof(tree_node))] ^= static_cast<unsigned char>(1U << random.below(8));
    }
    try {
      const boosted_trees model = boosted_trees::from_nodes(trees.nodes, trees.sizes, 4, tree_loss::squared, 0);
      const std::vector<float> rows = random_rows(random, 4 * 70, 0.2);
      std::vector<float> out(70);
      model.margins({rows, 4}, out);
      for (std::size_t r = 0; r < 70; ++r) {
        REQUIRE(out[r] == static_cast<float>(walk(trees, std::span(rows).subspan(r * 4, 4), 0)));
      }
    } catch (const error&) {
      ++refused;
    }
  }
  CHECK(refused > 200);
  CHECK(refused < 1800);
}
