#include "tandem/evaluation/slate_off_policy.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

constexpr std::size_t n_places = 3;
using slate = std::vector<record>;

// Half way from the logging policy to the target: weights of whole slates stay below 27.
double target_of(std::size_t k, std::size_t a) { return (logging[k][a] + target[k][a]) / 2; }

double expected_of(const table& reward, std::size_t k) {
  return (expected_under(logging, reward, k) + expected_under(target, reward, k)) / 2;
}

// A slate of three places; a reader goes down from the top and, having clicked, is half as keen: rewards depend on what
// stands above, not below. Items are drawn by the place's row of the tables, independently.
double keen(const slate& above) { return above.empty() || above.back().logged.reward == 0 ? 1 : 0.5; }

slate draw_slate(random_stream& random) {
  slate out;
  for (std::size_t k = 0; k < n_places; ++k) {
    double u = random.uniform();
    std::size_t a = 0;
    while (a + 1 < n_actions && u >= logging[k][a]) u -= logging[k][a++];
    const double reward = random.uniform() < keen(out) * click[k][a] ? 1 : 0;
    out.push_back({{reward, logging[k][a], target_of(k, a)}, {guess[k][a], expected_of(guess, k)}, {}});
  }
  return out;
}

double true_value() {
  double sum = 0;
  double clicked = 0;  // probability that the place above was
  for (std::size_t k = 0; k < n_places; ++k) {
    clicked = expected_of(click, k) * (1 - clicked / 2);
    sum += clicked;
  }
  return sum;
}

std::vector<logged_reward> logged(const slate& s) {
  std::vector<logged_reward> out;
  for (const record& r : s) out.push_back(r.logged);
  return out;
}

std::vector<predicted_reward> guessed(const slate& s) {
  std::vector<predicted_reward> out;
  for (const record& r : s) out.push_back(r.guessed);
  return out;
}

}  // namespace

TEST_CASE("SIPS, RIPS and Cascade-DR are unbiased for a reader from the top, and cover 93 to 97 % of 1,000 logs") {
  const double truth = true_value();
  double sum[3] = {};
  double squares[3] = {};
  int covered[3] = {};
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    slate_inverse_propensity sips;
    cascade_inverse_propensity rips;
    cascade_doubly_robust cascade;
    random_stream random(seed, 6);
    for (int i = 0; i < 2000; ++i) {
      const slate s = draw_slate(random);
      sips.add(logged(s));
      rips.add(logged(s));
      cascade.add(logged(s), guessed(s));
    }
    const off_policy_estimate each[3] = {sips.estimate(), rips.estimate(), cascade.estimate()};
    for (std::size_t i = 0; i < 3; ++i) {
      sum[i] += each[i].value;
      squares[i] += (each[i].value - truth) * (each[i].value - truth);
      covered[i] += each[i].range.contains(truth);
    }
    CHECK(each[0].n == 2000);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    INFO("estimator " << i << " bias " << sum[i] / 1000 - truth << " covered " << covered[i]);
    CHECK(std::abs(sum[i] / 1000 - truth) < 4 * std::sqrt(squares[i]) / 1000);
    CHECK((covered[i] >= 930 && covered[i] <= 970));
  }
  CHECK(squares[1] < squares[0]);  // weights of fewer places
  CHECK(squares[2] < squares[1]);  // and a rough model
}

TEST_CASE("IIPS covers 93 to 97 % when places are apart, and is wrong when a click above matters") {
  double apart_truth = 0;
  for (std::size_t k = 0; k < n_places; ++k) apart_truth += expected_of(click, k);
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    independent_inverse_propensity iips;
    random_stream random(seed, 7);
    for (int i = 0; i < 500; ++i) {
      std::vector<logged_reward> places;
      for (std::size_t k = 0; k < n_places; ++k) {
        double u = random.uniform();
        std::size_t a = 0;
        while (a + 1 < n_actions && u >= logging[k][a]) u -= logging[k][a++];
        places.push_back({random.uniform() < click[k][a] ? 1.0 : 0.0, logging[k][a], target_of(k, a)});
      }
      iips.add(places);
    }
    covered += iips.estimate().range.contains(apart_truth);
  }
  INFO(covered);
  CHECK((covered >= 930 && covered <= 970));

  independent_inverse_propensity wrong;
  cascade_inverse_propensity right;
  random_stream random(1, 8);
  for (int i = 0; i < 200000; ++i) {
    const slate s = draw_slate(random);
    wrong.add(logged(s));
    right.add(logged(s));
  }
  CHECK(right.estimate(0.9999).range.contains(true_value()));
  CHECK_FALSE(wrong.estimate(0.9999).range.contains(true_value()));
}

TEST_CASE("a slate of one place is an ordinary record") {
  inverse_propensity ips;
  doubly_robust dr;
  slate_inverse_propensity sips;
  cascade_inverse_propensity rips;
  cascade_doubly_robust cascade;
  independent_inverse_propensity iips;
  for (const record& r : make_log(3, 200)) {
    ips.add(r.logged);
    dr.add(r.logged, r.guessed);
    sips.add({&r.logged, 1});
    rips.add({&r.logged, 1});
    cascade.add({&r.logged, 1}, {&r.guessed, 1});
    iips.add({&r.logged, 1});
  }
  CHECK(sips.estimate().value == Approx(ips.estimate().value).epsilon(1e-12));
  CHECK(rips.estimate().value == Approx(ips.estimate().value).epsilon(1e-12));
  CHECK(iips.estimate().value == Approx(ips.estimate().value).epsilon(1e-12));
  CHECK(cascade.estimate().value == Approx(dr.estimate().value).epsilon(1e-12));
  CHECK(sips.estimate().effective_sample_size == Approx(ips.estimate().effective_sample_size));
  CHECK(iips.estimate().mean_inverse_propensity == Approx(ips.estimate().mean_inverse_propensity));
}

// Two places: w = 2, 3; r = 1, 10. SIPS 6 * 11; RIPS 2 * 1 + 6 * 10; IIPS 2 * 1 + 3 * 10; Cascade-DR with taken 1/2, 4
// and expected 1/4, 5: 2 * 1/2 + 1/4 + 6 * 6 + 2 * 5.
TEST_CASE("slates agree with values worked by hand") {
  const std::vector<logged_reward> places = {{1, .25, .5}, {10, .25, .75}};
  const std::vector<predicted_reward> predicted = {{.5, .25}, {4, 5}};
  slate_inverse_propensity sips;
  cascade_inverse_propensity rips;
  cascade_doubly_robust cascade;
  independent_inverse_propensity iips;
  for (int i = 0; i < 2; ++i) {
    sips.add(places);
    rips.add(places);
    cascade.add(places, predicted);
    iips.add(places);
  }
  CHECK(sips.estimate().value == 66);
  CHECK(rips.estimate().value == 62);
  CHECK(iips.estimate().value == 32);
  CHECK(cascade.estimate().value == 47.25);
  CHECK(sips.estimate().largest_weight == 6);
  CHECK(iips.estimate().largest_weight == 2.5);
  CHECK(sips.estimate().mean_inverse_propensity == 16);
}

TEST_CASE("slates that cannot be are refused whole and by name") {
  const auto check = [](auto estimator) {
    const std::vector<logged_reward> good = {{1, .5, .5}, {0, .5, .5}};
    estimator.add(good);
    estimator.add(good);
    CHECK(thrown_by([&] { estimator.add({}); }).where().field == "places");
    const std::vector<logged_reward> no_propensity = {{1, .5, .5}, {0, 0, .5}};
    CHECK(thrown_by([&] { estimator.add(no_propensity); }).where().field == "propensity");
    const std::vector<logged_reward> no_reward = {{1, .5, .5}, {std::nan(""), .5, .5}};
    CHECK(thrown_by([&] { estimator.add(no_reward); }).code() == errc::not_finite);
    const std::vector<logged_reward> no_target = {{1, .5, -1}};
    CHECK(thrown_by([&] { estimator.add(no_target); }).where().field == "target");
    CHECK(estimator.estimate().n == 2);
  };
  check(slate_inverse_propensity{});
  check(cascade_inverse_propensity{});
  check(independent_inverse_propensity{});
  cascade_doubly_robust cascade;
  const std::vector<logged_reward> good = {{1, .5, .5}};
  const predicted_reward bad = {std::nan(""), 0};
  CHECK(thrown_by([&] { cascade.add(good, {}); }).where().field == "predicted");
  CHECK(thrown_by([&] { cascade.add(good, {&bad, 1}); }).where().field == "taken");
  CHECK(thrown_by([&] { cascade.add({}, {}); }).where().field == "places");
  // a page so long that its probability is no longer a number
  const std::vector<logged_reward> deep(400, {1, .1, .1});
  cascade_inverse_propensity rips;
  rips.add(deep);
  rips.add(deep);
  CHECK(rips.estimate().value == Approx(400));
  const std::vector<logged_reward> too_heavy(400, {1, .1, 1});
  CHECK(thrown_by([&] { rips.add(too_heavy); }).code() == errc::not_finite);
}
