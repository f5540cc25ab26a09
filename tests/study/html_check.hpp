#pragma once
// Whether a page is well formed, as far as tests can tell without a browser.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace html_check {

// What is wrong with the nesting of a document's tags, or "" when nothing is.
inline std::string unbalanced(std::string_view html) {
  const std::vector<std::string> empty = {"meta", "br", "wbr"};  // elements of HTML that have no end tag
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at + 1)) {
    if (html.substr(at, 2) == "<!") continue;
    const std::size_t end = html.find('>', at);
    if (end == std::string_view::npos) return "a tag is not closed";
    const std::string_view tag = html.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string_view::npos) return "a tag holds another: " + std::string(tag);
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "odd quotes in " + std::string(tag);
    const bool closing = !tag.empty() && tag.front() == '/';
    const std::string name(tag.substr(closing, tag.find_first_of(" /\n", 1) - closing));
    if (tag.back() == '/' || std::count(empty.begin(), empty.end(), name) > 0) continue;
    if (!closing) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> ends " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
    if (name == "style" && !closing) at = html.find("</style>", at) - 1;
  }
  return open.empty() ? "" : open.back() + " has no end";
}

inline bool has(std::string_view html, std::string_view text) { return html.find(text) != std::string_view::npos; }

}  // namespace html_check
