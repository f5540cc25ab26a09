#pragma once
// The sources every engine has, by name.

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/hybrid/live_affinity.hpp"
#include "tandem/hybrid/source.hpp"

TANDEM_BEGIN
namespace hybrid {

/// A built-in source and what it needs.
struct source_info {
  std::string_view name;
  std::string_view about;    ///< one line for people
  bool needs_model = false;  ///< silent, or only popularity, before the first refit
  bool by_default = true;    ///< part of the blend when options.sources is empty
};

namespace detail {

// log(1 + count) of everything: what a factor source says about a user it knows nothing of
inline bool score_popularity(const query& q, std::span<float> out) {
  q.known.popularity.scores(out);
  for (float& s : out) s = std::log1p(s);
  return true;
}

// by what trend_of(knowledge) counts
template <class TrendOf>
class trend_source final : public shared_source {
 public:
  trend_source(std::string_view name, TrendOf trend_of) : name_(name), trend_of_(trend_of) {}
  std::string_view name() const noexcept override { return name_; }
  double total(const query& q) const override { return trend_of_(q.known).total(); }
  float score_of(const query& q, item_index item) const override { return trend_of_(q.known).relative(item); }
  std::size_t n_blocks(const query& q) const override { return trend_of_(q.known).n_blocks(); }
  float peak(const query& q, std::size_t b) const override { return trend_of_(q.known).peak(b); }
  std::span<const float> block(const query& q, std::size_t b, std::span<float>) const override {
    return trend_of_(q.known).block(b);
  }

 private:
  std::string_view name_;
  TrendOf trend_of_;
};

inline std::shared_ptr<const source> make_trend_source(std::string_view name, std::size_t which) {
  const auto of = [which](const knowledge& known) -> const online::trend& { return known.trends[which]; };
  return std::make_shared<trend_source<decltype(of)>>(name, of);
}

inline std::shared_ptr<const source> make_popularity_source() {
  const auto of = [](const knowledge& known) -> const online::trend& { return known.popularity; };
  return std::make_shared<trend_source<decltype(of)>>("popularity", of);
}

class latest_source final : public shared_source {
 public:
  std::string_view name() const noexcept override { return "latest"; }
  double total(const query& q) const override { return q.known.latest.usual_total(); }
  float score_of(const query& q, item_index item) const override { return score(q, q.known.latest.of(item)); }
  std::size_t n_blocks(const query& q) const override { return q.known.latest.n_blocks(); }
  float peak(const query& q, std::size_t b) const override { return score(q, q.known.latest.peak(b)); }
  std::span<const float> block(const query& q, std::size_t b, std::span<float> out) const override {
    const std::span<const double> last = q.known.latest.block(b);
    for (std::size_t i = 0; i < last.size(); ++i) out[i] = score(q, last[i]);
    return out.first(last.size());
  }

 private:
  static float score(const query& q, double last) noexcept {
    return last > 0 ? 1 / static_cast<float>(q.known.popularity.total() + 1 - last) : 0.0F;
  }
};

// sums one kind of tie over the user's latest items
template <class Pick>
void add_ties(const query& q, std::size_t n, few_scores& out, float decay, Pick pick) {
  float age = 1;
  const std::size_t last = std::min(n, q.known.recent.size());
  for (std::size_t k = 0; k < last; ++k, age *= decay) {
    const recent_item& r = q.known.recent[k];
    const float w = age * r.weight / std::sqrt(1 + r.popularity);
    r.row->for_each([&](std::uint32_t item, const online::tie& t) { out.add(item, w * pick(t)); });
  }
}

inline void damp_popular(const query& q, few_scores& out) {
  out.scale([&](std::uint32_t item) { return item < q.known.damping.size() ? q.known.damping[item] : 1.0F; });
}

class next_item_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "next_item"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    float age = 1;
    for (std::size_t k = 0; k < std::min<std::size_t>(2, q.known.recent.size()); ++k, age *= 0.3F) {
      const recent_item& r = q.known.recent[k];
      const float w = age * r.weight / (r.row->followed * r.weight + 1);
      r.row->for_each([&](std::uint32_t item, const online::tie& t) { out.add(item, w * t.next); });
    }
    return !q.known.recent.empty();
  }
};

class followers_source final : public sparse_source {
 public:
  followers_source(std::string_view name, std::size_t items) : name_(name), items_(items) {}
  std::string_view name() const noexcept override { return name_; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    add_ties(q, items_, out, 0.9F, [](const online::tie& t) { return t.after; });
    return !q.known.recent.empty();
  }

 private:
  std::string_view name_;
  std::size_t items_;
};

class neighbours_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "neighbours"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    add_ties(q, knowledge::recent_items, out, 0.9F, [](const online::tie& t) { return t.around; });
    damp_popular(q, out);
    return !q.known.recent.empty();
  }
};

class basket_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "basket"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    std::size_t here = 0;
    while (here < q.known.recent.size() && q.known.recent[here].time == q.time) ++here;
    if (here == 0) return false;
    add_ties(q, here, out, 1, [](const online::tie& t) { return t.together; });
    damp_popular(q, out);
    return true;
  }
};

class repeat_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "repeat"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    if (q.seen_excluded) return false;
    const auto recent = q.known.history->recent();
    for (std::size_t k = 0; k < recent.size(); ++k) {
      out.add(raw(recent[recent.size() - 1 - k].item), 1 / (1 + static_cast<float>(k)));
    }
    return !recent.empty();
  }
};

class habit_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "habit"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    if (q.seen_excluded) return false;
    const auto recent = q.known.history->recent();
    for (const online::past_event& past : recent) out.add(raw(past.item), 1);
    return !recent.empty();
  }
};

class response_source final : public source {
 public:
  std::string_view name() const noexcept override { return "response_rate"; }
  bool has_opinion(const query& q) const override { return q.known.responses.total_shown() > 0; }
  bool score(const query& q, std::span<float> out) const override {
    if (!has_opinion(q)) return false;
    const online::response_rate& all = q.known.responses;
    if (const auto& here = q.known.channel_responses) {
      here->means(all, out);
    } else {
      all.means(out);
    }
    return true;
  }
  void variances(const query& q, std::span<const item_index> items, std::span<float> out) const override {
    const online::response_rate& all = q.known.responses;
    const auto& here = q.known.channel_responses;
    for (std::size_t i = 0; i < items.size(); ++i) {
      out[i] = static_cast<float>(here ? here->variance(items[i], all) : all.variance(items[i]));
    }
  }
};

// log lift of an item in this context over its share at large, shrunk towards none by `prior` events
class context_source final : public source {
 public:
  std::string_view name() const noexcept override { return "context"; }
  bool has_opinion(const query& q) const override { return !q.known.contexts.empty(); }
  bool score(const query& q, std::span<float> out) const override {
    const double all = q.known.popularity.total();
    for (const online::trend& fact : q.known.contexts) {
      const double total = fact.total();
      const auto base = static_cast<float>(std::log(prior / (total + prior)));
      for (float& s : out) s += base;
      fact.for_each([&](std::size_t i, float count) {
        if (count == 0 || i >= out.size()) return;
        const double share = double{q.known.popularity.relative(item_index{static_cast<std::uint32_t>(i)})} / all;
        out[i] += static_cast<float>(std::log1p(double{count} / (prior * share)));
      });
    }
    return !q.known.contexts.empty();
  }

 private:
  static constexpr double prior = 50;
};

// items that share attributes with what the user had lately, rare attributes counting more
class attributes_source final : public sparse_source {
 public:
  std::string_view name() const noexcept override { return "attributes"; }
  score_scale scale() const noexcept override { return score_scale::share; }
  bool score_few(const query& q, few_scores& out) const override {
    const auto& facts = q.known.attributes;
    if (facts.size() == 0) return false;
    flat_table<float> taste;
    float age = 1;
    const auto recent = q.known.history->recent();
    for (std::size_t k = recent.size(); k-- > 0; age *= 0.97F) {
      const std::size_t item = slot(recent[k].item);
      if (item >= facts.size()) continue;
      for (const std::uint32_t fact : facts[item]) taste[fact] += age / std::sqrt(q.known.attribute_items[fact] + 5);
    }
    if (taste.size() == 0) return false;
    for (std::size_t i = 0; i < std::min(q.n_items(), facts.size()); ++i) {
      for (const std::uint32_t fact : facts[i]) {
        if (const float* weight = taste.find(fact)) out.add(static_cast<std::uint32_t>(i), *weight);
      }
    }
    return true;
  }
};

class next_item_ridge_source final : public source {
 public:
  std::string_view name() const noexcept override { return "next_item_ridge"; }
  bool has_opinion(const query& q) const override { return q.known.batch != nullptr; }
  bool score(const query& q, std::span<float> out) const override {
    if (!has_opinion(q)) return false;
    const auto recent = q.known.history->recent();
    std::vector<item_index> items(recent.size());
    std::transform(recent.begin(), recent.end(), items.begin(), [](const auto& past) { return past.item; });
    const batch::next_item_ridge_model& model = q.known.batch->ridge;
    return model.score_recent(items, out.first(model.n_items()));
  }
};

class batch_affinity_source final : public source {
 public:
  std::string_view name() const noexcept override { return "batch_affinity"; }
  bool direction(const query& q, std::span<float> user_vector) const override {
    const batch::factor_model& model = *q.known.batch->model;
    if (slot(q.index) >= model.n_users()) return false;
    const auto factors = model.user_factors(q.index);
    std::copy(factors.begin(), factors.end(), user_vector.begin());
    return std::any_of(factors.begin(), factors.end(), [](float f) { return f != 0; });
  }
  bool score(const query& q, std::span<float> out) const override {
    if (q.known.batch == nullptr) return score_popularity(q, out);
    const std::vector<float>& popularity = q.known.batch->popularity;
    std::copy_n(popularity.begin(), std::min(popularity.size(), out.size()), out.begin());
    return true;
  }
};

// inner products of the items with the mean of a posterior over what Taste picks of the user's history
template <class Taste>
class posterior_source final : public source {
 public:
  posterior_source(std::string_view name, Taste pick) : name_(name), pick_(std::move(pick)) {}
  std::string_view name() const noexcept override { return name_; }
  bool direction(const query& q, std::span<float> user_vector) const override {
    const user_posterior posterior = posterior_of(q, posterior_parts::mean);
    if (posterior.known_items() == 0) return false;
    std::copy(posterior.mean().begin(), posterior.mean().end(), user_vector.begin());
    return true;
  }
  bool score(const query& q, std::span<float> out) const override { return score_popularity(q, out); }
  void variances(const query& q, std::span<const item_index> items, std::span<float> out) const override {
    if (q.known.batch == nullptr) return;
    const user_posterior posterior = posterior_of(q, posterior_parts::mean_and_variance);
    if (posterior.known_items() == 0) return;
    const batch::factor_model& model = *q.known.batch->model;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (slot(items[i]) < model.n_items()) out[i] = posterior.variance(model.item_factors(items[i]));
    }
  }

 private:
  user_posterior posterior_of(const query& q, posterior_parts parts) const {
    const batch::factor_model& model = *q.known.batch->model;
    return {model, pick_(model, *q.known.history), parts};
  }

  std::string_view name_;
  Taste pick_;
};

}  // namespace detail

/// The built-in sources, in the order they are reported. `trend_*` halve every 200, 2,000 and 20,000 events.
[[nodiscard]] inline std::span<const source_info> built_in_sources() noexcept {
  static constexpr std::array<source_info, 19> all{{
      {"popularity", "events per item so far"},
      {"trend_short", "events per item, halving every 200 events"},
      {"trend_medium", "events per item, halving every 2,000 events"},
      {"trend_long", "events per item, halving every 20,000 events"},
      {"latest", "what anybody had last"},
      {"next_item", "what followed the user's last two items at once"},
      {"followers", "what came after the user's last 12 items"},
      {"followers_recent", "what came after the user's last two items"},
      {"neighbours", "what other users had near the user's last 12 items"},
      {"basket", "what goes with the items of this very moment"},
      {"repeat", "what the user had before, the latest first"},
      {"habit", "what the user had before, the most often first"},
      {"response_rate", "how often the item is taken when shown"},
      {"context", "what is taken more under the request's context than at large"},
      {"attributes", "items whose attributes the user had lately"},
      {"batch_affinity", "user and item factors, both frozen since the refit", true},
      {"batch_fold_in", "item factors frozen, the user's whole history folded in on request", true, false},
      {"live_affinity", "the batch posterior updated by the user's later events, recent ones counting more", true},
      {"next_item_ridge", "what comes next after the user's latest items, by a linear model of the whole log", true},
  }};
  return all;
}

/// Half-lives of the trend sources in events, shortest first.
inline constexpr std::array<double, 3> trend_half_lives{200, 2000, 20000};

/// Makes a built-in source. Errors: not_found, listing the names there are.
[[nodiscard]] inline std::shared_ptr<const source> make_source(std::string_view name,
                                                               const live_affinity_options& live = {}) {
  if (name == "popularity") return detail::make_popularity_source();
  if (name == "trend_short") return detail::make_trend_source("trend_short", 0);
  if (name == "trend_medium") return detail::make_trend_source("trend_medium", 1);
  if (name == "trend_long") return detail::make_trend_source("trend_long", 2);
  if (name == "latest") return std::make_shared<detail::latest_source>();
  if (name == "next_item") return std::make_shared<detail::next_item_source>();
  if (name == "followers") return std::make_shared<detail::followers_source>("followers", knowledge::recent_items);
  if (name == "followers_recent") return std::make_shared<detail::followers_source>("followers_recent", 2);
  if (name == "neighbours") return std::make_shared<detail::neighbours_source>();
  if (name == "basket") return std::make_shared<detail::basket_source>();
  if (name == "repeat") return std::make_shared<detail::repeat_source>();
  if (name == "habit") return std::make_shared<detail::habit_source>();
  if (name == "response_rate") return std::make_shared<detail::response_source>();
  if (name == "context") return std::make_shared<detail::context_source>();
  if (name == "attributes") return std::make_shared<detail::attributes_source>();
  if (name == "batch_affinity") return std::make_shared<detail::batch_affinity_source>();
  if (name == "batch_fold_in")
    return std::make_shared<detail::posterior_source<decltype(&whole_taste)>>("batch_fold_in", &whole_taste);
  if (name == "live_affinity") {
    const auto latest = [live](const batch::factor_model& model, const online::history& past) {
      return recent_taste(model, past.recent(), live);
    };
    return std::make_shared<detail::posterior_source<decltype(latest)>>("live_affinity", latest);
  }
  if (name == "next_item_ridge") return std::make_shared<detail::next_item_ridge_source>();
  std::string names;
  for (const source_info& each : built_in_sources()) names += (names.empty() ? "" : ", ") + std::string(each.name);
  throw error(errc::not_found, "there is no source '" + std::string(name) + "'", {{}, 0, "sources"},
              "choose from " + names);
}

}  // namespace hybrid
TANDEM_END
