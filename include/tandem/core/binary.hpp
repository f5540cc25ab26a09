#pragma once
// Values as bytes and back: one fixed layout, whoever wrote it, and no trust in what is read.

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN

class byte_writer;
class byte_reader;

/// A number, a truth value or an enumerator: what is written as its own bytes.
template <class T>
concept plain_value =
    (std::is_arithmetic_v<T> && !std::is_same_v<std::remove_cv_t<T>, long double>) || std::is_enum_v<T>;

/// A value that writes itself, with `void save(byte_writer&) const`.
template <class T>
concept savable = requires(const T& value, byte_writer& out) {
  value.save(out);
};

/// As large as it comes.
inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

namespace detail {

static_assert(std::endian::native == std::endian::little, "the layout is that of little-endian machines");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

inline constexpr std::size_t run_bytes = std::size_t{1} << 16U;

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

}  // namespace detail

/// Writes values to a sink, `sink(std::span<const std::byte>)`, in runs of 64 KiB; the sink must outlive the writer.
///
/// Layout: little-endian, no padding; floating point by its bits; counts as 64 bits; a text or a vector is its count
/// and its elements. Give numbers that are to be read on other machines types of a fixed width, sizes by count().
/// Threads: thread-compatible. Allocates: one run. Errors: those of the sink.
class byte_writer {
 public:
  template <class Sink>
  requires std::is_invocable_v<Sink&, std::span<const std::byte>>
  explicit byte_writer(Sink& sink) : sink_(sink), buffer_(detail::run_bytes) {}
  byte_writer(const byte_writer&) = delete;
  byte_writer& operator=(const byte_writer&) = delete;

  template <plain_value T>
  void put(T value) {
    append(&value, sizeof value);
  }
  void put(timestamp time) { put(std::int64_t{to_millis(time)}); }
  template <savable T>
  void put(const T& value) {
    value.save(*this);
  }
  /// The elements with their count.
  template <class T>
  void put(std::span<const T> elements) {
    count(elements.size());
    values(elements);
  }
  template <class T>
  void put(const std::vector<T>& elements) {
    put(std::span<const T>(elements));
  }

  /// The elements alone: the reader must know how many.
  template <class T>
  void values(std::span<const T> elements) {
    if constexpr (plain_value<T>) {
      append(elements.data(), elements.size_bytes());
    } else {
      for (const T& each : elements) put(each);
    }
  }
  void count(std::size_t n) { put(std::uint64_t{n}); }
  void text(std::string_view text) {
    count(text.size());
    append(text.data(), text.size());
  }

  /// Marks that a part with this name, of at most 255 bytes, begins here: a reader that expects another one stops.
  void section(std::string_view name) {
    TANDEM_ASSERT(name.size() <= 255);
    put(static_cast<std::uint8_t>(name.size()));
    append(name.data(), name.size());
  }

  /// Hands on what the buffer still holds. Without it the last run is lost.
  void finish() {
    if (used_ != 0) flush();
  }

 private:
  void append(const void* from, std::size_t n) {
    const auto* next = static_cast<const std::byte*>(from);
    for (std::size_t room = buffer_.size() - used_; n > room; room = buffer_.size()) {
      std::memcpy(buffer_.data() + used_, next, room);
      used_ += room;
      next += room;
      n -= room;
      flush();
    }
    if (n == 0) return;
    std::memcpy(buffer_.data() + used_, next, n);
    used_ += n;
  }
  void flush() {
    sink_(std::span<const std::byte>(buffer_).first(used_));
    used_ = 0;
  }

  function_ref<void(std::span<const std::byte>)> sink_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
};

/// Reads what a byte_writer wrote, from a source, `std::span<const std::byte> source()`, which gives the next bytes at
/// each call, valid until the next one, and none at the end. The source must outlive the reader.
///
/// Whatever the bytes are, nothing worse happens than an error: a count allocates only as the elements really come.
/// Threads: thread-compatible. Errors: bad_format, naming the section and the place; those of the source.
class byte_reader {
 public:
  template <class Source>
  requires std::is_invocable_r_v<std::span<const std::byte>, Source&> explicit byte_reader(Source& source)
      : source_(source) {}
  byte_reader(const byte_reader&) = delete;
  byte_reader& operator=(const byte_reader&) = delete;

  /// A plain value, a timestamp, a vector, or a T that has `static T load(byte_reader&)`.
  template <class T>
  [[nodiscard]] T get() {
    if constexpr (std::is_same_v<T, bool>) {
      const auto value = get<std::uint8_t>();
      check(value <= 1, "neither true nor false");
      return value == 1;
    } else if constexpr (plain_value<T>) {
      T value{};
      take(&value, sizeof value);
      return value;
    } else if constexpr (std::is_same_v<T, timestamp>) {
      return get_time();
    } else if constexpr (detail::is_vector<T>) {
      return get_vector<typename T::value_type>();
    } else {
      return T::load(*this);
    }
  }
  /// A number that is neither infinite nor NaN.
  template <class T>
  requires std::is_floating_point_v<T>
  [[nodiscard]] T get_finite() {
    const T value = get<T>();
    check(std::isfinite(value), "a number that is not finite");
    return value;
  }
  /// An enumerator from 0 to `last`.
  template <class E>
  requires std::is_enum_v<E>
  [[nodiscard]] E get_up_to(E last) {
    const E value = get<E>();
    check(value <= last && value >= E{}, "an unknown kind");
    return value;
  }
  /// @param max  more elements are an error.
  template <class T>
  [[nodiscard]] std::vector<T> get_vector(std::size_t max = no_limit) {
    const std::size_t n = count(max);
    std::vector<T> out;
    constexpr std::size_t step = detail::run_bytes / sizeof(T) + 1;
    while (out.size() < n) {
      const std::size_t old = out.size();
      out.resize(n - old < step ? n : old + step);
      values(std::span(out).subspan(old));
    }
    return out;
  }
  /// Fills `out` with what byte_writer::values() wrote.
  template <class T>
  void values(std::span<T> out) {
    if constexpr (plain_value<T> && !std::is_same_v<T, bool>) {
      take(out.data(), out.size_bytes());
    } else {
      for (T& each : out) each = get<T>();
    }
  }
  /// @param max  a larger count is an error.
  [[nodiscard]] std::size_t count(std::size_t max = no_limit) {
    const auto n = get<std::uint64_t>();
    check(n <= max, "an impossible count");
    return static_cast<std::size_t>(n);
  }
  /// @param max  more bytes are an error.
  [[nodiscard]] std::string text(std::size_t max = no_limit) {
    const std::size_t n = count(max);
    std::string out;
    while (out.size() < n) {
      const std::size_t old = out.size();
      out.resize(n - old < detail::run_bytes ? n : old + detail::run_bytes);
      take(out.data() + old, out.size() - old);
    }
    return out;
  }

  /// Passes the mark of the part with this name.
  void section(std::string_view name) {
    section_ = name;
    std::array<char, 255> found{};
    const std::size_t n = get<std::uint8_t>();
    check(n == name.size(), "another part begins here");
    take(found.data(), n);
    check(std::string_view(found.data(), n) == name, "another part begins here");
  }
  /// Requires that nothing follows.
  void finish() {
    if (run_.empty()) run_ = source_();
    check(run_.empty(), "more follows than was expected");
  }

  /// Bytes read so far.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  /// What a value that reads itself demands of its parts. Errors: bad_format, saying `otherwise`, unless `sound`.
  void check(bool sound, const char* otherwise) const {
    if (!sound) fail(otherwise);
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw error(errc::bad_format, what + (" before byte " + std::to_string(position_)), {{}, 0, section_},
                "the bytes are damaged, or not what is read here: take an earlier copy");
  }
  // the difference of any two is a duration
  timestamp get_time() {
    constexpr std::int64_t limit = std::int64_t{1} << 61U;
    const auto millis = get<std::int64_t>();
    check(millis >= -limit && millis <= limit, "an impossible time");
    return from_millis(millis);
  }
  void take(void* to, std::size_t n) {
    auto* next = static_cast<std::byte*>(to);
    while (n > 0) {
      if (run_.empty()) run_ = source_();
      check(!run_.empty(), "the bytes end too early,");
      const std::size_t some = n < run_.size() ? n : run_.size();
      std::memcpy(next, run_.data(), some);
      run_ = run_.subspan(some);
      next += some;
      n -= some;
      position_ += some;
    }
  }

  function_ref<std::span<const std::byte>()> source_;
  std::span<const std::byte> run_;
  std::uint64_t position_ = 0;
  std::string section_;
};

TANDEM_END
