#!/usr/bin/env python3
"""Boosted trees beside XGBoost: the same made-up data, options, rounds and threads, run alternately in one go.

A part of scripts/bench batch, on one thread; by hand, with more threads, in the environment which that made:
    build/bench/peers/bin/python benchmarks/peers/boosted_trees.py build/bench/benchmarks/boosted_trees [--quick]
        [--json FILE]

Both sides: depth-wise histogram trees, 256 bins, lambda 1, min_child_weight 1, no sampling. Training starts at the
float32 matrix, so it includes binning (QuantileDMatrix there). Scoring is of the training rows, margins, from the float32
matrix (inplace_predict, and DMatrix + predict: the faster counts). The softmax over groups is not built into XGBoost: it
is given as a custom objective, and the time spent inside that objective is taken off XGBoost's. Each of the --repeat
pairs of runs makes its data anew. Times are medians, wall clock, and beside their ratio that of CPU time over all
threads, which a busy machine disturbs less. Ratios are theirs by ours, so more than 1 says that ours is faster, or has
the smaller loss; losses are means over the pairs of the mean loss on validation rows, computed here for XGBoost with the
formulas of batch/boosted_trees.hpp.
"""

import argparse
import json
import os
import statistics
import tempfile
import time

# XGBoost's threads sleep when they wait: on a busy machine that is faster
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import xgboost as xgb

from run import output_of

TIMES = ("train_s", "train_cpu_s", "score_s", "score_cpu_s")
LOSSES = {"squared": "reg:squarederror", "logistic": "binary:logistic", "softmax": None}


def regression(rng, rows):
    """Friedman 1 (1991): 10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4 + N(0, 1), and 25 features of no use."""
    x = rng.random(size=(rows, 30), dtype=np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, (y + rng.normal(size=rows)).astype(np.float32), None


def classification(rng, rows):
    """20 numbers, a quarter of five of them missing, and 12 codes of 2 to 60 levels; labels are noisy."""
    x = rng.normal(size=(rows, 32)).astype(np.float32)
    levels = np.array([2, 2, 3, 4, 5, 7, 10, 12, 20, 30, 50, 60])
    codes = (rng.random((rows, 12)) ** 2 * levels).astype(np.int64)
    effect = [np.sin(np.arange(n) * 2.4 + n) for n in levels]
    signal = 0.8 * x[:, 0] * (codes[:, 1] == 1) + x[:, 1] * x[:, 2] + 0.7 * np.abs(x[:, 3])
    signal += sum(0.6 * effect[j][codes[:, j]] for j in (6, 9, 10, 11))
    x[:, 20:] = codes
    for f in range(5):
        gone = rng.random(rows) < (0.1 + 0.3 * (x[:, f] > 0))
        signal += 0.3 * gone
        x[gone, f] = np.nan
    y = rng.random(rows) < 1 / (1 + np.exp(1.5 - signal))
    return x, y.astype(np.float32), None


def ranking(rng, rows):
    """Groups of 100 candidates, 30 features of which 6 are the same for a group; one positive, drawn by softmax."""
    groups = rows // 100
    x = rng.normal(size=(groups, 100, 30)).astype(np.float32)
    x[:, :, 24:] = x[:, :1, 24:]
    x[:, :, :6] = np.maximum(x[:, :, :6], 0)  # many zeros, as counts have
    utility = 1.5 * x[:, :, 0] + np.log1p(x[:, :, 1] * 3) * (1 + x[:, :, 24]) + x[:, :, 7] * (x[:, :, 25] > 0)
    utility += 0.7 * np.abs(x[:, :, 8])
    chosen = np.argmax(utility + rng.gumbel(size=utility.shape), axis=1)
    y = np.zeros((groups, 100), np.float32)
    y[np.arange(groups), chosen] = 1
    return x.reshape(-1, 30), y.reshape(-1), np.full(groups, 100, np.uint32)


CASES = [
    ("regression", regression, "squared", 100_000, 6, 100),
    ("regression", regression, "squared", 1_000_000, 6, 100),
    ("classification", classification, "logistic", 100_000, 6, 100),
    ("classification, small", classification, "logistic", 5_000, 4, 100),
    ("listwise", ranking, "softmax", 1_000_000, 4, 100),
    ("listwise, small", ranking, "softmax", 50_000, 4, 100),
]


def write(path, x, y, groups):
    groups = np.zeros(0, np.uint32) if groups is None else groups
    with open(path, "wb") as out:
        out.write(b"TREES\0\0\0")
        out.write(np.array([x.shape[0], x.shape[1], len(groups)], "<u8").tobytes())
        for part, kind in ((x, "<f4"), (y, "<f4"), (groups, "<u4")):
            out.write(np.ascontiguousarray(part, kind).tobytes())


def softmax_of(margins):
    e = np.exp(margins - margins.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mean_loss(loss, margins, y):
    m, y = margins.astype(np.float64), y.astype(np.float64)
    if loss == "squared":
        return float(np.mean((m - y) ** 2) / 2)
    if loss == "logistic":
        return float(np.mean(np.logaddexp(0, m) - y * m))
    p = softmax_of(m.reshape(-1, 100))
    return float(-np.log(p[y.reshape(-1, 100) == 1]).mean())


def now():
    return time.perf_counter(), time.process_time()


def since(start):
    return [b - a for a, b in zip(start, now())]


def run_xgboost(loss, train, valid, depth, rounds, threads):
    options = {"tree_method": "hist", "max_depth": depth, "eta": 0.1, "lambda": 1, "max_bin": 256,
               "min_child_weight": 1, "nthread": threads, "verbosity": 0}
    inside = [0.0, 0.0]

    def objective(margins, data):
        start = now()
        y = train[1].reshape(-1, 100)
        p = softmax_of(margins.reshape(-1, 100))
        result = (p - y).reshape(-1, 1), np.maximum(p * (1 - p), 1e-16).reshape(-1, 1)
        inside[:] = [a + b for a, b in zip(inside, since(start))]
        return result

    start = now()
    data = xgb.QuantileDMatrix(train[0], label=train[1], nthread=threads, max_bin=256)
    if LOSSES[loss]:
        model = xgb.train({**options, "objective": LOSSES[loss]}, data, rounds)
    else:
        model = xgb.train({**options, "base_score": 0, "disable_default_eval_metric": 1}, data, rounds, obj=objective)
    fit = [a - b for a, b in zip(since(start), inside)]
    start = now()
    model.inplace_predict(train[0], predict_type="margin")
    score = since(start)
    start = now()
    model.predict(xgb.DMatrix(train[0], nthread=threads), output_margin=True)
    score = [min(a, b) for a, b in zip(score, since(start))]
    margins = model.inplace_predict(valid[0], predict_type="margin")
    return {"train_s": fit[0], "train_cpu_s": fit[1], "score_s": score[0], "score_cpu_s": score[1],
            "loss": mean_loss(loss, margins, valid[1])}


def run_ours(program, folder, loss, depth, rounds, threads):
    out = os.path.join(folder, "out.json")
    output_of([program, "--train", os.path.join(folder, "train"), "--valid", os.path.join(folder, "valid"),
               "--loss", loss, "--depth", depth, "--rounds", rounds, "--eta", 0.1, "--threads", threads, "--repeat", 1,
               "--json", out])
    with open(out) as result:
        return json.load(result)


def summary(runs):
    times = {key: statistics.median(run[key] for run in runs) for key in TIMES}
    return {**times, "loss": statistics.fmean(run["loss"] for run in runs)}


HEADING = """
| data | rows | threads | training: ours, XGBoost (s) | ratio | CPU | scoring: ours, XGBoost (s) | ratio | CPU \
| loss: ours, XGBoost | ratio |
|---|---|---|---|---|---|---|---|---|---|---|"""


def compare(program, case, repeat, thread_counts):
    """One case on fresh draws of its data, ours and theirs in turn; a row for each number of threads."""
    name, make, loss, rows, depth, rounds = case
    ours = {threads: [] for threads in thread_counts}
    peer = {threads: [] for threads in thread_counts}
    for seed in range(repeat):
        rng = np.random.default_rng(seed)
        train, valid = make(rng, rows), make(rng, max(20_000, rows // 5))
        with tempfile.TemporaryDirectory() as folder:
            write(os.path.join(folder, "train"), *train)
            write(os.path.join(folder, "valid"), *valid)
            for threads in thread_counts:
                ours[threads].append(run_ours(program, folder, loss, depth, rounds, threads))
                peer[threads].append(run_xgboost(loss, train, valid, depth, rounds, threads))
    return [row_of(case, threads, summary(ours[threads]), summary(peer[threads]), repeat) for threads in thread_counts]


def row_of(case, threads, ours, peer, repeat):
    name, _, loss, rows, depth, rounds = case
    ratio = {key: peer[key] / ours[key] for key in ours}
    print(f"| {name} | {rows:,} | {threads} | {ours['train_s']:.3f}, {peer['train_s']:.3f} | {ratio['train_s']:.2f} "
          f"| {ratio['train_cpu_s']:.2f} "
          f"| {ours['score_s']:.4f}, {peer['score_s']:.4f} | {ratio['score_s']:.2f} "
          f"| {ratio['score_cpu_s']:.2f} "
          f"| {ours['loss']:.5f}, {peer['loss']:.5f} | {ratio['loss']:.4f} |", flush=True)
    return {"data": name, "loss": loss, "rows": rows, "depth": depth, "rounds": rounds, "threads": threads,
            "pairs": repeat, "ours": ours, "xgboost": peer, "theirs_by_ours": ratio, "xgboost_version": xgb.__version__}


def part(run):
    print(HEADING, flush=True)
    for name, make, loss, rows, depth, rounds in CASES:
        key = f"trees_{name.replace(', ', '_')}_{rows // 1000}k"
        scaled = max(2000, int(rows * run.scale) // 100 * 100)
        repeat = 1 if scaled > 200_000 else run.rounds
        try:
            row = compare(run.programs / "boosted_trees", (name, make, loss, scaled, depth, rounds), repeat, [1])[0]
        except Exception as failure:
            run.failed(f"boosted_trees, {key}", failure)
            continue
        run.report["trees"][key] = row
        for what in ("train", "score"):
            run.report["ratios"][f"{key}_{what}"] = row["theirs_by_ours"][f"{what}_cpu_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--json")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--quick", action="store_true", help="without the cases of a million rows")
    chosen = parser.parse_args()
    print(HEADING)
    results = []
    for case in CASES:
        if (chosen.quick and case[3] >= 1_000_000) or (chosen.only and chosen.only not in case[0]):
            continue
        results += compare(chosen.program, case, chosen.repeat, chosen.threads)
    if chosen.json:
        with open(chosen.json, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
