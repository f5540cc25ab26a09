"""Time and memory of ours at 1, 10 and 100 million entries, rank 64, and the exponents they grow with."""

import math
import pathlib
import tempfile

SCALES = (0.09, 0.9, 9)  # of MovieLens 20M's shape
ENTRIES = 11e6  # at scale 1
BYTES_AN_ENTRY = 100  # at most, with the vectors that double; 50 were measured
FIGURES = ("epoch_s", "peak_rss_mb")


def exponent(first, last, figure):
    return math.log(last[figure] / first[figure]) / math.log(last["entries"] / first["entries"])


def available_bytes():
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux
        return math.inf
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def part(run):
    rows = run.report["growth"]
    print(f"\n{'entries':>12} {'cpu-s an epoch':>16} {'MB at most':>12}   exponents since the row before")
    for scale in SCALES:
        entries = ENTRIES * scale * run.scale
        if entries * BYTES_AN_ENTRY > available_bytes():
            run.skipped(f"growth at {entries:,.0f} entries", f"{entries * BYTES_AN_ENTRY / 1e9:.0f} GB must be free")
            continue
        with tempfile.TemporaryDirectory() as folder:
            run.ours("batch_ials", "make", folder, "--scale", scale * run.scale)
            result = run.ours("batch_ials", "epoch", folder, "--rank", 64, "--epochs", 2)
        rows.append({key: result[key] for key in ("entries", *FIGURES)})
        since = ""
        if len(rows) > 1:
            rows[-1]["exponents"] = {figure: exponent(rows[-2], rows[-1], figure) for figure in FIGURES}
            since = "   ".join(f"{figure} {value:.2f}" for figure, value in rows[-1]["exponents"].items())
        print(f"{result['entries']:>12,} {result['epoch_s']:>16.2f} {result['peak_rss_mb']:>12,.0f}   {since}",
              flush=True)
    if len(rows) < 2:
        return
    for figure in FIGURES:
        run.report["growth_exponent"][figure] = exponent(rows[0], rows[-1], figure)
    print("over all: " + ", ".join(f"{figure} grows with entries to the {value:.2f}"
                                   for figure, value in run.report["growth_exponent"].items()))
