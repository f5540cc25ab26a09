#!/usr/bin/env python3
"""The exact best 10 for one user: tandem's index beside implicit and faiss, on the same vectors.

A part of scripts/bench batch; by hand, with MovieLens 1M and 3,500 items as well, in the environment which that made:
  build/bench/peers/bin/python benchmarks/peers/top_n.py build/bench/benchmarks/top_n [--rounds N] [--large]
      [--json FILE]

One thread each; CPU time of that thread; medians over all queries and rounds, in which the three take turns. tandem is
called from its own program, the peers through their public Python API: implicit's recommend() without a filter, and
faiss's IndexFlatIP.search(), one user a call. All are exact: the mismatches are users whose list is not that of a scan
in float64, but for items whose scores are equal in float32.
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

import openblas
from run import output_of

KINDS = (("log-normal lengths", "", 0.6), ("equal lengths", "_equal", 0.0))  # name, suffix of its keys, spread
SIZES = ((20_000, 64), (100_000, 64), (20_000, 128), (1_000_000, 64))
PEERS_UP_TO = 100_000  # items


def trained_like(rng, n, rank, spread):
    """A spectrum that decays, lengths that are log-normal (spread 0: nearly equal)."""
    import numpy as np

    length = 0.3 * np.exp(spread * rng.standard_normal((n, 1)))
    x = rng.standard_normal((n, rank), dtype=np.float32)
    return np.ascontiguousarray(x * length / np.sqrt(1 + 0.15 * np.arange(rank)), dtype=np.float32)


def movielens(rank):
    """Factors that implicit itself trains on MovieLens 1M, where TANDEM_DATA has it."""
    import implicit
    import numpy as np
    import scipy.sparse

    root = os.environ.get("TANDEM_DATA", os.path.join(os.path.dirname(__file__), "../../../shared/data"))
    path = os.path.join(root, "ml-1m-strong/train.csv")
    if not os.path.exists(path):
        print(f"left out: no {path}; set TANDEM_DATA")
        return None
    pairs = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64)
    users = np.unique(pairs[:, 0], return_inverse=True)[1]
    log = scipy.sparse.csr_matrix((np.ones(len(pairs), np.float32), (users, pairs[:, 1])))
    model = implicit.als.AlternatingLeastSquares(rank, regularization=0.05, iterations=10, num_threads=1, random_state=1)
    model.fit(log, show_progress=False)
    return np.ascontiguousarray(model.item_factors), np.ascontiguousarray(model.user_factors[:1024])


def timed(call, queries):
    """Microseconds and items of each query."""
    times, lists = [], []
    for q in range(queries):
        start = time.thread_time_ns()
        answer = call(q)
        times.append((time.thread_time_ns() - start) * 1e-3)
        lists.append(answer)
    return times, lists


class Ours:
    def __init__(self, program, items, users, n):
        self.program, self.items, self.users, self.n = program, items, users, n

    def round(self):
        """Microseconds a query, alone and in a batch, and the items of each."""
        import numpy as np

        with tempfile.TemporaryDirectory() as folder:
            files = {part: os.path.join(folder, part) for part in ("items", "queries", "answers", "json")}
            self.items.tofile(files["items"])
            self.users.tofile(files["queries"])
            command = [self.program, "--rank", self.items.shape[1], "--n", self.n, "--rounds", 1]
            for part, path in files.items():
                command += ["--" + part, path]
            output_of(command)
            with open(files["json"]) as result:
                case = json.load(result)["cases"][0]
            return case["rounded_us"], case["batch_us"], np.fromfile(files["answers"], np.uint32).reshape(-1, self.n)


class Peers:
    def __init__(self, items, users, n):
        import faiss
        import implicit
        import scipy.sparse

        self.n, self.users = n, users
        self.model = implicit.als.AlternatingLeastSquares(items.shape[1], num_threads=1)
        self.model.item_factors, self.model.user_factors = items, users
        self.none = scipy.sparse.csr_matrix((1, len(items)), dtype="float32")
        faiss.omp_set_num_threads(1)
        self.flat = faiss.IndexFlatIP(items.shape[1])
        self.flat.add(items)

    def implicit(self, q):
        return self.model.recommend(q, self.none, N=self.n, filter_already_liked_items=False)[0]

    def faiss(self, q):
        return self.flat.search(self.users[q : q + 1], self.n)[1][0]


def mismatches(lists, items, users, n):
    """Users whose list is not the best n by float64, ties in float32 set aside."""
    import numpy as np

    wide = items.astype(np.float64)
    longest = np.linalg.norm(wide, axis=1).max()
    count = 0
    for first in range(0, len(lists), 32):
        some = users[first : min(first + 32, len(lists))].astype(np.float64)
        for scores, user, found in zip(some @ wide.T, some, lists[first : first + 32]):
            best = np.sort(np.partition(scores, -n)[-n:])
            differ = np.abs(np.sort(scores[np.asarray(found)]) - best).max()
            count += len(set(found)) != n or bool(differ > 1e-6 * np.linalg.norm(user) * longest)
    return count


def measure(program, name, items, users, rounds, n=10, with_peers=True):
    import numpy as np

    users = users[:256]
    ours = Ours(program, items, users, n)
    peers = Peers(items, users, n) if with_peers else None
    times, lists = {"tandem": [], "batch": []}, {}
    asked = min(len(users), 32 if len(items) >= 500_000 else 128)
    for _ in range(rounds):
        alone, batch, lists["tandem"] = ours.round()
        times["tandem"].append(alone)
        times["batch"].append(batch)
        for who in ("implicit", "faiss") if with_peers else ():
            took, lists[who] = timed(getattr(peers, who), asked)
            times.setdefault(who, []).extend(took)
    us = {who: float(np.median(t)) for who, t in times.items()}
    wrong = {who: mismatches(each, items, users, n) for who, each in lists.items()}
    cells = [f"{us[who]:10.1f}" if who in us else f"{'':10}" for who in ("implicit", "faiss", "tandem")]
    ratios = [f"{us[who] / us['tandem']:9.1f}" if who in us else f"{'':9}" for who in ("implicit", "faiss")]
    print(f"{name:24} {len(items):8} {items.shape[1]:5} {' '.join(cells)} {us['batch']:8.2f} {' '.join(ratios)}"
          f" {wrong['tandem']:10}", flush=True)
    return {"vectors": name, "items": len(items), "rank": items.shape[1], "microseconds": us, "mismatches": wrong,
            "queries": {who: len(each) for who, each in lists.items()}}


def heading():
    core_type = os.environ.get("OPENBLAS_CORETYPE", "its own choice")
    print("\nCPU microseconds a query, best 10, one thread; OpenBLAS's core type:", core_type)
    print(f"{'vectors':24} {'items':>8} {'rank':>5} {'implicit':>10} {'faiss':>10} {'tandem':>10} {'batch':>8}"
          f" {'impl/ours':>9} {'fais/ours':>9} {'mismatches':>10}")


def part(run):
    import numpy as np

    heading()
    for kind, suffix, spread in KINDS:
        for n, rank in SIZES:
            key = f"top10_{n // 1000}k" + (f"_k{rank}" if rank != 64 else "") + suffix
            scaled = max(1000, int(n * run.scale))
            rng = np.random.default_rng(1)
            items, users = trained_like(rng, scaled, rank, spread), trained_like(rng, 256, rank, 0)
            try:
                case = measure(run.programs / "top_n", kind, items, users, run.rounds, with_peers=n <= PEERS_UP_TO)
            except Exception as failure:
                run.failed(f"top_n, {key}", failure)
                continue
            run.report["top_n"][key] = case
            for who in ("implicit", "faiss"):
                if who in case["microseconds"]:
                    run.report["ratios"][f"{key}_vs_{who}"] = case["microseconds"][who] / case["microseconds"]["tandem"]
            if case["mismatches"]["tandem"] > 0:
                run.failed(f"top_n, {key}", f"{case['mismatches']['tandem']} lists are not those of a scan in float64")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="the built benchmark, .../benchmarks/top_n")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="1,000,000 items too")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    openblas.restart_on_fastest()
    import numpy as np

    heading()
    cases = []
    for rank in (64, 128):
        factors = movielens(rank)
        if factors is not None:
            cases.append(measure(arguments.program, "implicit, MovieLens 1M", *factors, arguments.rounds))
    rng = np.random.default_rng(1)
    for name, _, spread in KINDS:
        for n in (3500, 20000, 100000) + ((1000000,) if arguments.large else ()):
            for rank in (64, 128) if n < 1000000 else (64,):
                items, users = trained_like(rng, n, rank, spread), trained_like(rng, 256, rank, 0)
                cases.append(measure(arguments.program, name, items, users, arguments.rounds))
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump({"core_type": os.environ.get("OPENBLAS_CORETYPE", ""), "cases": cases}, out, indent=1)


if __name__ == "__main__":
    main()
