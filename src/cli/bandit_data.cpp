#include "bandit_data.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "table_file.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/parse_text.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;
using tandem::detail::shown;

// Texts numbered in order of appearance, up to a number of them.
class text_numbers {
 public:
  explicit text_numbers(std::size_t most) : most_(most) {}

  // Nothing when it would be one too many.
  std::optional<std::uint32_t> number(std::string_view text) {
    const auto at = static_cast<std::size_t>(std::find(texts_.begin(), texts_.end(), text) - texts_.begin());
    if (at == texts_.size()) {
      if (texts_.size() == most_) return std::nullopt;
      texts_.emplace_back(text);
    }
    return static_cast<std::uint32_t>(at);
  }
  [[nodiscard]] std::size_t size() const { return texts_.size(); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(texts_); }

 private:
  std::size_t most_;
  std::vector<std::string> texts_;
};

// One column, of which it is known at the end only whether it holds numbers or names.
class context_column {
 public:
  context_column(std::size_t column, bool names) : column_(column), names_(names) {}

  void add(const table_file& file) {
    const std::string_view text = file.text(column_);
    const auto found = tandem::detail::parse_number(text);
    if (!found && !word_line_) {
      word_line_ = file.here().line;
      word_ = shown(text);
    }
    const auto code = too_many_line_ ? std::optional<std::uint32_t>() : texts_.number(text);
    if (!code && !too_many_line_) too_many_line_ = file.here().line;
    if (found && std::abs(*found) > 1e30) {
      throw error(errc::bad_format, shown(text) + " is too large", {file.here().file, file.here().line, name(file)},
                  "give numbers within +-1e30");
    }
    numbers_.push_back(found.value_or(0));
    codes_.push_back(static_cast<std::uint8_t>(code.value_or(0)));
  }

  // To be called before width() and fill().
  void settle(const table_file& file) {
    names_ = names_ || word_line_;
    if (!names_ || !too_many_line_) return;
    const std::string many = "more than " + std::to_string(max_texts) + " different texts";
    if (word_line_) {
      throw error(errc::bad_format, word_ + " is not a number, and the column holds " + many,
                  {file.here().file, *word_line_, name(file)},
                  "leave the column out (--ignore " + name(file) + "), or see that every line holds a number");
    }
    throw error(errc::bad_format, "the column holds " + many, {file.here().file, *too_many_line_, name(file)},
                "take its numbers as numbers: leave it out of --one-hot");
  }

  [[nodiscard]] std::size_t width() const { return names_ ? texts_.size() : 1; }

  // Writes to `out`, every `stride` a row.
  void fill(float* out, std::size_t stride, bool standardize) const {
    const auto [center, scale] = standardize && !names_ ? moments() : std::pair(0.0, 1.0);
    for (std::size_t i = 0; i < numbers_.size(); ++i, out += stride) {
      if (names_) {
        out[codes_[i]] = 1;
      } else {
        *out = static_cast<float>((numbers_[i] - center) * scale);
      }
    }
  }

 private:
  [[nodiscard]] const std::string& name(const table_file& file) const { return file.header()[column_]; }

  // The mean, and 1 / standard deviation; 1 when all are alike.
  [[nodiscard]] std::pair<double, double> moments() const {
    const auto n = static_cast<double>(numbers_.size());
    double mean = 0;
    for (const double x : numbers_) mean += x / n;
    double variance = 0;
    for (const double x : numbers_) variance += (x - mean) * (x - mean) / n;
    return {mean, variance > 1e-24 * mean * mean && variance > 0 ? 1 / std::sqrt(variance) : 1.0};
  }

  std::size_t column_;
  bool names_;
  text_numbers texts_{max_texts};
  std::vector<double> numbers_;
  std::vector<std::uint8_t> codes_;
  std::optional<std::uint64_t> word_line_, too_many_line_;  // the first line that holds no number, or one text too many
  std::string word_;
};

bool fits(const std::string& pattern, const std::string& name) {
  if (pattern.empty() || pattern.back() != '*') return pattern == name;
  return name.compare(0, pattern.size() - 1, pattern, 0, pattern.size() - 1) == 0;
}

// The columns that a list of names and prefixes stands for, in the file's order.
std::vector<bool> columns_of(const table_file& file, const std::vector<std::string>& patterns, const char* option) {
  std::vector<bool> out(file.header().size());
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.back() != '*') {
      out[file.column(pattern, option)] = true;
      continue;
    }
    bool any = false;
    for (std::size_t c = 0; c < out.size(); ++c) {
      if (!fits(pattern, file.header()[c])) continue;
      out[c] = any = true;
    }
    if (!any) {
      throw error(errc::bad_format,
                  "no column fits " + shown(pattern) + "; there are: " + tandem::detail::list_of(file.header()),
                  {file.here().file, 1, {}}, std::string("correct ") + option);
    }
  }
  return out;
}

// The columns of context while the file is read.
class context_reader {
 public:
  context_reader(const table_file& file, const std::vector<bool>& wanted, const context_choice& chosen)
      : standardize_(chosen.standardize) {
    const std::vector<bool> names = columns_of(file, chosen.one_hot, "--one-hot");
    const std::vector<bool> ignored = columns_of(file, chosen.ignore, "--ignore");
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      if (wanted[c] && !ignored[c]) columns_.emplace_back(c, names[c]);
    }
  }

  void add(const table_file& file) {
    for (context_column& each : columns_) each.add(file);
  }

  [[nodiscard]] context_table finish(const table_file& file, std::size_t rows) {
    context_table out;
    out.dimension = 1;
    for (context_column& each : columns_) {
      each.settle(file);
      out.dimension += each.width();
    }
    if (out.dimension > max_dimension) {
      throw error(errc::bad_format,
                  "contexts would be " + std::to_string(out.dimension) + " numbers long, more than " +
                      std::to_string(max_dimension),
                  {file.here().file, 0, {}}, "leave out columns (--ignore), or take codes as numbers (--one-hot)");
    }
    out.values.resize(rows * out.dimension);
    std::size_t at = 0;
    for (const context_column& each : columns_) {
      each.fill(out.values.data() + at, out.dimension, standardize_);
      at += each.width();
    }
    for (std::size_t i = 0; i < rows; ++i) out.values[i * out.dimension + at] = 1;
    return out;
  }

 private:
  bool standardize_;
  std::vector<context_column> columns_;
};

std::uint32_t number_of(text_numbers& numbers, const table_file& file, std::size_t column, const char* what,
                        const char* option) {
  if (const auto found = numbers.number(file.text(column))) return *found;
  throw error(errc::bad_format, "there are more than " + std::to_string(max_arms) + " " + what,
              {file.here().file, file.here().line, file.header()[column]},
              std::string("is it the right column? ") + option + " names it");
}

void require_rows(std::size_t rows, std::size_t arms, const std::string& path, const std::string& field,
                  const char* what) {
  if (rows == 0) throw error(errc::bad_format, "has a header and no rows", {path, 0, {}});
  if (arms < 2) {
    throw error(errc::bad_format, std::string("holds one ") + what + " only: there is nothing to choose",
                {path, 0, field}, "name another column");
  }
}

}  // namespace

classified_rows read_classified(const std::string& path, const std::string& target, const context_choice& chosen,
                                const tandem::progress& progress) {
  table_file file(path, progress);
  const std::size_t label = target.empty() ? file.header().size() - 1 : file.column(target, "--target");
  std::vector<bool> wanted(file.header().size(), true);
  wanted[label] = false;
  context_reader contexts(file, wanted, chosen);
  text_numbers classes(max_arms);
  classified_rows out;
  while ((chosen.limit == 0 || out.size() < chosen.limit) && file.next()) {
    out.label.push_back(number_of(classes, file, label, "classes", "--target"));
    contexts.add(file);
  }
  require_rows(out.size(), classes.size(), path, file.header()[label], "class");
  out.contexts = contexts.finish(file, out.size());
  out.classes = classes.take();
  return out;
}

logged_rows read_logged(const std::string& path, const logged_columns& columns, const context_choice& chosen,
                        const tandem::progress& progress) {
  table_file file(path, progress);
  const std::size_t arm = file.column(columns.arm, "--arm");
  const std::size_t reward = file.column(columns.reward, "--reward");
  const std::size_t propensity = file.column(columns.propensity, "--propensity");
  const std::vector<bool> wanted = columns_of(file, columns.context, "--context");
  for (const std::size_t taken : {arm, reward, propensity}) {
    if (!wanted[taken]) continue;
    throw error(errc::invalid_argument, "a decision cannot depend on it: it is known afterwards only",
                {path, 1, file.header()[taken]}, "leave it out of --context");
  }
  context_reader contexts(file, wanted, chosen);
  text_numbers arms(max_arms);
  logged_rows out;
  while ((chosen.limit == 0 || out.size() < chosen.limit) && file.next()) {
    out.arm.push_back(number_of(arms, file, arm, "arms", "--arm"));
    out.reward.push_back(file.number(reward));
    out.propensity.push_back(file.number(propensity));
    if (!(out.propensity.back() > 0 && out.propensity.back() <= 1)) {
      throw error(errc::invalid_argument, "is " + shown(file.text(propensity)),
                  {path, file.here().line, columns.propensity},
                  "give the probability, above 0 and at most 1, with which the arm was drawn");
    }
    contexts.add(file);
  }
  require_rows(out.size(), arms.size(), path, columns.arm, "arm");
  out.contexts = contexts.finish(file, out.size());
  out.arms = arms.take();
  return out;
}

}  // namespace tandem_cli
