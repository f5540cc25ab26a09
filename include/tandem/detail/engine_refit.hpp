#pragma once
// How the engine makes a batch model of a frozen prefix of its log.

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/next_item_ridge.hpp"
#include "tandem/core/error.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/detail/engine_durability.hpp"
#include "tandem/detail/engine_snapshot.hpp"
#include "tandem/detail/engine_state.hpp"
#include "tandem/hybrid/ranker.hpp"

TANDEM_BEGIN
namespace detail {

inline constexpr float tame_weight = 32;  // small logs of weights of 100 and more can be beyond float32 at rank 64

// what a refit works on
struct refit_input {
  std::shared_ptr<const log_prefix> prefix;
  std::vector<user_index> owner;
  std::vector<bool> no_consent;
  std::size_t n_items = 0;
  std::shared_ptr<const hybrid::batch_snapshot> before;
  std::optional<batch::next_item_ridge_options> ridge;  // none = no source asks for it
  std::vector<std::shared_ptr<const hybrid::choice>> choices;
  std::vector<std::string> sources;
  entry_number seen{};
};

// the events from there on that may be learned from, as of those who they belong to now
template <class F>
void for_each_event(const refit_input& in, log_position from, F&& f) {
  in.prefix->read(from, [&](log_position, std::span<const logged_event> run) {
    for (logged_event e : run) {
      e.user = in.owner[slot(e.user)];
      if (slot(e.user) >= in.no_consent.size() || !in.no_consent[slot(e.user)]) f(e);
    }
  });
}

inline interactions interactions_of(const refit_input& in, float heaviest) {
  std::vector<interaction> events;
  events.reserve(raw(in.prefix->end()));
  for_each_event(in, log_position{0}, [&](const logged_event& e) {
    events.push_back({e.user, e.item, std::min(e.weight, heaviest), e.time});
  });
  return interactions::from_events(events, in.owner.size(), in.n_items, merge_rule::max);
}

// what is left out weighs less than a millionth
inline std::vector<logged_event> latest_events(const refit_input& in, double half_life) {
  const std::uint64_t end = raw(in.prefix->end());
  const double kept = std::min(20 * half_life, static_cast<double>(end));
  std::vector<logged_event> out;
  out.reserve(static_cast<std::size_t>(kept));
  for_each_event(in, log_position{end - static_cast<std::uint64_t>(kept)},
                 [&](const logged_event& e) { out.push_back(e); });
  return out;
}

inline std::shared_ptr<hybrid::batch_snapshot> fit_factors(const refit_input& in, float heaviest,
                                                           const batch::ials_options& options, executor_ref executor,
                                                           const progress& report) {
  const interactions log = interactions_of(in, heaviest);
  const batch::factor_model* warm = in.before != nullptr ? in.before->model.get() : nullptr;
  if (warm != nullptr && warm->rank() != options.rank) warm = nullptr;  // the file was opened with another rank
  auto after = std::make_shared<hybrid::batch_snapshot>(
      std::make_shared<const batch::factor_model>(batch::fit_ials(log, options, executor, report, warm)));
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
inline std::shared_ptr<hybrid::batch_snapshot> fit_factors_of_any_weights(const refit_input& in,
                                                                          const batch::ials_options& options,
                                                                          executor_ref executor,
                                                                          const progress& report) {
  try {
    return fit_factors(in, static_cast<float>(max_event_weight), options, executor, report);
  } catch (const error& e) {
    if (e.code() != errc::not_finite) throw;
  }
  return fit_factors(in, tame_weight, options, executor, report);
}

inline std::shared_ptr<const hybrid::batch_snapshot> fit(const refit_input& in, const batch::ials_options& options,
                                                         executor_ref executor, const progress& report) {
  auto out = fit_factors_of_any_weights(in, options, executor, report);
  if (in.ridge) {
    out->ridge =
        batch::fit_next_item_ridge(latest_events(in, in.ridge->half_life), in.n_items, *in.ridge, executor, report);
  }
  auto ranking = std::make_shared<const hybrid::ranker>(hybrid::ranker::fit(in.choices, in.sources, executor, report));
  if (ranking->ready()) out->ranking = std::move(ranking);
  return out;
}

}  // namespace detail

inline detail::refit_input engine::state::refit_input_now() {
  list_items();
  detail::refit_input in;
  in.prefix = store->prefix();
  in.owner.assign(owner.begin(), owner.begin() + static_cast<std::ptrdiff_t>(users.size()));
  in.no_consent = no_consent;
  in.n_items = items.size();
  in.before = batch;
  if (detail::has_source(*sources, "next_item_ridge")) in.ridge = options.ridge;
  in.choices = choices.latest();
  for (const auto& each : *sources) in.sources.emplace_back(each->name());
  in.seen = last_entry();
  return in;
}

inline void engine::state::refit(executor_ref executor, const progress& report) {
  const std::lock_guard one_at_a_time(refit_mutex);
  detail::refit_input in;
  bool keeps = durable != nullptr;
  {
    const std::lock_guard lock(mutex);
    in = refit_input_now();
    keeps = keeps && !needs_rebuild;
  }
  auto after = detail::fit(in, options.ials, executor, report);
  const std::uint64_t kept = keeps ? write_model(*after, in.seen) : 0;
  {
    const std::lock_guard lock(mutex);
    store->append(change_entry(model_entry{after->version, in.seen, kept}));
    batch = std::move(after);
    batch_snapshot = kept;
    ++counters.refits;
  }
  if (keeps) checkpoint_if_possible();
}

// a model goes into the file before it is put into use
inline std::uint64_t engine::state::write_model(const hybrid::batch_snapshot& model, entry_number seen,
                                                bool outlives_keys) const {
  const auto writer = durable->write_snapshot(snapshot_kind::model, seen, {}, outlives_keys);
  const auto sink = [&](std::span<const std::byte> run) { writer->write(run); };
  byte_writer out(sink);
  detail::save_model(model, out);
  out.finish();
  return writer->finish();
}

// The right to refit in the background: one at a time, given back by close() or when the last copy is dropped.
class engine::state::ticket {
 public:
  explicit ticket(std::shared_ptr<state> of) : state_(std::move(of)) {
    const std::lock_guard lock(state_->mutex);
    open_ = !std::exchange(state_->refit_scheduled, true);
  }
  ticket(const ticket&) = delete;
  ticket& operator=(const ticket&) = delete;
  ~ticket() { close(); }
  bool is_open() const noexcept { return open_; }
  void close() {
    if (!std::exchange(open_, false)) return;
    const std::lock_guard lock(state_->mutex);
    state_->refit_scheduled = false;
  }

 private:
  std::shared_ptr<state> state_;
  bool open_ = false;
};

TANDEM_ENGINE_INLINE bool engine::refit_in_background(const std::function<void(std::function<void()>)>& post,
                                                      executor_ref executor, progress report,
                                                      std::function<void(std::exception_ptr)> done) {
  auto ticket = std::make_shared<state::ticket>(state_);
  if (!ticket->is_open()) return false;
  post([own = state_, ticket = std::move(ticket), executor, report = std::move(report), done = std::move(done)] {
    std::exception_ptr failure;
    try {
      own->refit(executor, report);
    } catch (...) {
      failure = std::current_exception();
      const std::lock_guard lock(own->mutex);
      ++own->counters.failed_refits;
    }
    ticket->close();
    if (done) done(failure);
  });
  return true;
}

TANDEM_END
