"""Surfaces against one call each of scipy's Gaussian and scikit-image's marching cubes.

``PYTHONPATH=tests python -m benchmarks.surfaces [--feta FOLDER]``; ten seconds. Each
runs some times in one process. Prints a table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter, maximum_filter
from skimage import measure

import napari_uncertainty as nu
from napari_uncertainty.analysis.surfaces import Mesh, iter_mesh
from napari_uncertainty.io import read
from napari_uncertainty.steps import run

from .cases import FETA


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.surfaces", description=__doc__)
    parser.add_argument("--feta", type=Path, metavar="FOLDER")
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument("--calls", type=int, default=5)
    arguments = parser.parse_args()
    cases = {"generated, ": generated(arguments.size)}
    if arguments.feta is not None:
        maps = nu.uncertainty(read(arguments.feta / FETA))
        cases["FeTA, "] = maps.prediction, maps["entropy"]
    heads = ("vertices", "surface", "in one call", "longest call", "volume")
    print(f"| | {' | '.join(heads)} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for case, (labels, values) in cases.items():
        for name, chosen in choices(labels).items():
            cells = measured(labels, values, chosen, arguments.calls)
            print(f"| {case}{name} | {' | '.join(cells)} |", flush=True)


def choices(labels: np.ndarray) -> dict[str, list[int] | None]:
    found = [int(label) for label in np.unique(labels) if label]
    return {"foreground": None, **{f"class {label}": [label] for label in found}}


def measured(labels: Any, values: Any, chosen: Any, calls: int) -> tuple[str, ...]:
    """The cells of one row; the volume is a share of that of the voxels."""
    longest = [0.0]
    marching_cubes = measure.marching_cubes

    def timed(*given: Any, **options: Any) -> Any:
        start = time.perf_counter()
        found = marching_cubes(*given, **options)
        longest[-1] = max(longest[-1], time.perf_counter() - start)
        return found

    ours, theirs = [], []
    for _ in range(calls):
        with patch.object(measure, "marching_cubes", timed):
            seconds, mesh = clocked(lambda: run(iter_mesh(labels, values, chosen)))
        ours.append(seconds)
        longest.append(0.0)
        theirs.append(clocked(lambda: plain(labels, values, chosen))[0])
    assert mesh is not None
    share = volume(mesh) / mask_of(labels, chosen).sum()
    return (
        f"{len(mesh.vertices):,}".replace(",", " "),
        f"{median(ours):.2f} s",
        f"{median(theirs):.2f} s",
        f"{1e3 * median(longest[:-1]):.0f} ms",
        f"{share:.2%}",
    )


def clocked(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = function()
    return time.perf_counter() - start, found


def mask_of(labels: np.ndarray, chosen: list[int] | None) -> np.ndarray:
    return labels != 0 if chosen is None else np.isin(labels, chosen)


def plain(labels: np.ndarray, values: np.ndarray, chosen: list[int] | None) -> None:
    """The same at half of the highest level, without averaging the values."""
    mask = mask_of(labels, chosen)
    box = find_objects(mask.astype(np.uint8))[0]
    field = gaussian_filter(np.pad(mask[box], 6).astype(np.float32), 1.2)
    vertices = measure.marching_cubes(field)[0]
    around = np.pad(maximum_filter(values[box], 3), 6, mode="edge")
    around[tuple(np.rint(vertices).astype(int).T)]


def volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.vertices.astype(np.float64)[mesh.faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def generated(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bumpy head of 190 × 214 × 187 of 256³ voxels with three shells, and a map."""
    rng = np.random.default_rng(seed)
    bumps = gaussian_filter(rng.standard_normal((32, 32, 32)).astype(np.float32), 1.5)
    at = np.linspace(0, 31, size).round().astype(int)
    bumps = gaussian_filter(bumps[np.ix_(at, at, at)], size / 64) / bumps.std()
    axes = np.ogrid[(slice(-1, 1, size * 1j),) * 3]
    radii = (0.74, 0.81, 0.71)
    squares = sum((axis / r) ** 2 for axis, r in zip(axes, radii, strict=True))
    depth = (1 - np.sqrt(squares) + 0.03 * bumps).astype(np.float32)
    labels = np.digitize(depth, (0.05, 0.1, 0.4)).astype(np.uint8)
    return labels, np.exp(-((depth - 0.05) ** 2) * 400)


if __name__ == "__main__":
    main()
