"""The batch learners beside their peers from PyPI: the same data, sizes and threads, in turn, in one run.

programs: batch_ials quality_ml1m_strong quality_warm_refit quality_ml100k top_n boosted_trees

Run by scripts/bench batch. Times are CPU seconds of one thread, medians over the rounds; ratios are theirs by ours, so
more than 1 says that ours is faster. Where a peer stops early (conjugate gradient) it is named so: ours is exact. A
part that fails is named under "failed" and the others go on; then the status is 1. docs/benchmarks.md explains the
figures.

    batch.py PROGRAMS [--json OUT] [--only PART,PART] [--rounds N] [--scale S] [--data FOLDER]
"""

import os
import sys

import harness
import openblas

PARTS = {  # each a module with part(run): in the order in which they are run
    "epochs": "one epoch, by solver and rank",
    "ceilings": "share of the core's peak; size of the compiled kernels",
    "fold_in": "a new user",
    "top_n": "the best 10 of many items",
    "boosted_trees": "boosted trees beside XGBoost",
    "warm_refit": "warm against cold fits",
    "quality": "rankings on MovieLens",
    "growth": "1, 10 and 100 million entries",
}
MADE_UP_LOG = ("epochs", "ceilings", "fold_in")  # need it
SECTIONS = ("ratios", "fraction_of_peak", "quality", "quality_ml100k", "warm_refit", "growth_exponent", "epoch_seconds",
            "fold_in_us", "gflops", "top_n", "trees", "kernel_library")


def main():
    given = harness.arguments("batch", __doc__, PARTS, "ml-1m-strong and ml-100k")
    openblas.restart_on_fastest()
    report = harness.empty_report(given, SECTIONS, blas=openblas.described(), growth=[],
                                  core_type=os.environ.get("OPENBLAS_CORETYPE", "its own choice"))
    print("BLAS of the peers:", ", ".join(f"{b['internal_api']} {b['version']} on {b['architecture']} kernels, "
                                          f"{b['num_threads']} thread" for b in report["blas"]))
    with harness.run_of(given, report) as run:
        if set(given.only) & set(MADE_UP_LOG):
            try:
                run.ours("batch_ials", "make", run.folder, "--scale", given.scale)
            except Exception as failure:  # the parts that need it fail, too
                run.failed("the made-up log", failure)
        harness.run_parts(run, given, PARTS)
    return harness.finish("batch", given, report)


if __name__ == "__main__":
    sys.exit(main())
