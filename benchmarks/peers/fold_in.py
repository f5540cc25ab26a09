"""A user of 50 items, solved from scratch: our fold_in() beside implicit's recalculate_user()."""

import statistics
import time

import made_up_log
import numpy as np
import scipy.sparse as sp


class Implicit:
    def __init__(self, log, rank):
        from implicit.cpu.als import AlternatingLeastSquares

        self.model = AlternatingLeastSquares(factors=rank, iterations=1, num_threads=1, random_state=0)
        self.model.fit(log, show_progress=False)
        self.n_items = log.shape[1]

    def microseconds(self, seed, users=1000):
        random = np.random.default_rng(seed)
        times = []
        for _ in range(users):
            items = np.unique((random.random(50) ** 3 * self.n_items).astype(np.int32))
            row = sp.csr_matrix((np.ones(len(items), np.float32), (np.zeros(len(items), np.int32), items)),
                                shape=(1, self.n_items))
            before = time.process_time_ns()
            self.model.recalculate_user(0, row)
            times.append((time.process_time_ns() - before) / 1000)
        return statistics.median(times)


def part(run):
    log = made_up_log.load(run.folder)
    print()
    for rank in (64, 128):
        peer = Implicit(log, rank)
        mine, theirs = [], []
        for each in range(run.rounds):
            mine.append(run.ours("batch_ials", "fold_in", run.folder, "--rank", rank))
            theirs.append(peer.microseconds(9 + each))
        us, them = statistics.median(one["fold_in_us"] for one in mine), statistics.median(theirs)
        event = statistics.median(one["rank_one_event_us"] for one in mine)
        off = max(one["events_beside_fold_in"] for one in mine)
        run.report["fold_in_us"][f"k{rank}"] = {"tandem": us, "implicit": them, "rank_one_event": event,
                                                "events_beside_fold_in": off}
        run.report["ratios"][f"fold_in_k{rank}_vs_implicit"] = them / us
        print(f"fold-in of 50 items, rank {rank}: {us:.1f} us, implicit through Python {them:.1f} us "
              f"(x{them / us:.1f}); one event more {event:.1f} us, off by {off:.0e}", flush=True)
