#pragma once
// How the engine makes a batch model of a frozen prefix of its log.

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN
namespace detail {

inline constexpr float tame_weight = 32;  // small logs of weights of 100 and more can be beyond float32 at rank 64

// what a refit works on
struct refit_input {
  std::shared_ptr<const log_prefix> prefix;
  std::vector<user_index> owner;
  std::size_t n_items = 0;
  std::shared_ptr<const hybrid::batch_snapshot> before;
};

inline interactions interactions_of(const refit_input& in, float heaviest) {
  std::vector<interaction> events;
  events.reserve(raw(in.prefix->end()));
  in.prefix->read(log_position{0}, [&](std::span<const logged_event> run) {
    for (const logged_event& e : run) {
      events.push_back({in.owner[slot(e.user)], e.item, std::min(e.weight, heaviest), e.time});
    }
  });
  return interactions::from_events(events, in.owner.size(), in.n_items, merge_rule::max);
}

inline std::shared_ptr<const hybrid::batch_snapshot> fit(const refit_input& in, float heaviest,
                                                         const batch::ials_options& options, executor_ref executor,
                                                         const progress& report) {
  const interactions log = interactions_of(in, heaviest);
  const batch::factor_model* warm = in.before != nullptr ? in.before->model.get() : nullptr;
  auto after = std::make_shared<hybrid::batch_snapshot>();
  after->model = std::make_shared<const batch::factor_model>(batch::fit_ials(log, options, executor, report, warm));
  after->position = in.prefix->end();
  after->version = in.before != nullptr ? in.before->version + 1 : 1;
  after->popularity.resize(in.n_items);
  for (std::size_t i = 0; i < in.n_items; ++i) {
    const auto users = log.users_of(item_index{static_cast<std::uint32_t>(i)}).size();
    after->popularity[i] = std::log1p(static_cast<float>(users));
  }
  return after;
}

// one event of an odd weight must not stop every refit to come
inline std::shared_ptr<const hybrid::batch_snapshot> fit_whatever_the_weights(const refit_input& in,
                                                                              const batch::ials_options& options,
                                                                              executor_ref executor,
                                                                              const progress& report) {
  try {
    return fit(in, static_cast<float>(max_event_weight), options, executor, report);
  } catch (const error& e) {
    if (e.code() != errc::not_finite) throw;
  }
  return fit(in, tame_weight, options, executor, report);
}

}  // namespace detail

inline void engine::state::refit(executor_ref executor, const progress& report) {
  const std::lock_guard one_at_a_time(refit_mutex);
  detail::refit_input in;
  {
    const std::lock_guard lock(mutex);
    in.prefix = store.prefix();
    in.owner = owner;
    in.n_items = items.size();
    in.before = batch;
  }
  auto after = detail::fit_whatever_the_weights(in, options.ials, executor, report);
  const std::lock_guard lock(mutex);
  batch = std::move(after);
  ++counters.refits;
}

TANDEM_END
