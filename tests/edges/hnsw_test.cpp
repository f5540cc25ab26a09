#if __has_include(<hnswlib/hnswlib.h>)
#include "tandem/hnsw.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using batch::approximate_top_n;
using batch::item_filter;
using batch::top_n_index;

namespace {

/// Vectors as trained ones are: a spectrum that decays, lengths that are log-normal, or all the same for a spread of 0.
std::vector<float> vectors(std::uint64_t seed, std::size_t n, std::size_t rank, double spread) {
  random_stream random(seed, 78);
  std::vector<float> out;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> row(rank);
    double norm = 0;
    for (std::size_t j = 0; j < rank; ++j) {
      row[j] = random.normal() / std::sqrt(1 + 0.15 * static_cast<double>(j));
      norm += row[j] * row[j];
    }
    const double length = std::exp(spread * random.normal()) / std::sqrt(norm);
    for (const double y : row) out.push_back(static_cast<float>(length * y));
  }
  return out;
}

std::vector<float> constant(std::size_t n, float value) { return std::vector<float>(n, value); }

/// The bits of factor_model::score() of every item.
std::vector<float> scores_of(std::span<const float> rows, std::span<const float> query) {
  std::vector<float> scores(rows.size() / query.size());
  kernels().score_rows(query.data(), 1, rows.data(), scores.size(), query.size(), query.size(), scores.data());
  return scores;
}

std::vector<scored_item> brute_force(std::span<const float> rows, std::span<const float> query, std::size_t n,
                                     const item_filter& filter = {}) {
  const std::vector<float> scores = scores_of(rows, query);
  std::vector<scored_item> all;
  for (std::uint32_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i]) && filter.passes(item_index{i})) all.push_back({item_index{i}, scores[i]});
  }
  std::sort(all.begin(), all.end(), ranks_before);
  all.resize(std::min(n, all.size()));
  return all;
}

bool same_item(const scored_item& a, const scored_item& b) { return a.item == b.item; }

bool same(std::span<const scored_item> a, std::span<const scored_item> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const scored_item& x, const scored_item& y) {
    return x.item == y.item && std::bit_cast<std::uint32_t>(x.score) == std::bit_cast<std::uint32_t>(y.score);
  });
}

template <class Index>
std::vector<scored_item> answer(const Index& index, std::span<const float> query, std::size_t n,
                                const item_filter& filter = {}) {
  std::vector<scored_item> out(n);
  out.resize(index.top_n(query, out, filter));
  return out;
}

/// The share of the exact best n that an index finds, over all queries.
double recall(const approximate_top_n& index, std::span<const float> rows, std::span<const float> queries,
              std::size_t n) {
  const std::size_t k = index.rank();
  const top_n_index exact = top_n_index::from_rows(rows, k);
  std::size_t found = 0;
  std::size_t all = 0;
  for (std::size_t q = 0; q < queries.size() / k; ++q) {
    const std::vector<scored_item> expected = answer(exact, queries.subspan(q * k, k), n);
    const std::vector<scored_item> got = answer(index, queries.subspan(q * k, k), n);
    all += expected.size();
    for (const scored_item& each : expected) {
      const auto is_it = [&](const scored_item& other) { return same_item(each, other); };
      if (std::any_of(got.begin(), got.end(), is_it)) ++found;
    }
  }
  return static_cast<double>(found) / static_cast<double>(all);
}

/// A graph over rows, without the index around it.
void fill(detail::hnsw_graph& graph, std::span<const float> rows) {
  for (std::size_t i = 0; i < rows.size() / graph.rank(); ++i) graph.add(rows.data() + i * graph.rank());
}

errc code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& failure) {
    return failure.code();
  }
  FAIL("accepted");
  return errc::io_error;
}

/// Checks all that is promised of an answer but which items are found.
void check_promises(std::span<const float> rows, std::span<const float> query, const item_filter& filter, std::size_t n,
                    const std::vector<scored_item>& got) {
  const std::vector<float> scores = scores_of(rows, query);
  REQUIRE(got.size() == brute_force(rows, query, n, filter).size());
  REQUIRE(std::is_sorted(got.begin(), got.end(), ranks_before));
  REQUIRE(std::adjacent_find(got.begin(), got.end(), same_item) == got.end());
  for (const scored_item& each : got) {
    const std::size_t i = slot(each.item);
    REQUIRE(i < scores.size());
    REQUIRE(std::bit_cast<std::uint32_t>(each.score) == std::bit_cast<std::uint32_t>(scores[i]));
    REQUIRE(filter.passes(each.item));
    double exact = 0;
    double size = 0;
    for (std::size_t j = 0; j < query.size(); ++j) {
      const double product = double{query[j]} * double{rows[i * query.size() + j]};
      exact += product;
      size += std::abs(product);
    }
    REQUIRE(std::abs(double{each.score} - exact) <= 1e-6 * static_cast<double>(query.size()) * size);
  }
}

}  // namespace

TEST_CASE("approximate answers hold what they promise, whatever is filtered", "[hnsw]") {
  const std::size_t ranks[] = {1, 2, 3, 5, 8, 17, 32, 65};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed, 4);
    const std::size_t rank = ranks[random.below(8)];
    const std::size_t n_items = random.below(seed % 4 == 0 ? 3000 : 300);
    std::vector<float> rows = vectors(seed, n_items, rank, seed % 3 == 0 ? 0.0 : 0.6);
    std::vector<float> query = vectors(seed + 1000, 1, rank, 0);
    if (seed % 5 == 1) {  // few distinct values: ties and equal vectors everywhere
      for (float& y : rows) y = static_cast<float>(random.below(3)) - 1;
      for (float& x : query) x = static_cast<float>(random.below(3)) - 1;
    }
    std::vector<item_index> exclude;
    const double share = random.uniform();
    for (std::uint32_t i = 0; i < n_items + 5; ++i) {
      if (random.uniform() < share) exclude.push_back(item_index{i});
    }
    std::vector<std::uint64_t> allow(n_items / 64 + random.below(2));  // sometimes shorter than the catalogue
    for (std::uint64_t& word : allow) word = random() & (seed % 2 == 0 ? random() & random() : ~0ULL);
    const approximate_top_n index = approximate_top_n::from_rows(
        rows, rank, {.links = 2 + random.below(9), .ef_construction = 1 + random.below(40), .ef = 1 + random.below(4)});
    for (const item_filter& filter : {item_filter{}, item_filter{.exclude = exclude}, item_filter{.allow = allow},
                                      item_filter{.exclude = exclude, .allow = allow}}) {
      for (const std::size_t n : {0U, 1U, 4U, 10U, 100U, 4000U}) {
        INFO("seed " << seed << ", rank " << rank << ", items " << n_items << ", n " << n);
        check_promises(rows, query, filter, n, answer(index, query, n, filter));
      }
    }
  }
}

TEST_CASE("the graph finds most of the best items, and more of them the more it keeps in sight", "[hnsw]") {
  const std::size_t rank = 24;
  const std::vector<float> queries = vectors(2, 200, rank, 0);
  // log-normal lengths, and one length for all: the kind of vectors that an exact search cannot leave out any of
  for (const double spread : {0.6, 0.0}) {
    const std::vector<float> rows = vectors(1, 20000, rank, spread);
    const approximate_top_n index = approximate_top_n::from_rows(rows, rank, {.links = 12, .ef_construction = 60});
    INFO("spread " << spread);
    std::vector<double> found;
    for (const std::size_t ef : {10U, 40U, 120U}) found.push_back(recall(index.with_ef(ef), rows, queries, 10));
    CAPTURE(found);
    CHECK(found[0] < found[1]);  // so it was the graph that answered, not a scan
    CHECK(found[1] < found[2]);
    CHECK(found[0] > 0.55);
    CHECK(found[1] > 0.85);
    CHECK(found[2] > 0.97);
    CHECK(found[2] < 1);
  }
}

TEST_CASE("the graph finds most of the best items of trained factors", "[hnsw][real]") {
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
  const batch::factor_model model =
      batch::fit_ials(log, {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F, .epochs = 4});
  const approximate_top_n index(model, {.ef = 20});
  const auto queries = model.user_matrix().first(1000 * 64);
  const double found = recall(index, model.item_matrix(), queries, 10);
  CAPTURE(found);
  CHECK(found > 0.92);
  CHECK(found < 1);  // so it was the graph that answered
}

TEST_CASE("a scan answers where the graph does not serve", "[hnsw]") {
  const std::size_t rank = 16;
  const std::size_t n_items = 6000;
  const std::vector<float> rows = vectors(3, n_items, rank, 0.4);
  const approximate_top_n index =
      approximate_top_n::from_rows(rows, rank, {.links = 4, .ef_construction = 10, .ef = 10});
  const std::vector<float> query = vectors(4, 1, rank, 0);
  const auto exact = [&](std::span<const float> x, std::size_t n, const item_filter& filter = {}) {
    return same(answer(index, x, n, filter), brute_force(rows, x, n, filter));
  };
  // more are wanted than a walk is cheaper for
  CHECK(exact(query, 100));
  // a bitmap allows few
  std::vector<std::uint64_t> allow(n_items / 64 + 1, 0x0100'0000'0000'0001ULL);
  CHECK(exact(query, 10, {.allow = allow}));
  // a list leaves few: the walk cannot know, and gives up
  std::vector<item_index> exclude;
  for (std::uint32_t i = 0; i < n_items; ++i) {
    if (i % 1000 != 7) exclude.push_back(item_index{i});
  }
  CHECK(exact(query, 10, {.exclude = exclude}));
  CHECK(exact(query, 5, {.exclude = exclude}));
  CHECK(answer(index, query, 10, {.exclude = exclude}).size() == 6);
  // queries without a direction
  CHECK(exact(constant(rank, 0), 10));
  CHECK(answer(index, constant(rank, 0), 3)[2].item == item_index{2});
  CHECK(exact(constant(rank, 0), 10, {.exclude = exclude}));
  CHECK(exact(constant(rank, 0), 10, {.allow = allow}));
  for (const float wrong : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> broken = query;
    broken[3] = wrong;
    CHECK(exact(broken, 10));
  }
}

TEST_CASE("scores beyond float32 neither mislead the graph nor break it", "[hnsw]") {
  const std::size_t rank = 8;
  std::vector<float> rows = vectors(5, 4000, rank, 1);
  for (float& y : rows) y *= 1e20F;  // products with each other are infinite, or no number
  const approximate_top_n index =
      approximate_top_n::from_rows(rows, rank, {.links = 4, .ef_construction = 10, .ef = 5});
  std::vector<float> query = vectors(6, 1, rank, 0);
  check_promises(rows, query, {}, 5, answer(index, query, 5));
  for (float& x : query) x *= 1e20F;
  CHECK(same(answer(index, query, 5), brute_force(rows, query, 5)));
}

TEST_CASE("equal vectors fill an answer, and so do a few among opposite ones", "[hnsw]") {
  std::vector<float> rows;
  for (int i = 0; i < 3000; ++i) rows.insert(rows.end(), {i < 2990 ? 1.0F : -1.0F, 0.5F});
  const approximate_top_n index = approximate_top_n::from_rows(rows, 2, {.links = 2, .ef_construction = 2, .ef = 1});
  for (const float x : {1.0F, -1.0F}) {
    const std::vector<float> query{x, 0.25F};
    for (const std::size_t n : {1U, 8U, 20U, 3000U}) check_promises(rows, query, {}, n, answer(index, query, n));
  }
}

TEST_CASE("the same seed gives the same graph, another seed another one", "[hnsw]") {
  const std::size_t rank = 12;
  const std::vector<float> rows = vectors(7, 3000, rank, 0.5);
  const auto links_of = [&](std::uint64_t seed) {
    detail::hnsw_graph graph(3000, rank, 6, 30, seed);
    fill(graph, rows);
    std::vector<std::uint32_t> all{graph.entry(), static_cast<std::uint32_t>(graph.top_layer())};
    for (std::uint32_t i = 0; i < 3000; ++i) {
      const auto links = graph.links(i, 0);
      all.insert(all.end(), links.begin(), links.end());
    }
    return all;
  };
  CHECK(links_of(1) == links_of(1));
  CHECK(links_of(1) != links_of(2));
}

TEST_CASE("one item in `links` reaches the first upper layer, one in links^2 the second", "[hnsw]") {
  const std::size_t n = 40000;
  detail::hnsw_graph graph(n, 1, 8, 1, 3);
  fill(graph, vectors(8, n, 1, 1));
  const double base = static_cast<double>(n) * (4 * 1 + 8 * 8 + 26) + 65536.0 * sizeof(std::mutex);
  // 1 / 8 + 1 / 64 + ... = 1 / 7 upper layers an item, 4 * 8 + 4 bytes each
  const double upper = static_cast<double>(n) / 7 * 36;
  CHECK(static_cast<double>(graph.memory_bytes()) == Approx(base + upper).margin(upper / 20));
}

TEST_CASE("a batch gives the answers of one query at a time, on any executor", "[hnsw][concurrency]") {
  const std::size_t rank = 10;
  const std::size_t m = 1100;
  const std::vector<float> rows = vectors(9, 6000, rank, 0.5);
  std::vector<float> queries = vectors(10, m, rank, 1);
  queries[2 * rank] = std::nanf("");
  std::fill_n(&queries[4 * rank], rank, 0.0F);
  random_stream random(11);
  std::vector<std::vector<item_index>> seen(m);
  std::vector<item_filter> filters;
  for (auto& list : seen) {
    for (std::uint32_t i = 0; i < 6000; i += 1 + static_cast<std::uint32_t>(random.below(9))) {
      list.push_back(item_index{i});
    }
    filters.push_back({.exclude = list});
  }
  const approximate_top_n index =
      approximate_top_n::from_rows(rows, rank, {.links = 6, .ef_construction = 20, .ef = 15});
  thread_pool pool(3);
  for (const bool filtered : {false, true}) {
    for (const executor_ref executor : {executor_ref(), executor_ref(pool)}) {
      std::vector<scored_item> out(m * 12);
      std::vector<std::size_t> counts(m, 99);
      index.top_n_batch(queries, out, counts, filtered ? filters : std::vector<item_filter>(), executor);
      for (std::size_t q = 0; q < m; ++q) {
        INFO("filtered " << filtered << ", query " << q);
        const auto alone =
            answer(index, std::span(queries).subspan(q * rank, rank), 12, filtered ? filters[q] : item_filter());
        REQUIRE(same(std::span(out).subspan(q * 12, counts[q]), alone));
      }
    }
  }
}

TEST_CASE("an approximate index can be empty, copied, moved, and searched with another ef", "[hnsw]") {
  const approximate_top_n none;
  CHECK(none.size() == 0);
  CHECK(none.rank() == 1);
  CHECK(none.memory_bytes() == 0);
  CHECK(answer(none, constant(1, 1), 5).empty());
  const approximate_top_n no_rows = approximate_top_n::from_rows({}, 3);
  CHECK(no_rows.rank() == 3);
  std::vector<scored_item> out(4);
  std::vector<std::size_t> counts{99, 99};
  no_rows.top_n_batch(constant(6, 1), out, counts);
  CHECK(counts == std::vector<std::size_t>{0, 0});

  const std::vector<float> rows = vectors(12, 3000, 6, 0.5);
  const std::vector<float> query = vectors(13, 1, 6, 0);
  approximate_top_n index = approximate_top_n::from_rows(rows, 6, {.links = 4, .ef_construction = 20, .ef = 7});
  const auto expected = answer(index, query, 7);
  const approximate_top_n other = index.with_ef(3000);  // a scan
  CHECK(other.options().ef == 3000);
  CHECK(other.options().links == 4);
  CHECK(index.options().ef == 7);
  const approximate_top_n copy = index;
  const approximate_top_n moved = std::move(index);
  CHECK(same(answer(copy, query, 7), expected));
  CHECK(same(answer(moved, query, 7), expected));
  CHECK(same(answer(other, query, 7), brute_force(rows, query, 7)));
  const approximate_top_n one = approximate_top_n::from_rows(std::vector<float>{2, 3}, 2);
  CHECK(answer(one, constant(2, 1), 5).size() == 1);
}

TEST_CASE("what no approximate index can be made of, or asked, is refused", "[hnsw]") {
  const auto build = [](std::vector<float> rows, std::size_t rank, const batch::approximate_top_n_options& options) {
    return code_of([&] { (void)approximate_top_n::from_rows(rows, rank, options); });
  };
  CHECK(build({1, 2}, 0, {}) == errc::invalid_argument);
  CHECK(build({1, 2, 3}, 2, {}) == errc::invalid_argument);
  CHECK(build({1, std::nanf("")}, 2, {}) == errc::not_finite);
  CHECK(build({1, 2, -HUGE_VALF, 0}, 2, {}) == errc::not_finite);
  for (const batch::approximate_top_n_options& wrong :
       {batch::approximate_top_n_options{.links = 1}, batch::approximate_top_n_options{.links = 129},
        batch::approximate_top_n_options{.ef_construction = 0},
        batch::approximate_top_n_options{.ef_construction = 100001}, batch::approximate_top_n_options{.ef = 0},
        batch::approximate_top_n_options{.ef = 1000001}}) {
    CHECK(build({1, 2}, 1, wrong) == errc::invalid_argument);
  }
  try {
    batch::approximate_top_n_options{.links = 1}.validate();
    FAIL("accepted");
  } catch (const error& failure) {
    CHECK(failure.where().field == "links");
    CHECK(failure.message().find("[2, 128]") != std::string::npos);
  }

  const approximate_top_n index = approximate_top_n::from_rows(constant(30, 1), 3);
  std::vector<scored_item> out(4);
  std::vector<std::size_t> counts(2);
  CHECK(code_of([&] { (void)index.with_ef(0); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)index.top_n(constant(2, 1), out); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch(constant(5, 1), out, counts); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch(constant(6, 1), std::span(out).first(3), counts); }) == errc::invalid_argument);
  CHECK(code_of([&] { index.top_n_batch({}, out, {}); }) == errc::invalid_argument);
  const std::vector<item_filter> filters(3);
  CHECK(code_of([&] { index.top_n_batch(constant(6, 1), out, counts, filters); }) == errc::invalid_argument);
}

TEST_CASE("what hnswlib throws becomes an error of tandem", "[hnsw]") {
  detail::hnsw_graph graph(2, 1, 4, 4, 0);
  const float y = 1;
  try {
    detail::calling_hnswlib([&] {
      for (int i = 0; i < 3; ++i) graph.add(&y);  // there is room for two
    });
    FAIL("accepted");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::wrong_state);
    CHECK(failure.message().find("hnswlib says: ") == 0);
    CHECK(failure.message().size() > 20);
  }
  CHECK(code_of([] { detail::calling_hnswlib([] { throw error(errc::cancelled, "as it is"); }); }) == errc::cancelled);
}

TEST_CASE("building and batches of an approximate index report themselves and can be cancelled", "[hnsw]") {
  const std::vector<float> rows = vectors(14, 2500, 4, 0.5);
  std::vector<std::size_t> done;
  const auto note = [&](const progress_report& report) {
    done.push_back(report.done);
    return true;
  };
  const approximate_top_n index = approximate_top_n::from_rows(rows, 4, {.links = 4, .ef_construction = 10}, note);
  CHECK(done == std::vector<std::size_t>{0, 1024, 2048, 2500});
  const std::vector<float> queries = vectors(15, 2000, 4, 0);
  std::vector<scored_item> out(2000);
  std::vector<std::size_t> counts(2000);
  done.clear();
  index.top_n_batch(queries, out, counts, {}, {}, note);
  CHECK(done == std::vector<std::size_t>{0, 1024, 2000});

  const auto stop = [](const progress_report& report) { return report.done < 1000; };
  CHECK(code_of([&] { (void)approximate_top_n::from_rows(rows, 4, {}, stop); }) == errc::cancelled);
  CHECK(code_of([&] { index.top_n_batch(queries, out, counts, {}, {}, stop); }) == errc::cancelled);
}

#endif
