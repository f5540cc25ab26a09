#include "output_folder.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/catch.hpp"
#include "support/scratch.hpp"

using tandem_cli::output_folder;
using test_support::scratch;
namespace fs = std::filesystem;

TEST_CASE("a folder of which nothing came goes again, one with files stays") {
  const scratch here;
  {
    const output_folder out(here.path / "new");
    CHECK(fs::is_directory(here.path / "new"));
    CHECK(fs::is_empty(out.path()));
  }
  CHECK_FALSE(fs::exists(here.path / "new"));
  {
    const output_folder out(here.path / "new");
    std::ofstream(out.path() / "model.json") << "{}";
  }
  CHECK(fs::exists(here.path / "new" / "model.json"));
  { const output_folder out(here.path / "new"); }  // it was there before: it stays whatever comes of it
  CHECK(std::distance(fs::directory_iterator(here.path / "new"), {}) == 1);
  fs::create_directory(here.path / "empty");
  { const output_folder out(here.path / "empty"); }
  CHECK(fs::exists(here.path / "empty"));
}

TEST_CASE("a place where no folder can be is refused before the work") {
  const scratch here;
  std::ofstream(here.path / "plain") << "a file";
  CHECK_THROWS_AS(output_folder(here.path / "plain"), tandem::error);
  CHECK_THROWS_AS(output_folder(here.path / "no" / "such"), tandem::error);
  CHECK(std::distance(fs::directory_iterator(here.path), {}) == 1);
}
