#pragma once
// A life of an engine, the same for the same seed: what hosts do, in all its kinds, one step at a time.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/scratch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/engine.hpp"
#include "tandem/open.hpp"

namespace durable_world {

using namespace tandem;

inline std::string in(const test_support::scratch& folder, const char* name) { return (folder.path / name).string(); }

// whether a file of the folder has the text anywhere
inline bool holds(const std::filesystem::path& folder, const std::string& text) {
  return std::any_of(
      std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator(), [&](const auto& each) {
        return each.is_regular_file() && test_support::bytes_of(each.path()).find(text) != std::string::npos;
      });
}

inline engine_options small_options() {
  engine_options o;
  o.rank = 4;
  o.seed = 5;
  o.ials.epochs = 2;
  o.reward_window = std::chrono::seconds(90);
  o.max_pending_decisions = 24;
  o.max_event_keys = 50;
  o.default_reward = 0.01;
  o.actions = {{"buy", 3.0}, {"skip", -1.0}};
  return o;
}

// What a host remembers of pages it was given.
struct shown_page {
  decision_id id = decision_id::none;
  std::vector<std::string> items;
};

class life {
 public:
  explicit life(std::uint64_t seed) : random_(seed, 7) {}

  // one step on `e`: two engines that are led by lives of one seed do the same
  void step(engine& e) {
    now_ += static_cast<std::int64_t>(random_.below(4000));
    const double what = random_.uniform();
    if (what < 0.62) {
      observe(e);
    } else if (what < 0.82) {
      recommend(e);
    } else if (what < 0.93) {
      reward(e);
    } else if (what < 0.96) {
      change(e);
    } else {
      e.advance(from_millis(now_));
    }
    if (++steps_ % 150 == 0) e.refit();
  }

  void go_on(engine& e, std::size_t steps) {
    for (std::size_t k = 0; k < steps; ++k) step(e);
  }

 private:
  std::string user() { return "user" + std::to_string(random_.below(30)); }
  std::string stranger() { return "stranger" + std::to_string(strangers_ + random_.below(5)); }
  std::string item() {
    const double x = random_.uniform();
    return "item" + std::to_string(static_cast<int>(x * x * 80));
  }

  void observe(engine& e) {
    const std::string who = user();
    const std::string which = item();
    const std::string key = "key" + std::to_string(random_.below(90));
    event told{.user = who, .item = which, .time = from_millis(now_)};
    const double kind = random_.uniform();
    if (kind < 0.2) told.action = "buy";
    if (kind > 0.92) told.action = "skip";
    if (random_.uniform() < 0.2) told.value = random_.uniform() * 3;
    if (random_.uniform() < 0.3) told.key = key;
    if (random_.uniform() < 0.3) told.context = {{"device", random_.uniform() < 0.5 ? "phone" : "desk"}};
    if (random_.uniform() < 0.1 && !pages_.empty()) told.decision = pages_[random_.below(pages_.size())].id;
    if (random_.uniform() < 0.05) told.time = from_millis(now_ - 200000);
    e.observe(told);
  }

  void recommend(engine& e) {
    const std::string who = random_.uniform() < 0.15 ? stranger() : user();
    request asked{.user = who, .count = 1 + random_.below(6), .time = from_millis(now_)};
    if (random_.uniform() < 0.3) asked.context = {{"device", "phone"}};
    const std::vector<std::string> some{item(), item(), item()};
    const std::vector<std::string_view> named(some.begin(), some.end());
    if (random_.uniform() < 0.2) asked.blocked = named;
    if (random_.uniform() < 0.15) asked.candidates = named;
    if (random_.uniform() < 0.1) asked.shadow = true;
    if (asked.count == 4) asked.rules = &rules_;
    std::vector<shown_item> page_of_others;
    if (asked.count <= 3 && random_.uniform() < 0.3) {  // of items that may not be known, or be the same
      for (std::size_t k = 0; k < asked.count; ++k) page_of_others.push_back({some[k], 0.1 + 0.9 * random_.uniform()});
      asked.shown = page_of_others;
    }
    const recommendation answer = e.recommend(asked);
    shown_page page{answer.id, {}};
    for (const recommended_item& each : answer) page.items.push_back(each.item);
    pages_.push_back(page);
    if (pages_.size() > 40) pages_.erase(pages_.begin());
  }

  void reward(engine& e) {
    if (pages_.empty()) return;
    const shown_page& page = pages_[random_.below(pages_.size())];
    if (page.items.empty()) return;
    e.reward(page.id, page.items[random_.below(page.items.size())], random_.uniform(), from_millis(now_));
  }

  void change(engine& e) {
    const double what = random_.uniform();
    if (what < 0.4) {
      e.upsert_item(item(), {{"kind", random_.uniform() < 0.5 ? "tea" : "coffee"}, {"size", "small"}});
    } else if (what < 0.6) {
      e.retire_item(item());
    } else if (what < 0.85) {
      e.merge(stranger(), user());
      strangers_ += 5;  // the next visitors are others
    } else {
      e.set_consent(user(), random_.uniform() < 0.5);
    }
  }

  page_rules rules_{.never_with = {"size=large"},
                    .caps = {{"kind", 1}},
                    .boosts = {{.fact = "kind=tea", .by = 0.5}},
                    .diversity = {.kind = diversity_kind::mmr}};
  random_stream random_;
  std::int64_t now_ = 1'700'000'000'000;
  std::size_t strangers_ = 0;
  std::size_t steps_ = 0;
  std::vector<shown_page> pages_;
};

}  // namespace durable_world
