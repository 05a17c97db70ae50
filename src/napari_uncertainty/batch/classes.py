"""``<case>_classes.tsv``: the maps of a case in numbers, class by class."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import LabelMap
from ..io.atomic import write_whole
from ..measures import MEASURES, Base
from ..steps import part

if TYPE_CHECKING:
    import pandas as pd

    from ..fold import UncertaintyMaps
    from .placing import Placed

NO_TABLE = (
    "No table of the classes was written: nothing tells how the segmentation lies on "
    "the map."
)

# Digits of a number: enough to tell any two of float32 apart.
_DIGITS = "%.9g"


def highest_half(measure: str, base: Base, n_classes: int) -> float:
    """The threshold of the table: half of the largest value that there can be."""
    return MEASURES[measure].highest(base, n_classes) / 2


def iter_table(
    maps: UncertaintyMaps,
    where: Placed,
    segmentation: LabelMap,
    class_names: Sequence[str],
    threads: int | None,
) -> Generator[float, None, pd.DataFrame]:
    """Numbers of each measure and label, step by step; yields the share done.

    Parameters
    ----------
    maps : UncertaintyMaps
        All measures.
    where : Placed
        How the maps are written; the foreground is the segmentation's.
    segmentation : LabelMap
        Whose labels are told apart.
    class_names : sequence of str
        Names of the classes; the segmentation's own come first.
    threads : int or None
        How many threads compute.
    """
    import pandas as pd

    from ..regions import iter_regions, voxel_volume

    classes = labels_of_classes(segmentation, len(class_names))
    names: Mapping[int, str] = segmentation.class_names
    if classes is not None:
        pairs = enumerate(zip(classes, class_names, strict=True))
        names = {number: names.get(label, name) for number, (label, name) in pairs}
    tables = []
    for done, measure in enumerate(maps):
        steps = iter_regions(
            where.turned(maps[measure]),
            where.foreground,
            where.turned(maps.no_data),
            threads=threads,
        )
        regions = yield from part(steps, done / len(maps), (done + 1) / len(maps))
        assert regions is not None  # nothing cancels it
        threshold = highest_half(measure, maps.base, maps.n_classes)
        table = regions.table(
            class_names=names,
            voxel_volume_mm3=voxel_volume(where.grid),
            threshold=threshold,
        )
        if classes is not None:
            table["label"] = [classes[number] for number in table["label"]]
        table.insert(0, "measure", measure)
        table.insert(1, "threshold", threshold)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def labels_of_classes(segmentation: LabelMap, n_classes: int) -> list[int] | None:
    """The label for each class number that the foreground on a map has.

    None where it has the segmentation's labels because they are no classes. See
    :func:`~napari_uncertainty.matching.agreement.as_classes`.
    """
    labels = segmentation.data
    if labels.min() >= 0 and labels.max() < n_classes:
        return list(range(n_classes))
    there = np.unique(labels)
    return there.tolist() if len(there) == n_classes else None


def write_table(path: Path, table: pd.DataFrame) -> dict[str, Any]:
    """Write it tab-separated; missing numbers are empty.

    Returns
    -------
    dict
        File name and checksum, by which :func:`is_there` knows it again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    names = [" ".join(name.split()) for name in table["name"]]
    text = table.assign(name=names).to_csv(
        sep="\t", index=False, float_format=_DIGITS, lineterminator="\n"
    )
    encoded = text.encode("utf-8", "backslashreplace")
    write_whole([(path, lambda file: file.write(encoded))])
    return {"file": path.name, "crc32": _checksum(encoded)}


def is_there(told: Mapping[str, Any] | None, folder: Path) -> bool:
    """Whether a table is as it was written; true as well where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if told is None:
        return True
    written = (folder / told["file"]).read_bytes()
    return bool(told["crc32"] == _checksum(written))


def _checksum(written: bytes) -> str:
    return f"{zlib.crc32(written):08x}"
