#include "tandem/online/channel_rates.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem::online::channel_rates;

namespace {

item_index item(std::uint64_t i) { return item_index{static_cast<std::uint32_t>(i)}; }
std::string channel(std::uint64_t c) { return "c" + std::to_string(c); }

}  // namespace

TEST_CASE("channels are counted apart, and without a name not at all") {
  channel_rates rates;
  rates.shown("mail", item(3));
  rates.shown("mail", item(3));
  rates.taken("mail", item(3), 1);
  rates.shown("web", item(3));
  rates.shown("", item(3));
  CHECK(rates.size() == 2);
  CHECK(rates.find("") == nullptr);
  CHECK(rates.find("sms") == nullptr);
  REQUIRE(rates.find("mail") != nullptr);
  CHECK(rates.find("mail")->total_shown() == 2);
  CHECK(rates.find("mail")->total_taken() == 1);
  CHECK(rates.find("web")->total_shown() == 1);
}

TEST_CASE("channels beyond the ceiling are not kept apart, and those known go on") {
  channel_rates rates;
  for (std::uint64_t c = 0; c < 3 * channel_rates::max_channels; ++c) rates.shown(channel(c), item(0));
  CHECK(rates.size() == channel_rates::max_channels);
  CHECK(rates.find(channel(channel_rates::max_channels)) == nullptr);
  rates.shown(channel(1), item(0));
  CHECK(rates.find(channel(1))->total_shown() == 2);
}

TEST_CASE("channel rates that were saved go on with the same bits, and damage does no harm") {
  const auto load = [](byte_reader& in) { return channel_rates::load(in, 50); };
  const auto step = [](channel_rates& rates, random_stream& random) {
    const std::string where = channel(random.below(5));
    rates.shown(where, item(random.below(50)));
    if (random.below(3) == 0) rates.taken(where, item(random.below(50)), random.uniform());
  };
  const auto ask = [](const channel_rates& rates, random_stream& random) {
    const online::response_rate* const found = rates.find(channel(random.below(5)));
    return found != nullptr ? found->mean(item(7)) : -1;
  };
  tandem_test::check_goes_on([] { return channel_rates(5); }, step, ask, load);
  channel_rates lived;
  random_stream random(1);
  for (int k = 0; k < 50; ++k) step(lived, random);
  tandem_test::check_damage(tandem_test::saved(lived), load, step);
}
