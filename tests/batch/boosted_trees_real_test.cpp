// Churn on a real shop's log: trees trained at one date must tell, at a later one, who will not come back.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/batch/boosted_trees.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

constexpr std::int64_t day = 86'400'000;

struct purchase {
  std::string customer, item;
  std::int64_t time = 0;
};

std::vector<purchase> read_purchases(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<purchase> out;
  std::string line;
  std::getline(in, line);  // user, item, time
  while (std::getline(in, line)) {
    const std::size_t first = line.find('\t');
    const std::size_t second = line.find('\t', first + 1);
    out.push_back(
        {line.substr(0, first), line.substr(first + 1, second - first - 1), std::stoll(line.substr(second + 1))});
  }
  return out;
}

struct customer {
  std::int64_t first = 0, last = 0;
  int visits = 0, purchases = 0, lately = 0;
  std::set<std::string> items;
  bool returns = false;
};

struct churn_table {
  std::vector<float> features, labels;
  [[nodiscard]] labelled_rows rows() const { return {{features, 7}, labels}; }
};

/// What was known of each customer at `cut`, and whether 60 days went by without a purchase.
churn_table churn_at(const std::vector<purchase>& log, std::int64_t cut) {
  std::map<std::string, customer> customers;
  for (const purchase& each : log) {
    if (each.time >= cut) break;
    customer& c = customers[each.customer];
    if (c.purchases == 0) c.first = each.time;
    if (c.purchases == 0 || c.last != each.time) ++c.visits;
    c.last = each.time;
    ++c.purchases;
    c.lately += each.time >= cut - 30 * day ? 1 : 0;
    c.items.insert(each.item);
  }
  for (const purchase& each : log) {
    const auto found = customers.find(each.customer);
    if (each.time >= cut && each.time < cut + 60 * day && found != customers.end()) found->second.returns = true;
  }
  const auto days = [](std::int64_t span) { return static_cast<float>(static_cast<double>(span) / day); };
  churn_table out;
  for (const auto& each : customers) {
    const customer& c = each.second;
    const float gap = c.visits > 1 ? days(c.last - c.first) / static_cast<float>(c.visits - 1)
                                   : std::numeric_limits<float>::quiet_NaN();
    for (const float x :
         {days(cut - c.last), days(cut - c.first), static_cast<float>(c.visits), static_cast<float>(c.purchases),
          static_cast<float>(c.items.size()), static_cast<float>(c.lately), gap}) {
      out.features.push_back(x);
    }
    out.labels.push_back(c.returns ? 0.0F : 1.0F);
  }
  return out;
}

}  // namespace

TEST_CASE("churn on a real log is foretold as well as XGBoost does", "[boosted_trees][real]") {
  const auto file = real_data("streams/online-retail.tsv");
  if (file.empty()) return;
  const std::vector<purchase> log = read_purchases(file);
  REQUIRE(log.size() == 397924);
  const churn_table train = churn_at(log, log.back().time - 120 * day);
  const churn_table later = churn_at(log, log.back().time - 60 * day);
  REQUIRE(train.labels.size() == 3212);
  REQUIRE(later.labels.size() == 3731);
  const boosted_trees model = fit_boosted_trees(
      train.rows(), {.loss = tree_loss::logistic, .rounds = 100, .max_depth = 4, .min_child_weight = 5});
  std::vector<float> margins(later.labels.size());
  model.margins(later.rows().features, margins);
  const double loss = mean_loss(later.rows(), tree_loss::logistic, margins);
  const std::vector<float> constant(later.labels.size(), static_cast<float>(model.base()));
  INFO("log loss " << loss);
  CHECK(mean_loss(later.rows(), tree_loss::logistic, constant) == Approx(0.70036).margin(1e-4));
  CHECK(loss < 0.61058 * 1.01);  // XGBoost 3.2.0 with the same options
  CHECK(model.importances()[0] + model.importances()[1] > 0);
}
