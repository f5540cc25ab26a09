#pragma once
// A source scores every item for one user at one moment; the blender learns how far to trust each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/next_item_ridge.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/event.hpp"
#include "tandem/hybrid/factor_index.hpp"
#include "tandem/hybrid/score_rows.hpp"
#include "tandem/online/history.hpp"
#include "tandem/online/recency.hpp"
#include "tandem/online/response_rate.hpp"
#include "tandem/online/sequence.hpp"
#include "tandem/online/trend.hpp"

TANDEM_BEGIN
namespace hybrid {

class ranker;

/// What a refit trained, with what its sources need beside.
struct batch_snapshot {
  /// Complexity: as factor_index.
  explicit batch_snapshot(std::shared_ptr<const batch::factor_model> trained)
      : model(std::move(trained)), items(*model) {}

  std::shared_ptr<const batch::factor_model> model;
  factor_index items;                     ///< of the model, for scoring them by directions
  batch::next_item_ridge_model ridge;     ///< without items when no source asks for it
  std::shared_ptr<const ranker> ranking;  ///< hybrid/ranker.hpp; null without one
  std::vector<float> popularity;          ///< log(1 + users) per item at the refit: what a user without factors gets
  std::uint64_t version = 0;
  log_position position{};  ///< the log up to here (exclusive) was trained on
};

/// One of the user's latest items with its neighbours.
struct recent_item {
  item_index item{};
  timestamp time{};
  cow<online::neighbours> row;
  float weight = 1;      ///< turns the row's counts into counts as of now
  float popularity = 0;  ///< events of the item so far
};

/// Everything learned that a request may ask about, as of one log position. Immutable; cheap to make (pointers).
struct knowledge {
  std::shared_ptr<const batch_snapshot> batch;  ///< null before the first refit
  online::trend popularity{std::numeric_limits<double>::infinity()};
  cow_vector<float> damping;          ///< 1 / sqrt(5 + events) per item: what tames ties to popular items
  online::recency latest;             ///< the number of each item's last event among all of popularity
  std::vector<online::trend> trends;  ///< one per half-life, shortest first
  cow<online::history> history;       ///< of the user asked for; empty for an unknown one
  std::vector<recent_item> recent;    ///< the user's latest items, newest first, at most recent_items
  online::response_rate responses;    ///< what was shown and taken
  std::optional<online::response_rate> channel_responses;  ///< the same in the request's channel, if it is kept apart
  std::size_t channel = 0;                                 ///< which one it is, from 1; 0 = none that is kept apart
  std::size_t segment = 0;                                 ///< the user's, in the same way
  std::vector<online::trend> contexts;  ///< counts of items under each known fact of the request's context
  cow_vector<std::vector<std::uint32_t>> attributes;  ///< facts of each item, by item_index; empty = none given
  cow_vector<float> attribute_items;                  ///< items that have a fact, by fact
  cow_vector<std::string_view> items;                 ///< host ids by item_index
  log_position position{};

  static constexpr std::size_t recent_items = 12;
};

/// What a source is asked.
struct query {
  const knowledge& known;
  std::string_view user;                 ///< the host's id
  user_index index = no_id<user_index>;  ///< no_id for a user not seen before
  timestamp time{};
  const context_list& context;
  bool seen_excluded = false;  ///< the user's own items are not wanted

  [[nodiscard]] std::size_t n_items() const noexcept { return known.items.size(); }
};

/// How a source's scores compare between requests, which decides how the blender normalises them.
enum class score_scale : std::uint8_t {
  share,     ///< counts, >= 0, 0 = no opinion: taken as log of the share of their sum
  standard,  ///< any real: taken as standard deviations from the mean
};

class sparse_source;
class shared_source;

/// Anything that scores items for a user. Hosts derive from it to bring their own (examples/06_custom_source.cpp).
///
/// Threads: score() is called by many threads at once and must be thread-safe. It must be a pure function of the query
/// and of state that only changes between requests, or answers cannot be replayed.
/// Errors: an exception makes the source silent for that request. Scores and variances that are not finite count as 0;
/// so may those beyond 1e15.
class source {
 public:
  virtual ~source() = default;

  /// The name it is reported under: letters, digits and underscores; unlike any other source's.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Default: standard.
  [[nodiscard]] virtual score_scale scale() const noexcept { return score_scale::standard; }

  /// False = score() would have nothing to say to this request: it is not asked. Costs next to nothing; may say true.
  [[nodiscard]] virtual bool has_opinion(const query& q) const {
    (void)q;
    return true;
  }

  /// Scores every item; false = it has nothing to say to this request.
  /// @param out  length q.n_items(), all zero on entry; out[slot(item)] is the item's score.
  virtual bool score(const query& q, std::span<float> out) const = 0;

  /// A source whose scores are inner products with the batch model's item factors writes its user vector instead and
  /// returns true: the best items are found without scoring all. @param user_vector  length rank.
  virtual bool direction(const query& q, std::span<float> user_vector) const {
    (void)q;
    (void)user_vector;
    return false;
  }

  /// Itself, if it is one of those below.
  [[nodiscard]] virtual const sparse_source* as_sparse() const noexcept { return nullptr; }
  [[nodiscard]] virtual const shared_source* as_shared() const noexcept { return nullptr; }

  /// How uncertain the scores of some items are: variances in the unit of score() squared; zero on entry. Only asked
  /// when the policy explores by uncertainty. Default: leaves zeros.
  virtual void variances(const query& q, std::span<const item_index> items, std::span<float> out) const {
    (void)q;
    (void)items;
    (void)out;
  }
};

/// A source that speaks of few items: neighbours, a user's own. It costs what it says, however large the catalogue is.
class sparse_source : public source {
 public:
  /// As source::score(), by adding to the scores of the items it speaks of; the others keep 0.
  virtual bool score_few(const query& q, few_scores& out) const = 0;

  bool score(const query& q, std::span<float> out) const final {
    std::vector<std::uint32_t> items;
    few_scores few(out, items);
    return score_few(q, few);
  }
  [[nodiscard]] const sparse_source* as_sparse() const noexcept final { return this; }
};

/// A source that counts for all users alike, and knows the highest count of each block of items: its best are found
/// without scoring the others. Its scores are shares: counts >= 0, taken by their part of total().
class shared_source : public source {
 public:
  [[nodiscard]] score_scale scale() const noexcept final { return score_scale::share; }
  /// What scores are shares of; 0 = nothing to say.
  [[nodiscard]] virtual double total(const query& q) const = 0;
  /// The score of an item, which may be one that the source has no count of.
  [[nodiscard]] virtual float score_of(const query& q, item_index item) const = 0;
  /// Items of block b are those from b * block_items on.
  static constexpr std::size_t block_items = cow_vector<float>::block_size;
  [[nodiscard]] virtual std::size_t n_blocks(const query& q) const = 0;
  /// The highest score in block b.
  [[nodiscard]] virtual float peak(const query& q, std::size_t b) const = 0;
  /// The scores of block b, at most block_items: those of `out`, or a span of the source's own.
  [[nodiscard]] virtual std::span<const float> block(const query& q, std::size_t b, std::span<float> out) const = 0;

  bool score(const query& q, std::span<float> out) const final {
    if (!(total(q) > 0)) return false;
    for (std::size_t b = 0; b < n_blocks(q); ++b) {
      std::array<float, block_items> memory;
      const std::span<const float> scores = block(q, b, memory);
      if (b * block_items >= out.size()) break;
      const std::span<float> to = out.subspan(b * block_items);
      std::copy_n(scores.begin(), std::min(scores.size(), to.size()), to.begin());
    }
    return true;
  }
  [[nodiscard]] const shared_source* as_shared() const noexcept final { return this; }
};

}  // namespace hybrid
TANDEM_END
