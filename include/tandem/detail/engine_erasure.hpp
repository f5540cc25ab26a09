#pragma once
// Forgetting a user, telling what is known of one, and forgetting what is old.

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/detail/crc32.hpp"
#include "tandem/detail/engine_snapshot.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline std::string erasure_receipt::text() const {
  std::string out = "erased: " + user + "\nasked at: " + std::to_string(to_millis(asked)) + " ms since 1970";
  const auto line = [&out](const char* what, std::uint64_t n) { (out += '\n') += what + std::to_string(n); };
  line("entries: ", counts.entries);
  line("of them events: ", counts.events);
  line("of them answers: ", counts.decisions);
  line("names: ", counts.names);
  line("snapshots dropped: ", counts.snapshots);
  line("up to entry: ", raw(up_to));
  out += "\nchecksum: " + std::to_string(detail::crc32(out)) + "\n";
  return out;
}

// under the lock: everybody whose history is this user's, and the names they had
inline std::vector<user_index> engine::state::group_of(std::string_view id) const {
  std::vector<user_index> out;
  const user_index user = users.find(id);
  if (user == no_id<user_index>) return out;
  for (std::size_t u = 0; u < users.size(); ++u) {
    if (owner[u] == owner[slot(user)]) out.push_back(user_index{static_cast<std::uint32_t>(u)});
  }
  return out;
}

inline erasure engine::state::whose(std::string_view id, std::span<const user_index> group) const {
  erasure out;
  if (durable != nullptr) out.users = durable->numbers_of(group);
  out.names.emplace_back(id);
  for (const user_index user : group) out.names.emplace_back(users.name(user));
  std::sort(out.names.begin(), out.names.end());
  out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
  return out;
}

// under the lock: nobody remembers them; what they did to counts that all share stays until the log is learned anew
inline void engine::state::drop(std::span<const user_index> group, const std::vector<std::string>& names) {
  const auto is_theirs = [&](const detail::pending_decision& p) {
    return std::find(group.begin(), group.end(), p.user) != group.end() ||
           std::find(names.begin(), names.end(), p.user_name) != names.end();
  };
  pending.remove_if(is_theirs);
  for (const user_index user : group) {
    histories[slot(user)] = nobody;
    refuse_consent(user, true);  // a log that keeps their events, in memory, is not learned from
    if (users.find(users.name(user)) == user) users.release(users.name(user));
  }
  needs_rebuild = durable != nullptr;
}

inline erasure_receipt engine::state::forget(std::string_view id, timestamp asked) {
  const std::lock_guard one_at_a_time(refit_mutex);
  erasure_receipt out{std::string(id), asked, {}, {}};
  erasure what;
  bool known = false;
  {
    const std::lock_guard lock(mutex);
    const std::vector<user_index> group = group_of(id);
    known = !group.empty();
    what = whose(id, group);
    drop(group, what.names);
  }
  if (durable != nullptr) {
    std::unique_lock lock(mutex, std::defer_lock);
    out.counts = durable->erase(what, lock);
  }
  {
    const std::lock_guard lock(mutex);
    out.up_to = last_entry();
    batch_snapshot = 0;  // went with the others
    checkpointed = entry_number{};
  }
  if (!known && out.counts.entries == 0) {
    throw error(errc::not_found, "there is no user '" + out.user + "'", {{}, 0, "user"});
  }
  return out;
}

inline user_data engine::state::data_of(std::string_view id) const {
  user_data out;
  out.user = id;
  erasure what;
  {
    const std::lock_guard lock(mutex);
    const std::vector<user_index> group = group_of(id);
    what = whose(id, group);
    out.names = what.names;
    out.consent = group.empty() || may_learn_from(owner[slot(group.front())]);
  }
  const auto context_of = [](std::span<const std::string> named_values) {
    std::vector<std::pair<std::string, std::string>> named;
    for (const std::string& fact : named_values) {
      const std::size_t at = fact.find('\x1f');
      named.emplace_back(fact.substr(0, at), at == std::string::npos ? std::string() : fact.substr(at + 1));
    }
    return named;
  };
  durable->scan_of(what, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      out.events.push_back({std::string(e->user), std::string(e->item), std::string(e->action), e->value,
                            e->record.time, std::string(e->key), e->record.decision, context_of(e->facts)});
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      told_answer answer{a->record.id, a->record.user_name, a->record.time, a->record.shadow, {}, context_of(a->facts)};
      for (std::size_t k = 0; k < a->record.slate.size(); ++k) {
        const placed_item& place = a->record.slate[k];
        answer.items.push_back({std::string(a->slate_items[k]), place.score, place.propensity});
      }
      out.answers.push_back(std::move(answer));
    } else if (const auto* m = std::get_if<merge_entry>(&std::get<change_entry>(entry))) {
      out.names.emplace_back(m->from);
    }
  });
  std::sort(out.names.begin(), out.names.end());
  out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
  if (out.events.empty() && out.answers.empty()) {
    throw error(errc::not_found, "nothing is known of a user '" + out.user + "'", {{}, 0, "user"});
  }
  return out;
}

inline std::uint64_t engine::state::compact(const retention& keep) {
  const std::lock_guard one_at_a_time(refit_mutex);
  entry_number last{};
  {
    const std::lock_guard lock(mutex);
    if (needs_rebuild) {
      throw error(errc::wrong_state, "a user was forgotten: what was learned cannot stand for the log", {},
                  "open the file again first");
    }
    last = last_entry();
  }
  if (!durable->commit(last)) throw error(errc::io_error, durable->failure(), {}, "see engine::flush()");
  const entry_number to = last_to_forget(keep);
  if (raw(to) <= raw(durable->compacted_to())) return 0;
  checkpoint_now();
  checkpoint_now();  // two stand for what goes: one may be damaged
  return durable->compact(to);
}

// the last entry before the first event that is to be kept
inline entry_number engine::state::last_to_forget(const retention& keep) const {
  std::uint64_t events = 0;
  durable->scan(durable->compacted_to(), [&](entry_number, const journal_entry& entry) {
    events += std::holds_alternative<event_entry>(entry) ? 1U : 0U;
  });
  const std::uint64_t too_many = events - std::min<std::uint64_t>(events, keep.max_events);
  entry_number to{};
  std::uint64_t passed = 0;
  bool done = false;
  durable->scan(durable->compacted_to(), [&](entry_number number, const journal_entry& entry) {
    const auto* e = std::get_if<event_entry>(&entry);
    if (e == nullptr || done) return;
    const bool goes = passed < too_many || e->record.time < keep.not_before;
    done = !goes;
    if (goes) ++passed;
    if (goes) to = number;
  });
  return to;
}

TANDEM_END
