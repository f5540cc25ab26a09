#pragma once
// A log taken into an engine in a file, span by span, so that it can be interrupted and gone on with.

#include <cstddef>
#include <cstdint>
#include <string>

#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/engine.hpp"

namespace tandem_cli {

/// What became of the events of one log.
struct imported {
  std::string log;
  std::uint64_t events = 0;   ///< that the log has
  std::uint64_t earlier = 0;  ///< of them those that an earlier import has taken
  std::uint64_t taken = 0, duplicates = 0, rejected = 0;
  bool interrupted = false;  ///< the rest was not looked at
};

/// Takes the events in order of time, those at one time in the order of the log; weights are values. How far it came
/// is kept in the file as a stream named after the path, with each span.
/// @param callback  asked after each span; false interrupts, which is no error.
/// Errors: invalid_argument, when what was imported from this path is not how the log begins; no_space, io_error.
[[nodiscard]] imported import_log(const tandem::event_log& log, const std::string& path, tandem::engine& into,
                                  std::size_t span, const tandem::progress& callback);

}  // namespace tandem_cli
