#pragma once
// What a fuzz target is: a function that is given bytes and survives them, and bytes that are as they should be.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"

namespace tandem_fuzz {

/// Each target defines the two. What run() throws, and what the sanitizers see, is a bug.
void run(std::string_view input);
std::vector<std::string> seeds();

/// What must hold for every input.
inline void claim(bool holds) {
  if (!holds) std::abort();
}

/// Whether f takes its input; refusing it is an error of tandem that says why.
template <class F>
bool taken(F&& f) {
  try {
    f();
    return true;
  } catch (const tandem::error& e) {
    claim(!e.message().empty());
    return false;
  }
}

/// Takes bytes off the front: what chooses between variants of a target.
inline std::uint8_t choice(std::string_view& input) {
  if (input.empty()) return 0;
  const auto out = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  return out;
}

/// A folder of this process. Who starts it removes it: a fuzzer leaves without destructors.
inline const std::filesystem::path& folder() {
  static const std::filesystem::path made = [] {
    std::filesystem::path path = std::filesystem::temp_directory_path() / "tandem-fuzz-XXXXXX";
    std::string name = path.string();
    claim(mkdtemp(name.data()) != nullptr);
    return std::filesystem::path(name);
  }();
  return made;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// `whole` with changes: each three bytes of where, one of how many bytes to put there, those bytes; how many = 255
/// cuts it off there. Small inputs reach all of a file that is large by its format.
inline std::string changed(std::string whole, std::string_view changes) {
  while (changes.size() > 4 && !whole.empty()) {
    std::size_t at = 0;
    for (int k = 0; k < 3; ++k) at = at << 8U | choice(changes);
    at %= whole.size();
    const std::size_t n = choice(changes);
    if (n == 255) {
      whole.resize(at);
      continue;
    }
    const std::string_view bytes = changes.substr(0, n % 32 + 1);
    changes.remove_prefix(bytes.size());
    whole.replace(at, bytes.size(), bytes);
  }
  return whole;
}

/// What is written by a byte_writer, and read by a byte_reader. As of tests, without their framework.
template <class Writer, class Save>
std::string saved(Save&& save) {
  std::string out;
  auto sink = [&](std::span<const std::byte> run) {
    out.append(reinterpret_cast<const char*>(run.data()), run.size());
  };
  Writer writer(sink);
  save(writer);
  writer.finish();
  return out;
}

template <class Reader, class Load>
auto loaded(std::string_view from, Load&& load) {
  auto rest = std::as_bytes(std::span(from));
  auto source = [&] {
    const auto out = rest.first(rest.size() < 777 ? rest.size() : 777);
    rest = rest.subspan(out.size());
    return out;
  };
  Reader reader(source);
  auto out = load(reader);
  reader.finish();
  return out;
}

}  // namespace tandem_fuzz
