"""Decide and learn, per second of CPU time of one thread: ours through its whole loop, beside VW, MABWiser and river.

Ours decides by id, keeps the decision with its propensity, joins the reward by id and learns. The peers have no ids, and
keep nothing: they decide and learn. VW is timed without reading text (vw.Pace), MABWiser and river through their Python.
"""

import statistics
import time

import numpy as np

import vw
from run import Rounds

# of ours, of VW and of the Python libraries: about a second each
ROUNDS = {(20, 20): (200_000, 20_000, 250), (100, 128): (8_000, 1_500, 25), (1000, 20): (20_000, 300, 10)}
POLICIES = ("lin_ucb", "auto", "lin_ts")
CONTEXTS = 1024


def contexts_of(dimension):
    out = np.random.default_rng(1).standard_normal((CONTEXTS, dimension))
    out[:, 0] = 1
    return out


def reward(arm, t):
    return 1 if (arm + t) % 10 == 0 else 0


def mabwiser(contexts, n_arms, rounds):
    from mabwiser.mab import MAB, LearningPolicy

    arms = list(range(n_arms))
    model = MAB(arms, LearningPolicy.LinUCB(alpha=0.1))
    model.fit(decisions=arms, rewards=[0] * n_arms, contexts=contexts[np.arange(n_arms) % CONTEXTS])
    begin = time.thread_time()
    for t in range(rounds):
        context = contexts[t % CONTEXTS : t % CONTEXTS + 1]
        arm = model.predict(context)
        model.partial_fit([arm], [reward(arm, t)], context)
    return rounds / (time.thread_time() - begin)


def river(contexts, n_arms, rounds):
    from river.bandit import LinUCBDisjoint
    from river.stats import Mean

    arms = list(range(n_arms))
    named = [dict(enumerate(context)) for context in contexts.tolist()]
    model = LinUCBDisjoint(reward_obj=Mean(), seed=1)
    begin = time.thread_time()
    for t in range(rounds):
        context = named[t % CONTEXTS]
        arm = model.pull(arms, context=context)
        model.update(arm, context, reward(arm, t))
    return rounds / (time.thread_time() - begin)


class Ours:
    """The figures of each round, of which the medians count."""

    def __init__(self, run, policy, arms, dimension, rounds):
        self.run, self.each = run, []
        self.arguments = ("speed", "--policy", policy, "--arms", arms, "--dimension", dimension, "--rounds", rounds)

    def measure(self):
        self.each.append(self.run.ours("online_bandits", *self.arguments))
        return self.each[-1]["per_s"]

    def medians(self):
        out = {key: statistics.median(one[key] for one in self.each) for key in self.each[0] if key.endswith(("_s", "_us"))}
        return {**out, "allocations": max(one["allocations"] for one in self.each), "simd": self.each[0]["simd"]}


def shape(run, arms, dimension):
    name = f"{arms}x{dimension}"
    of_ours, of_vw, of_python = (max(10, round(count * min(1, run.scale))) for count in ROUNDS[arms, dimension])
    contexts = contexts_of(dimension)
    ours = {policy: Ours(run, policy, arms, dimension, of_ours) for policy in POLICIES}
    rounds = Rounds(run, f"speed at {name}")
    for _ in range(run.rounds):
        for policy, each in ours.items():
            rounds.take(policy, each.measure)
        for setting in vw.FAST:
            for way in ("cached", "in_python"):
                rounds.take(f"vw {setting}, {way.replace('_p', ' P')}",
                            lambda way=way, setting=setting: vw.pace(way, contexts, arms, run.folder, setting, of_vw))
        rounds.take("mabwiser LinUCB", lambda: mabwiser(contexts, arms, of_python))
        rounds.take("river LinUCBDisjoint", lambda: river(contexts, arms, of_python))
    record(run, name, rounds.medians(), {policy: each.medians() for policy, each in ours.items() if each.each})


def record(run, name, per_s, ours):
    report = run.report
    report["speed"][name], report["speed_peers"][name] = ours, {k: v for k, v in per_s.items() if k not in POLICIES}
    mine = report["decide_learn_per_s"][name] = ours["lin_ucb"]["per_s"]
    for peer in ("vw", "mabwiser", "river"):
        theirs = [value for key, value in per_s.items() if key.startswith(peer)]
        if theirs:
            report["ratios"][f"decide_learn_{name}_vs_{peer}"] = mine / max(theirs)
    in_python = [value for key, value in per_s.items() if key.startswith("vw") and key.endswith("in Python")]
    if in_python:
        report["ratios"][f"decide_learn_{name}_vs_vw_in_python"] = mine / max(in_python)
    print(f"\n{name}: decide and learn, per second of CPU")
    for key, value in sorted(per_s.items(), key=lambda each: -each[1]):
        own = ours.get(key)
        print(f"  {key:32s} {value:12,.0f}" + (f"   decide {own['decide_p50_us']:.2f} us, p99 {own['decide_p99_us']:.2f}; learn "
              f"{own['learn_p50_us']:.2f}, p99 {own['learn_p99_us']:.2f}; allocations {own['allocations']}" if own else ""),
              flush=True)


def part(run):
    for arms, dimension in ROUNDS:
        try:
            shape(run, arms, dimension)
        except Exception as failure:
            run.failed(f"speed at {arms}x{dimension}", failure)
