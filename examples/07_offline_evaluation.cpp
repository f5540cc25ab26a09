// What another policy would have earned, judged from the engine's own log of decisions and their propensities.
#include <array>
#include <cmath>
#include <iostream>
#include <string>
#include <tandem/tandem.hpp>
#include <vector>

namespace {

const std::array<std::string, 4> banners{"summer", "winter", "sale", "news"};
const std::array<std::string, 2> devices{"mobile", "desktop"};
constexpr double click_rate[2][4] = {{0.20, 0.05, 0.10, 0.02}, {0.04, 0.15, 0.12, 0.02}};  // what nobody knows
constexpr std::size_t target[2] = {0, 2};  // the policy in question: summer on mobile, sale on desktop
constexpr double truth = (0.20 + 0.12) / 2;

struct record {
  std::size_t device, banner;
  double propensity, reward;
};

}  // namespace

int main() {
  // The policy that runs: the engine, exploring half of the time, so that the log can judge others.
  tandem::engine_options options;
  options.slate.policy = tandem::online::epsilon_greedy{0.5};
  tandem::engine site(options);
  const std::vector<std::string_view> banner_ids(banners.begin(), banners.end());
  for (const std::string_view banner : banner_ids) site.upsert_item(banner);
  std::vector<record> log;
  tandem::random_stream random(1);
  auto now = tandem::from_millis(1'750'000'000'000);
  for (std::size_t k = 0; k < 12'000; ++k) {
    now += std::chrono::seconds(30);
    const std::size_t device = random.below(2);
    const std::string user = "visitor-" + std::to_string(random.below(500));
    const tandem::context_list where{{"device", devices[device]}};
    const auto shown = site.recommend(
        {.user = user, .count = 1, .time = now, .context = where, .candidates = banner_ids, .exclude_seen = false});
    const tandem::recommended_item& first = shown.items.at(0);
    std::size_t banner = 0;
    while (banners[banner] != first.item) ++banner;
    const bool click = random.uniform() < click_rate[device][banner];
    if (click) site.reward(shown.id, first.item, 1, now);
    log.push_back({device, banner, first.propensity, click ? 1.0 : 0.0});
  }

  // A model of the reward for the doubly robust estimate, from the first half; the second half judges.
  double clicks[2][4] = {}, shows[2][4] = {};
  for (std::size_t k = 0; k < log.size() / 2; ++k) {
    shows[log[k].device][log[k].banner] += 1;
    clicks[log[k].device][log[k].banner] += log[k].reward;
  }
  const auto model = [&](std::size_t d, std::size_t b) { return (clicks[d][b] + 0.1) / (shows[d][b] + 1); };
  tandem::evaluation::inverse_propensity ips;
  tandem::evaluation::self_normalized snips;
  tandem::evaluation::doubly_robust dr;
  double ran = 0;
  for (std::size_t k = log.size() / 2; k < log.size(); ++k) {
    const record& r = log[k];
    const double chosen = r.banner == target[r.device] ? 1 : 0;  // the probability the other policy gives it
    const tandem::evaluation::logged_reward logged{r.reward, r.propensity, chosen};
    ips.add(logged);
    snips.add(logged);
    dr.add(logged, {model(r.device, r.banner), model(r.device, target[r.device])});
    ran += r.reward / static_cast<double>(log.size() / 2);
  }
  bool right = !dr.estimate().support_doubtful();
  std::cout << "the policy that ran earned " << ran << " a decision; the other would earn " << truth << ":\n";
  for (const auto& [name, e] :
       {std::pair{"IPS  ", ips.estimate(0.99)}, {"SNIPS", snips.estimate(0.99)}, {"DR   ", dr.estimate(0.99)}}) {
    std::cout << name << ' ' << e.value << " [" << e.range.low << ", " << e.range.high << "], as good as "
              << std::round(e.effective_sample_size) << " of " << e.n << " records\n";
    right = right && e.range.contains(truth) && e.range.low > ran;
  }
  return right ? 0 : 1;
}
