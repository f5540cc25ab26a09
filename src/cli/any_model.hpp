#pragma once
// A batch learner's model of whatever class, for commands that choose one by name.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "saving.hpp"
#include "tandem/batch/history_model.hpp"

namespace tandem_cli {

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
  /// Whether scores are ratings, which may be compared with those that users gave.
  [[nodiscard]] bool predicts_ratings() const { return held_->predicts_ratings(); }
  /// A score as a rating that occurs, for a model that predicts them.
  [[nodiscard]] float rating(float score) const { return held_->rating(score); }
  /// Errors: as tandem::save_model(); invalid_argument for a model of a class that save() does not take.
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
    [[nodiscard]] virtual bool predicts_ratings() const = 0;
    [[nodiscard]] virtual float rating(float score) const = 0;
    virtual void save_to(const std::filesystem::path& folder, const tandem::model_notes& notes) const = 0;
  };

  template <class M>
  struct held final : holder {
    static constexpr bool of_ratings = requires(const M& m) { m.clipped(1.0F); };
    explicit held(M each) : model(std::move(each)) {}
    [[nodiscard]] std::size_t n_items() const override { return model.n_items(); }
    void score_history(std::span<const tandem::item_index> items, std::span<const float> weights,
                       std::span<float> out) const override {
      model.score_history(items, weights, out);
    }
    [[nodiscard]] bool predicts_ratings() const override { return of_ratings; }
    [[nodiscard]] float rating(float score) const override {
      if constexpr (of_ratings) return model.clipped(score);
      return score;
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
