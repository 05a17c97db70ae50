"""Names of classes: conventions of tools, tables of labels, nnU-Net's dataset.json.

Some tools write one file for each class. All files of a case are in one folder, and
their names differ in the number or the label of the class alone:

======================================  ================================================
FSL FAST [1]_                           ``sub_pve_0``, ``sub_pve_1``, …
SPM, Segment [2]_                       ``c1sub``, …, ``c6sub``; ``rc1sub``, ``wc1sub``
Atropos, antsCorticalThickness [3]_     ``subPosteriors1`` or ``subPosteriors01``, …
Atropos in nipype [4]_                  ``POSTERIOR_01``, …
DeepMedic [5]_                          ``sub_ProbMapClass0``, …
BIDS derivatives, sMRIPrep [6]_         ``sub-01_label-GM_probseg``, …
======================================  ================================================

Files beside an image name its classes: BIDS in the JSON of the same name, as
``LabelMap`` [6]_, and nnU-Net in ``dataset.json`` [7]_, also for regions, which may
overlap [8]_ [9]_. Editors write such files with a byte order mark or in the code page
of their system, and data sets have links and pointers to files that nobody has fetched
yet. Accents in names of files are written in one of two ways (NFC, NFD), and both mean
the same. SynthSeg has one list for all images, and its posteriors are in the order of
the labels, ascending [10]_ [11]_.

References
----------
.. [1] https://fsl.fmrib.ox.ac.uk/fsl/fslwiki/FAST
.. [2] https://github.com/spm/spm12/blob/main/spm_preproc_write8.m
.. [3] https://github.com/ANTsX/ANTs/blob/master/Scripts/antsAtroposN4.sh
.. [4] https://github.com/nipy/nipype/blob/master/nipype/interfaces/ants/segmentation.py
.. [5] https://github.com/deepmedic/deepmedic/blob/master/deepmedic/frontEnd/configParsing/testSessionParams.py
.. [6] https://bids-specification.readthedocs.io/en/stable/derivatives/imaging.html
.. [7] https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
.. [8] https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/region_based_training.md
.. [9] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/utilities/label_handling/label_handling.py
.. [10] https://github.com/BBillot/SynthSeg/blob/master/data/labels%20table.txt
.. [11] https://github.com/freesurfer/freesurfer/blob/dev/mri_synthseg/mri_synthseg
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ..errors import InputError, in_short
from ..model.kinds import SIGMOID
from ..model.probabilities import numbered_class_names
from .endings import is_image, known_ending

#: SPM's tissues in their order: its tissue probability map is that of ``tpm/TPM.nii``.
TISSUES = (
    "gray matter", "white matter", "CSF", "bone", "soft tissue", "background",
)  # fmt: skip

#: Name of the background in BIDS.
BACKGROUND = "BG"

#: Labels of BIDS in the order of its table of common labels; others come behind.
BIDS_LABELS = (
    BACKGROUND, "GM", "WM", "CSF", "B", "ST", "NB", "L", "CGM", "SGM", "BS", "CBM",
)  # fmt: skip

#: Files beside an image hold names, so a larger one is something else.
LARGEST_BYTES = 1 << 24

#: Name of a label in dataset.json that is left out of training: it has no channel.
IGNORE = "ignore"

#: The largest label that a segmentation can hold.
LARGEST_LABEL = 65535

# Names that tools give to files, where they write one for each class.


@dataclass(frozen=True)
class Convention:
    """The names that a tool gives to its files.

    Attributes
    ----------
    tool : str
        Name of the tool.
    pattern : Pattern
        Pattern of a name without ending; `class` is the part that differs, and `before`
        and `behind` are what is left of the name without it.
    class_name : str
        Name for a class that has no own one: ``{}`` is its number or label.
    names : tuple of str
        Names of the classes, from number 1 on.
    first : int or None
        The lowest number; None where the first ones may be left out.
    counted : bool
        Whether each number between two others has to be there.
    may_be_scans : bool
        Whether scans may well be called so, and the values have to tell.
    background : str or None
        Number or label of the class that is the background; None where no class is.
    """

    tool: str
    pattern: re.Pattern[str]
    class_name: str = "{}"
    names: tuple[str, ...] = ()
    first: int | None = None
    counted: bool = True
    may_be_scans: bool = False
    background: str | None = None

    def is_background(self, found: str) -> bool:
        """Return whether a class is the background."""
        own = str(int(found)) if found.isdecimal() else found
        return own == self.background

    def name_of(self, found: str) -> str:
        """Return the name of a class."""
        if self.names:
            return self.names[int(found) - 1]
        return self.class_name.format(int(found) if found.isdecimal() else found)


CONVENTIONS = (
    Convention(
        "FSL FAST",
        re.compile(r"(?P<before>.+)_pve_(?P<class>\d{1,2})(?P<behind>)"),
        class_name="pve_{}",
        first=0,
    ),
    Convention(
        "SPM",
        re.compile(r"(?P<before>r|w|)c(?P<class>[1-6])(?P<behind>.+)"),
        names=TISSUES,
        first=1,
        may_be_scans=True,
        background="6",
    ),
    Convention(
        "ANTs",
        re.compile(
            r"(?P<before>.*?)_?(?:Posteriors|POSTERIOR_)(?P<class>\d{1,3})(?P<behind>)"
        ),
        class_name="posterior {}",
        first=1,
    ),
    Convention(
        "DeepMedic",
        re.compile(r"(?P<before>.+?)_?ProbMapClass(?P<class>\d{1,3})(?P<behind>)"),
        class_name="class {}",
        background="0",
    ),
    Convention(
        "BIDS",
        re.compile(
            r"(?P<before>.+)_label-(?P<class>[A-Za-z0-9]+)(?P<behind>(?:_.+)?)_probseg"
        ),
        counted=False,
        background=BACKGROUND,
    ),
)


def convention_of(path: PurePath) -> tuple[Convention, re.Match[str]] | None:
    """Return the convention that the name of an image follows, and the match.

    The match spans the name without its ending. None where it follows no convention.
    """
    if not is_image(path):
        return None
    length = len(path.name) - len(known_ending(path))
    for convention in CONVENTIONS:
        match = convention.pattern.fullmatch(path.name, 0, length)
        if match:
            return convention, match
    return None


# JSON beside an image, which never keeps the image from being opened.


@dataclass(frozen=True)
class Side:
    """Content of a JSON file beside an image.

    Attributes
    ----------
    content : dict
        The object in it; empty where there is none.
    note : str
        Reason why it could not be used, in a sentence; usually empty.
    """

    content: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def read_json(path: Path) -> Side:
    """Read an object from a JSON file; empty, with a note, where that fails."""
    unfetched = not_fetched(path)
    if unfetched:
        return Side(note=f"{unfetched}, so it was not read.")
    if not path.is_file():
        return Side()
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is larger than any list of names")
        content = _parsed(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        failure = f"{path.name} beside the image cannot be read ({in_short(error)})"
        return Side(note=f"{failure}, so it was left out; repair or remove it.")
    return Side(content if isinstance(content, dict) else {})


def not_fetched(path: Path) -> str:
    """Say of a link or pointer that its file was not fetched; empty for other files."""
    if path.is_symlink() and not path.exists():
        annex = ".git/annex/" in path.readlink().as_posix()
        message = f"{path.name} is a link to a file that is not there"
        return f"{message} (fetch it with git annex get)" if annex else message
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return ""
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return (
            f"{path.name} is a pointer of Git LFS and not the file itself (fetch it "
            "with git lfs pull)"
        )
    if start.startswith((b"/annex/objects/", b".git/annex/objects/")):
        return (
            f"{path.name} is a pointer of git-annex and not the file itself (fetch it "
            "with git annex get)"
        )
    return ""


def named(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder, with accents as they are written there."""
    path = folder / name
    if name.isascii() or path.exists():
        return path
    same = unicodedata.normalize("NFC", name)
    try:
        return next(
            (
                one
                for one in sorted(folder.iterdir())
                if unicodedata.normalize("NFC", one.name) == same
            ),
            path,
        )
    except OSError:
        return path


def _parsed(content: bytes) -> Any:
    """Return what JSON says in UTF-8, -16 or -32, or else in Windows-1252."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return json.loads(content.decode("cp1252"))


# Names of the classes of an image by BIDS, or by SynthSeg.

# Structures of both halves by the label of the left one, and labels of the right ones.
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

# Words in names of SynthSeg's files, which people choose; its default is the second.
_SYNTHSEG = re.compile(r"synthseg|(?:^|[^a-z])posteriors?(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Declared:
    """Names of the classes of an image, as its name and the files beside it tell.

    Attributes
    ----------
    names : tuple of str
        One name for each class; empty where there are none, or where they do not fit.
    is_probabilities : bool
        Whether the file is said to hold probabilities, whatever its values sum to.
    note : str
        Origin of the names, or the reason why they were not taken.
    tissues_of : str
        See :class:`.ProbabilityMap`.
    """

    names: tuple[str, ...] = ()
    is_probabilities: bool = False
    note: str = ""
    tissues_of: str = ""


def declared(path: Path, stem: str, n_classes: int) -> Declared:
    """Return the classes of an image as its name and the files beside it tell them.

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


# Names of classes, labels and regions from nnU-Net's ``dataset.json`` beside a file.


@dataclass(frozen=True)
class Channels:
    """Names and kind of the channels of a network.

    Attributes
    ----------
    names : tuple of str
        One name for each channel.
    kind : str or None
        A key of :data:`.KINDS`, where the file tells: regions are independent.
    region_order : tuple of int
        The label that each region writes over those before it; empty for classes.
    note : str
        Reason why existing names were not taken, or could not be read.
    """

    names: tuple[str, ...]
    kind: str | None = None
    region_order: tuple[int, ...] = ()
    note: str = ""


def channels_for(path: Path, n_channels: int) -> Channels:
    """Return names and kind of so many channels; numbered where no names fit.

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
    """Return names by label from the ``dataset.json`` in the folder of `path`.

    A label that a region writes has the region's name, for no later region wrote over
    it. Empty where there is no such file.
    """
    content = _read_dataset_json(path.parent).content
    regions = _regions(content, path)
    if regions:
        return {0: "background"} | {label: name for name, label in regions.items()}
    return _label_names(content)


def file_ending_beside(path: Path) -> str:
    """Return the ending of segmentations beside `path`; nnU-Net's is .nii.gz."""
    ending = _read_dataset_json(path.parent).content.get("file_ending")
    if isinstance(ending, str) and re.fullmatch(r"(\.\w{1,9}){1,3}", ending):
        return ending
    return ".nii.gz"


def _label_names(content: dict[str, Any]) -> dict[int, str]:
    """Return names by label, where each entry is of one label."""
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
    """Return the label that each region writes, in the order of the channels.

    As soon as one entry has several labels, every entry but the background is a region
    with a channel. Empty where none has.
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
