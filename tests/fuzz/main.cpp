// libFuzzer's side of every target; with --seeds=FOLDER first, writes the target's seeds there and ends.

#include <cstdio>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const std::string_view option = "--seeds=";
  if (*argc < 2 || !std::string_view((*argv)[1]).starts_with(option)) return 0;
  const std::filesystem::path folder(std::string_view((*argv)[1]).substr(option.size()));
  std::filesystem::create_directories(folder);
  std::size_t n = 0;
  for (const std::string& each : tandem_fuzz::seeds()) {
    tandem_fuzz::write_bytes(folder / ("seed-" + std::to_string(n++)), each);
  }
  std::printf("%zu seeds\n", n);
  std::exit(n == 0 ? 1 : 0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tandem_fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
