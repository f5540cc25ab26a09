"""Quality on MovieLens, ours beside implicit and irspack, all with settings from inner splits of the training users.

Ours is tuned by quality_ml1m_strong and quality_ml100k. implicit's alpha and regularization are the best of a grid on
two inner splits of 500 training users each; irspack minimises the same objective as ours, and is given the settings
that ours chose. No target of the users that are judged tunes anything. All three are means over three seeds.
"""

import json
import os
import pathlib
import re
import tempfile

import numpy as np
import scipy.sparse as sp

SEEDS = range(3)
MEASURES = ("recall@20", "recall@50", "ndcg@100")
GRID = [dict(alpha=alpha, regularization=ridge) for alpha in (4.0, 8.0, 16.0, 32.0) for ridge in (20.0, 50.0, 100.0, 200.0)]


def rows_of(run, program):
    """What one of our programs of quality found, as rows of its table."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "out.json"
        run.call(program, "--threads", min(2, os.cpu_count() or 1), "--json", path)
        return json.loads(path.read_text())["rows"]


class Split:
    """A log to train with, and users to judge: what is known of each, and what is to be found."""

    def __init__(self, train, given, targets):
        self.train, self.given, self.targets = train, given, targets

    @classmethod
    def read(cls, folder):
        tables = [np.loadtxt(folder / f"{name}.csv", delimiter=",", skiprows=1, dtype=np.int64)
                  for name in ("train", "validation_tr", "validation_te")]
        n_items = 1 + max(table[:, 1].max() for table in tables)

        def matrix(table):
            rows = np.unique(table[:, 0], return_inverse=True)[1]
            ones = np.ones(len(table), np.float32)
            return sp.csr_matrix((ones, (rows, table[:, 1])), shape=(rows.max() + 1, n_items))

        return cls(*map(matrix, tables))

    def inner(self, seed, users=500):
        """The same protocol inside the training users: some are taken out, and a fifth of their items is hidden."""
        random = np.random.default_rng(seed)
        held = random.permutation(self.train.shape[0])[:users]
        given = self.train[held].tolil(copy=True)
        targets = sp.lil_matrix(given.shape, dtype=np.float32)
        for user in range(users):
            items = np.array(given.rows[user])
            hidden = random.permutation(items)[: max(1, len(items) // 5)]
            targets[user, hidden] = 1
            given[user, hidden] = 0
        given = given.tocsr()
        given.eliminate_zeros()
        return Split(self.train[np.setdiff1d(np.arange(self.train.shape[0]), held)], given, targets.tocsr())

    def judged(self, scores):
        scores = np.where(self.given.toarray() > 0, -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :100]
        wanted = self.targets.toarray() > 0
        hits = np.take_along_axis(wanted, order, axis=1)
        n = wanted.sum(axis=1)
        discount = 1 / np.log2(np.arange(2, 102))
        ideal = np.array([discount[: min(100, each)].sum() for each in n])
        return {
            "recall@20": float((hits[:, :20].sum(axis=1) / np.minimum(20, n)).mean()),
            "recall@50": float((hits[:, :50].sum(axis=1) / np.minimum(50, n)).mean()),
            "ndcg@100": float(((hits * discount).sum(axis=1) / ideal).mean()),
        }


def implicit(split, rank, seed, settings):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=rank, iterations=15, num_threads=1, random_state=seed, **settings)
    model.fit(split.train, show_progress=False)
    users = model.recalculate_user(np.arange(split.given.shape[0]), split.given)  # multiplies by alpha itself
    return split.judged(users @ model.item_factors.T)


def irspack(split, rank, seed, settings):
    from irspack import IALSRecommender

    model = IALSRecommender(split.train, n_components=rank, solver_type="CHOLESKY", random_seed=seed, n_threads=1,
                            alpha0=float(settings["alpha0"]), reg=float(settings["lambda"]))
    model.start_learning()
    for _ in range(int(settings["epochs"])):
        model.run_epoch()
    return split.judged(model.compute_user_embedding(split.given) @ model.get_item_embedding().T)


def mean_over_seeds(judge):
    each = [judge(seed) for seed in SEEDS]
    return {measure: float(np.mean([one[measure] for one in each])) for measure in MEASURES}


def record(run, name, row):
    run.report["quality"][name] = {key: row[key] for key in (*MEASURES, "settings")}
    figures = "  ".join(f"{measure} {row[measure]:.4f}" for measure in MEASURES)
    print(f"  {name:56s} {figures}  {row['settings']}", flush=True)


def peers(run, folder):
    split = Split.read(folder)
    inner = [split.inner(seed) for seed in (3, 4)]

    def on_inner(rank, settings):
        return np.mean([implicit(each, rank, 0, settings)["ndcg@100"] for each in inner])

    for rank in (64, 128):
        try:
            best = max(GRID, key=lambda settings: on_inner(rank, settings))
            figures = mean_over_seeds(lambda seed: implicit(split, rank, seed, best))
            record(run, f"implicit als k={rank}", {**figures, "settings": f"{best}, 15 iterations"})
        except Exception as failure:
            run.failed(f"quality, implicit k={rank}", failure)
        ours = run.report["quality"][f"tandem ials k={rank}"]
        settings = dict(re.findall(r"(\w+)=([\d.e+-]+)", ours["settings"]))
        try:
            figures = mean_over_seeds(lambda seed: irspack(split, rank, seed, settings))
            record(run, f"irspack ials k={rank}", {**figures, "settings": "as tandem"})
        except Exception as failure:
            run.failed(f"quality, irspack k={rank}", failure)


def movielens_1m(run):
    print("\nMovieLens 1M, 1,000 held-out users; settings are tuned first, which takes minutes", flush=True)
    for row in rows_of(run, "quality_ml1m_strong"):
        record(run, f"tandem {row['name']}", row)
    peers(run, run.data / "ml-1m-strong")


def movielens_100k(run):
    print("\nMovieLens 100K, the split of Ferrari Dacrema et al. 2021", flush=True)
    for row in rows_of(run, "quality_ml100k"):
        if "P@10" not in row:
            continue  # ratings
        name = f"tandem {row['name']}"
        run.report["quality_ml100k"][name] = {key: row[key] for key in ("P@10", "R@10", "settings")}
        print(f"  {name:56s} P@10 {row['P@10']:.4f}  R@10 {row['R@10']:.4f}  {row['settings']}", flush=True)


def part(run):
    for folder, judge in (("ml-1m-strong", movielens_1m), ("ml-100k", movielens_100k)):
        if not (run.data / folder).exists():
            run.skipped(f"quality on {folder}", f"{run.data / folder} is not there (set TANDEM_DATA)")
            continue
        try:
            judge(run)
        except Exception as failure:
            run.failed(f"quality on {folder}", failure)
