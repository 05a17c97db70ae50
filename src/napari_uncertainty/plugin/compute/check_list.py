"""Sentences and checks of a finished map, and a better place for its probabilities.

Probabilities are moved only when the user asks for it, and can be moved back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, Container, Label, PushButton, TextEdit, Widget
from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from napari.utils.transforms import CompositeAffine
from psygnal import Signal
from qtpy.QtWidgets import QFrame, QSizePolicy

from ...case import CaseResult
from ...errors import InputError
from ...model.grid import Grid
from ...model.kinds import KINDS
from ...model.measures import ALL_MEASURES
from ...model.placement import Placement
from ...model.record import Check
from ..viewer.layers import CLASS_AXIS, TRANSFORM
from ..viewer.scan_space import (
    METADATA_KEY,
    ScanSpace,
    layer_grid,
    layer_info,
    reversed_axes,
    source_of,
)
from ..viewer.widgets import wrapped
from .map_request import Request

# Words for who has said what kind the values are.
_WHO = {
    "person": "as you chose",
    "file": "as the file says",
    "convention": "as usual for such files",
    "values": "found from the values",
    "default": "as usual",
}

Array = np.ndarray[Any, Any]

# In the metadata of a layer: its data, transform and metadata before it was moved.
BEFORE = "before_placing"

# Signs besides colours, for people who cannot tell these apart. Both can be read on
# dark and on light.
_SIGNS = {"green": ("✓", "#2fa84f"), "amber": ("▲", "#e0900b"), "red": ("✗", "#e5484d")}

# Least height of the list in pixels, for the few worst checks.
LIST_HEIGHT = 110

_WORST_FIRST = ("red", "amber", "green")


# The list of checks, and buttons to move the probabilities.


class CheckList(Container[Widget]):
    """List of checks, the worst first, with buttons to move the probabilities."""

    #: Emitted after probabilities were moved, or moved back.
    moved = Signal()

    def __init__(self) -> None:
        self._offer: Offer | None = None
        self._layer: Any = None
        # It takes the room of a high dock, and scrolls in a low one.
        self.list = TextEdit(value="")
        self.list.read_only = True
        self.list.min_height = LIST_HEIGHT
        self.list.native.setFrameShape(QFrame.Shape.NoFrame)
        self.list.native.setStyleSheet("background: transparent")
        self.reason = wrapped(Label(value=""))
        # A function, for napari asks for the choices anew whenever layers change.
        self.choice: ComboBox = ComboBox(choices=self._choices)
        self.apply_button = PushButton(text="Apply this placement")
        self.undo_button = PushButton(text="Undo placement")
        super().__init__(
            widgets=[
                self.reason,
                self.choice,
                self.apply_button,
                self.undo_button,
                self.list,
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.native.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
        )
        self.apply_button.changed.connect(self._apply)
        self.undo_button.changed.connect(self._undo)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.show_checks((), None, None)

    def show_checks(
        self, checks: Sequence[Check], offer: Offer | None, layer: Any
    ) -> None:
        """Show the checks of a layer of probabilities, and the offer of a place."""
        self._offer, self._layer = offer, layer
        ranked = sorted(checks, key=lambda one: _WORST_FIRST.index(one.level))
        # Checks of scan and segmentation may have the same sentence.
        lines = dict.fromkeys(map(_line, ranked))
        self.list.native.setHtml("".join(lines))
        self.choice.reset_choices()
        self.reason.value = offer.sentence if offer else ""
        self.list.visible = bool(checks)
        for widget in (self.reason, self.choice, self.apply_button):
            widget.visible = offer is not None
        self.undo_button.visible = can_undo(layer)

    def _choices(self, _widget: Any = None) -> list[str]:
        return list(self._offer.choices) if self._offer else []

    def _apply(self) -> None:
        assert self._offer is not None
        try:
            apply(self._offer, self.choice.value)
        except InputError as error:
            show_error(str(error))
            return
        self.moved.emit()

    def _undo(self) -> None:
        if can_undo(self._layer):
            undo(self._layer)
        self.moved.emit()


def _line(check: Check) -> str:
    sign, colour = _SIGNS[check.level]
    return (
        f'<p style="margin: 2px 0"><span style="color: {colour}">{sign}</span> '
        f"{escape(check.sentence).replace(' %', '&nbsp;%').replace(' mm', '&nbsp;mm')}"
        "</p>"
    )


# Sentences about a finished map.


def report_lines(result: CaseResult, request: Request) -> list[str]:
    """Return total, means, maximum, voxels without data and kind, a line each."""
    numbers = result.statistics(request.measure)
    measure = ALL_MEASURES[request.measure]
    title, unit = measure.title, f" {measure.unit(result.maps.base)}".rstrip()
    where = "the most probable class"
    if request.segmentation is not None and result.trust.foreground is not None:
        where = f"'{request.segmentation.name}'"
    total = f"{numbers.total:,.1f}{unit}"
    mean = f"{numbers.foreground_mean:.4g}{unit}"
    if request.foreground_only:
        lines = [f"Total {title} in the foreground: {total}", f"Mean: {mean}"]
    else:
        lines = [
            f"Total {title}: {total}",
            f"Mean: {numbers.mean:.4g}{unit}",
            f"Mean in the foreground: {mean}",
        ]
    return [
        *lines,
        f"Maximum: {numbers.maximum:.4g}{unit}",
        f"Voxels without data: {numbers.no_data:,}",
        f"Foreground by {where}",
        _kind_line(result, request),
    ]


def _kind_line(result: CaseResult, request: Request) -> str:
    """Return the kind that the values were taken for, and who has said so."""
    maps = result.maps
    who = _WHO[result.interpretation.origin("kind") or "values"]
    line = f"Kind: {KINDS[maps.kind].title}, {who}"
    if maps.channel is not None:
        return f"{line}; '{maps.channel}' alone"
    warm = KINDS[maps.kind].logistic and maps.temperature != 1
    return f"{line}; temperature {maps.temperature:g}" if warm else line


# Another place for probabilities, which is offered if there is evidence for it.


@dataclass(frozen=True, eq=False)
class Offer:
    """Place where a layer of probabilities may belong.

    Attributes
    ----------
    probabilities : Image
        The layer.
    data : array
        Its data when the evidence was found.
    class_axis : int
        Class axis of its data.
    onto : Image or Labels
        The layer whose place it would share.
    grid : Grid or None
        The grid that it would lie on; None for the voxels of that layer.
    choices : dict of str to Placement
        Placements to choose from, by their descriptions.
    sentence : str
        Sentence that gives the reason.
    """

    probabilities: Image
    data: Any
    class_axis: int
    onto: Image | Labels
    grid: Grid | None
    choices: Mapping[str, Placement]
    sentence: str


def offer_of(request: Request, result: CaseResult) -> Offer | None:
    """Return a better place according to the evidence or the scan; None without one."""
    layer, trust = request.probabilities, result.trust
    class_axis = request.class_axis
    if layer.rgb or request.stacked or class_axis is None:
        return None
    search = trust.search
    if search is not None and search.better is not None:
        assert request.segmentation is not None
        assert trust.compared is not None
        # Of equally good ones, the user may know which is right.
        placements = (search.better, *search.ties)
        by_file = layer_grid(request.segmentation) is not None
        if trust.compared.resampled and not by_file:
            return None  # it is for a grid that no layer has
        onto = trust.compared.onto
        axcodes = onto.grid.axcodes if onto.anatomical and onto.grid else None
        choices = {search.describe(one, axcodes): one.placement for one in placements}
        return Offer(
            layer,
            request.data,
            class_axis,
            request.segmentation,
            onto.grid if by_file else None,
            choices,
            f"Where '{layer.name}' and '{request.segmentation.name}' agree better:",
        )
    scan = request.scan
    if request.source.grid is not None or scan is None or layer_grid(scan) is None:
        return None
    fitting = _fitting(request, scan)
    if not fitting:
        return None
    return Offer(
        layer,
        request.data,
        class_axis,
        scan,
        layer_grid(scan),
        fitting,
        f"'{layer.name}' does not say where it lies. If it was made from "
        f"'{scan.name}', it can take its place:",
    )


def apply(offer: Offer, choice: str) -> None:
    """Move the layer of an offer to one of its choices.

    Raises
    ------
    InputError
        If its data were replaced since the offer was made.
    """
    layer, placement = offer.probabilities, offer.choices[choice]
    if layer.data is not offer.data:
        raise InputError(
            f"'{layer.name}' was changed since the checks were made; compute again."
        )
    before = {
        "data": layer.data,
        "metadata": dict(layer.metadata),
        **{name: getattr(layer, name) for name in TRANSFORM},
    }
    values = source_of(layer, offer.class_axis).values
    turned = placement.turn(values)
    earlier = layer_info(layer).get("placement")
    info = {
        **layer_info(layer),
        "role": "probabilities",
        "class_axis": 0,
        "placed": choice,
        "placement": placement if earlier is None else placement.after(earlier),
    }
    if offer.grid is not None:
        box = offer.grid.box(placement.offset, turned.shape[1:])
        space = ScanSpace.of(box)
        data, transform = space.turn.turn(turned), _in_scan_space(space)
        info |= {"grid": box, "affine": box.affine}
        info["geometry_source"] = layer_info(offer.onto).get("source", "")
    else:
        data, transform = turned, _box_transform(offer.onto, placement.offset)
    info[BEFORE] = {**before, "moved": data}
    _set(layer, data, transform, {**layer.metadata, METADATA_KEY: info})


def can_undo(layer: Any) -> bool:
    """Return whether a layer was moved by an offer, and has still the same data."""
    if layer is None or BEFORE not in layer_info(layer):
        return False
    return bool(layer_info(layer)[BEFORE]["moved"] is layer.data)


def undo(layer: Image) -> None:
    """Put a layer back where it was before an offer was applied."""
    before = layer_info(layer)[BEFORE]
    transform = {name: before[name] for name in TRANSFORM}
    _set(layer, before["data"], transform, before["metadata"])


def _fitting(request: Request, scan: Image) -> dict[str, Placement]:
    """Return orders of the axes in which the probabilities have the scan's shape."""
    source, target = request.source, source_of(scan)
    shape = tuple(source.values.shape[1:])
    grid = layer_grid(scan)
    assert grid is not None
    if len(shape) != grid.ndim:
        return {}
    plain, backwards = Placement.as_it_is(grid.ndim), reversed_axes(grid.ndim)
    if source.is_as_shown:  # the layer of another source
        named = {
            "as it is shown": target.turn.inverse(),
            "its axes are z, y, x of the file": backwards,
            "its axes are x, y, z of the file": plain,
        }
    else:  # an array file
        named = {
            "its axes are z, y, x, as nnU-Net writes": plain,
            "its axes are x, y, z, as nibabel reads": backwards,
        }
    fitting: dict[str, Placement] = {}
    for name, placement in named.items():
        if (
            placement.turned_shape(shape) == grid.shape
            and placement not in fitting.values()
        ):
            fitting[name] = placement
    return fitting


def _in_scan_space(space: ScanSpace) -> dict[str, Any]:
    n = len(space.scale) + 1
    return {
        **space.transform((CLASS_AXIS,)),
        "rotate": np.eye(n),
        "shear": np.zeros(n * (n - 1) // 2),
        "affine": np.eye(n + 1),
    }


def _box_transform(onto: Any, offset: tuple[int, ...]) -> dict[str, Any]:
    """Return the transform of a layer from one voxel on, with a class axis in front."""
    n = onto.ndim
    inner = CompositeAffine(
        scale=onto.scale, translate=onto.translate, rotate=onto.rotate,
        shear=onto.shear, ndim=n,
    )  # fmt: skip
    moved = inner.translate + inner.linear_matrix @ np.array(offset)
    rotate, affine = np.eye(n + 1), np.eye(n + 2)
    rotate[1:, 1:], affine[1:, 1:] = onto.rotate, onto.affine.affine_matrix
    # The shear is an upper triangle, row by row; the class axis is not sheared.
    return {
        "scale": (1.0, *onto.scale),
        "translate": (0.0, *moved),
        "rotate": rotate,
        "shear": (*np.zeros(n), *onto.shear),
        "affine": affine,
        "units": ("pixel", *onto.units),
        "axis_labels": (CLASS_AXIS, *onto.axis_labels),
    }


def _set(
    layer: Image, data: Any, transform: Mapping[str, Any], metadata: dict[str, Any]
) -> None:
    limits = layer.contrast_limits
    layer.data = data
    for name in TRANSFORM:
        setattr(layer, name, transform[name])
    layer.metadata = metadata
    layer.contrast_limits = limits
