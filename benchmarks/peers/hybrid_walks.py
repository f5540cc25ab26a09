"""A walk through a log: every judged event is foreseen before it is learned, by each peer that learns from the same events.

What stands beside ours:
  als            implicit's AlternatingLeastSquares, trained anew at each of our refits on the whole log so far; a request
                 folds the user's history up to now in (recalculate_user). Three values of alpha, and the best of them on
                 each log and seed, which is more than a host would have.
  item_knn       incremental item-to-item cosine: counts of users who had both, kept up with every event; a user's latest
                 20 items vote. As in TencentRec (Huang et al. 2015), written here, for no package on PyPI has it.
  popular        events per item, halving every 2,000 events: what recommender servers show when they know nobody.
  latest         items by their latest event.
"""

import json
import pathlib
import statistics

import numpy as np
import scipy.sparse

LOGS = {"ml-100k": False, "lastfm": False, "online-retail": True}  # whether items that a user had may come again
ALPHAS = (1.0, 10.0, 40.0)


class Popular:
    half_life = 2000

    def __init__(self, n_users, n_items):
        self.counts = np.zeros(n_items)
        self.unit = 1.0

    def learn(self, user, item, history):
        self.unit *= 2 ** (1 / self.half_life)
        self.counts[item] += self.unit
        if self.unit > 1e100:
            self.counts /= self.unit
            self.unit = 1.0

    def refit(self, users, items):
        pass

    def scores(self, user, history):
        return self.counts


class Latest(Popular):
    def learn(self, user, item, history):
        self.unit += 1
        self.counts[item] = self.unit


class ItemKnn(Popular):
    latest = 20

    def __init__(self, n_users, n_items):
        self.both = np.zeros((n_items, n_items), dtype=np.float32)
        self.users = np.zeros(n_items, dtype=np.float32)

    def learn(self, user, item, history):
        if item in history:
            return
        had = np.fromiter(history, dtype=np.int64)
        self.both[item, had] += 1
        self.both[had, item] += 1
        self.users[item] += 1

    def scores(self, user, history):
        had = list(history)[-self.latest:]
        if not had:
            return self.users
        return (self.both[had] / np.sqrt(self.users[had])[:, None]).sum(axis=0) / np.sqrt(self.users + 1e-9)


class Als(Popular):
    def __init__(self, n_users, n_items, alpha):
        self.shape, self.alpha, self.model = (n_users, n_items), alpha, None

    def learn(self, user, item, history):
        pass

    def refit(self, users, items):
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits
        log = scipy.sparse.coo_matrix((np.ones(len(users), dtype=np.float32), (users, items)), shape=self.shape).tocsr()
        self.model = AlternatingLeastSquares(factors=64, alpha=self.alpha, random_state=1, num_threads=1)
        with threadpool_limits(1, "blas"):
            self.model.fit(log, show_progress=False)
        self.popular = np.bincount(items, minlength=self.shape[1]).astype(np.float64)

    def scores(self, user, history):
        if self.model is None or not history:
            return self.popular if self.model else np.zeros(self.shape[1])
        row = scipy.sparse.csr_matrix((np.array(list(history.values()), dtype=np.float32),
                                       (np.zeros(len(history), dtype=np.int64), list(history))), shape=(1, self.shape[1]))
        return self.model.item_factors @ self.model.recalculate_user(0, row)


def gain_of(scores, item, had, repeats):
    allowed = np.ones(len(scores), dtype=bool)
    if not repeats:
        allowed[list(had)] = False
    mine = scores[item]
    place = np.count_nonzero(scores[allowed] > mine) + (np.count_nonzero(scores[allowed] == mine) - 1) / 2
    return 1 / np.log2(place + 2) if place < 10 else 0.0


def walked(path, repeats):
    """NDCG@10 of each peer."""
    walk = np.loadtxt(path, dtype=np.int64, delimiter="\t")
    users, items = walk[:, 0], walk[:, 1]
    shape = users.max() + 1, items.max() + 1
    peers = {"item_knn": ItemKnn(*shape), "popular": Popular(*shape), "latest": Latest(*shape),
             **{f"als {alpha:g}": Als(*shape, alpha) for alpha in ALPHAS}}
    histories = [{} for _ in range(shape[0])]  # item -> events, in order of the latest
    gains = {name: [] for name in peers}
    judged = np.flatnonzero(walk[:, 2])
    for at, (user, item, is_judged, is_refit) in enumerate(walk.tolist()):
        history = histories[user]
        if is_refit and at >= judged[0] - len(walk) // 24:  # refits before have no say in what is judged
            for peer in peers.values():
                peer.refit(users[:at], items[:at])
        if is_judged:
            for name, peer in peers.items():
                gains[name].append(gain_of(np.asarray(peer.scores(user, history)), item, history, repeats))
        for peer in peers.values():
            peer.learn(user, item, history)
        history[item] = history.pop(item, 0) + 1
    out = {name: statistics.fmean(of) for name, of in gains.items()}
    out["als"] = max(out[f"als {alpha:g}"] for alpha in ALPHAS)
    return out


def ours(run, log):
    """NDCG@10 of our arms and of their best source, for the next event and for the next visit, by seed."""
    path = run.folder / f"{log}.json"
    run.call("study_real_logs", "--log", log, "--seeds", run.rounds, "--json", path)

    def of(protocol):
        return {**{name: arm["ndcg@10"] for name, arm in protocol["arms"].items()},
                "best single source": protocol["sources"][protocol["best_source"]]["ndcg@10"]}

    reports = json.loads(pathlib.Path(path).read_text())
    return [of(each) for each in reports], [of(each["next_visit"]) for each in reports]


def means_of(figures):
    return {name: statistics.fmean(each[name] for each in figures) for name in figures[0]}


def part(run):
    seeds = range(run.rounds)
    for log, repeats in LOGS.items():
        run.call("study_real_logs", "--walk", run.folder, "--log", log, "--seeds", run.rounds)
        if not (run.folder / f"{log}-0.tsv").exists():
            run.skipped(log, f"it is not in {run.data} (set TANDEM_DATA)")
            continue
        event, visit = ours(run, log)
        means = means_of([{**mine, **walked(run.folder / f"{log}-{seed}.tsv", repeats)} for seed, mine in zip(seeds, event)])
        run.report["ndcg"][log] = means
        run.report["next_visit"][log] = means_of(visit)
        run.report["ratios"][log] = {name: means["hybrid"] / means[name] for name in means if means[name] > 0}
        print(f"\n{log}, {run.rounds} seed(s): NDCG@10, the hybrid's by it, and ours for the next visit", flush=True)
        for name, value in sorted(means.items(), key=lambda each: -each[1]):
            later = run.report["next_visit"][log].get(name)
            print(f"  {name:18} {value:.4f}  {means['hybrid'] / value if value else float('inf'):6.2f}"
                  + (f"  {later:.4f}" if later is not None else ""), flush=True)
