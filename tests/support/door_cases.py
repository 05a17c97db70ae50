"""Small inputs with traits that made real people's work go wrong, and what is right.

Each function writes the files of one case into a folder, and returns the numbers that
have to come out, computed with numpy and scipy alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.special import expit, log_softmax, softmax, xlogy

Array = np.ndarray[Any, Any]
Told = dict[str, Any]

CASES: dict[str, Callable[[Path, np.random.Generator], Told]] = {}

SHAPE = (22, 24, 18)


def case(write: Callable[[Path, np.random.Generator], Told]) -> Any:
    """Register a function that writes a case."""
    CASES[write.__name__] = write
    return write


def entropy(p: Any) -> Array:
    """Of each voxel in bits, class axis first; 0 where nothing is."""
    p = np.clip(np.asarray(p, float), 0, None)  # what is below is rounding
    sums = p.sum(axis=0)
    p = p / np.where(sums == 0, 1, sums)
    bits: Array = -xlogy(p, p).sum(axis=0) / np.log(2)
    return bits


def binary(q: Any) -> Array:
    """Of each voxel of one channel in bits."""
    q = np.asarray(q, float)
    return entropy([1 - q, q])


def numbers(bits: Array) -> Told:
    """Mean, total and maximum of a map."""
    return {
        "mean": float(bits.mean()),
        "total": float(bits.sum()),
        "max": float(bits.max()),
    }


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A sum of a few waves of low frequency, of standard deviation about 1."""
    field = np.zeros(shape)
    for _ in range(12):
        wave = np.asarray(rng.normal())
        for n in shape:
            along = rng.integers(0, 4) * np.linspace(0, np.pi, n)
            wave = np.multiply.outer(wave, np.cos(along + rng.uniform(0, 2 * np.pi)))
        field += wave
    return field / field.std()


def head(
    rng: np.random.Generator, n_classes: int = 4, shape: tuple[int, ...] = SHAPE
) -> Array:
    """A softmax: class 0 surrounds an ellipsoid off the centre, others share it."""
    at = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    centre, radii = (0.1, -0.05, 0.08), (0.75, 0.8, 0.7)
    away = sum(((x - c) / r) ** 2 for x, c, r in zip(at, centre, radii, strict=False))
    scores = [18 * (np.sqrt(away) - 1) + 4]
    scores += [7 * smooth(rng, shape) for _ in range(n_classes - 1)]
    p: Array = softmax(scores, axis=0)
    return p


def write(
    path: Path, data: Array, affine: Any = (2, 2, 2), units: str = "", intent: int = 0
) -> None:
    """Write a NIfTI file; `affine` may be voxel sizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.asarray(affine, float)
    if affine.ndim == 1:
        affine = np.diag([*affine, 1])
    image = nib.Nifti1Image(data, affine)
    if units:
        image.header.set_xyzt_units(units, "sec")
    if intent:
        image.header.set_intent(intent)
    nib.save(image, path)


def last(p: Array) -> Array:
    """Class axis last, float32, as NIfTI has it."""
    return np.moveaxis(p, 0, -1).astype(np.float32)


@case
def class_axis_first_in_nifti(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 5)
    write(folder / "case.nii.gz", p.astype(np.float32))
    return {"shape": p.shape[1:], **numbers(entropy(p))}


@case
def logits_of_independent_channels(folder: Path, rng: np.random.Generator) -> Told:
    at = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    away = np.sqrt(sum((x - 0.1) ** 2 for x in at))
    scores = np.stack([14 * (r - away) for r in (0.7, 0.5, 0.25)])
    scores = (scores + 0.2 * smooth(rng, SHAPE)).astype(np.float32)
    stored = scores.transpose(0, 3, 2, 1)
    np.savez_compressed(folder / "case.npz", probabilities=stored)
    write(folder / "case.nii.gz", (scores[0] > 0).astype(np.uint8))
    told = {
        "labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": [3]},
        "regions_class_order": [1, 2, 3],
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(told))
    q = expit(scores.astype(float))
    return numbers(np.sum([binary(one) for one in q], axis=0))


@case
def padded_logits(folder: Path, rng: np.random.Generator) -> Told:
    scores = log_softmax(3 * np.stack([smooth(rng, SHAPE) for _ in range(4)]), axis=0)
    whole = np.zeros((4, 30, 31, 25))
    whole[:, 4:26, 3:27, 5:23] = scores
    write(folder / "case.nii.gz", last(whole))
    bits = entropy(np.exp(scores))
    return {"no_data": 30 * 31 * 25 - bits.size, **numbers(bits)}


@case
def segmentation_beside_contradicts(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 4, (21, 21, 21))
    p[1:] *= np.linspace(0.5, 1, 21)[:, None, None]
    p[0] += 1 - p.sum(axis=0)
    np.savez_compressed(folder / "case.npz", probabilities=p.astype(np.float32))
    write(folder / "case.nii.gz", p.argmax(axis=0).astype(np.uint8))
    return numbers(entropy(p))


@case
def one_channel_few_slices(folder: Path, rng: np.random.Generator) -> Told:
    q = np.clip(0.3 + 0.6 * smooth(rng, (10, 44, 40)), 0, 1).astype(np.float32)
    np.save(folder / "case.npy", q)
    return {"shape": q.shape, **numbers(binary(q))}


@case
def batch_axis_left_in(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng)
    np.save(folder / "case.npy", p[np.newaxis].astype(np.float32))
    return numbers(entropy(p))


@case
def spline_overshoot(folder: Path, rng: np.random.Generator) -> Told:
    coarse = ndimage.gaussian_filter(head(rng, 3, (16, 17, 14)), (0, 0.6, 0.6, 0.6))
    p = ndimage.zoom(coarse, (1, 1.3, 1.3, 1.3), order=3)
    p[0] += 1 - p.sum(axis=0)
    write(folder / "case.nii.gz", last(p))
    return {"lowest": float(p.min()), **numbers(entropy(np.clip(p, 0, 1)))}


@case
def one_hot_stored_as_float(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng)
    hot = (p == p.max(axis=0)).astype(np.float32)
    np.savez_compressed(folder / "case.npz", probabilities=hot)
    write(folder / "four.nii.gz", last(hot))
    return {}


@case
def segmentation_lacks_classes(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 9)
    p[7:] *= 0.01
    p /= p.sum(axis=0)
    write(folder / "case.nii.gz", last(p))
    labels = p.argmax(axis=0)
    labels[labels > 6] = 0
    write(folder / "seg.nii.gz", labels.astype(np.uint8))
    return {}


@case
def postprocessed_segmentation(folder: Path, rng: np.random.Generator) -> Told:
    scores = np.stack([np.full(SHAPE, 2.0), 6 * smooth(rng, SHAPE)])
    p = np.concatenate([softmax(scores, axis=0), np.full((1, *SHAPE), 1e-3)])
    p[:, 14:, 2:10, 3:12] = np.array([0.1, 0.1, 0.8])[:, None, None, None]
    p[:, 2:6, 15:20, 10:15] = np.array([0.2, 0.1, 0.7])[:, None, None, None]
    p /= p.sum(axis=0)
    labels = p.argmax(axis=0)
    labels[2:6, 15:20, 10:15] = 0  # the smaller component of class 2
    write(folder / "case.nii.gz", last(p))
    write(folder / "seg.nii.gz", labels.astype(np.uint8))
    return {}


@case
def class_zero_is_a_tissue(folder: Path, rng: np.random.Generator) -> Told:
    del rng  # nothing is drawn
    at = np.indices((26,) * 3) - 12.5
    away = np.sqrt((at**2).sum(axis=0))
    brain = away < 11
    gray = np.where(away < 3, 0.6, 0.998) * brain
    tissues = {"GM": gray, "WM": (1 - gray) * brain, "CSF": 0 * gray}
    for name, share in tissues.items():
        path = folder / f"sub-01_label-{name}_probseg.nii.gz"
        write(path, share.astype(np.float32))
    write(folder / "sub-01_dseg.nii.gz", brain.astype(np.uint8))
    bits = entropy(list(tissues.values()))
    return {
        "foreground_mean": float(bits[brain].mean()),
        "ball_centre_voxel": [12.5] * 3,
        "agreement_with_dseg": 1.0,
    }


@case
def units_in_micron(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 3)
    zooms = np.array([20, 20, 25])
    write(folder / "case.nii.gz", last(p), zooms, "micron")
    labels = p.argmax(axis=0).astype(np.uint8)
    write(folder / "seg.nii.gz", labels, zooms, "micron")
    millilitres = float((labels == 1).sum() * np.prod(zooms / 1000) / 1000)
    return {
        "zooms_mm": (zooms / 1000).tolist(),
        "volume_ml_of_label_1": millilitres,
    }


@case
def small_voxels(folder: Path, rng: np.random.Generator) -> Told:
    for zoom in (0.1, 0.002):
        p = head(rng, 3, (30, 32, 28))
        write(folder / f"v{zoom}.nii.gz", last(p), (zoom,) * 3)
    return {}


@case
def labels_off_by_the_slope(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 7)
    write(folder / "case.nii.gz", last(p))
    labels = p.argmax(axis=0)
    labels.flat[:7] = range(7)  # all of them are there
    stored = np.rint(labels / 6 * 65535) - 32768
    image = nib.Nifti1Image(stored.astype(np.int16), np.diag([2.0, 2, 2, 1]))
    image.header.set_slope_inter(np.float32(6 / 65535), np.float32(3.0000457763671875))
    nib.save(image, folder / "seg.nii.gz")
    return {"labels": 7}


@case
def probabilities_in_per_cent(folder: Path, rng: np.random.Generator) -> Told:
    q = np.rint(100 * head(rng, 2)[1])
    for dtype in ("i1", "u1", "i2", "u2"):
        write(folder / f"roi_{dtype}.nii.gz", q.astype(dtype))
    whole = np.floor(100 * head(rng))
    highest = whole.argmax(axis=0)[np.newaxis]
    rest = 100 - whole.sum(axis=0, keepdims=True)
    there = np.take_along_axis(whole, highest, 0)
    np.put_along_axis(whole, highest, there + rest, 0)
    write(folder / "four_i2.nii.gz", np.moveaxis(whole, 0, -1).astype(np.int16))
    return {
        "one_channel": numbers(binary(q / 100)),
        "four": numbers(entropy(whole / 100)),
    }


@case
def side_files_with_a_byte_order_mark(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 3)
    stored = p.astype(np.float32).transpose(0, 3, 2, 1)
    np.savez_compressed(folder / "case.npz", probabilities=stored)
    write(folder / "case.nii.gz", p.argmax(axis=0).astype(np.uint8))
    text = json.dumps({"labels": {"background": 0, "tumour": 1, "Ödem": 2}})
    (folder / "dataset.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return numbers(entropy(p))


@case
def converted_copy_beside_its_original(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 3)
    write(folder / "case.nii.gz", last(p))
    np.save(folder / "case.npy", p.astype(np.float32))
    return numbers(entropy(p))


@case
def nearly_empty_channel(folder: Path, rng: np.random.Generator) -> Told:
    q = np.zeros((40, 42, 50), np.float32)
    q[20:25, 21:24, 30:38] = rng.uniform(0.05, 0.95, (5, 3, 8))
    write(folder / "tract.nii.gz", q)
    write(folder / "empty.nii.gz", 0 * q)
    return {"no_data": 0, **numbers(binary(q))}


@case
def vectors_are_no_logits(folder: Path, rng: np.random.Generator) -> Told:
    direction = rng.normal(size=(*SHAPE, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    write(folder / "sub-01_V1.nii.gz", direction.astype(np.float32))
    warp = 3 * rng.normal(size=(*SHAPE, 1, 3))
    write(folder / "warp.nii.gz", warp.astype(np.float32), intent=1007)
    p = head(rng, 3)
    write(folder / "sub-01.nii.gz", last(p))
    return {"cases": 1, **numbers(entropy(p))}


@case
def three_sagittal_slices(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng, 3, (3, 26, 22))
    write(folder / "case.nii.gz", last(p))
    write(folder / "scan.nii.gz", (900 * p[1]).astype(np.int16))
    write(folder / "seg.nii.gz", p.argmax(axis=0).astype(np.uint8))
    return numbers(entropy(p))


@case
def numbered_siblings(folder: Path, rng: np.random.Generator) -> Told:
    p = head(rng)
    tissues = ("background", "csf", "gm", "wm")
    for number, (share, tissue) in enumerate(zip(p, tissues, strict=True), 1):
        stored = share.astype(np.float32)
        write(folder / "numbered" / f"priors{number}.nii.gz", stored)
        write(folder / "worded" / f"p_atlas_{tissue}.nii.gz", stored)
    return numbers(entropy(p))


@case
def lesions_below_one_half(folder: Path, rng: np.random.Generator) -> Told:
    spots = (rng.random((32, 34, 26)) > 0.998).astype(float)
    q = ndimage.gaussian_filter(spots, 2.2)
    q = 0.45 * q / q.max()
    write(folder / "case.nii.gz", last(np.stack([1 - q, q])))
    write(folder / "lesions.nii.gz", (q > 0.17).astype(np.uint8))
    return numbers(entropy([1 - q, q]))


@case
def time_is_no_ensemble(folder: Path, rng: np.random.Generator) -> Told:
    import h5py

    p = np.stack([head(rng, 3, (14, 16, 12)) for _ in range(4)])
    kinds = (("t", 8), ("z", 2), ("y", 2), ("x", 2), ("c", 1))
    axes = [{"key": key, "typeFlags": flags, "resolution": 0} for key, flags in kinds]
    stored = np.moveaxis(p, 1, -1).transpose(0, 3, 2, 1, 4).astype(np.float32)
    with h5py.File(folder / "case.h5", "w") as file:
        data = file.create_dataset("exported_data", data=stored)
        data.attrs["axistags"] = json.dumps({"axes": axes})
    return {"frame_2": numbers(entropy(p[2]))}


@case
def batch_and_channel_axes(folder: Path, rng: np.random.Generator) -> Told:
    q = np.clip(0.4 + 0.5 * smooth(rng, (96, 80)), 0, 1).astype(np.float32)
    p = head(rng, 3, (96, 80, 5))[..., 2].astype(np.float32)
    stored = {
        "b1hw": q[None, None],
        "bhw1": q[None, ..., None],
        "b11hw": q[None, None, None],
        "bhwc": np.moveaxis(p, 0, -1)[None],
    }
    for name, values in stored.items():
        np.save(folder / f"{name}.npy", values)
    return {
        "shape": [96, 80],
        "one_channel": numbers(binary(q)),
        "three_classes": numbers(entropy(p)),
    }
