"""What a warm refit after a tenth of new data loses against a cold one: NDCG@100 on MovieLens 1M."""

import quality

AGAINST = ("against_cold_8", "against_cold_16")


def part(run):
    folder = run.data / "ml-1m-strong"
    if not (folder / "train.csv").exists():
        run.skipped("warm_refit", f"{folder} is not there (set TANDEM_DATA)")
        return
    report = {}
    print("\nNDCG@100 after a tenth of new data; in brackets: beside cold fits of 8 and of 16 epochs")
    for row in quality.rows_of(run, "quality_warm_refit"):
        hidden, way = row["settings"], row["name"]
        report.setdefault(hidden, {})[way] = {key: row[key] for key in ("ndcg@100", *AGAINST)}
        print(f"  {hidden:14s} {way:8s} {row['ndcg@100']:.4f}  ({', '.join(f'{row[each]:+.4f}' for each in AGAINST)})",
              flush=True)
    worst = {each: max(-ways["warm_2"][each] for ways in report.values()) for each in AGAINST}
    run.report["warm_refit"] = {**report, "worst_loss_of_2_epochs": worst}
    losses = ", ".join(f"{loss:+.4f} {each.replace('_', ' ')}" for each, loss in worst.items())
    print(f"  two warm epochs lose at most {losses}", flush=True)
