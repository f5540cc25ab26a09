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
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"

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
