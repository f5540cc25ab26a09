"""What a warm refit after a tenth of new data loses against a cold one: NDCG@100 on MovieLens 1M (quality_warm_refit)."""

import quality


def part(run):
    folder = run.data / "ml-1m-strong"
    if not (folder / "train.csv").exists():
        run.skipped("warm_refit", f"{folder} is not there (set TANDEM_DATA)")
        return
    report = run.report["warm_refit"]
    print("\nNDCG@100 after a tenth of new data; in brackets: beside cold fits of 8 and of 16 epochs")
    for row in quality.rows_of(run, "quality_warm_refit"):
        hidden, way = row["settings"], row["name"]
        report.setdefault(hidden, {})[way] = {key: row[key] for key in ("ndcg@100", "against_cold_8", "against_cold_16")}
        print(f"  {hidden:14s} {way:8s} {row['ndcg@100']:.4f}  ({row['against_cold_8']:+.4f}, {row['against_cold_16']:+.4f})",
              flush=True)
