#pragma once
// A fit that ends when held-out events are predicted no better: the number of epochs as a result, not an option.

#include <cstddef>
#include <utility>
#include <vector>

#include "tandem/batch/ials.hpp"
#include "tandem/batch/validation.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

/// When to stop.
struct stopping_options {
  /// Epochs without a gain until the fit ends. Range [1, 1000].
  std::size_t patience = 2;
  /// What counts as a gain: relative to the best NDCG so far. Range [0, 1].
  double min_gain = 0.001;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    detail::require(patience >= 1 && patience <= 1000, "stopping.patience", "[1, 1000]");
    detail::require(min_gain >= 0 && min_gain <= 1, "stopping.min_gain", "[0, 1]");
  }
};

/// What an early-stopped fit gives.
struct stopped_fit {
  factor_model model;        ///< of the best epoch
  std::size_t epochs = 0;    ///< which that was, from 1: what to train with on the whole log
  double ndcg = 0;           ///< of the model on the held-out events
  std::vector<double> each;  ///< NDCG after every epoch that was run
};

/// Fits epoch by epoch, at most options.epochs, until `judge` sees no gain for a while. Progress counts as in
/// fit_ials(); it ends early when the fit does. Complexity: fit_ials() and one validation an epoch. Allocates: two
/// models. Threads: thread-safe; the same bits for every executor. Errors: as fit_ials(); invalid_argument for an
/// option.
[[nodiscard]] inline stopped_fit fit_ials_until_stale(const interactions& train, const validation& judge,
                                                      const ials_options& options,
                                                      const stopping_options& stopping = {}, executor_ref executor = {},
                                                      const progress& report = {}) {
  stopping.validate();
  stopped_fit out;
  std::size_t stale = 0;
  const auto watch = [&](const ials_epoch& now) {
    factor_model model = now.model(executor);
    const double ndcg = judge.ndcg(model, executor);
    out.each.push_back(ndcg);
    const bool gains = out.epochs == 0 || ndcg > out.ndcg * (1 + stopping.min_gain);
    stale = gains ? 0 : stale + 1;
    if (out.epochs == 0 || ndcg > out.ndcg) {
      out.model = std::move(model);
      out.epochs = now.epoch;
      out.ndcg = ndcg;
    }
    return stale < stopping.patience;
  };
  (void)fit_ials(train, options, executor, report, nullptr, watch);
  return out;
}

}  // namespace batch
TANDEM_END
