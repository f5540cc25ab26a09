#pragma once
// Work in a process of its own, so that its memory and processor time are its own; POSIX.

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "tandem/core/progress.hpp"

namespace tandem_cli {

/// A forked copy of this process that waits, runs one function when told to, and sends back what it returns.
///
/// Fork all children before any of them runs and before any thread exists: then each starts from the same memory.
/// A child ends by itself when its parent does.
class child_process {
 public:
  /// The work: reports its progress, returns bytes. An exception reaches the parent as a tandem::error.
  using work = std::function<std::string(const tandem::progress&)>;

  /// Forks. @param name  for error messages. Errors: io_error when the system gives no process.
  child_process(std::string name, const work& job);
  /// Ends the child if it has not ended.
  ~child_process();
  child_process(child_process&& other) noexcept;
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  child_process& operator=(child_process&&) = delete;

  /// Lets the child go and waits for its answer. Call it once.
  /// Errors: what the work threw, with its code; wrong_state when the child died, saying of what.
  [[nodiscard]] std::string run(const tandem::progress& callback);

 private:
  [[noreturn]] void serve(const work& job, int go, int out) const;
  [[nodiscard]] std::string cause_of_death();

  std::string name_;
  pid_t pid_ = -1;  // -1 when there is no child (any more)
  int go_ = -1;     // one byte written here lets the child go
  int in_ = -1;     // its messages arrive here
};

/// The most memory this process has held so far, in MB (10^6 bytes).
[[nodiscard]] double peak_rss_mb();

}  // namespace tandem_cli
