"""50 places worth a look, against the peaks of a smooth map and one convolution.

``PYTHONPATH=tests python -m benchmarks.hotspots``; a minute. All take turns in one
process. The peaks are those of the map alone, smoothed: other places, and none of their
numbers. The convolution gives the sum over the ball around each voxel, which is the
first of the steps of a search. Prints a table of medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from scipy.signal import fftconvolve
from skimage.feature import peak_local_max

import napari_uncertainty as nu
from napari_uncertainty.analysis.balls import Ball
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions, Hotspots
from napari_uncertainty.steps import run

from .memory import AnonymousPeak, status

N_CLASSES = 8
SHARPNESS = 4.0  # with which one class gives way to the next
COUNT, RADIUS = 50, 3.75

#: In seconds, for the first row on two processors.
BOUND = 2.0

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """What a search is given."""

    probabilities: Array
    values: Array
    labels: Array

    @property
    def to_the_edges(self) -> Case:
        """The same with foreground in all corners, so that no box is smaller."""
        labels = self.labels.copy()
        labels[(slice(None, None, labels.shape[0] - 1),) * labels.ndim] = 1
        return Case(self.probabilities, self.values, labels)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.hotspots", description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument(
        "--calls", type=int, default=5, help="of which the median counts"
    )
    arguments = parser.parse_args()
    named = actions(generated(arguments.size))
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for action in named.values():
        action()
    for _ in range(arguments.calls):
        for name, action in named.items():
            seconds[name].append(clocked(action))
    ours = median(next(iter(seconds.values())))
    print(f"| 8 × {arguments.size}³ | seconds | ratio | extra memory |")
    print("| --- | ---: | ---: | ---: |")
    for name, action in named.items():
        taken = median(seconds[name])
        print(f"| {name} | {taken:.2f} | {taken / ours:.2f} | {extra_memory(action)} |")
    if ours > BOUND and arguments.size <= 256:
        raise SystemExit(f"The first should take at most {BOUND} s.")


def actions(case: Case) -> dict[str, Callable[[], object]]:
    """What is measured, by its name; the first is what all others are compared with."""
    wide = case.to_the_edges
    ball = Ball.of(None, 3, RADIUS).mask
    return {
        "50 hotspots, two threads": lambda: found(case),
        "the same on one thread": lambda: found(case, threads=1),
        "foreground up to the edges": lambda: found(wide),
        "without labels": lambda: found(case, labels=False),
        "labels and map alone": lambda: found(case, members=False),
        "peaks of the smooth map": lambda: peaks(case.values),
        "one FFT convolution": lambda: fftconvolve(case.values, ball, "same"),
    }


def found(
    case: Case, *, threads: int = 2, labels: bool = True, members: bool = True
) -> Hotspots:
    hotspots = run(
        iter_hotspots(
            case.values,
            case.labels if labels else None,
            members=[case.probabilities] if members else (),
            undecided=1.0,
            wanted=HotspotOptions(COUNT, RADIUS),
            threads=threads,
        )
    )
    assert hotspots is not None
    assert len(hotspots.places) == COUNT
    return hotspots


def peaks(values: Array) -> Array:
    """Of the map averaged over about as far as a ball reaches."""
    smooth = gaussian_filter(values, RADIUS / 2)
    places: Array = peak_local_max(
        smooth, min_distance=int(RADIUS), num_peaks=COUNT, exclude_border=False
    )
    return places


def generated(size: int) -> Case:
    """Shells within each other, a third of the volume, with their softmax."""
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
    return Case(probabilities, maps["entropy"], maps.prediction)


def clocked(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def extra_memory(action: Callable[[], object]) -> str:
    """The most that is in use at a time, beyond what was given."""
    before = status("RssAnon")
    with AnonymousPeak() as peak:
        action()
    if before is None or peak.bytes is None:
        return "–"
    return f"{max(0, peak.bytes - before) / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
