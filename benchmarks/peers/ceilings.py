"""What share of the core's multiply-adds the Gram kernel and the epoch reach, and the size of the compiled kernels."""

from run import output_of


def size_of(archive):
    """Bytes of code and data in all objects of a static library: no more than that is linked into a program."""
    total = next(line for line in output_of(["size", "--totals", archive]).splitlines() if "(TOTALS)" in line)
    text, data, bss = (int(field) for field in total.split()[:3])
    return {"text": text, "data": data, "bss": bss, "bytes": text + data}


def part(run):
    gflops, report = run.report["gflops"], run.report
    peaks = [run.ours("batch_ials", "peak", "--rank", 128) for _ in range(run.rounds)]
    gflops["peak"] = max(each["peak_gflops"] for each in peaks)
    gflops["gram_k128"] = max(each["gram_gflops"] for each in peaks)
    if "epoch_k128" not in gflops:  # without the part `epochs`
        gflops["epoch_k128"] = run.ours("batch_ials", "epoch", run.folder, "--rank", 128, "--epochs", 2)["gflops"]
    if gflops["peak"] > 0:
        for name in ("gram_k128", "epoch_k128"):
            report["fraction_of_peak"][name] = gflops[name] / gflops["peak"]
    else:
        run.skipped("fraction_of_peak", "the multiply-adds are measured on x86-64 alone")
    print(f"\npeak {gflops['peak']:.0f} GFLOP/s a core in float32; of it: "
          + ", ".join(f"{name} {share:.0%}" for name, share in report["fraction_of_peak"].items()))
    report["kernel_library"] = size_of(run.programs.parent / "libtandem_kernels.a")
    print(f"the compiled kernels: {report['kernel_library']['bytes'] / 1000:.0f} KB of code and data", flush=True)
