// Makes the files that the tests of the command look into: a shop's engine, as its host left it, and worse ones.

#include <filesystem>
#include <fstream>
#include <string>

#include "durable/durable_world.hpp"
#include "tandem/json.hpp"
#include "tandem/open.hpp"

using namespace tandem;

namespace {

void make_shop(const std::string& path, const file_options& file = {}) {
  engine shop = open(path, durable_world::small_options(), file);
  durable_world::life days(3);
  days.go_on(shop, 900);
  for (int k = 0; k < 20; ++k) {
    shop.observe({.user = "ada", .item = "thesisofada", .time = from_millis(1'700'010'000'000 + k * 60'000)});
  }
  shop.checkpoint();
}

// one bit of one entry is other than it was
void damage(const std::string& path) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const std::size_t at = bytes.find("thesisofada");
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put('T');
}

#ifdef TANDEM_CLI_ENCRYPTION
// the same shop, encrypted; and files of keys
void make_sealed_shop(const std::filesystem::path& folder) {
  const std::string digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  std::ofstream(folder / "key") << digits << '\n';
  std::ofstream(folder / "wrong-key") << std::string(digits.rbegin(), digits.rend()) << '\n';
  std::ofstream(folder / "two-keys") << digits << '\n' << digits << '\n';
  const master_key key = master_key::from_hex(digits);
  make_shop((folder / "sealed").string(), {.key = &key});
}
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  make_shop((folder / "shop").string());
#ifdef TANDEM_CLI_ENCRYPTION
  make_sealed_shop(folder);
#endif
  for (const char* copy : {"forget", "compact", "damaged"}) {
    copy_file((folder / "shop").string(), (folder / copy).string());
  }
  damage((folder / "damaged").string());
  save_json(durable_world::small_options(), (folder / "options.json").string());
  engine_options other = durable_world::small_options();
  other.sources = {"popularity"};
  save_json(other, (folder / "other.json").string());
}
