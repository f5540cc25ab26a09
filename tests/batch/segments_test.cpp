#include "tandem/batch/segments.hpp"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

constexpr segment_index none = no_id<segment_index>;

/// Groups of users around a few directions; group g has first_size - 10 g users, of any vector length. The last user
/// has no vector.
struct planted {
  std::size_t rank;
  std::vector<float> vectors;
  std::vector<std::size_t> group;

  planted(std::uint64_t seed, std::size_t n_groups, std::size_t rank_, std::size_t first_size, double noise)
      : rank(rank_) {
    random_stream random(seed, 9);
    std::vector<double> directions(n_groups * rank);
    for (double& x : directions) x = random.normal() / std::sqrt(static_cast<double>(rank));
    std::vector<std::size_t> left(n_groups);
    for (std::size_t g = 0; g < n_groups; ++g) left[g] = first_size - 10 * g;
    for (std::size_t g = 0; group.size() < n_groups * first_size - 5 * n_groups * (n_groups - 1);
         g = (g + 1) % n_groups) {
      if (left[g] == 0) continue;
      --left[g];
      group.push_back(g);
      const double length = 0.2 + random.gamma(2);
      for (std::size_t j = 0; j < rank; ++j) {
        const double x = directions[g * rank + j] + noise * random.normal() / std::sqrt(static_cast<double>(rank));
        vectors.push_back(static_cast<float>(length * x));
      }
    }
    vectors.resize(vectors.size() + rank, 0.0F);
  }
  [[nodiscard]] std::size_t n_users() const { return vectors.size() / rank; }
  [[nodiscard]] std::span<const float> of(std::size_t u) const { return std::span(vectors).subspan(u * rank, rank); }
};

std::vector<float> random_vectors(std::uint64_t seed, std::size_t n, std::size_t rank) {
  random_stream random(seed, 5);
  std::vector<float> out(n * rank);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

bool same(const segmentation& a, const segmentation& b) {
  if (a.count() != b.count() || a.inertia() != b.inertia() || a.silhouette() != b.silhouette()) return false;
  for (std::uint32_t c = 0; c < a.count(); ++c) {
    const auto x = a.centre(segment_index{c});
    const auto y = b.centre(segment_index{c});
    if (std::memcmp(x.data(), y.data(), x.size_bytes()) != 0) return false;
  }
  return std::equal(a.assignment().begin(), a.assignment().end(), b.assignment().begin(), b.assignment().end());
}

/// The points of k-means in double, a row a user; zero for users without a vector.
reference::matrix points_of(std::span<const float> vectors, std::size_t rank, segment_distance distance) {
  reference::matrix out = reference::rows_of(vectors, rank);
  if (distance == segment_distance::cosine) {
    for (Eigen::Index u = 0; u < out.rows(); ++u) {
      if (out.row(u).norm() > 0) out.row(u) /= out.row(u).norm();
    }
  }
  return out;
}

/// The silhouette by its definition, over all pairs.
std::vector<double> silhouettes_by_pairs(const reference::matrix& points, const segmentation& fit) {
  std::vector<double> out;
  for (Eigen::Index u = 0; u < points.rows(); ++u) {
    const segment_index own = fit.assignment()[static_cast<std::size_t>(u)];
    if (own == none) continue;
    std::vector<double> sum(fit.count(), 0.0);
    for (Eigen::Index v = 0; v < points.rows(); ++v) {
      const segment_index other = fit.assignment()[static_cast<std::size_t>(v)];
      if (other != none) sum[slot(other)] += (points.row(u) - points.row(v)).squaredNorm();
    }
    double b = std::numeric_limits<double>::infinity();
    for (std::uint32_t c = 0; c < fit.count(); ++c) {
      if (c != raw(own) && fit.size(segment_index{c}) > 0) {
        b = std::min(b, sum[c] / static_cast<double>(fit.size(segment_index{c})));
      }
    }
    const double a = sum[slot(own)] / static_cast<double>(fit.size(own) - 1);
    out.push_back(fit.size(own) > 1 && std::isfinite(b) ? (b - a) / std::max(a, b) : 0.0);
  }
  return out;
}

std::string field_of(std::span<const float> vectors, std::size_t rank, const segment_options& options,
                     errc expected = errc::invalid_argument, const segmentation* warm = nullptr) {
  try {
    (void)fit_segments(vectors, rank, options, {}, {}, warm);
  } catch (const error& failure) {
    CHECK(failure.code() == expected);
    return failure.where().field;
  }
  return "accepted";
}

struct backwards_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    while (n-- > 0) f(n);
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

}  // namespace

TEST_CASE("planted groups are found, numbered by size, whatever the lengths of the vectors", "[segments]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    const planted data(seed, 5, 16, 80, 0.3);
    const segmentation fit = fit_segments(data.vectors, 16, {.count = 5, .seed = seed});
    CHECK(fit.converged());
    CHECK(fit.n_users() == data.n_users());
    CHECK(fit.n_assigned() == data.n_users() - 1);
    CHECK(fit.assignment().back() == none);
    std::size_t wrong = 0;
    for (std::size_t u = 0; u < data.group.size(); ++u) wrong += slot(fit.assignment()[u]) != data.group[u] ? 1U : 0U;
    CHECK(wrong <= 2);  // sizes differ by ten: the number is the group's
    for (std::uint32_t c = 1; c < 5; ++c) CHECK(fit.size(segment_index{c}) <= fit.size(segment_index{c - 1}));
    CHECK(fit.silhouette() > 0.6);
  }
}

TEST_CASE("a fit is a fixed point, and its figures are those of dense algebra", "[segments]") {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const auto distance = seed % 2 == 0 ? segment_distance::cosine : segment_distance::euclidean;
    const std::size_t count = 1 + seed % 7;
    const std::size_t rank = 2 + seed % 9;
    INFO("seed " << seed << ", count " << count << ", rank " << rank);
    std::vector<float> vectors = random_vectors(seed, 150, rank);
    std::fill_n(vectors.begin(), rank, 0.0F);  // no vector
    const segmentation fit = fit_segments(
        vectors, rank,
        {.count = count, .distance = distance, .restarts = 2, .max_iterations = 1000, .tolerance = 0, .seed = seed});
    REQUIRE(fit.converged());
    const reference::matrix points = points_of(vectors, rank, distance);
    double inertia = 0;
    reference::matrix sums = reference::matrix::Zero(static_cast<Eigen::Index>(count), points.cols());
    for (Eigen::Index u = 1; u < points.rows(); ++u) {
      std::vector<double> away;
      for (std::uint32_t c = 0; c < count; ++c) {
        const reference::matrix centre = reference::rows_of(fit.centre(segment_index{c}), rank);
        away.push_back((points.row(u) - centre.row(0)).squaredNorm());
      }
      const std::size_t own = slot(fit.assignment()[static_cast<std::size_t>(u)]);
      CHECK(away[own] <= *std::min_element(away.begin(), away.end()) + 1e-5);
      inertia += away[own];
      sums.row(static_cast<Eigen::Index>(own)) += points.row(u);
    }
    CHECK(fit.inertia() == Approx(inertia).epsilon(1e-5).margin(1e-9));
    double sizes = 0;
    for (std::uint32_t c = 0; c < count; ++c) {
      const auto n = static_cast<double>(fit.size(segment_index{c}));
      sizes += n;
      REQUIRE(n > 0);
      Eigen::RowVectorXd mean = sums.row(c) / n;
      if (distance == segment_distance::cosine && mean.norm() > 0) mean /= mean.norm();
      CHECK((mean - reference::rows_of(fit.centre(segment_index{c}), rank).row(0)).norm() < 1e-4);
    }
    CHECK(sizes == 149);
    const std::vector<double> expected = silhouettes_by_pairs(points, fit);
    double mean = 0;
    for (const double s : expected) mean += s / 149;
    CHECK(fit.silhouette() == Approx(mean).margin(1e-6));
    double weighted = 0;
    for (std::uint32_t c = 0; c < count; ++c) {
      weighted += fit.silhouette(segment_index{c}) * static_cast<double>(fit.size(segment_index{c})) / 149;
    }
    CHECK(weighted == Approx(mean).margin(1e-6));
  }
}

TEST_CASE("every iteration lowers the inertia, and restarts never raise it", "[segments]") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const std::vector<float> vectors = random_vectors(seed, 300, 6);
    segment_options options{.count = 9, .restarts = 1, .tolerance = 0, .seed = seed};
    options.distance = seed % 2 == 0 ? segment_distance::cosine : segment_distance::euclidean;
    double before = std::numeric_limits<double>::infinity();
    for (options.max_iterations = 1; options.max_iterations < 40; ++options.max_iterations) {
      const segmentation fit = fit_segments(vectors, 6, options);
      CHECK(fit.inertia() <= before * (1 + 1e-6));
      before = fit.inertia();
      if (fit.converged()) break;
      CHECK(fit.iterations() == options.max_iterations);
    }
    options.max_iterations = 100;
    for (const std::size_t restarts : {1U, 2U, 8U}) {
      options.restarts = restarts;
      const double now = fit_segments(vectors, 6, options).inertia();
      CHECK(now <= before * (1 + 1e-9));
      before = now;
    }
  }
}

TEST_CASE("a loose tolerance stops early and says so", "[segments]") {
  const std::vector<float> vectors = random_vectors(3, 2000, 8);
  const segmentation exact = fit_segments(vectors, 8, {.count = 12, .restarts = 1, .tolerance = 0});
  const segmentation loose = fit_segments(vectors, 8, {.count = 12, .restarts = 1, .tolerance = 0.01});
  CHECK(loose.converged());
  CHECK(loose.iterations() < exact.iterations());
  CHECK(loose.inertia() < exact.inertia() * 1.05);
  const segmentation cut = fit_segments(vectors, 8, {.count = 12, .restarts = 1, .max_iterations = 2});
  CHECK_FALSE(cut.converged());
  CHECK(cut.iterations() == 2);
}

TEST_CASE("one segment explains nothing, one a user explains all", "[segments]") {
  for (const auto distance : {segment_distance::cosine, segment_distance::euclidean}) {
    const std::vector<float> vectors = random_vectors(4, 40, 5);
    const segmentation one = fit_segments(vectors, 5, {.count = 1, .distance = distance});
    CHECK(one.explained() == Approx(0).margin(1e-6));
    CHECK(one.silhouette() == 0);
    CHECK(one.size(segment_index{0}) == 40);
    const segmentation all = fit_segments(vectors, 5, {.count = 40, .distance = distance});
    CHECK(all.explained() == Approx(1).margin(1e-6));
    CHECK(all.inertia() == Approx(0).margin(1e-9));
    CHECK(all.silhouette() == 0);
    for (std::uint32_t c = 0; c < 40; ++c) CHECK(all.size(segment_index{c}) == 1);
  }
}

TEST_CASE("cosine and Euclidean segments differ as they should", "[segments]") {
  // two directions, each with short and long vectors
  std::vector<float> vectors;
  random_stream random(6);
  for (int u = 0; u < 200; ++u) {
    const double length = (u / 2) % 2 == 0 ? 1 : 30;
    const double angle = (u % 2 == 0 ? 0.0 : 0.5) + 0.05 * random.normal();
    vectors.push_back(static_cast<float>(length * std::cos(angle)));
    vectors.push_back(static_cast<float>(length * std::sin(angle)));
  }
  const segmentation by_taste = fit_segments(vectors, 2, {.count = 2});
  const segmentation by_length = fit_segments(vectors, 2, {.count = 2, .distance = segment_distance::euclidean});
  for (std::uint32_t u = 0; u < 200; ++u) {
    CHECK((by_taste.segment_of(user_index{u}) == by_taste.segment_of(user_index{0})) == (u % 2 == 0));
    CHECK((by_length.segment_of(user_index{u}) == by_length.segment_of(user_index{0})) == ((u / 2) % 2 == 0));
  }
}

TEST_CASE("vectors far from the origin are told apart", "[segments]") {
  std::vector<float> vectors;
  random_stream random(7);
  for (int u = 0; u < 300; ++u) {
    vectors.push_back(10000.0F + static_cast<float>(3 * (u % 3)) + static_cast<float>(0.2 * random.normal()));
    vectors.push_back(-20000.0F + static_cast<float>(0.2 * random.normal()));
  }
  const segmentation fit = fit_segments(vectors, 2, {.count = 3, .distance = segment_distance::euclidean});
  for (std::uint32_t u = 3; u < 300; ++u) CHECK(fit.segment_of(user_index{u}) == fit.segment_of(user_index{u % 3}));
  CHECK(fit.silhouette() > 0.9);
}

TEST_CASE("a vector is assigned as in the fit; zero and not finite ones are not", "[segments]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const planted data(seed, 4, 7, 60, 1.5);
    const auto distance = seed % 2 == 0 ? segment_distance::cosine : segment_distance::euclidean;
    const segmentation fit = fit_segments(data.vectors, 7, {.count = 4, .distance = distance, .seed = seed});
    for (std::size_t u = 0; u < data.n_users(); ++u) CHECK(fit.assign(data.of(u)) == fit.assignment()[u]);
    std::vector<float> bad(7, 1.0F);
    bad[3] = std::nanf("");
    CHECK(fit.assign(bad) == none);
    bad[3] = HUGE_VALF;
    CHECK(fit.assign(bad) == none);
    for (std::uint32_t c = 0; c < 4; ++c) CHECK(fit.assign(fit.centre(segment_index{c})) == segment_index{c});
  }
  CHECK(segmentation().count() == 0);
  CHECK(segmentation().assign({}) == none);
}

TEST_CASE("any executor gives the same segments, bit for bit", "[segments][concurrency]") {
  const planted data(11, 6, 12, 300, 1.0);
  for (const auto distance : {segment_distance::cosine, segment_distance::euclidean}) {
    const segment_options options{.count = 6, .distance = distance, .restarts = 2};
    const segmentation expected = fit_segments(data.vectors, 12, options);
    backwards_executor backwards{3};
    CHECK(same(fit_segments(data.vectors, 12, options, backwards), expected));
    for (const std::size_t threads : {1U, 2U, 5U}) {
      thread_pool pool(threads);
      CHECK(same(fit_segments(data.vectors, 12, options, pool), expected));
    }
  }
}

TEST_CASE("the seed decides the start", "[segments]") {
  const std::vector<float> vectors = random_vectors(12, 400, 10);
  const segment_options options{.count = 10, .restarts = 1, .seed = 1};
  CHECK(same(fit_segments(vectors, 10, options), fit_segments(vectors, 10, options)));
  segment_options other = options;
  other.seed = 2;
  CHECK_FALSE(same(fit_segments(vectors, 10, options), fit_segments(vectors, 10, other)));
}

TEST_CASE("fewer different vectors than segments leave segments empty, not undefined", "[segments]") {
  for (const auto distance : {segment_distance::cosine, segment_distance::euclidean}) {
    const std::vector<float> identical(20 * 3, 0.7F);
    const segmentation fit = fit_segments(identical, 3, {.count = 4, .distance = distance});
    CHECK(fit.converged());
    CHECK(fit.size(segment_index{0}) == 20);
    for (std::uint32_t c = 1; c < 4; ++c) {
      CHECK(fit.size(segment_index{c}) == 0);
      CHECK(fit.silhouette(segment_index{c}) == 0);
    }
    CHECK(fit.inertia() == Approx(0).margin(1e-10));
    CHECK(fit.explained() >= 0);
    CHECK(fit.silhouette() == 0);
    std::vector<float> two = identical;
    for (std::size_t u = 0; u < 5; ++u) two[u * 3] = -1;
    const segmentation split = fit_segments(two, 3, {.count = 5, .distance = distance});
    CHECK(split.size(segment_index{0}) == 15);
    CHECK(split.size(segment_index{1}) == 5);
    CHECK(split.silhouette() == Approx(1).margin(1e-6));
  }
}

TEST_CASE("directions that cancel out do no harm", "[segments]") {
  const std::vector<float> opposite{1, 0, -1, 0, 0, 1, 0, -1};
  const segmentation fit = fit_segments(opposite, 2, {.count = 1});
  CHECK(fit.size(segment_index{0}) == 4);
  CHECK(fit.inertia() == Approx(8));
  CHECK(std::isfinite(fit.explained()));
}

TEST_CASE("a segment that loses its users takes the one farthest away", "[segments]") {
  const planted before(13, 3, 8, 50, 0.2);
  const segmentation earlier = fit_segments(before.vectors, 8, {.count = 3});
  std::vector<float> now;  // without the users of segment 1, and with one like no other
  for (std::size_t u = 0; u < before.group.size(); ++u) {
    if (slot(earlier.assignment()[u]) != 1) now.insert(now.end(), before.of(u).begin(), before.of(u).end());
  }
  const auto middle = earlier.centre(segment_index{0});
  for (const float x : middle) now.push_back(-x + 0.01F);
  const segmentation fit = fit_segments(now, 8, {.count = 3}, {}, {}, &earlier);
  CHECK(fit.converged());
  for (std::uint32_t c = 0; c < 3; ++c) CHECK(fit.size(segment_index{c}) > 0);
  CHECK(fit.size(fit.assignment().back()) < 10);
}

TEST_CASE("a warm start keeps the numbers of the segments, whatever their sizes become", "[segments]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    planted data(seed, 5, 16, 60, 0.4);
    const segmentation earlier = fit_segments(data.vectors, 16, {.count = 5, .restarts = 10, .seed = seed});
    random_stream random(seed, 77);
    std::vector<float> later = data.vectors;
    for (float& x : later) x += 0.03F * static_cast<float>(random.normal());  // tastes drift
    for (std::size_t u = 0; u < data.group.size(); ++u) {  // and the smallest group becomes the largest
      if (data.group[u] != 4) continue;
      for (int copy = 0; copy < 6; ++copy) {
        for (const float x : data.of(u)) later.push_back(x * (1 + 0.1F * static_cast<float>(random.normal())));
      }
    }
    const segmentation warm = fit_segments(later, 16, {.count = 5, .seed = seed + 1}, {}, {}, &earlier);
    const segmentation cold = fit_segments(later, 16, {.count = 5, .seed = seed + 1});
    std::size_t kept = 0;
    for (std::size_t u = 0; u < data.group.size(); ++u) {
      kept += warm.assignment()[u] == earlier.assignment()[u] ? 1U : 0U;
    }
    CHECK(static_cast<double>(kept) >= 0.97 * static_cast<double>(data.group.size()));
    CHECK(warm.size(segment_index{4}) > warm.size(segment_index{0}));  // it kept its number
    CHECK(cold.size(segment_index{4}) < cold.size(segment_index{0}));  // numbered by size
    CHECK(warm.inertia() <= cold.inertia() * 1.05);
    CHECK(same(fit_segments(data.vectors, 16, {.count = 5, .tolerance = 0}, {}, {}, &earlier),
               fit_segments(data.vectors, 16, {.count = 5, .tolerance = 0, .seed = 9}, {}, {}, &earlier)));
  }
}

TEST_CASE("segments survive a warm refit of the model", "[segments]") {
  // three kinds of users, each with items of its own
  std::vector<interaction> events;
  random_stream random(21);
  const auto act = [&](std::uint32_t user, int n) {
    for (int e = 0; e < n; ++e) {
      const auto item = random.uniform() < 0.85 ? user % 3 * 20 + random.below(20) : random.below(60);
      events.push_back({user_index{user}, item_index{static_cast<std::uint32_t>(item)}});
    }
  };
  for (std::uint32_t u = 0; u < 300; ++u) act(u, 12);
  const factor_model first =
      fit_ials(interactions::from_events(events, 301, 60, merge_rule::binary), {.rank = 8, .alpha0 = 0.3F});
  const segmentation earlier = fit_segments(first, {.count = 3});
  CHECK(earlier.segment_of(user_index{300}) == none);
  for (std::uint32_t u = 0; u < 301; ++u) act(u, 3);
  const factor_model second = fit_ials(interactions::from_events(events, 301, 60, merge_rule::binary),
                                       {.rank = 8, .alpha0 = 0.3F, .warm_epochs = 2}, {}, {}, &first);
  const segmentation now = fit_segments(second, {.count = 3}, {}, {}, &earlier);
  std::size_t kept = 0;
  for (std::uint32_t u = 0; u < 300; ++u) {
    kept += now.segment_of(user_index{u}) == earlier.segment_of(user_index{u}) ? 1U : 0U;
  }
  CHECK(kept >= 285);
  std::vector<float> x(8);  // someone new, folded in
  const std::vector<item_index> items{item_index{21}, item_index{25}, item_index{30}, item_index{33}};
  second.fold_in(items, std::vector<float>(4, 1.0F), x);
  CHECK(now.assign(x) == now.segment_of(user_index{1}));
}

TEST_CASE("a sweep finds the planted count", "[segments]") {
  const planted data(31, 6, 16, 90, 0.3);
  const std::vector<std::size_t> counts{2, 4, 6, 9, 14};
  const auto sweep = sweep_segments(data.vectors, 16, counts, {.restarts = 6});
  REQUIRE(sweep.size() == 5);
  std::size_t best = 0;
  for (std::size_t c = 0; c < 5; ++c) {
    CHECK(sweep[c].count == counts[c]);
    if (c > 0) CHECK(sweep[c].explained > sweep[c - 1].explained);
    if (sweep[c].silhouette > sweep[best].silhouette) best = c;
  }
  CHECK(counts[best] == 6);
  CHECK(sweep[2].explained - sweep[1].explained > 3 * (sweep[3].explained - sweep[2].explained));  // the elbow
}

TEST_CASE("progress grows to its total and cancels at any call", "[segments]") {
  const std::vector<float> vectors = random_vectors(41, 300, 4);
  const segment_options options{.count = 5, .restarts = 3, .max_iterations = 50};
  std::vector<std::size_t> steps;
  const segmentation expected = fit_segments(vectors, 4, options, {}, [&](const progress_report& report) {
    CHECK(report.stage == "segments");
    CHECK(report.total == 150);
    steps.push_back(report.done);
    return true;
  });
  CHECK(std::is_sorted(steps.begin(), steps.end()));
  CHECK(steps.back() == 150);
  for (std::size_t stop = 1; stop <= steps.size(); ++stop) {
    std::size_t calls = 0;
    try {
      (void)fit_segments(vectors, 4, options, {}, [&](const progress_report&) { return ++calls < stop; });
      FAIL("not cancelled at call " << stop);
    } catch (const error& failure) {
      CHECK(failure.code() == errc::cancelled);
      CHECK(calls == stop);
    }
  }
  CHECK(same(fit_segments(vectors, 4, options), expected));
}

TEST_CASE("bad input to segments is refused by name", "[segments]") {
  const std::vector<float> vectors = random_vectors(51, 10, 3);
  CHECK(field_of(vectors, 3, {.count = 0}) == "count");
  CHECK(field_of(vectors, 3, {.count = 4097}) == "count");
  CHECK(field_of(vectors, 3, {.count = 11}) == "count");
  CHECK(field_of(vectors, 3, {.count = 10}) == "accepted");
  CHECK(field_of(vectors, 3, {.count = 2, .distance = static_cast<segment_distance>(7)}) == "distance");
  CHECK(field_of(vectors, 3, {.count = 2, .restarts = 0}) == "restarts");
  CHECK(field_of(vectors, 3, {.count = 2, .max_iterations = 0}) == "max_iterations");
  for (const double bad : {-0.1, 1.0, std::nan("")}) {
    CHECK(field_of(vectors, 3, {.count = 2, .tolerance = bad}) == "tolerance");
  }
  CHECK(field_of(vectors, 0, {.count = 2}) == "vectors");
  CHECK(field_of(vectors, 4, {.count = 2}) == "vectors");
  CHECK(field_of({}, 4, {.count = 1}) == "count");
  CHECK(field_of(std::vector<float>(30, 0.0F), 3, {.count = 1}) == "count");  // nobody has a vector
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> broken = vectors;
    broken[7] = bad;
    CHECK(field_of(broken, 3, {.count = 2}, errc::not_finite) == "vectors");
  }
  std::vector<float> huge = vectors;
  huge[7] = 3e38F;
  CHECK(field_of(huge, 3, {.count = 2}) == "accepted");  // a direction like any other
  CHECK(field_of(huge, 3, {.count = 2, .distance = segment_distance::euclidean}, errc::not_finite) == "vectors");
  std::vector<float> tiny(vectors);
  for (float& x : tiny) x *= 1e-40F;
  CHECK(field_of(tiny, 3, {.count = 2}) == "accepted");

  const segmentation earlier = fit_segments(vectors, 3, {.count = 2});
  const std::vector<float> wider = random_vectors(52, 10, 4);
  CHECK(field_of(wider, 4, {.count = 2}, errc::invalid_argument, &earlier) == "rank");
  CHECK(field_of(vectors, 3, {.count = 3}, errc::invalid_argument, &earlier) == "count");
  CHECK(field_of(vectors, 3, {.count = 2, .distance = segment_distance::euclidean}, errc::invalid_argument, &earlier) ==
        "distance");
}
