#pragma once
// Inline SVG that fits any width: x in per cent and y in pixels, so that text keeps its size on a phone.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/study/detail/html_text.hpp"
#include "tandem/study/latency.hpp"
#include "tandem/study/report.hpp"

TANDEM_BEGIN
namespace study::detail {

/// A linear axis from 0 with round ticks.
struct axis {
  double high = 1;
  double step = 0.25;

  /// Covers [0, largest] with about `wanted` ticks at multiples of 1, 2 or 5 times a power of ten.
  [[nodiscard]] static axis up_to(double largest, double wanted = 4) {
    if (!(largest > 0)) largest = 1;
    const double raw_step = largest / wanted;
    const double unit = std::pow(10, std::floor(std::log10(raw_step)));
    double step = 10 * unit;
    for (const double nice : {5.0, 2.0, 1.0}) {
      if (nice * unit >= raw_step) step = nice * unit;
    }
    return {std::max(largest * 1.04, step), step};
  }

  /// Where x lies, as a percentage of the width.
  [[nodiscard]] std::string at(double x) const { return cat(fixed(100 * std::clamp(x / high, 0.0, 1.0), 2), "%"); }

  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> out;
    for (int k = 0; k * step <= high * (1 + 1e-9); ++k) out.push_back(k * step);
    return out;
  }

  /// A tick as it is labelled: as many digits as the step needs.
  [[nodiscard]] std::string label(double x) const {
    if (x == 0) return "0";
    std::string text = fixed(x, std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))));
    return text.rfind("0.", 0) == 0 ? text.substr(1) : text;
  }
};

[[nodiscard]] inline std::string grid_lines(const axis& x) {
  std::string out;
  for (const double t : x.ticks()) {
    out += cat(R"(<line class="g" x1=")", x.at(t), "\" x2=\"", x.at(t), R"(" y1="0" y2="100%"/>)");
  }
  return out;
}

/// The labels of an axis, to stand below lanes.
[[nodiscard]] inline std::string axis_lane(const axis& x) {
  std::string out = R"(<svg class="lane axis" height="18" aria-hidden="true">)";
  for (const double t : x.ticks()) {
    out += cat("<text x=\"", x.at(t), R"(" y="13" text-anchor="middle">)", x.label(t), "</text>");
  }
  return out + "</svg>";
}

/// A dot with its interval.
[[nodiscard]] inline std::string dot(const axis& x, const estimate& e, std::string_view colour, int y) {
  if (!std::isfinite(e.value)) return {};
  const std::string at = std::to_string(y);
  return cat("<line class=\"ci ", colour, "\" x1=\"", x.at(e.range.low), "\" x2=\"", x.at(e.range.high), "\" y1=\"", at,
             "\" y2=\"", at, "\"/><circle class=\"dot ", colour, "\" cx=\"", x.at(e.value), "\" cy=\"", at,
             R"(" r="5"/>)");
}

/// One row of a dot plot.
[[nodiscard]] inline std::string dot_lane(const axis& x, const estimate& e, std::string_view colour) {
  return cat(R"(<svg class="lane" height="32" aria-hidden="true">)", grid_lines(x), dot(x, e, colour, 16), "</svg>");
}

/// One row of a bar chart with a reference line; as high as its row.
[[nodiscard]] inline std::string bar_lane(const axis& x, const estimate& e, std::string_view colour, double reference) {
  std::string out =
      cat(R"(<div class="tall"><svg aria-hidden="true">)", grid_lines(x), "<rect class=\"bar ", colour,
          R"(" x="0" y="50%" width=")", x.at(e.value), "\" height=\"12\" rx=\"2\" transform=\"translate(0 -6)\"/>");
  if (std::isfinite(e.range.low)) {
    out += cat(R"(<line class="whisker" x1=")", x.at(e.range.low), "\" x2=\"", x.at(e.range.high),
               R"(" y1="50%" y2="50%"/>)");
  }
  return out + cat(R"(<line class="ref" x1=")", x.at(reference), "\" x2=\"", x.at(reference),
                   R"(" y1="0" y2="100%"/></svg></div>)");
}

/// One curve of a line chart.
struct curve {
  std::string_view colour;
  std::span<const double> values;
  std::span<const double> low = {}, high = {};  ///< a band about it; empty = none
  std::span<const double> at = {};              ///< x in [0, 1]; empty = values stand in the middle of equal slices
};

/// A point of value v in a 1000 x 1000 box, y down.
[[nodiscard]] inline std::string point_of(const curve& c, std::size_t k, double v, const axis& y) {
  const double x = c.at.empty() ? (static_cast<double>(k) + 0.5) / static_cast<double>(c.values.size()) : c.at[k];
  return cat(fixed(1000 * x, 1), " ", fixed(1000 * (1 - std::clamp(v / y.high, 0.0, 1.0)), 1));
}

[[nodiscard]] inline std::string path_of(const curve& c, const axis& y) {
  std::string d;
  for (std::size_t k = 0; k < c.values.size(); ++k) d += cat(k == 0 ? "M" : "L", point_of(c, k, c.values[k], y));
  return d;
}

/// Along the upper edge and back along the lower.
[[nodiscard]] inline std::string band_of(const curve& c, const axis& y) {
  std::string d;
  for (std::size_t k = 0; k < c.high.size(); ++k) d += cat(k == 0 ? "M" : "L", point_of(c, k, c.high[k], y));
  for (std::size_t k = c.low.size(); k-- > 0;) d += cat("L", point_of(c, k, c.low[k], y));
  return d + "Z";
}

/// Curves over time. Labels of y stand on their lines; x carries `left` and `right` at its ends and a mark a refit.
/// @param marks  positions of refits, as shares of the width.
[[nodiscard]] inline std::string line_chart(std::span<const curve> curves, std::span<const double> marks,
                                            std::string_view left, std::string_view right) {
  constexpr int height = 260;
  double largest = 0;
  for (const curve& c : curves) {
    for (const double v : c.values) largest = std::max(largest, v);
    for (const double v : c.high) largest = std::max(largest, v);
  }
  const axis y = axis::up_to(largest);
  std::string out = cat(R"(<svg class="chart" height=")", std::to_string(height + 26), R"(" aria-hidden="true">)");
  for (const double t : y.ticks()) {
    const std::string at = fixed(height * (1 - t / y.high), 1);
    out += cat(R"(<line class="g" x1="0" x2="100%" y1=")", at, "\" y2=\"", at, "\"/>");
  }
  for (const double m : marks) {
    const std::string at = cat(fixed(100 * m, 2), "%");
    out += cat(R"(<line class="refit" x1=")", at, "\" x2=\"", at, "\" y1=\"", std::to_string(height), "\" y2=\"",
               std::to_string(height - 7), "\"/>");
  }
  out += cat(R"(<svg x="0" y="0" width="100%" height=")", std::to_string(height),
             R"(" viewBox="0 0 1000 1000" preserveAspectRatio="none">)");
  for (const curve& c : curves) {
    if (!c.low.empty()) out += cat("<path class=\"band ", c.colour, "\" d=\"", band_of(c, y), "\"/>");
  }
  for (const curve& c : curves) out += cat("<path class=\"line ", c.colour, "\" d=\"", path_of(c, y), "\"/>");
  out += "</svg>";
  for (const double t : y.ticks()) {
    if (t > 0) {
      out +=
          cat(R"(<text class="over" x="0" y=")", fixed(height * (1 - t / y.high) - 4, 1), "\">", y.label(t), "</text>");
    }
  }
  const std::string below = std::to_string(height + 20);
  return out + cat(R"(<text x="0" y=")", below, "\">", escape(left), R"(</text><text x="100%" y=")", below,
                   R"(" text-anchor="end">)", escape(right), "</text></svg>");
}

/// A logarithmic axis of durations over whole decades.
struct duration_axis {
  double low_us = 1;
  double high_us = 1000;

  /// Holds all but the fastest and slowest thousandth of every histogram.
  [[nodiscard]] static duration_axis around(std::span<const latency_histogram* const> all) {
    double low = std::numeric_limits<double>::infinity();
    double high = 0;
    for (const latency_histogram* h : all) {
      if (h->size() == 0) continue;
      low = std::min(low, h->percentile(0.001));
      high = std::max(high, h->percentile(0.999));
    }
    if (!(high > 0)) return {};
    return {std::pow(10, std::floor(std::log10(low))), std::pow(10, std::ceil(std::log10(high) + 1e-9))};
  }

  [[nodiscard]] double share(double us) const {
    return std::clamp(std::log(us / low_us) / std::log(high_us / low_us), 0.0, 1.0);
  }
  [[nodiscard]] std::string at(double us) const { return cat(fixed(100 * share(us), 2), "%"); }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> out;
    for (double t = low_us; t < high_us * 1.001; t *= 10) out.push_back(t);
    return out;
  }
};

/// How often calls took how long, as a hill over a logarithmic axis; the median and the slowest hundredth are marked.
[[nodiscard]] inline std::string hill(const latency_histogram& h, const duration_axis& x, std::string_view colour) {
  constexpr std::size_t merged = 4;  // bins a point: 8 points a doubling
  std::vector<double> heights;
  for (std::size_t b = 0; b < latency_histogram::n_bins; b += merged) {
    double sum = 0;
    for (std::size_t k = b; k < b + merged; ++k) sum += h.counts()[k];
    heights.push_back(sum);
  }
  const double top = std::max(1.0, *std::max_element(heights.begin(), heights.end()));
  std::string d = "M0 1000";
  for (std::size_t k = 0; k < heights.size(); ++k) {
    const double middle = latency_histogram::lower_edge(k * merged + merged / 2);
    if (middle < x.low_us || middle > x.high_us) continue;
    d += cat("L", fixed(1000 * x.share(middle), 1), " ", fixed(1000 - 960 * heights[k] / top, 1));
  }
  d += "L1000 1000Z";
  std::string out = R"(<svg class="lane hill" height="46" aria-hidden="true">)";
  for (const double t : x.ticks()) {
    out += cat(R"(<line class="g" x1=")", x.at(t), "\" x2=\"", x.at(t), R"(" y1="0" y2="46"/>)");
  }
  out += cat(R"(<svg x="0" y="0" width="100%" height="46" viewBox="0 0 1000 1000" preserveAspectRatio="none">)",
             "<path class=\"area ", colour, "\" d=\"", d, "\"/></svg>");
  for (const double p : {0.5, 0.99}) {
    const std::string at = x.at(h.percentile(p));
    out += cat(R"(<line class="mark" x1=")", at, "\" x2=\"", at, "\" y1=\"", p < 0.9 ? "2" : "24", R"(" y2="46"/>)");
  }
  return out + "</svg>";
}

/// The labels of a duration axis; a narrow page shows the ends and the middle only.
[[nodiscard]] inline std::string duration_lane(const duration_axis& x) {
  std::string out = R"(<svg class="lane axis" height="18" aria-hidden="true">)";
  const std::vector<double> ticks = x.ticks();
  for (std::size_t k = 0; k < ticks.size(); ++k) {
    const std::string_view anchor = k == 0 ? "start" : k + 1 == ticks.size() ? "end" : "middle";
    std::string label = duration_text(ticks[k]);
    if (const std::size_t tail = label.find(".0\u00a0"); tail != std::string::npos) label.erase(tail, 2);
    const bool middle = 2 * k + 1 == ticks.size();
    out += cat("<text x=\"", x.at(ticks[k]), R"(" y="13" text-anchor=")", anchor, "\"",
               anchor == "middle" && !middle ? " class=\"inner\">" : ">", label, "</text>");
  }
  return out + "</svg>";
}

}  // namespace study::detail
TANDEM_END
