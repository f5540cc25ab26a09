#pragma once
// How a model of each class becomes one of the two kinds of tandem/model_files.hpp.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/model_files.hpp"

namespace tandem_cli {

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

/// Weights between items; there are no users in such a model.
template <class M>
requires requires(const M& m) { m.row_of(tandem::item_index{0}); }
void save(const std::filesystem::path& folder, const M& model, tandem::model_notes notes) {
  notes.users.clear();
  tandem::save_model(folder, model, notes);
}

/// As factors, of which the last is 1 for a user and the bias for an item. Users without history are all zero.
inline void save(const std::filesystem::path& folder, const tandem::batch::bpr_model& model,
                 tandem::model_notes notes) {
  notes.has_weights = false;
  const tandem::batch::factor_model factors = model.to_factor_model();
  std::vector<float> users(factors.user_matrix().begin(), factors.user_matrix().end());
  const std::size_t rank = factors.rank();
  for (std::size_t u = 0; u < factors.n_users(); ++u) {
    const std::span<float> row = std::span(users).subspan(u * rank, rank);
    if (std::all_of(row.begin(), row.end() - 1, [](float x) { return x == 0; })) row.back() = 0;
  }
  std::vector<float> items(factors.item_matrix().begin(), factors.item_matrix().end());
  tandem::save_model(folder, tandem::batch::factor_model::from_factors(std::move(users), std::move(items), rank, {}),
                     notes);
}

/// As factors whose inner product is the predicted rating: (mu + b_u, p_u, 1) for a user, (1, q_i, b_i) for an item.
/// Users without ratings are all zero.
inline void save(const std::filesystem::path& folder, const tandem::batch::biased_mf_model& model,
                 tandem::model_notes notes) {
  notes.has_weights = false;
  std::vector<float> users;
  for (std::size_t u = 0; u < model.n_users(); ++u) {
    const auto row = model.user_vector(static_cast<tandem::user_index>(u));
    const bool any = std::any_of(row.begin(), row.end(), [](float x) { return x != 0; });
    users.insert(users.end(), row.begin(), row.end());
    users[users.size() - row.size()] += any ? model.mean() : 0;
    users.push_back(any ? 1.0F : 0.0F);
  }
  std::vector<float> items;
  for (std::size_t i = 0; i < model.n_items(); ++i) {
    const auto item = static_cast<tandem::item_index>(i);
    const auto row = model.item_factors(item);
    items.push_back(1);
    items.insert(items.end(), row.begin(), row.end());
    items.push_back(model.item_bias(item));
  }
  tandem::save_model(
      folder, tandem::batch::factor_model::from_factors(std::move(users), std::move(items), model.rank() + 2, {}),
      notes);
}

template <class M>
concept savable = requires(const std::filesystem::path& folder, const M& model, const tandem::model_notes& notes) {
  save(folder, model, notes);
};

}  // namespace tandem_cli
