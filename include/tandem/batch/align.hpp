#pragma once
// Turns a model's latent space until it lies as nearly as possible on an earlier one's; scores stay what they are.
//
// Two cold fits of one log agree on scores but not on axes. Learners that live in the latent space survive a refit
// when the new factors are rotated by the orthogonal R that minimises ||Y_new R - Y_old||_F over the items that both
// have: R = U V^T from the singular value decomposition U S V^T of Y_new^T Y_old (orthogonal Procrustes, Schönemann
// 1966). A warm start (fit_ials) needs no alignment.

#include <Eigen/Core>
#include <Eigen/SVD>
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace detail {

using row_major_floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The first n rows of a row-major matrix.
[[nodiscard]] inline Eigen::Map<const row_major_floats> first_rows(std::span<const float> rows, std::size_t n,
                                                                   std::size_t k) {
  return {rows.data(), static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(k)};
}

/// U V^T of the singular value decomposition of m, k x k.
[[nodiscard]] inline Eigen::MatrixXd nearest_rotation(const Eigen::MatrixXd& m) {
#if EIGEN_VERSION_AT_LEAST(3, 4, 90)
  const Eigen::BDCSVD<Eigen::MatrixXd, Eigen::ComputeFullU | Eigen::ComputeFullV> svd(m);
#else
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(m, Eigen::ComputeFullU | Eigen::ComputeFullV);
#endif
  return svd.matrixU() * svd.matrixV().transpose();
}

/// rows * rotation, row by row in double: the bits of a row do not depend on the others.
[[nodiscard]] inline std::vector<float> rotated_rows(std::span<const float> rows, const Eigen::MatrixXd& rotation) {
  const auto k = static_cast<std::size_t>(rotation.rows());
  std::vector<float> out(rows.size());
  for (std::size_t r = 0; r < rows.size(); r += k) {
    const Eigen::Map<const Eigen::RowVectorXf> from(rows.data() + r, rotation.rows());
    Eigen::Map<Eigen::RowVectorXf>(out.data() + r, rotation.rows()) = (from.cast<double>() * rotation).cast<float>();
  }
  return out;
}

}  // namespace detail

namespace batch {

/// `model` rotated towards `earlier`: the same scores up to float32 rounding, item factors as near to the earlier
/// model's as a rotation (or reflection) brings them. Items are matched by index; those that only one model has do not
/// count. Without common items, any orthogonal basis is as near as another, and one of them is taken.
/// Complexity: O((n_users + n_items) rank^2 + rank^3). Allocates: the new model, and a few rank x rank matrices.
/// Errors: invalid_argument when the ranks differ.
[[nodiscard]] inline factor_model align(const factor_model& model, const factor_model& earlier,
                                        executor_ref executor = {}) {
  const std::size_t k = model.rank();
  if (earlier.rank() != k) {
    throw error(errc::invalid_argument, "cannot align a model of rank " + std::to_string(k) + " with one of rank " +
                                            std::to_string(earlier.rank()));
  }
  const std::size_t common = std::min(model.n_items(), earlier.n_items());
  const Eigen::MatrixXd overlap = detail::first_rows(model.item_matrix(), common, k).cast<double>().transpose() *
                                  detail::first_rows(earlier.item_matrix(), common, k).cast<double>();
  const Eigen::MatrixXd rotation = detail::nearest_rotation(overlap);
  return factor_model::from_factors(detail::rotated_rows(model.user_matrix(), rotation),
                                    detail::rotated_rows(model.item_matrix(), rotation), k, model.weights(), executor);
}

}  // namespace batch
TANDEM_END
