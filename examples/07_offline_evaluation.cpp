// What another policy would have earned, judged from the engine's own log of decisions and their propensities.
#include <algorithm>
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

std::size_t number_of(const std::string& banner) {
  return static_cast<std::size_t>(std::find(banners.begin(), banners.end(), banner) - banners.begin());
}

}  // namespace

int main() {
  // The policy that runs: the engine, exploring half of the time, so that the log can judge others.
  tandem::engine_options options{.exclude_seen = false};
  options.slate.policy = tandem::online::epsilon_greedy{0.5};
  tandem::engine site(options);
  const std::vector<std::string_view> banner_ids(banners.begin(), banners.end());
  for (const std::string_view banner : banner_ids) site.upsert_item(banner);
  std::vector<std::size_t> device_of;  // by decision: the one thing about a page that is the host's to keep
  tandem::random_stream random(1);
  auto now = tandem::from_millis(1'750'000'000'000);
  for (std::size_t k = 0; k < 12'000; ++k) {
    now += std::chrono::seconds(30);
    const std::size_t device = random.below(2);
    const std::string user = "visitor-" + std::to_string(random.below(500));
    const auto shown = site.recommend(
        {.user = user, .count = 1, .time = now, .context = {{"device", devices[device]}}, .candidates = banner_ids});
    const std::string& first = shown.items.at(0).item;
    if (random.uniform() < click_rate[device][number_of(first)]) site.reward(shown.id, first, 1, now);
    device_of.push_back(device);
  }

  // A model of the reward for the doubly robust estimate, from the first half of the log; the second half judges.
  const std::size_t half = device_of.size() / 2;
  double clicks[2][4] = {}, shows[2][4] = {};
  const auto model = [&](std::size_t d, std::size_t b) { return (clicks[d][b] + 0.1) / (shows[d][b] + 1); };
  tandem::evaluation::inverse_propensity ips;
  tandem::evaluation::self_normalized snips;
  tandem::evaluation::doubly_robust dr;
  double ran = 0;
  site.read_decisions([&](const tandem::logged_decision& d) {
    const std::size_t device = device_of[raw(d.id) - 1], banner = number_of(d.items[0].item);
    const double reward = d.rewards.empty() ? 0 : d.rewards[0].value;
    if (raw(d.id) <= half) {
      shows[device][banner] += 1;
      clicks[device][banner] += reward;
      return;
    }
    const double chosen = banner == target[device] ? 1 : 0;  // the probability the other policy gives it
    const tandem::evaluation::logged_reward logged{reward, d.items[0].propensity, chosen};
    ips.add(logged);
    snips.add(logged);
    dr.add(logged, {model(device, banner), model(device, target[device])});
    ran += reward / static_cast<double>(half);
  });
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
