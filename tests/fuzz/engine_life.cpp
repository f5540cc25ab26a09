// The engine of engine_life.hpp, compiled once for all targets.

#include "engine_life.hpp"

#include "durable/durable_world.hpp"
#include "fuzz.hpp"
#include "tandem/open.hpp"

using namespace tandem;

namespace tandem_fuzz {

const engine_file& whole_file() {
  static const engine_file made = [] {
    const std::string path = (folder() / "shop").string();
    engine shop = open(path, durable_world::small_options());
    durable_world::life days(3);
    days.go_on(shop, 170);  // trains once
    shop.checkpoint();
    days.go_on(shop, 20);
    claim(shop.flush());
    return engine_file{path, bytes_of(path), bytes_of(path + "-wal")};
  }();
  return made;
}

void put(std::string_view main, std::string_view wal) {
  const std::string& path = whole_file().path;
  for (const char* beside : {"-wal", "-shm", "-owner"}) std::filesystem::remove(path + beside);
  write_bytes(path, main);
  if (!wal.empty()) write_bytes(path + "-wal", wal);
}

void live_on(bool anew) {
  const std::string& path = whole_file().path;
  engine_options options = durable_world::small_options();
  if (anew) options.sequence.window = 3;
  taken([&] { (void)verify_file(path); });
  taken([&] {
    const std::string copy = path + "-copy";
    std::filesystem::remove(copy);
    copy_file(path, copy);
  });
  taken([&] {
    engine shop = open(path, options);
    (void)shop.digest();
    durable_world::life days(4);
    days.go_on(shop, 15);
    shop.read_decisions([](const logged_decision&) {});
    shop.refit();
    shop.checkpoint();
    (void)shop.forget("user3", from_millis(1'800'000'000'000));
  });
  taken([&] { (void)open(path, options).digest(); });
}

}  // namespace tandem_fuzz
