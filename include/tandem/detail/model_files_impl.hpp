#pragma once
// Bodies of model_files.hpp.

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "tandem/core/utf8.hpp"
#include "tandem/detail/crc32.hpp"
#include "tandem/detail/json_fields.hpp"
#include "tandem/detail/npy.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/model_files.hpp"
#include "tandem/version.hpp"

TANDEM_BEGIN

template <>
struct json_fields<batch::factor_weights> {
  using type = batch::factor_weights;
  static constexpr auto list = std::tuple{
      json_field{"alpha0", &type::alpha0},
      json_field{"regularization", &type::regularization},
      json_field{"nu", &type::nu},
  };
};

namespace detail::model_files {

inline constexpr const char* manifest_name = "model.json";
inline constexpr const char* user_factors_name = "user_factors.npy";
inline constexpr const char* item_factors_name = "item_factors.npy";
inline constexpr const char* users_name = "users.json";
inline constexpr const char* items_name = "items.json";
inline constexpr std::array data_names = {user_factors_name, item_factors_name, users_name, items_name};

/// Size and checksum of a file. crc32 stands in the manifest as 8 hexadecimal digits.
struct fingerprint {
  std::uint64_t bytes = 0;
  std::string crc32;
};

/// model.json; what it leaves out is empty.
struct manifest {
  std::string learner;
  std::optional<std::uint64_t> rank, n_users, n_items;
  std::optional<batch::factor_weights> weights;
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  std::optional<std::map<std::string, fingerprint>> files;
};

// ---- checks that saving and loading share -----------------------------------------------------------------------

inline void check_weights(const batch::factor_weights& w) {
  detail::require(w.alpha0 >= 0 && std::isfinite(w.alpha0), "weights.alpha0", "[0, inf)");
  detail::require(w.regularization >= 0 && std::isfinite(w.regularization), "weights.regularization", "[0, inf)");
  detail::require(w.nu >= 0 && w.nu <= 1, "weights.nu", "[0, 1]");
}

/// @param what  "users" or "items", for the field of an error.   @param n  how many there must be.
inline void check_ids(const std::vector<std::string>& ids, std::size_t n, const std::string& what, errc code) {
  if (ids.size() != n) {
    throw error(code, "has " + std::to_string(ids.size()) + " ids for " + std::to_string(n) + " rows of factors",
                {.field = what}, "give one id a row, in order, or none at all");
  }
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < n; ++i) {
    const auto refuse = [&](const char* why) {
      throw error(code, why, {.field = what + "[" + std::to_string(i) + "]"}, "give each row an id of its own");
    };
    if (ids[i].empty()) refuse("the id is empty");
    if (ids[i].size() > max_id_bytes) refuse("the id is longer than 512 bytes");
    if (!is_utf8(ids[i])) refuse("the id is not UTF-8");
    if (!seen.insert(ids[i]).second) refuse("the id stands twice");
  }
}

/// Runs f; an error without a file gets this one.
template <class F>
auto in_file(const std::string& file, F&& f) {
  try {
    return f();
  } catch (const error& e) {
    if (!e.where().file.empty()) throw;
    throw error(e.code(), e.message(), {file, e.where().line, e.where().field}, e.remedy());
  }
}

inline fingerprint fingerprint_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> block(std::size_t{1} << 18U);
  fingerprint out;
  std::uint32_t crc = 0;
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    crc = detail::crc32({block.data(), got}, crc);
    out.bytes += got;
  }
  if (!in.eof()) throw error(errc::io_error, "cannot be read", {.file = path.string()});
  constexpr std::string_view digits = "0123456789abcdef";
  for (unsigned shift = 32; shift > 0; shift -= 4) out.crc32 += digits[(crc >> (shift - 4)) & 0xFU];
  return out;
}

// ---- saving -----------------------------------------------------------------------------------------------------

/// Files of a folder that take their places together; those that did not go when this does.
class partial_files {
 public:
  explicit partial_files(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~partial_files() {
    std::error_code ignored;
    for (const std::string& name : names_) std::filesystem::remove(partial(name), ignored);
  }
  partial_files(const partial_files&) = delete;
  partial_files& operator=(const partial_files&) = delete;

  /// Where to write what will become `name`.
  std::filesystem::path add(const std::string& name) {
    names_.push_back(name);
    return partial(name);
  }

  /// In the order added. Errors: io_error.
  void put_in_place() {
    while (!names_.empty()) {
      std::error_code failure;
      std::filesystem::rename(partial(names_.front()), folder_ / names_.front(), failure);
      if (failure) {
        throw error(errc::io_error, "cannot be replaced: " + failure.message(),
                    {.file = (folder_ / names_.front()).string()});
      }
      names_.erase(names_.begin());
    }
  }

 private:
  [[nodiscard]] std::filesystem::path partial(const std::string& name) const { return folder_ / (name + ".partial"); }

  std::filesystem::path folder_;
  std::vector<std::string> names_;
};

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out.good()) throw error(errc::io_error, "cannot be written", {.file = path.string()});
}

inline std::string manifest_text(const batch::factor_model& model, const model_notes& notes,
                                 const nlohmann::ordered_json& files) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  out["format_version"] = model_format_version;
  out["tandem_version"] = TANDEM_VERSION_STRING;
  if (!notes.learner.empty()) out["learner"] = notes.learner;
  out["rank"] = model.rank();
  out["n_users"] = model.n_users();
  out["n_items"] = model.n_items();
  if (notes.has_weights) out["weights"] = json::write_value<nlohmann::ordered_json>(model.weights(), {});
  if (!notes.options.empty()) out["options"] = notes.options;
  out["files"] = files;
  try {
    return out.dump(2) + "\n";
  } catch (const nlohmann::json::exception&) {
    throw error(errc::invalid_argument, "hold text that is not UTF-8", {.field = "options"});
  }
}

inline void check_notes(const batch::factor_model& model, const model_notes& notes) {
  if (!notes.users.empty()) check_ids(notes.users, model.n_users(), "users", errc::invalid_argument);
  if (!notes.items.empty()) check_ids(notes.items, model.n_items(), "items", errc::invalid_argument);
  if (!is_utf8(notes.learner)) throw error(errc::invalid_argument, "is not UTF-8", {.field = "learner"});
  if (!notes.options.is_object()) throw error(errc::invalid_argument, "is no JSON object", {.field = "options"});
  if (notes.has_weights) check_weights(model.weights());
}

// ---- loading ----------------------------------------------------------------------------------------------------

inline std::string read_text(const std::filesystem::path& path, const char* remedy) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw error(errc::io_error, "cannot be opened", {.file = path.string()}, remedy);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) throw error(errc::io_error, "cannot be read", {.file = path.string()});
  return text;
}

inline std::map<std::string, fingerprint> read_fingerprints(const nlohmann::ordered_json& in) {
  if (!in.is_object()) json::wrong_type("files", in.type_name(), "an object of names and {bytes, crc32}");
  std::map<std::string, fingerprint> out;
  for (const auto& [name, entry] : in.items()) {
    const std::string path = json::inside("files", name);
    if (std::find(data_names.begin(), data_names.end(), name) == data_names.end()) {
      json::unknown_key("files", name, {data_names.begin(), data_names.end()});
    }
    if (!entry.is_object()) json::wrong_type(path, entry.type_name(), "an object, {\"bytes\": ..., \"crc32\": ...}");
    fingerprint print;
    for (const auto& [key, value] : entry.items()) {
      if (key == "bytes") {
        json::read_integer(value, print.bytes, json::inside(path, key));
      } else if (key == "crc32") {
        json::read_value(value, print.crc32, json::inside(path, key));
      } else {
        json::unknown_key(path, key, {"bytes", "crc32"});
      }
    }
    if (entry.size() != 2) throw error(errc::bad_format, "lacks bytes or crc32", {.field = path}, "give both");
    out.emplace(name, print);
  }
  return out;
}

/// The version comes first: what a later one means by its keys is not ours to judge.
inline void check_version(const nlohmann::ordered_json& in) {
  if (!in.is_object()) json::wrong_type("", in.type_name(), "an object, { \"format_version\": 1, ... }");
  const auto found = in.find("format_version");
  if (found == in.end()) {
    throw error(errc::bad_format, "is not there", {.field = "format_version"}, "add \"format_version\": 1");
  }
  std::uint64_t version = 0;
  json::read_integer(*found, version, "format_version");
  if (version == 0 || version > model_format_version) {
    throw error(errc::bad_format,
                "is " + std::to_string(version) + "; tandem " TANDEM_VERSION_STRING " reads 1 to " +
                    std::to_string(model_format_version),
                {.field = "format_version"}, "load it with a later tandem, or save it anew with this one");
  }
}

inline manifest read_manifest(const nlohmann::ordered_json& in) {
  check_version(in);
  manifest out;
  std::string version;
  for (const auto& [key, value] : in.items()) {
    if (key == "format_version") continue;
    if (key == "tandem_version") {
      json::read_value(value, version, key);
    } else if (key == "learner") {
      json::read_value(value, out.learner, key);
    } else if (key == "rank") {
      json::read_integer(value, out.rank.emplace(), key);
    } else if (key == "n_users") {
      json::read_integer(value, out.n_users.emplace(), key);
    } else if (key == "n_items") {
      json::read_integer(value, out.n_items.emplace(), key);
    } else if (key == "weights") {
      json::read_value(value, out.weights.emplace(), key);
      if (value.size() != 3)
        throw error(errc::bad_format, "lacks some", {.field = key}, "give alpha0, regularization, nu");
      check_weights(*out.weights);
    } else if (key == "options") {
      if (!value.is_object()) json::wrong_type(key, value.type_name(), "an object, { ... }");
      out.options = value;
    } else if (key == "files") {
      out.files = read_fingerprints(value);
    } else {
      json::unknown_key(
          "", key,
          {"format_version", "tandem_version", "learner", "rank", "n_users", "n_items", "weights", "options", "files"});
    }
  }
  return out;
}

/// Files that the manifest lists must be as it says, and all that are there must be listed.
inline void check_files(const std::filesystem::path& folder, const manifest& m) {
  if (!m.files) return;
  for (const char* name : data_names) {
    const std::string path = (folder / name).string();
    const auto listed = m.files->find(name);
    std::error_code ignored;
    if (listed == m.files->end()) {
      if (!std::filesystem::exists(path, ignored)) continue;
      throw error(errc::bad_format, "is not listed in model.json, which lists its files", {.file = path},
                  "remove it, or list it with bytes and crc32");
    }
    if (!std::filesystem::exists(path, ignored)) {
      throw error(errc::io_error, "is not there, but model.json lists it", {.file = path}, "save the model again");
    }
    const fingerprint found = fingerprint_of(path);
    if (found.bytes != listed->second.bytes) {
      throw error(errc::bad_format,
                  "has " + std::to_string(found.bytes) + " bytes, not the " + std::to_string(listed->second.bytes) +
                      " that model.json says",
                  {.file = path}, "it was cut short or replaced: save or copy the model again");
    }
    if (found.crc32 != listed->second.crc32) {
      throw error(errc::bad_format,
                  "has the checksum " + found.crc32 + ", not the " + listed->second.crc32 + " that model.json says",
                  {.file = path}, "it was altered: save or copy the model again");
    }
  }
}

/// @param rows  the key and the number that the manifest has for them, if any.
inline npy_matrix read_factors(const std::filesystem::path& path, const std::optional<std::uint64_t>& rank,
                               const std::pair<const char*, std::optional<std::uint64_t>>& rows) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    throw error(errc::io_error, "is not there", {.file = path.string()},
                "a model is a folder with model.json, user_factors.npy and item_factors.npy");
  }
  npy_matrix out = read_npy(path.string(), npy_rules::any_numbers);
  const auto compare = [&](const char* key, std::size_t found, const std::optional<std::uint64_t>& said) {
    if (!said || *said == found) return;
    throw error(errc::bad_format,
                "has " + std::to_string(found) + ", but model.json says \"" + key + "\": " + std::to_string(*said),
                {.file = path.string(), .field = key}, "correct the one that is wrong");
  };
  compare(rows.first, out.rows, rows.second);
  compare("rank", out.columns, rank);
  if (out.columns == 0)
    throw error(errc::bad_format, "has no columns", {.file = path.string()}, "the rank is at least 1");
  return out;
}

inline std::vector<std::string> read_ids(const std::filesystem::path& path, std::size_t n, const std::string& what) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  return in_file(path.string(), [&] {
    std::vector<std::string> out;
    json::read_value(json::parse<nlohmann::ordered_json>(read_text(path, "")), out, what);
    check_ids(out, n, what, errc::bad_format);
    return out;
  });
}

}  // namespace detail::model_files

inline void save_model(const std::filesystem::path& folder, const batch::factor_model& model,
                       const model_notes& notes) {
  namespace files = detail::model_files;
  files::check_notes(model, notes);
  std::error_code ignored;  // when it cannot be made, the first file says so
  std::filesystem::create_directories(folder, ignored);
  files::partial_files partial(folder);
  nlohmann::ordered_json prints = nlohmann::ordered_json::object();
  const auto add = [&](const char* name, const auto& write) {
    const std::filesystem::path path = partial.add(name);
    write(path);
    const files::fingerprint print = files::fingerprint_of(path);
    prints[name] = {{"bytes", print.bytes}, {"crc32", print.crc32}};
  };
  add(files::user_factors_name, [&](const std::filesystem::path& path) {
    detail::write_npy(path.string(), model.user_matrix(), model.n_users(), model.rank());
  });
  add(files::item_factors_name, [&](const std::filesystem::path& path) {
    detail::write_npy(path.string(), model.item_matrix(), model.n_items(), model.rank());
  });
  const std::array ids = {std::pair{files::users_name, &notes.users}, std::pair{files::items_name, &notes.items}};
  for (const auto& each : ids) {
    if (each.second->empty()) continue;
    add(each.first, [&](const std::filesystem::path& path) {
      files::write_text(path, nlohmann::ordered_json(*each.second).dump(0) + "\n");
    });
  }
  files::write_text(partial.add(files::manifest_name), files::manifest_text(model, notes, prints));
  partial.put_in_place();
  for (const auto& each : ids) {
    if (each.second->empty()) std::filesystem::remove(folder / each.first, ignored);  // an earlier model's
  }
}

inline saved_model load_model(const std::filesystem::path& folder, executor_ref executor) {
  namespace files = detail::model_files;
  const std::filesystem::path manifest_path = folder / files::manifest_name;
  const files::manifest m = files::in_file(manifest_path.string(), [&] {
    const std::string text = files::read_text(
        manifest_path,
        "a model is a folder with model.json; {\"format_version\": 1} is enough for factors made elsewhere");
    return files::read_manifest(detail::json::parse<nlohmann::ordered_json>(text));
  });
  files::check_files(folder, m);
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

TANDEM_END
