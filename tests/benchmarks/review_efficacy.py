"""How many of the wrong voxels does a reviewer see in the first places of a list?

``PYTHONPATH=tests python -m benchmarks.review_efficacy DATA``; some minutes. DATA holds
``feta_sub-007`` (two networks and a reference) and ``brainchop_t1`` (two networks, each
the other's reference). Prints a table for each: share of the wrong foreground voxels
within balls of 3.75 mm around the first 5, 10, 20, 50 and 100 places.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve
from skimage.feature import peak_local_max

from napari_uncertainty import entropy
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run

FIRST = (5, 10, 20, 50, 100)
RADIUS = 3.75

# Fixed, for the random places; their mean is told.
SEEDS = range(10)

Array = np.ndarray[Any, Any]
Voxels = Sequence[Sequence[int]]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one network says, and what is right."""

    probabilities: Array
    labels: Array
    truth: Array
    grid: Grid
    others: tuple[Array, ...] = ()

    @property
    def wrong(self) -> Array:
        """Foreground voxels, of either, that have the wrong label."""
        there = (self.labels > 0) | (self.truth > 0)
        return (self.labels != self.truth) & there

    @property
    def entropy(self) -> Array:
        """In bits."""
        return entropy(self.probabilities)

    @property
    def ball(self) -> Array:
        """The voxels of a place, from the voxel size alone."""
        halves = [int(RADIUS / zoom) for zoom in self.grid.zooms]
        axes = np.ogrid[tuple(slice(-half, half + 1) for half in halves)]
        squares = ((a * z) ** 2 for a, z in zip(axes, self.grid.zooms, strict=True))
        return sum(squares) <= RADIUS**2 + 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.review_efficacy", description=__doc__
    )
    parser.add_argument("data", type=Path, metavar="DATA")
    data = parser.parse_args().data
    print_table("FeTA", [*feta(data / "feta_sub-007")])
    print_table("brainchop", [*brainchop(data / "brainchop_t1")])


def print_table(name: str, cases: Sequence[Prediction]) -> None:
    """Means over the cases, and of each at 20 and 50 places."""
    totals = ", ".join(str(int(case.wrong.sum())) for case in cases)
    print(f"\n{name}, wrong voxels: {totals}\n")
    print(f"| | {' | '.join(map(str, FIRST))} | each at 20 | at 50 |")
    print("| --- |" + " ---: |" * (len(FIRST) + 2))
    best = np.mean([shares(case, oracle(case)) for case in cases], axis=0)
    for title, contender in contenders(len(cases[0].others) > 0):
        each = np.array([contender(case) for case in cases])
        mean = each.mean(axis=0)
        cells = [f"{100 * value:.2f}" for value in mean]
        for place in (2, 3):
            values = " / ".join(f"{100 * one:.1f}" for one in each[:, place])
            cells.append(f"{values} ({100 * mean[place] / best[place]:.0f} %)")
        print(f"| {title} | {' | '.join(cells)} |", flush=True)


def contenders(several: bool) -> Iterator[tuple[str, Callable[[Prediction], Array]]]:
    """What is compared, each giving the shares at `FIRST`."""

    def of(choose: Callable[[Prediction], Voxels]) -> Callable[[Prediction], Array]:
        return lambda case: shares(case, choose(case))

    yield "random foreground", random_places
    yield "local maxima of entropy", of(lambda case: maxima(case, case.entropy))
    yield "maxima of smoothed entropy", of(lambda case: maxima(case, smoothed(case)))
    yield "components above 0.5 bit by size", of(components)
    yield "balls of most entropy", of(lambda case: greedy(case.entropy, case.ball))
    yield "**hotspots**, one network", of(lambda case: hotspots(case, []))
    if several:
        yield "balls, mean of both networks", of(mean_of_members)
        yield (
            "**hotspots**, both networks",
            of(lambda case: hotspots(case, case.others)),
        )
    yield "oracle", of(oracle)


def shares(case: Prediction, places: Voxels) -> Array:
    """Share of the wrong voxels in the first balls; of fewer places, in all of them."""
    covered, wrong = np.zeros(case.wrong.shape, bool), case.wrong
    found = []
    for number in range(1, FIRST[-1] + 1):
        if number <= len(places):
            box, part = around(places[number - 1], case.ball, covered.shape)
            covered[box] |= part
        if number in FIRST:
            found.append(np.count_nonzero(covered & wrong) / np.count_nonzero(wrong))
    return np.array(found)


def hotspots(case: Prediction, others: Sequence[Array]) -> Voxels:
    found = run(
        iter_hotspots(
            case.entropy,
            case.labels,
            members=[case.probabilities, *others],
            grid=case.grid,
            wanted=HotspotOptions(FIRST[-1], RADIUS),
        )
    )
    return [place.voxel for place in found.places]


def mean_of_members(case: Prediction) -> Voxels:
    """The arithmetic mean of the members, and the same balls on 1 - p(label)."""
    mean = np.mean([case.probabilities, *case.others], axis=0, dtype=np.float32)
    mean /= mean.sum(axis=0)
    of_label = np.take_along_axis(mean, case.labels[None].astype(int), axis=0)[0]
    return greedy(1 - of_label, case.ball)


def oracle(case: Prediction) -> Voxels:
    """Knows the truth: the balls with most wrong voxels that no ball before has."""
    return greedy(case.wrong.astype(float), case.ball)


def greedy(values: Array, ball: Array) -> Voxels:
    """Balls of most, one after the other; centres a radius apart."""
    values = np.array(values, np.float64)
    sums = fftconvolve(values, ball.astype(float), mode="same")
    chosen = []
    reach = [2 * (length // 2) for length in ball.shape]
    while len(chosen) < FIRST[-1]:
        voxel = np.unravel_index(sums.argmax(), sums.shape)
        chosen.append(voxel)
        box, part = around(voxel, ball, values.shape)
        before = values[box] * part
        values[box][part] = 0
        wide = [
            slice(max(0, at - far), at + far + 1)
            for at, far in zip(voxel, reach, strict=True)
        ]
        taken = np.zeros(sums[tuple(wide)].shape)
        within = [
            slice(one.start - w.start, one.stop - w.start)
            for one, w in zip(box, wide, strict=True)
        ]
        taken[tuple(within)] = before
        sums[tuple(wide)] -= fftconvolve(taken, ball.astype(float), mode="same")
        sums[box][part] = -1
        # What rounding leaves of nothing must not be chosen again.
        for other in chosen:
            sums[other] = -1
    return chosen


def maxima(case: Prediction, values: Array) -> Voxels:
    """Local maxima, the highest first, centres a radius apart."""
    apart = max(1, round(RADIUS / float(min(case.grid.zooms))))
    return peak_local_max(
        values, min_distance=apart, num_peaks=FIRST[-1], exclude_border=False
    )


def smoothed(case: Prediction) -> Array:
    """A Gaussian whose standard deviation is half of the radius."""
    return ndimage.gaussian_filter(case.entropy, RADIUS / 2 / case.grid.zooms)


def components(case: Prediction) -> Voxels:
    """Of what is above 0.5 bit, the largest first; at the voxel nearest the middle."""
    numbers, _ = ndimage.label(case.entropy > 0.5)
    sizes = np.bincount(numbers.ravel())[1:]
    largest = np.argsort(-sizes, kind="stable")[: FIRST[-1]]
    found = ndimage.find_objects(numbers)
    places = []
    for index in largest:
        inside = np.argwhere(numbers[found[index]] == index + 1)
        middle = inside.mean(axis=0)
        nearest = inside[np.square(inside - middle).sum(axis=1).argmin()]
        places.append(nearest + [one.start for one in found[index]])
    return places


def random_places(case: Prediction) -> Array:
    """Mean of some draws among the voxels of the foreground."""
    foreground = np.argwhere(case.labels > 0)
    draws = [
        np.random.default_rng(seed).permutation(foreground)[: FIRST[-1]]
        for seed in SEEDS
    ]
    return np.mean([shares(case, draw) for draw in draws], axis=0)


def around(
    voxel: Sequence[int], ball: Array, shape: Sequence[int]
) -> tuple[tuple[slice, ...], Array]:
    """The ball around a voxel, as far as it is in the volume."""
    box, part = [], []
    for at, length, whole in zip(voxel, ball.shape, shape, strict=True):
        half = length // 2
        start, stop = max(0, at - half), min(whole, at + half + 1)
        box.append(slice(start, stop))
        part.append(slice(start - at + half, stop - at + half))
    return tuple(box), ball[tuple(part)]


def feta(folder: Path) -> Iterator[Prediction]:
    """Two networks, and what a person drew."""
    truth = nib.load(folder / "reference_segmentation.nii.gz")
    labels = np.asarray(truth.dataobj).astype(np.uint8)
    folds = [folder / f"fold_{number}" for number in (0, 1)]
    members = [
        np.load(fold / "sub-007.npz")["probabilities"].transpose(0, 3, 2, 1)
        for fold in folds
    ]
    for number, fold in enumerate(folds):
        predicted = np.asarray(nib.load(fold / "sub-007.nii.gz").dataobj)
        yield Prediction(
            members[number],
            predicted.astype(np.uint8),
            labels,
            Grid(truth.shape, truth.affine),
            (members[1 - number],),
        )


def brainchop(folder: Path) -> Iterator[Prediction]:
    """Two networks, each with the other's labels for truth, on its own crop."""
    whole: dict[str, Array] = {}
    full = nib.load(folder / "T1.nii.gz")
    names = ("gwm3_m20", "gwm3_m5")
    crops = {name: nib.load(folder / f"{name}_seg_crop.nii.gz") for name in names}
    boxes = {}
    for name, crop in crops.items():
        between = np.linalg.inv(full.affine) @ crop.affine
        start = np.rint(between[:3, 3]).astype(int)
        boxes[name] = tuple(
            slice(at, at + length) for at, length in zip(start, crop.shape, strict=True)
        )
        whole[name] = np.zeros(full.shape, np.uint8)
        whole[name][boxes[name]] = np.asarray(crop.dataobj)
    for name, other in (names, names[::-1]):
        stored = np.load(folder / f"{name}_crop_probabilities_f16.npz")
        values = stored[stored.files[0]]
        if values.shape[1:] != crops[name].shape:
            values = values.transpose(0, 3, 2, 1)
        crop = crops[name]
        yield Prediction(
            values,
            whole[name][boxes[name]],
            whole[other][boxes[name]],
            Grid(crop.shape, crop.affine),
        )


if __name__ == "__main__":
    main()
