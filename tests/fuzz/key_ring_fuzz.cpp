// The file of a key ring with bytes changed, and sealed text of any bytes.

#include <array>

#include "fuzz.hpp"
#include "tandem/store/key_ring.hpp"

using namespace tandem;

namespace {

struct sealed_ring {
  std::string path, bytes;
  std::string sealed;  // for ada
};

key_ring open_ring(const std::string& path) {
  std::array<std::byte, 32> key{};
  key[0] = std::byte{7};
  key_ring_options options;
  options.cached_users = 10;
  return key_ring(path, master_key::from_bytes(key), options);
}

const sealed_ring& whole() {
  static const sealed_ring made = [] {
    sealed_ring out;
    out.path = (tandem_fuzz::folder() / "ring").string();
    {
      key_ring ring = open_ring(out.path);
      for (const char* user : {"ada", "bob", "cleo"}) out.sealed = ring.seal(ring.pseudonym_of(user), "text", "7");
      out.sealed = ring.seal(ring.pseudonym_of("ada"), "text", "7");
      ring.forget(ring.pseudonym_of("bob"));
    }
    out.bytes = tandem_fuzz::bytes_of(out.path);
    return out;
  }();
  return made;
}

void use(key_ring& ring, std::string_view sealed) {
  using tandem_fuzz::taken;
  const pseudonym ada = ring.pseudonym_of("ada");
  taken([&] { (void)ring.open(ada, sealed, "7"); });
  taken([&] { (void)ring.open(common_key::names, sealed, "7"); });
  for (const char* user : {"ada", "bob", "dan"}) {
    taken([&] {
      const pseudonym who = ring.pseudonym_of(user);
      tandem_fuzz::claim(ring.open(who, ring.seal(who, "new", ""), "") == "new");
    });
  }
  taken([&] { (void)ring.forget(ring.pseudonym_of("cleo")); });
  taken([&] { ring.rotate_snapshot_key(); });
  (void)ring.stats();
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t how = choice(input);
  std::filesystem::remove(whole().path + "-journal");
  std::filesystem::remove(whole().path + "-wal");
  switch (how % 3) {
    case 0: write_bytes(whole().path, changed(whole().bytes, input)); break;
    case 1: write_bytes(whole().path, input); break;
    default: write_bytes(whole().path, whole().bytes);
  }
  taken([&] {
    key_ring ring = open_ring(whole().path);
    use(ring, how % 3 == 2 ? input : std::string_view(whole().sealed));
  });
  taken([&] { (void)open_ring(whole().path); });
}

std::vector<std::string> tandem_fuzz::seeds() {
  const std::string change("\0\x10\x20\3abcd", 8);
  return {std::string(1, '\0') + change, std::string(1, '\0') + std::string("\0\x20\0\xFF.", 5),
          '\1' + whole().bytes.substr(0, 4096), '\2' + whole().sealed};
}
