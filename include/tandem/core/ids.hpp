#pragma once
// Strong types for the dense indices and counters used inside; host ids are strings and never mix with them.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Dense index of a user, in [0, number of users). Given in order of first appearance.
enum class user_index : std::uint32_t {};
/// Dense index of an item, in [0, number of items). Given in order of first appearance.
enum class item_index : std::uint32_t {};
/// Dense index of an action name ("view", "purchase").
enum class action_index : std::uint32_t {};

/// Place of a record in the log: the order in which the engine took it. The first record has position 0.
enum class log_position : std::uint64_t {};
/// Names one answer of recommend(); `none` names no decision. Given in order, starting at 1.
enum class decision_id : std::uint64_t { none = 0 };

/// The integer inside a strong id.
template <class Id>
requires std::is_enum_v<Id>
[[nodiscard]] constexpr std::underlying_type_t<Id> raw(Id id) noexcept {
  return static_cast<std::underlying_type_t<Id>>(id);
}

/// The integer inside a strong id as a subscript.
template <class Id>
requires std::is_enum_v<Id>
[[nodiscard]] constexpr std::size_t slot(Id id) noexcept { return static_cast<std::size_t>(id); }

/// Stands for "no such id" where an index is returned; larger than any index in use.
template <class Id>
requires std::is_enum_v<Id>
inline constexpr Id no_id = static_cast<Id>(std::numeric_limits<std::underlying_type_t<Id>>::max());

TANDEM_END
