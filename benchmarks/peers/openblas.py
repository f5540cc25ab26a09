"""One thread for every BLAS and OpenMP of the peers, and OpenBLAS on its fastest kernels.

OpenBLAS may choose slow kernels for a CPU it does not know (Debian's takes SSE3 on recent servers). Its own choice is
measured beside other core types, in processes of their own, and another is taken only if it is clearly faster.
"""

import math
import os
import subprocess
import sys

CORE_TYPES = ("", "Haswell", "Zen", "SkylakeX", "Cooperlake")  # "": OpenBLAS's own choice
CLEARLY = 0.9  # of the time of its own choice

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
# XGBoost's threads sleep when they wait: on a busy machine that is faster
ONE_THREAD["OMP_WAIT_POLICY"] = "passive"

PROBE = """
import time, logging
import numpy as np, scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
logging.disable()
draw = np.random.default_rng(1)
log = sp.random(1500, 1000, 0.05, random_state=1, format="csr", dtype=np.float32)
items, user = draw.random((20000, 64), np.float32), draw.random(64, np.float32)
def epoch(use_cg):
    model = AlternatingLeastSquares(64, iterations=1, use_cg=use_cg, num_threads=1, random_state=0)
    return lambda: model.fit(log, show_progress=False)
for call in (lambda: user.dot(items.T), epoch(True), epoch(False)):
    best = 1e9
    for _ in range(20):
        before = time.thread_time(); call(); best = min(best, time.thread_time() - before)
    print(best)
"""
PROBED = ("scores of 20,000 items", "an epoch by CG", "an epoch by Cholesky")


def environment(core_type):
    out = {**os.environ, **ONE_THREAD}
    out.pop("OPENBLAS_CORETYPE", None)
    if core_type:
        out["OPENBLAS_CORETYPE"] = core_type
    return out


def measured_core_types():
    """Seconds that each of PROBED takes implicit, by core type."""
    times = {}
    for core_type in CORE_TYPES:
        command = [sys.executable, "-c", PROBE]
        probe = subprocess.run(command, env=environment(core_type), capture_output=True, text=True)
        if probe.returncode == 0:
            times[core_type] = [float(line) for line in probe.stdout.split()]
    return times


def fastest(times):
    """The core type of the least geometric mean; OpenBLAS's own choice unless another is clearly faster."""
    own = times.get("")
    if own is None:
        return ""
    mean = {core: math.prod(a / b for a, b in zip(each, own)) ** (1 / len(own)) for core, each in times.items()}
    best = min(mean, key=mean.get)
    return best if mean[best] < CLEARLY else ""


def restart_on_fastest():
    """Starts this script again in that environment: numpy reads it once. Call before numpy is imported."""
    if "TANDEM_PEERS_STARTED" in os.environ:
        return
    times = measured_core_types()
    print(f"OpenBLAS by core type, microseconds for {', '.join(PROBED)}:")
    for core, each in times.items():
        print(f"  {core or 'its own choice':15}" + "".join(f"{seconds * 1e6:10.0f}" for seconds in each), flush=True)
    restart(fastest(times))


def restart(core_type=""):
    """Starts this script again with one thread and that core type, once. Call before numpy is imported."""
    if "TANDEM_PEERS_STARTED" not in os.environ:
        started = {**environment(core_type), "TANDEM_PEERS_STARTED": "1"}
        os.execve(sys.executable, [sys.executable, *sys.argv], started)


def described():
    """What each BLAS in this process is and runs on."""
    import scipy.linalg  # noqa: F401  (implicit and cmfrec use its BLAS, which is not numpy's)
    import threadpoolctl

    keys = ("internal_api", "version", "architecture", "num_threads")
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return [{key: pool.get(key) for key in keys} for pool in pools]
