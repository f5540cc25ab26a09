#include "catalogue.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <utility>

#include "tandem/core/error.hpp"

namespace tandem_cli {
namespace {

bool is_number(std::string_view id) {
  return !id.empty() && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_zeros(std::string_view number) {
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

template <class Index>
id_order gather(const std::vector<const tandem::interner<Index>*>& parts) {
  std::vector<std::string> ids;
  for (const auto* part : parts) {
    for (std::size_t i = 0; i < part->size(); ++i) ids.emplace_back(part->name(static_cast<Index>(i)));
  }
  return id_order(std::move(ids));
}

// The place in `order` of each index of the log.
template <class Index>
std::vector<std::size_t> places(const tandem::interner<Index>& ids, const id_order& order) {
  std::vector<std::size_t> out(ids.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = order.find(ids.name(static_cast<Index>(i)));
  return out;
}

// What an event of each action counts; 1 where --actions does not say.
std::vector<double> weights_of_actions(const tandem::event_log& log, const log_arguments& asked) {
  std::vector<double> out(log.actions.size(), 1.0);
  for (const auto& [action, weight] : asked.action_weights) {
    const tandem::action_index found = log.actions.find(action);
    if (found != tandem::no_id<tandem::action_index>) out[tandem::slot(found)] = weight;
  }
  return out;
}

const std::map<std::string, tandem::merge_rule>& merge_rules() {
  static const std::map<std::string, tandem::merge_rule> rules = {{"max", tandem::merge_rule::max},
                                                                  {"sum", tandem::merge_rule::sum},
                                                                  {"latest", tandem::merge_rule::latest},
                                                                  {"binary", tandem::merge_rule::binary}};
  return rules;
}

}  // namespace

bool id_before(std::string_view a, std::string_view b) {
  const bool number = is_number(a);
  if (number != is_number(b)) return number;
  if (!number) return a < b;
  const std::string_view x = without_zeros(a);
  const std::string_view y = without_zeros(b);
  if (x.size() != y.size()) return x.size() < y.size();
  return x != y ? x < y : a < b;
}

id_order::id_order(std::vector<std::string> ids) : ids_(std::move(ids)) {
  std::sort(ids_.begin(), ids_.end(), id_before);
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
}

std::size_t id_order::find(std::string_view id) const {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id, id_before);
  return at != ids_.end() && *at == id ? static_cast<std::size_t>(at - ids_.begin()) : size();
}

id_order users_of(std::initializer_list<const tandem::event_log*> logs) {
  std::vector<const tandem::interner<tandem::user_index>*> parts;
  for (const auto* each : logs) parts.push_back(&each->users);
  return gather(parts);
}

id_order items_of(std::initializer_list<const tandem::event_log*> logs) {
  std::vector<const tandem::interner<tandem::item_index>*> parts;
  for (const auto* each : logs) parts.push_back(&each->items);
  return gather(parts);
}

std::vector<tandem::interaction> to_events(const tandem::event_log& log, const log_arguments& asked,
                                           const id_order& users, const id_order& items) {
  const std::vector<std::size_t> user_places = places(log.users, users);
  const std::vector<std::size_t> item_places = places(log.items, items);
  const std::vector<double> action_weights = weights_of_actions(log, asked);
  std::vector<tandem::interaction> events;
  events.reserve(log.events.size());
  for (const tandem::logged_event& e : log.events) {
    const std::size_t user = user_places[tandem::slot(e.user)];
    if (user == users.size()) continue;
    const double weight = action_weights[tandem::slot(e.action)] * static_cast<double>(e.weight);
    events.push_back({static_cast<tandem::user_index>(user),
                      static_cast<tandem::item_index>(item_places[tandem::slot(e.item)]), static_cast<float>(weight),
                      e.time});
  }
  return events;
}

tandem::interactions to_matrix(const tandem::event_log& log, const log_arguments& asked, const id_order& users,
                               const id_order& items, tandem::merge_rule rule, tandem::dislike_rule dislikes) {
  return tandem::interactions::from_events(to_events(log, asked, users, items), users.size(), items.size(), rule,
                                           dislikes);
}

tandem::merge_rule merge_rule_of(const std::string& name) { return merge_rules().at(name); }

tandem::dislike_rule dislikes_of(const log_arguments& asked) {
  return asked.dislikes ? tandem::dislike_rule::keep : tandem::dislike_rule::leave_out;
}

void add_merge_options(CLI::App& command, std::string& name, log_arguments& asked) {
  std::vector<std::string> names;
  for (const auto& each : merge_rules()) names.push_back(each.first);
  command
      .add_option("--merge", name,
                  "What several events of one user and item count: the\nlargest (max), their sum, the latest in the "
                  "file, or 1\n(binary); by default max, for biased-mf the latest")
      ->type_name("RULE")
      ->check(CLI::IsMember(names).description(""))
      ->group("The log");
  command
      .add_flag("--dislikes", asked.dislikes,
                "Keep pairs that count less than 0, as disliked; else\nthey are left out. For ials")
      ->group("The log");
}

}  // namespace tandem_cli
