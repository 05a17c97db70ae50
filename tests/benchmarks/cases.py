"""What the contenders are measured on."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .generate import MEMBER, write_npy, write_npz

FETA = Path("fold_0", "sub-007.npz")


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes
    ----------
    kind : "array" or "file"
        In memory, class axis first, or an ``.npz`` as nnU-Net writes it.
    shape : tuple of int
        Class axis first.
    dtype : str
        Of the array or of what the file holds.
    groups : tuple of str
        "main", "classes", "volumes" or "big": where the case appears in the report.
    real : Path or None
        An nnU-Net ``.npz`` to take; else the case is generated.
    level : int
        Of compression. nnU-Net's is 6.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    groups: tuple[str, ...]
    real: Path | None = None
    level: int = 6

    @property
    def key(self) -> str:
        of = "FeTA sub-007 fold_0" if self.real else "generated"
        return f"{of} {self.size} {self.dtype} {self.kind}"

    @property
    def size(self) -> str:
        n_classes, *lengths = self.shape
        if len(set(lengths)) == 1:
            return f"{n_classes} × {lengths[0]}³"
        return " × ".join(map(str, self.shape))

    @property
    def voxels(self) -> int:
        return math.prod(self.shape[1:])

    @property
    def tensor_bytes(self) -> int:
        return 4 * math.prod(self.shape)

    @property
    def input_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def make(self, folder: Path) -> Path:
        """Write the input."""
        path = folder / ("input.npy" if self.kind == "array" else "input.npz")
        if self.real is None:
            if self.kind == "array":
                write_npy(path, self.shape, self.dtype)
            else:
                write_npz(path, self.shape, self.dtype, self.level)
            return path
        with np.load(self.real) as archive:
            values = archive["probabilities"]
        if self.kind == "file" and values.dtype == self.dtype:
            return self.real
        values = values.astype(self.dtype)
        if self.kind == "array":
            np.save(path, values)
        else:
            np.savez_compressed(path, probabilities=values)
        return path


def planned(feta: Path | None, quick: bool) -> list[Case]:
    """All cases of one run, the main ones first."""
    if quick:
        classes, volumes = [(3, 24), (8, 16)], [16]
        main, big = (8, 16, 16, 16), (24, 16, 16, 16)
    else:
        # At constant total size, 537 MB in float32, up to 2 %.
        classes = [(3, 352), (8, 256), (33, 160), (117, 104)]
        volumes = [64, 128, 192, 256, 320]
        main, big = (8, 256, 256, 256), (117, 192, 192, 192)
    real = None if feta is None else feta / FETA
    if real is not None:
        main = _shape_within(real)
    cases = [
        Case("array", main, "float32", ("main",), real),
        Case("file", main, "float16", ("main",), real),
        Case("file", big, "float16", ("big",), level=1),
    ]
    if not quick:  # measured and shown as float16 is
        cases.insert(2, Case("file", main, "float32", ("main",), real))
    sweep = {(c, n): ["classes"] for c, n in classes}
    for n in volumes:
        sweep.setdefault((8, n), []).append("volumes")
    for kind, dtype in (("array", "float32"), ("file", "float16")):
        for (c, n), groups in sweep.items():
            cases.append(Case(kind, (c, n, n, n), dtype, tuple(groups)))
    return _united(cases)


def _united(cases: list[Case]) -> list[Case]:
    """Each input once, with all its groups."""
    by_key: dict[str, Case] = {}
    for case in cases:
        first = by_key.get(case.key, case)
        groups = tuple(dict.fromkeys(first.groups + case.groups))
        by_key[case.key] = Case(
            first.kind, first.shape, first.dtype, groups, first.real, first.level
        )
    return list(by_key.values())


def _shape_within(path: Path) -> tuple[int, ...]:
    with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
        np.lib.format.read_magic(member)
        return np.lib.format.read_array_header_1_0(member)[0]
