#pragma once
// What a host tells the engine: somebody did something with an item at a time.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN

/// Named facts of a moment, e.g. {{"device", "mobile"}, {"channel", "mail"}}. Names and values are the host's own.
using context_list = std::vector<std::pair<std::string_view, std::string_view>>;

/// One event as the host states it. All text is borrowed: it must live until the call that takes the event returns.
struct event {
  std::string_view user;
  std::string_view item;
  std::string_view action = "view";  ///< its weight is declared in the engine's options
  double value = 1;                  ///< multiplies the action's weight: quantity, rating, seconds; within 1e6 then
  timestamp time{};
  std::string_view key = {};                 ///< the host's key of this event; a second one with it is a duplicate
  decision_id decision = decision_id::none;  ///< the answer this event responds to: makes it a reward
  context_list context = {};
};

/// One event as the log keeps it: ids interned, weight resolved.
struct logged_event {
  user_index user{};
  item_index item{};
  action_index action{};
  float weight = 1;  ///< action weight times value; negative = disliked
  timestamp time{};
  decision_id decision = decision_id::none;
};

TANDEM_END
