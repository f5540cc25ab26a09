#pragma once
// What a log keeps: one entry for each thing that changed an engine, whole enough to do it again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tandem/core/function_ref.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/decision.hpp"
#include "tandem/data/event.hpp"
#include "tandem/data/page_rules.hpp"

TANDEM_BEGIN

/// Number of an entry, in order from 1; 0 = before the first. Erased entries leave gaps.
enum class entry_number : std::uint64_t {};

/// One event: what was said, and what came of it. All text of entries is borrowed.
struct event_entry {
  logged_event record;    ///< indices of this engine; not set when the entry is read back
  std::string_view user;  ///< whose event it became; when read back of a reward, only who the log had it for
  std::string_view item;
  std::string_view action;
  std::string_view key;
  double value = 1;                         ///< as it was said
  double weight = 1;                        ///< what it came to: its action's times its value
  bool as_reward = false;                   ///< through reward(): the user is whoever the page was for
  bool own_context = false;                 ///< `facts` are its own; otherwise those of the page it answers, if any
  std::span<const std::string> facts = {};  ///< "name=value"
};

/// One answer, and what it was asked: deciding it again at `seen` gives the same.
struct answer_entry {
  decision record;
  entry_number seen{};             ///< the last entry that it knew
  std::uint64_t events_since = 0;  ///< events between `seen` and this entry, when read back
  std::uint8_t user_problem = 0;   ///< why rewards cannot be learned for this user: a reject_reason
  std::uint32_t count = 10;        ///< as asked
  bool exclude_seen = true;
  bool limited = false;               ///< the host gave candidates, even if none of them was known
  std::vector<item_index> only = {};  ///< those of them that were
  std::vector<item_index> blocked = {};
  std::vector<std::string> facts = {};           ///< of the request's context
  std::optional<page_rules> rules = {};          ///< of the page; none = it had none, or such as change no answer
  std::vector<std::string> left_out = {};        ///< names of the sources that record.level left out
  std::vector<item_index> candidate_items = {};  ///< of `candidates`, whose own numbers are another engine's when read
  std::vector<std::byte> candidates = {};        ///< the whole candidate set; kept when a source of the host scored it
  std::vector<std::string_view> slate_items = {};  ///< names of record.slate, when read back
  std::vector<std::string_view> only_items = {};   ///< of `only`, when read back
  std::vector<std::string_view> blocked_items = {};
  std::vector<std::string_view> candidate_names = {};
};

/// An item was made known, or its attributes changed.
struct item_entry {
  item_index index{};
  std::string_view item;
  std::vector<std::string> attributes;  ///< "name=value"
};
struct retire_entry {
  item_index index{};
  std::string_view item;
};
/// `from` became `to`.
struct merge_entry {
  user_index to_index{};
  std::string_view from, to;
};
/// Whether the events of a user may be learned from.
struct consent_entry {
  user_index index{};
  std::string_view user;
  bool given = true;
};
/// The host told the time.
struct clock_entry {
  timestamp now{};
};
/// A batch model was put into use.
struct model_entry {
  std::uint64_t version = 0;
  entry_number seen{};         ///< the last entry that it was trained on
  std::uint64_t snapshot = 0;  ///< where the store keeps it
};

using change_entry = std::variant<item_entry, retire_entry, merge_entry, consent_entry, clock_entry, model_entry>;
using journal_entry = std::variant<event_entry, answer_entry, change_entry>;

/// Entries that can be read in order: a file's, or those that a host has from elsewhere.
class journal {
 public:
  virtual ~journal() = default;
  /// Calls f with every entry after `from`, in order; it is valid until f returns. Errors: damaged, io_error, what f
  /// throws.
  virtual void scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const = 0;
  /// The entries up to here were compacted away; entry_number{0} = none.
  [[nodiscard]] virtual entry_number compacted_to() const { return {}; }
  /// Streams that events came from, with how far each was read.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> streams() const { return {}; }
};

TANDEM_END
