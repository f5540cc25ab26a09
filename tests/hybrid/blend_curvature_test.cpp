#include "tandem/hybrid/blend_curvature.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

// of a choice among `n` candidates of random features: a gradient of their size and the covariance of equal chances
choice_slope some_choice(random_stream& random, std::size_t width, std::size_t n) {
  choice_slope out(width);
  for (std::size_t k = 0; k < n; ++k) {
    std::vector<float> x(width);
    for (float& each : x) each = static_cast<float>(random.normal());
    for (std::size_t a = 0; a < width; ++a) {
      out.gradient[a] += x[a] / static_cast<float>(n);
      for (std::size_t b = 0; b <= a; ++b) out.curvature[a * width + b] += x[a] * x[b] / static_cast<float>(n);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a step goes down the curvature of all steps so far, block by block") {
  for (const std::size_t width : {1U, 3U, 17U, 54U}) {
    random_stream random(width);
    const auto n = static_cast<Eigen::Index>(width);
    blend_curvature subject(width);
    std::vector<std::vector<float>> weight(3, std::vector<float>(width, 0.25F));
    std::vector<Eigen::VectorXd> expected(3, Eigen::VectorXd::Constant(n, 0.25));
    std::vector<Eigen::MatrixXd> known(3, Eigen::MatrixXd::Zero(n, n));
    for (int t = 0; t < 60; ++t) {
      const std::size_t block = random.below(3);
      const float rate = t % 2 == 0 ? 1.0F : 0.5F;
      const choice_slope choice = some_choice(random, width, 5);
      subject.make_room(block);
      subject.step(block, choice, rate, weight[block]);
      Eigen::MatrixXd bend(n, n);
      Eigen::VectorXd gradient(n);
      for (std::size_t a = 0; a < width; ++a) {
        const auto i = static_cast<Eigen::Index>(a);
        gradient(i) = static_cast<double>(choice.gradient[a]);
        for (std::size_t b = 0; b <= a; ++b) {
          const auto j = static_cast<Eigen::Index>(b);
          bend(i, j) = bend(j, i) = static_cast<double>(choice.curvature[a * width + b]);
        }
      }
      known[block] = (1 - 1e-4) * known[block] + bend;
      Eigen::MatrixXd whole = known[block];
      whole.diagonal().array() += double{block == 0 ? blend_curvature::prior_of_all : blend_curvature::prior_beside};
      expected[block] -= double{rate} * whole.ldlt().solve(gradient);
      for (std::size_t a = 0; a < width; ++a) {
        REQUIRE(static_cast<double>(weight[block][a]) ==
                Approx(expected[block](static_cast<Eigen::Index>(a))).margin(1e-5));
      }
    }
  }
}

TEST_CASE("what several weights share is known of all of them after the first few steps") {
  // two features that always agree: together they take the step that one would, not twice as far
  blend_curvature one(1);
  blend_curvature two(2);
  one.make_room(0);
  two.make_room(0);
  std::vector<float> alone(1);
  std::vector<float> both(2);
  for (int t = 0; t < 2000; ++t) {
    choice_slope single(1);
    single.gradient = {-0.1F};
    single.curvature = {1};
    choice_slope pair(2);
    pair.gradient = {-0.1F, -0.1F};
    pair.curvature = {1, 0, 1, 1};
    one.step(0, single, 1, alone);
    two.step(0, pair, 1, both);
  }
  CHECK(both[0] == Approx(both[1]));
  CHECK(both[0] + both[1] == Approx(alone[0]).epsilon(0.25));  // but for the prior, which counts twice
}

TEST_CASE("a choice that float32 cannot solve moves nothing, and the next one does") {
  blend_curvature subject(2);
  subject.make_room(0);
  std::vector<float> weight(2);
  choice_slope impossible(2);
  impossible.gradient = {1, 1};
  impossible.curvature = {0, 0, 1e6F, 0};  // no covariance is like that
  subject.step(0, impossible, 1, weight);
  CHECK(weight == std::vector<float>{0, 0});
  choice_slope large(2);
  large.gradient = {1, 1};
  large.curvature = {1e12F, 0, 0, 1e12F};
  subject.step(0, large, 1, weight);
  CHECK(weight[0] < 0);
}

TEST_CASE("a curvature that was saved goes on as if it never was") {
  constexpr std::size_t width = 4;
  struct subject {
    blend_curvature known{width};
    std::vector<float> weight = std::vector<float>(width);
    void save(byte_writer& out) const {
      known.save(out);
      out.put(weight);
    }
  };
  const auto step = [](subject& s, random_stream& random) {
    const std::size_t block = random.below(5);
    s.known.make_room(block);
    s.known.step(block, some_choice(random, width, 3), 1, s.weight);
  };
  const auto ask = [](const subject& s, random_stream&) { return s.weight; };
  const auto load = [](byte_reader& in) {
    subject out;
    out.known = blend_curvature::load(in, width, 5);
    out.weight = in.get_vector<float>(width);
    in.check(out.weight.size() == width, "another width");
    return out;
  };
  tandem_test::check_goes_on([] { return subject(); }, step, ask, load);

  subject some;
  random_stream random(1);
  for (int t = 0; t < 9; ++t) step(some, random);
  const auto whole = tandem_test::saved(some.known);
  const auto refused = [&](std::size_t of_width, std::size_t blocks) {
    return tandem_test::is_refused(whole, [&](byte_reader& in) { return blend_curvature::load(in, of_width, blocks); });
  };
  CHECK_FALSE(refused(width, 5));
  CHECK(refused(width, 1));
  CHECK(refused(width + 1, 5));
  CHECK(refused(width - 1, 5));
}
