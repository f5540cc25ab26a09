"""Decisions of two threads by those of one, and of one beside a thread that learns: ours; no peer lets threads share a model.

Two threads are compared by the clock, so the machine has to be idle. What a learner costs a reader is compared by the
reader's own CPU time. A decision is torn when its model is older than one that the same thread has seen.
"""


def part(run):
    report = run.report["readers"]
    print("\ndecisions of two threads by one's; of one beside a learner by alone; 20x20", flush=True)
    for policy in ("lin_ucb", "auto"):
        each = run.ours("online_bandits", "readers", "--policy", policy, "--arms", 20, "--dimension", 20,
                        "--repeat", run.rounds, "--seconds", min(1, max(0.1, run.scale)))
        report[policy] = {"readers_2_vs_1": each["two_vs_one"], **each}
        print(f"  {policy:12s} {each['two_vs_one']:.2f}   {each['beside_a_learner']:.2f}   one {each['one_per_s']:,.0f}/s, "
              f"beside {each['learner_per_s']:,.0f} learned/s, torn {each['torn']}", flush=True)
    for key, worst in (("readers_2_vs_1", min), ("beside_a_learner", min), ("torn", max)):
        report[key] = worst(report[policy][key] for policy in ("lin_ucb", "auto"))
