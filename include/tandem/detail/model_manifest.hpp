#pragma once
// The folder of a saved model: its manifest, the checksums of its files, its ids; what every kind of model shares.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/core/utf8.hpp"
#include "tandem/detail/crc32.hpp"
#include "tandem/detail/json_fields.hpp"
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
      json_field{"dislikes", &type::dislikes},
  };
};

template <>
struct json_names<saved_kind> {
  using enum saved_kind;
  static constexpr std::array list = {std::pair{"factors", factors}, std::pair{"item_weights", item_weights},
                                      std::pair{"sparse_item_weights", sparse_item_weights}};
};

namespace detail::model_files {

inline constexpr const char* manifest_name = "model.json";
inline constexpr const char* user_factors_name = "user_factors.npy";
inline constexpr const char* item_factors_name = "item_factors.npy";
inline constexpr const char* dense_name = "item_weights.npy";
inline constexpr const char* start_name = "item_weights_start.npy";
inline constexpr const char* index_name = "item_weights_index.npy";
inline constexpr const char* value_name = "item_weights_value.npy";
inline constexpr const char* users_name = "users.json";
inline constexpr const char* items_name = "items.json";
inline constexpr std::array data_names = {user_factors_name, item_factors_name, dense_name, start_name,
                                          index_name,        value_name,        users_name, items_name};

/// Size and checksum of a file. crc32 stands in the manifest as 8 hexadecimal digits.
struct fingerprint {
  std::uint64_t bytes = 0;
  std::string crc32;
};

/// model.json; what it leaves out is empty.
struct manifest {
  saved_kind kind = saved_kind::factors;
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

/// @param sizes  the keys that say what the model is, in their order.
inline std::string manifest_text(const model_notes& notes, const nlohmann::ordered_json& sizes,
                                 const nlohmann::ordered_json& files) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  out["format_version"] = model_format_version;
  out["tandem_version"] = TANDEM_VERSION_STRING;
  if (!notes.learner.empty()) out["learner"] = notes.learner;
  for (const auto& each : sizes.items()) out[each.key()] = each.value();
  if (!notes.options.empty()) out["options"] = notes.options;
  out["files"] = files;
  try {
    return out.dump(2) + "\n";
  } catch (const nlohmann::json::exception&) {
    throw error(errc::invalid_argument, "hold text that is not UTF-8", {.field = "options"});
  }
}

inline void check_notes(const model_notes& notes, std::size_t n_users, std::size_t n_items) {
  if (!notes.users.empty()) check_ids(notes.users, n_users, "users", errc::invalid_argument);
  if (!notes.items.empty()) check_ids(notes.items, n_items, "items", errc::invalid_argument);
  if (!is_utf8(notes.learner)) throw error(errc::invalid_argument, "is not UTF-8", {.field = "learner"});
  if (!notes.options.is_object()) throw error(errc::invalid_argument, "is no JSON object", {.field = "options"});
}

/// A model on its way into a folder; nothing of it stays when it is not finished.
class folder_writer {
 public:
  /// Makes the folder if need be.
  explicit folder_writer(const std::filesystem::path& folder) : folder_(folder), partial_(folder) {
    std::error_code ignored;  // when it cannot be made, the first file says so
    std::filesystem::create_directories(folder, ignored);
  }

  /// One file, by write(path). Errors: io_error.
  template <class Write>
  void add(const char* name, const Write& write) {
    const std::filesystem::path path = partial_.add(name);
    write(path);
    const fingerprint print = fingerprint_of(path);
    prints_[name] = {{"bytes", print.bytes}, {"crc32", print.crc32}};
  }

  /// The ids and the manifest; then all take their places, and files of an earlier model go. Errors: io_error.
  void finish(const model_notes& notes, const nlohmann::ordered_json& sizes) {
    for (const auto& [name, ids] : {std::pair{users_name, &notes.users}, std::pair{items_name, &notes.items}}) {
      if (ids->empty()) continue;
      const std::string text = nlohmann::ordered_json(*ids).dump(0) + "\n";
      add(name, [&text](const std::filesystem::path& path) { write_text(path, text); });
    }
    write_text(partial_.add(manifest_name), manifest_text(notes, sizes, prints_));
    partial_.put_in_place();
    std::error_code ignored;
    for (const char* name : data_names) {
      if (!prints_.contains(name)) std::filesystem::remove(folder_ / name, ignored);
    }
  }

 private:
  std::filesystem::path folder_;
  partial_files partial_;
  nlohmann::ordered_json prints_ = nlohmann::ordered_json::object();
};

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
    if (key == "kind") {
      json::read_value(value, out.kind, key);
    } else if (key == "tandem_version") {
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
      for (const char* each : {"alpha0", "regularization", "nu"}) {  // dislikes came later
        if (value.contains(each)) continue;
        throw error(errc::bad_format, "is not there", {.field = json::inside(key, each)},
                    "give alpha0, regularization and nu");
      }
      check_weights(*out.weights);
    } else if (key == "options") {
      if (!value.is_object()) json::wrong_type(key, value.type_name(), "an object, { ... }");
      out.options = value;
    } else if (key == "files") {
      out.files = read_fingerprints(value);
    } else {
      json::unknown_key("", key,
                        {"format_version", "tandem_version", "kind", "learner", "rank", "n_users", "n_items", "weights",
                         "options", "files"});
    }
  }
  if (out.kind != saved_kind::factors && (out.rank || out.n_users || out.weights)) {
    throw error(errc::bad_format, "is for models of factors only",
                {.field = out.rank      ? "rank"
                          : out.n_users ? "n_users"
                                        : "weights"},
                "leave it out");
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

/// Errors: as load_model() for model.json.
inline manifest manifest_of(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / manifest_name;
  return in_file(path.string(), [&] {
    const std::string text = read_text(
        path, "a model is a folder with model.json; {\"format_version\": 1} is enough for factors made elsewhere");
    return read_manifest(json::parse<nlohmann::ordered_json>(text));
  });
}

/// Errors: bad_format when `found` is not `said`, the manifest's number if it has one.
inline void compare_size(const std::filesystem::path& path, const char* key, std::size_t found,
                         const std::optional<std::uint64_t>& said) {
  if (!said || *said == found) return;
  throw error(errc::bad_format,
              "has " + std::to_string(found) + ", but model.json says \"" + key + "\": " + std::to_string(*said),
              {.file = path.string(), .field = key}, "correct the one that is wrong");
}

}  // namespace detail::model_files
TANDEM_END
