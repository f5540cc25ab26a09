// An engine's file with bytes changed, in the file or in its write-ahead log, or made of any bytes: verify_file(),
// copy_file(), open().

#include "engine_life.hpp"
#include "fuzz.hpp"

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t how = choice(input);
  const engine_file& whole = whole_file();
  switch (how % 3) {
    case 0: put(changed(whole.main, input), whole.wal); break;
    case 1: put(whole.main, changed(whole.wal, input)); break;
    default: put(input, {});
  }
  live_on(how >= 128);
}

std::vector<std::string> tandem_fuzz::seeds() {
  const std::string change("\0\0\x60\3abcd", 8);
  return {std::string(1, '\0') + change, std::string(1, '\1') + change,
          std::string(1, '\0') + std::string("\1\0\0\xFF.", 5), '\2' + whole_file().main.substr(0, 4096), "\x81"};
}
