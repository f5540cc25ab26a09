#!/usr/bin/env python3
"""Whether NumPy and tandem read each other's model files, with the tandem command and, if they are there, SciPy and implicit.

    pip install numpy scipy implicit
    benchmarks/peers/model_files.py build/release/src/cli/tandem

Prints one line a check; ends with 1 when one fails.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zlib

import numpy as np

failures = 0


def check(holds, what):
    global failures
    failures += not holds
    print("ok  " if holds else "FAIL", what)


def recommend(tandem, folder, *options):
    answer = subprocess.run([tandem, "recommend", "--model", str(folder), "--json", "-", *options], check=True,
                            capture_output=True, text=True).stdout
    return {each["item"]: each["score"] for each in json.loads(answer)["recommendations"]}


def close(scores, expected):
    return all(abs(score - expected[item]) <= 1e-5 * (1 + abs(expected[item])) for item, score in scores.items())


def write_log(scratch):
    rng = np.random.default_rng(1)
    log = scratch / "log.csv"
    pairs = {(u, int(i)) for u in range(200) for i in rng.integers(0, 90, 12)}
    log.write_text("user,item\n" + "".join(f"u{u},i{i}\n" for u, i in sorted(pairs)))
    return log


def ours_in_numpy(tandem, scratch):
    log = write_log(scratch)
    folder = scratch / "ours"
    subprocess.run([tandem, "fit", "--events", log, "--rank", "16", "--out", folder], check=True, capture_output=True)
    users, items = np.load(folder / "user_factors.npy"), np.load(folder / "item_factors.npy")
    manifest = json.loads((folder / "model.json").read_text())
    check(users.dtype == np.float32 and users.shape == (200, 16) and items.shape[1] == 16, "numpy.load reads ours")
    check(all(zlib.crc32((folder / name).read_bytes()) == int(entry["crc32"], 16)
              for name, entry in manifest["files"].items()), "the checksums are zlib.crc32")
    user_ids, item_ids = (json.loads((folder / name).read_text()) for name in ("users.json", "items.json"))
    expected = dict(zip(item_ids, (items @ users[user_ids.index("u7")]).tolist()))
    check(close(recommend(tandem, folder, "--user", "u7", "--count", "90"), expected), "scores are NumPy's products")
    history = [item_ids.index("i3"), item_ids.index("i4")]
    w, y = manifest["weights"], items.astype(np.float64)
    ridge = w["regularization"] * (2 + w["alpha0"] * len(items)) ** w["nu"]
    a = w["alpha0"] * y.T @ y + y[history].T @ y[history] + ridge * np.eye(16)
    folded = y @ np.linalg.solve(a, y[history].sum(axis=0))
    check(close(recommend(tandem, folder, "--items", "i3,i4", "--count", "90"), dict(zip(item_ids, folded.tolist()))),
          "a fold-in is NumPy's solution")


def theirs_in_tandem(tandem, scratch):
    rng = np.random.default_rng(2)
    users, items = rng.normal(size=(30, 8)), rng.normal(size=(50, 8))
    expected = {str(i): s for i, s in enumerate((items @ users[4]).tolist())}
    for dtype in (np.float32, np.float64):
        for order in "CF":
            folder = scratch / f"theirs_{np.dtype(dtype).name}_{order}"
            folder.mkdir()
            (folder / "model.json").write_text('{"format_version": 1}')
            np.save(folder / "user_factors.npy", np.asarray(users, dtype=dtype, order=order))
            np.save(folder / "item_factors.npy", np.asarray(items, dtype=dtype, order=order))
            scores = recommend(tandem, folder, "--user", "4", "--count", "50")
            check(len(scores) == 50 and close(scores, expected), f"numpy.save of {np.dtype(dtype).name}, order {order}")


def weights_between_items(tandem, scratch):
    try:
        import scipy.sparse
    except ImportError:
        print("--   SciPy is not installed")
        return

    def sparse_of(folder):
        parts = [np.load(folder / f"item_weights_{part}.npy") for part in ("value", "index", "start")]
        return scipy.sparse.csr_matrix(tuple(parts), shape=(len(parts[2]) - 1,) * 2)

    log = write_log(scratch)
    for model in ("ease", "item-knn"):
        folder = scratch / model
        subprocess.run([tandem, "fit", "--events", log, "--model", model, "--out", folder], check=True, capture_output=True)
        ids = json.loads((folder / "items.json").read_text())
        weights = np.load(folder / "item_weights.npy") if model == "ease" else sparse_of(folder).toarray()
        history = [ids.index("i3"), ids.index("i4")]
        expected = dict(zip(ids, weights[history].sum(axis=0).tolist()))
        check(close(recommend(tandem, folder, "--items", "i3,i4", "--count", "90"), expected), f"{model}: scores are sums of rows")
    for wide in (np.int32, np.int64):
        theirs = scipy.sparse.random(60, 60, 0.2, random_state=4, format="csr", dtype=np.float64)
        theirs.sort_indices()
        folder = scratch / f"scipy_{np.dtype(wide).name}"
        folder.mkdir()
        (folder / "model.json").write_text('{"format_version": 1, "kind": "sparse_item_weights"}')
        for part, values in (("start", theirs.indptr.astype(wide)), ("index", theirs.indices.astype(wide)), ("value", theirs.data)):
            np.save(folder / f"item_weights_{part}.npy", values)
        expected = {str(i): s for i, s in enumerate(theirs[[3, 4]].toarray().sum(axis=0).tolist())}
        check(close(recommend(tandem, folder, "--items", "3,4", "--count", "60"), expected), f"a matrix of SciPy, {np.dtype(wide).name}")


def implicit_in_tandem(tandem, scratch):
    try:
        import implicit.als
        import scipy.sparse
    except ImportError:
        print("--   implicit is not installed")
        return
    seen = scipy.sparse.random(120, 80, 0.1, random_state=3, format="csr", dtype=np.float32)
    model = implicit.als.AlternatingLeastSquares(factors=16, iterations=5, random_state=0)
    model.fit(seen, show_progress=False)
    folder = scratch / "implicit"
    folder.mkdir()
    (folder / "model.json").write_text('{"format_version": 1, "learner": "implicit"}')
    np.save(folder / "user_factors.npy", model.user_factors)
    np.save(folder / "item_factors.npy", model.item_factors)
    items, scores = model.recommend(5, seen[5], N=10, filter_already_liked_items=False)
    ours = recommend(tandem, folder, "--user", "5", "--count", "10")
    check(list(ours) == [str(i) for i in items], "a model of implicit gives implicit's list")
    check(close(ours, dict(zip(map(str, items), scores.tolist()))), "and its scores")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch_name:
        for part in (ours_in_numpy, theirs_in_tandem, weights_between_items, implicit_in_tandem):
            part(sys.argv[1], pathlib.Path(scratch_name))
    sys.exit(failures > 0)
