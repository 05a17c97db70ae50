"""Class names from nnU-Net's ``dataset.json`` beside a file.

Format: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..probabilities import numbered_class_names


def class_names_for(path: Path, n_classes: int) -> tuple[str, ...]:
    """One name for each of `n_classes`; numbered where no fitting names are found."""
    names = label_names_beside(path)
    if sorted(names) == list(range(n_classes)):
        return tuple(names[index] for index in range(n_classes))
    return numbered_class_names(n_classes)


def label_names_beside(path: Path) -> dict[int, str]:
    """Names by label from the ``dataset.json`` in the folder of `path`.

    Empty where there is no such file, or where it lists regions (sets of labels)
    instead of single labels.
    """
    labels = _read_dataset_json(path.parent).get("labels", {})
    if not isinstance(labels, dict):
        return {}
    if all(isinstance(label, int) for label in labels.values()):
        return {label: str(name) for name, label in labels.items()}
    if all(str(label).isdigit() for label in labels):
        # Before version 2 it was the other way round: {"1": "gray matter"}.
        return {int(label): str(name) for label, name in labels.items()}
    return {}


def file_ending_beside(path: Path) -> str:
    """Ending of the segmentations beside `path`; nnU-Net's default is .nii.gz."""
    ending = _read_dataset_json(path.parent).get("file_ending", ".nii.gz")
    return ending if isinstance(ending, str) else ".nii.gz"


def _read_dataset_json(folder: Path) -> dict[str, Any]:
    file = folder / "dataset.json"
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file.name} beside the image cannot be read ({error}); repair or "
            "remove it."
        ) from error
    return content if isinstance(content, dict) else {}
