#pragma once
// From logs with host ids to matrices with one indexing, which does not depend on the order of lines in the files.

#include <string>
#include <string_view>
#include <vector>

#include "log_arguments.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/interactions.hpp"

namespace tandem_cli {

/// The order of ids: whole numbers by value, before all other text, which goes by its bytes.
[[nodiscard]] bool id_before(std::string_view a, std::string_view b);

/// Distinct ids in order; an id's place is its index.
class id_order {
 public:
  id_order() = default;
  explicit id_order(std::vector<std::string> ids);

  [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  /// size() when there is no such id.
  [[nodiscard]] std::size_t find(std::string_view id) const;

 private:
  std::vector<std::string> ids_;
};

/// The ids of all users, or all items, of some logs.
[[nodiscard]] id_order users_of(std::initializer_list<const tandem::event_log*> logs);
[[nodiscard]] id_order items_of(std::initializer_list<const tandem::event_log*> logs);

/// The events of a log with indices; those of users that are not among `users` are left out. An event weighs as much as
/// its action says times its weight. Requires: every item is among `items`.
[[nodiscard]] std::vector<tandem::interaction> to_events(const tandem::event_log& log, const log_arguments& asked,
                                                         const id_order& users, const id_order& items);

/// The same as a matrix.
[[nodiscard]] tandem::interactions to_matrix(const tandem::event_log& log, const log_arguments& asked,
                                             const id_order& users, const id_order& items, tandem::merge_rule rule,
                                             tandem::dislike_rule dislikes = tandem::dislike_rule::leave_out);

/// The rule that a name on the command line stands for.
[[nodiscard]] tandem::merge_rule merge_rule_of(const std::string& name);

/// What --dislikes asks for.
[[nodiscard]] tandem::dislike_rule dislikes_of(const log_arguments& asked);

/// Adds --merge and --dislikes.
void add_merge_options(CLI::App& command, std::string& name, log_arguments& asked);

}  // namespace tandem_cli
