#include "tandem_file.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "tandem/json.hpp"
#include "tandem/open.hpp"

namespace tandem_cli {

void add_file_argument(CLI::App& command, tandem_file& asked) {
  command.add_option("FILE", asked.path, "The engine's file, as given to tandem::open()")
      ->type_name("")
      ->required()
      ->group("The file");
  add_key_option(command, asked.key_file);
}

void add_options_option(CLI::App& command, tandem_file& asked) {
  command
      .add_option(
          "--options", asked.options,
          "The engine's options, a JSON file as tandem/json.hpp\nwrites them: those that its host opens it with")
      ->type_name("JSON")
      ->group("The file");
}

void add_json_option(CLI::App& command, std::string& json) {
  command.add_option("--json", json, "Write the result as JSON; - is standard output")
      ->type_name("OUT")
      ->group("The work");
}

tandem::engine_options engine_options_of(const tandem_file& asked) {
  return asked.options.empty() ? tandem::engine_options{} : tandem::load_json<tandem::engine_options>(asked.options);
}

tandem::engine open_existing(const tandem_file& asked, const file_key& key) {
  tandem::engine_options options = engine_options_of(asked);
  (void)tandem::read_sqlite(asked.path, key.options());  // opening would make a file that is not there
  return tandem::open(asked.path, std::move(options), key.options());
}

std::string time_text(tandem::timestamp time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<tandem::duration> clock(time - day);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string text(out.data());
  if (clock.subseconds().count() != 0) {
    std::snprintf(out.data(), out.size(), ".%03d", static_cast<int>(clock.subseconds().count()));
    text += out.data();
  }
  return text;
}

}  // namespace tandem_cli
