#pragma once
// Rules of a page from the host's words to the engine's numbers.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/core/cow.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/data/page_rules.hpp"
#include "tandem/hybrid/page_rules.hpp"

TANDEM_BEGIN
namespace detail {

enum class fact_index : std::uint32_t {};  // of "name=value" in contexts, or in attributes
enum class attribute_index : std::uint32_t {};
enum class segment_index : std::uint32_t {};

// Which attribute each fact of an item is a value of. It is no state of its own: it follows the facts.
class fact_attributes {
 public:
  // takes in the facts that came since; a throw leaves it behind, and sound
  void follow(const interner<fact_index>& facts) {
    for (std::size_t i = of_fact_.size(); i < facts.size(); ++i) {
      const std::string_view fact = facts.name(static_cast<fact_index>(i));
      const attribute_index attribute = names_.intern(fact.substr(0, fact.find('\x1f')));
      if (i != 0) (void)of_fact_.write(i - 1);  // unshares the last block: nothing can fail once there is room
      of_fact_.grow(i + 1);
      of_fact_.write(i) = static_cast<std::uint32_t>(attribute);
    }
  }
  [[nodiscard]] attribute_index find(std::string_view attribute) const { return names_.find(attribute); }
  [[nodiscard]] const cow_vector<std::uint32_t>& of_fact() const noexcept { return of_fact_; }

 private:
  interner<attribute_index> names_;
  cow_vector<std::uint32_t> of_fact_;
};

// what rules come to; items are left to the caller. Complexity: O(rules), but for the facts that follow() takes in.
class rule_reader {
 public:
  rule_reader(const interner<fact_index>& facts, const fact_attributes& attributes)
      : facts_(&facts), attributes_(&attributes) {}

  [[nodiscard]] hybrid::known_rules read(const page_rules& rules) const {
    hybrid::known_rules out;
    out.attribute_of = attributes_->of_fact();
    out.diversity = rules.diversity;
    read_filters(rules, out);
    for (const attribute_cap& each : rules.caps) {
      const attribute_index attribute = attributes_->find(each.attribute);
      if (attribute == no_id<attribute_index>) continue;
      out.caps.push_back({static_cast<std::uint32_t>(attribute), each.most});
    }
    for (const score_boost& each : rules.boosts) {
      const fact_index fact = each.fact.empty() ? no_id<fact_index> : find(each.fact);
      if (fact == no_id<fact_index>) continue;
      out.fact_boosts.emplace_back(static_cast<std::uint32_t>(fact), static_cast<float>(each.by));
    }
    return out;
  }

 private:
  [[nodiscard]] fact_index find(std::string_view fact) const {
    const split_fact halves = split_at_equals(fact);
    return facts_->find(std::string(halves.name).append(1, '\x1f').append(halves.value));
  }

  void read_filters(const page_rules& rules, hybrid::known_rules& out) const {
    std::unordered_map<std::string_view, std::size_t> group_of;  // by name
    for (const std::string& each : rules.only_with) {
      const auto [at, fresh] = group_of.emplace(split_at_equals(each).name, out.only_with.size());
      if (fresh) out.only_with.emplace_back();
      if (const fact_index fact = find(each); fact != no_id<fact_index>) {
        out.only_with[at->second].push_back(static_cast<std::uint32_t>(fact));
      }
    }
    for (const std::string& each : rules.never_with) {
      if (const fact_index fact = find(each); fact != no_id<fact_index>) {
        out.never_with.push_back(static_cast<std::uint32_t>(fact));
      }
    }
  }

  const interner<fact_index>* facts_;
  const fact_attributes* attributes_;
};

}  // namespace detail
TANDEM_END
