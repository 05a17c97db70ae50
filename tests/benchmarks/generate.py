"""Generated class probabilities, of any size, without large temporaries.

A softmax as networks give it: certain within regions, uncertain where two of them meet,
and never quite 0 in float32 (in float16 most of the improbable classes are). There is
no empty surrounding, so that no contender can leave anything out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

SPACING = 16  # voxels between two knots; logits are interpolated between knots
SLAB = 1 << 22  # values that are made at a time
REGIONS_PER_CLASS = 2
MARGIN = 40.0  # by which a region's class is ahead of the others
SPREAD = 2.0  # of the logits of all classes, from knot to knot
NOISE = 0.3  # of the logits, from voxel to voxel
MEMBER = "probabilities.npy"


class Softmax:
    """Smooth random logits; every part of their softmax can be made on its own."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._random = np.random.default_rng(0)
        self._between = [_interpolation(length) for length in shape[1:]]
        self._knots = self._logits_at_knots()
        self._noise = NOISE * self._random.standard_normal(2 * SLAB, dtype=np.float32)
        step = max(1, SLAB // (shape[2] * shape[3]))
        self._slabs = [slice(z, z + step) for z in range(0, shape[1], step)]

    def parts(self, dtype: str) -> Iterator[np.ndarray]:
        """The probabilities in C order, a few slices of one class at a time."""
        sums = [sum(self._exponentials(slab)) for slab in self._slabs]
        for c in range(self.shape[0]):
            for slab, total in zip(self._slabs, sums, strict=True):
                part = self._exponential(c, slab)
                part /= total
                if (
                    dtype == "float16"
                ):  # numpy is slow where it has to round to tiny ones
                    part = np.rint(part * 2**24) / 2**24
                yield part.astype(dtype)

    def _logits_at_knots(self) -> np.ndarray:
        n_classes, counts = self.shape[0], [b.shape[1] for b in self._between]
        seeds = self._random.random((REGIONS_PER_CLASS * n_classes, 3))
        axes = [np.linspace(0, 1, count) for count in counts]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        distances = ((places[..., None, :] - seeds) ** 2).sum(-1)
        winner = distances.argmin(-1) % n_classes
        logits = SPREAD * self._random.standard_normal((n_classes, *counts))
        logits += MARGIN * (np.arange(n_classes)[:, None, None, None] == winner)
        return logits.astype(np.float32)

    def _exponentials(self, slab: slice) -> Iterator[np.ndarray]:
        return (self._exponential(c, slab) for c in range(self.shape[0]))

    def _exponential(self, c: int, slab: slice) -> np.ndarray:
        along_z, along_y, along_x = self._between
        plane = along_y @ (self._knots[c] @ along_x.T)
        values = np.tensordot(along_z[slab], plane, axes=1)
        start = (c * 7919 + slab.start * 104729) % SLAB
        values += self._noise[start : start + values.size].reshape(values.shape)
        return np.exp(values, out=values)


def _interpolation(length: int) -> np.ndarray:
    """The matrix that takes values at the knots to values at the voxels."""
    knots = max(2, length // SPACING + 1)
    at = np.linspace(0, knots - 1, length)
    columns = [np.interp(at, np.arange(knots), unit) for unit in np.eye(knots)]
    return np.stack(columns, axis=1).astype(np.float32)


def _write(file: BinaryIO, shape: tuple[int, ...], dtype: str) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    for part in Softmax(shape).parts(dtype):
        file.write(part.data)


def write_npy(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Generated probabilities as ``.npy``."""
    with path.open("wb") as file:
        _write(file, shape, dtype)


def write_npz(path: Path, shape: tuple[int, ...], dtype: str, level: int) -> None:
    """Generated probabilities as ``.npz``, laid out as nnU-Net does it."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as npz,
        npz.open(MEMBER, "w", force_zip64=True) as file,
    ):
        _write(file, shape, dtype)
