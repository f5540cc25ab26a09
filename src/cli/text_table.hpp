#pragma once
// Tables and paragraphs for a terminal.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem_cli {

/// Characters as a terminal counts them: UTF-8 continuation bytes take no room.
[[nodiscard]] inline std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// `text` in so much room.
[[nodiscard]] inline std::string padded(std::string_view text, std::size_t width, bool left) {
  const std::string space(width > width_of(text) ? width - width_of(text) : 0, ' ');
  return left ? std::string(text) + space : space + std::string(text);
}

/// Rows of equally many cells, the first column flush left, the others flush right.
[[nodiscard]] inline std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) line += padded(row[c], widths[c] + (c == 0 ? 0 : 2), c == 0);
    line.erase(line.find_last_not_of(' ') + 1);
    out += "  " + line + "\n";
  }
  return out;
}

/// Breaks a sentence between words, at 80 columns.
[[nodiscard]] inline std::string wrapped(std::string_view text) {
  constexpr std::size_t columns = 80;
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t width = width_of(word);
    if (used > 0) out += used + 1 + width > columns ? "\n" : " ";
    used = used > 0 && used + 1 + width <= columns ? used + 1 + width : width;
    out += word;
  }
  return out + "\n";
}

}  // namespace tandem_cli
