"""Classification as a bandit: an arm is a class, and pays 1 when it is right. Ours beside VW on real data.

The figure is (loss - OAA) / (uniform - OAA), as Bietti, Agarwal and Langford (2021) have it: 1 is guessing, 0 is as good
as VW's one-against-all that is told every answer, in one pass; less is better. Columns are standardised and rows shuffled;
a column that names categories by numbers stays a column of numbers, for all alike.
"""

import gzip
import statistics

import numpy as np

import bandits
import vw

SEEDS = (1, 2)
MOST_ROWS = 20_000
SETTINGS = ("regcb .01", "squarecb 1000", "bag 5", "cover 5")


def table_of(path):
    """Standardised columns behind a constant, and the class of each row, from 0."""
    with gzip.open(path, "rt") as lines:
        columns = next(lines).rstrip("\n").split("\t")
        table = np.loadtxt(lines, delimiter="\t")
    if columns[-1] != "target":
        raise RuntimeError(f"the last column of {path} is {columns[-1]}, not target")
    x, classes = table[:, :-1], np.unique(table[:, -1], return_inverse=True)[1]
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return np.column_stack([np.ones(len(x)), x]), classes


def world_of(table, seed, path):
    contexts, classes = table
    rows = np.random.default_rng(seed).permutation(len(classes))[:MOST_ROWS]
    pays = np.eye(classes.max() + 1)[classes[rows]]
    vw.made(contexts[rows], pays, np.full(len(rows), 0.5)).write(path)
    return path


def normalised_losses(played, n_classes):
    oaa = {seed: loss for seed, loss in played.pop("oaa").items()}
    uniform = 1 - 1 / n_classes
    losses = {policy: {seed: (1 - each["reward"] - oaa[seed]) / (uniform - oaa[seed]) for seed, each in by_seed.items()}
              for policy, by_seed in played.items()}
    return {**bandits.summed_up(losses, best=min), "oaa_loss": bandits.mean(oaa), "uniform_loss": uniform}


def part(run):
    paths = sorted((run.data / "bandit-uci").glob("*.tsv.gz"))
    if not paths:
        run.skipped("uci", f"{run.data / 'bandit-uci'} is not there (set TANDEM_DATA)")
        return
    print("\nnormalised loss: 1 is guessing, 0 is one-against-all that is told every answer; less is better", flush=True)
    files = {}
    for path in paths:
        name = path.name.removesuffix(".tsv.gz")
        table = table_of(path)
        with bandits.Games(run, f"uci, {name}") as games:
            for seed in SEEDS:
                world = world_of(table, seed, run.folder / f"uci {name} {seed}")
                games.add_one_against_all(world, seed)
                for policy, options in {"auto": ("--policy", "auto"), **bandits.fixed()}.items():
                    games.add_ours(policy, world, seed, options)
                for setting in SETTINGS:
                    games.add_vw(setting, world, seed)
            files[name] = normalised_losses(games.played(), int(table[1].max()) + 1)
        print(bandits.line(name, files[name]), flush=True)
    means = {key: statistics.fmean(file[key] for file in files.values()) for key in ("auto", "best_fixed", "best_vw")}
    ahead = sum(file["auto"] < file["best_vw"] for file in files.values())
    run.report["uci"] = {**files, "mean": means, "files_ahead_of_vw": ahead}
    print("  mean         " + "   ".join(f"{key.replace('_', ' ')} {value:.4f}" for key, value in means.items())
          + f"   ahead of VW's best setting on {ahead} of {len(files)}", flush=True)
