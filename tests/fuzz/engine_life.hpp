#pragma once
// An engine in a file, for targets that damage the file: what is in it at first, and what is done with it then.

#include <string>

namespace tandem_fuzz {

/// The bytes of a file in the middle of an engine's life, with a snapshot, and of the write-ahead log beside it.
struct engine_file {
  std::string path, main, wal;
};
const engine_file& whole_file();

/// Puts these bytes in the place of the file, of a process that was killed.
void put(std::string_view main, std::string_view wal);

/// Checks, copies, opens and uses the file there; `anew` learns its log once more. Errors are tandem's.
void live_on(bool anew);

}  // namespace tandem_fuzz
