// One file: an engine that is closed, or killed, goes on where it was; a user who asks is forgotten.

#include <tandem/open.hpp>

#include <cstdio>
#include <filesystem>
#include <string>

int main() try {
  using namespace tandem;
  const std::string path = (std::filesystem::temp_directory_path() / "tandem-example.tandem").string();
  for (const char* end : {"", "-wal", "-shm", "-owner"}) std::filesystem::remove(path + end);
  const auto at = [](std::int64_t minute) { return from_millis(1'700'000'000'000 + minute * 60'000); };

  std::uint64_t before = 0;
  {
    engine shop = open(path);
    for (int k = 0; k < 60; ++k) {
      const std::string user = "user" + std::to_string(k % 7);
      const std::string item = "item" + std::to_string(k * k % 11);
      shop.observe({.user = user, .item = item, .time = at(k)});
    }
    const recommendation page = shop.recommend({.user = "user3", .count = 5, .time = at(61)});
    shop.reward(page.id, page.items.front().item, 1.0, at(62));
    shop.refit();
    before = shop.digest();
  }

  engine shop = open(path);
  const bool same = shop.digest() == before;
  std::printf("opened: %llu events, %llu entries after the snapshot done again, the same bits: %s\n",
              static_cast<unsigned long long>(shop.stats().events),
              static_cast<unsigned long long>(shop.opened().replayed), same ? "yes" : "NO");

  const erasure_receipt receipt = shop.forget("user3", at(90));
  std::printf("%s", receipt.text().c_str());
  return same && receipt.counts.events > 0 ? 0 : 1;
} catch (const std::exception& e) {
  std::printf("%s\n", e.what());  // what happened, where, and what to do
  return 1;
}
