#pragma once
// Entries of a log as lines of JSON with names in the place of numbers, and back.

#include <nlohmann/json.hpp>
#include <string>

#include "tandem/store/journal.hpp"

namespace tandem_cli {

/// One entry as an object; docs/commands.md lists the keys.
[[nodiscard]] nlohmann::ordered_json entry_json(tandem::entry_number number, const tandem::journal_entry& entry);

/// A log that was exported. scan() reads the file anew each time.
/// Errors: io_error; bad_format, with file and line.
class exported_journal final : public tandem::journal {
 public:
  explicit exported_journal(std::string path) : path_(std::move(path)) {}
  void scan(tandem::entry_number from,
            tandem::function_ref<void(tandem::entry_number, const tandem::journal_entry&)> f) const override;
  /// The number of its last entry; 0 when it has none.
  [[nodiscard]] tandem::entry_number last() const;

 private:
  std::string path_;
};

}  // namespace tandem_cli
