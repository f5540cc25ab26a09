#include "tandem/batch/history_model.hpp"

#include <limits>
#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::batch;

static_assert(history_model<factor_model>);
static_assert(history_model<popularity>);

namespace {

interactions some_log() {
  random_stream random(1);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 40; ++u) {
    for (int e = 0; e < 8; ++e) {
      events.push_back({user_index{u}, item_index{static_cast<std::uint32_t>(random.below(30))}, 1.0F, {}});
    }
  }
  return interactions::from_events(events, 40, 30);
}

template <class M>
void check_bad_histories(const M& model) {
  std::vector<float> out(model.n_items());
  const auto code_of = [&](std::uint32_t item, float weight) {
    const item_index items[] = {item_index{0}, item_index{item}};
    const float weights[] = {1, weight};
    try {
      model.score_history(items, weights, out);
    } catch (const error& e) {
      return std::optional(e.code());
    }
    return std::optional<errc>();
  };
  CHECK(code_of(30, 1) == errc::invalid_argument);
  CHECK(code_of(5, std::numeric_limits<float>::quiet_NaN()) == errc::not_finite);
  CHECK(code_of(5, std::numeric_limits<float>::infinity()) == errc::not_finite);
  CHECK(code_of(5, -1) == std::nullopt);
}

}  // namespace

TEST_CASE("every model refuses a history it cannot read") {
  const interactions log = some_log();
  ials_options options;
  options.rank = 4;
  check_bad_histories(fit_ials(log, options));
  check_bad_histories(popularity(log));
}

TEST_CASE("a factor model scores a history as it scores the user who has it") {
  const interactions log = some_log();
  ials_options options;
  options.rank = 4;
  const factor_model model = fit_ials(log, options);
  std::vector<float> expected(30);
  std::vector<float> out(30);
  for (std::uint32_t u = 0; u < 40; ++u) {
    const interactions::row row = log.items_of(user_index{u});
    std::vector<item_index> items;
    for (const std::uint32_t i : row.index) items.push_back(item_index{i});
    model.score_history(items, row.weight, out);
    model.score(model.user_factors(user_index{u}), expected);
    for (std::size_t i = 0; i < 30; ++i) CHECK(out[i] == Approx(expected[i]).margin(1e-5));
  }
}

TEST_CASE("popularity scores every history alike") {
  const interactions log = some_log();
  const popularity model(log);
  std::vector<float> out(30);
  model.score_history({}, {}, out);
  for (std::uint32_t i = 0; i < 30; ++i) CHECK(out[i] == model.score(item_index{i}));
}
