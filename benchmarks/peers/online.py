"""Bandits beside their peers from PyPI: the same worlds and sizes, in turn, in one run.

programs: online_bandits

Run by scripts/bench online. Rates are per second of CPU time of one thread, medians over the rounds; ratios are ours by
theirs, so more than 1 says that ours is faster. A part that fails is named under "failed" and the others go on; then the
status is 1. A figure that misses its mark is only shown. docs/benchmarks.md explains the figures.

    online.py PROGRAMS [--json OUT] [--only PART,PART] [--rounds N] [--scale S] [--data FOLDER]
"""

import sys

import harness
import openblas

PARTS = {  # each a module online_NAME with part(run): in the order in which they are run
    "speed": "decide and learn beside VW, MABWiser and river",
    "readers": "threads that share a model",
    "quality": "made-up worlds beside twelve settings of VW",
    "uci": "classification as a bandit beside VW",
    "delay": "rewards that come late",
    "replay": "a log of 1.37 million rows",
}
SECTIONS = ("ratios", "decide_learn_per_s", "speed", "speed_peers", "readers", "quality", "uci", "delay", "replay")
LEFT_OUT = "obp: its newest version, 0.5.7, is for Python below 3.11"


def marks(report):
    """Every figure that has one: its name, the figure, and the least (or, with <=, the most) that it should be."""
    ratios, rates, speed, readers, quality = (report[key] for key in ("ratios", "decide_learn_per_s", "speed", "readers",
                                                                       "quality"))
    lin_ucb = {name: each.get("lin_ucb", {}) for name, each in speed.items()}
    yield "20x20 lin_ucb, decide and learn per second", rates.get("20x20"), ">=", 500_000
    yield "20x20 by the fastest of VW", ratios.get("decide_learn_20x20_vs_vw"), ">=", 10
    yield "20x20 lin_ucb, decide p99, us", lin_ucb.get("20x20", {}).get("decide_p99_us"), "<=", 5
    yield "100x128 lin_ucb, decide p50, us", lin_ucb.get("100x128", {}).get("decide_p50_us"), "<=", 60
    yield "1000x20 lin_ucb, decide p50, us", lin_ucb.get("1000x20", {}).get("decide_p50_us"), "<=", 40
    allocated = [each["allocations"] for policies in speed.values() for each in policies.values()]
    yield "allocations after the start", max(allocated, default=None), "<=", 0
    for key, mark in (("readers_2_vs_1", 1.8), ("beside_a_learner", 0.9)):
        yield key, readers.get(key), ">=", mark
    yield "torn", readers.get("torn"), "<=", 0
    for name, mark in (("20x20", 0.89), ("100x50", 0.70), ("switch", 0.74)):
        yield f"{name} auto", quality.get(name, {}).get("auto"), ">=", mark
    for name, each in quality.items():
        if "best_fixed" in each:
            yield f"{name} auto by the best fixed strength", each["auto"] / each["best_fixed"], ">=", 0.98
        if "best_vw" in each:
            yield f"{name} auto - the best of VW, same seeds", each["auto_on_seeds_of_vw"] - each["best_vw"], ">=", 0
    for policy in ("auto", "lin_ts"):
        yield f"delay {policy}", report["delay"].get(policy), "<=", 7
    yield "replay, seconds", report["replay"].get("seconds"), "<=", 15


def judge(report):
    """Writes each mark beside its figure into the report, and prints them."""
    report["marks"] = {}
    print("\nfigures and their marks")
    for name, figure, sign, mark in marks(report):
        if figure is None:
            continue
        met = figure >= mark if sign == ">=" else figure <= mark
        report["marks"][name] = {"figure": figure, "mark": f"{sign} {mark:g}", "met": met}
        print(f"  {name:46s} {figure:12,.4g}   {sign} {mark:<10,g} {'' if met else 'MISSED'}".rstrip())


def main():
    given = harness.arguments("online", __doc__, PARTS, "bandit-uci")
    openblas.restart()
    report = harness.empty_report(given, SECTIONS)
    report["skipped"].append(LEFT_OUT)
    with harness.run_of(given, report) as run:
        harness.run_parts(run, given, PARTS, prefix="online_")
    if given.scale == 1:
        judge(report)
    else:
        print("\nmarks are for the full size: none is judged")
    return harness.finish("online", given, report)


if __name__ == "__main__":
    sys.exit(main())
