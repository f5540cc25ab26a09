"""Decisions of two threads by those of one, and of one beside a thread that learns: ours; no peer lets threads share a model.

Two threads are compared by the clock, so the machine has to be idle: `processes_2_vs_1` says what two processes that share
nothing reach by the clock, which is the most that two threads can. What a learner costs a reader is compared by the reader's own
CPU time. A decision is torn when its model is older than one that the same thread has seen.
"""

import concurrent.futures
import statistics


def processes_2_vs_1(run):
    """What the machine itself gives: two bandits in processes of their own, by one alone; the median over the rounds."""

    def per_s(_=None):
        return run.ours("online_bandits", "speed", "--policy", "lin_ucb", "--rounds", 400_000)["per_wall_s"]

    with concurrent.futures.ThreadPoolExecutor(2) as both:
        return statistics.median(sum(both.map(per_s, range(2))) / per_s() for _ in range(run.rounds))


def part(run):
    report = run.report["readers"]
    print("\ndecisions of two threads by one's; of one beside a learner, and beside 20,000 learned/s, by alone; 20x20", flush=True)
    for policy in ("lin_ucb", "auto"):
        each = run.ours("online_bandits", "readers", "--policy", policy, "--arms", 20, "--dimension", 20,
                        "--repeat", run.rounds, "--seconds", min(1, max(0.1, run.scale)))
        report[policy] = {"readers_2_vs_1": each["two_vs_one"], **each}
        print(f"  {policy:12s} {each['two_vs_one']:.2f}   {each['beside_a_learner']:.2f}   {each['beside_20000_learned_per_s']:.2f}   "
              f"one {each['one_per_s']:,.0f}/s, beside {each['learner_per_s']:,.0f} learned/s, torn {each['torn']}", flush=True)
    report["processes_2_vs_1"] = processes_2_vs_1(run)
    print(f"  two processes that share nothing, by one: {report['processes_2_vs_1']:.2f}", flush=True)
    for key, worst in (("readers_2_vs_1", min), ("beside_a_learner", min), ("torn", max)):
        report[key] = worst(report[policy][key] for policy in ("lin_ucb", "auto"))
