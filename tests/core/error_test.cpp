#include "tandem/core/error.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("what reads place, message and remedy, and leaves out what is empty") {
  const auto what = [](const place& where, const std::string& remedy) {
    return std::string(error(errc::bad_format, "is empty", where, remedy).what());
  };
  CHECK(what({"log.csv", 12, "user"}, "fill it in") == "log.csv:12: field 'user': is empty; fill it in");
  CHECK(what({"log.csv", 12, ""}, "") == "log.csv:12: is empty");
  CHECK(what({"log.csv", 0, ""}, "") == "log.csv: is empty");
  CHECK(what({"log.csv", 0, "user"}, "") == "log.csv: field 'user': is empty");
  CHECK(what({"", 12, "user"}, "") == "line 12: field 'user': is empty");
  CHECK(what({"", 0, "rank"}, "give 1 to 1024") == "field 'rank': is empty; give 1 to 1024");
  CHECK(what({}, "") == "is empty");
}

TEST_CASE("an error gives back its parts") {
  const error e(errc::io_error, "cannot be opened", {"log.csv", 3, "time"}, "try again");
  CHECK(e.code() == errc::io_error);
  CHECK(e.message() == "cannot be opened");
  CHECK(e.where().file == "log.csv");
  CHECK(e.where().line == 3);
  CHECK(e.where().field == "time");
  CHECK(e.remedy() == "try again");
}

TEST_CASE("an error can be caught as what the standard library throws") {
  const auto fails = [] { throw error(errc::cancelled, "stopped"); };
  CHECK_THROWS_AS(fails(), std::runtime_error);
}

TEST_CASE("every code has a name of its own") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(errc::wrong_key); ++code) names.insert(name(static_cast<errc>(code)));
  CHECK(names.size() == static_cast<std::size_t>(errc::wrong_key) + 1);
  CHECK(names.count("unknown") == 0);
  CHECK(name(static_cast<errc>(200)) == "unknown");
}
