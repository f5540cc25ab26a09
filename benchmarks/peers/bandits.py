"""What the parts of scripts/bench online share: made-up worlds, policies of ours and settings of VW that play them."""

import concurrent.futures
import multiprocessing
import os
import statistics

import vw

ROUNDS = 20_000  # of a world
STRENGTHS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
FORGETTING = 0.995


def fixed(discount=1):
    """Our LinUCB by strength of exploration, as arguments of online_bandits."""
    suffix = "" if discount == 1 else f" discount {discount:g}"
    return {f"lin_ucb {strength:g}{suffix}": ("--policy", "lin_ucb", "--strength", strength, "--discount", discount)
            for strength in STRENGTHS}


def world(run, name, seed):
    """The file of a made-up world, drawn once."""
    path = run.folder / f"world {name} {seed}"
    if not path.exists():
        run.ours("online_bandits", "world", path, "--world", name, "--seed", seed,
                 "--rounds", max(500, round(ROUNDS * run.scale)))
    return path


class Games:
    """Ours and VW playing worlds, as many at a time as there are cores: what they earn, by policy, for each world."""

    def __init__(self, run, what):
        self.run, self.what, self.waiting = run, what, []
        cores = os.cpu_count() or 1
        self.ours = concurrent.futures.ThreadPoolExecutor(cores)
        self.theirs = concurrent.futures.ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.ours.shutdown(cancel_futures=True)
        self.theirs.shutdown(cancel_futures=True)

    def add_ours(self, name, path, seed, options):
        self.waiting.append((name, seed, self.ours.submit(self.run.ours, "online_bandits", "quality", path, "--seed", seed,
                                                          *options)))

    def add_vw(self, setting, path, seed):
        self.waiting.append((f"vw {setting}", seed, self.theirs.submit(vw.play, path, setting, seed)))

    def add_one_against_all(self, path, seed):
        self.waiting.append(("oaa", seed, self.theirs.submit(vw.one_against_all, path)))

    def played(self):
        """{policy: {seed: what it earned}}; a game that fails is named, and the others count."""
        out, waiting = {}, self.waiting
        self.waiting = []
        for name, seed, game in waiting:
            try:
                out.setdefault(name, {})[seed] = game.result()
            except Exception as failure:
                self.run.failed(f"{self.what}, {name}, seed {seed}", failure)
        return {name: by_seed for name, by_seed in out.items() if by_seed}


def mean(by_seed, seeds=None):
    return statistics.fmean(value for seed, value in by_seed.items() if seeds is None or seed in seeds)


def summed_up(figures, best=max):
    """From {policy: {seed: figure}}: auto, our best fixed strength, VW's best setting, and every policy's mean."""
    means = {name: mean(by_seed) for name, by_seed in figures.items()}
    out = {"auto": means["auto"]}
    for key, kind in (("best_fixed", "lin_ucb "), ("best_vw", "vw ")):
        among = [name for name in means if name.startswith(kind)]
        if among:
            name = best(among, key=means.get)
            out[key], out[f"{key}_is"] = means[name], name
            if key == "best_vw":  # which may have played fewer seeds
                out["auto_on_seeds_of_vw"] = mean(figures["auto"], figures[name])
                out["seeds_of_vw"] = len(figures[name])
    if "tuned" in means:
        out["tuned"] = means["tuned"]
    return {**out, "settings": means}


def line(name, figures):
    out = f"  {name:12s} auto {figures['auto']:.4f}"
    for key in ("best_fixed", "best_vw"):
        if key in figures:
            out += f"   {key.replace('_', ' ')} {figures[key]:.4f} ({figures[key + '_is']})"
    return out + (f"   auto on VW's seeds {figures['auto_on_seeds_of_vw']:.4f}" if "seeds_of_vw" in figures else "")
