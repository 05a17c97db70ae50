"""What is measured: ways to entropy, and the limits of what any way could reach.

A contender is prepared first (its imports), then called with an array, class axis
first, or with the path of an ``.npz``.
"""

from __future__ import annotations

import importlib
import math
import struct
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .generate import MEMBER

Function = Callable[[Any], Any]

FOUR = ("entropy", "least_confidence", "margin", "gini")
COMPRESSED_PIECE = 1 << 16
INFLATED_PIECE = 1 << 20


@dataclass(frozen=True)
class Contender:
    """One way to compute, or one limit.

    Attributes
    ----------
    label : str
        As it is called in tables.
    prepare : callable
        Imports what is needed and returns the function.
    tensors : float
        Memory that it needs beyond an array as input, roughly, in float32 tensors of
        the input's size.
    unit : float
        Bits in the unit of its result; 0 where the result is no entropy.
    """

    label: str
    prepare: Callable[[], Function]
    tensors: float
    unit: float = 1.0


def _engine() -> Function:
    import napari_uncertainty as nu

    return nu.entropy


def _four_measures() -> Function:
    import napari_uncertainty as nu

    uncertainty = nu.uncertainty
    return lambda source: uncertainty(source, FOUR)["entropy"]


def article(t: np.ndarray) -> np.ndarray:
    t = t / t.sum(0)
    return -(t * np.log2(t + 1e-12)).sum(0)


def _load(path: Path) -> np.ndarray:
    with np.load(path) as archive:
        return archive["probabilities"]


def _scipy_stats() -> Function:
    from scipy.stats import entropy

    return lambda t: entropy(t, base=2, axis=0)


def _scipy_entr() -> Function:
    from scipy.special import entr

    return lambda t: entr(t).sum(0)


def _torch_entr() -> Function:
    import torch

    return lambda t: torch.special.entr(torch.from_numpy(t)).sum(0).numpy()


def _read_on_all() -> Function:
    from napari_uncertainty.limits import available_processors

    threads = available_processors()

    def largest(t: np.ndarray) -> Any:
        parts = np.array_split(t.reshape(-1), 8 * threads)
        with ThreadPoolExecutor(threads) as pool:
            return max(pool.map(np.max, parts))

    return largest


def _inflate(library: str) -> Callable[[], Function]:
    return lambda: _inflater(importlib.import_module(library).decompressobj)


def _inflater(decompressobj: Callable[[int], Any]) -> Function:
    def inflate(path: Path) -> int:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(MEMBER)
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise ValueError(f"{path.name} is not compressed")
        inflated = 0
        with path.open("rb") as file:
            file.seek(member.header_offset + 26)
            file.seek(sum(struct.unpack("<HH", file.read(4))), 1)  # name, extra field
            left = member.compress_size
            stream = decompressobj(-15)
            while left:
                piece = file.read(min(left, COMPRESSED_PIECE))
                left -= len(piece)
                while piece:
                    inflated += len(stream.decompress(piece, INFLATED_PIECE))
                    piece = stream.unconsumed_tail
        return inflated

    return inflate


BITS_PER_NAT = 1 / math.log(2)

#: Contenders that take an array.
ARRAYS = {
    "engine": Contender("napari-uncertainty", _engine, 0.5),
    "four": Contender("napari-uncertainty, four measures", _four_measures, 1),
    "article": Contender("article's formula", lambda: article, 3.3),
    "scipy-stats": Contender("`scipy.stats.entropy`", _scipy_stats, 3.3),
    "scipy-entr": Contender(
        "`scipy.special.entr(…).sum(0)`", _scipy_entr, 1.3, BITS_PER_NAT
    ),
    "torch-entr": Contender(
        "`torch.special.entr(…).sum(0)`", _torch_entr, 1.3, BITS_PER_NAT
    ),
    "read": Contender("limit: reading the tensor, one thread", lambda: np.max, 0.1, 0),
    "read-all": Contender(
        "limit: reading the tensor, all processors", _read_on_all, 0.1, 0
    ),
}

#: Contenders that take the path of an ``.npz``.
FILES = {
    "engine": Contender("napari-uncertainty", _engine, 0.5),
    "four": Contender("napari-uncertainty, four measures", _four_measures, 1),
    "article": Contender(
        "`np.load`, as float32, article's formula",
        lambda: lambda path: article(_load(path).astype(np.float32, copy=False)),
        3.3,
    ),
    "article-float16": Contender(
        "`np.load`, article's formula in float16",
        lambda: lambda path: article(_load(path)),
        1.8,
    ),
    "isal": Contender(
        "limit: inflating with ISA-L", _inflate("isal.isal_zlib"), 0.1, 0
    ),
    "zlib-ng": Contender(
        "limit: inflating with zlib-ng", _inflate("zlib_ng.zlib_ng"), 0.1, 0
    ),
    "zlib": Contender("limit: inflating with zlib", _inflate("zlib"), 0.1, 0),
}

CONTENDERS = {"array": ARRAYS, "file": FILES}
#: Those that compute nothing: no way to entropy can be quicker.
LIMITS = {"array": ("read", "read-all"), "file": ("isal", "zlib-ng", "zlib")}
