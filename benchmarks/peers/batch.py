"""The batch learners beside their peers from PyPI: the same data, sizes and threads, in turn, in one run.

programs: batch_ials quality_ml1m_strong quality_warm_refit quality_ml100k top_n boosted_trees

Run by scripts/bench batch. Times are CPU seconds of one thread, medians over the rounds; ratios are theirs by ours, so
more than 1 says that ours is faster. Where a peer stops early (conjugate gradient) it is named so: ours is exact. A
part that fails is named under "failed" and the others go on; then the status is 1. docs/benchmarks.md explains the
figures.

    batch.py PROGRAMS [--json OUT] [--only PART,PART] [--rounds N] [--scale S] [--data FOLDER]
"""

import argparse
import importlib
import json
import os
import pathlib
import sys
import tempfile
import time
import traceback

import openblas
from run import Run

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


def parts_of(names):
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"no part is called {', '.join(unknown) or names!r}; parts: {', '.join(PARTS)}")
    return chosen


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < 1000:
            raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
        return value

    return parse


def arguments():
    listed = "\n".join(f"  {name:14} {what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(prog="scripts/bench batch", description=__doc__.split("\n")[0],
                                     epilog="parts:\n" + listed, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="folder of the built benchmarks (scripts/bench gives it)")
    parser.add_argument("--json", type=pathlib.Path, help="write the report there, after every part")
    parser.add_argument("--only", type=parts_of, default=list(PARTS), metavar="PART,PART", help="these parts alone")
    parser.add_argument("--rounds", type=positive(int), default=3, help="of each measurement; slow peers get fewer (3)")
    parser.add_argument("--scale", type=positive(float), default=1.0,
                        help="of the made-up data; .05 for a quick look. Real data stay whole (1)")
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("TANDEM_DATA", "../shared/data"),
                        help="the folder with ml-1m-strong and ml-100k (TANDEM_DATA, else ../shared/data)")
    return parser.parse_args()


def empty_report(given):
    report = {key: {} for key in ("ratios", "fraction_of_peak", "quality", "quality_ml100k", "warm_refit",
                                  "growth_exponent", "epoch_seconds", "fold_in_us", "gflops", "top_n", "trees",
                                  "kernel_library")}
    return {**json.loads(os.environ.get("TANDEM_BENCH_MACHINE", "{}")), "scale": given.scale, "rounds": given.rounds,
            "blas": openblas.described(), "core_type": os.environ.get("OPENBLAS_CORETYPE", "its own choice"),
            "growth": [], "failed": [], "skipped": [], "part_seconds": {}, **report}


def save(path, report):
    if path is None:
        return
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(report, indent=1) + "\n")
    draft.replace(path)


def main():
    given = arguments()
    openblas.restart_on_fastest()
    report = empty_report(given)
    print("BLAS of the peers:", ", ".join(f"{b['internal_api']} {b['version']} on {b['architecture']} kernels, "
                                          f"{b['num_threads']} thread" for b in report["blas"]))
    if given.scale != 1:
        print(f"made-up data at {given.scale:g} of its size; the names of figures are those of the full size")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(given.programs, given.data.resolve(), pathlib.Path(folder), given.rounds, given.scale, report)
        if set(given.only) & set(MADE_UP_LOG):
            try:
                run.ours("batch_ials", "make", folder, "--scale", given.scale)
            except Exception as failure:  # the parts that need it fail, too
                run.failed("the made-up log", failure)
        for name in (name for name in PARTS if name in given.only):
            begin = time.monotonic()
            try:
                importlib.import_module(name).part(run)
            except Exception as failure:
                traceback.print_exc()
                run.failed(name, failure)
            report["part_seconds"][name] = round(time.monotonic() - begin, 1)
            save(given.json, report)
    spent = ", ".join(f"{name} {seconds:.0f}" for name, seconds in report["part_seconds"].items())
    print(f"\nseconds spent: {spent}" + (f"; written to {given.json}" if given.json else ""))
    if report["failed"]:
        print("\nscripts/bench batch: failed:\n  " + "\n  ".join(report["failed"]), file=sys.stderr)
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
