// Options of any text as JSON; what is taken comes back the same.

#include "fuzz.hpp"
#include "tandem/json.hpp"

using namespace tandem;

namespace {

template <class T>
void there_and_back(std::string_view text) {
  tandem_fuzz::taken([&] {
    const T value = from_json<T>(text);
    const std::string written = to_json(value).dump();
    tandem_fuzz::claim(to_json(from_json<T>(std::string_view(written))).dump() == written);
  });
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  switch (choice(input) % 6) {
    case 0: return there_and_back<engine_options>(input);
    case 1: return there_and_back<batch::ials_options>(input);
    case 2: return there_and_back<online::reward_shaping_options>(input);
    case 3: return there_and_back<evaluation::bootstrap_options>(input);
    case 4: return there_and_back<hybrid::slate_options>(input);
    default: return there_and_back<page_rules>(input);
  }
}

std::vector<std::string> tandem_fuzz::seeds() {
  engine_options engine;
  engine.actions = {{"buy", 3.0}, {"skip", -1.0}};
  return {std::string(1, '\0') + to_json(engine).dump(),
          std::string(1, '\1') + to_json(batch::ials_options{}).dump(2),
          std::string(1, '\2') + to_json(online::reward_shaping_options{}).dump(),
          std::string(1, '\3') + to_json(evaluation::bootstrap_options{}).dump(),
          std::string(1, '\4') + to_json(hybrid::slate_options{}).dump(),
          std::string(1, '\5') +
              to_json(page_rules{.only_with = {"a=b"}, .caps = {{"a", 2}}, .boosts = {{.item = "c"}}}).dump(),
          std::string(1, '\1') + "{\"rank\":1e3,\"rank\":2}"};
}
