"""Names of the classes of an image, from what its tool says of it.

BIDS lists them in the JSON of the same name, as ``LabelMap`` [1]_. SynthSeg has one
list for all, in whose order its posteriors are: the labels ascending [2]_, [3]_.

References
----------
.. [1] https://bids-specification.readthedocs.io/en/stable/derivatives/imaging.html
.. [2] https://github.com/BBillot/SynthSeg/blob/master/data/labels%20table.txt
.. [3] https://github.com/freesurfer/freesurfer/blob/dev/mri_synthseg/mri_synthseg
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .side_files import read_json

#: What BIDS calls the background.
BACKGROUND = "BG"

_ONE_SIDE = {
    2: "cerebral white matter",
    3: "cerebral cortex",
    4: "lateral ventricle",
    5: "inferior lateral ventricle",
    7: "cerebellum white matter",
    8: "cerebellum cortex",
    10: "thalamus",
    11: "caudate",
    12: "putamen",
    13: "pallidum",
    17: "hippocampus",
    18: "amygdala",
    26: "accumbens area",
    28: "ventral DC",
}
_RIGHT = (41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60)

#: SynthSeg's structures by their FreeSurfer label, ascending.
SYNTHSEG = dict(
    sorted(
        {
            0: "background",
            14: "3rd ventricle",
            15: "4th ventricle",
            16: "brain-stem",
            24: "CSF",
            **{label: f"left {name}" for label, name in _ONE_SIDE.items()},
            **{
                label: f"right {name}"
                for label, name in zip(_RIGHT, _ONE_SIDE.values(), strict=True)
            },
        }.items()
    )
)

# Words in the names of its posteriors, which people choose; its default is the second.
_SYNTHSEG = re.compile(r"synthseg|(?:^|[^a-z])posteriors?(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Declared:
    """Names of the classes of an image, as its name and the files beside it tell.

    Attributes
    ----------
    names : tuple of str
        One for each class; empty where there are none, or where they do not fit.
    is_probabilities : bool
        Whether it is said to hold probabilities, whatever its values sum to.
    note : str
        Where the names are from, or why they were not taken.
    tissues_of : str
        As of :class:`.ProbabilityMap`.
    """

    names: tuple[str, ...] = ()
    is_probabilities: bool = False
    note: str = ""
    tissues_of: str = ""


def declared(path: Path, stem: str, n_classes: int) -> Declared:
    """Return what a file's name and the files beside it say of its classes.

    Parameters
    ----------
    path : Path
        The image.
    stem : str
        Its name without the ending.
    n_classes : int
        Length of its class axis.
    """
    if stem == "probseg" or stem.endswith("_probseg"):
        return _by_label_map(path.with_name(f"{stem}.json"), n_classes)
    # Version 1 had no label for the CSF around the brain.
    for version, left_out in (("2", ()), ("1", (24,))):
        names = tuple(name for one, name in SYNTHSEG.items() if one not in left_out)
        if n_classes == len(names) and _SYNTHSEG.search(stem):
            note = (
                f"{path.name} is called like the posteriors of SynthSeg and has as "
                f"many classes as version {version} has, so these got its names."
            )
            return Declared(names, note=note)
    return Declared()


def _by_label_map(sidecar: Path, n_classes: int) -> Declared:
    side = read_json(sidecar)
    names, note = _label_map(side.content), side.note
    if len(names) == n_classes:
        tissues_of = "" if BACKGROUND in names else f"the LabelMap in {sidecar.name}"
        return Declared(names, is_probabilities=True, tissues_of=tissues_of)
    if names:
        note = (
            f"{sidecar.name} names {len(names)} classes, and there are {n_classes}, so "
            "its names were not taken."
        )
    return Declared(is_probabilities=True, note=note)


def _label_map(content: dict[str, Any]) -> tuple[str, ...]:
    names = content.get("LabelMap")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()
