#pragma once
// Structs to and from JSON by one list of fields each, read strictly.
//
// A struct takes part by specialising json_fields<T> with a tuple of json_field. The list is checked against the
// struct at compile time: a field that is not listed does not build.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN

/// One field of a struct: its key in JSON and where it lies.
template <class Struct, class Member>
struct json_field {
  std::string_view key;
  Member Struct::*member;
};
template <class Struct, class Member>
json_field(const char*, Member Struct::*) -> json_field<Struct, Member>;

/// Specialise with `static constexpr auto list = std::tuple{json_field{"key", &T::member}, ...};`, every field once.
template <class T>
struct json_fields {};

/// Structs with a list of fields.
template <class T>
concept json_listed = requires {
  json_fields<T>::list;
};

/// Structs that hold one of several listed kinds, each with a name: {"kind": name, fields of that kind}.
/// Specialise json_fields with `using kinds = std::variant<...>` and `static const kinds& get(const T&)`.
template <class T>
concept json_kinds = requires {
  typename json_fields<T>::kinds;
};

/// Specialise for an enum with `static constexpr std::array list = {std::pair{"name", E::value}, ...};`: in JSON it is
/// then a name; other enums are numbers.
template <class E>
struct json_names {};

/// Enums with names.
template <class E>
concept json_named = requires {
  json_names<E>::list;
};

namespace detail::json {

// ---- how many fields an aggregate has -----------------------------------------------------------------------------

template <class T>
struct is_variant : std::false_type {};
template <class... Kinds>
struct is_variant<std::variant<Kinds...>> : std::true_type {};

/// Stands for a field of any type. A variant is left to the class that holds it, or there would be two ways to it.
struct any_field {
  template <class T>
  requires(!is_variant<T>::value) constexpr operator T()
      const noexcept;  // NOLINT(google-explicit-constructor): never called, only asked for
};

template <class T, class... Fields>
[[nodiscard]] consteval std::size_t n_fields() {
  if constexpr (requires { T{Fields{}..., any_field{}}; }) {
    return n_fields<T, Fields..., any_field>();
  } else {
    return sizeof...(Fields);
  }
}

template <class T>
struct is_duration : std::false_type {};
template <class Rep, class Period>
struct is_duration<std::chrono::duration<Rep, Period>> : std::true_type {};

template <class T>
inline constexpr bool is_time = is_duration<T>::value || std::same_as<T, timestamp>;

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

/// {"view": 1, "purchase": 5}
using named_numbers = std::vector<std::pair<std::string, double>>;

template <class Struct, class Member>
[[nodiscard]] constexpr bool names_its_unit(const json_field<Struct, Member>& field) {
  return !is_time<Member> || field.key.ends_with("_ms");
}

/// Calls f with each field of T's list, in order.
template <class T, class F>
void for_each_field(F&& f) {
  using list = std::remove_const_t<decltype(json_fields<T>::list)>;
  static_assert(std::tuple_size_v<list> == n_fields<T>(), "every field of the struct must be listed, once");
  static_assert(std::apply([](const auto&... field) { return (names_its_unit(field) && ...); }, json_fields<T>::list),
                "the key of a time must end in _ms");
  std::apply([&](const auto&... field) { (f(field), ...); }, json_fields<T>::list);
}

// ---- names --------------------------------------------------------------------------------------------------------

/// Letters to insert, delete or replace to get from a to b (Levenshtein 1966).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

/// Up to three of the names that look most like `key`, quoted; names that contain it, or that it contains, first.
inline std::string nearest(std::string_view key, std::vector<std::string_view> names) {
  const auto strangeness = [&](std::string_view name) {
    const bool part = name.find(key) != std::string_view::npos || key.find(name) != std::string_view::npos;
    return part && !key.empty() ? 0U : edit_distance(key.substr(0, 100), name);
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](std::string_view a, std::string_view b) { return strangeness(a) < strangeness(b); });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, names.size()); ++i) {
    text += (i == 0 ? "'" : ", '") + std::string(names[i]) + "'";
  }
  return text;
}

inline std::string inside(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

[[noreturn]] inline void wrong_type(const std::string& path, const char* found, const char* wanted) {
  throw error(errc::bad_format, "is of type " + std::string(found), {.field = path}, "give " + std::string(wanted));
}

[[noreturn]] inline void unknown_key(const std::string& path, const std::string& key,
                                     std::vector<std::string_view> known) {
  throw error(errc::bad_format, "there is no such key", {.field = inside(path, key)},
              known.empty() ? "nothing can be set here" : "nearest known: " + nearest(key, std::move(known)));
}

// ---- writing ------------------------------------------------------------------------------------------------------

/// A double that prints like the float.
inline double shortest(float x) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
  return nlohmann::json::parse(text.data(), end).template get<double>();
}

/// JSON has no infinity: it is a string here. NaN says nothing and is refused.
template <class Json, std::floating_point T>
Json write_number(T value, const std::string& path) {
  if (std::isnan(value)) throw error(errc::not_finite, "is not a number", {.field = path});
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  if constexpr (std::same_as<T, float>) return shortest(value);
  return value;
}

template <class Json, class T>
Json write_value(const T& value, const std::string& path);

template <class Json, class T>
Json write_struct(const T& value, const std::string& path) {
  Json out = Json::object();
  for_each_field<T>([&]<class Member>(const json_field<T, Member>& field) {
    const std::string key(field.key);
    out[key] = write_value<Json>(value.*field.member, inside(path, key));
  });
  return out;
}

template <class Json, class T>
Json write_kind(const T& value, const std::string& path) {
  return std::visit(
      [&](const auto& kind) {
        Json out = Json::object();
        out["kind"] = std::string(kind.name);
        const Json fields = write_struct<Json>(kind, path);
        for (auto at = fields.begin(); at != fields.end(); ++at) out[at.key()] = at.value();
        return out;
      },
      json_fields<T>::get(value));
}

template <class Json>
Json write_named(const named_numbers& values, const std::string& path) {
  Json out = Json::object();
  for (const auto& [name, value] : values) {
    if (out.contains(name)) {
      throw error(errc::invalid_argument, "the name stands twice", {.field = inside(path, name)});
    }
    out[name] = write_value<Json>(value, inside(path, name));
  }
  return out;
}

template <class Json, json_named E>
Json write_name(E value, const std::string& path) {
  for (const auto& [name, named] : json_names<E>::list) {
    if (named == value) return name;
  }
  throw error(errc::invalid_argument, "is none of the values that have a name", {.field = path});
}

template <class Json, class T>
Json write_value(const T& value, const std::string& path) {
  if constexpr (json_kinds<T>) {
    return write_kind<Json>(value, path);
  } else if constexpr (std::same_as<T, named_numbers>) {
    return write_named<Json>(value, path);
  } else if constexpr (json_listed<T>) {
    return write_struct<Json>(value, path);
  } else if constexpr (is_duration<T>::value) {
    return std::chrono::duration_cast<duration>(value).count();
  } else if constexpr (std::same_as<T, timestamp>) {
    return to_millis(value);
  } else if constexpr (std::floating_point<T>) {
    return write_number<Json>(value, path);
  } else if constexpr (json_named<T>) {
    return write_name<Json>(value, path);
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<std::underlying_type_t<T>>(value);
  } else {
    return value;
  }
}

// ---- reading ------------------------------------------------------------------------------------------------------

template <class T, class Json>
void read_integer(const Json& in, T& out, const std::string& path) {
  if (!in.is_number_integer())
    wrong_type(path, in.is_number() ? "number with a fraction" : in.type_name(), "an integer");
  const bool fits = in.is_number_unsigned() ? std::in_range<T>(in.template get<std::uint64_t>())
                                            : std::in_range<T>(in.template get<std::int64_t>());
  if (!fits) {
    throw error(errc::bad_format, "is " + in.dump(), {.field = path},
                "give an integer in [" + std::to_string(std::numeric_limits<T>::min()) + ", " +
                    std::to_string(std::numeric_limits<T>::max()) + "]");
  }
  out = in.template get<T>();
}

template <class T, class Json>
void read_number(const Json& in, T& out, const std::string& path) {
  if (in == "infinity" || in == "-infinity") {
    out = (in == "infinity" ? 1 : -1) * std::numeric_limits<T>::infinity();
    return;
  }
  if (!in.is_number()) wrong_type(path, in.type_name(), "a number");
  const double value = in.template get<double>();
  if (std::abs(value) > static_cast<double>(std::numeric_limits<T>::max())) {
    throw error(errc::bad_format, "is " + in.dump() + ", too large", {.field = path});
  }
  out = static_cast<T>(value);
}

template <class Json, class T>
void read_value(const Json& in, T& out, const std::string& path);

/// Reads what `in` holds of T; fields it does not name stay as they are. `passed` is a key that is not a field's.
template <class Json, class T>
void read_struct(const Json& in, T& out, const std::string& path, std::string_view passed = {}) {
  if (!in.is_object()) wrong_type(path, in.type_name(), "an object, { ... }");
  for (const auto& [key, value] : in.items()) {
    const std::string& name = key;  // a structured binding cannot be captured
    const Json& field_value = value;
    bool known = !passed.empty() && name == passed;
    std::vector<std::string_view> names;
    for_each_field<T>([&]<class Member>(const json_field<T, Member>& field) {
      names.push_back(field.key);
      if (known || name != field.key) return;
      known = true;
      read_value(field_value, out.*field.member, inside(path, name));
    });
    if (!known) unknown_key(path, name, names);
  }
}

template <class Json, class T>
void read_kind(const Json& in, T& out, const std::string& path) {
  if (!in.is_object()) wrong_type(path, in.type_name(), "an object, { \"kind\": ... }");
  const auto found = in.find("kind");
  if (found == in.end() || !found->is_string()) {
    throw error(errc::bad_format, "has no kind", {.field = inside(path, "kind")}, "name one, as a string");
  }
  const std::string name = found->template get<std::string>();
  std::vector<std::string_view> names;
  bool known = false;
  const auto attempt = [&]<class Kind>(Kind kind) {
    names.push_back(Kind::name);
    if (known || Kind::name != name) return;
    known = true;
    read_struct(in, kind, path, "kind");
    out = T(kind);
  };
  [&]<class... Kinds>(std::type_identity<std::variant<Kinds...>>) {
    (attempt(Kinds{}), ...);
  }(std::type_identity<typename json_fields<T>::kinds>{});
  if (!known) {
    throw error(errc::bad_format, "there is no kind '" + name + "'", {.field = inside(path, "kind")},
                "nearest known: " + nearest(name, names));
  }
}

template <class Json>
void read_named(const Json& in, named_numbers& out, const std::string& path) {
  if (!in.is_object()) wrong_type(path, in.type_name(), "an object of names and numbers");
  out.clear();
  for (const auto& [name, value] : in.items()) {
    double number = 0;
    read_number(value, number, inside(path, name));
    out.emplace_back(name, number);
  }
}

template <class Json, json_named E>
void read_name(const Json& in, E& out, const std::string& path) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : json_names<E>::list) {
    names.emplace_back(name);
    if (in == name) {
      out = value;
      return;
    }
  }
  if (!in.is_string()) wrong_type(path, in.type_name(), "a name, as a string");
  throw error(errc::bad_format, "there is no '" + in.template get<std::string>() + "'", {.field = path},
              "nearest known: " + nearest(in.template get<std::string>(), names));
}

template <class Json, class T>
void read_array(const Json& in, std::vector<T>& out, const std::string& path) {
  if (!in.is_array()) wrong_type(path, in.type_name(), "an array, [ ... ]");
  out.assign(in.size(), T{});
  for (std::size_t i = 0; i < in.size(); ++i) read_value(in[i], out[i], path + "[" + std::to_string(i) + "]");
}

/// ["device", "phone"]
template <class Json>
void read_pair(const Json& in, std::pair<std::string, std::string>& out, const std::string& path) {
  if (!in.is_array() || in.size() != 2) wrong_type(path, in.type_name(), "two strings, [\"name\", \"value\"]");
  read_value(in[0], out.first, path + "[0]");
  read_value(in[1], out.second, path + "[1]");
}

template <class Json, class T>
void read_value(const Json& in, T& out, const std::string& path) {
  if constexpr (json_kinds<T>) {
    read_kind(in, out, path);
  } else if constexpr (std::same_as<T, named_numbers>) {
    read_named(in, out, path);
  } else if constexpr (is_vector<T>::value) {
    read_array(in, out, path);
  } else if constexpr (json_listed<T>) {
    read_struct(in, out, path);
  } else if constexpr (std::same_as<T, std::pair<std::string, std::string>>) {
    read_pair(in, out, path);
  } else if constexpr (std::same_as<T, bool>) {
    if (!in.is_boolean()) wrong_type(path, in.type_name(), "true or false");
    out = in.template get<bool>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (!in.is_string()) wrong_type(path, in.type_name(), "a string");
    out = in.template get<std::string>();
  } else if constexpr (is_time<T>) {
    std::int64_t milliseconds = 0;
    read_integer(in, milliseconds, path);
    out = T{duration{milliseconds}};
  } else if constexpr (json_named<T>) {
    read_name(in, out, path);
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    read_integer(in, number, path);
    out = static_cast<T>(number);
  } else if constexpr (std::integral<T>) {
    read_integer(in, out, path);
  } else {
    static_assert(std::floating_point<T>, "a field of this type has no JSON form yet");
    read_number(in, out, path);
  }
}

// ---- text ---------------------------------------------------------------------------------------------------------

/// The part of nlohmann's message that a person needs: without "[json.exception...] ... at line 1, column 2: ".
inline std::string reason(std::string_view what) {
  for (const std::string_view mark : {"] ", "column ", ": "}) {
    if (const std::size_t at = what.find(mark); at != std::string_view::npos) what.remove_prefix(at + mark.size());
  }
  return std::string(what);
}

/// Parses text, refusing an object that names a key twice (JSON allows it, and most parsers keep one at random), and
/// more than 100 levels of nesting (copying a value takes a stack frame a level). Errors: bad_format with the line.
template <class Json>
Json parse(std::string_view text) {
  std::vector<std::set<std::string>> open;  // keys of the objects around the current place
  const auto check = [&open](int depth, typename Json::parse_event_t event, Json& parsed) {
    if (depth > 100) throw error(errc::bad_format, "is nested deeper than 100 levels");
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!open.back().insert(key).second) {
        throw error(errc::bad_format, "the key stands twice in one object", {.field = key});
      }
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check);
  } catch (const nlohmann::json::parse_error& e) {
    const std::string_view read = text.substr(0, e.byte);
    const auto line = static_cast<std::uint64_t>(std::count(read.begin(), read.end(), '\n') + 1);
    throw error(errc::bad_format, "not JSON: " + reason(e.what()), {{}, line, {}});
  } catch (const nlohmann::json::exception& e) {
    throw error(errc::bad_format, "not JSON: " + reason(e.what()));
  }
}

}  // namespace detail::json
TANDEM_END
