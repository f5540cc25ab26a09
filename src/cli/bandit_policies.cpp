#include "bandit_policies.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "log_arguments.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/delimited_reader.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/online/auto_bandit.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/count_bandit.hpp"
#include "tandem/online/exp3_ix.hpp"
#include "tandem/online/linear_bandit.hpp"
#include "tandem/online/logistic_bandit.hpp"

namespace tandem_cli {
namespace {

using namespace tandem::online;
using tandem::random_stream;

template <class Bandit>
concept learns_strengths = std::same_as<Bandit, auto_bandit> || requires(const Bandit& b) {
  b.options().policy.weights();
};

const tuned<linear_ucb>& policy_of(const auto_bandit& bandit) { return bandit.policy(); }
template <class Policy>
const Policy& policy_of(const linear_bandit<Policy>& bandit) {
  return bandit.options().policy;
}

template <class Bandit>
class contextual final : public any_bandit {
 public:
  contextual(typename Bandit::options_type options, std::size_t arms) : bandit_(std::move(options)) {
    for (std::size_t a = 0; a < arms; ++a) bandit_.add_arm();
  }

  choice choose(std::span<const float> context, random_stream& random) override {
    return bandit_.choose(context, random);
  }
  void probabilities(std::span<const float> context, std::span<double> out) override {
    bandit_.probabilities(context, out);
  }
  choice logged(std::size_t arm, double propensity, std::span<const float> context, random_stream& random) override {
    choice out = any_bandit::logged(arm, propensity, context, random);
    if constexpr (learns_strengths<Bandit>) out.part = part_for(arm, context, random);
    return out;
  }
  void learn(const choice& chosen, std::span<const float> context, float reward) override {
    bandit_.learn(chosen, context, reward);
  }

 private:
  // The strength to credit: one that could have drawn the arm, or else any, so that none gains.
  std::size_t part_for(std::size_t arm, std::span<const float> context,
                       random_stream& random) requires learns_strengths<Bandit> {
    typename Bandit::scratch memory;
    static_cast<void>(bandit_.choose(context, random, memory));
    const auto& policy = policy_of(bandit_);
    if (!(memory.probabilities[arm] > 0)) return random.below(policy.policies().size());
    return policy.attribute(arm, random, memory.policy);
  }

  Bandit bandit_;
};

template <class Bandit>
class plain final : public any_bandit {
 public:
  plain(const typename Bandit::options_type& options, std::size_t arms) : bandit_(options) {
    for (std::size_t a = 0; a < arms; ++a) bandit_.add_arm();
  }

  choice choose(std::span<const float>, random_stream& random) override { return bandit_.choose(random); }
  void probabilities(std::span<const float>, std::span<double> out) override { bandit_.probabilities(out); }
  void learn(const choice& chosen, std::span<const float>, float reward) override {
    if constexpr (requires { bandit_.learn(chosen, 0.0); }) {
      bandit_.learn(chosen, double{reward});
    } else {
      bandit_.learn(chosen.arm, double{reward});
    }
  }

 private:
  Bandit bandit_;
};

// Any arm, all alike: what everything has to beat.
class uniform final : public any_bandit {
 public:
  explicit uniform(std::size_t arms) : arms_(arms) {}

  choice choose(std::span<const float>, random_stream& random) override {
    return {static_cast<arm_index>(random.below(arms_)), 1 / static_cast<double>(arms_)};
  }
  void probabilities(std::span<const float>, std::span<double> out) override {
    std::fill(out.begin(), out.end(), 1 / static_cast<double>(arms_));
  }
  void learn(const choice&, std::span<const float>, float) override {}

 private:
  std::size_t arms_;
};

using made = std::unique_ptr<any_bandit>;

template <class Policy>
made linear(const bandit_shape& shape, Policy policy) {
  linear_bandit_options<Policy> options;
  options.dimension = shape.dimension;
  options.policy = std::move(policy);
  return std::make_unique<contextual<linear_bandit<Policy>>>(std::move(options), shape.arms);
}

template <class Bandit>
made logistic(const bandit_shape& shape, double scale) {
  typename Bandit::options_type options;
  options.dimension = shape.dimension;
  options.policy.scale = scale;
  return std::make_unique<contextual<Bandit>>(options, shape.arms);
}

made automatic(const bandit_shape& shape, double) {
  return std::make_unique<contextual<auto_bandit>>(
      auto_bandit_options{.dimension = shape.dimension, .epsilon = shape.epsilon}, shape.arms);
}

made ucb1_of(const bandit_shape& shape, double exploration) {
  count_bandit_options<ucb1> options;
  options.policy.exploration = exploration;
  options.policy.epsilon = shape.epsilon;
  return std::make_unique<plain<ucb1_bandit>>(options, shape.arms);
}

made kl_ucb_of(const bandit_shape& shape, double c) {
  count_bandit_options<kl_ucb> options;
  options.policy.c = c;
  options.policy.epsilon = shape.epsilon;
  return std::make_unique<plain<kl_ucb_bandit>>(options, shape.arms);
}

made gaussian_of(const bandit_shape& shape, double noise_variance) {
  count_bandit_options<thompson> options;
  options.noise_variance = noise_variance;
  return std::make_unique<plain<gaussian_thompson>>(options, shape.arms);
}

std::vector<bandit_kind> all_kinds() {
  using shape = const bandit_shape&;
  std::vector<bandit_kind> out;
  const auto add = [&](bandit_kind kind) -> bandit_kind& { return out.emplace_back(std::move(kind)); };
  add({.name = "auto", .about = "LinUCB that learns how much to explore and forget", .takes_epsilon = true}).make =
      automatic;
  add({.name = "lin_ucb", .parameter = "alpha", .value = 0.1, .about = "LinUCB", .takes_epsilon = true}).make =
      [](shape s, double alpha) {
        return linear(s, linear_ucb{alpha, s.epsilon});
      };
  add({.name = "lin_ts", .parameter = "scale", .value = 0.1, .about = "linear Thompson sampling"}).make =
      [](shape s, double scale) { return linear(s, thompson{.scale = scale}); };
  add({.name = "tuned", .about = "LinUCB that learns its alpha", .takes_epsilon = true}).make = [](shape s, double) {
    return linear(s, tuned<linear_ucb>(default_strengths(linear_ucb{0, s.epsilon})));
  };
  add({.name = "tuned_ts", .about = "linear Thompson sampling that learns its scale"}).make = [](shape s, double) {
    return linear(s, tuned<thompson>());
  };
  add({.name = "greedy", .about = "the arm that looks best"}).make = [](shape s, double) {
    return linear(s, greedy{});
  };
  add({.name = "epsilon_greedy", .parameter = "epsilon", .value = 0.05, .about = "the same, and any arm at times"})
      .make = [](shape s, double epsilon) { return linear(s, epsilon_greedy{epsilon}); };
  add({.name = "softmax", .parameter = "temperature", .value = 0.1, .about = "exp(mean / temperature)"}).make =
      [](shape s, double temperature) { return linear(s, softmax{temperature}); };
  add({.name = "inverse_gap", .parameter = "gamma", .value = 100, .about = "inverse gap weighting, SquareCB"}).make =
      [](shape s, double gamma) { return linear(s, inverse_gap{gamma}); };
  add({.name = "logistic",
       .parameter = "scale",
       .value = 0.5,
       .about = "logistic Thompson sampling, diagonal",
       .unit_rewards = true})
      .make = [](shape s, double scale) { return logistic<logistic_ts>(s, scale); };
  add({.name = "full_logistic",
       .parameter = "scale",
       .value = 0.5,
       .about = "the same with full covariance",
       .unit_rewards = true,
       .dimensions = 256})
      .make = [](shape s, double scale) { return logistic<full_logistic_ts>(s, scale); };
  add({.name = "beta", .about = "Thompson sampling without context", .unit_rewards = true}).make =
      [](shape s, double) -> made { return std::make_unique<plain<beta_bandit>>(beta_bandit_options{}, s.arms); };
  add({.name = "gaussian", .parameter = "noise variance", .value = 0.25, .about = "the same for rewards of any range"})
      .make = gaussian_of;
  add({.name = "ucb1", .parameter = "exploration", .value = 2, .about = "UCB1, without context", .takes_epsilon = true})
      .make = ucb1_of;
  add({.name = "kl_ucb",
       .parameter = "c",
       .value = 0,
       .about = "KL-UCB, without context",
       .unit_rewards = true,
       .takes_epsilon = true})
      .make = kl_ucb_of;
  add({.name = "exp3_ix", .parameter = "rate", .value = 1, .about = "EXP3-IX, without context", .unit_rewards = true})
      .make = [](shape s, double rate) -> made {
    return std::make_unique<plain<exp3_ix>>(exp3_ix_options{.rate = rate}, s.arms);
  };
  add({.name = "random", .about = "any arm, all alike"}).make = [](shape s, double) -> made {
    return std::make_unique<uniform>(s.arms);
  };
  return out;
}

chosen_bandit bandit_of(const std::string& option, const std::string& word) {
  const std::size_t colon = std::min(word.find(':'), word.size());
  const std::string name = word.substr(0, colon);
  std::vector<std::string> names;
  for (const bandit_kind& each : bandit_kinds()) names.push_back(each.name);
  const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  if (at == names.size()) {
    refuse(option, "there is no policy '" + name + "'; there are: " + tandem::detail::list_of(names));
  }
  const bandit_kind& kind = bandit_kinds()[at];
  chosen_bandit out{&kind, kind.value, word};
  if (colon == word.size()) return out;
  const auto number = tandem::detail::parse_number(word.substr(colon + 1));
  if (kind.parameter.empty()) refuse(option, "'" + word + "': " + name + " takes no number");
  if (!number) refuse(option, "'" + word + "' is not " + name + ":NUMBER, its " + kind.parameter);
  out.value = *number;
  try {  // the bandit knows its ranges
    static_cast<void>(kind.make(bandit_shape{}, out.value));
  } catch (const tandem::error& e) {
    refuse(option, "'" + word + "': " + kind.parameter + " is " + e.message() + "; " + e.remedy());
  }
  return out;
}

}  // namespace

const std::vector<bandit_kind>& bandit_kinds() {
  static const std::vector<bandit_kind> kinds = all_kinds();
  return kinds;
}

std::vector<chosen_bandit> bandits_in(const std::string& option, const std::string& list) {
  std::vector<chosen_bandit> out;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    out.push_back(bandit_of(option, list.substr(from, end - from)));
    from = end + 1;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (out[i].kind == out[j].kind && out[i].value == out[j].value)
        refuse(option, "names '" + out[i].text + "' twice");
    }
  }
  return out;
}

}  // namespace tandem_cli
