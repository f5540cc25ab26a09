#pragma once
// One line on a terminal that says how far the work is; nothing anywhere else.

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "tandem/core/progress.hpp"

namespace tandem_cli {

/// Draws on standard error when it is a terminal. The line goes when the bar does.
class progress_bar {
 public:
  progress_bar() : shown_(::isatty(STDERR_FILENO) == 1) {}
  ~progress_bar() { clear(); }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// Says which of how many pieces of work comes next.
  void start(std::size_t piece, std::size_t pieces) {
    prefix_ = "[" + std::to_string(piece) + "/" + std::to_string(pieces) + "] ";
    percent_ = -1;
  }

  /// Draws the line anew when its percentage changed.
  void draw(const tandem::progress_report& report) {
    if (!shown_ || report.total == 0) return;
    const int percent = static_cast<int>(100 * report.done / report.total);
    if (percent == percent_) return;
    percent_ = percent;
    constexpr int width = 30;
    std::string bar;
    for (int k = 0; k < width; ++k) bar += k < percent * width / 100 ? "█" : "░";
    std::fprintf(stderr, "\r\033[K%s%-34.*s %s %3d %%", prefix_.c_str(), static_cast<int>(report.stage.size()),
                 report.stage.data(), bar.c_str(), percent);
    std::fflush(stderr);
    drawn_ = true;
  }

  void clear() {
    if (drawn_) std::fputs("\r\033[K", stderr);
    drawn_ = false;
  }

  /// The bar as a callback.
  [[nodiscard]] tandem::progress callback() {
    return [this](const tandem::progress_report& report) {
      draw(report);
      return true;
    };
  }

 private:
  bool shown_;
  bool drawn_ = false;
  int percent_ = -1;
  std::string prefix_;
};

}  // namespace tandem_cli
