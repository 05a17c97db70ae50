"""Names of classes, labels and regions from nnU-Net's ``dataset.json`` beside a file.

Format: [1]_; of regions, which may overlap, [2]_ and [3]_.

References
----------
.. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
.. [2] https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/region_based_training.md
.. [3] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/utilities/label_handling/label_handling.py
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..kinds import SIGMOID
from ..probabilities import numbered_class_names
from .side_files import Side, read_json

#: A label of this name is left out of training, so no channel belongs to it.
IGNORE = "ignore"

#: What a segmentation can hold.
LARGEST_LABEL = 65535


@dataclass(frozen=True)
class Channels:
    """Names and kind of the channels of a network.

    Attributes
    ----------
    names : tuple of str
        One for each.
    kind : str or None
        A key of :data:`.KINDS`, where the file says so: regions are independent.
    region_order : tuple of int
        The label that each region writes over those before it; empty for classes.
    note : str
        Why names that there are were not taken, or could not be read.
    """

    names: tuple[str, ...]
    kind: str | None = None
    region_order: tuple[int, ...] = ()
    note: str = ""


def channels_for(path: Path, n_channels: int) -> Channels:
    """Return what so many channels are, by name; numbered where no names fit.

    Raises
    ------
    InputError
        If the ``dataset.json`` in the folder of `path` contradicts itself.
    """
    side = _read_dataset_json(path.parent)
    content = side.content
    regions = _regions(content, path)
    if len(regions) == n_channels:
        return Channels(tuple(regions), SIGMOID.name, tuple(regions.values()))
    numbered = numbered_class_names(n_channels)
    if regions:
        return Channels(
            numbered,
            note=f"The dataset.json beside {path.name} names {len(regions)} regions, "
            f"and there are {n_channels} channels, so they were not taken for regions.",
        )
    names = {
        label: name for label, name in _label_names(content).items() if name != IGNORE
    }
    if sorted(names) != list(range(n_channels)):
        return Channels(numbered, note=side.note)
    return Channels(tuple(names[label] for label in range(n_channels)))


def label_names_beside(path: Path) -> dict[int, str]:
    """Names by label from the ``dataset.json`` in the folder of `path`.

    A label that a region writes has the region's name: where it shows, no later region
    is. Empty where there is no such file.
    """
    content = _read_dataset_json(path.parent).content
    regions = _regions(content, path)
    if regions:
        return {0: "background"} | {label: name for name, label in regions.items()}
    return _label_names(content)


def file_ending_beside(path: Path) -> str:
    """Ending of the segmentations beside `path`; nnU-Net's default is .nii.gz."""
    ending = _read_dataset_json(path.parent).content.get("file_ending")
    if isinstance(ending, str) and re.fullmatch(r"(\.\w{1,9}){1,3}", ending):
        return ending
    return ".nii.gz"


def _label_names(content: dict[str, Any]) -> dict[int, str]:
    """Names by label, where each entry is of one label."""
    labels = _labels(content)
    single = {
        name: label[0] if isinstance(label, list) and len(label) == 1 else label
        for name, label in labels.items()
    }
    if all(isinstance(label, int) for label in single.values()):
        return {label: name for name, label in single.items()}
    if all(re.fullmatch("[0-9]{1,5}", label) for label in labels):
        # Before version 2 it was the other way round: {"1": "gray matter"}.
        return {int(label): str(name) for label, name in labels.items()}
    return {}


def _regions(content: dict[str, Any], path: Path) -> dict[str, int]:
    """The label that each region writes, in the order of the channels; or nothing.

    Every entry but the background is a region as soon as one of them has several
    labels, and has a channel.
    """
    labels = _labels(content)
    if not any(isinstance(label, list) and len(label) > 1 for label in labels.values()):
        return {}
    names = [
        name
        for name, label in labels.items()
        if name != IGNORE and any(label if isinstance(label, list) else [label])
    ]
    order = content.get("regions_class_order")
    if (
        not isinstance(order, list)
        or len(order) != len(names)
        or not all(type(one) is int and 0 < one <= LARGEST_LABEL for one in order)
    ):
        raise InputError(
            f"The dataset.json beside {path.name} lists {len(names)} regions, but no "
            "regions_class_order with a whole number above 0 for each of them; repair "
            "or remove it."
        )
    return dict(zip(names, order, strict=True))


def _labels(content: dict[str, Any]) -> dict[str, Any]:
    labels = content.get("labels")
    return labels if isinstance(labels, dict) else {}


def _read_dataset_json(folder: Path) -> Side:
    return read_json(folder / "dataset.json")
