#pragma once
// Bodies of evaluation/doubly_robust.hpp.

#include "tandem/evaluation/doubly_robust.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline void require_finite(const predicted_reward& predicted) {
  require_finite(predicted.taken, "taken");
  require_finite(predicted.expected, "expected");
}

// Adds a record with its weight as cut(weight, limit).
template <class Cut>
void add_cut(weight_summary& weights, cut_terms& terms, const logged_reward& record, const predicted_reward& predicted,
             Cut cut) {
  require_finite(predicted);
  terms.check(record.reward, "reward");
  terms.check(predicted.taken, "taken");
  terms.check(predicted.expected, "expected");
  const double weight = cut(weights.add(record), terms.limit().limit);
  const double most = terms.limit().rewards ? terms.limit().rewards->width() : 0;  // |r - taken|
  terms.add(predicted.expected, weight, record.reward - predicted.taken, {-most, most});
}

}  // namespace detail

inline void doubly_robust::add(const logged_reward& record, const predicted_reward& predicted) {
  detail::require_finite(predicted);
  terms_.add(predicted.expected + weights_.add(record) * (record.reward - predicted.taken));
}

inline off_policy_estimate doubly_robust::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void self_normalized_doubly_robust::add(const logged_reward& record, const predicted_reward& predicted) {
  detail::require_finite(predicted);
  const double w = weights_.add(record);
  if (expected_.n() == 0) first_e_ = predicted.expected;
  if (w_ == 0) first_d_ = record.reward - predicted.taken;
  const double d = record.reward - predicted.taken - first_d_;
  const double e = predicted.expected - first_e_;
  expected_.add(e);
  w_ += w;
  wd_ += w * d;
  ww_ += w * w;
  wwd_ += w * w * d;
  wwdd_ += w * w * d * d;
  we_ += w * e;
  wde_ += w * d * e;
}

// The influence of a record is (e - mean e) + n w (d - c) / sum w with c = sum w d / sum w; n times their mean square
// is squares of e + 2 n / sum w * sum w (d - c) e + (n / sum w)^2 * sum w^2 (d - c)^2.
inline off_policy_estimate self_normalized_doubly_robust::estimate(double confidence) const {
  const off_policy_estimate report = weights_.report();
  const double n = static_cast<double>(report.n);
  const double c = wd_ / w_;
  const double scale = n / w_;
  const double squares =
      expected_.squares() + 2 * scale * (wde_ - c * we_) + scale * scale * (wwdd_ - 2 * c * wwd_ + c * c * ww_);
  return detail::finish(report, first_e_ + expected_.mean() + first_d_ + c, std::sqrt(std::max(0.0, squares)) / n,
                        confidence);
}

inline void switch_doubly_robust::add(const logged_reward& record, const predicted_reward& predicted) {
  detail::add_cut(weights_, terms_, record, predicted, [](double w, double limit) { return w <= limit ? w : 0; });
}

inline off_policy_estimate switch_doubly_robust::estimate(double confidence) const {
  return terms_.finish(weights_.report(), confidence);
}

inline void shrunk_doubly_robust::add(const logged_reward& record, const predicted_reward& predicted) {
  detail::add_cut(weights_, terms_, record, predicted,
                  [](double w, double limit) { return std::isinf(limit) ? w : w / (w * (w / limit) + 1); });
}

inline off_policy_estimate shrunk_doubly_robust::estimate(double confidence) const {
  return terms_.finish(weights_.report(), confidence);
}

}  // namespace evaluation
TANDEM_END
