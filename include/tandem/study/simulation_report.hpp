#pragma once
// What a simulation found: each figure over several seeds, the arms compared seed by seed, the survey's figures beside.
//
// Intervals are 95 % t intervals over seeds (Student 1908): mean +- t sd / sqrt(seeds), with t for seeds - 1 degrees of
// freedom. Arms are compared within a seed, where they met the same people, so differences vary less than the arms do.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/evaluation/interval.hpp"
#include "tandem/study/contenders.hpp"
#include "tandem/study/simulation.hpp"

TANDEM_BEGIN
namespace study {

/// How a figure is written.
enum class figure_unit : std::uint8_t { number, share, microseconds, seconds, bytes, megabytes, a_second };

/// One line of the survey's tables.
struct figure {
  std::string_view key;    ///< in JSON
  std::string_view title;  ///< for people
  std::string_view table;  ///< the table it stands in, for people
  figure_unit unit = figure_unit::number;
  bool of_engine = false;  ///< says nothing of random and oracle
  /// The survey's figures for batch, real time and hybrid in this unit; NaN where it has none that we know.
  std::array<double, 3> survey{};
  double (*of)(const simulation_result&) = nullptr;
};

/// All figures, table by table: attention, loyalty, speed, throughput and memory, cost.
[[nodiscard]] std::span<const figure> figures() noexcept;

/// A mean over seeds and its interval; the interval is NaN for a single seed.
struct seed_estimate {
  double mean = std::numeric_limits<double>::quiet_NaN();
  evaluation::interval range{mean, mean};
};

/// The t for which a Student variable of n degrees of freedom lies in [-t, t] with probability `confidence` in (0, 1):
/// exactly, by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4. NaN for n = 0.
[[nodiscard]] double student_quantile(std::size_t n, double confidence = 0.95) noexcept;

/// Mean and t interval. NaN of none.
[[nodiscard]] seed_estimate over_seeds(std::span<const double> values) noexcept;

/// One contender's results, by seed.
using contender_runs = std::vector<simulation_result>;

/// All contenders under one set of assumptions; a contender that did not run has no results.
struct simulation_runs {
  std::array<contender_runs, n_contenders> by;
  [[nodiscard]] const contender_runs& operator[](contender c) const noexcept { return by[static_cast<std::size_t>(c)]; }
  [[nodiscard]] contender_runs& operator[](contender c) noexcept { return by[static_cast<std::size_t>(c)]; }
};

/// A figure of one contender.
[[nodiscard]] seed_estimate estimate_of(const figure& f, const contender_runs& runs);
/// a - b within each seed.
[[nodiscard]] seed_estimate difference(const figure& f, const contender_runs& a, const contender_runs& b);
/// a / b within each seed: the geometric mean, its interval by logarithms. NaN when one is not above 0.
[[nodiscard]] seed_estimate ratio(const figure& f, const contender_runs& a, const contender_runs& b);

/// One set of assumptions of a sweep: what differs from those asked for.
struct sweep_setting {
  std::string_view name;
  std::vector<std::pair<std::string_view, double>> changes;  ///< as set() takes them
};

/// One assumption at a time, the defaults first.
[[nodiscard]] std::vector<sweep_setting> sweep_settings();

/// `base` under a setting. Errors: as set().
[[nodiscard]] population_options with(population_options base, const sweep_setting& setting);

/// What a setting of the sweep gave.
struct sweep_row {
  sweep_setting setting;
  simulation_runs runs;
};

/// What the interval of a ratio allows to say of the hybrid.
enum class outcome : std::uint8_t { wins, even, loses };
[[nodiscard]] outcome outcome_of(const seed_estimate& ratio) noexcept;

/// Everything a report is made of.
struct simulation_report {
  population_options options;
  std::vector<std::uint64_t> seeds;
  std::size_t at_once = 1;  ///< runs side by side, which lengthens times
  std::string command;      ///< repeats it; may be empty
  simulation_runs runs;
  std::vector<sweep_row> sweep;  ///< empty when none was asked for
};

/// The figure of that key. Requires one.
[[nodiscard]] const figure& figure_of(std::string_view key) noexcept;

}  // namespace study
TANDEM_END

#include "tandem/study/detail/simulation_report_impl.hpp"
