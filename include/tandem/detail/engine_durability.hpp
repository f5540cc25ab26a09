#pragma once
// What an engine does for its file: tickets and failures, snapshots when they are due, and which of them stay.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/detail/engine_snapshot.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN
namespace detail {

inline observe_result unconfirmed(observe_result taken) noexcept {
  if (taken.taken()) taken.status = observe_status::unconfirmed;
  return taken;
}

}  // namespace detail

inline entry_number engine::state::last_entry() const noexcept {
  return durable != nullptr ? durable->last() : entry_number{};
}

// what its level asks for before a caller hears that an entry is taken; false when that failed
inline bool engine::state::settle(entry_number entry) const noexcept {
  return durable == nullptr || durable->after_append(entry);
}

inline observe_result engine::state::observe(const event& e, bool as_reward) noexcept {
  if (durable != nullptr && !durable->ready()) return {observe_status::store_failed, reject_reason::none, {}, {}};
  const reject_reason why = detail::check_event(e, as_reward);
  const std::lock_guard lock(mutex);
  return why == reject_reason::none ? take(e, as_reward) : reject(why);
}

inline void engine::state::tell_time(timestamp now) {
  if (durable != nullptr && (!any_time || now > counters.newest || !host_has_clock)) {
    store->append(change_entry(clock_entry{now}));
  }
  host_has_clock = true;
  move_clock(now);
}

// a change by f, which logs it. Errors: those of f, and io_error when it could not be stored.
template <class F>
void engine::state::change(F&& f) {
  if (durable != nullptr && !durable->ready())
    throw error(errc::io_error, durable->failure(), {}, "see engine::flush()");
  entry_number last{};
  {
    const std::lock_guard lock(mutex);
    f();
    last = last_entry();
  }
  if (!settle(last)) {
    throw error(errc::io_error, "it is changed, but could not be stored yet: " + durable->failure(), {},
                "see engine::flush()");
  }
}

// ---- snapshots ----------------------------------------------------------------------------------------------------

// Under refit_mutex: one checkpoint at a time.
inline void engine::state::checkpoint() {
  const std::lock_guard one_at_a_time(refit_mutex);
  checkpoint_now();
}

// Puts the model in use into the file if it is not there: one that was fitted while opening.
inline void engine::state::keep_model() {
  std::shared_ptr<const hybrid::batch_snapshot> model;
  entry_number last{};
  {
    const std::lock_guard lock(mutex);
    if (batch == nullptr || batch_snapshot != 0) return;
    model = batch;
    last = last_entry();
  }
  const std::uint64_t kept = write_model(*model, last);
  const std::lock_guard lock(mutex);
  batch_snapshot = kept;
}

// the model a state goes with stands behind what it was made with
inline std::string engine::state::made_with(std::uint64_t model) const {
  return detail::fingerprint(options, *sources) + "\tmodel " + std::to_string(model);
}

inline void engine::state::checkpoint_now(bool outlives_keys) {
  detail::state_copy now;
  {
    const std::lock_guard lock(mutex);
    if (needs_rebuild) return;  // what was learned holds what was to be forgotten
  }
  keep_model();
  {
    const std::lock_guard lock(mutex);
    now = copy();
    now.ids = durable->ids();
    checkpointed = now.at;
  }
  if (!durable->commit(now.at)) throw error(errc::io_error, durable->failure(), {}, "see engine::flush()");
  const std::vector<snapshot_info> before = durable->snapshots();
  const auto writer =
      durable->write_snapshot(snapshot_kind::state, now.at, made_with(now.batch_snapshot), outlives_keys);
  const auto sink = [&](std::span<const std::byte> run) { writer->write(run); };
  byte_writer out(sink);
  now.save(out);
  out.put(now.ids.users);
  out.put(now.ids.items);
  out.put(now.batch_snapshot);
  out.finish();
  (void)writer->finish();
  drop_old_snapshots(before);
}

// The snapshot before stands, and what comes after it is replayed.
inline void engine::state::checkpoint_if_possible() {
  try {
    checkpoint_now();
  } catch (const error&) {
    const std::lock_guard lock(mutex);
    ++counters.failed_checkpoints;
  }
}

// Leaves a file that opens quickly.
inline void engine::state::close() {
  constexpr std::uint64_t quick = 1000;  // entries that are replayed sooner than a state is written
  entry_number last{};
  entry_number kept{};
  {
    const std::lock_guard lock(mutex);
    last = last_entry();
    kept = checkpointed;
  }
  if (raw(last) - raw(kept) > quick) return checkpoint();
  (void)durable->commit(last);
}

inline void engine::state::add_candidates(answer_entry& entry, const detail::pending_decision& wait) const {
  if (durable == nullptr || (own_sources == 0 && raw(entry.seen) >= raw(checkpointed))) return;
  entry.candidate_items = wait.candidates->items;
  const auto sink = [&](std::span<const std::byte> run) {
    entry.candidates.insert(entry.candidates.end(), run.begin(), run.end());
  };
  byte_writer out(sink);
  wait.candidates->save(out);
  out.finish();
}

// Keeps the newest state but one, for the case that the newest is damaged, and the models that the two go with or that
// came after.
inline void engine::state::drop_old_snapshots(const std::vector<snapshot_info>& before) const {
  entry_number oldest{};
  std::uint64_t model_of_oldest = 0;
  bool kept = false;
  for (const snapshot_info& each : before) {
    if (each.kind != snapshot_kind::state) continue;
    if (kept) {
      durable->drop_snapshot(each.id);
    } else {
      oldest = each.at;
      const std::size_t at = each.options.find("\tmodel ");
      if (at != std::string::npos) model_of_oldest = std::strtoull(each.options.c_str() + at + 7, nullptr, 10);
    }
    kept = true;
  }
  for (const snapshot_info& each : before) {
    const bool goes = each.kind == snapshot_kind::model && raw(each.at) <= raw(oldest) && each.id != model_of_oldest &&
                      each.id != batch_snapshot;
    if (goes) durable->drop_snapshot(each.id);
  }
}

TANDEM_END
