"""What bandits earn in made-up worlds: ours as it comes, ours at fixed strengths of exploration, and twelve settings of VW.

The figure is the share of the gap between choosing at random and knowing every chance. All see the same contexts and are
paid by the same luck. The best strength and the best setting are chosen with hindsight, by their mean over the seeds.
"""

import bandits
import vw

WORLDS = ("20x20", "100x50", "switch", "shared", "products", "drift")
CHANGING = ("switch", "drift")  # where forgetting is tried at fixed strengths, too
SEEDS = range(1, 6)
SEEDS_OF_VW = range(1, 3)  # it takes minutes for what takes us seconds


def part(run):
    print("\nshare of the gap between chance and knowing all, mean over seeds", flush=True)
    for name in WORLDS:
        policies = {"auto": ("--policy", "auto"), "tuned": ("--policy", "tuned"), **bandits.fixed()}
        if name in CHANGING:
            policies |= bandits.fixed(bandits.FORGETTING)
        with bandits.Games(run, f"quality in {name}") as games:
            for seed in SEEDS:
                path = bandits.world(run, name, seed)
                for policy, options in policies.items():
                    games.add_ours(policy, path, seed, options)
                if seed in SEEDS_OF_VW:
                    for setting in vw.SETTINGS:
                        games.add_vw(setting, path, seed)
            played = games.played()
        shares = {policy: {seed: each["share"] for seed, each in by_seed.items()} for policy, by_seed in played.items()}
        run.report["quality"][name] = bandits.summed_up(shares)
        print(bandits.line(name, run.report["quality"][name]), flush=True)
