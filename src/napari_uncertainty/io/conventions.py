"""Names that tools give to files, where they write one for each class.

All files of a case are in one folder, and their names differ in the number or the label
of the class alone:

======================================  ================================================
FSL FAST [1]_                           ``sub_pve_0``, ``sub_pve_1``, …
SPM, Segment [2]_                       ``c1sub``, …, ``c6sub``; ``rc1sub``, ``wc1sub``
Atropos, antsCorticalThickness [3]_     ``subPosteriors1`` or ``subPosteriors01``, …
Atropos in nipype [4]_                  ``POSTERIOR_01``, …
DeepMedic [5]_                          ``sub_ProbMapClass0``, …
BIDS derivatives, sMRIPrep [6]_         ``sub-01_label-GM_probseg``, …
======================================  ================================================

References
----------
.. [1] https://fsl.fmrib.ox.ac.uk/fsl/fslwiki/FAST
.. [2] https://github.com/spm/spm12/blob/main/spm_preproc_write8.m
.. [3] https://github.com/ANTsX/ANTs/blob/master/Scripts/antsAtroposN4.sh
.. [4] https://github.com/nipy/nipype/blob/master/nipype/interfaces/ants/segmentation.py
.. [5] https://github.com/deepmedic/deepmedic/blob/master/deepmedic/frontEnd/configParsing/testSessionParams.py
.. [6] https://bids-specification.readthedocs.io/en/stable/derivatives/imaging.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from .endings import is_image, known_ending

#: SPM's tissues in their order: its tissue probability map is that of ``tpm/TPM.nii``.
TISSUES = (
    "gray matter", "white matter", "CSF", "bone", "soft tissue", "background",
)  # fmt: skip

#: Labels of BIDS in the order of its table of common labels; others come behind.
BIDS_LABELS = (
    "BG", "GM", "WM", "CSF", "B", "ST", "NB", "L", "CGM", "SGM", "BS", "CBM",
)  # fmt: skip


@dataclass(frozen=True)
class Convention:
    """The names that a tool gives to its files.

    Attributes
    ----------
    tool : str
        Who writes them.
    pattern : Pattern
        Of a name without ending; `class` is what differs, and `before` and `behind`
        are what is left of the name without it.
    class_name : str
        What to call a class, where it has no name: ``{}`` is its number or label.
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
        """Name of a class."""
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
        background="BG",
    ),
)


def convention_of(path: PurePath) -> tuple[Convention, re.Match[str]] | None:
    """Whose convention a name follows, and how; None where it follows none.

    Only images do. What is found spans the name without its ending.
    """
    if not is_image(path):
        return None
    length = len(path.name) - len(known_ending(path))
    for convention in CONVENTIONS:
        found = convention.pattern.fullmatch(path.name, 0, length)
        if found:
            return convention, found
    return None
