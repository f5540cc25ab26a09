#pragma once
// A whole log in memory with the names of its ids: what readers produce and replays consume.

#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/data/event.hpp"

TANDEM_BEGIN

/// Events and the host ids behind their indices; as read, in the order of the file.
/// Threads: thread-compatible. Memory: 32 bytes an event, about 100 bytes and the id's length for each distinct id.
struct event_log {
  interner<user_index> users;
  interner<item_index> items;
  interner<action_index> actions;
  std::vector<logged_event> events;
};

TANDEM_END
