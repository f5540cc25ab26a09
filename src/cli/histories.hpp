#pragma once
// Whose an entry of a log is in the end: visitors become users by merges, and start afresh afterwards.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/store/journal.hpp"

namespace tandem_cli {

/// Follows merges. Told the same entries again, it gives the same numbers.
class histories {
 public:
  /// The history that a name has at this place of the log.
  std::size_t of(std::string_view name) {
    const auto found = now_.find(std::string(name));
    return found != now_.end() ? found->second : start(name);
  }

  /// What `from` did is `to`'s; `from` starts afresh.
  void merge(std::string_view from, std::string_view to) {
    const std::size_t given = of(from);
    parent_[given] = of(to);
    if (from != to) (void)start(from);
  }

  /// The history that one is part of by now.
  [[nodiscard]] std::size_t root(std::size_t history) const {
    while (parent_[history] != history) history = parent_[history];
    return history;
  }
  /// The name it was started under.
  [[nodiscard]] const std::string& name(std::size_t history) const { return names_[history]; }
  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  std::size_t start(std::string_view name) {
    const std::size_t history = names_.size();
    names_.emplace_back(name);
    parent_.push_back(history);
    now_.insert_or_assign(std::string(name), history);
    return history;
  }

  std::unordered_map<std::string, std::size_t> now_;
  std::vector<std::string> names_;
  std::vector<std::size_t> parent_;
};

/// Passes an entry to `to`: returns whose it is, or nobody for one that is no user's.
inline constexpr std::size_t nobodys = ~std::size_t{0};
inline std::size_t follow(histories& to, const tandem::journal_entry& entry) {
  if (const auto* e = std::get_if<tandem::event_entry>(&entry)) return to.of(e->user);
  if (const auto* a = std::get_if<tandem::answer_entry>(&entry)) {
    return a->record.user_name.empty() ? nobodys : to.of(a->record.user_name);
  }
  const auto& change = std::get<tandem::change_entry>(entry);
  if (const auto* m = std::get_if<tandem::merge_entry>(&change)) {
    to.merge(m->from, m->to);
    return to.of(m->to);
  }
  if (const auto* c = std::get_if<tandem::consent_entry>(&change)) return to.of(c->user);
  return nobodys;
}

}  // namespace tandem_cli
