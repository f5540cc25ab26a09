#pragma once
// iALS written down densely in double: the objective, its minimiser for one side, and logs to try them on.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/interactions.hpp"

namespace reference {

using matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A log in which popular items are taken more often; the last user and the last item have nothing.
inline tandem::interactions random_log(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items,
                                       double entries_per_user, bool weighted) {
  tandem::random_stream random(seed, 1);
  std::vector<tandem::interaction> events;
  const auto n = static_cast<std::uint32_t>(entries_per_user * n_users);
  for (std::uint32_t e = 0; e < n; ++e) {
    const double skewed = random.uniform() * random.uniform();
    const auto item = static_cast<std::uint32_t>(skewed * (n_items - 1));
    const auto user = static_cast<std::uint32_t>(random.below(n_users - 1));
    const float weight = weighted ? static_cast<float>(random.gamma(2)) : 1.0F;
    events.push_back({tandem::user_index{user}, tandem::item_index{item}, weight, {}});
  }
  return tandem::interactions::from_events(events, n_users, n_items,
                                           weighted ? tandem::merge_rule::sum : tandem::merge_rule::binary);
}

/// The same with a third of the weights negative, kept.
inline tandem::interactions log_with_dislikes(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items,
                                              double entries_per_user) {
  tandem::random_stream random(seed, 2);
  std::vector<tandem::interaction> events;
  const auto n = static_cast<std::uint32_t>(entries_per_user * n_users);
  for (std::uint32_t e = 0; e < n; ++e) {
    const auto item = static_cast<std::uint32_t>(random.below(n_items - 1));
    const auto user = static_cast<std::uint32_t>(random.below(n_users - 1));
    const double weight = random.gamma(2) * (random.below(3) == 0 ? -1 : 1);
    events.push_back({tandem::user_index{user}, tandem::item_index{item}, static_cast<float>(weight), {}});
  }
  return tandem::interactions::from_events(events, n_users, n_items, tandem::merge_rule::sum,
                                           tandem::dislike_rule::keep);
}

/// W, users x items: 0 = not observed, negative = disliked.
inline matrix dense(const tandem::interactions& log) {
  matrix w = matrix::Zero(static_cast<Eigen::Index>(log.n_users()), static_cast<Eigen::Index>(log.n_items()));
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const auto row = log.items_of(tandem::user_index{u});
    for (std::size_t e = 0; e < row.size(); ++e) w(u, row.index[e]) = static_cast<double>(row.weight[e]);
  }
  return w;
}

inline matrix rows_of(std::span<const float> factors, std::size_t k) {
  using floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const floats>(factors.data(), static_cast<Eigen::Index>(factors.size() / k),
                                  static_cast<Eigen::Index>(k))
      .cast<double>();
}

inline double ridge(const tandem::batch::factor_weights& o, double history, Eigen::Index n_other) {
  return static_cast<double>(o.regularization) *
         std::pow(history + static_cast<double>(o.alpha0) * static_cast<double>(n_other), static_cast<double>(o.nu));
}

inline double objective(const tandem::interactions& log, const tandem::batch::factor_model& model) {
  const tandem::batch::factor_weights& o = model.weights();
  const matrix w = dense(log);
  const matrix x = rows_of(model.user_matrix(), model.rank());
  const matrix y = rows_of(model.item_matrix(), model.rank());
  const matrix scores = x * y.transpose();
  double sum = static_cast<double>(o.alpha0) * scores.squaredNorm();
  sum += (w.array().max(0) * (1 - scores.array()).square() + (-w.array()).max(0) * scores.array().square()).sum();
  for (Eigen::Index u = 0; u < w.rows(); ++u) {
    sum += ridge(o, static_cast<double>((w.row(u).array() != 0).count()), w.cols()) * x.row(u).squaredNorm();
  }
  for (Eigen::Index i = 0; i < w.cols(); ++i) {
    sum += ridge(o, static_cast<double>((w.col(i).array() != 0).count()), w.rows()) * y.row(i).squaredNorm();
  }
  return sum;
}

/// The normal equations of row r of w (its side against `fixed`): A and b of A x = b.
struct normal_equations {
  matrix a;
  Eigen::VectorXd b;
};

inline normal_equations equations(const Eigen::VectorXd& w, const matrix& fixed,
                                  const tandem::batch::factor_weights& o) {
  normal_equations out{static_cast<double>(o.alpha0) * fixed.transpose() * fixed, fixed.transpose() * w.cwiseMax(0)};
  out.a += fixed.transpose() * w.cwiseAbs().asDiagonal() * fixed;
  out.a.diagonal().array() += ridge(o, static_cast<double>((w.array() != 0).count()), fixed.rows());
  return out;
}

inline Eigen::VectorXd solve(const normal_equations& e) { return e.a.ldlt().solve(e.b); }

}  // namespace reference
