"""The hybrid beside its peers on real logs: the same events in the same order, judged at the same places, in one run.

programs: study_real_logs

Run by scripts/bench hybrid. The figures are NDCG@10 of the item that was taken next, over the judged events of the second
half, ties at their mean place; --rounds is the number of seeds that order the events of a visit. docs/benchmarks.md says
what each peer is. A part that fails is named under "failed"; then the status is 1.

    hybrid.py PROGRAMS [--json OUT] [--only PART] [--rounds N] [--data FOLDER]
"""

import sys

import harness

PARTS = {"hybrid_walks": "MovieLens 100K, Last.fm and Online Retail, event by event"}


def main():
    given = harness.arguments("hybrid", __doc__, PARTS, "ml-100k and streams")
    report = harness.empty_report(given, ("ndcg", "next_visit", "ratios"))
    with harness.run_of(given, report) as run:
        harness.run_parts(run, given, PARTS)
    return harness.finish("hybrid", given, report)


if __name__ == "__main__":
    sys.exit(main())
