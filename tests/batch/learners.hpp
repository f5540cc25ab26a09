#pragma once
// What the tests of the batch learners share: executors that run calls in odd orders, bits, refusals, cancelled fits.

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/interactions.hpp"

namespace learners {

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

/// Runs calls last to first, as if on n threads.
struct backwards_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, tandem::function_ref<void(std::size_t)> f) {
    while (n-- > 0) f(n);
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

/// Real threads, each taking every threads-th call.
struct striping_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, tandem::function_ref<void(std::size_t)> f) {
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t) {
      running.emplace_back([=, this] {
        for (std::size_t i = t; i < n; i += threads) f(i);
      });
    }
    for (std::thread& each : running) each.join();
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

/// The error that f() throws, if it throws one of ours.
template <class F>
std::optional<tandem::error> error_of(const F& f) {
  try {
    f();
  } catch (const tandem::error& failure) {
    return failure;
  }
  return std::nullopt;
}

/// The field that f() is refused for, or "accepted"; checks that the refusal is an invalid_argument.
template <class F>
std::string refused_field(const F& f) {
  const auto failure = error_of(f);
  if (!failure) return "accepted";
  CHECK(failure->code() == tandem::errc::invalid_argument);
  return failure->where().field;
}

/// Checks that fit(progress) counts up to its total, as `stage`, on the calling thread, and can be cancelled at every
/// step.
template <class Fit>
void check_progress(const std::string& stage, const Fit& fit) {
  std::size_t steps = 0;
  std::size_t done = 0;
  std::size_t total = 0;
  const auto caller = std::this_thread::get_id();
  fit([&](const tandem::progress_report& report) {
    CHECK(report.stage == stage);
    CHECK(std::this_thread::get_id() == caller);
    CHECK(report.done > done);
    if (steps++ > 0) CHECK(report.total == total);
    done = report.done;
    total = report.total;
    return true;
  });
  REQUIRE(steps > 1);
  CHECK(done == total);
  for (std::size_t stop = 1; stop <= steps; ++stop) {
    std::size_t calls = 0;
    const auto failure = error_of([&] { fit([&](const tandem::progress_report&) { return ++calls < stop; }); });
    REQUIRE(failure);
    CHECK(failure->code() == tandem::errc::cancelled);
    CHECK(calls == stop);
  }
}

/// Items and weights of a log's row, as a model takes a history.
struct history {
  std::vector<tandem::item_index> items;
  std::vector<float> weights;
};

inline history history_of(const tandem::interactions& log, std::uint32_t user) {
  const auto row = log.items_of(tandem::user_index{user});
  history out;
  for (const std::uint32_t i : row.index) out.items.push_back(tandem::item_index{i});
  out.weights.assign(row.weight.begin(), row.weight.end());
  return out;
}

template <class M>
std::vector<float> scores_of(const M& model, const history& given) {
  std::vector<float> out(model.n_items());
  model.score_history(given.items, given.weights, out);
  return out;
}

/// Checks what batch/history_model.hpp promises of any history: order does not matter, items given twice add up,
/// weights that are not positive are passed over, and bad ones are refused.
template <class M>
void check_histories(const M& model) {
  using tandem::item_index;
  REQUIRE(model.n_items() > 5);
  const std::vector<float> expected = scores_of(model, {{item_index{1}, item_index{3}, item_index{4}}, {3, 1, 2}});
  CHECK(same_bits(scores_of(model, {{item_index{4}, item_index{1}, item_index{3}}, {2, 3, 1}}), expected));
  CHECK(same_bits(scores_of(model, {{item_index{1}, item_index{4}, item_index{1}, item_index{3}}, {1, 2, 2, 1}}),
                  expected));
  CHECK(same_bits(scores_of(model, {{item_index{1}, item_index{3}, item_index{5}, item_index{4}}, {3, 1, -7, 2}}),
                  expected));
  const auto code_of = [&](std::size_t item, float weight) {
    const history bad{{item_index{0}, item_index{static_cast<std::uint32_t>(item)}}, {1, weight}};
    const auto failure = error_of([&] { (void)scores_of(model, bad); });
    REQUIRE(failure);
    return failure->code();
  };
  CHECK(code_of(model.n_items(), 1) == tandem::errc::invalid_argument);
  CHECK(code_of(2, std::nanf("")) == tandem::errc::not_finite);
  CHECK(code_of(2, HUGE_VALF) == tandem::errc::not_finite);
}

}  // namespace learners
