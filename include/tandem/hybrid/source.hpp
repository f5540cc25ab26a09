#pragma once
// A source scores every item for one user at one moment; the blender learns how far to trust each.

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
#include "tandem/batch/packed_items.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/event.hpp"
#include "tandem/online/history.hpp"
#include "tandem/online/response_rate.hpp"
#include "tandem/online/sequence.hpp"
#include "tandem/online/trend.hpp"

TANDEM_BEGIN
namespace hybrid {

class ranker;

/// What a refit trained, with what its sources need beside.
struct batch_snapshot {
  /// Packs the model's items: O(n_items * rank).
  explicit batch_snapshot(std::shared_ptr<const batch::factor_model> trained)
      : model(std::move(trained)), items(*model) {}

  std::shared_ptr<const batch::factor_model> model;
  batch::packed_items items;              ///< of the model, for scoring them all
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
  cow_vector<float> damping;  ///< 1 / sqrt(5 + events) per item: what tames ties to popular items
  cow_vector<double> latest;  ///< per item: the number of its last event among all of popularity, from 1; 0 = none
  std::vector<online::trend> trends;  ///< one per half-life, shortest first
  cow<online::history> history;       ///< of the user asked for; empty for an unknown one
  std::vector<recent_item> recent;    ///< the user's latest items, newest first, at most recent_items
  online::response_rate responses;    ///< what was shown and taken
  std::optional<online::response_rate> channel_responses;  ///< the same in the request's channel, if it is kept apart
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

  /// Scores every item; false = it has nothing to say to this request, and costs nothing further.
  /// @param out  length q.n_items(), all zero on entry; out[slot(item)] is the item's score.
  virtual bool score(const query& q, std::span<float> out) const = 0;

  /// A source whose scores are inner products with the batch model's item factors writes its user vector instead and
  /// returns true; all such sources share one pass over the packed factors. @param user_vector  length rank.
  virtual bool direction(const query& q, std::span<float> user_vector) const {
    (void)q;
    (void)user_vector;
    return false;
  }

  /// How uncertain the scores of some items are: variances in the unit of score() squared; zero on entry. Only asked
  /// when the policy explores by uncertainty. Default: leaves zeros.
  virtual void variances(const query& q, std::span<const item_index> items, std::span<float> out) const {
    (void)q;
    (void)items;
    (void)out;
  }
};

}  // namespace hybrid
TANDEM_END
