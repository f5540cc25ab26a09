#pragma once
// The folds that `tandem tune` judges by: the end of the log, or users who are left out of it.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/search.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/batch/user_folds.hpp"
#include "tandem/batch/validation.hpp"

namespace tandem_cli {

/// Logs, what judges them, and the pairs of both as a search takes them. They refer to each other: not to be moved.
class tuning_folds {
 public:
  /// @param seed  of the sample of users, where they are very many.
  explicit tuning_folds(std::vector<tandem::batch::time_fold> folds, std::uint64_t seed)
      : over_time_(std::move(folds)) {
    for (const auto& each : over_time_) add(each.train, each.train, each.held_out, seed);
  }
  explicit tuning_folds(std::vector<tandem::batch::user_fold> folds, std::uint64_t seed)
      : over_users_(std::move(folds)) {
    for (const auto& each : over_users_) add(each.train, each.known, each.held_out, seed);
  }
  tuning_folds(const tuning_folds&) = delete;
  tuning_folds& operator=(const tuning_folds&) = delete;

  [[nodiscard]] std::span<const tandem::batch::tuning_fold> all() const { return folds_; }

  /// Users judged, over all folds.
  [[nodiscard]] std::size_t n_users() const {
    std::size_t out = 0;
    for (const tandem::batch::validation& each : judges_) out += each.n_users();
    return out;
  }

 private:
  void add(const tandem::interactions& train, const tandem::interactions& known, const tandem::interactions& targets,
           std::uint64_t seed) {
    tandem::batch::validation_options options;
    options.seed = seed;
    judges_.emplace_back(known, targets, options);
    folds_.push_back({train, judges_.back()});
  }

  std::vector<tandem::batch::time_fold> over_time_;
  std::vector<tandem::batch::user_fold> over_users_;
  std::deque<tandem::batch::validation> judges_;  // whose places folds_ keeps
  std::vector<tandem::batch::tuning_fold> folds_;
};

}  // namespace tandem_cli
