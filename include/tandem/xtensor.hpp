#pragma once
// Factors and propensity logs as xtensor arrays, and factors as .npy files; opt in by linking tandem::xtensor.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/data/decision.hpp"
#include "tandem/detail/npy.hpp"
#include "tandem/detail/xtensor_compat.hpp"

TANDEM_BEGIN

// ---- factors ----------------------------------------------------------------------------------------------------

/// X, [n_users x rank], as a read-only xtensor expression over the model's own memory.
/// Lifetime: as long as the model; copy it into an xt::xtensor<float, 2> to keep it. Allocates: no factors.
[[nodiscard]] inline auto user_factors(const batch::factor_model& model) {
  return xt::adapt<xt::layout_type::row_major>(model.user_matrix().data(), model.user_matrix().size(),
                                               xt::no_ownership(),
                                               std::array<std::size_t, 2>{model.n_users(), model.rank()});
}
auto user_factors(const batch::factor_model&&) = delete;

/// Y, [n_items x rank], likewise.
[[nodiscard]] inline auto item_factors(const batch::factor_model& model) {
  return xt::adapt<xt::layout_type::row_major>(model.item_matrix().data(), model.item_matrix().size(),
                                               xt::no_ownership(),
                                               std::array<std::size_t, 2>{model.n_items(), model.rank()});
}
auto item_factors(const batch::factor_model&&) = delete;

/// A model of factors made elsewhere. @param users,items  [n_users x rank] and [n_items x rank]; copied.
/// Errors: invalid_argument when their ranks differ, and as factor_model::from_factors().
[[nodiscard]] inline batch::factor_model to_factor_model(const xt::xtensor<float, 2>& users,
                                                         const xt::xtensor<float, 2>& items,
                                                         const batch::factor_weights& weights,
                                                         executor_ref executor = {}) {
  if (users.shape()[1] != items.shape()[1]) {
    throw error(errc::invalid_argument, "users have " + std::to_string(users.shape()[1]) + " factors, items " +
                                            std::to_string(items.shape()[1]));
  }
  constexpr auto rows = xt::layout_type::row_major;
  return batch::factor_model::from_factors({users.template begin<rows>(), users.template end<rows>()},
                                           {items.template begin<rows>(), items.template end<rows>()}, users.shape()[1],
                                           weights, executor);
}

/// Saves a model for NumPy: user_factors.npy [n_users x rank], item_factors.npy [n_items x rank] and weights.npy
/// [1 x 3] = alpha0, regularization, nu. Makes the directory if need be; replaces the files.
/// Errors: io_error, naming the file.
inline void save_npy(const batch::factor_model& model, const std::filesystem::path& directory) {
  std::error_code ignored;  // when it cannot be made, the first file says so
  std::filesystem::create_directories(directory, ignored);
  const std::array<float, 3> weights = {model.weights().alpha0, model.weights().regularization, model.weights().nu};
  detail::write_npy((directory / "user_factors.npy").string(), model.user_matrix(), model.n_users(), model.rank());
  detail::write_npy((directory / "item_factors.npy").string(), model.item_matrix(), model.n_items(), model.rank());
  detail::write_npy((directory / "weights.npy").string(), weights, 1, weights.size());
}

/// Loads what save_npy() saved, or NumPy: the factors come back bit for bit.
/// Errors: io_error, bad_format, naming the file; bad_format when the three do not belong together; not_finite.
[[nodiscard]] inline batch::factor_model load_npy(const std::filesystem::path& directory, executor_ref executor = {}) {
  detail::npy_matrix users = detail::read_npy((directory / "user_factors.npy").string());
  detail::npy_matrix items = detail::read_npy((directory / "item_factors.npy").string());
  const detail::npy_matrix weights = detail::read_npy((directory / "weights.npy").string());
  if (users.columns != items.columns || users.columns == 0 || weights.values.size() != 3) {
    throw error(errc::bad_format,
                "users have " + std::to_string(users.columns) + " factors, items " + std::to_string(items.columns) +
                    ", and there are " + std::to_string(weights.values.size()) + " weights",
                {.file = directory.string()}, "both need the same number of factors, above 0, and there are 3 weights");
  }
  return batch::factor_model::from_factors(std::move(users.values), std::move(items.values), users.columns,
                                           {weights.values[0], weights.values[1], weights.values[2]}, executor);
}

// ---- the propensity log -----------------------------------------------------------------------------------------

/// The columns of propensity_log(). Whole numbers are exact up to 2^53.
enum class log_column : std::uint8_t {
  decision,       ///< decision_id
  user,           ///< user_index; -1 for a user not seen before
  time_ms,        ///< since the epoch
  position,       ///< of the log when it was decided
  model_version,  ///< 0 = no batch model yet
  shadow,         ///< 1 = shown to nobody: leave it out when estimating rewards
  place,          ///< in the slate, from 0
  item,           ///< item_index
  score,
  propensity,  ///< of the item in this place, given the ones above it
};

/// Decisions as numbers: one row a place of a slate, in order; one column each of log_column.
/// @param decisions  any range of decision, e.g. a run of log_prefix::read_decisions().
/// Complexity: O(places). Allocates: the result.
template <class Decisions>
[[nodiscard]] xt::xtensor<double, 2> propensity_log(const Decisions& decisions) {
  std::size_t places = 0;
  for (const decision& each : decisions) places += each.slate.size();
  constexpr std::size_t columns = static_cast<std::size_t>(log_column::propensity) + 1;
  xt::xtensor<double, 2> out = xt::xtensor<double, 2>::from_shape({places, columns});
  std::size_t row = 0;
  for (const decision& each : decisions) {
    const double user = each.user == no_id<user_index> ? -1.0 : static_cast<double>(raw(each.user));
    for (std::size_t place = 0; place < each.slate.size(); ++place, ++row) {
      const placed_item& shown = each.slate[place];
      const std::array<double, columns> values = {static_cast<double>(raw(each.id)),
                                                  user,
                                                  static_cast<double>(to_millis(each.time)),
                                                  static_cast<double>(raw(each.position)),
                                                  static_cast<double>(each.model_version),
                                                  each.shadow ? 1.0 : 0.0,
                                                  static_cast<double>(place),
                                                  static_cast<double>(raw(shown.item)),
                                                  static_cast<double>(shown.score),
                                                  shown.propensity};
      for (std::size_t c = 0; c < columns; ++c) out(row, c) = values[c];
    }
  }
  return out;
}

TANDEM_END
