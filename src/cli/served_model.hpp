#pragma once
// A model that was saved, of either kind, as `tandem recommend` asks it: scores for a user of the log, or for a
// history.

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/model_files.hpp"

namespace tandem_cli {

/// Threads: immutable.
class served_model {
 public:
  /// Errors: as tandem::load_model() and load_item_model().
  explicit served_model(std::string folder);

  [[nodiscard]] const tandem::model_notes& notes() const;
  [[nodiscard]] std::size_t n_users() const;
  [[nodiscard]] std::size_t n_items() const;

  /// Errors: wrong_state for a model without users; it says to name a history.
  void require_users() const;
  /// Scores of all items. @param name  of the user, for errors.
  /// Errors: wrong_state for a user without history in training.
  [[nodiscard]] std::vector<float> scores_of(tandem::user_index user, const std::string& name) const;
  /// Scores of all items for a history, each item counting 1. Errors: wrong_state when the model cannot tell; those of
  /// its fold-in.
  [[nodiscard]] std::vector<float> scores_of(std::span<const tandem::item_index> items) const;

 private:
  [[nodiscard]] std::vector<float> factor_scores(const tandem::saved_model& saved,
                                                 std::span<const tandem::item_index> items) const;

  std::string folder_;
  std::variant<tandem::saved_model, tandem::saved_item_model> saved_;
};

}  // namespace tandem_cli
