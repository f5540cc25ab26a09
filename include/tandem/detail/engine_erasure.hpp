#pragma once
// Forgetting a user, telling what is known of one, and forgetting what is old.

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/detail/crc32.hpp"
#include "tandem/detail/engine_durability.hpp"
#include "tandem/detail/engine_snapshot.hpp"
#include "tandem/detail/engine_state.hpp"
#include "tandem/detail/told_entries.hpp"

TANDEM_BEGIN

TANDEM_ENGINE_INLINE std::string erasure_receipt::text() const {
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

namespace detail {

// lifts the ceiling of a file for its life
class without_ceiling {
 public:
  explicit without_ceiling(durable_store& of) : of_(&of) { of_->lift_ceiling(true); }
  without_ceiling(const without_ceiling&) = delete;
  without_ceiling& operator=(const without_ceiling&) = delete;
  ~without_ceiling() {
    try {
      of_->lift_ceiling(false);
    } catch (...) {  // it stays lifted until the file is opened again
    }
  }

 private:
  durable_store* of_;
};

}  // namespace detail

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
  out.names.emplace_back(id);  // of pages shown before anything was known of them
  return out;
}

// under the lock: nobody remembers them; what they did to counts that all share stays until the log is learned anew
inline void engine::state::drop(std::string_view id, std::span<const user_index> group) {
  pending.remove_if([&](const detail::pending_decision& p) {
    if (p.user == no_id<user_index>) return !id.empty() && p.user_name == id;
    return std::find(group.begin(), group.end(), p.user) != group.end();
  });
  for (const user_index user : group) {
    if (forgotten.size() <= slot(user)) forgotten.resize(slot(user) + 1);
  }
  for (const user_index user : group) forgotten[slot(user)] = true;  // all of them, should memory run out below
  choices.remove(group);
  for (const user_index user : group) {
    histories[slot(user)] = nobody;
    refuse_consent(user, true);  // a log that keeps their events, in memory, is not learned from
    if (users.find(users.name(user)) == user) users.release(users.name(user));
  }
}

// Keys of events that were compacted away could be anybody's: they go. Those of the user's events go too.
inline void engine::state::keep_keys_of_others(const erasure& what) {
  std::unordered_set<std::string> theirs;
  durable->scan_of(what, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) theirs.emplace(e->key);
  });
  detail::key_set left(options.max_event_keys);
  entry_number scanned{};
  const auto add = [&](entry_number number, const journal_entry& entry) {
    scanned = number;
    const auto* e = std::get_if<event_entry>(&entry);
    if (e == nullptr || e->key.empty() || theirs.contains(std::string(e->key)) || left.contains(e->key)) return;
    left.add(e->key);
    left.trim();
  };
  durable->scan(entry_number{}, add);
  const std::lock_guard lock(mutex);
  if (!durable->commit(last_entry())) throw error(errc::io_error, durable->failure(), {}, "see engine::flush()");
  durable->scan(scanned, add);  // what came meanwhile
  keys = std::move(left);
}

// The state and the model without some users, in place of all snapshots there were: of a compacted log, whose beginning
// nothing else stands for. Returns the first snapshot that is to stay.
inline std::uint64_t engine::state::write_without(std::span<const user_index> gone, const erasure& what) {
  std::shared_ptr<const hybrid::batch_snapshot> model;
  entry_number last{};
  {
    const std::lock_guard lock(mutex);
    model = batch;
    last = last_entry();
  }
  keep_keys_of_others(what);
  std::uint64_t first = ~std::uint64_t{0};
  if (model != nullptr) {
    const batch::factor_model& with = *model->model;
    std::vector<float> vectors(with.user_matrix().begin(), with.user_matrix().end());
    for (const user_index user : gone) {
      if (slot(user) >= with.n_users()) continue;
      std::fill_n(vectors.begin() + static_cast<std::ptrdiff_t>(slot(user) * with.rank()), with.rank(), 0.0F);
    }
    auto without = std::make_shared<hybrid::batch_snapshot>(
        std::make_shared<const batch::factor_model>(batch::factor_model::from_factors(
            std::move(vectors), {with.item_matrix().begin(), with.item_matrix().end()}, with.rank(), with.weights())));
    without->ridge = model->ridge;
    without->ranking = model->ranking;
    without->popularity = model->popularity;
    without->version = model->version;
    without->position = model->position;
    first = write_model(*without, last, true);
    const std::lock_guard lock(mutex);
    batch = std::move(without);
    batch_snapshot = first;
  }
  checkpoint_now(true);
  return std::min(first, durable->snapshots().front().id);
}

inline erasure_receipt engine::state::forget(std::string_view id, timestamp asked) {
  const std::lock_guard one_at_a_time(refit_mutex);
  erasure_receipt out{std::string(id), asked, {}, {}};
  std::vector<user_index> group;
  erasure what;
  {
    const std::lock_guard lock(mutex);
    group = group_of(id);
    if (const auto left = unfinished.find(out.user); left != unfinished.end()) {
      group.insert(group.end(), left->second.begin(), left->second.end());
    }
    what = whose(id, group);
  }
  if (group.empty()) {
    bool any = false;
    if (durable != nullptr) durable->scan_of(what, [&](entry_number, const journal_entry&) { any = true; });
    if (!any) throw error(errc::not_found, "there is no user '" + out.user + "'", {{}, 0, "user"});
  }
  const bool compacted = durable != nullptr && raw(durable->compacted_to()) > 0;
  {
    const std::lock_guard lock(mutex);
    if (durable != nullptr) unfinished[out.user] = group;
    needs_rebuild = durable != nullptr && !compacted;
    drop(id, group);
  }
  if (durable == nullptr) return out;
  const detail::without_ceiling room(*durable);  // a file that is full is made smaller by this
  const std::uint64_t keep_from = compacted ? write_without(group, what) : ~std::uint64_t{0};
  {
    std::unique_lock lock(mutex, std::defer_lock);
    out.counts = durable->erase(what, keep_from, lock);
  }
  {
    const std::lock_guard lock(mutex);
    unfinished.erase(out.user);
    out.up_to = last_entry();
    if (!compacted) {
      batch_snapshot = 0;  // went with the others
      checkpointed = entry_number{};
    }
  }
  if (compacted) checkpoint_if_possible();
  return out;
}

// What is left of users whose forget() failed after a snapshot without them was written: of a compacted log the engine
// knows them no more, and nobody could ask again.
inline void engine::state::finish_forgetting() {
  const std::lock_guard one_at_a_time(refit_mutex);
  std::vector<user_index> gone;
  for (std::size_t u = 0; u < forgotten.size(); ++u) {
    if (forgotten[u]) gone.push_back(user_index{static_cast<std::uint32_t>(u)});
  }
  if (gone.empty()) return;
  erasure left = durable->left_of(gone);
  if (left.users.empty()) return;
  const std::vector<std::string> names = std::exchange(left.names, {});  // pages of whoever has one of them now stay
  {
    const std::lock_guard lock(mutex);
    for (const std::string& name : names) unfinished[name] = gone;
    drop({}, gone);
  }
  const detail::without_ceiling room(*durable);
  const std::uint64_t keep_from = write_without(gone, left);
  {
    std::unique_lock lock(mutex, std::defer_lock);
    (void)durable->erase(left, keep_from, lock);
  }
  {
    const std::lock_guard lock(mutex);
    for (const std::string& name : names) unfinished.erase(name);
  }
  checkpoint_if_possible();
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
    for (const user_index user : group) out.names.emplace_back(users.name(user));
    out.consent = group.empty() || may_learn_from(owner[slot(group.front())]);
  }
  durable->scan_of(what, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      out.events.push_back(detail::told(*e));
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      out.answers.push_back(detail::told(*a));
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
  const detail::without_ceiling room(*durable);  // a file that is full is made smaller by this
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
  if (keep.max_events < retention{}.max_events) {
    durable->scan(durable->compacted_to(), [&](entry_number, const journal_entry& entry) {
      events += std::holds_alternative<event_entry>(entry) ? 1U : 0U;
    });
  }
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
