#pragma once
// Bodies of model_files.hpp: the arrays of each kind of model.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tandem/detail/model_manifest.hpp"
#include "tandem/detail/npy.hpp"
#include "tandem/detail/npy_vector.hpp"
#include "tandem/model_files.hpp"

TANDEM_BEGIN
namespace detail::model_files {

inline void require_file(const std::filesystem::path& path, const char* remedy) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw error(errc::io_error, "is not there", {.file = path.string()}, remedy);
}

/// @param rows  the key and the number that the manifest has for them, if any.
inline npy_matrix read_factors(const std::filesystem::path& path, const std::optional<std::uint64_t>& rank,
                               const std::pair<const char*, std::optional<std::uint64_t>>& rows) {
  require_file(path, "a model of factors is a folder with model.json, user_factors.npy and item_factors.npy");
  npy_matrix out = read_npy(path.string(), npy_rules::any_numbers);
  compare_size(path, rows.first, out.rows, rows.second);
  compare_size(path, "rank", out.columns, rank);
  if (out.columns == 0 || out.columns > batch::factor_model::max_rank) {
    throw error(errc::bad_format, "has " + std::to_string(out.columns) + " columns", {.file = path.string()},
                "the rank lies in [1, " + std::to_string(batch::factor_model::max_rank) + "]");
  }
  return out;
}

/// A weight matrix that came from a file: what its class refuses is the file's fault.
template <class F>
auto of_file(const std::filesystem::path& path, F&& f) {
  try {
    return f();
  } catch (const error& e) {
    const errc code = e.code() == errc::invalid_argument ? errc::bad_format : e.code();
    throw error(code, e.message(), {.file = path.string()}, "save the model again");
  }
}

inline batch::ease_model read_dense(const std::filesystem::path& folder, const manifest& m) {
  const std::filesystem::path path = folder / dense_name;
  require_file(path, "a model of kind item_weights is a folder with model.json and item_weights.npy");
  npy_matrix read = read_npy(path.string(), npy_rules::any_numbers);
  compare_size(path, "n_items", read.rows, m.n_items);
  if (read.rows != read.columns) {
    throw error(errc::bad_format,
                "has " + std::to_string(read.rows) + " rows and " + std::to_string(read.columns) + " columns",
                {.file = path.string()}, "a row and a column an item");
  }
  return of_file(path, [&] { return batch::ease_model::from_weights(std::move(read.values), read.rows); });
}

/// Errors: bad_format unless they ascend from 0 to the number of entries.
inline void check_starts(const std::filesystem::path& path, const std::vector<std::size_t>& start,
                         std::size_t entries) {
  const auto refuse = [&](const std::string& why) {
    throw error(errc::bad_format, why, {.file = path.string()},
                "it holds where each row starts and, last, the number of entries");
  };
  if (start.empty() || start.front() != 0) refuse("does not start with 0");
  for (std::size_t i = 0; i + 1 < start.size(); ++i) {
    if (start[i] > start[i + 1]) refuse("row " + std::to_string(i) + " starts behind its end");
  }
  if (start.back() != entries) {
    refuse("ends with " + std::to_string(start.back()) + ", but there are " + std::to_string(entries) + " entries");
  }
}

inline batch::item_weights read_sparse(const std::filesystem::path& folder, const manifest& m) {
  for (const char* name : {start_name, index_name, value_name}) {
    require_file(folder / name,
                 "a model of kind sparse_item_weights is a folder with model.json, item_weights_start.npy, "
                 "item_weights_index.npy and item_weights_value.npy");
  }
  auto start = read_npy_indices<std::size_t>((folder / start_name).string());
  auto index = read_npy_indices<std::uint32_t>((folder / index_name).string());
  auto value = read_npy_reals((folder / value_name).string());
  check_starts(folder / start_name, start, index.size());
  compare_size(folder / start_name, "n_items", start.size() - 1, m.n_items);
  if (value.size() != index.size()) {
    throw error(
        errc::bad_format,
        "has " + std::to_string(value.size()) + " entries, item_weights_index.npy " + std::to_string(index.size()),
        {.file = (folder / value_name).string()}, "save both from one matrix");
  }
  return of_file(folder / index_name,
                 [&] { return batch::item_weights::from_rows(std::move(start), std::move(index), std::move(value)); });
}

/// A matrix compressed by rows, in the types that SciPy has for one.
struct compressed_rows {
  std::vector<std::int64_t> start{0};
  std::vector<std::int32_t> index;
  std::vector<float> value;
};

inline compressed_rows rows_of(const batch::item_weights& model) {
  compressed_rows out;
  out.start.reserve(model.n_items() + 1);
  out.index.reserve(model.size());
  out.value.reserve(model.size());
  for (std::size_t i = 0; i < model.n_items(); ++i) {
    const batch::item_weights::row row = model.row_of(static_cast<item_index>(i));
    for (const std::uint32_t j : row.index) out.index.push_back(static_cast<std::int32_t>(j));
    out.value.insert(out.value.end(), row.weight.begin(), row.weight.end());
    out.start.push_back(static_cast<std::int64_t>(out.index.size()));
  }
  return out;
}

/// Notes of a model of items: there are no users in it.
inline nlohmann::ordered_json check_item_model(const model_notes& notes, saved_kind kind, std::size_t n_items) {
  if (!notes.users.empty()) {
    throw error(errc::invalid_argument, "the model holds no users", {.field = "users"}, "leave their ids out");
  }
  if (n_items > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw error(errc::invalid_argument, "a saved model has fewer than 2^31 items", {.field = "items"});
  }
  check_notes(notes, 0, n_items);
  return {{"kind", json::write_value<nlohmann::ordered_json>(kind, {})}, {"n_items", n_items}};
}

/// The manifest of a model of factors, or not, as `factors` says; its files are as it lists them.
inline manifest open_model(const std::filesystem::path& folder, bool factors) {
  manifest out = manifest_of(folder);
  if ((out.kind == saved_kind::factors) != factors) {
    throw error(errc::bad_format, factors ? "the model is one of weights between items" : "the model is one of factors",
                {.file = (folder / manifest_name).string(), .field = "kind"},
                factors ? "load_item_model() reads it" : "load_model() reads it");
  }
  check_files(folder, out);
  return out;
}

}  // namespace detail::model_files

inline void save_model(const std::filesystem::path& folder, const batch::factor_model& model,
                       const model_notes& notes) {
  namespace files = detail::model_files;
  files::check_notes(notes, model.n_users(), model.n_items());
  nlohmann::ordered_json sizes = {{"rank", model.rank()}, {"n_users", model.n_users()}, {"n_items", model.n_items()}};
  if (notes.has_weights) {
    files::check_weights(model.weights());
    sizes["weights"] = detail::json::write_value<nlohmann::ordered_json>(model.weights(), {});
  }
  files::folder_writer writer(folder);
  writer.add(files::user_factors_name, [&](const std::filesystem::path& path) {
    detail::write_npy(path.string(), model.user_matrix(), model.n_users(), model.rank());
  });
  writer.add(files::item_factors_name, [&](const std::filesystem::path& path) {
    detail::write_npy(path.string(), model.item_matrix(), model.n_items(), model.rank());
  });
  writer.finish(notes, sizes);
}

inline void save_model(const std::filesystem::path& folder, const batch::ease_model& model, const model_notes& notes) {
  namespace files = detail::model_files;
  const auto sizes = files::check_item_model(notes, saved_kind::item_weights, model.n_items());
  files::folder_writer writer(folder);
  writer.add(files::dense_name, [&](const std::filesystem::path& path) {
    detail::write_npy(path.string(), model.weights(), model.n_items(), model.n_items());
  });
  writer.finish(notes, sizes);
}

inline void save_model(const std::filesystem::path& folder, const batch::item_weights& model,
                       const model_notes& notes) {
  namespace files = detail::model_files;
  const auto sizes = files::check_item_model(notes, saved_kind::sparse_item_weights, model.n_items());
  const files::compressed_rows rows = files::rows_of(model);
  files::folder_writer writer(folder);
  writer.add(files::start_name, [&](const std::filesystem::path& path) {
    detail::write_npy_vector<std::int64_t>(path.string(), rows.start);
  });
  writer.add(files::index_name, [&](const std::filesystem::path& path) {
    detail::write_npy_vector<std::int32_t>(path.string(), rows.index);
  });
  writer.add(files::value_name,
             [&](const std::filesystem::path& path) { detail::write_npy_vector<float>(path.string(), rows.value); });
  writer.finish(notes, sizes);
}

inline saved_kind kind_of_model(const std::filesystem::path& folder) {
  return detail::model_files::manifest_of(folder).kind;
}

inline saved_model load_model(const std::filesystem::path& folder, executor_ref executor) {
  namespace files = detail::model_files;
  const files::manifest m = files::open_model(folder, true);
  detail::npy_matrix users = files::read_factors(folder / files::user_factors_name, m.rank, {"n_users", m.n_users});
  detail::npy_matrix items = files::read_factors(folder / files::item_factors_name, m.rank, {"n_items", m.n_items});
  if (users.columns != items.columns) {
    throw error(errc::bad_format,
                "users have " + std::to_string(users.columns) + " factors, items " + std::to_string(items.columns),
                {.file = (folder / files::item_factors_name).string()}, "save both from one model");
  }
  model_notes notes;
  notes.users = files::read_ids(folder / files::users_name, users.rows, "users");
  notes.items = files::read_ids(folder / files::items_name, items.rows, "items");
  notes.learner = m.learner;
  notes.options = m.options;
  notes.has_weights = m.weights.has_value();
  return {batch::factor_model::from_factors(std::move(users.values), std::move(items.values), users.columns,
                                            m.weights.value_or(batch::factor_weights{}), executor),
          std::move(notes)};
}

inline saved_item_model load_item_model(const std::filesystem::path& folder) {
  namespace files = detail::model_files;
  const files::manifest m = files::open_model(folder, false);
  saved_item_model out;
  std::size_t n_items = 0;
  if (m.kind == saved_kind::item_weights) {
    n_items = out.weights.emplace<batch::ease_model>(files::read_dense(folder, m)).n_items();
  } else {
    n_items = out.weights.emplace<batch::item_weights>(files::read_sparse(folder, m)).n_items();
  }
  out.notes.items = files::read_ids(folder / files::items_name, n_items, "items");
  out.notes.learner = m.learner;
  out.notes.options = m.options;
  out.notes.has_weights = false;
  return out;
}

TANDEM_END
