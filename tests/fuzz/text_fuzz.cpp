// Delimited logs and MovieLens files of any bytes: read_events(), and the command's tables.

#include <sstream>

#include "cli/table_file.hpp"
#include "fuzz.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/data/readers.hpp"

using namespace tandem;

namespace {

read_options options_of(std::uint8_t bits) {
  read_options o;
  if ((bits & 1U) != 0) o.format = log_format::movielens;
  o.skip_bad = (bits & 2U) != 0;
  o.value_as_weight = (bits & 4U) != 0;
  o.times_from_order = (bits & 8U) != 0;
  if ((bits & 16U) != 0) o.columns = {"user", "item", "value", "time"};
  o.skip_lines = (bits & 32U) != 0 ? 1 : 0;
  if ((bits & 64U) != 0) o.delimiter = ',';
  o.max_line_bytes = (bits & 128U) != 0 ? 40 : 4096;
  return o;
}

void read_table(std::string_view text) {
  const std::string path = (tandem_fuzz::folder() / "table").string();
  tandem_fuzz::write_bytes(path, text);
  tandem_fuzz::taken([&] {
    const progress nobody;  // is referred to
    tandem_cli::table_file table(path, nobody);
    const std::size_t column = table.column(table.header().front(), "--column");
    while (table.next()) tandem_fuzz::taken([&] { (void)table.number(column); });
  });
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t bits = choice(input);
  if (bits == 255) return read_table(input);
  std::istringstream in{std::string(input)};
  read_report report;
  taken([&] {
    const event_log log = read_events(in, "log", options_of(bits), &report);
    claim(report.events == log.events.size() && report.first_bad.size() <= report.bad);
    std::vector<interaction> events;
    for (const logged_event& e : log.events) events.push_back({e.user, e.item, e.weight, e.time});
    for (const auto rule : {dislike_rule::leave_out, dislike_rule::keep}) {
      taken(
          [&] { (void)interactions::from_events(events, log.users.size(), log.items.size(), merge_rule::sum, rule); });
    }
  });
}

std::vector<std::string> tandem_fuzz::seeds() {
  const std::string header = "user,item,time,action,value,key\n";
  return {
      std::string(1, '\0') + header + "ada,kettle,1700000000,buy,2.5,k1\nbob,\"tea, \"\"green\"\"\",1700000001,,,\n",
      std::string(1, '\2') + header + "ada,kettle,2011-12-09T12:50:00Z,,,\r\n\nada,\"open\nada,x\n",
      std::string(1, '\1') + "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
      std::string(1, '\1') + "1::1193::5::978300760\n1::661::3::978302109\n",
      std::string(1, '\1') + "userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n",
      std::string(1, '\x1C') + "ada\tkettle\t-3\t1e3\n\xC3\xA9\tb\t0\t2\n",
      std::string(1, '\xC2') + "\xEF\xBB\xBF" + header + std::string(60, 'x') + "\n",
      std::string(1, '\x20') + "a title\nuser;item;time\na;b;1970-01-01\n",
      std::string(1, '\xFF') + "n;x\n1.5;\"a\"\n-2e9;b\n"};
}
