"""One epoch of matrix factorization on one thread: ours by three solvers, from bfloat16 rows, and with AVX2 alone, beside
three peers."""

import time

import made_up_log
from run import Rounds


def implicit(log, rank, use_cg):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=rank, iterations=0, use_cg=use_cg, num_threads=1, random_state=0)

    def seconds(iterations):  # fit() goes on from the factors that the model has
        model.iterations = iterations
        before = time.process_time()
        model.fit(log, show_progress=False)
        return time.process_time() - before

    seconds(0)  # draws the factors
    return seconds(1) - seconds(0)


def irspack(log, rank):
    from irspack import IALSRecommender

    model = IALSRecommender(log, n_components=rank, alpha0=0.1, reg=0.003, solver_type="CHOLESKY", n_threads=1)
    model.start_learning()
    before = time.process_time()
    model.run_epoch()
    return time.process_time() - before


def cmfrec(log, rank):
    import cmfrec

    def seconds(epochs):
        model = cmfrec.CMF_implicit(k=rank, niter=epochs, use_cg=False, nthreads=1, use_float=True, verbose=False,
                                    precompute_for_predictions=False, finalize_chol=False)
        before = time.process_time()
        model.fit(log.tocoo())
        return time.process_time() - before

    return seconds(2) - seconds(1)


def measured(run, log, rank):
    """Medians of CPU seconds, by name; and our GFLOP/s and the level they were reached at."""
    rounds = Rounds(run, f"epochs k={rank}")
    gflops, levels = [], set()

    def ours(solver="cholesky", level=None, bfloat16=0):
        # of three epochs the median: with bfloat16 the last one solves users in float32
        result = run.ours("batch_ials", "epoch", run.folder, "--rank", rank, "--solver", solver, "--epochs", 3,
                          "--bfloat16", bfloat16, level=level)
        if solver == "cholesky" and not level and not bfloat16:
            gflops.append(result["gflops"])
            levels.add(result["simd"])
        return result["epoch_s"]

    has_avx2 = run.ours("batch_ials", "peak", "--rank", 16, level="avx2")["simd"] == "avx2"
    if not has_avx2:
        run.skipped(f"epochs k={rank} with AVX2", "this machine does not have it")
    for _ in range(run.rounds):
        rounds.take("tandem_cholesky", ours)
        rounds.take("tandem_bfloat16", lambda: ours(bfloat16=1))
        rounds.take("implicit_cg", lambda: implicit(log, rank, True))
        rounds.take("tandem_cg", lambda: ours("cg"))
        rounds.take("implicit_cholesky", lambda: implicit(log, rank, False))
        rounds.take("tandem_block", lambda: ours("block"))
        rounds.take("irspack_cholesky", lambda: irspack(log, rank))
        if has_avx2:
            rounds.take("tandem_avx2", lambda: ours(level="avx2"))
        if rank <= 64:  # minutes an epoch beyond
            rounds.take("cmfrec_cholesky", lambda: cmfrec(log, rank))
    return rounds.medians(), max(gflops, default=0), "".join(levels)


def part(run):
    log = made_up_log.load(run.folder)
    report = run.report
    for rank in (64, 128):
        median, gflops, level = measured(run, log, rank)
        if "tandem_cholesky" not in median:
            continue
        exact = median["tandem_cholesky"]
        report["epoch_seconds"][f"k{rank}"] = median
        report["gflops"][f"epoch_k{rank}"] = gflops
        print(f"\none epoch, rank {rank}, {log.shape[0]:,} x {log.shape[1]:,}, {log.nnz:,} entries, one thread; {level}")
        for name, value in median.items():
            print(f"  {name:20s} {value:8.3f} cpu-s   by ours, exact: x{value / exact:.2f}", flush=True)
            if name.startswith("tandem"):
                continue
            report["ratios"][f"epoch_k{rank}_vs_{name}"] = value / exact
            if "tandem_bfloat16" in median:
                report["ratios"][f"epoch_k{rank}_bfloat16_vs_{name}"] = value / median["tandem_bfloat16"]
        if "tandem_avx2" in median and level.startswith("avx512"):
            report["ratios"][f"epoch_k{rank}_avx2_vs_avx512"] = median["tandem_avx2"] / exact
