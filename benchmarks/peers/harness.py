"""What the scripts that run an area beside its peers share: their command line, their parts in turn, and the report."""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import sys
import tempfile
import time
import traceback

from run import Run


def parts_of(parts):
    def parse(names):
        chosen = [name.strip() for name in names.split(",") if name.strip()]
        unknown = [name for name in chosen if name not in parts]
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(
                f"no part is called {', '.join(unknown) or names!r}; parts: {', '.join(parts)}")
        return chosen

    return parse


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < 1000:
            raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
        return value

    return parse


def arguments(area, about, parts, data):
    """The command line of scripts/bench AREA. `data`: what the folder of real data is to hold."""
    listed = "\n".join(f"  {name:14} {what}" for name, what in parts.items())
    parser = argparse.ArgumentParser(prog=f"scripts/bench {area}", description=about.split("\n")[0],
                                     epilog="parts:\n" + listed, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="folder of the built benchmarks (scripts/bench gives it)")
    parser.add_argument("--json", type=pathlib.Path, help="write the report there, after every part")
    parser.add_argument("--only", type=parts_of(parts), default=list(parts), metavar="PART,PART", help="these parts alone")
    parser.add_argument("--rounds", type=positive(int), default=3, help="of each measurement; slow peers get fewer (3)")
    parser.add_argument("--scale", type=positive(float), default=1.0,
                        help="of the made-up data; .05 for a quick look. Real data stay whole (1)")
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("TANDEM_DATA", "../shared/data"),
                        help=f"the folder with {data} (TANDEM_DATA, else ../shared/data)")
    return parser.parse_args()


def empty_report(given, sections, **about):
    """What it was measured on and with, and an empty section for each name."""
    return {**json.loads(os.environ.get("TANDEM_BENCH_MACHINE", "{}")), "scale": given.scale, "rounds": given.rounds,
            "load": round(os.getloadavg()[0], 2), **about, "failed": [], "skipped": [], "part_seconds": {},
            **{key: {} for key in sections}}


def save(path, report):
    if path is None:
        return
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(report, indent=1) + "\n")
    draft.replace(path)


@contextlib.contextmanager
def run_of(given, report):
    """A Run whose folder of made-up data goes away at the end."""
    if given.scale != 1:
        print(f"made-up data at {given.scale:g} of its size; the names of figures are those of the full size")
    with tempfile.TemporaryDirectory() as folder:
        yield Run(given.programs, given.data.resolve(), pathlib.Path(folder), given.rounds, given.scale, report)


def run_parts(run, given, parts, prefix=""):
    """Runs part(run) of the module PREFIX + name for each part that was asked for, in their order."""
    for name in (name for name in parts if name in given.only):
        begin = time.monotonic()
        try:
            importlib.import_module(prefix + name).part(run)
        except Exception as failure:
            traceback.print_exc()
            run.failed(name, failure)
        run.report["part_seconds"][name] = round(time.monotonic() - begin, 1)
        save(given.json, run.report)


def finish(area, given, report):
    """Says what was spent and what failed; returns the status of the program."""
    save(given.json, report)
    spent = ", ".join(f"{name} {seconds:.0f}" for name, seconds in report["part_seconds"].items())
    print(f"\nseconds spent: {spent}" + (f"; written to {given.json}" if given.json else ""))
    if report["failed"]:
        print(f"\nscripts/bench {area}: failed:\n  " + "\n  ".join(report["failed"]), file=sys.stderr)
    return 1 if report["failed"] else 0
