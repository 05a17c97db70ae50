"""The numbers of each label of a map, against numpy with a mask for each label.

``PYTHONPATH=tests python -m benchmarks.regions [--feta FOLDER]``; half a minute. Both
tell boundary from interior and make the table; ours has profiles, peaks and sorted
values besides, and the later rows are answers from these. Prints a table of medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

import napari_uncertainty as nu
from napari_uncertainty.analysis.class_blocks import iter_class_statistics
from napari_uncertainty.analysis.class_statistics import ClassStatistics, class_table
from napari_uncertainty.io import read
from napari_uncertainty.steps import run

from .cases import FETA

N_CLASSES = 8
SHARPNESS = 4.0  # with which one class gives way to the next
THRESHOLD = np.log2(N_CLASSES) / 2
EDGES = np.linspace(0, np.log2(N_CLASSES), 101)
PARTS = ("all", "boundary", "interior")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.regions", description=__doc__)
    parser.add_argument("--feta", type=Path, metavar="FOLDER")
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument(
        "--calls", type=int, default=7, help="of which the median counts"
    )
    arguments = parser.parse_args()
    cases = {"generated": generated(arguments.size)}
    if arguments.feta is not None:
        maps = nu.uncertainty(read(arguments.feta / FETA))
        cases["FeTA sub-007, fold_0"] = maps["entropy"], maps.prediction
    columns = [
        [
            f"{seconds(action, arguments.calls):.4f} s"
            for action in actions(*case).values()
        ]
        for case in cases.values()
    ]
    print(f"| | {' | '.join(cases)} |")
    print(f"| --- |{' ---: |' * len(cases)}")
    for name, *cells in zip(actions(*cases["generated"]), *columns, strict=True):
        print(f"| {name} | {' | '.join(cells)} |")


def actions(values: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is measured, by its name."""
    statistics = of(values, labels)
    return {
        "numpy, label by label": lambda: plain(values, labels),
        "all numbers and the table": lambda: table(of(values, labels)),
        "of which the table": lambda: table(statistics),
        "share above a threshold, whole": lambda: statistics.share_above("whole", 1.0),
        "histogram of 100 bins, whole": lambda: statistics.histogram("whole", EDGES),
        "two quantiles, whole": lambda: statistics.quantiles("whole", (0.5, 0.95)),
    }


def generated(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Entropy and labels of shells within each other, a third of the volume."""
    rng = np.random.default_rng(0)
    bumps = zoom(gaussian_filter(rng.standard_normal((16,) * 3), 1.5), size / 16)
    axes = np.ogrid[(slice(-1, 1, size * 1j),) * 3]
    radii = zip(axes, (0.9, 0.8, 0.8), strict=True)
    radius = np.sqrt(sum((x / r) ** 2 for x, r in radii))
    level = (0.5 + 7 * (1 - radius) + 2 * bumps).astype(np.float32)
    classes = np.arange(N_CLASSES, dtype=np.float32)[:, None, None, None]
    probabilities = np.exp(-SHARPNESS * (np.clip(level, 0, 7) - classes) ** 2)
    probabilities /= probabilities.sum(axis=0)
    maps = nu.uncertainty(probabilities)
    return maps["entropy"], maps.prediction


def of(values: np.ndarray, labels: np.ndarray) -> ClassStatistics:
    statistics = run(iter_class_statistics(values, labels))
    assert statistics is not None
    return statistics


def table(statistics: ClassStatistics) -> object:
    return class_table(statistics, voxel_volume_mm3=1.0, threshold=THRESHOLD)


def plain(values: np.ndarray, labels: np.ndarray) -> dict[tuple[int, str], tuple]:
    """Voxels, total, mean, two quantiles and share above, for each label and part."""
    boundary = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        along, edge = np.moveaxis(labels, axis, 0), np.moveaxis(boundary, axis, 0)
        differs = along[1:] != along[:-1]
        edge[1:] |= differs
        edge[:-1] |= differs
    found = {}
    for label in np.unique(labels).tolist():
        own = labels == label
        for part, mask in zip(
            PARTS, (own, own & boundary, own & ~boundary), strict=True
        ):
            inside = values[mask]
            if inside.size:
                total = inside.sum(dtype=np.float64)
                quantiles = np.percentile(inside, (50, 95))
                share = np.count_nonzero(inside > THRESHOLD) / inside.size
                numbers = inside.size, total, total / inside.size, *quantiles, share
                found[label, part] = numbers
    return found


def seconds(action: Callable[[], object], calls: int) -> float:
    action()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return median(times)


if __name__ == "__main__":
    main()
