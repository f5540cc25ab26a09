#include "tandem/data/readers.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

event_log read(const std::string& text, const read_options& options = {}, read_report* report = nullptr,
               const progress& callback = {}) {
  std::istringstream in(text);
  return read_events(in, "log", options, report, callback);
}

// One line an event: user item action weight time.
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

// What reading `text` says went wrong, as the error's what().
std::string failure(const std::string& text, const read_options& options = {}, errc code = errc::bad_format) {
  try {
    (void)read(text, options);
  } catch (const error& e) {
    CHECK(name(e.code()) == name(code));
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

const std::string two_events = "ada|kettle|view|1|1000\nben|teapot|view|1|2000\n";

}  // namespace

TEST_CASE("a header line says which column is which, in any order, and what it does not know is ignored") {
  CHECK(show(read("user,item,time\nada,kettle,1\nben,teapot,2\n")) == two_events);
  CHECK(show(read("time,note,item,user\n1,x,kettle,ada\n2,y,teapot,ben\n")) == two_events);
  CHECK(show(read("item,user,time,action,value,key\nkettle,ada,1,buy,2.5,k1\n", {.value_as_weight = true})) ==
        "ada|kettle|buy|2.5|1000\n");
}

TEST_CASE("columns name the fields of a file without a header") {
  CHECK(show(read("1,ada,kettle\n2,ben,teapot\n", {.columns = {"time", "user", "item"}})) == two_events);
  CHECK(show(read("x,1,ada,y,kettle\nx,2,ben,y,teapot\n", {.columns = {"-", "time", "user", "-", "item"}})) ==
        two_events);
}

TEST_CASE("names rename the columns of a header") {
  CHECK(show(read("uid,sid,ts\nada,kettle,1\nben,teapot,2\n",
                  {.names = {.user = "uid", .item = "sid", .time = "ts"}})) == two_events);
}

TEST_CASE("tab, double colon, comma and semicolon are found by themselves") {
  for (const std::string d : {"\t", "::", ",", ";"}) {
    std::string text = "user";
    for (const char* then : {"item", "time\nada", "kettle", "1\nben", "teapot", "2\n"}) text.append(d).append(then);
    CHECK(show(read(text)) == two_events);
  }
  // the one that gives the right number of columns wins over the one that gives more
  CHECK(show(read("a,b,c,d\tkettle\t1\n", {.columns = {"user", "item", "time"}})) == "a,b,c,d|kettle|view|1|1000\n");
  CHECK(show(read("ada;3,5;kettle;1\n", {.columns = {"user", "-", "item", "time"}})) == "ada|kettle|view|1|1000\n");
  CHECK(show(read("ada|kettle|1\n", {.columns = {"user", "item", "time"}, .delimiter = '|'})) ==
        "ada|kettle|view|1|1000\n");
}

TEST_CASE("line ends, byte order mark and empty lines do not matter") {
  CHECK(show(read("user,item,time\r\nada,kettle,1\r\nben,teapot,2\r\n")) == two_events);
  CHECK(show(read("user,item,time\nada,kettle,1\nben,teapot,2")) == two_events);
  CHECK(show(read("\xEF\xBB\xBFuser,item,time\nada,kettle,1\nben,teapot,2\n")) == two_events);
  CHECK(show(read("\n\r\nuser,item,time\n\nada,kettle,1\n\r\n\nben,teapot,2\n\n\n")) == two_events);
}

TEST_CASE("lines before the header can be left out") {
  CHECK(show(read("exported 2024, by us\n\nuser,item,time\nada,kettle,1\nben,teapot,2\n", {.skip_lines = 2})) ==
        two_events);
  CHECK(holds(failure("user,item,time\n", {.skip_lines = 5}), "the file is empty"));
}

TEST_CASE("a field in quotes may hold delimiters, quotes and line ends") {
  CHECK(show(read("user,item,time\n\"ada\",\"kettle\",\"1\"\n\"ben\",teapot,2\n")) == two_events);
  CHECK(show(read("\"user\",\"item\",\"time\"\nada,kettle,1\nben,teapot,2\n")) == two_events);
  CHECK(show(read("user,item,time\n\"a,b\",\"say \"\"hi\"\"\",1\n\"\"\"\",x,2\n")) ==
        "a,b|say \"hi\"|view|1|1000\n\"|x|view|1|2000\n");
  CHECK(show(read("user,note,item,time\nada,\"one\ntwo\r\n\n\"\"three\"\"\",kettle,1\r\nben,,teapot,2\n")) ==
        two_events);
  CHECK(show(read("user;item;time\n\"a;b\";kettle;1\n")) == "a;b|kettle|view|1|1000\n");
}

TEST_CASE("a quote inside a bare field, or in a file with tabs, is a letter like others") {
  CHECK(show(read("user,item,time\nada,5\" nail,1\n")) == "ada|5\" nail|view|1|1000\n");
  CHECK(show(read("user\titem\ttime\nada\t\"nail\t1\n")) == "ada|\"nail|view|1|1000\n");
}

TEST_CASE("ids are taken as they stand") {
  CHECK(show(read("user,item,time\n ada ,ke ttle,1\n007,7,2\n\xC3\xA9t\xC3\xA9,\xE2\x98\x95,3\n")) ==
        " ada |ke ttle|view|1|1000\n007|7|view|1|2000\n\xC3\xA9t\xC3\xA9|\xE2\x98\x95|view|1|3000\n");
}

TEST_CASE("an empty action, value or key is as good as none") {
  const auto log = read("user,item,time,action,value,key\nada,kettle,1,,,\nada,kettle,2,buy,3,\n",
                        {.value_as_weight = true, .action = "click"});
  CHECK(show(log) == "ada|kettle|click|1|1000\nada|kettle|buy|3|2000\n");
}

TEST_CASE("the weight is 1 unless the value is asked for") {
  const std::string text = "user,item,time,value\nada,kettle,1,-2.5\nada,kettle,2, 1e3 \n";
  CHECK(show(read(text)) == "ada|kettle|view|1|1000\nada|kettle|view|1|2000\n");
  CHECK(show(read(text, {.value_as_weight = true})) == "ada|kettle|view|-2.5|1000\nada|kettle|view|1000|2000\n");
}

TEST_CASE("a second event with the same key is a duplicate and counted") {
  read_report report;
  const auto log = read("user,item,time,key\nada,a,1,k\nada,b,2,l\nada,c,3,k\nada,d,4,\nada,e,5,\n", {}, &report);
  CHECK(show(log) == "ada|a|view|1|1000\nada|b|view|1|2000\nada|d|view|1|4000\nada|e|view|1|5000\n");
  CHECK(report.duplicates == 1);
  CHECK(report.events == 4);
  CHECK(log.items.find("c") == no_id<item_index>);  // it leaves no trace
}

TEST_CASE("numbers are seconds or milliseconds, decided by the first of them") {
  const auto time_of = [](const std::string& times, const read_options& options = {}) {
    std::string text = "user,item,time\n";
    std::istringstream in(times);
    for (std::string each; in >> each;) text += "ada,kettle," + each + "\n";
    std::vector<std::int64_t> out;
    for (const auto& e : read(text, options).events) out.push_back(to_millis(e.time));
    return out;
  };
  using times = std::vector<std::int64_t>;
  CHECK(time_of("881250949 0 -5") == times{881250949000, 0, -5000});
  CHECK(time_of("1291191960000 5") == times{1291191960000, 5});
  CHECK(time_of("-428716800000 -1") == times{-428716800000, -1});
  CHECK(time_of("-3600 5") == times{-3600000, 5000});
  CHECK(time_of("0 7 1291191960000") == times{0, 7, 1291191960000});  // not by the very first one
  CHECK(time_of("99999999999") == times{99999999999000});
  CHECK(time_of("100000000000") == times{100000000000});
  CHECK(time_of("100000000000", {.unit = time_unit::seconds}) == times{100000000000000});
  CHECK(time_of("5 6", {.unit = time_unit::milliseconds}) == times{5, 6});
  CHECK(time_of("1.5 881250949.0 8.8e8 -0.0004") == times{1500, 881250949000, 880000000000, 0});
}

TEST_CASE("a unit once decided holds for the file") {
  std::string text = "user,item,time\n";
  for (int i = 0; i < 1000; ++i) text += "ada,kettle," + std::to_string(1000000 + i) + "\n";
  CHECK(to_millis(read(text + "ada,kettle,99999999999\n").events.back().time) == 99999999999000);
  const std::string said = failure(text + "ada,kettle,1291191960000\n");
  CHECK(holds(said, "log:1002: field 'time': '1291191960000'"));
  CHECK(holds(said, "milliseconds"));
  CHECK(to_millis(read(text + "ada,kettle,2011-12-09\n").events.back().time) == 1323388800000);
}

TEST_CASE("ISO 8601 times are understood") {
  const auto millis = [](const std::string& time) {
    return to_millis(read("user,item,time\nada,kettle,\"" + time + "\"\n").events.front().time);
  };
  CHECK(millis("2011-12-09T12:50:00Z") == 1323435000000);
  CHECK(millis("2011-12-09 12:50:00") == 1323435000000);
  CHECK(millis("2011-12-09T12:50Z") == 1323435000000);
  CHECK(millis("2011-12-09T14:50:00+02:00") == 1323435000000);
  CHECK(millis("2011-12-09T07:20:00-0530") == 1323435000000);
  CHECK(millis("2011-12-09T13:50:00+01") == 1323435000000);
  CHECK(millis("2011-12-09t12:50:00.25z") == 1323435000250);
  CHECK(millis("2011-12-09T12:50:00,123456789Z") == 1323435000123);
  CHECK(millis("2016-12-31T23:59:60Z") == 1483228800000);
  CHECK(millis("1956-06-01") == -428716800000);
  CHECK(millis("2000-02-29") == 951782400000);
  for (const std::string bad :
       {"2011-13-09", "2011-02-29", "1900-02-29", "2011-12-09T24:00:00Z", "2011-12-09T12:60:00Z",
        "2011-12-09T12:50:61Z", "2011-12-09T", "2011-12-09T12", "2011-12-09T12:50:00+", "2011-12-9",
        "2011-12-09T12:50:00+25:00", "2011-12-09T12:50:00.", "2011-12-09T12:50:00Zebra", "09.12.2011", "12/9/2011",
        "yesterday", "2011-12-09T12:50:00+1:00"}) {
    CHECK(holds(failure("user,item,time\nada,kettle,\"" + bad + "\"\n"),
                "log:2: field 'time': '" + bad + "' is neither"));
  }
}

TEST_CASE("a file without times is read in its order when asked, and only then") {
  const std::string text = "user,item\nada,kettle\nben,teapot\n";
  CHECK(show(read(text, {.times_from_order = true})) == "ada|kettle|view|1|0\nben|teapot|view|1|1000\n");
  CHECK(holds(failure(text), "log:1: there is no column 'time'; there are: 'user', 'item'"));
  CHECK(holds(failure(text), "times_from_order"));
  // a time that is there is not read
  CHECK(show(read("user,item,time\nada,kettle,never\n", {.times_from_order = true})) == "ada|kettle|view|1|0\n");
}

TEST_CASE("every bad line is refused with its place, its field, what was found and what to do") {
  const std::string head = "user,item,time,value,key,action\nada,kettle,1,1,,\n";
  const std::string too_long(513, 'x');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ada,kettle,1,1,", "log:3: has 5 fields, not 6"},
      {"ada,kettle,1,1,,,", "log:3: has 7 fields, not 6"},
      {",kettle,1,1,,", "log:3: field 'user': is empty"},
      {"ada,,1,1,,", "log:3: field 'item': is empty"},
      {"\"\",kettle,1,1,,", "log:3: field 'user': is empty"},
      {"ada,kettle,,1,,", "log:3: field 'time': '' is neither"},
      {"ada,kettle,12x,1,,", "log:3: field 'time': '12x' is neither"},
      {"ada,kettle,nan,1,,", "log:3: field 'time': 'nan' is neither"},
      {"ada,kettle,inf,1,,", "log:3: field 'time': 'inf' is neither"},
      {"ada,kettle,1e400,1,,", "log:3: field 'time': '1e400' is neither"},
      {"ada,kettle,99999999999999999,1,,", "log:3: field 'time': '99999999999999999' lies beyond the year 9999"},
      {"ada,kettle,-253402300800000,1,,", "log:3: field 'time': '-253402300800000' lies beyond the year 9999"},
      {"ada,kettle,1,five,,", "log:3: field 'value': 'five' is not a finite number"},
      {"ada,kettle,1,nan,,", "log:3: field 'value': 'nan' is not a finite number"},
      {"ada,kettle,1,-inf,,", "log:3: field 'value': '-inf' is not a finite number"},
      {"ada,kettle,1,1e999,,", "log:3: field 'value': '1e999' is not a finite number"},
      {"ada,kettle,1,1e39,,", "log:3: field 'value': is not a finite number in the range of a float"},
      {"ada,kettle,1,\"1,5\",,", "log:3: field 'value': '1,5' is not a finite number"},
      {too_long + ",kettle,1,1,,",
       "log:3: field 'user': '" + std::string(40, 'x') + "'... (513 bytes) is longer than 512"},
      {"ada," + too_long + ",1,1,,", "log:3: field 'item': '" + std::string(40, 'x')},
      {"ada,kettle,1,1," + too_long + ",", "log:3: field 'key': '"},
      {"ada,kettle,1,1,," + too_long, "log:3: field 'action': '"},
      {"ad\xFF\xFE,kettle,1,1,,", "log:3: field 'user': 'ad\\xff\\xfe' is not UTF-8"},
      {"ada,caf\xE9,1,1,,", "log:3: field 'item': 'caf\\xe9' is not UTF-8"},
      {"ada,kettle,1,1,\xC0\x80,", "log:3: field 'key': '\\xc0\\x80' is not UTF-8"},
      {"ada,kettle,1,1,,\xED\xA0\x80", R"(log:3: field 'action': '\xed\xa0\x80' is not UTF-8)"},
      {"ada,\"kettle\"s,1,1,,", "log:3: field 'column 2': has text after the closing quote"},
      {"ada,\"kettle,1,1,,", "log:3: field 'column 2': has a quote that is not closed"},
      {"ada,kettle,1,1,,\"view", "log:3: field 'column 6': has a quote that is not closed"},
      {"ada,ket", "log:3: has 2 fields, not 6"},  // cut off in the middle
  };
  for (const auto& [line, expected] : cases) {
    for (const std::string end : {"", "\n", "\r\n"}) {
      const std::string said = failure(std::string(head).append(line).append(end));
      CHECK(holds(said, expected));
      CHECK(holds(said, "skip_bad"));
    }
  }
}

TEST_CASE("the place of an error has its parts") {
  try {
    (void)read("user,item,time\nada,kettle,1\n,kettle,1\n");
    FAIL("was read");
  } catch (const error& e) {
    CHECK(e.code() == errc::bad_format);
    CHECK(e.where().file == "log");
    CHECK(e.where().line == 3);
    CHECK(e.where().field == "user");
  }
  const read_options renamed{.names = {.user = "uid"}};
  CHECK(holds(failure("uid,item,time\n,kettle,1\n", renamed), "field 'uid': is empty"));
}

TEST_CASE("lines are counted as an editor counts them, inside quotes too") {
  CHECK(holds(failure("user,item,time\n\nada,\"ket\ntle\",1\r\n\r\n,kettle,1\n"), "log:6: field 'user'"));
  read_report report;
  (void)read("user,item,time\n\nada,\"ket\ntle\",1\r\n\r\nada,kettle,1", {}, &report);
  CHECK(report.lines == 6);
  CHECK(report.events == 2);
}

TEST_CASE("bad lines are left out and counted when that is asked for, and leave no trace") {
  read_report report;
  const auto log =
      read("user,item,time\nada,kettle,1\nada\n,x,1\nzoe,x,now\nada,\"open,1\nada,\"a\"b,1\nben,teapot,2\nlast,\"cut",
           {.skip_bad = true}, &report);
  CHECK(show(log) == two_events);
  CHECK(log.users.size() == 2);
  CHECK(log.items.size() == 2);
  CHECK(report.lines == 9);
  CHECK(report.events == 2);
  CHECK(report.bad == 6);
  REQUIRE(report.first_bad.size() == 6);
  const std::vector<std::uint64_t> lines = {3, 4, 5, 6, 7, 9};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(report.first_bad[i].where.line == lines[i]);
    CHECK(report.first_bad[i].where.file == "log");
  }
  CHECK(report.first_bad[0].reason == "has 1 fields, not 3");
  CHECK(report.first_bad[1].where.field == "user");
}

TEST_CASE("only the first 20 bad lines are listed, all are counted") {
  std::string text = "user,item,time\nada,kettle,1\n";
  for (int i = 0; i < 50; ++i) text += "bad\n";
  read_report report;
  (void)read(text, {.skip_bad = true}, &report);
  CHECK(report.bad == 50);
  CHECK(report.first_bad.size() == 20);
}

TEST_CASE("a file of which no line can be read is refused although bad lines are allowed") {
  const std::string said = failure("user,item,time\nx\ny\nz\n", {.skip_bad = true});
  CHECK(holds(said, "log:2: none of 3 lines can be read; the first: has 1 fields, not 3"));
}

TEST_CASE("a header alone is a log without events") {
  read_report report;
  CHECK(read("user,item,time\n", {}, &report).events.empty());
  CHECK(report.lines == 1);
}

TEST_CASE("empty files and files that are no UTF-8 text are refused in words") {
  CHECK(holds(failure(""), "log: the file is empty"));
  CHECK(holds(failure("\n\r\n\n"), "log: the file is empty"));
  CHECK(holds(failure("\xEF\xBB\xBF"), "log: the file is empty"));
  CHECK(holds(failure(std::string("\xFF\xFEu\0s\0", 6)), "UTF-16"));
  CHECK(holds(failure(std::string("\xFE\xFF\0u\0s", 6)), "UTF-16"));
  CHECK(holds(failure("\x1F\x8B\x08rest"), "gzip"));
  CHECK(holds(failure("PK\x03\x04rest"), "zip"));
  CHECK(holds(failure(std::string("\0\0\0\0\0\0", 6)), "log:1: there is no tab"));
}

TEST_CASE("header and columns that do not fit are refused in words") {
  CHECK(holds(failure("who,what,when\nada,kettle,1\n"),
              "log:1: there is no column 'user'; there are: 'who', 'what', 'when'"));
  CHECK(holds(failure("user,what,time\n"), "no column 'item'"));
  CHECK(holds(failure("user,item,time,user\n"), "log:1: two columns are called 'user'"));
  CHECK(holds(failure("user\nada\n"), "log:1: there is no tab, '::', comma or semicolon in 'user'"));
  CHECK(holds(failure("ada,1\n", {.columns = {"user", "time"}}), "no column 'item'"));
  CHECK(holds(failure("user,item,time,what\n", {.names = {.action = "waht"}}),
              "log:1: there is no column 'waht'; there are: 'user', 'item', 'time', 'what'"));
  CHECK(holds(failure("user,item,time\n", {.names = {.value = "stars"}}), "no column 'stars'"));
  CHECK(holds(failure("user,item,time\n", {.names = {.key = "order"}}), "no column 'order'"));
  CHECK(holds(failure("user,item,time\nada,kettle,1\n", {.columns = {"user", "item", "time"}}),
              "log:1: field 'time': 'time' is neither"));
}

TEST_CASE("options out of range are refused by name") {
  const auto refused = [](const read_options& options) { return failure("x\n", options, errc::invalid_argument); };
  CHECK(holds(refused({.columns = {"user", "item", "when"}}), "field 'columns': 'when' is none of user, item"));
  CHECK(holds(refused({.columns = {"user", "item", "user"}}), "field 'columns': 'user' stands there twice"));
  CHECK(holds(refused({.delimiter = '"'}), "field 'delimiter'"));
  CHECK(holds(refused({.delimiter = '\n'}), "field 'delimiter'"));
  CHECK(holds(refused({.names = {.user = ""}}), "field 'names'"));
  CHECK(holds(refused({.action = ""}), "field 'action'"));
  CHECK(holds(refused({.action = std::string(513, 'x')}), "field 'action'"));
  CHECK(holds(refused({.action = "\xFF"}), "field 'action'"));
  CHECK(holds(refused({.max_line_bytes = 0}), "field 'max_line_bytes'"));
  CHECK(holds(refused({.format = log_format::jsonl}), "jsonl_reader.hpp"));
}

TEST_CASE("a line that is too long is refused without being held in memory, and can be left out") {
  const std::string longer(5000, 'x');
  const read_options options{.max_line_bytes = 1000};
  CHECK(holds(failure("user,item,time\nada,kettle,1\n" + longer + "\n", options), "log:3: is longer than 1000 bytes"));
  CHECK(holds(failure("user,item,time\nada,kettle,1\n" + longer, options), "log:3: is longer than 1000 bytes"));
  CHECK(holds(failure(longer, options), "log:1: is longer than 1000 bytes"));
  read_report report;
  const std::string text =
      "user,item,time\nada,kettle,1\n" + longer + "\n" + std::string(3000000, 'y') + "\nben,teapot,2\n" + longer;
  CHECK(show(read(text, {.skip_bad = true, .max_line_bytes = 1000}, &report)) == two_events);
  CHECK(report.bad == 3);
  CHECK(report.lines == 6);
  CHECK(report.first_bad[1].where.line == 4);
  CHECK(report.first_bad[2].where.line == 6);
  // exactly as long as allowed is allowed
  const std::string fits = "ada," + std::string(94, 'i') + ",1";
  CHECK(read("user,item,time\n" + fits + "\n", {.max_line_bytes = fits.size()}).events.size() == 1);
  CHECK(holds(failure("user,item,time\n" + fits + "\n", {.max_line_bytes = fits.size() - 1}), "log:2: is longer than"));
}

TEST_CASE("a stray quote costs one line, however the quotes after it fall") {
  std::string text = "user,item,time\n";
  for (int i = 0; i < 300; ++i) text += i % 3 == 0 ? "ada,\"kettle,1\n" : "ada,kettle,1\n";
  read_report report;
  const auto log = read(text, {.skip_bad = true}, &report);
  CHECK(report.bad == 100);
  CHECK(log.events.size() == 200);
}

TEST_CASE("MovieLens files are known by their first line") {
  const std::string expected = "196|242|view|1|881250949000\n186|302|view|1|891717742000\n";
  const read_options movielens{.format = log_format::movielens};
  CHECK(show(read("196\t242\t3\t881250949\n186\t302\t3.5\t891717742\n", movielens)) == expected);
  CHECK(show(read("196::242::3::881250949\n186::302::3.5::891717742\n", movielens)) == expected);
  CHECK(show(read("userId,movieId,rating,timestamp\r\n196,242,3.0,881250949\r\n186,302,3.5,891717742\r\n",
                  movielens)) == expected);
  CHECK(show(read("196\t242\t3\t881250949\n", {.format = log_format::movielens, .value_as_weight = true})) ==
        "196|242|view|3|881250949000\n");
  CHECK(show(read("196\t242\t3\t881250949\n", {.format = log_format::movielens, .names = {.action = "what"}})) ==
        "196|242|view|1|881250949000\n");
  // early times are seconds too
  CHECK(show(read("1\t2\t3\t5\n", movielens)) == "1|2|view|1|5000\n");
}

TEST_CASE("what is not MovieLens is refused in words, and bad lines by the columns' own names") {
  const read_options movielens{.format = log_format::movielens};
  CHECK(holds(failure("196,242,3,881250949\n", movielens), "log:1: '196,242,3,881250949' is not the first line of a"));
  CHECK(holds(failure("userId,movieId,rating\n", movielens), "is not the first line of a MovieLens file"));
  CHECK(holds(failure("196\t242\t3\n", movielens), "log:1: has 3 fields, not 4"));
  CHECK(holds(failure("196\t242\tgood\t5\n", movielens), "log:1: field 'value': 'good'"));
  CHECK(holds(failure("userId,movieId,rating,timestamp\n1,2,good,5\n", movielens), "log:2: field 'rating': 'good'"));
  CHECK(holds(failure("userId,movieId,rating,timestamp\n1,,3,5\n", movielens), "log:2: field 'movieId': is empty"));
}

TEST_CASE("files are read as streams are, and what cannot be opened says why") {
  const test_support::scratch folder;
  const auto path = folder.path / "events.csv";
  std::ofstream(path, std::ios::binary) << "user,item,time\nada,kettle,1\nben,teapot,2\n";
  read_report report;
  CHECK(show(read_events(path, {}, &report)) == two_events);
  CHECK(report.lines == 3);
  std::filesystem::remove(path);
  const auto io_failure = [](const std::filesystem::path& where) {
    try {
      (void)read_events(where, {});
    } catch (const error& e) {
      CHECK(e.code() == errc::io_error);
      CHECK(e.where().file == where.string());
      return std::string(e.what());
    }
    return std::string("was read");
  };
  CHECK(holds(io_failure(path), "cannot be opened: No such file or directory"));
  CHECK(holds(io_failure(folder.path), "is a directory"));
}

TEST_CASE("a stream that fails, before or in the middle, is an io_error") {
  std::ifstream closed("/nonexistent/file");
  CHECK_THROWS_AS(read_events(closed, "log", {}), error);
  struct breaking : std::streambuf {
    std::string text = "user,item,time\nada,kettle,1\n";
    bool given = false;
    int_type underflow() override {
      if (given) throw std::runtime_error("the disk is gone");
      given = true;
      setg(text.data(), text.data(), text.data() + text.size());
      return traits_type::to_int_type(text.front());
    }
  } buffer;
  std::istream in(&buffer);
  try {
    (void)read_events(in, "log", {});
    FAIL("was read");
  } catch (const error& e) {
    CHECK(e.code() == errc::io_error);
    CHECK(holds(e.what(), "log: reading failed after"));
  }
}

TEST_CASE("a stream set to throw at its end is read like others") {
  std::istringstream in("user,item,time\nada,kettle,1\nben,teapot,2\n");
  in.exceptions(std::ios::failbit | std::ios::badbit | std::ios::eofbit);
  CHECK(show(read_events(in, "log", {})) == two_events);
}

TEST_CASE("progress hears of the bytes and can cancel") {
  std::string text = "user,item,time\n";
  while (text.size() < 900000) text += "ada,kettle,1\n";
  const test_support::scratch folder;
  const auto path = folder.path / "events.csv";
  std::ofstream(path, std::ios::binary) << text;
  std::vector<std::size_t> done;
  const progress callback = [&](const progress_report& r) {
    CHECK(r.stage == "read");
    CHECK(r.total == text.size());
    done.push_back(r.done);
    return done.size() < 10;
  };
  read_report report;
  (void)read_events(path, {}, &report, callback);
  REQUIRE(done.size() >= 4);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(done.back() == text.size());
  int calls = 0;
  try {
    (void)read_events(path, {.skip_bad = true}, &report, [&](const progress_report&) { return ++calls < 3; });
    FAIL("was not cancelled");
  } catch (const error& e) {
    CHECK(e.code() == errc::cancelled);
    CHECK(calls == 3);
    CHECK(report.events > 0);  // what was read until then
  }
}

TEST_CASE("the report starts afresh and tells how far reading came") {
  read_report report;
  report.bad = 7;
  try {
    (void)read("user,item,time\nada,kettle,1\nx\n", {}, &report);
    FAIL("was read");
  } catch (const error&) {
  }
  CHECK(report.bad == 0);
  CHECK(report.events == 1);
  CHECK(report.lines == 3);
}

namespace {

struct row {
  std::string user, item, action;
  float value = 1;
  std::int64_t millis = 0;
};

// A word that a careless reader would trip over.
std::string awkward_word(random_stream& random, bool plain) {
  static const std::vector<std::string> pieces = {
      "a", "B7", " ", "-", "\"", "\"\"", ",", ";", "\n", "\r\n", "'", "\xC3\xA9", "\xF0\x9F\x98\x80", "|", "\\", "#"};
  std::string out = "w";
  const std::size_t n = random.below(6);
  for (std::size_t i = 0; i < n; ++i) out += pieces[random.below(plain ? 4 : pieces.size())];
  return out;
}

std::string quoted(const std::string& field, bool always) {
  if (!always && field.find_first_of(",;\"\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

TEST_CASE("random tables are read as they were written") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    random_stream random(seed);
    const std::string delimiter = std::vector<std::string>{",", ";", "\t", "::"}[random.below(4)];
    const bool quotes = delimiter == "," || delimiter == ";";
    const bool always = random.below(2) == 0;
    const std::string end = random.below(2) == 0 ? "\n" : "\r\n";
    std::vector<row> rows(1 + random.below(30));
    std::vector<std::string> columns = {"user", "item", "time", "action", "value", "note"};
    for (std::size_t i = columns.size(); i > 1; --i) std::swap(columns[i - 1], columns[random.below(i)]);
    std::string text = random.below(2) == 0 ? "" : "\xEF\xBB\xBF";
    const auto write = [&](const std::vector<std::string>& fields) {
      for (std::size_t c = 0; c < fields.size(); ++c) {
        text += (c == 0 ? "" : delimiter) + (quotes ? quoted(fields[c], always) : fields[c]);
      }
      text += end;
    };
    write(columns);
    std::string expected;
    for (row& r : rows) {
      r.user = awkward_word(random, !quotes);
      r.item = awkward_word(random, !quotes);
      r.action = awkward_word(random, !quotes);
      r.value = static_cast<float>(random.below(2000)) / 8 - 100;
      r.millis = 1300000000000 + static_cast<std::int64_t>(random.below(100000000));
      const std::string note = awkward_word(random, !quotes);
      std::vector<std::string> fields;
      fields.reserve(columns.size());
      for (const auto& c : columns) {
        fields.push_back(c == "user"     ? r.user
                         : c == "item"   ? r.item
                         : c == "time"   ? std::to_string(r.millis)
                         : c == "action" ? r.action
                         : c == "value"  ? std::to_string(r.value)
                                         : note);
      }
      write(fields);
    }
    if (random.below(2) == 0) text.erase(text.size() - end.size());
    CAPTURE(seed);
    const event_log log = read(text, {.value_as_weight = true});
    REQUIRE(log.events.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const logged_event& e = log.events[i];
      REQUIRE(log.users.name(e.user) == rows[i].user);
      REQUIRE(log.items.name(e.item) == rows[i].item);
      REQUIRE(log.actions.name(e.action) == rows[i].action);
      REQUIRE(e.weight == rows[i].value);
      REQUIRE(to_millis(e.time) == rows[i].millis);
    }
  }
}

TEST_CASE("records that lie across the blocks of a large file are read whole") {
  // the end of the first block falls into every part of a record as the padding grows
  for (std::size_t padding = 0; padding < 40; ++padding) {
    std::string text = "user,item,time\n" + std::string(padding, 'p') + ",x,1\n";
    std::size_t records = 1;
    for (; text.size() < 300000; ++records) text += "\"user \"\"7\"\"\",\"it\nem\",1300000000000\n";
    const event_log log = read(text, {.skip_bad = padding == 0});
    REQUIRE(log.events.size() == records - (padding == 0 ? 1 : 0));
    REQUIRE(log.users.size() == (padding == 0 ? 1 : 2));
    REQUIRE(log.users.find("user \"7\"") != no_id<user_index>);
    REQUIRE(log.items.find("it\nem") != no_id<item_index>);
  }
}

TEST_CASE("bytes drawn at random never do worse than be refused") {
  static const std::string alphabet = "ab1,,;;\t::\"\"\"\n\n\r\r.-+eT0Z \xC3\xA9\xFF" + std::string(1, '\0');
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    random_stream random(seed);
    std::string text = random.below(2) == 0 ? "user,item,time\n" : "";
    const std::size_t n = random.below(80);
    for (std::size_t i = 0; i < n; ++i) text += alphabet[random.below(alphabet.size())];
    read_options options{.skip_bad = random.below(2) == 0, .max_line_bytes = 1 + random.below(100)};
    if (random.below(2) == 0) options.columns = {"user", "item", "time"};
    read_report report;
    try {
      const event_log log = read(text, options, &report);
      REQUIRE(log.events.size() == report.events);
      REQUIRE((options.skip_bad || report.bad == 0));
      REQUIRE(report.lines <= n + 2);
    } catch (const error& e) {
      REQUIRE(e.code() == errc::bad_format);
    }
  }
}

TEST_CASE("real logs are read without a bad line") {
  const char* set = std::getenv("TANDEM_DATA");
  const std::filesystem::path data = set != nullptr
                                         ? std::filesystem::path(set)
                                         : std::filesystem::path(__FILE__).parent_path() / "../../../shared/data";
  struct known {
    const char* file;
    read_options options;
    std::size_t events, users, items;
  };
  const read_options no_time{.names = {.user = "uid", .item = "sid"}, .times_from_order = true};
  const std::vector<known> logs = {
      {"ml-100k/u.data", {.format = log_format::movielens}, 100000, 943, 1682},
      {"streams/lastfm.tsv", {}, 71064, 1892, 12523},
      {"streams/online-retail.tsv", {}, 397924, 4339, 3665},
      {"ml-1m-strong/train.csv", no_time, 388246, 4034, 3468},
  };
  for (const known& each : logs) {
    if (!std::filesystem::exists(data / each.file)) {
      WARN("skipped: " << (data / each.file).string() << " is not there (set TANDEM_DATA)");
      continue;
    }
    read_report report;
    const event_log log = read_events(data / each.file, each.options, &report);
    CHECK(log.events.size() == each.events);
    CHECK(log.users.size() == each.users);
    CHECK(log.items.size() == each.items);
    CHECK(report.bad == 0);
    for (const logged_event& e : log.events) {
      if (to_millis(e.time) < -500000000000 || to_millis(e.time) > 1500000000000)
        FAIL("a time is out of the log's range");
    }
  }
}
