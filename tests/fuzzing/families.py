"""Small files of every family, in the layout that its tools write."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import nrrd
import numpy as np
import zarr

from support.generated import OBLIQUE

Array = np.ndarray[Any, Any]

#: Contents by name; a path stands for a link that leads there.
Files = dict[str, bytes | Path]

#: Where the FeTA case is in the real data, and a part of it at many borders.
REAL = "feta_sub-007/fold_0/sub-007.npz"
CROP = (slice(None), slice(31, 39), slice(62, 72), slice(62, 73))


@dataclass(frozen=True)
class Case:
    """Files of one case.

    Attributes
    ----------
    files : Files
        All of them.
    opened : str
        Which one to open: a file, or a folder that is an array.
    several : bool
        Whether it holds several members.
    """

    files: Files
    opened: str
    several: bool = False


def real_values(data: Path) -> Array:
    """Part of a real case, float32, shape (8, i, j, k)."""
    with np.load(data / REAL) as archive:
        crop = archive["probabilities"][CROP].astype(np.float32)
    return np.ascontiguousarray(crop.transpose(0, 3, 2, 1))


def build(name: str, values: Array) -> Case:
    """The intact case of a family.

    Parameters
    ----------
    name : str
        One of :data:`FAMILIES`.
    values : ndarray of float32, shape (classes, i, j, k)
        A softmax of at least four classes.
    """
    with tempfile.TemporaryDirectory(prefix="family-") as folder:
        opened = FAMILIES[name](Path(folder), values)
        files: Files = {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(Path(folder).rglob("*"))
            if file.is_file()
        }
    return Case(files, opened, "stack" in name)


def _image(path: Path, values: Array, kind: Any = nib.Nifti1Image) -> None:
    kind(values, OBLIQUE.astype(np.float32)).to_filename(path)


def _array_order(values: Array) -> Array:
    """Class first, then (z, y, x)."""
    return values.transpose(0, *range(values.ndim - 1, 0, -1))


def _dataset_json(folder: Path, **content: Any) -> None:
    (folder / "dataset.json").write_text(json.dumps(content))


def _nnunet_2(folder: Path, values: Array) -> str:
    stored = _array_order(values).astype(np.float16)
    np.savez_compressed(folder / "a.npz", probabilities=stored)
    _image(folder / "a.nii.gz", values.argmax(axis=0).astype(np.uint8))
    labels = {f"tissue {n}" if n else "background": n for n in range(len(values))}
    _dataset_json(folder, labels=labels, file_ending=".nii.gz")
    return "a.npz"


def _nnunet_1(folder: Path, values: Array) -> str:
    stored = _array_order(values).astype(np.float16)
    np.savez_compressed(folder / "a.npz", softmax=stored)
    whole = np.pad(values.argmax(axis=0).astype(np.uint8), 3)
    _image(folder / "a.nii.gz", whole)
    return "a.npz"


def _regions(folder: Path, values: Array) -> str:
    nested = np.stack([values[first:].sum(axis=0) for first in (1, 2, 3)])
    np.savez_compressed(folder / "a.npz", probabilities=_array_order(nested))
    _image(folder / "a.nii.gz", values.argmax(axis=0).astype(np.uint8))
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": [3]}
    _dataset_json(folder, labels=labels, regions_class_order=[1, 2, 3])
    return "a.npz"


def _npy(folder: Path, values: Array) -> str:
    np.save(folder / "a.npy", _array_order(values))
    _image(folder / "a_T1.nii.gz", values[0])
    return "a.npy"


def _named_npz(folder: Path, values: Array) -> str:
    logits = np.log(np.maximum(np.moveaxis(values[:2], 0, -1), 1e-6))
    np.savez(folder / "a.npz", prediction=logits, affine=OBLIQUE, name=np.array("a"))
    return "a.npz"


def _passes(values: Array) -> Array:
    """Three members, float16."""
    small = values[:4] / values[:4].sum(axis=0).clip(1e-3)
    members = [small, np.roll(small, 1, axis=1), np.roll(small, 1, axis=2)]
    return np.stack([_array_order(one) for one in members]).astype(np.float16)


def _stack_npz(folder: Path, values: Array) -> str:
    np.savez_compressed(folder / "a.npz", passes=_passes(values))
    return "a.npz"


def _stack_npy(folder: Path, values: Array) -> str:
    np.save(folder / "a.npy", np.asfortranarray(_passes(values)))
    return "a.npy"


def _nifti(folder: Path, values: Array) -> str:
    _image(folder / "a.nii", np.moveaxis(values, 0, -1))
    return "a.nii"


def _nifti_gz(folder: Path, values: Array) -> str:
    image = nib.Nifti2Image(np.moveaxis(values, 0, -1), OBLIQUE, dtype=np.uint8)
    image.header.set_slope_inter(1 / 255, 0)
    image.to_filename(folder / "a_probseg.nii.gz")
    names = [f"tissue {n}" for n in range(len(values))]
    (folder / "a_probseg.json").write_text(json.dumps({"LabelMap": names}))
    return "a_probseg.nii.gz"


def _mgz(folder: Path, values: Array) -> str:
    _image(folder / "a.mgz", np.moveaxis(values, 0, -1), nib.MGHImage)
    return "a.mgz"


def _each_class(
    names: Sequence[str], stored: Any = np.float32
) -> Callable[[Path, Array], str]:
    """One file for each class, the first of which is opened."""

    def write(folder: Path, values: Array) -> str:
        for name, one in zip(names, values, strict=False):
            if stored is not np.float32:
                one = np.rint(one * np.iinfo(stored).max)
            image = nib.Nifti1Image(one.astype(stored), OBLIQUE)
            image.header.set_slope_inter(1 if stored is np.float32 else 1 / 255, 0)
            image.to_filename(folder / name)
        return names[0]

    return write


def _zarr(zarr_format: int, **options: Any) -> Callable[[Path, Array], str]:
    def write(folder: Path, values: Array) -> str:
        array = _array_order(values)
        chunks = (3, 5, *array.shape[2:])
        zarr.create_array(
            folder / "a.zarr", data=array, chunks=chunks, zarr_format=zarr_format,
            **options,
        )  # fmt: skip
        return "a.zarr"

    return write


def _ome_zarr(version: str) -> Callable[[Path, Array], str]:
    def write(folder: Path, values: Array) -> str:
        zarr_format = 3 if version >= "0.5" else 2
        path = folder / "a.ome.zarr"
        group = zarr.create_group(path, zarr_format=zarr_format)
        array = _array_order(values)
        for level, one in enumerate((array, array[..., ::2, ::2])):
            chunks = (4, *one.shape[1:])
            # Groups take no data before zarr 3.1.
            stored = group.create_array(
                str(level), shape=one.shape, dtype=one.dtype, chunks=chunks
            )
            stored[...] = one
        space = [{"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"]
        scale = [{"type": "scale", "scale": [1.0, 0.7, 0.6, 0.5]}]
        image = {
            "axes": [{"name": "c", "type": "channel"}, *space],
            "datasets": [
                {"path": level, "coordinateTransformations": scale} for level in "01"
            ],
        }
        channels = [{"label": f"tissue {n}"} for n in range(len(values))]
        told = {"multiscales": [image], "omero": {"channels": channels}}
        if zarr_format == 3:
            told = {"ome": {"version": version, **told}}
        group.attrs.update(told)
        return path.name

    return write


def _ilastik(folder: Path, values: Array) -> str:
    with h5py.File(folder / "a.h5", "w") as file:
        array = np.moveaxis(values, 0, -1).transpose(2, 1, 0, 3)
        data = file.create_dataset(
            "exported_data", data=array, chunks=(4, *array.shape[1:]), compression=4
        )
        axes = [
            {"key": key, "typeFlags": flags, "resolution": 1}
            for key, flags in (("z", 2), ("y", 2), ("x", 2), ("c", 1))
        ]
        data.attrs["axistags"] = json.dumps({"axes": axes})
        data.attrs["axis_units"] = json.dumps(dict.fromkeys("zyx", "mm"))
    return "a.h5"


def _hdf5(folder: Path, values: Array) -> str:
    with h5py.File(folder / "a.hdf5", "w", libver="latest") as file:
        file["net/softmax"] = _array_order(values).astype(np.float16)
        file["net/spacing"] = [1.0, 1.0, 1.0]
    return "a.hdf5"


def _nrrd(encoding: str) -> Callable[[Path, Array], str]:
    """As ITK writes it: the numbers of a voxel in the fastest axis."""

    def write(folder: Path, values: Array) -> str:
        header = {
            "space": "left-posterior-superior",
            "kinds": ["vector", "domain", "domain", "domain"],
            "space directions": np.vstack([np.full(3, np.nan), OBLIQUE[:3, :3].T]),
            "space origin": OBLIQUE[:3, 3],
            "encoding": encoding,
        }
        nrrd.write(str(folder / "a.nrrd"), values, header)
        return "a.nrrd"

    return write


def _map(folder: Path, values: Array) -> str:
    """As ``docs/formats.md`` has it; nobody else writes these."""
    p = np.maximum(values, 1e-6)
    entropy = -(p * np.log2(p)).sum(axis=0)
    image = nib.Nifti1Image(entropy.astype(np.float32), OBLIQUE)
    image.header.set_intent("estimate", name="entropy")
    image.header["descrip"] = b"entropy (bits), napari-uncertainty"
    image.to_filename(folder / "a_entropy.nii.gz")
    numbers = dict.fromkeys(
        ("voxels", "no_data", "total", "mean", "maximum", "foreground_voxels",
         "foreground_mean"), 1,
    )  # fmt: skip
    told = {
        "measure": "entropy", "base": 2, "unit": "bits", "kind": "softmax",
        "n_classes": len(p), "n_states": len(p), "class_names": ["a", "b"],
        "foreground_only": False, "foreground_from": "prediction", "notes": [],
        "checks": [{"name": "kind", "level": "green", "sentence": "Softmax."}],
        "statistics": numbers, "probabilities": "a", "source": "a.npz",
        "shape": list(entropy.shape), "affine": OBLIQUE.tolist(),
    }  # fmt: skip
    (folder / "a_entropy.json").write_text(json.dumps(told))
    return "a_entropy.nii.gz"


def _numbered(pattern: str, first: int, n: int = 4) -> list[str]:
    return [pattern.format(number) for number in range(first, first + n)]


#: What writes the files of each family into a folder and tells which one to open.
FAMILIES: dict[str, Callable[[Path, Array], str]] = {
    "nnU-Net v2": _nnunet_2,
    "nnU-Net v1": _nnunet_1,
    "nnU-Net regions": _regions,
    ".npy": _npy,
    ".npz, named array": _named_npz,
    "stack .npz": _stack_npz,
    "stack .npy": _stack_npy,
    "NIfTI .nii": _nifti,
    "NIfTI .nii.gz, LabelMap": _nifti_gz,
    "MGZ": _mgz,
    "NRRD, raw": _nrrd("raw"),
    "NRRD, gzip": _nrrd("gzip"),
    "NRRD, ascii": _nrrd("ascii"),
    "FAST": _each_class(_numbered("a_pve_{}.nii.gz", 0)),
    "SPM": _each_class(_numbered("c{}a.nii", 1), np.uint8),
    "Atropos": _each_class(_numbered("aPosteriors{:02}.nii.gz", 1)),
    "DeepMedic": _each_class(_numbered("a_ProbMapClass{}.nii.gz", 0)),
    "BIDS probseg": _each_class(
        [f"a_label-{label}_probseg.nii.gz" for label in ("GM", "WM", "CSF")]
    ),
    "Zarr v2": _zarr(2),
    "Zarr v3": _zarr(3, compressors=None),
    "OME-Zarr 0.4": _ome_zarr("0.4"),
    "OME-Zarr 0.5": _ome_zarr("0.5"),
    "HDF5, ilastik": _ilastik,
    "HDF5, plain": _hdf5,
    "own map": _map,
}
