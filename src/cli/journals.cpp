#include "journals.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "histories.hpp"
#include "tandem/core/error.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;

// Whose the entries are, once all are read; and who said no.
struct read_histories {
  histories all;
  std::unordered_map<std::size_t, bool> consent;  // by history

  [[nodiscard]] bool may_learn_from(std::size_t history) const {
    const auto said = consent.find(all.root(history));
    return said == consent.end() || said->second;
  }
};

read_histories read_all(const journal& log) {
  read_histories out;
  log.scan({}, [&](entry_number, const journal_entry& entry) {
    const std::size_t whose = follow(out.all, entry);
    const auto* change = std::get_if<change_entry>(&entry);
    const auto* consent = change != nullptr ? std::get_if<consent_entry>(change) : nullptr;
    if (consent != nullptr) out.consent[whose] = consent->given;
  });
  return out;
}

}  // namespace

void watched_journal::scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const {
  std::uint64_t passed = 0;
  whole_->scan(from, [&](entry_number number, const journal_entry& entry) {
    if (passed++ % 256 == 0 && !callback_({stage_, raw(number), raw(last_)})) {
      throw error(errc::cancelled, "interrupted; nothing was written");
    }
    f(number, entry);
  });
}

event_log events_of(const journal& log, bool values) {
  const read_histories whose = read_all(log);
  event_log out;
  histories again;
  log.scan({}, [&](entry_number, const journal_entry& entry) {
    const std::size_t history = follow(again, entry);
    const auto* e = std::get_if<event_entry>(&entry);
    if (e == nullptr || !whose.may_learn_from(history)) return;
    logged_event learned;
    learned.user = out.users.intern(whose.all.name(whose.all.root(history)));
    learned.item = out.items.intern(e->item);
    learned.action = out.actions.intern(e->action);
    learned.weight = static_cast<float>(values ? e->value : e->weight);
    learned.time = e->record.time;
    learned.decision = e->record.decision;
    out.events.push_back(learned);
  });
  return out;
}

bool is_known(const journal& log, std::string_view user) {
  bool out = false;
  log.scan({}, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      out = out || e->user == user;
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      out = out || a->record.user_name == user;
    } else if (const auto* m = std::get_if<merge_entry>(&std::get<change_entry>(entry))) {
      out = out || m->from == user || m->to == user;
    } else if (const auto* c = std::get_if<consent_entry>(&std::get<change_entry>(entry))) {
      out = out || c->user == user;
    }
  });
  return out;
}

user_data data_of(const journal& log, std::string_view user) {
  read_histories whose = read_all(log);
  const std::size_t theirs = whose.all.root(whose.all.of(user));
  user_data out;
  out.user = user;
  out.consent = whose.may_learn_from(theirs);
  out.names.emplace_back(user);
  histories again;
  log.scan({}, [&](entry_number, const journal_entry& entry) {
    const std::size_t history = follow(again, entry);
    if (history == nobodys || whose.all.root(history) != theirs) return;
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      out.events.push_back(detail::told(*e));
      out.names.emplace_back(e->user);
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      out.answers.push_back(detail::told(*a));
      out.names.push_back(a->record.user_name);
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

}  // namespace tandem_cli
