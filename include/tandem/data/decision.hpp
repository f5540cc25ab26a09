#pragma once
// What the engine answered: which items, with which probabilities, from which state; enough to replay and to judge it.

#include <cstdint>
#include <string>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN

/// One place of a slate.
struct placed_item {
  item_index item{};
  float score = 0;        ///< the blend's score; comparable within one decision only
  double propensity = 1;  ///< probability of this item in this place, given the items placed before it
};

/// How much of the engine an answer was made with: what its budget afforded.
enum class answer_level : std::uint8_t {
  full,     ///< all sources
  lean,     ///< without those that cost most
  popular,  ///< popularity and trends only
};

/// One answer of recommend(), as the log keeps it.
struct decision {
  decision_id id = decision_id::none;
  user_index user = no_id<user_index>;  ///< no_id for a user not seen before
  std::string user_name;                ///< the host's id; empty when it was none that could be taken
  timestamp time{};
  log_position position{};          ///< the log up to here (exclusive) was known
  std::uint64_t model_version = 0;  ///< 0 = no batch model yet
  bool shadow = false;              ///< the slate was not shown to anyone
  std::vector<placed_item> slate;
  answer_level level = answer_level::full;
  bool given = false;  ///< the slate was filled by something else than the engine, propensities and all
};

TANDEM_END
