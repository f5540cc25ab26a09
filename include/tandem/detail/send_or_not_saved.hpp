#pragma once
// A send_or_not as bytes and back.

#include <algorithm>
#include <array>
#include <cmath>

#include "tandem/online/send_or_not.hpp"

TANDEM_BEGIN
namespace online {

namespace detail {

template <class Stats>
auto counters_of(Stats& of) {
  return std::array{&of.drawn,    &of.sent,    &of.repeated,     &of.opted_out, &of.capped,     &of.quiet,
                    &of.full,     &of.refused, &of.rewards,      &of.late,      &of.duplicates, &of.unknown,
                    &of.opt_outs, &of.settled, &of.settled_lost, &of.evicted,   &of.unlearned,  &of.faded_users};
}

inline void save_estimate(const estimate& of, byte_writer& out) {
  out.put(of.mean);
  out.put(of.variance);
}
inline estimate load_estimate(byte_reader& in) {
  const auto mean = in.get<float>();
  return {mean, in.get<float>()};
}
inline double load_probability(byte_reader& in) {
  const auto out = in.get<double>();
  in.check(out >= 0 && out <= 1, "a probability outside [0, 1]");
  return out;
}
inline double load_amount(byte_reader& in) {
  const auto out = in.get_finite<double>();
  in.check(out >= 0, "a negative amount");
  return out;
}

inline void save_row(const settled_send& of, byte_writer& out) {
  out.put(of.id);
  out.put(of.user);
  out.put(of.time);
  for (const bool each : {of.send, of.opted_out, of.evicted}) out.put(each);
  for (const double each : {of.probability, of.fatigue, of.reward, of.cost}) out.put(each);
  out.put(of.rewards);
}
inline settled_send load_row(byte_reader& in) {
  settled_send out;
  out.id = in.get<decision_id>();
  out.user = in.get<user_index>();
  out.time = in.get<timestamp>();
  for (bool* const each : {&out.send, &out.opted_out, &out.evicted}) *each = in.get<bool>();
  out.probability = load_probability(in);
  out.fatigue = load_amount(in);
  out.reward = in.get_finite<double>();
  out.cost = load_amount(in);
  out.rewards = in.get<std::uint32_t>();
  return out;
}

}  // namespace detail

inline void send_or_not::outcome::save(byte_writer& out) const {
  posterior.save(out);
  out.put(squares);
  out.put(observed);
}

inline void send_or_not::outcome::load(byte_reader& in) {
  posterior = linear_posterior::load(in, posterior.prior());
  squares = in.get_finite<double>();
  observed = in.get_finite<double>();
  in.check(squares > 0 && observed >= 1, "a noise that is not positive");
}

inline void send_or_not::pending_send::save(byte_writer& out) const {
  out.put(id);
  out.put(user);
  out.put(time);
  for (const bool each : {opted_out, settled, decided.send}) out.put(each);
  for (const double each : {decided.propensity, decided.probability, decided.fatigue, decided.opt_out_rate,
                            decided.later, joined.sum, joined.first}) {
    out.put(each);
  }
  detail::save_estimate(decided.sent, out);
  detail::save_estimate(decided.silent, out);
  out.put(joined.max);
  out.put(joined.first_time);
  out.put(joined.count);
  for (const std::uint64_t each : keys) out.put(each);
}

inline send_or_not::pending_send send_or_not::pending_send::load(byte_reader& in) {
  pending_send out;
  out.id = in.get<decision_id>();
  out.user = in.get<user_index>();
  out.time = in.get<timestamp>();
  for (bool* const each : {&out.opted_out, &out.settled, &out.decided.send}) *each = in.get<bool>();
  out.decided.propensity = detail::load_probability(in);
  out.decided.probability = detail::load_probability(in);
  out.decided.fatigue = detail::load_amount(in);
  out.decided.opt_out_rate = detail::load_probability(in);
  out.decided.later = in.get<double>();
  out.joined.sum = in.get_finite<double>();
  out.joined.first = in.get_finite<double>();
  out.decided.sent = detail::load_estimate(in);
  out.decided.silent = detail::load_estimate(in);
  out.joined.max = in.get<double>();
  out.joined.first_time = in.get<timestamp>();
  out.joined.count = in.get<std::uint32_t>();
  in.check(out.joined.count == 0 || std::isfinite(out.joined.max), "a reward that is not finite");
  for (std::uint64_t& each : out.keys) each = in.get<std::uint64_t>();
  return out;
}

inline void send_or_not::save(byte_writer& out) const {
  const std::lock_guard lock(mutex_);
  out.section("send_or_not");
  out.count(options_.dimension);
  for (const outcome* each : {&sent_, &silent_, &left_}) each->save(out);
  out.put(sum_);
  out.put(count_);
  users_.save(out);
  out.put(next_sweep_);
  pending_.save(out);
  out.count(n_settled_ - n_taken_);
  for (std::uint64_t i = n_taken_; i < n_settled_; ++i) detail::save_row(settled_[i % settled_.size()], out);
  for (const std::uint64_t* each : detail::counters_of(stats_)) out.put(*each);
}

inline send_or_not::send_or_not(const send_or_not_options& options, byte_reader& in) : send_or_not(options) {
  in.section("send_or_not");
  in.check(in.count() == options_.dimension, "another dimension");
  for (outcome* each : {&sent_, &silent_, &left_}) each->load(in);
  sum_ = in.get_finite<double>();
  count_ = in.get_finite<double>();
  in.check(count_ >= 0, "a negative count");
  users_ = flat_table<send_history>::load(in);
  next_sweep_ = in.get<timestamp>();
  pending_.load(in);
  n_settled_ = in.count(settled_.size());
  for (std::size_t i = 0; i < n_settled_; ++i) settled_[i] = detail::load_row(in);
  for (std::uint64_t* each : detail::counters_of(stats_)) *each = in.get<std::uint64_t>();
}

inline send_or_not send_or_not::load(byte_reader& in, const send_or_not_options& options) {
  return send_or_not(options, in);
}

}  // namespace online
TANDEM_END
