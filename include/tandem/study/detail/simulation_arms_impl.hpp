#pragma once
// Implementation of study/simulation_arms.hpp: the population's numbers as a host's ids, and back.

#include <charconv>

#include "tandem/study/simulation_arms.hpp"

TANDEM_BEGIN
namespace study {

namespace detail {

/// "i17" and the like for 0 ... n-1.
inline std::vector<std::string> numbered(char kind, std::size_t n) {
  std::vector<std::string> out;
  out.reserve(n);
  for (std::size_t k = 0; k < n; ++k) out.push_back(cat(std::string_view(&kind, 1), std::to_string(k)));
  return out;
}

inline std::uint32_t number_in(std::string_view id) {
  std::uint32_t number = 0;
  std::from_chars(id.data() + 1, id.data() + id.size(), number);
  return number;
}

}  // namespace detail

inline engine_recommender::engine_recommender(const population& world, engine_options options, bool refits)
    : world_(world),
      subject_(std::move(options)),
      refits_(refits),
      items_(detail::numbered('i', world.items().size())),
      users_(detail::numbered('u', world.n_users())),
      categories_(detail::numbered('c', world.options().categories)),
      last_page_(world.n_users(), decision_id::none) {}

inline void engine_recommender::launch(std::uint32_t item) {
  subject_.upsert_item(items_[item], {{"category", categories_[world_.items()[item].category]}});
}

inline void engine_recommender::retire(std::uint32_t item) { subject_.retire_item(items_[item]); }

inline void engine_recommender::night(timestamp time) {
  subject_.advance(time);
  if (refits_) subject_.refit();
}

inline void engine_recommender::show(const page_request& asked, std::vector<std::uint32_t>& page) {
  blocked_.clear();
  blocked_.reserve(asked.shown.size());
  for (const std::uint32_t item : asked.shown) blocked_.emplace_back(items_[item]);
  request ask{.user = users_[asked.who.user], .count = asked.count, .time = asked.time};
  ask.context = {{"channel", name(asked.who.where)}};
  ask.blocked = blocked_;
  const recommendation answer = subject_.recommend(ask);
  last_page_[asked.who.user] = answer.id;
  page.clear();
  for (const recommended_item& each : answer) page.push_back(detail::number_in(each.item));
}

inline void engine_recommender::taken(const taking& what) {
  event told{.user = users_[what.user], .item = items_[what.item], .action = "take", .time = what.time};
  if (what.from_page) told.decision = last_page_[what.user];
  told.context = {{"channel", name(what.where)}};
  const observe_result heard = subject_.observe(told);
  if (heard.taken()) return;
  throw error(errc::wrong_state, "the engine did not take an event: " + std::string(name(heard.status)) + ", " +
                                     std::string(name(heard.reason)));
}

inline simulation_result simulate(contender who, const population& world, engine_options base,
                                  const progress& callback) {
  if (who == contender::random) {
    random_recommender chance(world.options().seed);
    return simulate(world, chance, callback);
  }
  if (who == contender::oracle) {
    oracle_recommender oracle(world);
    return simulate(world, oracle, callback);
  }
  const arm a = who == contender::batch ? arm::batch : who == contender::realtime ? arm::realtime : arm::hybrid;
  engine_recommender subject(world, options_of(a, std::move(base)), needs_refits(a));
  return simulate(world, subject, callback);
}

}  // namespace study
TANDEM_END
