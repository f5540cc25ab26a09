"""A log as long as the Open Bandit Dataset's random one, 80 arms and 20 features, replayed by our Thompson sampling."""

import statistics

ROWS = 1_374_327


def part(run):
    each = [run.ours("online_bandits", "replay", "--rows", max(1000, round(ROWS * run.scale)), "--arms", 80,
                     "--dimension", 20, "--policy", "lin_ts") for _ in range(min(2, run.rounds))]
    seconds = statistics.median(one["seconds"] for one in each)
    run.report["replay"] = {**each[0], "seconds": seconds}
    print(f"\nreplay of {each[0]['rows']:,} rows, 80 arms, 20 features: {seconds:.1f} s of CPU", flush=True)
