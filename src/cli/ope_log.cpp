#include "ope_log.hpp"

#include <cstddef>
#include <map>
#include <unordered_map>
#include <vector>

#include "table_file.hpp"
#include "tandem/core/error.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;

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
