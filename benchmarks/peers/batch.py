"""The batch learner beside implicit, irspack and cmfrec: same log, rank, epochs and threads, in turn, in one run.

programs: batch_ials quality_ml1m_strong

Run by scripts/bench batch. Times are CPU seconds of one thread, medians over the rounds; ratios are theirs by ours, so
more than 1 says that ours is faster. Where a peer stops early (conjugate gradient) it is named so: ours is exact.

    batch.py PROGRAMS [--json OUT] [--rounds N] [--scale S] [--data FOLDER] [--only PART,PART]
"""

import argparse
import contextlib
import io
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is read

import numpy as np
import scipy.sparse as sp
import threadpoolctl


def ours(programs, *arguments):
    out = subprocess.run([str(programs / "batch_ials"), *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def load(folder):
    start = np.fromfile(folder / "indptr.i64", dtype=np.int64)
    items = np.fromfile(folder / "indices.i32", dtype=np.int32)
    shape = (len(start) - 1, int(items.max()) + 1)
    return sp.csr_matrix((np.ones(len(items), np.float32), items, start), shape=shape)


def per_epoch(fit, epochs):
    """Median CPU seconds between calls of the callback that `fit` is given."""
    marks = []
    fit(epochs, lambda *_: marks.append(time.process_time()))
    return statistics.median(b - a for a, b in zip(marks, marks[1:]))


def implicit_epoch(log, rank, use_cg):
    from implicit.cpu.als import AlternatingLeastSquares

    def fit(epochs, callback):
        model = AlternatingLeastSquares(factors=rank, iterations=epochs, use_cg=use_cg, num_threads=1, random_state=0)
        model.fit(log, show_progress=False, callback=callback)

    return per_epoch(fit, 3 if use_cg else 2)


def irspack_epoch(log, rank, solver):
    from irspack import IALSRecommender

    def seconds(epochs):
        model = IALSRecommender(log, n_components=rank, train_epochs=epochs, solver_type=solver, n_threads=1)
        before = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):  # its progress bar
            model.learn()
        return time.process_time() - before

    return seconds(2) - seconds(1)


def cmfrec_epoch(log, rank):
    import cmfrec

    def seconds(epochs):
        model = cmfrec.CMF_implicit(k=rank, niter=epochs, use_cg=False, nthreads=1, use_float=True, verbose=False,
                                    precompute_for_predictions=False, finalize_chol=False)
        before = time.process_time()
        model.fit(log.tocoo())
        return time.process_time() - before

    return seconds(2) - seconds(1)


def epochs(programs, folder, log, rounds, report):
    """One epoch at ranks 64 and 128."""
    peers = {
        "implicit_cg": lambda k: implicit_epoch(log, k, True),
        "implicit_cholesky": lambda k: implicit_epoch(log, k, False),
        "irspack_cholesky": lambda k: irspack_epoch(log, k, "CHOLESKY"),
        "cmfrec_cholesky": lambda k: cmfrec_epoch(log, k),
    }
    for k in (64, 128):
        seconds = {}
        for _ in range(rounds):
            for solver in ("cholesky", "cg", "block"):
                run = ours(programs, "epoch", folder, "--rank", k, "--solver", solver, "--epochs", 2)
                seconds.setdefault("tandem_" + solver, []).append(run["epoch_s"])
                if solver == "cholesky":
                    seconds.setdefault("gflops", []).append(run["gflops"])
            for name, measure in peers.items():
                try:
                    seconds.setdefault(name, []).append(measure(k))
                except Exception as failure:  # a peer that breaks is named, and the others are measured
                    print(f"  {name}: {failure!r}", file=sys.stderr)
        median = {name: statistics.median(values) for name, values in seconds.items()}
        gflops = median.pop("gflops")
        report["epoch_seconds"][f"k{k}"] = median
        print(f"\none epoch, rank {k}, {log.shape[0]:,} x {log.shape[1]:,}, {log.nnz:,} entries, one thread")
        for name, value in median.items():
            print(f"  {name:20s} {value:8.2f} cpu-s   by ours, exact: x{value / median['tandem_cholesky']:.2f}")
        for name in peers:
            if name in median:
                report["ratios"][f"epoch_k{k}_vs_{name}"] = median[name] / median["tandem_cholesky"]
        report["gflops"][f"epoch_k{k}"] = gflops


def ceilings(programs, rounds, report):
    """What the Gram kernel and the epoch make of the core's multiply-adds."""
    runs = [ours(programs, "peak", "--rank", 128) for _ in range(rounds)]
    peak = max(run["peak_gflops"] for run in runs)
    report["gflops"]["peak"] = peak
    report["gflops"]["gram_k128"] = max(run["gram_gflops"] for run in runs)
    for name in ("gram_k128", "epoch_k128"):
        if name in report["gflops"]:
            report["fraction_of_peak"][name] = report["gflops"][name] / peak
    print(f"\npeak {peak:.0f} GFLOP/s a core in float32; of it: "
          + ", ".join(f"{name} {share:.0%}" for name, share in report["fraction_of_peak"].items()))


def implicit_fold_in(log, rank):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=rank, iterations=1, num_threads=1, random_state=0)
    model.fit(log, show_progress=False)
    random = np.random.default_rng(9)
    times = []
    for _ in range(2000):
        items = np.unique((random.random(50) ** 3 * log.shape[1]).astype(np.int32))
        row = sp.csr_matrix((np.ones(len(items), np.float32), (np.zeros(len(items), np.int32), items)),
                            shape=(1, log.shape[1]))
        before = time.process_time_ns()
        model.recalculate_user(0, row)
        times.append((time.process_time_ns() - before) / 1000)
    return statistics.median(times)


def fold_in(programs, folder, log, rounds, report):
    """A user of 50 items, solved from scratch."""
    print()
    for k in (64, 128):
        mine, theirs = [], []
        for _ in range(rounds):
            run = ours(programs, "fold_in", folder, "--rank", k)
            mine.append(run["fold_in_us"])
            theirs.append(implicit_fold_in(log, k))
        us, them = statistics.median(mine), statistics.median(theirs)
        report["fold_in_us"][f"k{k}"] = {"tandem": us, "implicit": them, "rank_one_event": run["rank_one_event_us"],
                                         "events_beside_fold_in": run["events_beside_fold_in"]}
        report["ratios"][f"fold_in_k{k}_vs_implicit"] = them / us
        print(f"fold-in of 50 items, rank {k}: {us:.1f} us, implicit through Python {them:.1f} us (x{them / us:.1f}); "
              f"one event more {run['rank_one_event_us']:.1f} us, off by {run['events_beside_fold_in']:.0e}")


def growth(programs, report):
    """Rank 64 at 1, 10 and 100 million entries."""
    print()
    rows = []
    for scale in (0.09, 0.9, 9):
        with tempfile.TemporaryDirectory() as folder:
            ours(programs, "make", folder, "--scale", scale)
            run = ours(programs, "epoch", folder, "--rank", 64, "--epochs", 2)
        rows.append({key: run[key] for key in ("entries", "epoch_s", "peak_rss_mb")})
        print(f"{run['entries']:>12,} entries: {run['epoch_s']:8.2f} cpu-s an epoch, {run['peak_rss_mb']:8.0f} MB at most")
    for name in ("epoch_s", "peak_rss_mb"):
        exponent = math.log(rows[-1][name] / rows[0][name]) / math.log(rows[-1]["entries"] / rows[0]["entries"])
        report["growth_exponent"][name] = exponent
        print(f"  {name} grows with entries to the {exponent:.2f}")
    report["growth"] = rows


# ---- quality on MovieLens 1M, strong generalisation -------------------------------------------------------------------


def read_histories(path):
    pairs = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64)
    return pairs[:, 0], pairs[:, 1]


def judged(scores, seen, targets):
    scores = np.where(seen.toarray() > 0, -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :100]
    wanted = targets.toarray() > 0
    hits = np.take_along_axis(wanted, order, axis=1)
    n = wanted.sum(axis=1)
    discount = 1 / np.log2(np.arange(2, 102))
    ideal = np.array([discount[: min(100, each)].sum() for each in n])
    return {
        "recall@20": float((hits[:, :20].sum(axis=1) / np.minimum(20, n)).mean()),
        "recall@50": float((hits[:, :50].sum(axis=1) / np.minimum(50, n)).mean()),
        "ndcg@100": float(((hits * discount).sum(axis=1) / ideal).mean()),
    }


def implicit_quality(train, given, targets, rank, alpha, regularization):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=rank, alpha=alpha, regularization=regularization, iterations=15,
                                    num_threads=1, random_state=0)
    model.fit(train, show_progress=False)
    users = np.vstack([model.recalculate_user(0, given[u] * alpha) for u in range(given.shape[0])])
    return judged(users @ model.item_factors.T, given, targets)


def tuned_implicit(train, rank):
    """The best of a grid on users held out of the training data: implicit publishes no settings for this log."""
    random = np.random.default_rng(3)
    held = random.permutation(train.shape[0])[:500]
    inner = train[np.setdiff1d(np.arange(train.shape[0]), held)]
    given = train[held].tolil(copy=True)
    targets = sp.lil_matrix(given.shape, dtype=np.float32)
    for u in range(given.shape[0]):
        items = np.array(given.rows[u])
        hidden = random.permutation(items)[: max(1, len(items) // 5)]
        targets[u, hidden] = 1
        given[u, hidden] = 0
    given, targets = given.tocsr(), targets.tocsr()
    given.eliminate_zeros()
    grid = [dict(alpha=a, regularization=r) for a in (1.0, 2.0, 5.0) for r in (1.0, 5.0, 20.0, 50.0)]
    return max(grid, key=lambda g: implicit_quality(inner, given, targets, rank, **g)["ndcg@100"])


def quality(programs, data, report):
    """Ours and irspack's at published settings, implicit's tuned on users of the training data: no target tunes here."""
    folder = data / "ml-1m-strong"
    if not (folder / "train.csv").exists():
        print(f"\nno quality: {folder} is not there (set TANDEM_DATA)")
        return
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out) / "quality.json"
        subprocess.run([str(programs / "quality_ml1m_strong"), "--json", str(path)], check=True, capture_output=True,
                       env=dict(os.environ, TANDEM_DATA=str(data)))
        for row in json.loads(path.read_text()):
            report["quality"]["tandem " + row["name"]] = {k: row[k] for k in ("recall@20", "recall@50", "ndcg@100")}
    tables = {name: read_histories(folder / f"{name}.csv") for name in ("train", "validation_tr", "validation_te")}
    n_items = 1 + max(items.max() for _, items in tables.values())

    def matrix(name):
        users, items = tables[name]
        _, rows = np.unique(users, return_inverse=True)
        return sp.csr_matrix((np.ones(len(items), np.float32), (rows, items)), shape=(rows.max() + 1, n_items))

    train, given, targets = matrix("train"), matrix("validation_tr"), matrix("validation_te")
    for k in (64, 128):
        settings = tuned_implicit(train, k)
        report["quality"][f"implicit als k={k} {settings}"] = implicit_quality(train, given, targets, k, **settings)
    from irspack import IALSRecommender

    for k in (64, 128):
        model = IALSRecommender(train, n_components=k, alpha0=0.3, reg=0.006, train_epochs=8, n_threads=1)
        with contextlib.redirect_stdout(io.StringIO()):
            model.learn()
        users = model.compute_user_embedding(given)
        report["quality"][f"irspack ials k={k}"] = judged(users @ model.get_item_embedding().T, given, targets)
    print("\nMovieLens 1M, 1,000 held-out users")
    for name, row in report["quality"].items():
        print(f"  {name:52s} R@20 {row['recall@20']:.4f}  R@50 {row['recall@50']:.4f}  N@100 {row['ndcg@100']:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("TANDEM_DATA", "../shared/data"))
    parser.add_argument("--only", default="epochs,ceilings,fold_in,quality,growth")
    given = parser.parse_args()
    report = {"ratios": {}, "fraction_of_peak": {}, "quality": {}, "growth": [], "growth_exponent": {},
              "epoch_seconds": {}, "fold_in_us": {}, "gflops": {},
              "blas": [{k: pool.get(k) for k in ("internal_api", "version", "architecture", "num_threads")}
                       for pool in threadpoolctl.threadpool_info()]}
    print("BLAS of the peers:", ", ".join(f"{b['internal_api']} {b['version']} {b['architecture']}" for b in report["blas"]))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        ours(given.programs, "make", folder, "--scale", given.scale)
        log = load(folder)
        parts = {
            "epochs": lambda: epochs(given.programs, folder, log, given.rounds, report),
            "ceilings": lambda: ceilings(given.programs, given.rounds, report),
            "fold_in": lambda: fold_in(given.programs, folder, log, given.rounds, report),
            "quality": lambda: quality(given.programs, pathlib.Path(given.data), report),
            "growth": lambda: growth(given.programs, report),
        }
        for part in given.only.split(","):
            parts[part]()
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
