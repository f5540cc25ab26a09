// A refit in the background while other threads recommend and observe: nobody waits for it, no event is lost.
#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <tandem/tandem.hpp>
#include <thread>

namespace {

constexpr std::size_t n_users = 500, n_items = 300;
const auto start = tandem::from_millis(1'750'000'000'000);

std::string id(const char* kind, std::size_t number) { return std::string(kind).append(std::to_string(number)); }

void visit(tandem::engine& shop, tandem::random_stream& random) {
  const std::size_t user = random.below(n_users);
  const std::size_t item = random.below(n_items / 10) * 10 + user % 10;  // ten groups of users and items
  shop.observe({.user = id("user", user), .item = id("item", item), .time = start});
}

}  // namespace

int main() {
  tandem::engine shop({.rank = 32});
  tandem::thread_pool pool(2);  // after the engine: it is destroyed first, and ends what was posted
  tandem::random_stream random(1);
  for (int k = 0; k < 20'000; ++k) visit(shop, random);

  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::atomic<int> observed = 20'000;
  std::atomic<bool> in_order = true;
  std::vector<std::thread> host;
  for (std::uint64_t t = 0; t < 2; ++t) {
    host.emplace_back([&, t] {
      tandem::random_stream own(2, t);
      std::uint64_t version = 0;
      while (!stop) {
        const auto page = shop.recommend({.user = id("user", own.below(n_users)), .time = start});
        if (page.items.empty() || page.model_version < version) in_order = false;
        version = page.model_version;
        ++answers;
        visit(shop, own);
        ++observed;
      }
    });
  }

  std::atomic<int> finished = 0;
  std::atomic<bool> failed = false;
  for (int refit = 1; refit <= 3; ++refit) {
    // The proof that nobody waits: the refit itself waits, at every step, until the other threads got five more
    // answers.
    const auto hold = [&](const tandem::progress_report&) {
      for (const int before = answers; answers < before + 5;) std::this_thread::yield();
      return true;  // false would cancel
    };
    const auto began = std::chrono::steady_clock::now();
    shop.refit_in_background([&](std::function<void()> work) { pool.post(std::move(work)); }, pool, hold,
                             [&](std::exception_ptr failure) {
                               failed = failed || failure != nullptr;
                               ++finished;
                             });
    while (finished < refit) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::cout << "model " << shop.stats().model_version << " after " << took.count() << " ms, " << answers
              << " answers so far\n";
  }
  stop = true;
  for (std::thread& each : host) each.join();

  const tandem::engine_stats stats = shop.stats();
  std::cout << stats.events << " of " << observed << " events in the log\n";
  return in_order && !failed && stats.model_version == 3 && stats.events == static_cast<std::uint64_t>(observed) ? 0
                                                                                                                 : 1;
}
