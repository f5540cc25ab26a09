#include "evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <span>
#include <vector>

#include "tandem/data/scored_item.hpp"
#include "tandem/evaluation/ranking.hpp"

namespace tandem_cli {
namespace {

namespace evaluation = tandem::evaluation;
using tandem::item_index;

constexpr std::size_t slate_length = 10;

// One user's part of every mean, in the order of evaluation_result::metrics without the coverage.
using measures = std::array<double, 6>;

struct judged_user {
  measures values{};
  std::array<item_index, slate_length> slate{};
  std::size_t shown = 0;
  std::size_t known_targets = 0;
  double squared_error = 0;  // of ratings, over its targets
  double absolute_error = 0;
  std::size_t rated = 0;
  bool has_known = false;
  bool has_target = false;
};

measures measure(std::span<const double> ranks) {
  const double first = ranks.front();
  return {evaluation::recall_at(ranks, 20),
          evaluation::recall_at(ranks, 50),
          evaluation::ndcg_at(ranks, 100),
          evaluation::precision_at(ranks, slate_length),
          evaluation::ndcg_at(ranks, slate_length),
          first < static_cast<double>(slate_length) ? evaluation::reciprocal_rank(ranks) : 0.0};
}

std::vector<item_index> row_items(const tandem::interactions::row& row) {
  std::vector<item_index> out;
  out.reserve(row.size());
  for (const std::uint32_t item : row.index) out.push_back(item_index{item});
  return out;
}

// Compares the ratings of the targets with what their scores predict.
void compare_ratings(const any_model& model, const tandem::interactions::row& given,
                     std::span<const item_index> targets, std::span<const float> scores, judged_user& out) {
  for (std::size_t e = 0; e < given.size(); ++e) {
    const item_index item{given.index[e]};
    if (!std::binary_search(targets.begin(), targets.end(), item)) continue;
    const double off =
        static_cast<double>(model.rating(scores[tandem::slot(item)])) - static_cast<double>(given.weight[e]);
    out.squared_error += off * off;
    out.absolute_error += std::abs(off);
    ++out.rated;
  }
}

// Where the targets stand among all items but the known ones, and which of those come first.
void rank(std::span<const float> scores, std::span<const item_index> known, std::span<const item_index> targets,
          judged_user& out) {
  std::vector<std::uint8_t> allowed(scores.size(), 1);
  for (const item_index item : known) allowed[tandem::slot(item)] = 0;
  out.values = measure(evaluation::expected_ranks(scores, targets, allowed));
  std::array<tandem::scored_item, slate_length> best;
  tandem::best_items chosen(best);
  chosen.offer_all(item_index{0}, scores, known);
  out.shown = chosen.finish();
  for (std::size_t k = 0; k < out.shown; ++k) out.slate[k] = best[k].item;
}

judged_user judge_user(const any_model& model, const held_out& users, tandem::user_index user) {
  judged_user out;
  const auto known_row = users.known.items_of(user);
  const auto target_row = users.targets.items_of(user);
  const std::vector<item_index> known = row_items(known_row);
  std::vector<item_index> targets = row_items(target_row);
  targets.erase(std::remove_if(targets.begin(), targets.end(),
                               [&](item_index item) { return std::binary_search(known.begin(), known.end(), item); }),
                targets.end());
  out.known_targets = target_row.size() - targets.size();
  out.has_known = !known.empty();
  out.has_target = !targets.empty();
  const bool ranked = out.has_known && out.has_target;
  const bool rated = model.predicts_ratings() && out.has_target;
  if (!ranked && !rated) return out;
  std::vector<float> scores(model.n_items());
  model.score_history(known, known_row.weight, scores);
  if (rated) compare_ratings(model, target_row, targets, scores, out);
  if (ranked) rank(scores, known, targets, out);
  return out;
}

// Sums of errors to means.
rating_errors mean_errors(std::size_t n, double squared, double absolute) {
  if (n == 0) return {};
  return {n, std::sqrt(squared / static_cast<double>(n)), absolute / static_cast<double>(n)};
}

}  // namespace

evaluation_result judge(const any_model& model, const held_out& users, tandem::executor_ref executor,
                        const tandem::progress& report) {
  constexpr std::size_t block = 256;  // between two reports
  evaluation_result out{
      {{{"recall@20"}, {"recall@50"}, {"ndcg@100"}, {"precision@10"}, {"ndcg@10"}, {"mrr@10"}, {"coverage@10"}}},
      0,
      0,
      0,
      0,
      {},
      0};
  evaluation::catalogue_total shown(model.n_items());
  const std::clock_t start = std::clock();
  const std::size_t n = users.known.n_users();
  std::vector<judged_user> judged(std::min(n, block));
  std::size_t rated = 0;
  double squared_error = 0;
  double absolute_error = 0;
  for (std::size_t first = 0; first < n; first += block) {
    const std::size_t count = std::min(block, n - first);
    tandem::report_progress(report, {"judge", first, n});
    executor.parallel_for(count, [&](std::size_t u) {
      judged[u] = judge_user(model, users, static_cast<tandem::user_index>(first + u));
    });
    for (std::size_t u = 0; u < count; ++u) {  // in order: the same sums for any number of threads
      const judged_user& each = judged[u];
      out.known_targets += each.known_targets;
      out.without_known += each.has_known ? 0U : 1U;
      out.without_target += each.has_known && !each.has_target ? 1U : 0U;
      rated += each.rated;
      squared_error += each.squared_error;
      absolute_error += each.absolute_error;
      if (!each.has_known || !each.has_target) continue;
      ++out.judged;
      for (std::size_t m = 0; m < each.values.size(); ++m) out.metrics[m].value += each.values[m];
      shown.add(std::span(each.slate).first(each.shown));
    }
  }
  for (std::size_t m = 0; m < measures{}.size() && out.judged > 0; ++m) {
    out.metrics[m].value /= static_cast<double>(out.judged);
  }
  if (model.predicts_ratings()) out.ratings = mean_errors(rated, squared_error, absolute_error);
  out.metrics.back().value = shown.report().coverage;
  out.cpu_seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return out;
}

}  // namespace tandem_cli
