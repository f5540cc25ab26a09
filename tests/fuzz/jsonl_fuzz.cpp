// JSON Lines of any bytes: read_jsonl().

#include <sstream>

#include "fuzz.hpp"
#include "tandem/data/jsonl_reader.hpp"

using namespace tandem;

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t bits = choice(input);
  read_options o;
  o.skip_bad = (bits & 1U) != 0;
  o.value_as_weight = (bits & 2U) != 0;
  o.times_from_order = (bits & 4U) != 0;
  o.max_line_bytes = (bits & 8U) != 0 ? 60 : 65536;
  std::istringstream in{std::string(input)};
  read_report report;
  taken([&] {
    const event_log log = read_jsonl(in, "log", o, &report);
    claim(report.events == log.events.size());
  });
}

std::vector<std::string> tandem_fuzz::seeds() {
  return {std::string(1, '\0') +
              R"({"user":"ada","item":"kettle","time":1700000000,"action":"buy","value":2.5,"key":"k"})" + "\n" +
              R"({"user":7,"item":-8,"time":"2011-12-09T12:50:00.5Z","other":[{"a":[null,true]}]})" + "\n",
          std::string(1, '\1') + R"({"user":"\u00e9\ud83d\ude00","item":"","time":null})" + "\n{\n[]\n\"x\"\n",
          std::string(1, '\6') + R"({"user":"a","item":"b","value":-1e308})" + "\n",
          std::string(1, '\x9') + "{\"user\":\"" + std::string(80, 'u') + "\"}\n"};
}
