"""``<case>_classes.tsv``: the maps of a case in numbers, class by class."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..matching.comparison import Segmentation
from ..measures import largest_value
from ..regions import class_table, iter_regions, voxel_volume
from ..steps import part

if TYPE_CHECKING:
    import pandas as pd

    from ..checks import Check
    from ..fold import UncertaintyMaps
    from ..placing import Placed

NO_TABLE = (
    "No table of the classes was written: nothing tells how the segmentation lies on "
    "the map."
)


def highest_half(measure: str, maps: UncertaintyMaps) -> float:
    """The threshold of the table: half of the largest value that there can be."""
    n_members = len(maps.members)
    return largest_value(measure, maps.base, maps.n_states, maps.kind, n_members) / 2


def iter_table(
    maps: UncertaintyMaps,
    where: Placed,
    segmentation: Segmentation,
    class_names: Sequence[str],
) -> Generator[float, None, pd.DataFrame]:
    """Numbers of each measure and label, step by step; yields the share done.

    Parameters
    ----------
    maps : UncertaintyMaps
        All measures.
    where : Placed
        How the maps are written; the foreground is the segmentation's.
    segmentation : Segmentation
        Whose labels are told apart.
    class_names : sequence of str
        Names of the classes; the segmentation's own come first.
    """
    import pandas as pd

    classes = labels_of_classes(segmentation, len(class_names), where.checks)
    names = names_on_map(segmentation, classes, class_names)
    tables = []
    for done, measure in enumerate(maps):
        steps = iter_regions(
            where.turned(maps[measure]),
            where.foreground,
            where.turned(maps.no_data),
        )
        regions = yield from part(steps, done / len(maps), (done + 1) / len(maps))
        threshold = highest_half(measure, maps)
        table = class_table(
            regions,
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


def labels_of_classes(
    segmentation: Segmentation, n_classes: int, checks: Sequence[Check] = ()
) -> list[int] | None:
    """The label for each class number that the foreground on a map has.

    None where it has the segmentation's labels because they are no classes. See
    :func:`~napari_uncertainty.matching.agreement.as_classes`; `checks` say where its
    numbers are others, of which -1 stands for a label that none has.
    """
    told = next((one for one in checks if one.name == "labels"), None)
    if told is not None and len(told.numbers["numbers"]) == n_classes:
        return [int(one) for one in told.numbers["numbers"]]
    labels = segmentation.labels
    if labels.min() >= 0 and labels.max() < n_classes:
        return list(range(n_classes))
    there = np.unique(labels)
    return there.tolist() if len(there) == n_classes else None


def names_on_map(
    segmentation: Segmentation,
    classes: Sequence[int] | None,
    class_names: Sequence[str],
) -> Mapping[int, str]:
    """Names by the numbers that the foreground on a map has.

    Parameters
    ----------
    segmentation : Segmentation
        Its own names come first.
    classes : sequence of int or None
        As of :func:`labels_of_classes`.
    class_names : sequence of str
        Names of the classes; without `classes` they say nothing of the labels.
    """
    names: Mapping[int, str] = segmentation.class_names
    if classes is None:
        return names
    pairs = enumerate(zip(classes, class_names, strict=True))
    return {number: names.get(label, name) for number, (label, name) in pairs}
