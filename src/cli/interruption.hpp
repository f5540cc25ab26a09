#pragma once
// Ctrl-C as a wish to stop: the work ends at its next report and cleans up; a second one ends the program at once.

#include <array>
#include <csignal>

#include "progress_bar.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/progress.hpp"

namespace tandem_cli {

/// While it lives, SIGINT and SIGTERM are noted. One at a time. POSIX.
class interruption {
 public:
  interruption() {
    noted() = 0;
    struct sigaction note {};
    note.sa_handler = [](int) { noted() = 1; };
    note.sa_flags = SA_RESTART;
    note.sa_flags |= static_cast<int>(SA_RESETHAND);  // the second one is the system's
    for (std::size_t k = 0; k < signals.size(); ++k) ::sigaction(signals[k], &note, &before_[k]);
  }
  ~interruption() {
    for (std::size_t k = 0; k < signals.size(); ++k) ::sigaction(signals[k], &before_[k], nullptr);
  }
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  [[nodiscard]] static bool asked() { return noted() != 0; }

  /// Draws the bar and cancels when asked to.
  [[nodiscard]] static tandem::progress callback(progress_bar& bar) {
    return [&bar](const tandem::progress_report& report) {
      bar.draw(report);
      return !asked();
    };
  }

 private:
  static constexpr std::array signals = {SIGINT, SIGTERM};
  static volatile std::sig_atomic_t& noted() {
    static volatile std::sig_atomic_t flag = 0;
    return flag;
  }

  std::array<struct sigaction, signals.size()> before_{};
};

/// Runs a command; one that was interrupted says so in its own words.
template <class F>
void unless_interrupted(F&& work) {
  try {
    const interruption ctrl_c;
    work();
  } catch (const tandem::error& e) {
    if (e.code() != tandem::errc::cancelled) throw;
    throw tandem::error(tandem::errc::cancelled, "interrupted; nothing was written");
  }
}

}  // namespace tandem_cli
