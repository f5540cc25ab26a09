#pragma once
// A trained model as a folder of files that NumPy reads and writes; opt in by linking tandem::json.
//
//   model.json         what the others are: sizes, weights, how it was trained, and a checksum of each (the manifest)
//   user_factors.npy   X, [n_users x rank], float32 in rows
//   item_factors.npy   Y, [n_items x rank]
//   users.json         the hosts' ids by index, an array of strings; this and
//   items.json         this are left out when nobody has named them
//
// A model of weights between items (EASE, item-kNN) has no users, and in place of the factors
//   item_weights.npy   B, [n_items x n_items], float32; or, sparse, by rows as scipy.sparse.csr_matrix has them:
//   item_weights_start.npy, item_weights_index.npy, item_weights_value.npy   int64, int32, float32
//
// docs/model_files.md has every key of the manifest. The least one, for factors made elsewhere, is
// {"format_version": 1}.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "tandem/batch/ease.hpp"
#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/item_weights.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/interner.hpp"

TANDEM_BEGIN

/// The version of the format that is written, and the newest that is read.
inline constexpr std::uint64_t model_format_version = 1;

/// What is known of a model beside its factors. A default-constructed object says nothing.
struct model_notes {
  /// The host's ids by user_index and item_index: distinct, UTF-8, 1 to max_id_bytes bytes. Empty = not named.
  std::vector<std::string> users = {};
  std::vector<std::string> items = {};
  /// What trained it, e.g. "ials"; UTF-8 text. Empty = not said.
  std::string learner = {};
  /// The options it was trained with: an object, kept as it is and not interpreted, e.g. to_json(options) of json.hpp.
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  /// Whether the model's weights are those of its training. Without, fold_in() gives vectors of another objective.
  bool has_weights = true;
};

/// A model from a folder.
struct saved_model {
  batch::factor_model factors;
  model_notes notes;
};

/// What a folder holds: `kind` in its manifest, factors when that says nothing.
enum class saved_kind : std::uint8_t {
  factors,              ///< load_model() reads it
  item_weights,         ///< load_item_model() reads this one, a dense matrix,
  sparse_item_weights,  ///< and this one
};

/// A model of weights between items from a folder; both are a batch::history_model.
struct saved_item_model {
  std::variant<batch::item_weights, batch::ease_model> weights;
  model_notes notes;  ///< without users; has_weights is false
};

/// The ids of an interner by index, as model_notes has them. Complexity, allocates: O(ids).
template <class Index>
[[nodiscard]] std::vector<std::string> ids_of(const interner<Index>& ids) {
  std::vector<std::string> out;
  out.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) out.emplace_back(ids.name(static_cast<Index>(i)));
  return out;
}

/// Saves a model. Makes the folder if need be; replaces a model that is there, and leaves other files alone.
///
/// Each file is written beside its place, as NAME.partial, and renamed when all have been written, model.json last: a
/// save that fails leaves the earlier model as it was. Files of two models, after a crash between two renames, do not
/// go together, and load_model() says so. Files are not synced to the disk.
/// Complexity: O(factors + ids). Allocates: the ids as text. Threads: thread-safe; not two saves to one folder.
/// Errors: invalid_argument for ids that are not one each, distinct, UTF-8 or too long, a learner that is not UTF-8,
/// options that are no object, weights as load_model(); io_error, naming the file.
void save_model(const std::filesystem::path& folder, const batch::factor_model& model, const model_notes& notes = {});

/// Loads what save_model() or NumPy saved: float32 or float64, in rows or in columns; the factors come back bit for
/// bit where they were float32. Keys of the manifest that are left out are not checked, keys that are not known are an
/// error; without "weights" the model gets default ones, and model_notes::has_weights is false.
///
/// @param executor  runs the Gramian; the result is the same for each.
/// Complexity: O(files + n_items * rank^2). Allocates: the result; half a megabyte; while reading ids, their text
/// twice. Threads: thread-safe. Errors, each naming the file and what to do: io_error for one that is missing or cannot
/// be read; bad_format for a later format version, a key that is unknown, given twice or of the wrong type, shapes that
/// differ from each other or from the manifest, other dtypes, a file that is cut short, longer, or altered, ids as for
/// save_model(), a model of another kind; invalid_argument for alpha0 or regularization below 0, nu beyond [0, 1];
/// not_finite for a number that is not, with row and column.
[[nodiscard]] saved_model load_model(const std::filesystem::path& folder, executor_ref executor = {});

/// Saves a model of weights between items; its notes name no users. As above, but for:
/// Complexity: O(n_items^2), or O(entries + n_items). Allocates: the ids as text; a copy of a sparse model.
/// Errors: invalid_argument for ids of users, and for 2^31 items or more.
void save_model(const std::filesystem::path& folder, const batch::ease_model& model, const model_notes& notes = {});
void save_model(const std::filesystem::path& folder, const batch::item_weights& model, const model_notes& notes = {});

/// What a folder holds, by its manifest alone. Errors: as load_model() for model.json.
[[nodiscard]] saved_kind kind_of_model(const std::filesystem::path& folder);

/// Loads what save_model() saved of weights between items, or NumPy: float64 and columns too, int32 or int64 of either
/// sign; a sparse matrix's rows ascend by index. Weights come back bit for bit where they were float32.
///
/// Complexity: O(files). Allocates: the result; half a megabyte. Threads: thread-safe.
/// Errors, each naming the file and what to do: as load_model(); bad_format for a model of factors, a matrix that is
/// not square or weighs an item for itself (dense), starts that do not ascend from 0 to the number of entries, an index
/// that is negative, out of range or out of order, a length that differs.
[[nodiscard]] saved_item_model load_item_model(const std::filesystem::path& folder);

TANDEM_END

#include "tandem/detail/model_files_impl.hpp"
