"""What is asked of each case, and what every door has to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.doors import Asked

#: Doors in the order in which their answers are held against each other.
DOORS = ("map", "info", "python", "window")


@dataclass(frozen=True)
class Question:
    """One input of a case, how it is asked, and what is right.

    Attributes
    ----------
    case, path : str
        Name of the case, and of the file or folder in its folder.
    how : mapping
        Options of :class:`.Asked`; of `labels` the name.
    numbers : str or None
        Where the statistics are among those of the case: ``""`` for itself, ``"file"``
        for what follows from a softmax in the file; None where nothing has to come out.
    kind : str
        What the values are; empty where no one kind has to be named.
    classes : int or None
        How many labels there are.
    levels : mapping
        Level that a check has to have; several in one word are as good
        (``"amber red"``), ``""`` is that of a check that is not there.
    refused : str
        What the refusals of `map` have to say; empty where there is a map.
    doors : tuple of str
        Those that have the options.
    """

    case: str
    path: str
    how: Mapping[str, Any] = field(default_factory=dict)
    numbers: str | None = ""
    kind: str = ""
    classes: int | None = None
    levels: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    doors: tuple[str, ...] = DOORS

    def __str__(self) -> str:
        how = ",".join(f"{name}={value}" for name, value in self.how.items())
        return "-".join(filter(None, (self.case, self.path, how)))

    def asked(self, folder: Path) -> Asked:
        """Return it with paths in a folder."""
        how = dict(self.how)
        if "labels" in how:
            how["labels"] = folder / how["labels"]
        return Asked(folder / self.path, **how)


NOT_PYTHON = ("map", "info", "window")

PLAIN = {"kind": "green", "no_data": "green", "axes": "", "place": ""}

COMPARED = {"agreement": "green", "segmentation_grid": "green"}

QUESTIONS = (
    Question(
        "class_axis_first_in_nifti", "case.nii.gz", kind="softmax", classes=5,
        levels={"axes": "amber", "kind": "green"},
    ),
    Question(
        "logits_of_independent_channels", "case.npz", {"kind": "channel_logits"},
        kind="channel_logits", classes=4,
        levels={"kind": "green", "agreement": "amber"},
    ),
    Question(
        "logits_of_independent_channels", "case.npz", kind="channel_logits", classes=4,
        levels={"kind": "green", "agreement": "amber"},
    ),
    Question(
        "padded_logits", "case.nii.gz", kind="logits", classes=4,
        levels={"kind": "green amber", "no_data": "amber"},
    ),
    Question(
        "segmentation_beside_contradicts", "case.npz", kind="softmax", classes=4,
        levels={"agreement": "red", "orientation": "red"},
        refused="axes reversed: 100 %.*--place",
    ),
    Question(
        "segmentation_beside_contradicts", "case.npz", {"place": True}, kind="softmax",
        levels={"agreement": "green", "orientation": "green"}, doors=("map",),
    ),
    Question(
        "one_channel_few_slices", "case.npy", numbers=None, levels={"axes": "amber"}
    ),
    Question(
        "one_channel_few_slices", "case.npy", {"kind": "foreground"},
        kind="foreground", classes=2, levels=PLAIN,
    ),
    Question(
        "batch_axis_left_in", "case.npy", kind="softmax", classes=4, levels=PLAIN
    ),
    Question(
        "spline_overshoot", "case.nii.gz", kind="softmax", classes=3,
        levels={"kind": "amber"},
    ),
    *(
        Question(
            "one_hot_stored_as_float", name, numbers=None, kind="softmax",
            levels={"precision": "red"},
        )
        for name in ("case.npz", "four.nii.gz")
    ),
    Question(
        "segmentation_lacks_classes", "case.nii.gz", {"labels": "seg.nii.gz"}, "file",
        "softmax", 9, {**COMPARED, "agreement": "green amber", "orientation": "green"},
        doors=NOT_PYTHON,
    ),
    Question(
        "postprocessed_segmentation", "case.nii.gz", {"labels": "seg.nii.gz"}, "file",
        "softmax", 3, {**COMPARED, "agreement": "green amber"},
        doors=NOT_PYTHON,
    ),
    Question(
        "class_zero_is_a_tissue", "sub-01_label-GM_probseg.nii.gz", kind="fractions",
        classes=4, levels={"background": "green", "axes": ""},
    ),
    Question(
        "class_zero_is_a_tissue", "sub-01_label-GM_probseg.nii.gz",
        {"labels": "sub-01_dseg.nii.gz"}, kind="fractions", classes=4,
        levels={**COMPARED, "background": "green"}, doors=NOT_PYTHON,
    ),
    Question(
        "units_in_micron", "case.nii.gz", {"labels": "seg.nii.gz"}, "file",
        "softmax", 3, {**PLAIN, **COMPARED}, doors=NOT_PYTHON,
    ),
    *(
        Question("small_voxels", name, {}, "file", "softmax", 3, PLAIN)
        for name in ("v0.1.nii.gz", "v0.002.nii.gz")
    ),
    Question(
        "labels_off_by_the_slope", "case.nii.gz", {"labels": "seg.nii.gz"}, "file",
        "softmax", 7, {**PLAIN, **COMPARED}, doors=NOT_PYTHON,
    ),
    *(
        Question(
            "probabilities_in_per_cent", f"roi_{dtype}.nii.gz", how, "one_channel",
            "foreground", 2, {"kind": "amber"},
        )
        for dtype in ("i1", "u1", "i2", "u2")
        for how in ({}, {"kind": "foreground"})
    ),
    Question(
        "probabilities_in_per_cent", "four_i2.nii.gz", {}, "four", "scaled", 4, PLAIN
    ),
    Question(
        "side_files_with_a_byte_order_mark", "case.npz", kind="softmax", classes=3,
        levels={**PLAIN, "agreement": "green"},
    ),
    Question(
        "converted_copy_beside_its_original", "case.npy", kind="softmax", classes=3,
        levels=PLAIN,
    ),
    *(
        Question(
            "nearly_empty_channel", f"{name}.nii.gz", how, numbers, "foreground", 2,
            PLAIN,
        )
        for name, numbers in (("tract", ""), ("empty", "nothing"))
        for how in ({}, {"kind": "foreground"})
    ),
    *(
        Question(
            "vectors_are_no_logits", f"{name}.nii.gz", numbers=None,
            levels={"axes": "amber"},
        )
        for name in ("sub-01_V1", "warp")
    ),
    Question(
        "vectors_are_no_logits", "sub-01.nii.gz", kind="softmax", classes=3,
        levels=PLAIN,
    ),
    Question(
        "three_sagittal_slices", "case.nii.gz", {"labels": "seg.nii.gz"},
        kind="softmax", classes=3, levels={**PLAIN, **COMPARED}, doors=NOT_PYTHON,
    ),
    *(
        Question(
            "numbered_siblings", path, kind="softmax", classes=4,
            levels={"axes": "amber", "kind": "green"},
        )
        for path in ("numbered", "worded", "numbered/priors1.nii.gz",
                     "worded/p_atlas_background.nii.gz")
    ),
    Question(
        "lesions_below_one_half", "case.nii.gz", {"labels": "lesions.nii.gz"},
        kind="softmax", classes=2, levels={**COMPARED, "agreement": "amber"},
        doors=NOT_PYTHON,
    ),
    Question(
        "time_is_no_ensemble", "case.h5", {"frame": 2}, "frame_2", "softmax", 3, PLAIN,
        doors=("map",),
    ),
    *(
        Question(
            "batch_and_channel_axes", f"{name}.npy", {"kind": "foreground"},
            "one_channel", "foreground", 2, PLAIN,
        )
        for name in ("b1hw", "bhw1", "b11hw")
    ),
    Question(
        "batch_and_channel_axes", "bhwc.npy", {}, "three_classes", "softmax", 3, PLAIN
    ),
)  # fmt: skip

#: What is known to be answered otherwise: question and door (``"*"`` for all), and why.
SCAN = "an image with four axes and negative values is opened as a scan"
ONE_CHANNEL = "an image of a single channel is opened as a scan"
KNOWN = {
    **{
        (f"probabilities_in_per_cent-roi_{dtype}.nii.gz", door): ONE_CHANNEL
        for dtype in ("i1", "u1", "i2", "u2")
        for door in ("window",)
    },
    **{
        (f"nearly_empty_channel-{name}.nii.gz", door): ONE_CHANNEL
        for name in ("tract", "empty")
        for door in ("window",)
    },
    **{
        (f"vectors_are_no_logits-{name}.nii.gz", door): SCAN
        for name in ("sub-01_V1", "warp")
        for door in ("info", "window")
    },
}
