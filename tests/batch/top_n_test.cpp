#include "tandem/batch/top_n.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/core/thread_pool.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

using namespace tandem;
using namespace tandem::batch;

namespace {

/// What factor_model answers, one score at a time, without any search.
std::vector<scored_item> brute_force(std::span<const float> rows, std::span<const float> query, std::size_t n,
                                     const item_filter& filter) {
  const std::size_t k = query.size();
  std::vector<float> scores(rows.size() / k);
  kernels().score_rows(query.data(), 1, rows.data(), scores.size(), k, k, scores.data());
  std::vector<scored_item> all;
  for (std::uint32_t i = 0; i < scores.size(); ++i) {
    const bool excluded = std::count(filter.exclude.begin(), filter.exclude.end(), item_index{i}) != 0;
    const bool allowed = filter.allow.empty() || (i / 64 < filter.allow.size() && (filter.allow[i / 64] >> i % 64 & 1));
    if (!std::isnan(scores[i]) && allowed && !excluded) all.push_back({item_index{i}, scores[i]});
  }
  std::sort(all.begin(), all.end(), ranks_before);
  all.resize(std::min(n, all.size()));
  return all;
}

bool same(std::span<const scored_item> a, std::span<const scored_item> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const scored_item& x, const scored_item& y) {
    return x.item == y.item && std::bit_cast<std::uint32_t>(x.score) == std::bit_cast<std::uint32_t>(y.score);
  });
}

std::vector<scored_item> answer(const top_n_index& index, std::span<const float> query, std::size_t n,
                                const item_filter& filter = {}) {
  std::vector<scored_item> out(n);
  out.resize(index.top_n(query, out, filter));
  return out;
}

/// Checks each kind of index against brute force, for a few lengths of the answer.
void check_exact(std::span<const float> rows, std::size_t rank, std::span<const float> query,
                 const item_filter& filter = {}) {
  for (const bool rounded : {true, false}) {
    const top_n_index index = top_n_index::from_rows(rows, rank, {.rounded = rounded});
    for (const std::size_t n : {0U, 1U, 3U, 10U, 100U, 5000U}) {
      INFO("rank " << rank << ", items " << rows.size() / rank << ", rounded " << rounded << ", n " << n);
      REQUIRE(same(answer(index, query, n, filter), brute_force(rows, query, n, filter)));
    }
  }
}

/// Vectors as trained ones are: a spectrum that decays, lengths that are log-normal.
std::vector<float> trained_like(std::uint64_t seed, std::size_t n, std::size_t rank, double spread) {
  random_stream random(seed, 77);
  std::vector<float> out;
  for (std::size_t i = 0; i < n; ++i) {
    const double length = 0.3 * std::exp(spread * random.normal());
    for (std::size_t j = 0; j < rank; ++j) {
      out.push_back(static_cast<float>(length * random.normal() / std::sqrt(1 + 0.15 * static_cast<double>(j))));
    }
  }
  return out;
}

std::vector<float> constant(std::size_t n, float value) { return std::vector<float>(n, value); }

errc code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& failure) {
    return failure.code();
  }
  FAIL("accepted");
  return errc::io_error;
}

}  // namespace

TEST_CASE("top_n_index answers as brute force does, bit for bit, whatever is filtered", "[top_n]") {
  const std::size_t ranks[] = {1, 2, 3, 4, 5, 8, 16, 17, 31, 64, 100, 130};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    random_stream random(seed, 3);
    const std::size_t rank = ranks[random.below(12)];
    const std::size_t n_items = random.below(seed % 10 == 0 ? 5000 : 700);
    std::vector<float> rows = trained_like(seed, n_items, rank, seed % 3 == 0 ? 0.0 : 0.6);
    std::vector<float> query = trained_like(seed + 1000, 1, rank, 0);
    if (seed % 4 == 1) {  // few distinct values: ties everywhere
      for (float& y : rows) y = static_cast<float>(random.below(3)) - 1;
      for (float& x : query) x = static_cast<float>(random.below(3)) - 1;
    }
    std::vector<item_index> exclude;
    const double share = random.uniform();
    for (std::uint32_t i = 0; i < n_items + 5; ++i) {
      if (random.uniform() < share) exclude.push_back(item_index{i});
    }
    std::vector<std::uint64_t> allow(n_items / 64 + random.below(2));  // sometimes shorter than the catalogue
    for (std::uint64_t& word : allow) word = random() & (seed % 2 == 0 ? random() & random() & random() : ~0ULL);
    check_exact(rows, rank, query);
    check_exact(rows, rank, query, {.exclude = exclude});
    check_exact(rows, rank, query, {.allow = allow});
    check_exact(rows, rank, query, {.exclude = exclude, .allow = allow});
  }
}

TEST_CASE("top_n_index agrees with factor_model::top_n", "[top_n]") {
  const interactions log = reference::random_log(5, 300, 900, 20, true);
  const factor_model model = fit_ials(log, {.rank = 20, .epochs = 3});
  const top_n_index index(model);
  CHECK(index.size() == 900);
  CHECK(index.rank() == 20);
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    std::vector<item_index> seen;
    for (const std::uint32_t i : log.items_of(user_index{u}).index) seen.push_back(item_index{i});
    std::vector<scored_item> expected(25);
    expected.resize(model.top_n(model.user_factors(user_index{u}), expected, seen));
    REQUIRE(same(answer(index, model.user_factors(user_index{u}), 25, {.exclude = seen}), expected));
  }
}

TEST_CASE("ranks from 1 to beyond what 8 bits can sum are exact", "[top_n]") {
  for (const std::size_t rank : {1U, 7U, 1023U, 1024U, 1025U, 2000U}) {
    const std::vector<float> rows = trained_like(rank, 400, rank, 0.3);
    for (std::uint64_t q = 0; q < 5; ++q) check_exact(rows, rank, trained_like(q + 50, 1, rank, 0));
    const top_n_index index = top_n_index::from_rows(rows, rank);
    CHECK(index.has_rounded_items() == (rank <= 1024));
    CHECK_FALSE(top_n_index::from_rows(rows, rank, {.rounded = false}).has_rounded_items());
  }
  // integer sums of the largest size there is
  std::vector<float> rows = constant(40 * 1024, 1);
  for (std::size_t e = 0; e < rows.size(); e += 7) rows[e] = -1;
  check_exact(rows, 1024, constant(1024, 1));
  check_exact(rows, 1024, constant(1024, -1));
}

TEST_CASE("equal items, zero vectors and zero queries are ranked by index", "[top_n]") {
  for (const std::size_t rank : {1U, 12U, 64U}) {
    const std::vector<float> query = trained_like(1, 1, rank, 0);
    std::vector<float> rows;
    const std::vector<float> row = trained_like(2, 1, rank, 0);
    for (std::size_t i = 0; i < 500; ++i) rows.insert(rows.end(), row.begin(), row.end());
    check_exact(rows, rank, query);
    check_exact(rows, rank, constant(rank, 0));
    check_exact(constant(500 * rank, 0), rank, query);
    for (std::size_t e = 0; e < 200 * rank; ++e) rows[e] = 0;  // many zeros before many equals
    check_exact(rows, rank, query);
    std::vector<float> against = query;  // all scores negative or zero
    for (float& x : against) x = -x;
    check_exact(rows, rank, against);
  }
}

TEST_CASE("huge, tiny and denormal numbers are exact, and sums that overflow too", "[top_n]") {
  random_stream random(4);
  for (const float items : {1e-45F, 1e-42F, 1e-38F, 1e-30F, 1e-20F, 1.0F, 1e18F, 1e37F, 3e38F}) {
    for (const float queries : {1e-45F, 1e-40F, 1e-30F, 1.0F, 1e20F, 1e38F}) {
      const std::size_t rank = 24;
      std::vector<float> rows(300 * rank);
      for (float& y : rows) y = static_cast<float>(random.uniform() * 2 - 1) * items;
      std::vector<float> query(rank);
      for (float& x : query) x = static_cast<float>(random.uniform() * 2 - 1) * queries;
      INFO("items " << items << ", queries " << queries);
      check_exact(rows, rank, query);
      for (std::size_t e = 0; e < rows.size(); ++e) {  // lengths of every size beside each other
        if (e / rank % 3 == 0) rows[e] = static_cast<float>(random.normal());
      }
      check_exact(rows, rank, query);
    }
  }
}

TEST_CASE("a query that is no number is answered as factor_model answers it", "[top_n]") {
  const std::vector<float> rows = trained_like(3, 300, 16, 0.5);
  for (const float odd : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> query = trained_like(4, 1, 16, 0);
    query[5] = odd;
    check_exact(rows, 16, query);
    const factor_model model = factor_model::from_factors({}, rows, 16, {});
    std::vector<scored_item> expected(10);
    expected.resize(model.top_n(query, expected));
    CHECK(same(answer(top_n_index(model), query, 10), expected));
    CHECK(expected.empty() == std::isnan(odd));
  }
}

TEST_CASE("nothing is answered from no items, for no places, or when nothing passes", "[top_n]") {
  const top_n_index none;
  CHECK(none.size() == 0);
  CHECK(none.rank() == 1);
  CHECK(answer(none, constant(1, 1), 5).empty());
  CHECK(answer(top_n_index(factor_model()), constant(1, 1), 5).empty());
  CHECK(answer(top_n_index::from_rows({}, 7), constant(7, 1), 5).empty());

  const std::vector<float> rows = trained_like(5, 200, 9, 0.5);
  const top_n_index index = top_n_index::from_rows(rows, 9);
  CHECK(answer(index, constant(9, 1), 0).empty());
  std::vector<item_index> exclude;
  for (std::uint32_t i = 0; i < 200; ++i) exclude.push_back(item_index{i});
  CHECK(answer(index, constant(9, 1), 5, {.exclude = exclude}).empty());
  CHECK(answer(index, constant(9, 1), 5, {.allow = std::vector<std::uint64_t>(4)}).empty());
  exclude.erase(exclude.begin() + 123);
  const auto one = answer(index, constant(9, 1), 5, {.exclude = exclude});
  REQUIRE(one.size() == 1);
  CHECK(one[0].item == item_index{123});
}

TEST_CASE("no item is screened out that scores as much as the bar", "[top_n]") {
  std::size_t spared = 0;
  std::size_t tries = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    random_stream random(seed, 8);
    const std::size_t rank = 1 + random.below(seed % 20 == 0 ? 1024 : 80);
    const double spread = seed % 2 == 0 ? 0.3 : 15;  // the second: sizes from the smallest floats to the largest
    const std::vector<float> rows = trained_like(seed, 16, rank, spread);
    std::vector<float> query = trained_like(seed + 7, 1, rank, spread);
    if (seed % 5 == 0) std::copy_n(rows.data() + 3 * rank, rank, query.data());  // parallel: all of a bound is used up
    std::vector<float> exact(16);
    kernels().score_rows(query.data(), 1, rows.data(), 16, rank, rank, exact.data());
    std::vector<std::uint8_t> panel(detail::padded_rank(rank) * 16, 128);
    std::vector<float> scale(16);
    double eps = 0;
    double norm = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      const auto row = std::span(rows).subspan(i * rank, rank);
      eps = std::max(eps, detail::pack_row(row, i, panel.data(), scale[i]));
      norm = std::max(norm, detail::norm_of(row));
    }
    std::vector<std::int8_t> w(detail::padded_rank(rank));
    detail::query_bound bound = detail::bound_of(query, norm);
    detail::round_query(query, norm, eps, w.data(), bound);
    if (!bound.is_rounded) continue;
    const auto reached = [&](std::size_t i, float target, double item_norm) {
      const float bar = bound.bar(target, item_norm);
      std::uint16_t bits = 0;
      kernels().screen_panels(w.data(), &bound.offset, 1, panel.data(), scale.data(), &bar, 1, w.size(), &bits);
      return (bits >> i & 1) != 0;
    };
    for (std::size_t i = 0; i < 16; ++i) {
      INFO("seed " << seed << ", item " << i);
      const double own = detail::norm_of(std::span(rows).subspan(i * rank, rank));
      REQUIRE(reached(i, exact[i], own));
      REQUIRE(double{exact[i]} <= bound.score_limit(own));
      // and the bound is of use: a target above by 1/16 of the largest possible score screens the item out
      const double above = double{exact[i]} + bound.norm * own / 16;
      if (bound.norm * own < 1e-25 || above > 1e38 || scale[i] < 1e-30F) continue;
      ++tries;
      if (!reached(i, static_cast<float>(above), own)) ++spared;
    }
  }
  REQUIRE(tries > 1000);
  CHECK(spared > tries * 9 / 10);
}

namespace {

/// Item 0 is the best for the query by a little; the others have longer vectors, so that it is screened against the
/// score of the best of them, or much shorter ones.
std::vector<float> just_better(std::vector<float> best, float score_of_others) {
  const std::size_t k = best.size();
  std::vector<float> rows = std::move(best);
  for (int i = 0; i < 64; ++i) {
    std::vector<float> row(k, 0.0F);
    row[0] = i == 0 ? score_of_others : -score_of_others;
    row[1] = 1270;
    row[2] = -1270;
    rows.insert(rows.end(), row.begin(), row.end());
  }
  for (int i = 0; i < 63; ++i) {
    std::vector<float> row(k, 0.0F);
    row[3] = 0.001F;
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

}  // namespace

TEST_CASE("the best item is found when its rounding error is as large as the bound allows", "[top_n]") {
  for (const std::size_t rank : {8U, 16U, 64U, 500U}) {
    // every factor but one is rounded down by almost a half, and the query points exactly that way
    std::vector<float> best(rank, 10.49F);
    best[0] = 127;
    const float score = 127 + 10.49F * static_cast<float>(rank - 1);
    const float below = std::floor((score - 0.1F) / 10) * 10;  // those below it have no rounding errors
    const std::vector<float> rows = just_better(best, below);
    check_exact(rows, rank, constant(rank, 1));
    REQUIRE(answer(top_n_index::from_rows(rows, rank), constant(rank, 1), 1)[0].item == item_index{0});

    // the same with the query rounded: its error points along the item
    std::vector<float> query(rank, 10.49F);
    query[0] = 127;
    std::vector<float> ones(rank, 1);
    ones[0] = 0;
    const std::vector<float> others = just_better(ones, (score - 127.1F) / 127);
    check_exact(others, rank, query);
    REQUIRE(answer(top_n_index::from_rows(others, rank), query, 1)[0].item == item_index{0});
  }
}

TEST_CASE("vectors one bit apart tie where their scores do", "[top_n]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed, 15);
    std::vector<float> rows;  // growing: of equal scores, the shorter vector has the smaller index and must win
    float y = 1 + static_cast<float>(random.uniform());
    for (int i = 0; i < 1000; ++i) {
      rows.push_back(y);
      y = std::nextafter(y, 10.0F);
    }
    const std::vector<float> query{0.5F + static_cast<float>(random.uniform())};
    check_exact(rows, 1, query);
  }
}

#if defined(__SSE2__)
TEST_CASE("a host that flushes denormals to zero gets the answers of factor_model too", "[top_n]") {
  const unsigned before = _mm_getcsr();
  for (int power = -149; power < -105; ++power) {
    std::vector<float> rows = trained_like(16, 400, 24, 0.1);
    std::vector<float> query(rows.end() - 24, rows.end());
    for (float& y : rows) y = static_cast<float>(std::ldexp(double{y}, power));
    INFO("power " << power);
    const top_n_index index = top_n_index::from_rows(rows, 24);
    _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
    const bool flushed = same(answer(index, query, 30), brute_force(rows, query, 30, {}));
    const top_n_index rebuilt = top_n_index::from_rows(rows, 24);
    const bool all_flushed = same(answer(rebuilt, query, 30), brute_force(rows, query, 30, {}));
    _mm_setcsr(before);
    CHECK(flushed);
    CHECK(all_flushed);
    CHECK(same(answer(rebuilt, query, 30), brute_force(rows, query, 30, {})));
  }
}
#endif

TEST_CASE("a batch gives the answers of one query at a time, on any executor", "[top_n][concurrency]") {
  random_stream random(6);
  for (const bool rounded : {true, false}) {
    for (const std::size_t m : {0U, 1U, 7U, 8U, 9U, 1030U}) {
      const std::size_t rank = 33;
      const std::vector<float> rows = trained_like(7, 900, rank, 0.5);
      std::vector<float> queries = trained_like(8, m, rank, 1);
      if (m > 5) queries[2 * rank] = std::nanf("");            // of no use
      if (m > 5) std::fill_n(&queries[4 * rank], rank, 0.0F);  // no rounding for it either
      std::vector<std::vector<item_index>> seen(m);
      std::vector<item_filter> filters;
      for (auto& list : seen) {
        for (std::uint32_t i = 0; i < 900; ++i) {
          if (random.below(5) == 0) list.push_back(item_index{i});
        }
        filters.push_back({.exclude = list});
      }
      const top_n_index index = top_n_index::from_rows(rows, rank, {.rounded = rounded});
      thread_pool pool(3);
      for (const bool filtered : {false, true}) {
        for (const executor_ref executor : {executor_ref(), executor_ref(pool)}) {
          INFO("rounded " << rounded << ", queries " << m << ", filtered " << filtered);
          std::vector<scored_item> out(m * 12);
          std::vector<std::size_t> counts(m, 99);
          index.top_n_batch(queries, out, counts, filtered ? filters : std::vector<item_filter>(), executor);
          for (std::size_t q = 0; q < m; ++q) {
            const auto alone =
                answer(index, std::span(queries).subspan(q * rank, rank), 12, filtered ? filters[q] : item_filter());
            REQUIRE(same(std::span(out).subspan(q * 12, counts[q]), alone));
          }
        }
      }
    }
  }
  // many items, few places: the queries of a pass come to their ends one by one
  const std::vector<float> rows = trained_like(17, 6000, 20, 0.9);
  const std::vector<float> queries = trained_like(18, 200, 20, 0.5);
  const top_n_index large = top_n_index::from_rows(rows, 20);
  std::vector<scored_item> few(400);
  std::vector<std::size_t> two(200);
  large.top_n_batch(queries, few, two);
  for (std::size_t q = 0; q < 200; ++q) {
    const auto query = std::span(queries).subspan(q * 20, 20);
    REQUIRE(same(std::span(few).subspan(q * 2, two[q]), brute_force(rows, query, 2, {})));
  }
  // no places, no items
  const top_n_index index = top_n_index::from_rows(constant(30, 1), 3);
  std::vector<std::size_t> counts(2, 99);
  index.top_n_batch(constant(6, 1), {}, counts);
  CHECK(counts == std::vector<std::size_t>{0, 0});
  counts = {99, 99};
  std::vector<scored_item> out(4);
  top_n_index::from_rows({}, 3).top_n_batch(constant(6, 1), out, counts);
  CHECK(counts == std::vector<std::size_t>{0, 0});
}

TEST_CASE("an index built by many threads, copied or moved, gives the same answers", "[top_n]") {
  const std::size_t rank = 21;
  const std::vector<float> rows = trained_like(9, 9000, rank, 0.5);
  const std::vector<float> query = trained_like(10, 1, rank, 0);
  thread_pool pool(3);
  const top_n_index one = top_n_index::from_rows(rows, rank);
  top_n_index many = top_n_index::from_rows(rows, rank, {}, pool);
  const auto expected = brute_force(rows, query, 20, {});
  CHECK(same(answer(one, query, 20), expected));
  CHECK(same(answer(many, query, 20), expected));
  const top_n_index copy = many;
  const top_n_index moved = std::move(many);
  CHECK(same(answer(copy, query, 20), expected));
  CHECK(same(answer(moved, query, 20), expected));
}

TEST_CASE("an index says what memory it takes", "[top_n]") {
  const std::size_t n = 16000;
  const std::vector<float> rows = trained_like(11, n, 64, 0.5);
  const std::size_t rounded = top_n_index::from_rows(rows, 64).memory_bytes();
  CHECK(rounded == n * 64 * 5 + n * 8 + n / 4);  // as the header says
  CHECK(top_n_index::from_rows(rows, 64, {.rounded = false}).memory_bytes() == n * 64 * 4 + n * 4 + n / 4);
  CHECK(top_n_index().memory_bytes() == 0);
}

TEST_CASE("what no index can be made of, or asked, is refused", "[top_n]") {
  const auto build = [](std::vector<float> rows, std::size_t rank) {
    return code_of([&] { (void)top_n_index::from_rows(rows, rank); });
  };
  CHECK(build({1, 2}, 0) == errc::invalid_argument);
  CHECK(build({1, 2, 3}, 2) == errc::invalid_argument);
  CHECK(build({1, std::nanf("")}, 2) == errc::not_finite);
  CHECK(build({1, 2, -HUGE_VALF, 0}, 2) == errc::not_finite);

  const top_n_index index = top_n_index::from_rows(constant(30, 1), 3);
  std::vector<scored_item> out(4);
  std::vector<std::size_t> counts(2);
  CHECK(code_of([&] { (void)index.top_n(constant(2, 1), out); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)index.top_n({}, out); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch(constant(5, 1), out, counts); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch(constant(6, 1), std::span(out).first(3), counts); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch({}, out, {}); }) == errc::invalid_argument);
  const std::vector<item_filter> filters(3);
  CHECK(code_of([&] { index.top_n_batch(constant(6, 1), out, counts, filters); }) == errc::invalid_argument);
  try {
    (void)top_n_index::from_rows(std::vector<float>{1, 2, 3, std::nanf("")}, 2);
    FAIL("accepted");
  } catch (const error& failure) {
    CHECK(failure.message().find("item 1") != std::string::npos);
  }
}

TEST_CASE("building and batches report themselves and can be cancelled", "[top_n]") {
  const std::vector<float> rows = trained_like(12, 70000, 4, 0.5);
  std::vector<progress_report> seen;
  const auto note = [&](const progress_report& report) {
    seen.push_back(report);
    return true;
  };
  const top_n_index index = top_n_index::from_rows(rows, 4, {}, {}, note);
  REQUIRE(seen.size() == 3);
  CHECK(seen.front().done == 0);
  CHECK(seen[1].done == 65536);
  CHECK(seen.back().done == 70000);
  CHECK(seen.back().total == 70000);
  CHECK(seen.back().stage == "top_n_index");

  const std::vector<float> queries = trained_like(13, 2000, 4, 0);
  std::vector<scored_item> out(2000);
  std::vector<std::size_t> counts(2000);
  seen.clear();
  index.top_n_batch(queries, out, counts, {}, {}, note);
  REQUIRE(seen.size() == 3);
  CHECK(seen[1].done == 1024);
  CHECK(seen.back().done == 2000);

  const auto stop = [](const progress_report& report) { return report.done < 1000; };
  CHECK(code_of([&] { (void)top_n_index::from_rows(rows, 4, {}, {}, stop); }) == errc::cancelled);
  CHECK(code_of([&] { index.top_n_batch(queries, out, counts, {}, {}, stop); }) == errc::cancelled);
}

namespace {

/// Counts answers that a scan in double precision contradicts: an item left out that beats one in the list by more than
/// what float32 sums may be off.
std::size_t contradictions(const top_n_index& index, std::span<const float> items, std::span<const float> queries,
                           std::size_t n) {
  const std::size_t k = index.rank();
  const std::size_t m = queries.size() / k;
  const reference::matrix y = reference::rows_of(items, k);
  std::vector<scored_item> out(m * n);
  std::vector<std::size_t> counts(m);
  index.top_n_batch(queries, out, counts);
  std::size_t wrong = 0;
  for (std::size_t q = 0; q < m; ++q) {
    const Eigen::VectorXd x = reference::rows_of(queries.subspan(q * k, k), k).row(0);
    const Eigen::VectorXd exact = y * x;
    const double tolerance = 2e-7 * static_cast<double>(k) * x.norm() * y.rowwise().norm().maxCoeff();
    std::vector<bool> listed(index.size());
    double worst = HUGE_VAL;
    for (std::size_t r = 0; r < counts[q]; ++r) {
      const auto i = static_cast<Eigen::Index>(raw(out[q * n + r].item));
      listed[static_cast<std::size_t>(i)] = true;
      worst = std::min(worst, exact(i));
      if (std::abs(exact(i) - double{out[q * n + r].score}) > tolerance) ++wrong;
    }
    if (counts[q] != std::min(n, index.size())) ++wrong;
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (!listed[i] && exact(static_cast<Eigen::Index>(i)) > worst + tolerance) ++wrong;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("no answer contradicts a scan in double precision on trained factors", "[top_n]") {
  const interactions log = reference::random_log(11, 1000, 2000, 40, false);
  const factor_model model = fit_ials(log, {.rank = 32, .epochs = 4});
  CHECK(contradictions(top_n_index(model), model.item_matrix(), model.user_matrix(), 10) == 0);
}

TEST_CASE("10,000 queries on factors of MovieLens 1M: the bits of factor_model::top_n, and no contradiction",
          "[top_n][real]") {
  const auto file = real_data("ml-1m-strong/train.csv");
  if (file.empty()) return;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);  // uid,sid
  std::map<unsigned long, std::uint32_t> users;
  std::vector<interaction> events;
  while (std::getline(in, line)) {
    const std::size_t comma = line.find(',');
    const auto user = users.emplace(std::stoul(line.substr(0, comma)), static_cast<std::uint32_t>(users.size()));
    const auto item = static_cast<std::uint32_t>(std::stoul(line.substr(comma + 1)));
    events.push_back({user_index{user.first->second}, item_index{item}, 1.0F, {}});
  }
  const interactions log = interactions::from_events(events, users.size(), 3468);
  const factor_model model = fit_ials(log, {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F, .epochs = 4});
  const top_n_index index(model);
  // all users, then mixtures of two of them
  std::vector<float> queries(model.user_matrix().begin(), model.user_matrix().end());
  random_stream random(14);
  while (queries.size() < 10000 * 64) {
    const auto a = model.user_factors(user_index{static_cast<std::uint32_t>(random.below(users.size()))});
    const auto b = model.user_factors(user_index{static_cast<std::uint32_t>(random.below(users.size()))});
    const auto share = static_cast<float>(random.uniform());
    for (std::size_t j = 0; j < 64; ++j) queries.push_back(share * a[j] + (1 - share) * b[j]);
  }
  CHECK(contradictions(index, model.item_matrix(), queries, 10) == 0);
  std::size_t different = 0;
  for (std::size_t q = 0; q < 10000; ++q) {
    const auto query = std::span(queries).subspan(q * 64, 64);
    std::vector<scored_item> expected(10);
    expected.resize(model.top_n(query, expected));
    if (!same(answer(index, query, 10), expected)) ++different;
  }
  CHECK(different == 0);
}
