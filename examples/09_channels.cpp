// Web and mail over one engine: taste is shared, what is taken when shown is learned for each, and a mail is sent only
// where it is worth the disturbance.
#include <algorithm>
#include <array>
#include <iostream>
#include <string>
#include <tandem/online/send_or_not.hpp>
#include <tandem/tandem.hpp>
#include <vector>

namespace online = tandem::online;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t n_users = 150;
constexpr std::size_t n_items = 400;

std::string user_name(std::size_t u) { return "reader-" + std::to_string(u); }
std::string item_name(std::size_t i) { return (i % 2 == 0 ? "long-read-" : "clip-") + std::to_string(i); }

// Of ten topics everybody likes one. In mails long reads are taken, on the site clips.
double appeal(std::size_t u, std::size_t item, bool mail) {
  const double form = (item % 2 == 0) == mail ? 1 : 0.25;
  return (item / (n_items / 10) == u % 10 ? 0.6 : 0.05) * form;
}

}  // namespace

int main() {
  tandem::engine_options options{.rank = 8, .channel_fact = "channel"};
  options.slate.policy = online::epsilon_greedy{0.1};
  tandem::engine shop(options);
  for (std::size_t i = 0; i < n_items; ++i) shop.upsert_item(item_name(i));
  online::send_or_not mails(
      {.dimension = 1, .price = 0.02, .opt_out_cost = 3, .limits = {.caps = {{24h, 1}}, .quiet = {21h, 8h}}});

  struct tally {
    double shown = 0, taken = 0;
  };
  std::array<tally, 2> site{}, mail{};  // of clips, of long reads
  std::uint64_t next_mail = 1;
  constexpr int days = 60;
  const auto start = tandem::from_millis(std::int64_t{86'400'000} * 20'000);
  for (int day = 0; day < days; ++day) {
    for (std::size_t u = 0; u < n_users; ++u) {
      tandem::random_stream luck(11, static_cast<std::uint64_t>(day) * n_users + u);
      const tandem::timestamp noon = start + day * 24h + 12h + std::chrono::seconds(u);
      const auto show = [&](bool by_mail, tandem::timestamp when) {
        const auto page = shop.recommend(
            {.user = user_name(u), .count = 1, .time = when, .context = {{"channel", by_mail ? "mail" : "web"}}});
        const std::size_t item = std::stoul(page.items[0].item.substr(page.items[0].item.rfind('-') + 1));
        tally& of = (by_mail ? mail : site)[item % 2 == 0 ? 1 : 0];
        const bool taken = luck.uniform() < appeal(u, item, by_mail);
        if (taken) shop.reward(page.id, page.items[0].item, 1, when + 1min);
        if (day >= days / 2) of.shown += 1;
        if (day >= days / 2) of.taken += taken ? 1 : 0;
        return taken;
      };
      if (luck.uniform() < 0.3) {  // they look around on the site by themselves, too: taste that mails profit from
        const std::string item = item_name(u % 10 * (n_items / 10) + luck.below(n_items / 10));
        shop.observe(
            {.user = user_name(u), .item = item, .action = "view", .time = noon, .context = {{"channel", "web"}}});
      }
      if (luck.uniform() < 0.5) show(false, noon);
      // readers with an odd number hardly want mails: of ten that they get, one makes them opt out
      const std::array<float, 1> known{u % 2 == 0 ? 1.0F : 0.0F};
      const tandem::timestamp evening = noon + 6h;
      mails.advance(evening);
      const auto id = tandem::decision_id{next_mail++};
      const auto who = static_cast<tandem::user_index>(u);
      const auto decided = mails.decide({.id = id, .user = who, .time = evening, .context = known});
      if (!decided.send) continue;
      if (show(true, evening)) mails.reward(id, 1, evening + 1min);
      if (u % 2 == 1 && luck.uniform() < 0.1) mails.opt_out(who, evening + 2min);
    }
    if (day % 10 == 9) shop.refit();
  }
  const auto share = [](const std::array<tally, 2>& of) { return of[1].shown / (of[0].shown + of[1].shown); };
  std::cout << "long reads among what was shown: on the site " << share(site) << ", in mails " << share(mail) << '\n';
  const auto rate = [](const std::array<tally, 2>& of) {
    return (of[0].taken + of[1].taken) / (of[0].shown + of[1].shown);
  };
  std::cout << "taken when shown: on the site " << rate(site) << ", in mails " << rate(mail) << '\n';
  const online::send_stats s = mails.stats();
  std::cout << s.sent << " mails for " << s.drawn << " occasions, " << s.opt_outs << " opt-outs\n";
  return share(mail) > share(site) + 0.08 && s.sent < s.drawn ? 0 : 1;
}
