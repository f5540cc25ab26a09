#pragma once
// A decision tree read aloud: the way to each leaf as a sentence.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/segment_tree.hpp"

TANDEM_BEGIN
namespace detail {

[[nodiscard]] inline bool is_left(const batch::segment_tree::node& node, std::span<const float> features) noexcept {
  const float value = features[node.feature];
  return std::isnan(value) ? node.missing_left : value < node.threshold;
}

[[nodiscard]] inline std::size_t leaf_of(std::span<const batch::segment_tree::node> nodes,
                                         std::span<const float> features) noexcept {
  std::size_t at = 0;
  while (!nodes[at].is_leaf()) at = is_left(nodes[at], features) ? nodes[at].left : nodes[at].right;
  return at;
}

/// What a way through the tree asks of one feature: at_least <= value < below, or missing.
struct feature_condition {
  std::uint32_t feature = 0;
  float at_least = -std::numeric_limits<float>::infinity();
  float below = std::numeric_limits<float>::infinity();
  bool or_missing = true;
};

[[nodiscard]] inline std::string number_text(float x) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), x).ptr};
}

[[nodiscard]] inline std::string condition_text(const feature_condition& c, const std::string& name, bool has_missing) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  if (c.at_least == inf) return name + " is missing";
  std::string text = name;
  if (c.at_least > -inf && c.below < inf) {
    text = number_text(c.at_least) + " <= " + name + " < " + number_text(c.below);
  } else if (c.at_least > -inf) {
    text += " >= " + number_text(c.at_least);
  } else if (c.below < inf) {
    text += " < " + number_text(c.below);
  } else {
    return text + " is known";
  }
  return c.or_missing && has_missing ? text + " (or missing)" : text;
}

[[nodiscard]] inline std::vector<feature_condition> narrowed(std::vector<feature_condition> conditions,
                                                             const batch::segment_tree::node& node, bool left) {
  std::size_t at = 0;
  while (at < conditions.size() && conditions[at].feature != node.feature) ++at;
  if (at == conditions.size()) conditions.push_back({node.feature});
  feature_condition& c = conditions[at];
  if (left) {
    c.below = std::min(c.below, node.threshold);
  } else {
    c.at_least = std::max(c.at_least, node.threshold);
  }
  c.or_missing = c.or_missing && node.missing_left == left;
  return conditions;
}

inline void add_rules(std::span<const batch::segment_tree::node> nodes, std::size_t at,
                      const std::vector<feature_condition>& conditions, std::span<const std::string> names,
                      const std::vector<bool>& has_missing, std::vector<batch::segment_rule>& out) {
  const batch::segment_tree::node& node = nodes[at];
  if (!node.is_leaf()) {
    add_rules(nodes, node.left, narrowed(conditions, node, true), names, has_missing, out);
    add_rules(nodes, node.right, narrowed(conditions, node, false), names, has_missing, out);
    return;
  }
  std::string text;
  for (const feature_condition& c : conditions) {
    text += (text.empty() ? "" : " and ") + condition_text(c, names[c.feature], has_missing[c.feature]);
  }
  const double share = node.users > 0 ? static_cast<double>(node.hits) / static_cast<double>(node.users) : 0;
  text += (text.empty() ? "everyone -> segment " : " -> segment ") + std::to_string(raw(node.segment)) + ", " +
          std::to_string(std::lround(100 * share)) + " %";
  out.push_back({std::move(text), node.segment, node.users, share});
}

[[nodiscard]] inline std::vector<batch::segment_rule> rules_of(std::span<const batch::segment_tree::node> nodes,
                                                               std::span<const std::string> names,
                                                               const std::vector<bool>& has_missing) {
  std::vector<batch::segment_rule> out;
  add_rules(nodes, 0, {}, names, has_missing, out);
  return out;
}

}  // namespace detail
TANDEM_END
