#pragma once
// Rows that wait to be written: one commit writes all of them, or none.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail::file {

enum class table : std::uint8_t { record, user, item, word, stream };

struct queued_row {
  table to = table::record;
  std::uint8_t kind = 0;
  std::int64_t id = 0;    // an entry's number, or a name's id
  std::int64_t user = 0;  // of an entry; 0 = nobody's
  std::size_t begin = 0, size = 0;
  // where in the body the name of a stream is, or of the visitor whom a page was for
  std::size_t name_begin = 0, name_size = 0;
};

class row_queue {
 public:
  struct mark {
    std::size_t rows, bytes;
  };
  [[nodiscard]] mark size() const noexcept { return {rows_.size(), bytes_.size()}; }
  void shrink(mark to) noexcept {
    rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(to.rows), rows_.end());
    bytes_.erase(to.bytes);
  }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // about what it takes in memory
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size() + rows_.size() * sizeof(queued_row); }
  [[nodiscard]] const std::vector<queued_row>& rows() const noexcept { return rows_; }
  [[nodiscard]] std::string_view body(const queued_row& row) const noexcept {
    return std::string_view(bytes_).substr(row.begin, row.size);
  }

  [[nodiscard]] std::string_view visitor(const queued_row& row) const noexcept {
    return body(row).substr(row.name_begin, row.name_size);
  }

  void add_name(table to, std::uint32_t id, std::string_view name) {
    const std::size_t begin = bytes_.size();
    bytes_.append(name);
    rows_.push_back({to, 0, id, 0, begin, name.size(), 0, 0});
  }
  void add_stream(std::string_view name, std::string_view position) {
    const std::size_t begin = bytes_.size();
    bytes_.append(name).append(position);
    rows_.push_back({table::stream, 0, 0, 0, begin, name.size() + position.size(), 0, name.size()});
  }
  // the text that bodies are written to the end of
  std::string& open_body() noexcept { return bytes_; }
  // what was written since `begin` is the body of an entry
  void close_body(std::size_t begin, std::uint8_t kind, std::int64_t number, std::int64_t user,
                  std::size_t name_begin = 0, std::size_t name_size = 0) {
    rows_.push_back({table::record, kind, number, user, begin, bytes_.size() - begin, name_begin, name_size});
  }
  void append(const row_queue& later) {
    const std::size_t shift = bytes_.size();
    rows_.reserve(rows_.size() + later.rows_.size());
    bytes_.append(later.bytes_);
    for (queued_row row : later.rows_) {
      row.begin += shift;
      rows_.push_back(row);
    }
  }
  void clear() noexcept {
    rows_.clear();
    bytes_.clear();
  }
  void swap(row_queue& other) noexcept {
    rows_.swap(other.rows_);
    bytes_.swap(other.bytes_);
  }

 private:
  std::vector<queued_row> rows_;
  std::string bytes_;
};

}  // namespace detail::file
TANDEM_END
