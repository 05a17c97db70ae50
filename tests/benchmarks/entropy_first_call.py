"""First call of ``nu.entropy`` against the article's formula, in fresh processes.

Prints, for both, the time of the first call and the memory that it adds to the input,
and their ratio. Each run is a process of its own, because memory that a process has
used before is quicker to use again. Needs Linux, for the memory.

Without arguments the input is generated; an nnU-Net ``.npz`` can be named instead.

A virtual machine gives memory that it has used before quickly, other memory slowly.
``--hold GB`` keeps that much occupied, and 2 GB more before each run, so that every run
meets memory that was free for long, as the first run on a machine does.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

RUN = """
import sys, time
import numpy as np

def status(field):  # bytes, as Linux counts them
    with open("/proc/self/status") as file:
        [line] = [line for line in file if line.startswith(field)]
    return int(line.split()[1]) * 1024

t = np.load(sys.argv[1])  # float32, class axis first
{imports}
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts anew
before = status("VmRSS")
start = time.perf_counter()
{formula}
seconds = time.perf_counter() - start
print(seconds, status("VmHWM") - before, result.sum(dtype=np.float64))
"""

FORMULAS = {
    "napari-uncertainty": ("import napari_uncertainty as nu", "result = nu.entropy(t)"),
    "article": ("", "t /= t.sum(0); result = -(t * np.log2(t + 1e-12)).sum(0)"),
}


def measure(name: str, file: Path) -> tuple[float, float, float]:
    """Seconds, extra bytes and total entropy of one fresh process."""
    imports, formula = FORMULAS[name]
    code = RUN.format(imports=imports, formula=formula)
    ran = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, extra, total = map(float, ran.stdout.split())
    return seconds, extra, total


def generated(shape: tuple[int, ...]) -> np.ndarray:
    """A softmax with certain insides and uncertain boundaries."""
    rng = np.random.default_rng(0)
    small = rng.standard_normal((shape[0], *(n // 16 for n in shape[1:])))
    logits = 20 * np.kron(small, np.ones((1, 16, 16, 16), np.float32))
    logits += rng.standard_normal(shape, dtype=np.float32)
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits.astype(np.float32)


def occupied(gigabytes: int) -> np.ndarray:
    """So much memory, every page of it in use."""
    return np.full((gigabytes, 1 << 27), 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz", nargs="?", type=Path, help="nnU-Net probabilities")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hold", type=int, default=0, metavar="GB")
    arguments = parser.parse_args()
    if arguments.npz is None:
        values = generated((8, 256, 256, 256))
    else:
        with np.load(arguments.npz) as archive:
            values = archive["probabilities"].astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "softmax.npy"
        np.save(file, values)
        runs = {name: [] for name in FORMULAS}
        held = [occupied(arguments.hold)]
        for _ in range(arguments.runs):  # in turn, so that both see the same machine
            for name in FORMULAS:
                runs[name].append(measure(name, file))
                if arguments.hold:
                    held.append(occupied(2))
    output = values[0].nbytes
    print(f"shape {values.shape}, float32, output {output / 1e6:.0f} MB")
    for name, measured in runs.items():
        seconds, extra, total = (
            statistics.median(c) for c in zip(*measured, strict=True)
        )
        print(
            f"{name:20} first call {seconds:6.3f} s   memory beyond the input "
            f"{extra / 1e6:6.0f} MB   total {total:.1f} bits"
        )
    ratios = [
        article[0] / ours[0]
        for article, ours in zip(
            runs["article"], runs["napari-uncertainty"], strict=True
        )
    ]
    print(
        f"{statistics.median(ratios):.1f} times faster (median of {len(ratios)} pairs)"
    )


if __name__ == "__main__":
    main()
