"""Measures of an ensemble in files: peak memory and time, against numpy all at once.

``PYTHONPATH=tests python -m benchmarks.ensemble``; some minutes. Members are generated
(smooth regions with blurred borders), written with ``np.savez_compressed``, computed
in processes of their own. numpy loads all members and takes mean and entropy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from .memory import peak, reset_peak

MEASURES = ("predictive_entropy", "expected_entropy", "mutual_information")
SHARPNESS = 40.0

#: Beside two volumes of float32 for each member.
ALLOWANCE = 300e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.ensemble", description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--classes", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(RUNS[arguments.run[0]](arguments.run[1:])))
        return
    bound = 2 * arguments.members * 4 * arguments.size**3 + ALLOWANCE
    print(f"| members × classes × {arguments.size}³ | | seconds | peak memory |")
    print("| --- | --- | ---: | ---: |")
    failed = False
    for n_classes in arguments.classes:
        with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
            paths = generate(Path(folder), arguments.members, n_classes, arguments.size)
            for name in RUNS:
                if name == "numpy, all at once" and n_classes > 8:
                    continue  # some 15 GB
                told = measured(name, paths)
                if told is None:
                    print(f"| {arguments.members} × {n_classes} | {name} | – | – |")
                    continue
                print(
                    f"| {arguments.members} × {n_classes} | {name} | "
                    f"{told['seconds']:.1f} | {told['peak'] / 1e6:.0f} MB |",
                    flush=True,
                )
                ours = name.startswith("napari-uncertainty, three")
                failed |= ours and told["peak"] > bound
    print(f"\nBound for the first of each: {bound / 1e6:.0f} MB.")
    if failed:
        raise SystemExit("The bound was not kept.")


def generate(folder: Path, n_members: int, n_classes: int, size: int) -> list[Path]:
    """Members that agree but for their borders."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((n_classes, 8, 8, 8))
    paths = []
    for number in range(n_members):
        own = coarse + 0.1 * rng.standard_normal(coarse.shape)
        values = np.empty((n_classes, size, size, size), np.float32)
        for label, one in enumerate(own):
            values[label] = zoom(one.astype(np.float32), size / 8, order=1)
        values *= SHARPNESS
        values -= values.max(axis=0)
        np.exp(values, out=values)
        values /= values.sum(axis=0)
        values[values < 1e-6] = 0  # as float16 would have it
        paths.append(folder / f"member_{number}.npz")
        np.savez_compressed(paths[-1], probabilities=values)
    return paths


def measured(name: str, paths: Sequence[Path]) -> Any:
    """What one run in a fresh process tells; None if it did not end."""
    command = [sys.executable, "-m", "benchmarks.ensemble", "--run", name]
    done = subprocess.run(
        [*command, *map(str, paths)], stdout=subprocess.PIPE, text=True, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def _clocked(work: Any) -> dict[str, float]:
    reset_peak()
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start, "peak": float(peak() or 0)}


def _ours(measures: Sequence[str]) -> Any:
    def run(paths: Sequence[str]) -> dict[str, float]:
        import napari_uncertainty as nu

        return _clocked(lambda: nu.ensemble_uncertainty(paths, measures))

    return run


def _numpy(paths: Sequence[str]) -> dict[str, float]:
    def work() -> None:
        p = np.stack([np.load(path)["probabilities"] for path in paths])
        p /= p.sum(axis=1, keepdims=True)

        def entropy(values: Any) -> Any:
            logs = np.log2(values, where=values > 0, out=np.zeros_like(values))
            return -(values * logs).sum(axis=-4)

        total, alone = entropy(p.mean(axis=0)), entropy(p).mean(axis=0)
        total - alone

    return _clocked(work)


def _all(paths: Sequence[str]) -> dict[str, float]:
    import napari_uncertainty as nu

    return _ours(tuple(nu.ENSEMBLE_MEASURES))(paths)


RUNS: dict[str, Any] = {
    "napari-uncertainty, three entropies": _ours(MEASURES),
    "napari-uncertainty, all six measures": _all,
    "numpy, all at once": _numpy,
}

if __name__ == "__main__":
    main()
