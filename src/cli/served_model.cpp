#include "served_model.hpp"

#include <algorithm>
#include <utility>

#include "tandem/batch/bpr.hpp"
#include "tandem/json.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;
using tandem::item_index;

using any_saved = std::variant<tandem::saved_model, tandem::saved_item_model>;

any_saved load(const std::string& folder) {
  if (tandem::kind_of_model(folder) == tandem::saved_kind::factors) return tandem::load_model(folder);
  return tandem::load_item_model(folder);
}

// The model that `tandem fit` trained, as far as folding in goes: its users are not needed.
tandem::batch::bpr_model bpr_of(const tandem::saved_model& saved, const std::string& folder) {
  try {
    const auto options = tandem::from_json<tandem::batch::bpr_options>(saved.notes.options);
    const auto items = saved.factors.item_matrix();
    return tandem::batch::bpr_model::from_factors({}, {items.begin(), items.end()}, saved.factors.rank() - 1,
                                                  options.regularization, options.seed);
  } catch (const error& e) {
    throw error(errc::wrong_state, "the bpr options of model.json do not tell how to fold in: " + e.message(),
                {folder, 0, "options." + e.where().field}, "name a user of the log with --user");
  }
}

}  // namespace

served_model::served_model(std::string folder) : folder_(std::move(folder)), saved_(load(folder_)) {}

const tandem::model_notes& served_model::notes() const {
  return std::visit([](const auto& each) -> const tandem::model_notes& { return each.notes; }, saved_);
}

std::size_t served_model::n_users() const {
  const auto* saved = std::get_if<tandem::saved_model>(&saved_);
  return saved == nullptr ? 0 : saved->factors.n_users();
}

std::size_t served_model::n_items() const {
  if (const auto* saved = std::get_if<tandem::saved_model>(&saved_)) return saved->factors.n_items();
  return std::visit([](const auto& each) { return each.n_items(); },
                    std::get<tandem::saved_item_model>(saved_).weights);
}

void served_model::require_users() const {
  if (std::holds_alternative<tandem::saved_model>(saved_)) return;
  throw error(errc::wrong_state, "the model is one of weights between items, and knows no users", {folder_, 0, {}},
              "name what the user took with --items");
}

std::vector<float> served_model::scores_of(tandem::user_index user, const std::string& name) const {
  const tandem::batch::factor_model& model = std::get<tandem::saved_model>(saved_).factors;
  const auto factors = model.user_factors(user);
  if (std::all_of(factors.begin(), factors.end(), [](float x) { return x == 0; })) {
    throw error(errc::wrong_state, "the user '" + name + "' had nothing liked in training", {folder_, 0, {}},
                "name items with --items");
  }
  std::vector<float> out(model.n_items());
  model.score(factors, out);
  return out;
}

std::vector<float> served_model::scores_of(std::span<const item_index> items) const {
  if (const auto* saved = std::get_if<tandem::saved_model>(&saved_)) return factor_scores(*saved, items);
  std::vector<float> out(n_items());
  const std::vector<float> ones(items.size(), 1.0F);
  std::visit([&](const auto& each) { each.score_history(items, ones, out); },
             std::get<tandem::saved_item_model>(saved_).weights);
  return out;
}

std::vector<float> served_model::factor_scores(const tandem::saved_model& saved,
                                               std::span<const item_index> items) const {
  std::vector<float> out(saved.factors.n_items());
  const std::vector<float> ones(items.size(), 1.0F);
  const std::string& learner = saved.notes.learner;
  if (learner == "popularity") {  // everybody's vector
    saved.factors.score(std::vector<float>(saved.factors.rank(), 1.0F), out);
  } else if (learner == "bpr" && saved.factors.rank() > 1) {
    bpr_of(saved, folder_).score_history(items, ones, out);
  } else if (learner == "biased-mf") {
    throw error(errc::wrong_state, "a biased-mf model wants to know how a history was rated, and --items does not say",
                {folder_, 0, {}}, "name a user of the log with --user");
  } else if (!saved.notes.has_weights) {
    throw error(errc::wrong_state, "model.json has no weights, and a vector for --items cannot be solved without",
                {folder_, 0, "weights"}, "add the alpha0, regularization and nu it was trained with");
  } else {
    saved.factors.score_history(items, ones, out);
  }
  return out;
}

}  // namespace tandem_cli
