#pragma once
// What every batch learner's model can do: score all items for a user of whom only a history is known.

#include <concepts>
#include <cstddef>
#include <span>

#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace batch {

/// A model that scores all items from a history, of a user of the log or of one never seen (fold-in).
///
/// m.score_history(items, weights, out): `items` in any order, each below m.n_items(); given twice, their weights add
/// up; weights that are not positive are passed over. `out`, of length m.n_items(), is overwritten; higher is better,
/// and scores of two histories cannot be compared. The items of the history are scored like all others: a host that
/// does not want them leaves them out.
/// Threads: immutable; any number of threads may call it. Errors: invalid_argument for an item out of range;
/// not_finite for a weight.
template <class M>
concept history_model = requires(const M& m, std::span<const item_index> items, std::span<const float> weights,
                                 std::span<float> out) {
  { m.n_items() } -> std::convertible_to<std::size_t>;
  m.score_history(items, weights, out);
};

}  // namespace batch
TANDEM_END
