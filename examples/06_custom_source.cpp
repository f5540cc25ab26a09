// A host's own source in the blend: today's offers, which no log can know; the engine learns to trust it, and says why.
#include <array>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <tandem/tandem.hpp>
#include <unordered_set>
#include <utility>

namespace {

class offers final : public tandem::hybrid::source {
 public:
  void change(std::unordered_set<std::string> items) {
    const std::lock_guard lock(mutex_);
    items_ = std::move(items);
  }
  bool has(const std::string& item) const {
    const std::lock_guard lock(mutex_);
    return items_.count(item) != 0;
  }

  std::string_view name() const noexcept override { return "offers"; }
  tandem::hybrid::score_scale scale() const noexcept override { return tandem::hybrid::score_scale::share; }
  bool score(const tandem::hybrid::query& q, std::span<float> out) const override {
    const std::lock_guard lock(mutex_);  // many threads ask at once
    for (std::size_t i = 0; i < q.n_items(); ++i) out[i] = items_.count(std::string(q.known.items[i])) != 0 ? 1 : 0;
    return !items_.empty();  // false = nothing to say today
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> items_;
};

std::string wine(std::size_t i) { return "wine-" + std::to_string(i); }

}  // namespace

int main() {
  tandem::engine shop({.rank = 8});
  const auto today = std::make_shared<offers>();
  shop.add_source(today);  // before the first recommend()
  for (std::size_t i = 0; i < 200; ++i) shop.upsert_item(wine(i));

  tandem::random_stream random(5);
  auto now = tandem::from_millis(1'750'000'000'000);
  std::array<double, 40> offered{};  // of today's two offers, on a page of five, by day
  for (std::size_t day = 0; day < offered.size(); ++day) {
    today->change({wine(random.below(200)), wine(random.below(200))});
    for (std::size_t guest = 0; guest < 50; ++guest) {
      now += std::chrono::minutes(15);
      const std::string user = "guest-" + std::to_string(50 * day + guest);
      const auto page = shop.recommend({.user = user, .count = 5, .time = now});
      for (const auto& each : page) {
        offered[day] += today->has(each.item) ? 1.0 / 50 : 0;
        if (random.uniform() < (today->has(each.item) ? 0.4 : 0.05)) shop.reward(page.id, each.item, 1, now);
      }
    }
  }
  std::cout << "offers on a page: " << offered.front() << " on the first day, " << offered.back() << " on the last\n";

  today->change({wine(3)});  // a new day: nobody has taken the offer yet
  const auto why = shop.explain({.user = "somebody new", .count = 5, .time = now}, wine(3));
  std::cout << wine(3) << " is at place " << why.rank + 1 << ", served by " << why.served_by << ":\n";
  for (const auto& each : why.sources) std::cout << "  " << each.name << " ranks it " << each.rank + 1 << '\n';
  return why.rank < 5 && why.sources.back().name == "offers" && why.sources.back().rank == 0 && offered.back() > 1 ? 0
                                                                                                                   : 1;
}
