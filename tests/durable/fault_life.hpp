#pragma once
// A life for fault tests: each step appends at most one entry, each event has a key of its own, and what was promised
// about it is remembered.

#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "durable/durable_world.hpp"
#include "durable/shim_vfs.hpp"
#include "tandem/core/random.hpp"
#include "tandem/open.hpp"

namespace fault_world {

using namespace tandem;
using durable_world::shown_page;
using durable_world::small_options;

/// Steps of a life at which something larger happens.
struct rhythm {
  std::size_t refit = 30, checkpoint = 20, flush = 7;  ///< every so many steps
};

class keyed_life {
 public:
  /// @param name  what its keys begin with
  explicit keyed_life(std::uint64_t seed, rhythm when = {}, std::string name = "told")
      : random_(seed, 3), when_(when), name_(std::move(name)) {}

  std::vector<std::string> told;          ///< keys, in order
  std::vector<std::string> acknowledged;  ///< of them, those that were answered `accepted` or `late`
  std::size_t failures = 0;               ///< changes that threw
  /// Called with the key of each event that is acknowledged.
  std::function<void(const std::string&)> heard = {};

  void step(engine& e) {
    const std::size_t n = ++steps_;
    now_ += static_cast<std::int64_t>(random_.below(4000));
    const double what = random_.uniform();
    const auto attempt = [&](auto&& f) {
      try {
        f();
      } catch (const error&) {
        ++failures;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
    };
    if (n % when_.refit == 0) return attempt([&] { e.refit(); });
    if (n % when_.checkpoint == 0) return attempt([&] { e.checkpoint(); });
    if (what < 0.6) return observe(e, n);
    if (what < 0.8) return recommend(e);
    if (what < 0.9) return reward(e);
    attempt([&] { change(e, what); });
  }
  /// Whether it is time to ask for a flush.
  [[nodiscard]] bool flushes() const noexcept { return steps_ % when_.flush == 0; }

 private:
  std::string user() { return "user" + std::to_string(random_.below(12)); }
  std::string item() { return "item" + std::to_string(random_.below(25)); }

  void observe(engine& e, std::size_t n) {
    const std::string who = user();
    const std::string which = item();
    const std::string key = name_ + std::to_string(n);
    event said{.user = who, .item = which, .time = from_millis(now_), .key = key};
    if (random_.uniform() < 0.3) said.action = "buy";
    if (random_.uniform() < 0.3) said.value = random_.uniform();
    if (random_.uniform() < 0.3) said.context = {{"device", "phone"}};
    told.push_back(key);
    if (!e.observe(said).taken()) return;
    acknowledged.push_back(key);
    if (heard) heard(key);
  }
  void recommend(engine& e) {
    const std::string who = user();
    const recommendation answer = e.recommend({.user = who, .count = 1 + random_.below(4), .time = from_millis(now_)});
    shown_page page{answer.id, {}};
    for (const recommended_item& each : answer) page.items.push_back(each.item);
    if (pages_.size() == 10) pages_.erase(pages_.begin());
    pages_.push_back(page);
  }
  void reward(engine& e) {
    if (pages_.empty()) return;
    const shown_page& page = pages_[random_.below(pages_.size())];
    const double value = random_.uniform();
    if (!page.items.empty()) e.reward(page.id, page.items[random_.below(page.items.size())], value, from_millis(now_));
  }
  void change(engine& e, double what) {
    const std::string which = item();
    const std::string who = user();
    if (what < 0.93) return e.upsert_item(which, {{"kind", random_.uniform() < 0.5 ? "tea" : "coffee"}});
    if (what < 0.95) return e.retire_item(which);
    if (what < 0.96) return e.merge("stranger", who);
    if (what < 0.97) return e.set_consent(who, random_.uniform() < 0.5);
    e.advance(from_millis(now_));
  }

  random_stream random_;
  rhythm when_;
  std::string name_;
  std::int64_t now_ = 1'700'000'000'000;
  std::size_t steps_ = 0;
  std::vector<shown_page> pages_;
};

/// Options of a file that is only checked: nothing fails, and nothing waits for a disk.
inline file_options in_peace() {
  static const tandem_test::shim_vfs quick(false);
  file_options out;
  out.vfs = quick.name();
  return out;
}

/// The keys of all entries, empty where an entry has none. Errors: damaged, when their numbers have gaps.
inline std::vector<std::string> keys_of(const durable_store& store) {
  std::vector<std::string> out;
  store.scan(entry_number{0}, [&](entry_number number, const journal_entry& entry) {
    const auto* said = std::get_if<event_entry>(&entry);
    out.push_back(said != nullptr ? std::string(said->key) : std::string());
    if (raw(number) != out.size()) throw error(errc::damaged, "the numbers of entries have gaps");
  });
  return out;
}

}  // namespace fault_world
