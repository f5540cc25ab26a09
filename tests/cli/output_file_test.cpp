#include "output_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"
#include "support/scratch.hpp"

using tandem_cli::output_file;
using test_support::bytes_of;
using test_support::scratch;

TEST_CASE("an output appears whole, in place of the old one, and leaves nothing else") {
  const scratch here;
  const std::filesystem::path path = here.path / "report.json";
  std::ofstream(path) << "old";
  output_file out(path.string());
  CHECK(bytes_of(path) == "old");
  out.write("new");
  CHECK(bytes_of(path) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(here.path), {}) == 1);
}

TEST_CASE("an output that is given up leaves the old file as it was") {
  const scratch here;
  const std::filesystem::path path = here.path / "report.json";
  std::ofstream(path) << "old";
  { const output_file out(path.string()); }
  CHECK(bytes_of(path) == "old");
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
