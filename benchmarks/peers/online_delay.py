"""Regret when every reward comes 1,000 rounds late, by regret when it comes at once: ours, as it comes and by sampling."""

import bandits

SEEDS = range(1, 4)
POLICIES = {"auto": ("--policy", "auto"), "lin_ts": ("--policy", "lin_ts", "--strength", 0.1)}


def part(run):
    print("\nregret with rewards 1,000 rounds late, by regret with rewards at once, 20x20", flush=True)
    for policy, options in POLICIES.items():
        ratios = {seed: run.ours("online_bandits", "delay", bandits.world(run, "20x20", seed), "--rounds", 1000, "--seed",
                                 seed, *options)["ratio"] for seed in SEEDS}
        run.report["delay"][policy] = bandits.mean(ratios)
        run.report["delay"][f"{policy}_by_seed"] = list(ratios.values())
        print(f"  {policy:12s} {bandits.mean(ratios):.2f}   by seed {', '.join(f'{each:.2f}' for each in ratios.values())}",
              flush=True)
