// The published protocol on MovieLens 1M: what the batch learners reach must not sink.

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/evaluation/ranking.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

using histories = std::map<std::uint32_t, std::vector<item_index>>;

histories read_histories(const std::filesystem::path& path) {
  std::ifstream in(path);
  histories out;
  std::string line;
  std::getline(in, line);  // uid,sid
  while (std::getline(in, line)) {
    const std::size_t comma = line.find(',');
    const auto item = static_cast<std::uint32_t>(std::stoul(line.substr(comma + 1)));
    out[static_cast<std::uint32_t>(std::stoul(line.substr(0, comma)))].push_back(item_index{item});
  }
  for (auto& each : out) std::sort(each.second.begin(), each.second.end());
  return out;
}

/// Mean NDCG@100 of top(history, out) over the held-out users.
template <class Top>
double mean_ndcg(const histories& given, const histories& targets, const Top& top) {
  double sum = 0;
  for (const auto& each : targets) {
    std::vector<scored_item> best(100);
    best.resize(top(given.at(each.first), best));
    std::vector<item_index> list;
    for (const scored_item& item : best) list.push_back(item.item);
    sum += evaluation::ndcg_at(evaluation::ranks_in(list, each.second), 100);
  }
  return sum / static_cast<double>(targets.size());
}

}  // namespace

TEST_CASE("iALS of rank 64 reaches NDCG@100 .425 on unseen users of MovieLens 1M", "[ials][real]") {
  const auto train_file = real_data("ml-1m-strong/train.csv");
  const auto given_file = real_data("ml-1m-strong/validation_tr.csv");
  const auto target_file = real_data("ml-1m-strong/validation_te.csv");
  if (train_file.empty() || given_file.empty() || target_file.empty()) return;
  const histories train = read_histories(train_file);
  const histories given = read_histories(given_file);
  const histories targets = read_histories(target_file);
  std::vector<interaction> events;
  std::uint32_t user = 0;
  for (const auto& each : train) {
    for (const item_index item : each.second) events.push_back({user_index{user}, item, 1.0F, {}});
    ++user;
  }
  constexpr std::size_t n_items = 3468;
  const interactions log = interactions::from_events(events, user, n_items);
  REQUIRE(log.size() == 388246);

  const popularity popular(log);
  const double baseline = mean_ndcg(
      given, targets, [&](const auto& history, std::span<scored_item> out) { return popular.top_n(out, history); });
  CHECK(baseline == Approx(0.2218).margin(0.0005));  // the published figure: the protocol is the same

  const factor_model model = fit_ials(log, {.rank = 64, .alpha0 = 0.3F, .regularization = 0.006F});
  std::vector<float> x(64);
  const double ndcg = mean_ndcg(given, targets, [&](const auto& history, std::span<scored_item> out) {
    model.fold_in(history, std::vector<float>(history.size(), 1.0F), x);
    return model.top_n(x, out, history);
  });
  INFO("NDCG@100 " << ndcg);
  CHECK(ndcg >= 0.425);
}
