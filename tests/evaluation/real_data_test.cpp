#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/evaluation/bounded_off_policy.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/evaluation/slope.hpp"

using namespace tandem;
using namespace tandem::evaluation;

namespace {

std::vector<std::array<std::uint32_t, 2>> read_pairs(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::array<std::uint32_t, 2>> pairs;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::size_t comma = line.find(',');
    pairs.push_back({static_cast<std::uint32_t>(std::stoul(line.substr(0, comma))),
                     static_cast<std::uint32_t>(std::stoul(line.substr(comma + 1)))});
  }
  return pairs;
}

constexpr std::size_t n_arms = 34;
constexpr std::size_t n_positions = 3;

struct shown_arm {
  std::size_t arm;
  std::size_t position;
  double click;
  double propensity;
};

std::vector<shown_arm> read_obd(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<shown_arm> rows;
  std::string line;
  std::getline(in, line);  // number, timestamp, item_id, position, click, propensity_score, ...
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::array<std::string, 6> field;
    for (std::string& each : field) std::getline(fields, each, ',');
    rows.push_back({std::stoul(field[2]), std::stoul(field[3]) - 1, std::stod(field[4]), std::stod(field[5])});
  }
  return rows;
}

// What the policy of this log earned itself: weights are 1.
off_policy_estimate on_policy(const std::vector<shown_arm>& log) {
  inverse_propensity own;
  for (const shown_arm& row : log) own.add({row.click, row.propensity, row.propensity});
  return own.estimate();
}

// Both are estimates: with 69 and 46 clicks the truth is known to 12 and 15 % only.
bool agree(const off_policy_estimate& a, const off_policy_estimate& b) {
  return std::abs(a.value - b.value) < 1.96 * std::hypot(a.standard_error, b.standard_error);
}

}  // namespace

// Published for this protocol (Liang et al. strong generalisation, MovieLens 1M) with a popularity ranking and
// measured with an independent numpy program: recall@20 .172, recall@50 .244, NDCG@100 .222.
TEST_CASE("popularity on MovieLens 1M scores what an independent program found") {
  const auto train = real_data("ml-1m-strong/train.csv");
  if (train.empty()) return;
  std::vector<float> popularity;
  for (const auto& [user, item] : read_pairs(train)) {
    if (item >= popularity.size()) popularity.resize(item + 1, 0.0F);
    ++popularity[item];
  }
  std::map<std::uint32_t, std::vector<std::uint8_t>> allowed;
  std::map<std::uint32_t, std::vector<item_index>> targets;
  for (const auto& [user, item] : read_pairs(real_data("ml-1m-strong/validation_tr.csv"))) {
    if (item >= popularity.size()) popularity.resize(item + 1, 0.0F);
    allowed[user].resize(5000, 1);
    allowed[user][item] = 0;
  }
  for (const auto& [user, item] : read_pairs(real_data("ml-1m-strong/validation_te.csv"))) {
    if (item >= popularity.size()) popularity.resize(item + 1, 0.0F);
    targets[user].push_back(static_cast<item_index>(item));
  }
  double recall20 = 0;
  double recall50 = 0;
  ranking_total at100(100);
  for (const auto& [user, wanted] : targets) {
    allowed[user].resize(popularity.size(), 1);
    const std::vector<double> ranks = expected_ranks(popularity, wanted, allowed[user]);
    recall20 += recall_at(ranks, 20);
    recall50 += recall_at(ranks, 50);
    at100.add(ranks);
  }
  const auto n = static_cast<double>(targets.size());
  CHECK(targets.size() == 1000);
  INFO(recall20 / n << " " << recall50 / n << " " << at100.report().ndcg);
  CHECK(recall20 / n == Approx(0.172).margin(0.0006));
  CHECK(recall50 / n == Approx(0.244).margin(0.0006));
  CHECK(at100.report().ndcg == Approx(0.222).margin(0.0006));
}

// Two policies served the same shop at the same time: uniform and Bernoulli Thompson sampling. Each one's log must
// tell what the other earned, within the noise of both.
TEST_CASE("on the Open Bandit sample each policy's log tells the other's click rate") {
  const auto random_file = real_data("obd/random/men/men.csv");
  const auto thompson_file = real_data("obd/bts/men/men.csv");
  if (random_file.empty() || thompson_file.empty()) return;
  const std::vector<shown_arm> random = read_obd(random_file);
  const std::vector<shown_arm> thompson = read_obd(thompson_file);
  REQUIRE(random.size() == 10000);
  REQUIRE(thompson.size() == 10000);

  // what Thompson sampling showed on average in each position stands for the policy
  std::array<std::array<double, n_arms>, n_positions> share{};
  std::array<double, n_positions> rows{};
  for (const shown_arm& row : thompson) {
    share[row.position][row.arm] += 1;
    rows[row.position] += 1;
  }
  const off_policy_estimate uniform_earned = on_policy(random);
  const off_policy_estimate thompson_earned = on_policy(thompson);
  CHECK(uniform_earned.value == Approx(0.0046));
  CHECK(thompson_earned.value == Approx(0.0069));

  inverse_propensity ips;
  self_normalized snips;
  doubly_robust dr;
  const double mean = uniform_earned.value;
  for (const shown_arm& row : random) {
    const logged_reward logged = {row.click, row.propensity, share[row.position][row.arm] / rows[row.position]};
    ips.add(logged);
    snips.add(logged);
    dr.add(logged, {mean, mean});
  }
  CHECK(agree(ips.estimate(), thompson_earned));
  CHECK(agree(snips.estimate(), thompson_earned));
  CHECK(agree(dr.estimate(), thompson_earned));
  CHECK_FALSE(ips.estimate().support_doubtful());

  inverse_propensity back;
  self_normalized back_normalized;
  for (const shown_arm& row : thompson) {
    back.add({row.click, row.propensity, 1.0 / n_arms});
    back_normalized.add({row.click, row.propensity, 1.0 / n_arms});
  }
  CHECK(agree(back.estimate(), uniform_earned));
  CHECK(agree(back_normalized.estimate(), uniform_earned));
  CHECK_FALSE(back.estimate().support_doubtful());
  CHECK(back.estimate().effective_sample_size < 1000);  // of 10,000: Thompson sampling shows some arms hardly ever
}

namespace {

// The intervals of every estimator that a log without a model allows; reward 0 or 1.
std::vector<interval> every_interval(const std::vector<logged_reward>& log, double largest_weight) {
  inverse_propensity ips;
  self_normalized snips;
  clipped_inverse_propensity clipped({.limit = 10, .rewards = interval{0, 1}});
  slope_selected<clipped_inverse_propensity> slope({100, 30, 10, 3}, interval{0, 1});
  empirical_likelihood likelihood({.weights = {0, largest_weight}});
  bernstein_inverse_propensity bernstein({.weights = {0, largest_weight}});
  off_policy_sequence sequence;
  double mean = 0;
  for (const logged_reward& each : log) mean += each.reward / static_cast<double>(log.size());
  doubly_robust dr;
  self_normalized_doubly_robust sndr;
  switch_doubly_robust switched({.limit = 10, .rewards = interval{0, 1}});
  shrunk_doubly_robust shrunk({.limit = 100, .rewards = interval{0, 1}});
  for (const logged_reward& each : log) {
    ips.add(each);
    snips.add(each);
    clipped.add(each);
    slope.add(each);
    likelihood.add(each);
    bernstein.add(each);
    sequence.add(each);
    const predicted_reward model = {mean, mean};
    dr.add(each, model);
    sndr.add(each, model);
    switched.add(each, model);
    shrunk.add(each, model);
  }
  return {ips.estimate().range,        snips.estimate().range,     clipped.estimate().range, slope.estimate().range,
          likelihood.estimate().range, bernstein.estimate().range, sequence.range(),         dr.estimate().range,
          sndr.estimate().range,       switched.estimate().range,  shrunk.estimate().range};
}

}  // namespace

TEST_CASE("on the Open Bandit sample every estimator's interval contains the on-policy click rate, both ways") {
  const auto random_file = real_data("obd/random/men/men.csv");
  const auto thompson_file = real_data("obd/bts/men/men.csv");
  if (random_file.empty() || thompson_file.empty()) return;
  const std::vector<shown_arm> random = read_obd(random_file);
  const std::vector<shown_arm> thompson = read_obd(thompson_file);
  std::array<std::array<double, n_arms>, n_positions> sum{};
  std::array<std::array<double, n_arms>, n_positions> rows{};
  for (const shown_arm& row : thompson) {
    sum[row.position][row.arm] += row.propensity;
    rows[row.position][row.arm] += 1;
  }
  // Its mean propensity of each arm, as a share: the means themselves are of rows that showed the arm, so too large.
  std::vector<logged_reward> as_thompson;
  inverse_propensity unscaled;
  for (const shown_arm& row : random) {
    double total = 0;
    for (std::size_t a = 0; a < n_arms; ++a) {
      if (rows[row.position][a] > 0) total += sum[row.position][a] / rows[row.position][a];
    }
    const double n = rows[row.position][row.arm];
    const double mean = n > 0 ? sum[row.position][row.arm] / n : 0;
    as_thompson.push_back({row.click, row.propensity, mean / total});
    unscaled.add({row.click, row.propensity, mean});
  }
  CHECK(unscaled.estimate().support_doubtful());  // weights that average 1.95 give it away
  std::vector<logged_reward> as_random;
  double largest = 2;
  for (const shown_arm& row : thompson) {
    as_random.push_back({row.click, row.propensity, 1.0 / n_arms});
    largest = std::max(largest, 1.0 / n_arms / row.propensity);
  }
  std::size_t which = 0;
  for (const interval& range : every_interval(as_thompson, n_arms)) {
    INFO("estimator " << which++ << ": " << range.low << " to " << range.high);
    CHECK(range.contains(on_policy(thompson).value));
  }
  // Back, weights reach 178, and IPS's normal interval ends at .0045, where the rate is .0046 +- .0013: it must agree
  // within the noise of both; all others contain the rate.
  which = 0;
  for (const interval& range : every_interval(as_random, largest)) {
    INFO("estimator " << which << ": " << range.low << " to " << range.high);
    if (which++ > 0) CHECK(range.contains(on_policy(random).value));
  }
  inverse_propensity back;
  for (const logged_reward& each : as_random) back.add(each);
  CHECK(agree(back.estimate(), on_policy(random)));
}

// Three arms drawn evenly; what a policy of one fixed arm would earn is what that arm did earn.
TEST_CASE(
    "on Hillstrom's e-mails every estimator's interval of a fixed arm contains the rate it was measured to have") {
  const auto file = real_data("hillstrom/hillstrom_clean.csv");
  if (file.empty()) return;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);  // ..., spend, visit, conversion, arm, arm_men, arm_women, arm_control
  std::vector<std::pair<std::string, double>> visits;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::vector<std::string> field;
    for (std::string each; std::getline(fields, each, ',');) field.push_back(each);
    REQUIRE(field.size() > 12);
    visits.emplace_back(field[field.size() - 4], std::stod(field[field.size() - 6]));  // a text before may hold a comma
  }
  REQUIRE(visits.size() == 64000);
  for (const std::string arm : {"mens", "womens", "control"}) {
    std::vector<logged_reward> log;
    double sum = 0;
    double n = 0;
    for (const auto& each : visits) {
      const bool same = each.first == arm;
      log.push_back({each.second, 1.0 / 3, same ? 1.0 : 0.0});
      sum += same ? each.second : 0;
      n += same;
    }
    REQUIRE(n > 20000);
    std::size_t which = 0;
    for (const interval& range : every_interval(log, 4)) {
      INFO(arm << ", estimator " << which++ << ": " << range.low << " to " << range.high);
      CHECK(range.contains(sum / n));
      CHECK(range.width() < 0.2);  // DRos is the widest: it cuts weights of 3, and says what that may hide
    }
  }
}
