"""Files that are drawn at random, and what every door has to say of them.

A recipe says how a file is made, and nothing but its seed decides what it is. Values
are made with numpy, written with numpy, nibabel and zarr, and judged here in float64.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy.special import expit, log_softmax, softmax

from support.door_cases import binary, entropy, smooth
from support.doors import Asked

Array = np.ndarray[Any, Any]

#: Names of files with one class each: those of the classes in their order, which of
#: them is the background (None where none is), and whether the names are a convention.
NAMES: dict[str, tuple[Callable[[str, int], list[str]], int | None]] = {
    "FAST": (lambda case, n: [f"{case}_pve_{k}" for k in range(n)], None),
    "ANTs": (lambda case, n: [f"{case}Posteriors{k + 1}" for k in range(n)], None),
    "DeepMedic": (lambda case, n: [f"{case}_ProbMapClass{k}" for k in range(n)], 0),
    "SPM": (lambda case, n: [f"c{k + 1}{case}" for k in range(n)], None),
    "SPM, all": (lambda case, n: [f"c{k + 1}{case}" for k in range(n)], 5),
    "BIDS": (lambda case, n: _bids(case, _BIDS[:n]), None),
    "BIDS, all": (lambda case, n: _bids(case, ("BG", *_BIDS)[:n]), 0),
    "siblings": (lambda case, n: [f"{case}_tpm_{k:02}" for k in range(n)], 0),
}
_BIDS = ("GM", "WM", "CSF", "SGM")


def _bids(case: str, labels: Sequence[str]) -> list[str]:
    return [f"{case}_label-{label}_probseg" for label in labels]


UNITS = {"mm": 1.0, "micron": 1e-3, "meter": 1e3}

_OF_ASKED = ("kind", "class_axis", "temperature")

#: What somebody should be told of, so that a check is amber.
GUESSED = "amber"


@dataclass(frozen=True)
class Recipe:
    """How a file is made.

    Attributes
    ----------
    seed : int
        What everything else follows from.
    family : str
        ``"npz"``, ``"npy"``, ``"zarr"``, ``"image"``, ``"channel"`` or one of `NAMES`.
    kind : str
        What the values are.
    stored : str
        Type and scale of the values.
    order : str
        ``"first"`` or ``"last"``, where the classes are, or ``"batch"``, with an axis
        of length 1 before the first.
    shape : tuple of int
        Of the image.
    n_channels : int
        Of the file.
    missing : str
        ``""``, ``"padding"`` or ``"nan"``: voxels without data.
    unit, ending : str
        Of an image.
    options : mapping
        How it has to be asked for, see :class:`.Asked`.
    beside : bool
        Whether the segmentation of the same name lies beside an array.
    """

    seed: int
    family: str
    kind: str
    stored: str
    order: str
    shape: tuple[int, ...]
    n_channels: int
    missing: str = ""
    unit: str = "mm"
    ending: str = ".nii.gz"
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: bool = False

    @property
    def name(self) -> str:
        """Name of the case, with which those of its files begin."""
        return f"case{self.seed}"

    @property
    def is_image(self) -> bool:
        """Whether it is NIfTI."""
        return self.family not in ("npz", "npy", "zarr")

    @property
    def is_of_tissues(self) -> bool:
        """Whether no class is the background, by the convention of its names."""
        return self.family in NAMES and NAMES[self.family][1] is None


@dataclass(frozen=True, eq=False)
class Right:
    """What has to come out.

    Attributes
    ----------
    values, no_data, prediction : ndarray
        In the order of the map.
    kind : str
        What the values are.
    levels : dict
        Of checks; ``""`` of one that is not there.
    affine : ndarray or None
        Of the map that is written; None where no place is known.
    """

    values: Array
    no_data: Array
    prediction: Array
    kind: str
    levels: Mapping[str, str]
    affine: Array | None
    zooms_mm: tuple[float, ...] | None

    @property
    def numbers(self) -> dict[str, float]:
        """Statistics, over voxels with data."""
        there = ~self.no_data
        inside = there & (self.prediction != 0)
        return {
            "mean": float(self.values[there].mean()),
            "total": float(self.values[there].sum()),
            "foreground_mean": float(self.values[inside].mean()) if inside.any() else 0,
            "no_data": int(self.no_data.sum()),
        }


def draw(seed: int) -> Recipe:
    """Draw a recipe."""
    rng = np.random.default_rng([seed, 1])

    def one_of(*these: Any) -> Any:
        return these[rng.integers(len(these))]

    family = one_of("npz", "npy", "zarr", "image", "image", "image", "channel", "files")
    shape = tuple(int(n) for n in rng.permutation([8, 9, 11, 10, 7])[:3])
    n_channels = int(rng.integers(2, 6))
    unit = one_of("mm", "mm", "micron", "meter")
    ending = one_of(".nii", ".nii.gz")
    missing = one_of("", "", "padding", "nan")
    options: dict[str, Any] = {}
    if family == "channel":
        stored = one_of("f4", "f8", "u1", "u2", "per cent", "i2 per cent", "slope")
        return Recipe(
            seed, family, "foreground", stored, "last", shape, 1,
            "nan" if missing and stored in ("f4", "f8") else "", unit, ending,
            one_of({}, {"kind": "foreground"}),
        )  # fmt: skip
    if family == "files":
        family = one_of(*NAMES)
        stored = "f4" if missing == "nan" else one_of("f4", "f8", "slope")
        kind = "softmax" if NAMES[family][1] is not None else "tissues"
        n_channels = 6 if family == "SPM, all" else min(n_channels, 4)
        if family.startswith("SPM"):
            stored = one_of("f4", "f8")
        if kind == "tissues" and missing == "padding":
            missing = ""  # their surroundings are empty anyway
        if stored == "slope" and kind == "tissues":
            stored = "f4"
        if family == "siblings" and missing == "nan":
            missing = ""  # only values that add up to 1 tell that they are some
        return Recipe(
            seed, family, kind, stored, "last", shape, n_channels, missing, unit, ending
        )
    kind = one_of("softmax", "softmax", "logits", "log softmax", "sigmoid",
                  "channel_logits", "fractions", "body", "scaled", "scaled",
                  "overshoot", "one hot")  # fmt: skip
    order = one_of("first", "last", "batch")
    if family == "npz":
        order = "first"
    if family in ("image", "zarr") and order == "batch":
        order = "last"
    stored = one_of("f4", "f4", "f8") if family == "image" else one_of("f2", "f4", "f8")
    if kind == "softmax" and rng.random() < 0.15:
        stored = "per cent"
    if kind == "scaled":
        stored = one_of("u1", "u2", "i2 per cent")
        if family == "image" and rng.random() < 0.4:
            kind, stored = "softmax", "slope"
            n_channels = min(n_channels, 4)
    if kind in ("fractions", "body", "sigmoid", "overshoot") and stored == "f2":
        stored = "f4"
    if kind in ("logits", "channel_logits") or (family == "npz" and kind == "sigmoid"):
        n_channels = max(3, n_channels)
    if kind in ("scaled", "overshoot", "body", "one hot") or stored == "slope":
        missing = "" if kind != "scaled" else missing.replace("nan", "")
    if kind in ("sigmoid", "fractions"):
        missing = missing.replace("padding", "")  # 0 is a value like others
    sums = kind in ("softmax", "scaled", "overshoot", "one hot")
    if not sums and (family in ("npy", "zarr") or order == "first"):
        # Neither a name nor the sums tell the class axis.
        axis = {"first": 0, "batch": 1, "last": 3}[order]
        options["class_axis"] = axis
    if family == "npz":
        options.pop("class_axis", None)
    if kind == "channel_logits":
        options["kind"] = kind
    if kind in ("logits", "log softmax") and rng.random() < 0.3:
        options["temperature"] = 2.0
    return Recipe(
        seed, family, kind, stored, order, shape, n_channels, missing, unit, ending,
        options, beside=family == "npz" and bool(rng.integers(2)),
    )  # fmt: skip


def make(recipe: Recipe, folder: Path) -> tuple[Asked, Right]:
    """Write the file of a recipe; how it is asked for, and what is right."""
    rng = np.random.default_rng([recipe.seed, 2])
    folder.mkdir(parents=True)
    values = _values(recipe, rng)
    _leave_out(recipe, values, rng)
    raw, slope = _stored(recipe, values)
    x = raw.astype(np.float64) * slope
    right = _judged(recipe, x)
    affine, grid = _affine(recipe, rng)
    path = _written(recipe, folder, raw, slope, affine, right[2])
    bits, no_data, prediction = right
    # Of an array alone, axes behind the classes are taken for (z, y, x).
    alone = recipe.family in ("npy", "zarr") and recipe.order != "last"
    turn: Callable[[Array], Array] = np.transpose if alone else np.asarray
    known = recipe.is_image or recipe.beside
    options = {
        name: value for name, value in recipe.options.items() if name in _OF_ASKED
    }
    return (
        Asked(path, **options),
        Right(
            turn(bits), turn(no_data), turn(prediction), _kind(recipe),
            _levels(recipe, no_data), affine if known else None,
            tuple(grid) if known else None,
        ),
    )  # fmt: skip


def _values(recipe: Recipe, rng: np.random.Generator) -> Array:
    """Values in float64, class axis first, before they are stored."""
    shape, n = recipe.shape, recipe.n_channels
    fields = np.stack([smooth(rng, shape) for _ in range(n)])
    fields += 0.5 * rng.standard_normal(fields.shape)
    at = np.meshgrid(*(np.linspace(-1, 1, m) for m in shape), indexing="ij")
    away = np.sqrt(sum((x - 0.1) ** 2 for x in at))
    scores = 4 * fields
    scores[0] += 8 * (away - 0.8)
    if recipe.kind in ("softmax", "scaled"):
        return softmax(scores, axis=0)
    if recipe.kind == "logits":
        return scores - scores.mean(axis=0)
    if recipe.kind == "log softmax":
        return log_softmax(scores, axis=0)
    if recipe.kind in ("sigmoid", "channel_logits"):  # one within the other
        radii = np.linspace(1.1, 0.5, n).reshape(-1, 1, 1, 1)
        regions = 12 * (radii - away) + fields
        return expit(regions) if recipe.kind == "sigmoid" else regions
    if recipe.kind == "foreground":
        q = expit(14 * (0.8 - away) + fields[:1])
        q[:, away < 0.3] = 1  # a network is certain of something
        return q
    if recipe.kind == "fractions":
        return softmax(scores, axis=0) * rng.uniform(0.3, 0.9, shape)
    if recipe.kind == "one hot":
        return (scores == scores.max(axis=0)).astype(float)
    if recipe.kind == "overshoot":
        p = softmax(scores, axis=0)
        shift = 0.04 * rng.random(shape)
        p[0] += shift
        p[-1] -= shift
        p[:, 0, 0, :] = 0
        p[0, 0, 0, :], p[-1, 0, 0, :] = 1.03, -0.03
        return p
    # Tissues: a body of ones with a soft edge, and nothing around it.
    rank = away.ravel().argsort().argsort().reshape(shape) / away.size
    share = np.clip(1 - (rank - 0.6) / 0.1, 0, 1)
    if recipe.family in NAMES:  # what sums to less than 1 would be no softmax
        share = np.where(rank < 0.65, 1.0, 0)
    return softmax(scores, axis=0) * share


def _leave_out(recipe: Recipe, values: Array, rng: np.random.Generator) -> None:
    if recipe.missing == "padding":
        axis = int(rng.integers(3))
        np.moveaxis(values, axis + 1, 0)[:2] = 0
    if recipe.missing == "nan":
        for _ in range(4):
            voxel = tuple(int(rng.integers(m)) for m in recipe.shape)
            values[(slice(None), *voxel)] = np.nan


def _stored(recipe: Recipe, values: Array) -> tuple[Array, float]:
    """Values as the file has them, and what they are multiplied by when it is read."""
    if recipe.stored in ("f2", "f4", "f8"):
        return values.astype(recipe.stored), 1.0
    if recipe.stored == "per cent":
        return (100 * values).astype(np.float32), 1.0
    if recipe.stored == "slope":
        slope = float(np.float32(1 / 60000))
        return np.rint(values / slope).astype(np.uint16), slope
    scale = {"u1": 255, "u2": 65535, "i2 per cent": 100}[recipe.stored]
    whole = np.rint(scale * values)
    if len(whole) > 1:  # the highest takes what rounding leaves
        highest = whole.argmax(axis=0)[np.newaxis]
        there = whole.any(axis=0, keepdims=True)
        rest = np.where(there, scale - whole.sum(axis=0, keepdims=True), 0)
        kept = np.take_along_axis(whole, highest, 0) + rest
        np.put_along_axis(whole, highest, kept, 0)
    return whole.astype(recipe.stored.split()[0]), 1.0


def _judged(recipe: Recipe, x: Array) -> tuple[Array, Array, Array]:
    """Entropy in bits, voxels without data, and the most probable class."""
    known = np.isfinite(x).all(axis=0)
    x = np.where(known, x, 0)
    kind, empty = recipe.kind, np.zeros(known.shape, bool)
    if recipe.family in NAMES:
        background = NAMES[recipe.family][1]
        if background is not None:  # it is the first of the labels
            x = np.roll(x, 1, axis=0) if background else x
    if kind in ("softmax", "scaled", "one hot", "overshoot"):
        empty = ~x.any(axis=0)
        p = np.clip(x, 0, 1) if kind == "overshoot" else x
        bits, labels = entropy(p), p.argmax(axis=0)
    elif kind in ("logits", "log softmax"):
        empty = ~x.any(axis=0) & (len(x) > 1)
        p = softmax(x / recipe.options.get("temperature", 1), axis=0)
        bits, labels = entropy(p), p.argmax(axis=0)
    elif kind in ("sigmoid", "channel_logits"):
        q = expit(x) if kind == "channel_logits" else x
        empty = ~x.any(axis=0) & (kind == "channel_logits")
        bits = np.sum([binary(one) for one in q], axis=0)
        labels = np.zeros(known.shape, int)
        for label, one in enumerate(q, 1):
            labels[one > 0.5] = label
    else:
        scale = {"u1": 255, "u2": 65535, "per cent": 100, "i2 per cent": 100}
        q = x / scale.get(recipe.stored, 1)
        rest = np.clip(1 - q.sum(axis=0, keepdims=True), 0, None)
        if kind == "tissues":
            rest = np.rint(rest)  # less than a half is rounding
        p = np.concatenate([rest, q])
        bits, labels = entropy(p), p.argmax(axis=0)
    no_data = ~known | empty
    return np.where(no_data, 0, bits), no_data, np.where(no_data, 0, labels)


def _kind(recipe: Recipe) -> str:
    """Return what the program calls the kind."""
    if recipe.kind in ("softmax", "overshoot", "one hot"):
        return "softmax"
    if recipe.kind in ("fractions", "body", "tissues"):
        return "fractions"
    return {"log softmax": "logits"}.get(recipe.kind, recipe.kind)


def _levels(recipe: Recipe, no_data: Array) -> dict[str, str]:
    """Levels of the checks on which this draw decides."""
    levels = {
        "no_data": GUESSED if no_data.any() else "green",
        "kind": "green",
        "precision": "green amber",
        "axes": "",
    }
    if recipe.stored == "per cent" or recipe.kind in ("fractions", "overshoot"):
        levels["kind"] = GUESSED
    if recipe.kind == "foreground" and "per cent" in recipe.stored:
        levels["kind"] = GUESSED
    if recipe.kind == "one hot":
        levels["precision"] = "red"
    first = recipe.family == "image" and recipe.order == "first"
    if recipe.family == "siblings" or (first and "class_axis" not in recipe.options):
        levels["axes"] = GUESSED
    if recipe.is_of_tissues:
        levels["background"] = "green"
    if recipe.beside:
        levels["agreement"] = "green"
    return levels


def _affine(recipe: Recipe, rng: np.random.Generator) -> tuple[Array, Array]:
    """Affine in the unit of the header, and voxel sizes in mm; tilted and flipped."""
    zooms = np.round(rng.uniform(0.5, 3, 3), 2)
    zooms = zooms * {"mm": 1, "micron": 10, "meter": 0.001}[recipe.unit]
    order = rng.permutation(3)
    affine = np.zeros((4, 4))
    affine[order, range(3)] = zooms * rng.choice([-1, 1], 3)
    if rng.random() < 0.3:
        angle = rng.uniform(-0.3, 0.3)
        turn = np.eye(4)
        turn[:2, :2] = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        affine = turn @ affine
    affine[:3, 3] = rng.uniform(-30, 30, 3) * zooms.min()
    affine[3, 3] = 1
    stored = affine.astype(np.float32).astype(np.float64)  # as a header holds it
    return stored, zooms * UNITS[recipe.unit]


def _write_image(
    recipe: Recipe, path: Path, raw: Array, slope: float, affine: Any
) -> None:
    image = nib.Nifti1Image(raw, affine)
    image.header.set_xyzt_units(recipe.unit)
    if slope != 1:
        # As raw numbers with a slope: nibabel would scale them itself.
        image.header.set_slope_inter(slope, 0)
    nib.save(image, path)


def _written(
    recipe: Recipe, folder: Path, raw: Array, slope: float, affine: Array, labels: Array
) -> Path:
    """Write the values as the family has them."""
    if recipe.family in NAMES:
        names = NAMES[recipe.family][0](recipe.name, recipe.n_channels)
        paths = [folder / f"{name}{recipe.ending}" for name in names]
        for path, one in zip(paths, raw, strict=True):
            _write_image(recipe, path, one, slope, affine)
        return paths[0]
    if recipe.is_image:
        values = raw[0]
        if recipe.family == "image":
            values = raw if recipe.order == "first" else np.moveaxis(raw, 0, -1)
        path = folder / f"{recipe.name}{recipe.ending}"
        _write_image(recipe, path, values, slope, affine)
        return path
    if recipe.family == "npz":
        if recipe.beside:
            image = nib.Nifti1Image(labels.astype(np.uint8), affine)
            image.header.set_xyzt_units(recipe.unit)
            nib.save(image, folder / f"{recipe.name}.nii.gz")
        if recipe.kind == "sigmoid":
            (folder / "dataset.json").write_text(json.dumps(_regions(recipe)))
        values = raw.transpose(0, 3, 2, 1)
        np.savez_compressed(folder / f"{recipe.name}.npz", probabilities=values)
        return folder / f"{recipe.name}.npz"
    values = np.moveaxis(raw, 0, -1) if recipe.order == "last" else raw
    if recipe.order == "batch":
        values = values[np.newaxis]
    if recipe.family == "npy":
        np.save(folder / f"{recipe.name}.npy", np.ascontiguousarray(values))
        return folder / f"{recipe.name}.npy"
    import zarr

    zarr.save_array(folder / f"{recipe.name}.zarr", np.ascontiguousarray(values))
    return folder / f"{recipe.name}.zarr"


def _regions(recipe: Recipe) -> dict[str, Any]:
    """Return what nnU-Net says of regions, one within the other."""
    last = recipe.n_channels + 1
    labels: dict[str, Any] = {"background": 0}
    for number in range(1, last):
        labels[f"region {number}"] = list(range(number, last))
    return {
        "labels": labels,
        "regions_class_order": list(range(1, last)),
        "file_ending": ".nii.gz",
    }
