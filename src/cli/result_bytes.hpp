#pragma once
// A replay's result as bytes and back, between two processes of one program.

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tandem/study/replay.hpp"

namespace tandem_cli {

/// Appends values to a string of bytes.
class byte_writer {
 public:
  template <class T>
  void operator()(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(text.size());
    bytes_ += text;
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(values.size());
    for (const T& each : values) (*this)(each);
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Takes them off again. Errors: bad_format when there are too few.
class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : left_(bytes) {}
  template <class T>
  void operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(&value, next(sizeof value).data(), sizeof value);
  }
  void operator()(std::string& text) {
    std::size_t size = 0;
    (*this)(size);
    text = next(size);
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    std::size_t size = 0;
    (*this)(size);
    if (size > left_.size()) next(size);
    values.resize(size);
    for (T& each : values) (*this)(each);
  }

 private:
  std::string_view next(std::size_t size) {
    if (size > left_.size()) throw tandem::error(tandem::errc::bad_format, "a result is incomplete");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::string_view left_;
};

/// Visits every field of a result; Archive is one of the two above.
template <class Archive, class Result>
void visit_fields(Archive& archive, Result& result) {
  archive(result.rank);
  archive(result.sources);
  archive(result.source_rank);
  archive(result.experts);
  archive(result.served);
  archive(result.coverage);
  archive(result.events);
  archive(result.refits);
  archive(result.decide);
  archive(result.learn);
  archive(result.refit_s);
  archive(result.refit_cpu_s);
  archive(result.cpu_s);
  archive(result.peak_rss_mb);
  archive(result.log_rss_mb);
}

[[nodiscard]] inline std::string to_bytes(const tandem::study::replay_result& result) {
  byte_writer out;
  visit_fields(out, result);
  return out.take();
}

[[nodiscard]] inline tandem::study::replay_result from_bytes(std::string_view bytes) {
  byte_reader in(bytes);
  tandem::study::replay_result result;
  visit_fields(in, result);
  return result;
}

}  // namespace tandem_cli
