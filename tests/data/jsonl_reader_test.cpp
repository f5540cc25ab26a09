#if __has_include(<nlohmann/json.hpp>)  // an opt-in edge: without nlohmann_json there is nothing to test
#include "tandem/data/jsonl_reader.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

event_log read(const std::string& text, const read_options& options = {}, read_report* report = nullptr) {
  std::istringstream in(text);
  return read_jsonl(in, "log", options, report);
}

std::string show(const event_log& log) {
  std::string out;
  for (const logged_event& e : log.events) {
    std::ostringstream weight;
    weight << e.weight;
    out += std::string(log.users.name(e.user)) + "|" + std::string(log.items.name(e.item)) + "|" +
           std::string(log.actions.name(e.action)) + "|" + weight.str() + "|" + std::to_string(to_millis(e.time)) +
           "\n";
  }
  return out;
}

std::string failure(const std::string& text, const read_options& options = {}) {
  try {
    (void)read(text, options);
  } catch (const error& e) {
    CHECK(name(e.code()) == name(errc::bad_format));
    return e.what();
  }
  FAIL("was read: " << text);
  return {};
}

bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  UNSCOPED_INFO("'" << part << "' is not in: " << text);
  return false;
}

}  // namespace

TEST_CASE("one object a line is one event, keys in any order") {
  CHECK(show(read(R"({"user": "ada", "item": "kettle", "time": 881250949}
{"time":881250950,"value":2.5,"item":"teapot","action":"buy","user":"ben"}
)",
                  {.value_as_weight = true})) == "ada|kettle|view|1|881250949000\nben|teapot|buy|2.5|881250950000\n");
}

TEST_CASE("ids may be whole numbers, times text, and null is as good as absent") {
  CHECK(show(read(R"({"user":7,"item":-1,"time":"2011-12-09T12:50:00Z","action":null,"value":null,"key":null})")) ==
        "7|-1|view|1|1323435000000\n");
  CHECK(show(read(R"({"user":18446744073709551615,"item":"x","time":1.5})")) == "18446744073709551615|x|view|1|1500\n");
  CHECK(show(read(R"({"user":"u","item":"x","time":"1291191960000"})")) == "u|x|view|1|1291191960000\n");
}

TEST_CASE("other keys are passed over, whatever they hold") {
  CHECK(
      show(read(
          R"({"user":"u","meta":{"user":"no","list":[1,{"item":2}],"x":null},"tags":["item"],"ok":true,"item":"i","time":1})")) ==
      "u|i|view|1|1000\n");
}

TEST_CASE("names rename the keys") {
  CHECK(show(read(R"({"uid":"u","sku":"i","ts":1,"user":"other","time":"whenever"})",
                  {.names = {.user = "uid", .item = "sku", .time = "ts"}})) == "u|i|view|1|1000\n");
}

TEST_CASE("escapes, line ends, byte order mark and empty lines are understood") {
  CHECK(show(read("\xEF\xBB\xBF\n{\"user\":\"a\\u00e9\\n\",\"item\":\"\\ud83d\\ude00\",\"time\":1}\r\n\r\n  "
                  "{\"user\":\"b\",\"item\":\"i\",\"time\":2} ")) ==
        "a\xC3\xA9\n|\xF0\x9F\x98\x80|view|1|1000\nb|i|view|1|2000\n");
}

TEST_CASE("duplicate keys of events, missing times and weights are treated as in other files") {
  read_report report;
  CHECK(read(R"({"user":"u","item":"i","time":1,"key":"k"}
{"user":"u","item":"j","time":2,"key":"k"})",
             {}, &report)
            .events.size() == 1);
  CHECK(report.duplicates == 1);
  CHECK(show(read("{\"user\":\"u\",\"item\":\"i\"}\n{\"user\":\"u\",\"item\":\"j\"}", {.times_from_order = true})) ==
        "u|i|view|1|0\nu|j|view|1|1000\n");
}

TEST_CASE("every bad object is refused with its place, its key and what was found") {
  const std::string good = R"({"user":"u","item":"i","time":1})"
                           "\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"item":"i","time":1})", "log:2: field 'user': is empty"},
      {R"({"user":"","item":"i","time":1})", "log:2: field 'user': is empty"},
      {R"({"user":null,"item":"i","time":1})", "log:2: field 'user': is empty"},
      {R"({"user":"u","time":1})", "log:2: field 'item': is empty"},
      {R"({"user":"u","item":"i"})", "log:2: field 'time': is missing"},
      {R"({"user":"u","item":"i","time":null})", "log:2: field 'time': is missing"},
      {R"({"user":"u","item":"i","time":"soon"})", "log:2: field 'time': 'soon' is neither"},
      {R"({"user":"u","item":"i","time":99999999999999999999})",
       "log:2: field 'time': '99999999999999999999' lies beyond"},
      {R"({"user":"u","item":"i","time":1e999})", "log:2: is not one JSON object: it breaks off or goes wrong at byte"},
      {R"({"user":"u","item":"i","time":true})", "log:2: field 'time': is a boolean"},
      {R"({"user":"u","item":"i","time":[1]})", "log:2: field 'time': is an array"},
      {R"({"user":{"id":1},"item":"i","time":1})", "log:2: field 'user': is an object"},
      {R"({"user":1.5,"item":"i","time":1})", "log:2: field 'user': '1.5' is neither text nor a whole number"},
      {R"({"user":"u","item":"i","time":1,"value":"5"})", "log:2: field 'value': '5' is not a number"},
      {R"({"user":"u","item":"i","time":1,"value":1e39})", "log:2: field 'value': is not a finite number"},
      {R"({"user":"u","item":"i","time":1,"value":NaN})", "log:2: is not one JSON object"},
      {R"({"user":"u","item":"i","time":1,"user":"v"})", "log:2: field 'user': stands there twice"},
      {R"({"user":")" + std::string(513, 'x') + R"(","item":"i","time":1})", "(513 bytes) is longer than 512"},
      {"{\"user\":\"\xFF\",\"item\":\"i\",\"time\":1}",
       "log:2: is not one JSON object: it breaks off or goes wrong at byte 10"},
      {R"({"user":"\ud800","item":"i","time":1})", "log:2: is not one JSON object"},
      {R"({"user":"u","item":"i","time":1)", "log:2: is not one JSON object"},  // cut off in the middle
      {R"({"user":"u","item":"i","ti)", "log:2: is not one JSON object"},
      {R"({"user":"u","item":"i","time":1} x)", "log:2: is not one JSON object"},
      {R"({"user":"u","item":"i","time":1}{})", "log:2: is not one JSON object"},
      {"42", "log:2: is not a JSON object"},
      {"null", "log:2: is not a JSON object"},
      {"\"text\"", "log:2: is not a JSON object"},
      {"[1]", "log:2: is not a JSON object"},
      {"user,item,time", "log:2: is not one JSON object"},
  };
  for (const auto& [line, expected] : cases) {
    for (const std::string end : {"", "\n", "\r\n"}) {
      const std::string said = failure(std::string(good).append(line).append(end));
      CHECK(holds(said, expected));
      CHECK(holds(said, "skip_bad"));
    }
  }
  CHECK(holds(failure(""), "log: the file is empty"));
  CHECK(holds(failure("\n\n"), "log: the file is empty"));
}

TEST_CASE("bad objects are left out and counted when that is asked for") {
  read_report report;
  const auto log = read(
      "{\"user\":\"u\",\"item\":\"i\",\"time\":1}\n{\"user\":\n[]\n{\"user\":\"v\",\"item\":\"i\",\"time\":2}\n{\"us",
      {.skip_bad = true}, &report);
  CHECK(show(log) == "u|i|view|1|1000\nv|i|view|1|2000\n");
  CHECK(report.bad == 3);
  CHECK(report.first_bad[1].where.line == 3);
  CHECK(report.lines == 5);
  CHECK(holds(failure("x\ny\n", {.skip_bad = true}), "none of 2 lines can be read"));
}

TEST_CASE("files of objects are read as streams are") {
  const test_support::scratch folder;
  const auto path = folder.path / "events.jsonl";
  std::ofstream(path, std::ios::binary) << "{\"user\":\"u\",\"item\":\"i\",\"time\":1}\n";
  CHECK(show(read_jsonl(path)) == "u|i|view|1|1000\n");
  std::filesystem::remove(path);
  CHECK_THROWS_AS(read_jsonl(path), error);
}

TEST_CASE("random events are read as nlohmann_json wrote them") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_stream random(seed);
    const auto word = [&random] {
      static const std::vector<std::string> pieces = {"a", "\"", "\\", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                                      " ", "{",  "\t"};
      std::string out = "w";
      for (std::uint64_t n = random.below(6); n > 0; --n) out += pieces[random.below(pieces.size())];
      return out;
    };
    std::string text;
    std::string expected;
    const bool ascii = random.below(2) == 0;
    for (std::uint64_t n = 1 + random.below(20); n > 0; --n) {
      const std::string user = word();
      const std::string item = word();
      const std::string action = word();
      const double value = static_cast<double>(random.below(100)) / 4;
      const auto millis = 1300000000000 + static_cast<std::int64_t>(random.below(1000000));
      nlohmann::json object = {{"user", user}, {"item", item}, {"action", action}, {"value", value}, {"time", millis}};
      if (random.below(2) == 0) object["other"] = {{"user", word()}, {"list", {1, word(), nullptr}}};
      text += object.dump(-1, ' ', ascii) + "\n";
      std::ostringstream weight;
      weight << value;
      for (const std::string& part : {user, item, action, weight.str()}) expected.append(part).append("|");
      expected.append(std::to_string(millis)).append("\n");
    }
    REQUIRE(show(read(text, {.value_as_weight = true})) == expected);
  }
}

TEST_CASE("bytes drawn at random, and objects with a byte changed, never do worse than be refused") {
  const std::string object = R"({"user":"u","item":"i","time":1,"value":2.5,"action":"a","key":"k","x":[{"y":null}]})";
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    random_stream random(seed);
    std::string text = object;
    text.append("\n").append(object);
    for (std::uint64_t n = random.below(4); n > 0; --n) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    try {
      const event_log log = read(text);
      REQUIRE(log.events.size() <= 2);
    } catch (const error& e) {
      REQUIRE(e.code() == errc::bad_format);
    }
  }
}
#endif
