#include "recommend_command.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "id_list.hpp"
#include "log_arguments.hpp"
#include "output_file.hpp"
#include "served_model.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/json_fields.hpp"
#include "tandem/study/detail/findings.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;
using tandem::item_index;

struct recommend_arguments {
  std::string model, user, items, exclude, json;
  std::vector<std::string> item_ids, excluded_ids;  // of the two lists
  std::size_t count = 10;
  bool exclude_seen = false;
};

// Ids of a saved model to rows of its factors; a model that names none takes the rows' numbers.
class id_lookup {
 public:
  /// @param what  "user" or "item".
  id_lookup(const std::vector<std::string>& ids, std::size_t rows, const char* what, const std::string& folder)
      : ids_(ids), rows_(rows), what_(what), folder_(folder) {
    for (std::size_t i = 0; i < ids.size(); ++i) rows_of_.emplace(ids[i], i);
  }

  /// Errors: not_found.
  [[nodiscard]] std::size_t row(const std::string& id) const {
    if (!ids_.empty()) {
      if (const auto found = rows_of_.find(id); found != rows_of_.end()) return found->second;
      throw error(errc::not_found, std::string("the model has no ") + what_ + " '" + id + "'", {folder_, 0, {}},
                  "it knows those of the log it was trained on");
    }
    std::size_t row = 0;
    const auto [end, failure] = std::from_chars(id.data(), id.data() + id.size(), row);
    if (failure == std::errc{} && end == id.data() + id.size() && row < rows_) return row;
    throw error(errc::not_found,
                std::string("the model names no ") + what_ + "s, and '" + id + "' is not the number of one",
                {folder_, 0, {}}, "give a number from 0 to " + std::to_string(rows_ == 0 ? 0 : rows_ - 1));
  }

  [[nodiscard]] std::vector<item_index> rows(const std::vector<std::string>& ids) const {
    std::vector<item_index> out;
    for (const std::string& each : ids) out.push_back(static_cast<item_index>(row(each)));
    return out;
  }

  [[nodiscard]] std::string id(std::size_t row) const { return ids_.empty() ? std::to_string(row) : ids_[row]; }

 private:
  const std::vector<std::string>& ids_;
  std::size_t rows_;
  const char* what_;
  std::string folder_;
  std::unordered_map<std::string_view, std::size_t> rows_of_;
};

std::string to_table(const std::vector<tandem::scored_item>& best, const id_lookup& items) {
  std::string out;
  for (std::size_t k = 0; k < best.size(); ++k) {
    const std::string place = std::to_string(k + 1);
    out += std::string(place.size() < 4 ? 4 - place.size() : 0, ' ') + place + "  " +
           tandem::study::detail::fixed(static_cast<double>(best[k].score), 4) + "  " +
           items.id(tandem::slot(best[k].item)) + "\n";
  }
  return out;
}

std::string to_json_text(const recommend_arguments& asked, const std::vector<tandem::scored_item>& best,
                         const id_lookup& items) {
  nlohmann::ordered_json out;
  out["model"] = asked.model;
  if (asked.item_ids.empty()) {
    out["user"] = asked.user;
  } else {
    out["items"] = asked.item_ids;
  }
  out["recommendations"] = nlohmann::ordered_json::array();
  for (const tandem::scored_item& each : best) {
    out["recommendations"].push_back(
        {{"item", items.id(tandem::slot(each.item))}, {"score", tandem::detail::json::shortest(each.score)}});
  }
  return out.dump(2) + "\n";
}

void run_recommend(const recommend_arguments& asked) {
  std::optional<output_file> json;
  if (!asked.json.empty()) json.emplace(asked.json);
  const served_model model(asked.model);
  if (asked.item_ids.empty()) model.require_users();
  const id_lookup users(model.notes().users, model.n_users(), "user", asked.model);
  const id_lookup items(model.notes().items, model.n_items(), "item", asked.model);
  const std::vector<item_index> known = items.rows(asked.item_ids);
  std::vector<item_index> excluded = items.rows(asked.excluded_ids);
  if (asked.exclude_seen) excluded.insert(excluded.end(), known.begin(), known.end());
  std::sort(excluded.begin(), excluded.end());
  const std::vector<float> scores =
      known.empty() ? model.scores_of(static_cast<tandem::user_index>(users.row(asked.user)), asked.user)
                    : model.scores_of(known);
  std::vector<tandem::scored_item> best(std::min(asked.count, model.n_items()));
  tandem::best_items chosen(best);
  chosen.offer_all(item_index{0}, scores, excluded);
  best.resize(chosen.finish());
  const bool taken = json && json->is_standard_output();
  if (!taken) std::cout << to_table(best, items);
  if (json) json->write(to_json_text(asked, best, items));
}

void check(recommend_arguments& asked) {
  if (asked.user.empty() == asked.items.empty()) {
    refuse("recommend", asked.user.empty() ? "name a user with --user ID, or a history with --items ID,ID,..."
                                           : "--user and --items do not go together: leave one out");
  }
  if (asked.exclude_seen && asked.items.empty()) {
    refuse("--exclude-seen", "is for --items: the model does not hold what its users took; name items with --exclude");
  }
  asked.item_ids = ids_in("--items", asked.items);
  asked.excluded_ids = ids_in("--exclude", asked.exclude);
  if (asked.user.empty() && asked.item_ids.empty()) refuse("--items", "names no item");
}

}  // namespace

void add_recommend(CLI::App& app) {
  const auto asked = std::make_shared<recommend_arguments>();
  CLI::App* command = app.add_subcommand("recommend", "Ask a saved model for a user's best items");
  command->footer(
      "A user of the log is served by --user; anybody else by --items, a history that\n"
      "the model folds in. Lists are ID,ID or, for ids that hold commas, JSON:\n"
      "--items '[\"a,b\",\"c\"]'. In a model that names no ids, rows count from 0.\n"
      "Models of ease and item-knn know no users: ask by --items.\n\n"
      "Examples:\n"
      "  tandem recommend --model model --user 196\n"
      "  tandem recommend --model model --items 50,181 --exclude-seen --json -\n");
  const auto text = [&](const char* name, std::string& to, const char* type, const char* help) {
    return command->add_option(name, to, help)->type_name(type);
  };
  text("--model", asked->model, "FOLDER", "The model, as `tandem fit` saves it")->required();
  text("--user", asked->user, "ID", "A user of the log that the model learned from");
  text("--items", asked->items, "LIST", "A history instead of a user; items given twice count\ntwice");
  command->add_option("--count", asked->count, "How many items (10)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000000).description(""));
  command->add_flag("--exclude-seen", asked->exclude_seen, "Leave out the items of --items");
  text("--exclude", asked->exclude, "LIST", "Items to leave out");
  text("--json", asked->json, "OUT", "Write the answer as JSON; - is standard output");
  command->callback([asked] {
    check(*asked);
    run_recommend(*asked);
  });
}

}  // namespace tandem_cli
