"""What the parts of scripts/bench batch and online share: our programs, the report, and failures that do not stop the rest."""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

PEER_SECONDS = 40  # about what one figure of one peer may take: slow ones are measured in fewer rounds


def output_of(command, env=None):
    """What a program prints; RuntimeError, with what it said last, when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise RuntimeError(f"{pathlib.Path(command[0]).name}: {said[-1]}")
    return done.stdout


@dataclasses.dataclass
class Run:
    programs: pathlib.Path
    data: pathlib.Path
    folder: pathlib.Path  # of made-up data
    rounds: int
    scale: float
    report: dict

    def call(self, program, *arguments, level=None):
        """What one of our programs prints, run at the best SIMD level or at `level`."""
        env = dict(os.environ, TANDEM_DATA=str(self.data))
        env.pop("TANDEM_SIMD", None)
        if level:
            env["TANDEM_SIMD"] = level
        return output_of([self.programs / program, *arguments], env)

    def ours(self, program, *arguments, level=None):
        """The JSON that one of our programs prints."""
        return json.loads(self.call(program, *arguments, level=level))

    def failed(self, what, failure):
        """Remembers it and goes on; the run then ends with a status of 1."""
        line = f"{what}: {failure}" if isinstance(failure, (str, RuntimeError)) else f"{what}: {failure!r}"
        print(f"  FAILED {line}", file=sys.stderr, flush=True)
        self.report["failed"].append(line)

    def skipped(self, what, why):
        print(f"  left out: {what}, {why}", flush=True)
        self.report["skipped"].append(f"{what}: {why}")


class Rounds:
    """Figures measured in turn: `measure` of each name once a round, slow ones in fewer rounds, until it fails."""

    def __init__(self, run, what):
        self.run, self.what, self.values, self.left = run, what, {}, {}

    def take(self, name, measure):
        if self.left.get(name, self.run.rounds) <= 0:
            return
        begin = time.perf_counter()
        try:
            self.values.setdefault(name, []).append(measure())
        except Exception as failure:  # named, and the others are measured
            self.run.failed(f"{self.what}, {name}", failure)
            self.left[name] = 0
            return
        affordable = min(self.run.rounds, int(PEER_SECONDS / max(1e-9, time.perf_counter() - begin)))
        self.left[name] = self.left.get(name, max(1, affordable)) - 1

    def medians(self):
        return {name: statistics.median(values) for name, values in self.values.items() if values}
