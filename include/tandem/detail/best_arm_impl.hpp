#pragma once
// Quadrature behind online/best_arm.hpp: p_i = integral of pdf_i(x) * prod_{j != i} cdf_j(x) dx for all i at once.
//
// The integral runs upwards from the highest of the arms' lower ends, `start`; below it the best arm hardly ever lies.
// An arm that reaches from below `start` to `start + t` is at least t / (2 reach) wide, so nodes may grow apart with t:
// a grid x = start + width * sinh(u), u in equal steps, is fine enough for every arm, however different their widths,
// and takes about log(widest / narrowest) nodes. In u the integrand is smooth and vanishes at both ends, where the
// trapezoid rule converges fastest.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>

#include "tandem/online/best_arm.hpp"

TANDEM_BEGIN
namespace online {
namespace detail {

inline constexpr double reach = 6;           // sds on either side that matter: beyond lies 1e-9 of the mass
inline constexpr double normal_step = 0.35;  // distance of nodes, in sds of the narrowest arm there
inline constexpr double beta_step = 0.15;
inline constexpr double negligible = 1e-12;

/// Keeps the `capacity` arms of the highest `optimistic` score among those added.
template <class Arm>
struct shortlist {
  std::array<Arm, max_best_arms> arms;
  std::size_t size = 0;

  void add(const Arm& arm, std::size_t capacity) noexcept {
    const auto better = [](const Arm& x, const Arm& y) { return x.optimistic > y.optimistic; };
    if (size == capacity) {
      if (!better(arm, arms[0])) return;
      std::pop_heap(arms.begin(), end(), better);
      arms[size - 1] = arm;
      std::push_heap(arms.begin(), end(), better);
      return;
    }
    arms[size++] = arm;
    if (size == capacity) std::make_heap(arms.begin(), end(), better);
  }
  [[nodiscard]] auto begin() noexcept { return arms.begin(); }
  [[nodiscard]] auto end() noexcept { return arms.begin() + static_cast<std::ptrdiff_t>(size); }

  /// Drops arms that are never the best; returns the highest lower end.
  double prune() noexcept {
    double start = -std::numeric_limits<double>::infinity();
    for (const Arm& arm : *this) start = std::max(start, arm.low());
    const auto kept = std::remove_if(begin(), end(), [&](const Arm& arm) { return arm.high() < start; });
    size = static_cast<std::size_t>(kept - begin());
    return start;
  }
  void sort_by_upper_end() noexcept {
    std::sort(begin(), end(), [](const Arm& x, const Arm& y) { return x.high() > y.high(); });
  }
};

inline void scale_to_one(std::span<double> out) noexcept {
  double sum = 0;
  for (const double p : out) sum += p;
  for (double& p : out) p /= sum;
}

// ---- normal posteriors
// ------------------------------------------------------------------------------------------------

struct normal_arm {
  double mean = 0;
  double sd = 0;
  double optimistic = 0;
  std::size_t index = 0;

  [[nodiscard]] double low() const noexcept { return mean - reach * sd; }
  [[nodiscard]] double high() const noexcept { return mean + reach * sd; }
};

/// P(N(0, 1) <= z), |z| <= 7, within 1e-15, given bell = exp(-z^2 / 2): the rational approximation 5666 of Hart et al.,
/// Computer Approximations, 1968. It shares its exponential with the density and takes half the time of std::erfc.
inline double normal_cdf(double z, double bell) noexcept {
  constexpr std::array<double, 7> top{220.206867912376, 221.213596169931,  112.079291497871,  33.912866078383,
                                      6.37396220353165, 0.700383064443688, 0.0352624965998911};
  constexpr std::array<double, 8> bottom{440.413735824752, 793.826512519948, 637.333633378831, 296.564248779674,
                                         86.7807322029461, 16.064177579207,  1.75566716318264, 0.0883883476483184};
  const double a = std::fabs(z);
  double numerator = 0;
  double denominator = 0;
  for (std::size_t i = top.size(); i-- > 0;) numerator = numerator * a + top[i];
  for (std::size_t i = bottom.size(); i-- > 0;) denominator = denominator * a + bottom[i];
  const double tail = bell * numerator / denominator;
  return z > 0 ? 1 - tail : tail;
}

/// log P(N(0, 1) <= z) and its derivative, pdf / cdf, for |z| <= 6.5, as cubics between 208 points: within 3e-8 of
/// either (relative to 1 + its size). An exponential for each arm and node would take four times as long.
class normal_table {
 public:
  static constexpr double end = 6.5;
  static constexpr int per_unit = 16;

  normal_table() noexcept {
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      const knot low(static_cast<double>(c) / per_unit - end);
      const knot high(static_cast<double>(c + 1) / per_unit - end);
      cells_[c].log_cdf = hermite(low.log_cdf, low.hazard, high.log_cdf, high.hazard);
      cells_[c].hazard = hermite(low.hazard, low.bend, high.hazard, high.bend);
    }
  }

  struct cell {
    std::array<double, 4> log_cdf, hazard;  // of the way through the cell, in [0, 1]
  };
  /// The cell of z, and in `way` how far through it z lies.
  [[nodiscard]] const cell& at(double z, double& way) const noexcept {
    const double place = std::clamp((z + end) * per_unit, 0.0, static_cast<double>(n_cells) - 1e-9);
    const auto c = static_cast<std::size_t>(place);
    way = place - static_cast<double>(c);
    return cells_[c];
  }
  [[nodiscard]] static double cubic(const std::array<double, 4>& c, double t) noexcept {
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]));
  }

 private:
  static constexpr std::size_t n_cells = static_cast<std::size_t>(2 * end * per_unit);

  struct knot {
    explicit knot(double z) noexcept {
      const double bell = std::exp(-0.5 * z * z);
      const double cdf = normal_cdf(z, bell);
      log_cdf = std::log(cdf);
      hazard = bell / std::sqrt(2 * std::numbers::pi) / cdf;
      bend = -hazard * (z + hazard);
    }
    double log_cdf, hazard, bend;
  };
  static std::array<double, 4> hermite(double f0, double d0, double f1, double d1) noexcept {
    constexpr double h = 1.0 / per_unit;
    return {f0, h * d0, 3 * (f1 - f0) - h * (2 * d0 + d1), 2 * (f0 - f1) + h * (d0 + d1)};
  }

  std::array<cell, n_cells> cells_;
};

inline const normal_table& normals() noexcept {
  static const normal_table table;
  return table;
}

/// Adds to out[index] a common multiple of P(best), for arms of sd > 0 with the highest upper end first.
inline void add_normal_best(std::span<const normal_arm> arms, std::span<double> out) noexcept {
  const normal_table& table = normals();
  const double log_negligible = std::log(negligible);
  double start = -std::numeric_limits<double>::infinity();
  double narrowest = std::numeric_limits<double>::infinity();
  std::array<double, max_best_arms> precision;  // 1 / sd
  for (std::size_t j = 0; j < arms.size(); ++j) {
    start = std::max(start, arms[j].low());
    narrowest = std::min(narrowest, arms[j].sd);
    precision[j] = 1 / arms[j].sd;
  }
  std::array<double, max_best_arms> hazard;  // pdf / cdf
  std::size_t alive = arms.size();           // arms that may still be above x
  const double growth = std::exp(normal_step / (2 * reach));
  for (double e = 1;; e *= growth) {  // e = exp(u)
    const double x = start + reach * narrowest * (e - 1 / e);
    while (alive > 0 && arms[alive - 1].high() < x) --alive;
    if (alive == 0) return;
    double log_all = 0;  // of P(every arm <= x)
    for (std::size_t j = 0; j < alive && log_all > log_negligible; ++j) {
      double way = 0;
      const normal_table::cell& c = table.at((x - arms[j].mean) * precision[j], way);
      log_all += normal_table::cubic(c.log_cdf, way);
      hazard[j] = precision[j] * normal_table::cubic(c.hazard, way);
    }
    if (log_all <= log_negligible) continue;
    const double weight = std::exp(log_all) * (e + 1 / e);
    for (std::size_t j = 0; j < alive; ++j) out[arms[j].index] += weight * hazard[j];
  }
}

// ---- beta posteriors, on the scale of log odds, where their densities are smooth and bell-shaped
// ------------------------

struct beta_arm {
  double alpha = 1;
  double beta = 1;
  double optimistic = 0;
  std::size_t index = 0;
  double norm = 0;   // log density at its mode
  double lower = 0;  // log odds beyond which the density is e^-20 of its mode's
  double upper = 0;
  double above = 0;  // sum of the density over the nodes above

  [[nodiscard]] double low() const noexcept { return lower; }
  [[nodiscard]] double high() const noexcept { return upper; }
  [[nodiscard]] double mode() const noexcept { return std::log(alpha / beta); }
  [[nodiscard]] double width() const noexcept { return std::sqrt(1 / alpha + 1 / beta); }

  /// alpha * log(rate) + beta * log(1 - rate) at log odds y.
  [[nodiscard]] double exponent(double y) const noexcept { return exponent(y, log_rate(y)); }
  [[nodiscard]] double exponent(double y, double log_of_rate) const noexcept {
    return alpha * log_of_rate + beta * (log_of_rate - y);
  }
  [[nodiscard]] static double log_rate(double y) noexcept {
    return y > 0 ? -std::log1p(std::exp(-y)) : y - std::log1p(std::exp(y));
  }
  /// Where the density has fallen to e^-20 of the mode's; `side` is -1 or 1. From outside, on a concave function,
  /// Newton's steps stay outside.
  [[nodiscard]] double end(double side) const noexcept {
    const double target = exponent(mode()) - 20;
    double y = mode() + 4 * side * width();
    for (double away = 8; exponent(y) > target; away *= 2) y = mode() + away * side * width();
    for (int i = 0; i < 3; ++i) y += (target - exponent(y)) / (alpha - (alpha + beta) / (1 + std::exp(-y)));
    return y;
  }
};

/// log Gamma(x), x > 0, by Stirling's series; std::lgamma writes a global.
inline double log_gamma(double x) noexcept {
  double shift = 0;
  for (; x < 10; x += 1) shift += std::log(x);
  const double r = 1 / (x * x);
  const double series = (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r / 1680))) / x;
  return (x - 0.5) * std::log(x) - x + 0.5 * std::log(2 * std::numbers::pi) + series - shift;
}

/// The grid of the log odds: u(t) = asinh(t / width) + t / longest, so that nodes also stay closer than the logistic
/// bends.
struct beta_grid {
  double width;
  double longest;

  [[nodiscard]] double u(double t) const noexcept { return std::asinh(t / width) + t / longest; }
  [[nodiscard]] double slope(double t) const noexcept { return 1 / std::hypot(width, t) + 1 / longest; }  // du / dt
  /// The t of a given u, from a t near it.
  [[nodiscard]] double t(double target, double near) const noexcept {
    for (int i = 0; i < 50; ++i) {
      const double move = (target - u(near)) / slope(near);
      near = std::max(near + move, 0.0);
      if (std::fabs(move) <= 1e-12 * near) break;
    }
    return near;
  }
};

/// Adds to out[index] a common multiple of P(best), for arms with the highest upper end first.
///
/// Nodes are visited downwards, so that each arm's tail above a node is the trapezoid sum so far plus the first
/// Euler-Maclaurin correction.
inline void add_beta_best(std::span<beta_arm> arms, double start, std::span<double> out) noexcept {
  double narrowest = std::numeric_limits<double>::infinity();
  for (const beta_arm& arm : arms) narrowest = std::min(narrowest, arm.width());
  constexpr double step = beta_step / (2 * reach);
  const beta_grid grid{2 * reach * narrowest, 0.4 / step};
  std::array<double, max_best_arms> hazard;
  std::size_t alive = 0;
  double t = arms[0].upper - start;
  for (auto node = static_cast<int>(std::ceil(grid.u(t) / step)); node >= 0; --node) {
    t = grid.t(step * node, t);
    const double y = start + t;
    while (alive < arms.size() && arms[alive].upper >= y) ++alive;
    const double stretch = 1 / grid.slope(t);                                                      // dy / du
    const double bend = t / std::pow(std::hypot(grid.width, t), 3) * stretch * stretch * stretch;  // d2y / du2
    const double log_rate = beta_arm::log_rate(y);
    const double rate = std::exp(log_rate);
    double all = 1;  // P(every arm <= y)
    for (std::size_t j = 0; j < alive; ++j) {
      beta_arm& arm = arms[j];
      const double pdf = std::exp(arm.exponent(y, log_rate) + arm.norm);
      const double pdf_slope = pdf * (arm.alpha * (1 - rate) - arm.beta * rate);
      const double tail =
          step * (arm.above + 0.5 * pdf * stretch) + step * step / 12 * (pdf_slope * stretch * stretch + pdf * bend);
      arm.above += pdf * stretch;
      const double cdf = std::max(1 - tail, negligible);
      hazard[j] = pdf / cdf;
      all *= cdf;
    }
    for (std::size_t j = 0; j < alive; ++j) out[arms[j].index] += all * hazard[j] * stretch;
  }
}

}  // namespace detail

inline void probability_best(std::span<const estimate> arms, std::span<double> out, double scale,
                             std::size_t support) noexcept {
  TANDEM_ASSERT(out.size() == arms.size() && support >= 1 && support <= max_best_arms);
  detail::shortlist<detail::normal_arm> list;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const double sd = scale * arms[i].sd();
    if (arms[i].finite()) list.add({arms[i].mean, sd, arms[i].mean + 3 * sd, i}, support);
  }
  if (list.size == 0) {
    std::fill(out.begin(), out.end(), 1 / static_cast<double>(out.size()));
    return;
  }
  std::fill(out.begin(), out.end(), 0.0);
  const double start = list.prune();
  const auto near = std::find_if(list.begin(), list.end(), [&](const auto& arm) { return arm.low() == start; });
  const double origin = near->mean;  // means close to each other keep their digits when they are counted from here
  for (detail::normal_arm& arm : list) arm.mean -= origin;
  // Arms known exactly that are left all lie at `start`: one stands for them, so narrow that no other arm sees the
  // difference, and they share what it gets.
  const auto known = std::partition(list.begin(), list.end(), [](const auto& arm) { return arm.sd > 0; });
  const std::size_t n_known = static_cast<std::size_t>(list.end() - known);
  std::array<std::size_t, max_best_arms> sharing;
  std::transform(known, list.end(), sharing.begin(), [](const auto& arm) { return arm.index; });
  if (n_known > 0) {
    double narrowest = known == list.begin() ? 1.0 : list.begin()->sd;
    for (auto arm = list.begin(); arm != known; ++arm) narrowest = std::min(narrowest, arm->sd);
    known->sd = 1e-3 * narrowest;
    list.size -= n_known - 1;
  }
  list.sort_by_upper_end();
  detail::add_normal_best({list.begin(), list.end()}, out);
  const double share = n_known > 0 ? out[sharing[0]] / static_cast<double>(n_known) : 0;
  for (std::size_t k = 0; k < n_known; ++k) out[sharing[k]] = share;
  detail::scale_to_one(out);
}

inline void probability_best(std::span<const beta_counts> arms, std::span<double> out, std::size_t support) noexcept {
  TANDEM_ASSERT(out.size() == arms.size() && support >= 1 && support <= max_best_arms);
  const auto within = [](double count) { return count >= 0.1 ? std::min(count, 1e12) : 0.1; };
  detail::shortlist<detail::beta_arm> list;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    detail::beta_arm arm{within(arms[i].alpha), within(arms[i].beta), 0, i};
    arm.optimistic = arm.mode() + 3 * arm.width();
    list.add(arm, support);
  }
  if (list.size == 0) return;
  std::fill(out.begin(), out.end(), 0.0);
  for (detail::beta_arm& arm : list) {
    arm.norm = detail::log_gamma(arm.alpha + arm.beta) - detail::log_gamma(arm.alpha) - detail::log_gamma(arm.beta);
    arm.lower = arm.end(-1);
    arm.upper = arm.end(1);
  }
  const double start = list.prune();
  list.sort_by_upper_end();
  detail::add_beta_best({list.begin(), list.end()}, start, out);
  detail::scale_to_one(out);
}

}  // namespace online
TANDEM_END
