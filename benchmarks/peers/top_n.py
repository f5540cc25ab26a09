#!/usr/bin/env python3
"""The exact best 10 for one user: tandem's index beside implicit and faiss, on the same vectors.

  python3 -m venv venv && venv/bin/pip install implicit==0.7.3 faiss-cpu==1.15.1
  venv/bin/python benchmarks/peers/top_n.py build/bench/benchmarks/top_n [--rounds N] [--large] [--json FILE]

One thread each; CPU time of that thread; medians over all queries and rounds, in which the three take turns. tandem is
called from its own program, the peers through their public Python API: implicit's recommend() without a filter, and
faiss's IndexFlatIP.search(), one user a call. Both are exact, so that all three must name the same items: the column
`differ` counts users for whom tandem and faiss do not, but for items whose scores are equal in float32.

OpenBLAS may choose slow kernels for a CPU it does not know (Debian's takes SSE3 on recent servers). The fastest core
type is measured first, in processes of their own, and used for implicit.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PINNED = {"implicit": "0.7.3", "faiss-cpu": "1.15.1"}
CORE_TYPES = ["", "Haswell", "Zen", "SkylakeX", "Cooperlake"]  # "": OpenBLAS's own choice

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

PROBE = """
import time, numpy as np
x = np.ones((20000, 64), np.float32); y = np.ones(64, np.float32); best = 1e9
for _ in range(60):
    t = time.thread_time(); y.dot(x.T); best = min(best, time.thread_time() - t)
print(best)
"""


def with_fastest_blas():
    """Starts this script again with the core type of OpenBLAS on which a product of implicit's kind is fastest."""
    if "TANDEM_PEERS_STARTED" in os.environ:
        return
    times = {}
    for core in CORE_TYPES:
        env = dict(os.environ, **ONE_THREAD)
        env.pop("OPENBLAS_CORETYPE", None)
        if core:
            env["OPENBLAS_CORETYPE"] = core
        probe = subprocess.run([sys.executable, "-c", PROBE], env=env, capture_output=True, text=True)
        if probe.returncode == 0:
            times[core] = float(probe.stdout)
    best = min(times, key=times.get)
    env = dict(os.environ, **ONE_THREAD, TANDEM_PEERS_STARTED="1")
    env.pop("OPENBLAS_CORETYPE", None)
    if best:
        env["OPENBLAS_CORETYPE"] = best
    print("OpenBLAS:", ", ".join(f"{core or 'its own choice'} {t * 1e6:.0f} us" for core, t in times.items()))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], env)


def check_versions():
    from importlib.metadata import version

    for package, wanted in PINNED.items():
        if version(package) != wanted:
            print(f"note: {package} is {version(package)}, the pinned version is {wanted}")


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


def timed(f, queries):
    out = []
    for q in range(queries):
        start = time.thread_time_ns()
        f(q)
        out.append((time.thread_time_ns() - start) * 1e-3)
    return out


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
        return self.model.recommend(q, self.none, N=self.n, filter_already_liked_items=False)

    def faiss(self, q):
        return self.flat.search(self.users[q : q + 1], self.n)


def differing(ours, peers, items, users):
    """Users whose items differ by more than ties in float32."""
    import numpy as np

    count = 0
    for q, mine in enumerate(ours):
        theirs = peers.faiss(q)[1][0]
        a, b = (np.sort(items[list(x)].astype(np.float64) @ users[q].astype(np.float64)) for x in (mine, theirs))
        limit = 1e-6 * np.linalg.norm(users[q]) * np.linalg.norm(items, axis=1).max()
        count += len(set(mine)) != len(mine) or bool(np.abs(a - b).max() > limit)
    return count


def measure(program, name, items, users, rounds, n=10):
    import numpy as np

    users = users[:256]
    peers = Peers(items, users, n)
    times = {"implicit": [], "faiss": [], "tandem": [], "batch": []}
    asked = min(len(users), 32 if len(items) >= 500000 else 128)
    with tempfile.TemporaryDirectory() as folder:
        files = {part: os.path.join(folder, part) for part in ("items", "queries", "answers", "json")}
        items.tofile(files["items"])
        users.tofile(files["queries"])
        command = [program, "--rank", str(items.shape[1]), "--n", str(n), "--rounds", "1"]
        for part, path in files.items():
            command += ["--" + part, path]
        for _ in range(rounds):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            with open(files["json"]) as result:
                case = json.load(result)["cases"][0]
            times["tandem"].append(case["rounded_us"])
            times["batch"].append(case["batch_us"])
            times["implicit"] += timed(peers.implicit, asked)
            times["faiss"] += timed(peers.faiss, asked)
        ours = np.fromfile(files["answers"], np.uint32).reshape(len(users), n)
    us = {who: float(np.median(t)) for who, t in times.items()}
    wrong = differing(ours, peers, items, users)
    print(
        f"{name:24} {len(items):8} {items.shape[1]:5} {us['implicit']:10.1f} {us['faiss']:10.1f} {us['tandem']:10.1f}"
        f" {us['batch']:8.2f} {us['implicit'] / us['tandem']:9.1f} {us['faiss'] / us['tandem']:9.1f} {wrong:7}",
        flush=True,
    )
    return dict(us, vectors=name, items=len(items), rank=items.shape[1], differ=wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", help="the built benchmark, .../benchmarks/top_n")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="1,000,000 items too")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with_fastest_blas()
    check_versions()
    import numpy as np

    print("CPU microseconds a query, best 10, one thread; core type", os.environ.get("OPENBLAS_CORETYPE", "its own choice"))
    print(
        f"{'vectors':24} {'items':>8} {'rank':>5} {'implicit':>10} {'faiss':>10} {'tandem':>10} {'batch':>8}"
        f" {'impl/ours':>9} {'fais/ours':>9} {'differ':>7}"
    )
    cases = []
    for rank in (64, 128):
        factors = movielens(rank)
        if factors is not None:
            cases.append(measure(arguments.program, "implicit, MovieLens 1M", *factors, arguments.rounds))
    rng = np.random.default_rng(1)
    for name, spread in (("log-normal lengths", 0.6), ("equal lengths", 0.0)):
        for n in (3500, 20000, 100000) + ((1000000,) if arguments.large else ()):
            for rank in (64, 128) if n < 1000000 else (64,):
                items, users = trained_like(rng, n, rank, spread), trained_like(rng, 256, rank, 0)
                cases.append(measure(arguments.program, name, items, users, arguments.rounds))
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump({"core_type": os.environ.get("OPENBLAS_CORETYPE", ""), "cases": cases}, out, indent=1)


if __name__ == "__main__":
    main()
