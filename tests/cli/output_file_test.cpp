#include "output_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"

using tandem_cli::output_file;

namespace {

// A folder that goes when the test does.
struct folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "tandem_output_file_test";
  folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directory(path);
  }
  ~folder() { std::filesystem::remove_all(path); }
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("an output appears whole, in place of the old one, and leaves nothing else") {
  const folder here;
  const std::filesystem::path path = here.path / "report.json";
  std::ofstream(path) << "old";
  output_file out(path.string());
  CHECK(text_of(path) == "old");
  out.write("new");
  CHECK(text_of(path) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(here.path), {}) == 1);
}

TEST_CASE("an output that is given up leaves the old file as it was") {
  const folder here;
  const std::filesystem::path path = here.path / "report.json";
  std::ofstream(path) << "old";
  { const output_file out(path.string()); }
  CHECK(text_of(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(here.path), {}) == 1);
}

TEST_CASE("a device is written to, never replaced") {
  output_file out("/dev/null");
  out.write("gone");
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a place that cannot be written to is an error at once") {
  CHECK_THROWS_AS(output_file("/no/such/folder/report.json"), tandem::error);
}
