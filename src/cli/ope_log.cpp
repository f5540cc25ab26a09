#include "ope_log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/detail/delimited_reader.hpp"
#include "tandem/detail/line_source.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/detail/record_splitter.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;
using tandem::detail::shown;

constexpr std::size_t max_line_bytes = std::size_t{1} << 24;

// A file with a header, line by line; columns are asked for by name.
class table_file {
 public:
  table_file(const std::string& path, const tandem::progress& progress)
      : path_(path), in_(path, std::ios::binary), source_(opened(), path, max_line_bytes, size(), progress, lines_) {
    if (!source_.next()) throw error(errc::bad_format, "the file is empty", {path_, 0, {}});
    const std::string first(source_.record());
    source_.give_back();
    const std::string_view delimiter = tandem::detail::find_delimiter(first, 0);
    records_.emplace(source_, delimiter.empty() ? "," : std::string(delimiter));
    records_->next();
    for (const std::string_view name : records_->fields()) header_.emplace_back(name);
  }

  bool next() {
    if (!records_->next()) return false;
    if (records_->fields().size() != header_.size()) {
      throw error(errc::bad_format,
                  "has " + std::to_string(records_->fields().size()) + " fields, not " + std::to_string(header_.size()),
                  here(), "correct the line, or leave it out");
    }
    return true;
  }

  // Of a name, the number of its column. The option that named it says which one is missing.
  [[nodiscard]] std::size_t column(const std::string& name, const char* option) const {
    const auto found = std::find(header_.begin(), header_.end(), name);
    if (found == header_.end()) {
      throw error(errc::bad_format,
                  "there is no column " + shown(name) + "; there are: " + tandem::detail::list_of(header_),
                  {path_, 1, {}}, std::string("name it with ") + option);
    }
    if (std::find(found + 1, header_.end(), name) != header_.end()) {
      throw error(errc::bad_format, "two columns are called " + shown(name), {path_, 1, {}}, "rename one");
    }
    return static_cast<std::size_t>(found - header_.begin());
  }

  [[nodiscard]] std::string_view text(std::size_t column) const { return records_->fields()[column]; }

  [[nodiscard]] double number(std::size_t column) const {
    const auto found = tandem::detail::parse_number(text(column));
    if (!found) {
      throw error(errc::bad_format, shown(text(column)) + " is not a finite number",
                  {path_, source_.line_number(), header_[column]}, "correct the line, or leave it out");
    }
    return *found;
  }

  [[nodiscard]] tandem::place here() const { return {path_, source_.line_number(), {}}; }

 private:
  std::istream& opened() {
    std::error_code ignored;
    if (!in_.is_open() || std::filesystem::is_directory(path_, ignored)) {
      throw error(errc::io_error, "cannot be read", {path_, 0, {}}, "check its name and that it may be read");
    }
    return in_;
  }
  [[nodiscard]] std::uint64_t size() const {
    std::error_code failed;
    const auto bytes = std::filesystem::file_size(path_, failed);
    return failed ? 0 : bytes;
  }

  std::string path_;
  std::ifstream in_;
  std::uint64_t lines_ = 0;
  tandem::detail::line_source source_;
  std::optional<tandem::detail::record_splitter> records_;
  std::vector<std::string> header_;
};

// The item at its position as one key; no id holds the separator, which no line does.
std::string key_of(const table_file& file, std::size_t item, std::optional<std::size_t> position) {
  std::string key(file.text(item));
  if (position) key.append(1, '\n').append(file.text(*position));
  return key;
}

// Probabilities by key_of().
using policy_table = std::unordered_map<std::string, double>;

struct running_mean {
  double sum = 0;
  double n = 0;
  std::string position;
};

// The means as shares of their sum at each position. A mean of logged propensities is one of the records that showed
// the item, so the likelier contexts weigh more and the means sum to more than 1.
policy_table shares_of(const std::map<std::string, running_mean>& means) {
  std::map<std::string, double> total;
  for (const auto& entry : means) total[entry.second.position] += entry.second.sum / entry.second.n;
  policy_table out;
  for (const auto& entry : means) {
    out[entry.first] = entry.second.sum / entry.second.n / total[entry.second.position];
  }
  return out;
}

std::optional<std::size_t> optional_column(const table_file& file, const std::string& name, const char* option) {
  if (name.empty()) return std::nullopt;
  return file.column(name, option);
}

policy_table read_policy(const ope_columns& columns, const tandem::progress& progress) {
  table_file file(columns.mean_of, progress);
  const std::size_t propensity = file.column(columns.propensity, "--propensity");
  const std::size_t item = file.column(columns.item, "--item");
  const auto position = optional_column(file, columns.position, "--position");
  std::map<std::string, running_mean> means;
  while (file.next()) {
    const double p = file.number(propensity);
    if (!(p > 0 && p <= 1)) {
      throw error(errc::invalid_argument, "is " + std::to_string(p),
                  {columns.mean_of, file.here().line, columns.propensity},
                  "give the probability, above 0 and at most 1, with which the action was drawn");
    }
    running_mean& mean = means[key_of(file, item, position)];
    if (position) mean.position = file.text(*position);
    mean.sum += p;
    mean.n += 1;
  }
  if (means.empty()) throw error(errc::bad_format, "has a header and no records", {columns.mean_of, 0, {}});
  return shares_of(means);
}

}  // namespace

void read_ope_log(const std::string& path, const ope_columns& columns, const tandem::progress& progress,
                  const std::function<void(const ope_record&)>& use) {
  table_file file(path, progress);
  const std::size_t reward = file.column(columns.reward, "--reward");
  const std::size_t propensity = file.column(columns.propensity, "--propensity");
  const auto target = optional_column(file, columns.target, "--target");
  const auto item = optional_column(file, columns.item, "--item");
  const auto position = optional_column(file, columns.position, "--position");
  const auto predicted = optional_column(file, columns.predicted, "--predicted");
  const auto expected = optional_column(file, columns.expected, "--expected");
  const policy_table policy = target ? policy_table{} : read_policy(columns, progress);
  while (file.next()) {
    ope_record record;
    record.logged.reward = file.number(reward);
    record.logged.propensity = file.number(propensity);
    if (target) {
      record.logged.target = file.number(*target);
    } else {
      const auto found = policy.find(key_of(file, *item, position));
      record.logged.target = found == policy.end() ? 0 : found->second;
    }
    if (predicted) record.predicted = {file.number(*predicted), file.number(*expected)};
    try {
      use(record);
    } catch (const error& e) {
      throw error(e.code(), e.message(), {path, file.here().line, e.where().field}, e.remedy());
    }
  }
}

}  // namespace tandem_cli
