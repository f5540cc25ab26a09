#include "tandem/batch/segment_tree.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

const float missing = std::nanf("");

/// The segmentation in which user u is in segment labels[u], or in none for a label of -1. Every label occurs, and
/// smaller ones not less often.
segmentation labelled(const std::vector<int>& labels) {
  const auto rank = static_cast<std::size_t>(*std::max_element(labels.begin(), labels.end())) + 1;
  std::vector<float> vectors(labels.size() * rank, 0.0F);
  for (std::size_t u = 0; u < labels.size(); ++u) {
    if (labels[u] >= 0) vectors[u * rank + static_cast<std::size_t>(labels[u])] = 1;
  }
  std::vector<float> axes(rank * rank, 0.0F);
  for (std::size_t c = 0; c < rank; ++c) axes[c * rank + c] = 1;
  // one user a segment, in order, is where the fit starts from
  segmentation out = fit_segments(axes, rank, {.count = rank, .restarts = 1});
  std::vector<float> start(rank * rank);
  for (std::uint32_t c = 0; c < rank; ++c) {
    const auto centre = out.centre(segment_index{c});
    std::copy(centre.begin(), centre.end(), start.begin() + static_cast<std::ptrdiff_t>(c * rank));
  }
  std::vector<float> turned(vectors.size(), 0.0F);  // axis of label l = the axis on which segment l starts
  for (std::size_t u = 0; u < labels.size(); ++u) {
    if (labels[u] >= 0) {
      std::copy_n(start.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(labels[u]) * rank), rank,
                  turned.begin() + static_cast<std::ptrdiff_t>(u * rank));
    }
  }
  out = fit_segments(turned, rank, {.count = rank}, {}, {}, &out);
  for (std::size_t u = 0; u < labels.size(); ++u) {
    REQUIRE(out.assignment()[u] ==
            (labels[u] < 0 ? no_id<segment_index> : segment_index{static_cast<std::uint32_t>(labels[u])}));
  }
  return out;
}

struct people {
  std::vector<float> features;  // visits, age
  std::vector<int> labels;
  std::vector<std::string> names{"visits", "age"};
};

/// Segment 2 visits often and is young, 1 visits often and is not, 0 visits rarely; a part is noise.
people shoppers(std::uint64_t seed, std::size_t n, double noise, double gaps) {
  random_stream random(seed);
  people out;
  for (std::size_t u = 0; u < n; ++u) {
    const auto visits = static_cast<float>(random.below(8));
    const auto age = static_cast<float>(18 + random.below(50));
    int label = visits < 4 ? 0 : age < 30 ? 2 : 1;
    if (random.uniform() < noise) label = static_cast<int>(random.below(3));
    out.labels.push_back(label);
    out.features.push_back(random.uniform() < gaps ? missing : visits);
    out.features.push_back(age);
  }
  return out;
}

/// Gini impurity of labels, times their number, from the definition.
double impurity(const std::vector<int>& labels) {
  double sum = 0;
  for (int c = 0; c < 8; ++c) {
    const auto n = static_cast<double>(std::count(labels.begin(), labels.end(), c));
    if (!labels.empty()) sum += n * (static_cast<double>(labels.size()) - n) / static_cast<double>(labels.size());
  }
  return sum;
}

/// The least impurity that any split by any feature reaches, tried one after the other.
double best_impurity(const people& p, std::size_t min_leaf) {
  double best = impurity(p.labels);
  const std::size_t n_features = p.names.size();
  std::vector<float> thresholds(p.features);
  thresholds.push_back(HUGE_VALF);
  for (std::size_t f = 0; f < n_features; ++f) {
    for (const float threshold : thresholds) {
      for (const bool missing_left : {false, true}) {
        std::vector<int> left;
        std::vector<int> right;
        for (std::size_t u = 0; u < p.labels.size(); ++u) {
          const float x = p.features[u * n_features + f];
          ((std::isnan(x) ? missing_left : x < threshold) ? left : right).push_back(p.labels[u]);
        }
        if (left.size() >= min_leaf && right.size() >= min_leaf) {
          best = std::min(best, impurity(left) + impurity(right));
        }
      }
    }
  }
  return best;
}

std::string field_of(const segmentation& segments, const std::vector<float>& features,
                     const std::vector<std::string>& names, const segment_tree_options& options = {},
                     errc expected = errc::invalid_argument) {
  try {
    (void)explain_segments(segments, features, names, options);
  } catch (const error& failure) {
    CHECK(failure.code() == expected);
    return failure.where().field;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a tree finds the rule behind segments and says it", "[segments]") {
  const people p = shoppers(1, 600, 0, 0);
  const segment_tree tree = explain_segments(labelled(p.labels), p.features, p.names);
  CHECK(tree.accuracy() > 0.98);
  CHECK(tree.fitted_accuracy() == 1);
  CHECK(tree.baseline() < 0.6);
  REQUIRE(tree.rules().size() == 3);
  CHECK(tree.rules()[0].text == "visits < 4 -> segment 0, 100 %");
  CHECK(tree.rules()[1].text == "visits >= 4 and age < 30 -> segment 2, 100 %");
  CHECK(tree.rules()[2].text == "visits >= 4 and age >= 30 -> segment 1, 100 %");
  CHECK(tree.predict(std::vector<float>{7, 20}) == segment_index{2});
  CHECK(tree.predict(std::vector<float>{7, 60}) == segment_index{1});
  CHECK(tree.predict(std::vector<float>{0, 60}) == segment_index{0});
}

TEST_CASE("accuracy is honest: noise is not explained, and fitting it does not count", "[segments]") {
  double surplus = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    people p = shoppers(seed, 400, 1.0, 0);  // labels have nothing to do with features
    const segment_tree tree =
        explain_segments(labelled(p.labels), p.features, p.names, {.max_depth = 4, .min_leaf = 5, .seed = seed});
    CHECK(tree.fitted_accuracy() > tree.baseline());
    surplus += (tree.accuracy() - 1.0 / 3) / 8;
    const people half = shoppers(seed, 400, 0.3, 0);
    const segment_tree good = explain_segments(labelled(half.labels), half.features, half.names);
    CHECK(good.accuracy() > 0.7);
    CHECK(good.accuracy() <= 0.9);
    CHECK(good.accuracy() > good.baseline() + 0.1);
  }
  CHECK(std::abs(surplus) < 0.025);  // three standard errors of 8 * 400 users
}

TEST_CASE("the first split is the best of all, missing values included", "[segments]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    const people p = shoppers(seed, 60, 0.3, seed % 3 == 0 ? 0.0 : 0.3);
    const std::size_t min_leaf = 1 + seed % 9;
    const segment_tree tree =
        explain_segments(labelled(p.labels), p.features, p.names, {.max_depth = 1, .min_leaf = min_leaf, .folds = 0});
    const auto root = tree.nodes()[0];
    std::vector<int> left;
    std::vector<int> right;
    for (std::size_t u = 0; u < p.labels.size(); ++u) {
      const float x = p.features[u * 2 + root.feature];
      const bool to_left = !root.is_leaf() && (std::isnan(x) ? root.missing_left : x < root.threshold);
      (to_left ? left : right).push_back(p.labels[u]);
    }
    if (root.is_leaf()) continue;  // both sides would have said the same
    CHECK(impurity(left) + impurity(right) == Approx(best_impurity(p, min_leaf)));
    CHECK(std::min(left.size(), right.size()) >= min_leaf);
  }
}

TEST_CASE("rules and nodes account for every user once", "[segments]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const people p = shoppers(seed, 300, 0.4, 0.2);
    const segmentation segments = labelled(p.labels);
    const std::size_t depth = 1 + seed % 4;
    const segment_tree tree =
        explain_segments(segments, p.features, p.names, {.max_depth = depth, .min_leaf = 4, .folds = 0});
    std::size_t users = 0;
    double hits = 0;
    for (const segment_rule& rule : tree.rules()) {
      users += rule.users;
      hits += rule.share * static_cast<double>(rule.users);
      CHECK(rule.users >= 4);
    }
    CHECK(users == 300);
    CHECK(tree.rules().size() <= (std::size_t{1} << depth));
    std::size_t right = 0;
    for (std::size_t u = 0; u < 300; ++u) {
      const auto x = std::span(p.features).subspan(u * 2, 2);
      right += tree.predict(x) == segments.assignment()[u] ? 1U : 0U;
    }
    CHECK(static_cast<double>(right) == Approx(hits));
    CHECK(tree.fitted_accuracy() == Approx(static_cast<double>(right) / 300));
    CHECK(tree.accuracy() == tree.fitted_accuracy());
    for (const auto& node : tree.nodes()) {
      if (node.is_leaf()) continue;
      const auto& a = tree.nodes()[node.left];
      const auto& b = tree.nodes()[node.right];
      CHECK(a.users + b.users == node.users);
      CHECK_FALSE((a.is_leaf() && b.is_leaf() && a.segment == b.segment));
    }
  }
}

TEST_CASE("missing values have a direction, and rules tell it", "[segments]") {
  people p;
  p.names = {"visits"};
  for (int u = 0; u < 100; ++u) {  // those whose visits are missing behave as those who visit rarely
    const bool often = u % 2 == 0;
    p.labels.push_back(often ? 0 : 1);
    p.features.push_back(often ? 5 : u % 3 == 0 ? missing : 2);
  }
  const segment_tree tree = explain_segments(labelled(p.labels), p.features, p.names, {.min_leaf = 1});
  CHECK(tree.fitted_accuracy() == 1);
  REQUIRE(tree.rules().size() == 2);
  CHECK(tree.rules()[0].text == "visits < 4 (or missing) -> segment 1, 100 %");
  CHECK(tree.rules()[1].text == "visits >= 4 -> segment 0, 100 %");
  CHECK(tree.predict(std::vector<float>{missing}) == segment_index{1});

  for (std::size_t u = 0; u < 100; ++u) p.features[u] = u % 2 == 0 ? 5 : missing;  // and that alone can be the rule
  const segment_tree known = explain_segments(labelled(p.labels), p.features, p.names, {.min_leaf = 1});
  REQUIRE(known.rules().size() == 2);
  CHECK(known.rules()[0].text == "visits is known -> segment 0, 100 %");
  CHECK(known.rules()[1].text == "visits is missing -> segment 1, 100 %");
  CHECK(known.predict(std::vector<float>{3e38F}) == segment_index{0});

  for (std::size_t u = 0; u < 100; ++u) p.features[u] = u % 2 == 0 || u < 10 ? 5 : 2;  // none missing: the larger side
  const segment_tree larger = explain_segments(labelled(p.labels), p.features, p.names, {.min_leaf = 1});
  CHECK(larger.predict(std::vector<float>{missing}) == segment_index{0});
  CHECK(larger.rules()[0].text == "visits < 4 -> segment 1, 100 %");
}

TEST_CASE("two bounds on one feature are one condition", "[segments]") {
  people p;
  p.names = {"age"};
  for (int u = 0; u < 90; ++u) {
    p.features.push_back(static_cast<float>(u));
    p.labels.push_back(u >= 30 && u < 45 ? 1 : 0);
  }
  const segment_tree tree = explain_segments(labelled(p.labels), p.features, p.names, {.min_leaf = 5});
  std::vector<std::string> texts;
  for (const segment_rule& rule : tree.rules()) texts.push_back(rule.text);
  CHECK(std::find(texts.begin(), texts.end(), "30 <= age < 45 -> segment 1, 100 %") != texts.end());
}

TEST_CASE("thresholds are the shortest numbers that tell the values apart", "[segments]") {
  CHECK(detail::short_threshold(3, 4) == 4);
  CHECK(detail::short_threshold(29, 30) == 30);
  CHECK(detail::short_threshold(44, 45) == 45);
  CHECK(detail::short_threshold(0, 1) == 0.5F);
  CHECK(detail::short_threshold(-1, 1) == 0);
  CHECK(detail::short_threshold(0.123456F, 0.183456F) > 0.123456F);
  random_stream random(5);
  for (int trial = 0; trial < 5000; ++trial) {
    const auto a = static_cast<float>(random.normal() * std::pow(10, 20 * random.uniform() - 10));
    const float b =
        trial % 2 == 0 ? std::nextafter(a, HUGE_VALF) : a + std::abs(a) * static_cast<float>(random.uniform());
    if (!(a < b)) continue;
    const float t = detail::short_threshold(a, b);
    CHECK((t > a && t <= b));
  }
  const float largest = std::numeric_limits<float>::max();
  CHECK(detail::short_threshold(-largest, largest) == 0);
}

TEST_CASE("users without a segment are not learned from", "[segments]") {
  people p = shoppers(7, 300, 0.2, 0.1);
  const segment_tree expected = explain_segments(labelled(p.labels), p.features, p.names, {.folds = 0});
  for (int u = 0; u < 100; ++u) {
    p.labels.push_back(-1);
    p.features.push_back(static_cast<float>(u));
    p.features.push_back(missing);
  }
  const segment_tree tree = explain_segments(labelled(p.labels), p.features, p.names, {.folds = 0});
  REQUIRE(tree.rules().size() == expected.rules().size());
  for (std::size_t r = 0; r < tree.rules().size(); ++r) CHECK(tree.rules()[r].text == expected.rules()[r].text);
}

TEST_CASE("features that say nothing leave one rule for everyone", "[segments]") {
  const people p = shoppers(8, 200, 0, 0);
  const std::vector<float> constant(200, 1.0F);
  const std::vector<float> unknown(200, missing);
  for (const auto& features : {constant, unknown}) {
    const segment_tree tree = explain_segments(labelled(p.labels), features, std::vector<std::string>{"x"});
    REQUIRE(tree.rules().size() == 1);
    CHECK(tree.rules()[0].text.rfind("everyone -> segment 0", 0) == 0);
    CHECK(tree.accuracy() == Approx(tree.baseline()));
  }
}

TEST_CASE("any number of threads grows the same tree", "[segments]") {
  const people p = shoppers(9, 500, 0.3, 0.2);
  const segmentation segments = labelled(p.labels);
  const segment_tree expected = explain_segments(segments, p.features, p.names, {.max_depth = 4});
  for (const std::size_t threads : {1U, 2U, 5U}) {
    thread_pool pool(threads);
    const segment_tree tree = explain_segments(segments, p.features, p.names, {.max_depth = 4}, pool);
    CHECK(tree.accuracy() == expected.accuracy());
    REQUIRE(tree.rules().size() == expected.rules().size());
    for (std::size_t r = 0; r < tree.rules().size(); ++r) CHECK(tree.rules()[r].text == expected.rules()[r].text);
  }
}

TEST_CASE("growing trees reports and cancels", "[segments]") {
  const people p = shoppers(10, 100, 0.3, 0);
  const segmentation segments = labelled(p.labels);
  std::size_t calls = 0;
  (void)explain_segments(segments, p.features, p.names, {.folds = 4}, {}, [&](const progress_report& report) {
    CHECK(report.stage == "segment tree");
    CHECK(report.done == calls++);
    CHECK(report.total == 5);
    return true;
  });
  CHECK(calls == 5);
  try {
    (void)explain_segments(segments, p.features, p.names, {}, {}, [](const progress_report&) { return false; });
    FAIL("not cancelled");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::cancelled);
  }
}

TEST_CASE("bad input to trees is refused by name", "[segments]") {
  const people p = shoppers(11, 50, 0, 0);
  const segmentation segments = labelled(p.labels);
  CHECK(field_of(segments, p.features, p.names) == "accepted");
  CHECK(field_of(segments, {}, {}) == "names");
  CHECK(field_of(segments, p.features, {"visits"}) == "features");
  for (const std::size_t bad : {std::size_t{0}, std::size_t{5}}) {
    CHECK(field_of(segments, p.features, p.names, {.max_depth = bad}) == "max_depth");
  }
  CHECK(field_of(segments, p.features, p.names, {.min_leaf = 0}) == "min_leaf");
  CHECK(field_of(segments, p.features, p.names, {.folds = 1}) == "folds");
  CHECK(field_of(segments, p.features, p.names, {.folds = 101}) == "folds");
  std::vector<float> infinite = p.features;
  infinite[9] = HUGE_VALF;
  try {
    (void)explain_segments(segments, infinite, p.names);
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::not_finite);
    CHECK(failure.where().field == "features");
    CHECK(failure.message().find("user 4") != std::string::npos);
    CHECK(failure.message().find("age") != std::string::npos);
  }
  CHECK(field_of(segmentation(), {}, p.names) == "segments");
}
