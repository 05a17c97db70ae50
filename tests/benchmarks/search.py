"""The orientation search against trying all 48 placements on all voxels with numpy.

``PYTHONPATH=tests python -m benchmarks.search [--feta FOLDER]``; a minute. The two
take turns in one process, over some disguises of one prediction. Prints a table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_uncertainty.compare.agreement import Comparison
from napari_uncertainty.compare.orientation import iter_search
from napari_uncertainty.io import read
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.steps import run

from .cases import FETA

DISGUISES = [(o, f) for o in permutations(range(3)) for f in product((1, -1), repeat=3)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.search", description=__doc__)
    parser.add_argument("--feta", type=Path, metavar="FOLDER")
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument("--every", type=int, default=5, help="take each n-th disguise")
    arguments = parser.parse_args()
    labels = generated(arguments.size)
    if arguments.feta is not None:
        labels = read(arguments.feta / FETA).values.argmax(axis=0).astype(np.uint8)
    other = generated(len(labels), seed=1)
    print("| | search | all 48 on all voxels | ratio | longest search |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, against in (("the same image", labels), ("of another image", other)):
        rows = [
            (seconds(search, turned(labels, one), against),
             seconds(exhaustive, turned(labels, one), against))
            for one in DISGUISES[:: arguments.every]
        ]  # fmt: skip
        ours, theirs = (median(column) for column in zip(*rows, strict=True))
        ratio = median(exact / quick for quick, exact in rows)
        longest = max(quick for quick, _ in rows)
        cells = (name, f"{ours:.2f} s", f"{theirs:.1f} s", f"{ratio:.1f}")
        print(f"| {' | '.join(cells)} | {longest:.2f} s |")


def generated(size: int, seed: int = 0) -> np.ndarray:
    """Seven classes in smooth patches within a ball; no symmetry."""
    rng = np.random.default_rng(seed)
    small = gaussian_filter(rng.standard_normal((7, 32, 32, 32)), (0, 3, 3, 3))
    places = [np.linspace(0, 31, size).round().astype(int)] * 3
    classes = small.argmax(axis=0).astype(np.uint8)[np.ix_(*places)] + np.uint8(1)
    distance = sum(axis**2 for axis in np.ogrid[(slice(-1, 1, size * 1j),) * 3])
    return np.where(distance < 0.25, classes, np.uint8(0))


def turned(labels: np.ndarray, disguise: Any) -> np.ndarray:
    order, flips = disguise
    view = labels.transpose(order)[tuple(slice(None, None, flip) for flip in flips)]
    return np.ascontiguousarray(view)


def search(prediction: np.ndarray, labels: np.ndarray) -> None:
    run(iter_search(Comparison.of(prediction, labels), Placement.as_it_is(3)))


def exhaustive(prediction: np.ndarray, labels: np.ndarray) -> None:
    for order, flips in DISGUISES:
        view = prediction.transpose(order)
        view = view[tuple(slice(None, None, flip) for flip in flips)]
        np.count_nonzero(view == labels)


def seconds(function: Callable[..., None], *given: np.ndarray) -> float:
    start = time.perf_counter()
    function(*given)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
