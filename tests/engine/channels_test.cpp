// Channels: taste is shared, and what is taken when shown is learned for each channel.

#include <algorithm>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

constexpr timestamp later = from_millis(100'000'000);

engine_options options(const std::string& fact = "channel") {
  engine_options o = small_options();
  o.sources = {"response_rate", "popularity", "batch_affinity"};
  o.channel_fact = fact;
  return o;
}

// of two items, on pages of both, mail readers take "letter" and visitors of the site "clip"
void live(engine& e, int pages) {
  for (const char* each : {"letter", "clip"}) e.upsert_item(each);
  for (int k = 0; k < pages; ++k) {
    const bool mail = k % 2 == 0;
    const std::string user = user_name(static_cast<std::size_t>(k));
    const recommendation page = e.recommend(
        {.user = user, .count = 2, .time = from_millis(k), .context = {{"channel", mail ? "mail" : "web"}}});
    REQUIRE(page.items.size() == 2);
    if (k % 5 < 3) REQUIRE(e.reward(page.id, mail ? "letter" : "clip", 1, from_millis(k)).taken());
  }
}

float rate(const engine& e, const char* channel, const char* item) {
  return e.explain({.user = "somebody", .time = later, .context = {{"channel", channel}}}, item).sources[0].score;
}

}  // namespace

TEST_CASE("each channel has response rates of its own, and a new one starts from those over all",
          "[engine][channels]") {
  engine e(options());
  live(e, 600);
  CHECK(rate(e, "mail", "letter") > 0.5F);
  CHECK(rate(e, "mail", "clip") < 0.1F);
  CHECK(rate(e, "web", "letter") < 0.1F);
  CHECK(rate(e, "web", "clip") > 0.5F);
  const float overall = e.explain({.user = "somebody", .time = later}, "clip").sources[0].score;
  CHECK(overall == Approx(0.3).margin(0.05));
  CHECK(rate(e, "push", "clip") == overall);
}

TEST_CASE("without the option channels share their rates", "[engine][channels]") {
  engine e(options(""));
  live(e, 600);
  CHECK(rate(e, "mail", "clip") == rate(e, "web", "clip"));
  CHECK(rate(e, "mail", "clip") == Approx(0.3).margin(0.05));
}

TEST_CASE("a fact that only begins like the option's is no channel", "[engine][channels]") {
  engine e(options("chan"));
  live(e, 600);
  CHECK(rate(e, "mail", "clip") == rate(e, "web", "clip"));
}

TEST_CASE("taste that was shown in one channel is known in the others", "[engine][channels]") {
  engine_options o = small_options();
  o.channel_fact = "channel";
  engine e(o);
  for (const deed& d : deeds(2000, 3)) {
    event told = d.as_event();
    told.context = {{"channel", "web"}};
    e.observe(told);
  }
  e.refit();
  const auto in = [&](const char* channel) {
    const recommendation page =
        e.recommend({.user = "user3", .count = 5, .time = later, .context = {{"channel", channel}}, .shadow = true});
    std::vector<std::string> out;
    for (const recommended_item& each : page) out.push_back(each.item);
    return out;
  };
  const std::vector<std::string> mail = in("mail");
  const auto of_group = [](const std::string& item) { return item.rfind("item3", 0) == 0; };  // user3's: 30 to 39
  CHECK(std::ranges::count_if(mail, of_group) >= 4);
  CHECK(mail == in("nowhere"));
}

TEST_CASE("late rewards and defaults count in the page's channel", "[engine][channels]") {
  engine_options o = options();
  o.reward_window = std::chrono::seconds(1);
  o.default_reward = 0.5;
  engine e(o);
  for (const char* each : {"letter", "clip"}) e.upsert_item(each);
  std::vector<decision_id> pages;
  for (int k = 0; k < 100; ++k) {
    pages.push_back(e.recommend({.user = user_name(static_cast<std::size_t>(k)),
                                 .count = 2,
                                 .time = from_millis(k),
                                 .context = {{"channel", "mail"}}})
                        .id);
  }
  e.advance(from_millis(10'000));
  CHECK(rate(e, "mail", "clip") == Approx(0.5).margin(0.03));
  for (const decision_id each : pages) e.reward(each, "clip", 1, from_millis(11'000));
  CHECK(rate(e, "mail", "clip") > 0.9F);
  CHECK(rate(e, "mail", "letter") < 0.7F);
}
