#pragma once
// Bodies of online/send_or_not.hpp.

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

#include "tandem/core/random.hpp"
#include "tandem/detail/is_past.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/send_or_not_saved.hpp"
#include "tandem/online/sampler.hpp"
#include "tandem/online/send_or_not.hpp"

TANDEM_BEGIN
namespace online {

namespace detail {

inline constexpr std::int64_t last_send_time = std::int64_t{1} << 61U;  // what a byte_reader takes
inline constexpr double reward_trust = 20;                              // rewards that reward_scale is worth
inline constexpr double own_trust = 10;  // sends to a user that count as much as all others'

// theta of the curve's knots at the guess, which is then the guess everywhere, since they sum to 1
inline std::shared_ptr<const linear_prior> opt_out_prior(std::size_t host, std::size_t knots, std::size_t d,
                                                         const send_or_not_options& options) {
  std::vector<float> mean(d, 0.0F);
  std::fill_n(mean.begin() + static_cast<std::ptrdiff_t>(host), knots, static_cast<float>(options.opt_out_rate));
  std::vector<float> precision(d * d, 0.0F);
  for (std::size_t i = 0; i < d; ++i) precision[i * d + i] = static_cast<float>(options.opt_out_strength);
  return std::make_shared<const linear_prior>(mean, precision);
}

}  // namespace detail

inline void send_or_not_options::validate() const {
  using tandem::detail::require_or;
  const auto cost = [](double x) { return x >= 0 && x <= 1e12; };
  require_or(dimension <= 1024, "dimension", "give the length of a context, in [0, 1024]");
  policy.validate();
  require_or(floor >= 0 && floor <= 0.5, "floor", "give a number in [0, 0.5]");
  require_or(half_life >= duration::zero(), "half_life", "give a time >= 0");
  require_or(cost(price), "price", "give a number in [0, 1e12]");
  require_or(cost(price_growth), "price_growth", "give a number in [0, 1e12]");
  require_or(cost(opt_out_cost), "opt_out_cost", "give a number in [0, 1e12]");
  require_or(foresight >= 0 && foresight <= 1, "foresight", "give a number in [0, 1]");
  limits.validate();
  require_or(reward_window >= duration::zero(), "reward_window", "give a time >= 0");
  require_or(join <= join_rule::max, "join", "give sum, mean, earliest or max");
  require_or(reward_scale >= 1e-9 && reward_scale <= 1e9, "reward_scale", "give a number in [1e-9, 1e9]");
  require_or(opt_out_rate > 0 && opt_out_rate < 1, "opt_out_rate", "give a number in (0, 1)");
  require_or(opt_out_strength >= 1 && opt_out_strength <= 1e6, "opt_out_strength", "give a number in [1, 1e6]");
  linear_options{.regularization = regularization}.validate();
  require_or(max_users >= 1 && max_users <= flat_table<send_history>::max_entries, "max_users",
             "give a number in [1, 2^24 - 1]");
  require_or(capacity >= 16 && capacity <= (std::size_t{1} << 28U), "capacity", "give a number in [16, 2^28]");
}

inline send_or_not::send_or_not(const send_or_not_options& options)
    : options_((options.validate(), options)),
      reward_prior_(std::make_shared<const linear_prior>(options.dimension + own, options.regularization)),
      opt_out_prior_(detail::opt_out_prior(options.dimension, knots, options.dimension + own, options)),
      sent_{linear_posterior(reward_prior_), detail::reward_trust * options.reward_scale * options.reward_scale,
            detail::reward_trust},
      silent_(sent_),
      left_{linear_posterior(opt_out_prior_),
            options.opt_out_strength * options.opt_out_rate * (1 - options.opt_out_rate), options.opt_out_strength},
      next_sweep_(from_millis(-detail::last_send_time)),
      pending_(options.capacity, options.dimension + own),
      settled_(options.capacity),
      z_(options.dimension + own) {
  bent_ = z_;
}

// ---- what is known of one decision --------------------------------------------------------------------------------

inline estimate send_or_not::outcome::predict(std::span<const float> z) const noexcept {
  const estimate unit = posterior.predict(z);
  return {unit.mean, static_cast<float>(noise()) * unit.variance};
}

inline bool send_or_not::outcome::learn(std::span<const float> z, double value) noexcept {
  const estimate before = posterior.predict(z);
  if (!posterior.update(z, static_cast<float>(value))) return false;
  const double error = value - double{before.mean};
  squares += error * error / (1 + double{before.variance});
  observed += 1;
  return true;
}

// the curve over fatigue f: piecewise linear in log2(1 + f) between knots at 0, 1, 2, 3, 4 and beyond
inline void send_or_not::bend(double fatigue, std::vector<float>& z) const noexcept {
  float* const curve = z.data() + options_.dimension;
  std::fill_n(curve, knots, 0.0F);
  const double level = std::min(std::log2(1 + fatigue), static_cast<double>(knots - 1));
  const auto left = std::min(static_cast<std::size_t>(level), knots - 2);
  const double part = level - static_cast<double>(left);
  curve[left] = static_cast<float>(1 - part);
  curve[left + 1] = static_cast<float>(part);
}

inline void send_or_not::describe(const send_request& asked, const send_history& past, double fatigue) noexcept {
  std::copy(asked.context.begin(), asked.context.end(), z_.begin());
  bend(fatigue, z_);
  const double average = count_ > 0 ? sum_ / count_ : 0;
  const auto n = static_cast<double>(past.responses());
  float* const answers = z_.data() + options_.dimension + knots;
  answers[0] = static_cast<float>((past.earned() - n * average) / ((n + detail::own_trust) * std::sqrt(sent_.noise())));
  answers[1] = static_cast<float>(n / (n + detail::own_trust));
}

inline double send_or_not::worth(std::span<const float> z) const noexcept {
  const double leaves = std::clamp(double{left_.posterior.mean(z)}, 0.0, 1.0);
  return double{sent_.posterior.mean(z)} - options_.opt_out_cost * leaves;
}

inline void send_or_not::weigh(send_decision& out) noexcept {
  const estimate reward = sent_.predict(z_);
  const estimate leaves = left_.predict(z_);
  out.opt_out_rate = std::clamp(double{leaves.mean}, 0.0, 1.0);
  if (options_.foresight > 0 && out.fatigue > 0) {
    bent_ = z_;
    bend(out.fatigue + 1, bent_);
    out.later = options_.foresight * out.fatigue * std::max(0.0, worth(z_) - worth(bent_));
  }
  const double price = options_.price * (1 + options_.price_growth * out.fatigue);
  const double cost = options_.opt_out_cost;
  out.sent = {static_cast<float>(double{reward.mean} - cost * out.opt_out_rate - price - out.later),
              static_cast<float>(double{reward.variance} + cost * cost * double{leaves.variance})};
  if (options_.learn_silence) out.silent = silent_.predict(z_);
}

inline void send_or_not::draw(const send_request& asked, send_decision& out) {
  weigh(out);
  const std::array<estimate, 2> worths{out.sent, out.silent};
  std::array<double, 2> chances{};
  options_.policy.probabilities(worths, chances);
  chances[0] = std::clamp(chances[0], options_.floor, 1 - options_.floor);
  chances[1] = 1 - chances[0];
  random_stream random(options_.seed, raw(asked.id));
  const tandem::online::draw drawn = sample(chances, random);
  out.send = drawn.index == 0;
  out.propensity = drawn.probability;
  out.probability = chances[0];
}

// ---- deciding -----------------------------------------------------------------------------------------------------

inline send_history send_or_not::past_of(user_index user) const noexcept {
  const send_history* const kept = users_.find(raw(user));
  return kept != nullptr ? *kept : send_history{};
}

inline send_status send_or_not::rule(const send_request& asked, const send_history& past) const noexcept {
  if (past.opted_out()) return send_status::opted_out;
  if (options_.limits.quiet.hold(asked.time, asked.utc_offset)) return send_status::quiet;
  return past.capped(asked.time, options_.limits) ? send_status::capped : send_status::drawn;
}

// for a user to be kept, if need be in the place of those of whom nothing is left to tell
inline bool send_or_not::has_room(user_index user, timestamp time) {
  if (users_.size() < options_.max_users || users_.contains(raw(user))) return true;
  if (time < next_sweep_) return false;
  next_sweep_ = std::min(time + std::chrono::hours(1), from_millis(detail::last_send_time));
  const std::size_t before = users_.size();
  const duration longest = options_.limits.longest();
  users_.retain(
      [&](std::uint32_t, const send_history& each) { return !each.faded(time, options_.half_life, longest); });
  stats_.faded_users += before - users_.size();
  return users_.size() < options_.max_users;
}

inline send_decision send_or_not::silent(send_status why) noexcept {
  switch (why) {
    case send_status::opted_out: ++stats_.opted_out; break;
    case send_status::capped: ++stats_.capped; break;
    case send_status::quiet: ++stats_.quiet; break;
    case send_status::full: ++stats_.full; break;
    default: ++stats_.refused;
  }
  send_decision out;
  out.status = why;
  return out;
}

// False, with nothing changed, when memory is out.
inline bool send_or_not::remember(const send_request& asked, send_decision& out) noexcept {
  if (out.send) {
    try {
      users_[raw(asked.user)].sent(asked.time, options_.half_life, asked.id);
    } catch (const std::exception&) {  // bad_alloc, or as many users as a table can hold
      return false;
    }
    ++stats_.sent;
  }
  pending_send& p = pending_.add(asked.id, z_, [&](pending_send& oldest) {
    if (!oldest.settled) settle(oldest, true);
  });
  p.user = asked.user;
  p.time = asked.time;
  p.decided = out;
  ++stats_.drawn;
  return true;
}

inline send_decision send_or_not::decide(const send_request& asked) noexcept {
  const std::lock_guard lock(mutex_);
  if (asked.id == decision_id::none) return silent(send_status::no_id);
  if (const pending_send* const before = pending_.find(asked.id)) {
    ++stats_.repeated;
    send_decision out = before->decided;
    out.status = send_status::repeated;
    return out;
  }
  if (asked.context.size() != options_.dimension) return silent(send_status::wrong_dimension);
  if (asked.time != std::clamp(asked.time, from_millis(-detail::last_send_time), from_millis(detail::last_send_time))) {
    return silent(send_status::bad_time);
  }
  if (std::ranges::any_of(asked.context, [](float x) { return !std::isfinite(x); })) {
    return silent(send_status::not_finite);
  }
  const send_history past = past_of(asked.user);
  const send_status status = rule(asked, past);
  if (status != send_status::drawn) return silent(status);
  if (!has_room(asked.user, asked.time)) return silent(send_status::full);
  send_decision out;
  out.fatigue = past.fatigue(asked.time, options_.half_life);
  describe(asked, past, out.fatigue);
  try {
    draw(asked, out);
  } catch (const std::exception&) {  // no policy of ours throws
    return silent(send_status::out_of_memory);
  }
  return remember(asked, out) ? out : silent(send_status::out_of_memory);
}

// ---- what came of it ----------------------------------------------------------------------------------------------

inline send_feedback send_or_not::reward(decision_id id, double value, timestamp time, std::uint64_t key) noexcept {
  const std::lock_guard lock(mutex_);
  pending_send* const p = std::abs(value) <= 1e30 ? pending_.find(id) : nullptr;
  if (!(std::abs(value) <= 1e30)) return send_feedback::refused;
  if (p == nullptr) {
    ++stats_.unknown;
    return send_feedback::unknown;
  }
  if (time < p->time) return send_feedback::early;
  if (key != 0 && std::ranges::find(p->keys, key) != p->keys.end()) {
    ++stats_.duplicates;
    return send_feedback::duplicate;
  }
  if (p->settled || detail::is_past(p->time, time, options_.reward_window)) {
    ++stats_.late;
    return send_feedback::late;
  }
  if (!p->joined.add(value, time)) return send_feedback::refused;
  if (key != 0) {
    std::copy_backward(p->keys.begin(), p->keys.end() - 1, p->keys.end());
    p->keys[0] = key;
  }
  ++stats_.rewards;
  return send_feedback::joined;
}

inline send_feedback send_or_not::opt_out(user_index user, timestamp time) {
  const std::lock_guard lock(mutex_);
  send_history& past = users_[raw(user)];
  if (past.opted_out()) return send_feedback::duplicate;
  past.opt(true);
  ++stats_.opt_outs;
  pending_send* const why = past.last() == decision_id::none ? nullptr : pending_.find(past.last());
  if (why == nullptr) return past.last() == decision_id::none ? send_feedback::unknown : send_feedback::late;
  if (time < why->time) return send_feedback::early;
  if (why->settled || detail::is_past(why->time, time, options_.reward_window)) return send_feedback::late;
  why->opted_out = true;
  return send_feedback::joined;
}

inline void send_or_not::opt_in(user_index user) noexcept {
  const std::lock_guard lock(mutex_);
  if (users_.find(raw(user)) != nullptr) users_[raw(user)].opt(false);
}

inline bool send_or_not::is_opted_out(user_index user) const noexcept {
  const std::lock_guard lock(mutex_);
  const send_history* const past = users_.find(raw(user));
  return past != nullptr && past->opted_out();
}

inline void send_or_not::forget(user_index user) {
  const std::lock_guard lock(mutex_);
  users_.retain([&](std::uint32_t key, const send_history&) { return key != raw(user); });
}

inline void send_or_not::learn(const pending_send& p, std::span<const float> z, double reward) noexcept {
  if (!p.decided.send) {
    if (options_.learn_silence && !silent_.learn(z, reward)) ++stats_.unlearned;
    return;
  }
  const bool whole = sent_.learn(z, reward) && left_.learn(z, p.opted_out ? 1 : 0);
  if (!whole) ++stats_.unlearned;
  sum_ += reward;
  count_ += 1;
  if (users_.contains(raw(p.user))) users_[raw(p.user)].settled(reward);
}

inline void send_or_not::settle(pending_send& p, bool evicted) noexcept {
  const bool counts = p.decided.send || options_.learn_silence;
  const double reward = counts ? p.joined.value(options_.join) : 0;
  p.settled = true;
  learn(p, pending_.context(p), reward);
  if (evicted) ++stats_.evicted;
  if (n_settled_ - n_taken_ == settled_.size()) {
    ++n_taken_;
    ++stats_.settled_lost;
  }
  ++stats_.settled;
  const double price = options_.price * (1 + options_.price_growth * p.decided.fatigue);
  const double cost = (p.decided.send ? price : 0) + (p.opted_out ? options_.opt_out_cost : 0);
  settled_[n_settled_++ % settled_.size()] = {
      .id = p.id,
      .user = p.user,
      .time = p.time,
      .send = p.decided.send,
      .opted_out = p.opted_out,
      .evicted = evicted,
      .probability = p.decided.probability,
      .fatigue = p.decided.fatigue,
      .reward = reward,
      .cost = cost,
      .rewards = p.joined.count,
  };
}

inline void send_or_not::advance(timestamp now) noexcept {
  const std::lock_guard lock(mutex_);
  for (pending_send* p = pending_.next_unpassed();
       p != nullptr && detail::is_past(p->time, now, options_.reward_window); p = pending_.next_unpassed()) {
    settle(*p, false);
    pending_.pass();
  }
}

inline std::size_t send_or_not::take_settled(std::span<settled_send> out) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (; n < out.size() && n_taken_ < n_settled_; ++n) out[n] = settled_[n_taken_++ % settled_.size()];
  return n;
}

inline double send_or_not::fatigue(user_index user, timestamp time) const noexcept {
  const std::lock_guard lock(mutex_);
  const send_history* const past = users_.find(raw(user));
  return past != nullptr ? past->fatigue(time, options_.half_life) : 0;
}

inline send_stats send_or_not::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  send_stats out = stats_;
  out.users = users_.size();
  out.pending = pending_.unpassed();
  return out;
}

}  // namespace online
TANDEM_END
