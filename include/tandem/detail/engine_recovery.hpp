#pragma once
// How an engine comes back from its file: the newest sound snapshot, then every entry after it, done again.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/detail/engine_answers.hpp"
#include "tandem/detail/engine_durability.hpp"
#include "tandem/detail/engine_refit.hpp"
#include "tandem/detail/engine_snapshot.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

// Does again what entries say: those after a snapshot of its own file, or all of another's. An answer is decided again
// only if its candidates matter: if it was rewarded, or may still be.
class engine::state::recovery {
 public:
  recovery(state& s, open_report& report) : s_(&s), log_(s.durable), report_(&report) {}
  // from another log: what is done again is appended to the engine's own
  // @param each  hears of every answer, decided again; null = nobody does
  recovery(state& s, const journal& log, open_report& report, const function_ref<void(const answer_again&)>* each)
      : s_(&s), log_(&log), report_(&report), each_(each), copies_(true) {}

  void run(entry_number from) {
    const auto again = [&](entry_number number, const journal_entry& entry) {
      reach(entry_number{raw(number) - 1});  // entries between may have been erased
      std::visit([&](const auto& e) { redo(number, e); }, entry);
      ++report_->replayed;
      reach(number);
    };
    look_ahead(from);
    reach(from);
    if (copies_) {
      log_->scan(from, again);
    } else {
      s_->durable->replay(from, again);
    }
  }

 private:
  // what an answer was asked, with its own texts
  struct asked {
    decision_id id = decision_id::none;
    std::string user;
    timestamp time{};
    std::size_t count = 0;
    bool exclude_seen = false, limited = false, shadow = false;
    std::vector<std::string> only, blocked, facts;
    std::optional<page_rules> rules;
    std::vector<std::string> left_out;
    std::vector<std::pair<std::string, double>> given;  // the page, if it was
  };
  struct decided_again {
    hybrid::decided answer;
    user_index user = no_id<user_index>;
  };

  // ---- looking ahead ----------------------------------------------------------------------------------------------
  void look_ahead(entry_number from) {
    std::vector<decision_id> answers;
    std::unordered_set<decision_id> needed;
    log_->scan(from, [&](entry_number, const journal_entry& entry) {
      if (const auto* e = std::get_if<event_entry>(&entry)) {
        if (e->record.decision != decision_id::none) needed.insert(e->record.decision);
      } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
        answers.push_back(a->record.id);
        if (!a->record.shadow && a->record.slate.size() == 1) needed.insert(a->record.id);  // its silence teaches too
      } else if (const auto* m = std::get_if<model_entry>(&std::get<change_entry>(entry))) {
        if (!is_sound(m->snapshot)) models_to_fit_.emplace(m->seen, m->version);
      }
    });
    if (answers.empty()) return;
    const std::size_t last_few =
        each_ != nullptr ? answers.size() : std::min(answers.size(), s_->options.max_pending_decisions);
    std::nth_element(answers.begin(), answers.end() - static_cast<std::ptrdiff_t>(last_few), answers.end());
    needed.insert(answers.end() - static_cast<std::ptrdiff_t>(last_few), answers.end());
    log_->scan(from, [&](entry_number, const journal_entry& entry) {
      const auto* a = std::get_if<answer_entry>(&entry);
      if (a == nullptr || !needed.contains(a->record.id) || !a->candidates.empty()) return;
      if (each_ == nullptr && a->record.level != answer_level::full) return;  // it waits without candidates
      asked q{a->record.id,
              a->record.user_name,
              a->record.time,
              a->count,
              a->exclude_seen,
              a->limited,
              a->record.shadow,
              {},
              {},
              a->facts,
              a->rules,
              a->left_out,
              {}};
      q.only.assign(a->only_items.begin(), a->only_items.end());
      q.blocked.assign(a->blocked_items.begin(), a->blocked_items.end());
      for (std::size_t k = 0; a->record.given && k < a->slate_items.size(); ++k) {
        q.given.emplace_back(a->slate_items[k], a->record.slate[k].propensity);
      }
      to_decide_.emplace(a->seen, std::move(q));
    });
  }

  bool is_sound(std::uint64_t snapshot) {
    if (copies_) return false;  // its indices are another engine's
    try {
      (void)s_->read_model(snapshot);
      return true;
    } catch (const error& e) {
      if (e.code() == errc::damaged || e.code() == errc::bad_format) report_->problems.push_back(e.message());
      return false;
    }
  }

  // ---- what was done at an entry without being an entry of its own -------------------------------------------------
  void reach(entry_number number) {
    if (copies_) copied_.emplace_back(number, s_->last_entry());
    for (; !to_decide_.empty() && to_decide_.begin()->first <= number; to_decide_.erase(to_decide_.begin())) {
      const asked& each = to_decide_.begin()->second;
      decided_.emplace(each.id, decide(each));
    }
    for (; !models_to_fit_.empty() && models_to_fit_.begin()->first <= number;
         models_to_fit_.erase(models_to_fit_.begin())) {
      fitted_[models_to_fit_.begin()->second] = detail::fit(s_->refit_input_now(), s_->options.ials, {}, {});
      ++report_->refitted;
    }
  }

  decided_again decide(const asked& of) {
    std::vector<std::string_view> blocked(of.blocked.begin(), of.blocked.end());
    std::vector<std::string_view> only(of.only.begin(), of.only.end());
    request r;
    r.user = of.user;
    r.count = of.count;
    r.time = of.time;
    r.blocked = blocked;
    r.candidates = only;
    if (of.rules.has_value()) r.rules = &*of.rules;
    std::vector<shown_item> shown;
    shown.reserve(of.given.size());
    for (const auto& [item, propensity] : of.given) {  // one may be known by the events of a user who is forgotten
      if (s_->listed(item) != no_id<item_index>) shown.push_back({item, propensity});
    }
    r.shown = shown;
    detail::frozen from = s_->freeze(r, of.facts);
    from.view.limited = of.limited;
    const context_list none;
    const hybrid::query q{from.view.known, r.user, from.user, r.time, none, of.exclude_seen};
    // what was drawn decides under caps which candidates the catalogue had to add
    const bool explore = (each_ != nullptr || of.rules.has_value()) && !of.shadow;
    hybrid::wish wish{r.count, s_->options.blender.proposals, explore, s_->options.seed, of.id};
    wish.given = from.given;
    for (const auto& each : *from.sources) {
      if (of.left_out.empty()) break;
      wish.left_out.push_back(std::ranges::find(of.left_out, each->name()) != of.left_out.end());
    }
    decided_again out{hybrid::decide(from.view, q, *from.sources, wish, s_->options.slate, *from.scratch), from.user};
    from.view = hybrid::view();
    s_->keep(std::move(from.scratch));
    return out;
  }

  // the entry of this engine that does again what `number` of the log did
  entry_number own(entry_number number) const {
    if (!copies_) return number;
    const auto at = std::upper_bound(copied_.begin(), copied_.end(), number,
                                     [](entry_number n, const auto& copied) { return n < copied.first; });
    return at == copied_.begin() ? entry_number{} : (at - 1)->second;
  }

  // ---- doing again ------------------------------------------------------------------------------------------------
  void redo(entry_number, const event_entry& e) {
    event said;
    said.item = e.item;
    said.action = e.action;
    said.value = e.value;
    said.time = e.record.time;
    said.decision = e.record.decision;
    if (!s_->keys.contains(e.key)) said.key = e.key;
    detail::pending_decision* const answer = s_->pending.find(said.decision);
    if (!e.as_reward || answer == nullptr) said.user = e.user;
    const bool again = answer != nullptr && answer->was_rewarded(s_->items.find(e.item));
    std::vector<std::string> where(e.facts.begin(), e.facts.end());
    if (!e.own_context && answer != nullptr) where = answer->facts;
    (void)s_->log({said, e.weight, answer, again, e.own_context, where});
  }

  void redo(entry_number, const answer_entry& e) {
    answer_entry entry = e;
    entry.seen = own(e.seen);
    detail::pending_decision wait;
    decision& record = entry.record;
    for (std::size_t k = 0; k < record.slate.size(); ++k) {
      record.slate[k].item = s_->items.intern(e.slate_items[k]);
      wait.shown_items.push_back(record.slate[k].item);
    }
    const auto known = [&](const std::vector<std::string_view>& names) {
      std::vector<item_index> out;
      out.reserve(names.size());
      for (const std::string_view name : names) out.push_back(s_->items.intern(name));
      return out;
    };
    entry.candidate_items = known(e.candidate_names);
    entry.only = known(e.only_items);
    entry.blocked = known(e.blocked_items);
    s_->list_items();
    record.position = log_position{raw(s_->store->end()) - std::min(raw(s_->store->end()), e.events_since)};
    if (copies_) record.user = s_->users.find(record.user_name);  // else as it was when decided
    wait.id = record.id;
    wait.user = record.user;
    wait.user_name = record.user_name;
    wait.user_problem = static_cast<reject_reason>(e.user_problem);
    wait.time = record.time;
    wait.shadow = record.shadow;
    wait.facts = e.facts;
    if (!record.slate.empty()) wait.propensity = record.slate.front().propensity;
    offer(entry, wait);
    s_->next_decision = std::max(s_->next_decision, raw(record.id) + 1);
    s_->answered = true;
    s_->remember(entry, std::move(wait));
  }

  // the candidates of an answer, as decided again or as kept; of one that nobody can reward any more there are none
  void offer(const answer_entry& e, detail::pending_decision& wait) {
    auto set = std::make_shared<hybrid::candidate_set>();
    set->n_sources = s_->sources->size();
    if (const auto again = decided_.find(wait.id); again != decided_.end()) {
      if (each_ != nullptr && !e.record.given) tell(e, again->second.answer);
      if (e.record.level == answer_level::full) *set = std::move(again->second.answer.candidates);
      wait.user = again->second.user;
      decided_.erase(again);
    } else if (!e.candidates.empty()) {
      load_kept(e, *set);
    }
    bool alike = true;
    for (const item_index item : wait.shown_items) {
      const auto at = std::find(set->items.begin(), set->items.end(), item);
      alike = alike && at != set->items.end();
      if (at != set->items.end()) wait.shown.push_back(static_cast<std::size_t>(at - set->items.begin()));
    }
    if (!alike && set->size() > 0) ++report_->decided_otherwise;
    wait.candidates = std::move(set);
  }

  // the set as it was kept, if this engine has the sources that made it
  void load_kept(const answer_entry& e, hybrid::candidate_set& to) {
    std::span<const std::byte> rest = e.candidates;
    const auto once = [&rest] { return std::exchange(rest, {}); };
    byte_reader in(once);
    try {
      hybrid::candidate_set kept = hybrid::candidate_set::load(in, s_->sources->size());
      if (kept.size() != e.candidate_items.size()) return;
      kept.items = e.candidate_items;
      to = std::move(kept);
    } catch (const error&) {
      ++report_->decided_otherwise;
    }
  }

  void tell(const answer_entry& logged, const hybrid::decided& again) const {
    std::vector<std::string_view> now;
    for (const hybrid::slate_place& place : again.slate) {
      now.push_back(s_->items.name(again.candidates.items[place.candidate]));
    }
    (*each_)({logged.record.id, logged.slate_items, now});
  }

  void redo(entry_number number, const change_entry& change) {
    std::visit([&](const auto& e) { redo(number, e); }, change);
  }
  void redo(entry_number, const item_entry& e) { s_->upsert(e.item, e.attributes); }
  void redo(entry_number, const retire_entry& e) { s_->retire(e.item); }
  void redo(entry_number, const merge_entry& e) { s_->merge(e.from, e.to); }
  void redo(entry_number, const consent_entry& e) { s_->set_consent(e.user, e.given); }
  void redo(entry_number, const clock_entry& e) { s_->tell_time(e.now); }
  void redo(entry_number, const model_entry& e) {
    const auto fitted = fitted_.find(e.version);
    s_->batch = fitted != fitted_.end() ? fitted->second : s_->read_model(e.snapshot);
    s_->batch_snapshot = fitted != fitted_.end() ? 0 : e.snapshot;
    fitted_.clear();
    ++s_->counters.refits;
    model_entry entry = e;
    entry.seen = own(e.seen);
    entry.snapshot = s_->batch_snapshot;
    s_->store->append(change_entry(entry));
  }

  state* s_;
  const journal* log_;
  open_report* report_;
  const function_ref<void(const answer_again&)>* each_ = nullptr;
  bool copies_ = false;
  std::vector<std::pair<entry_number, entry_number>> copied_;  // by the log's number: the engine's own
  std::multimap<entry_number, asked> to_decide_;               // by the last entry they knew
  std::multimap<entry_number, std::uint64_t> models_to_fit_;   // versions, by the same
  std::unordered_map<decision_id, decided_again> decided_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const hybrid::batch_snapshot>> fitted_;
};

inline std::shared_ptr<const hybrid::batch_snapshot> engine::state::read_model(std::uint64_t snapshot) const {
  const auto reader = durable->read_snapshot(snapshot);
  const auto source = [&] { return reader->next(); };
  byte_reader in(source);
  return detail::load_model(in, *sources);
}

// true if the state stands as the snapshot has it; false, and a state to throw away, if it cannot be used
inline bool engine::state::load_snapshot(const snapshot_info& info, open_report& report) {
  try {
    const auto reader = durable->read_snapshot(info.id);
    const auto source = [&] { return reader->next(); };
    byte_reader in(source);
    log_position position{};
    const std::uint64_t version = load(in, position);
    store_ids ids;
    ids.users = in.get_vector<std::uint32_t>(users.size());
    ids.items = in.get_vector<std::uint32_t>(items.size());
    batch_snapshot = in.get<std::uint64_t>();
    in.finish();
    if (version != 0) batch = read_model(batch_snapshot);
    durable->restore(ids, info.at, position);
    checkpointed = info.at;
    return true;
  } catch (const error& e) {
    if (e.code() != errc::damaged && e.code() != errc::bad_format && e.code() != errc::not_found) throw;
    report.problems.push_back("snapshot " + std::to_string(info.id) + " is passed over: " + e.message());
    return false;
  }
}

TANDEM_END
