#pragma once
// What a log says, read without an engine: cut off somewhere, as events to learn from, as what is known of one user.

#include <string>
#include <string_view>

#include "tandem/core/function_ref.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/detail/told_entries.hpp"
#include "tandem/engine.hpp"
#include "tandem/store/journal.hpp"

namespace tandem_cli {

/// The entries of a log up to one of them. The log must outlive it.
class cut_journal final : public tandem::journal {
 public:
  cut_journal(const tandem::journal& whole, tandem::entry_number last) : whole_(&whole), last_(last) {}
  void scan(tandem::entry_number from,
            tandem::function_ref<void(tandem::entry_number, const tandem::journal_entry&)> f) const override {
    whole_->scan(from, [&](tandem::entry_number number, const tandem::journal_entry& entry) {
      if (raw(number) <= raw(last_)) f(number, entry);
    });
  }
  [[nodiscard]] tandem::entry_number compacted_to() const override { return whole_->compacted_to(); }

 private:
  const tandem::journal* whole_;
  tandem::entry_number last_;
};

/// Entries as another log has them, with a word to the user now and then. The log must outlive it.
class watched_journal final : public tandem::journal {
 public:
  watched_journal(const tandem::journal& whole, tandem::entry_number last, std::string_view stage,
                  const tandem::progress& callback)
      : whole_(&whole), last_(last), stage_(stage), callback_(callback) {}
  /// Errors: cancelled.
  void scan(tandem::entry_number from,
            tandem::function_ref<void(tandem::entry_number, const tandem::journal_entry&)> f) const override;
  [[nodiscard]] tandem::entry_number compacted_to() const override { return whole_->compacted_to(); }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> streams() const override { return whole_->streams(); }

 private:
  const tandem::journal* whole_;
  tandem::entry_number last_;
  std::string_view stage_;
  const tandem::progress& callback_;
};

/// The events as a refit would learn from them: those of visitors are of the users they became, those of users who gave
/// no consent are left out.
/// @param values  an event's weight is its value; otherwise what it came to in the engine that took it.
[[nodiscard]] tandem::event_log events_of(const tandem::journal& log, bool values);

/// Whether an entry names the user.
[[nodiscard]] bool is_known(const tandem::journal& log, std::string_view user);

/// As engine::export_user(), without the engine. Errors: not_found.
[[nodiscard]] tandem::user_data data_of(const tandem::journal& log, std::string_view user);

using tandem::detail::fact_of;

}  // namespace tandem_cli
