#pragma once
// A batch learner's model of whatever class, for commands that choose one by name.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/history_model.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/model_files.hpp"

namespace tandem_cli {

/// Saving of each class that can be; a class without an overload cannot.
inline void save(const std::filesystem::path& folder, const tandem::batch::factor_model& model,
                 const tandem::model_notes& notes) {
  tandem::save_model(folder, model, notes);
}

/// As factors of rank 1: an item's is its score, every user's is 1.
inline void save(const std::filesystem::path& folder, const tandem::batch::popularity& model,
                 tandem::model_notes notes) {
  notes.has_weights = false;
  std::vector<float> items(model.scores().begin(), model.scores().end());
  std::vector<float> users(notes.users.size(), 1.0F);
  tandem::save_model(folder, tandem::batch::factor_model::from_factors(std::move(users), std::move(items), 1, {}),
                     notes);
}

template <class M>
concept savable = requires(const std::filesystem::path& folder, const M& model, const tandem::model_notes& notes) {
  save(folder, model, notes);
};

/// Holds any batch::history_model. Threads: immutable, as the models are.
class any_model {
 public:
  template <tandem::batch::history_model M>
  explicit any_model(M model) : held_(std::make_shared<const held<M>>(std::move(model))) {}

  [[nodiscard]] std::size_t n_items() const { return held_->n_items(); }
  void score_history(std::span<const tandem::item_index> items, std::span<const float> weights,
                     std::span<float> out) const {
    held_->score_history(items, weights, out);
  }
  /// Errors: as tandem::save_model(); invalid_argument for a model of a class that is not savable.
  void save_to(const std::filesystem::path& folder, const tandem::model_notes& notes) const {
    held_->save_to(folder, notes);
  }

 private:
  struct holder {
    holder() = default;
    virtual ~holder() = default;
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    [[nodiscard]] virtual std::size_t n_items() const = 0;
    virtual void score_history(std::span<const tandem::item_index> items, std::span<const float> weights,
                               std::span<float> out) const = 0;
    virtual void save_to(const std::filesystem::path& folder, const tandem::model_notes& notes) const = 0;
  };

  template <class M>
  struct held final : holder {
    explicit held(M each) : model(std::move(each)) {}
    [[nodiscard]] std::size_t n_items() const override { return model.n_items(); }
    void score_history(std::span<const tandem::item_index> items, std::span<const float> weights,
                       std::span<float> out) const override {
      model.score_history(items, weights, out);
    }
    void save_to(const std::filesystem::path& folder, const tandem::model_notes& notes) const override {
      if constexpr (savable<M>) {
        save(folder, model, notes);
      } else {
        throw tandem::error(tandem::errc::invalid_argument, "a " + notes.learner + " model cannot be saved");
      }
    }
    M model;
  };

  std::shared_ptr<const holder> held_;
};

}  // namespace tandem_cli
