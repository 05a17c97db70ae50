"""A list of layers to tick: the members that a measure is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from magicgui.widgets import Container, Label, Widget
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy

from ..ensemble import Member
from ..ensemble.members import common
from ..errors import InputError
from ..evidence import evidence_of
from ..fold import as_dask
from ..grid import Grid
from ..io.endings import stem
from ..kinds import KINDS, divisor_of, probabilities_of
from ..matching.orientation import BELONGS
from ..model.background import told_background
from ..probabilities import numbered_class_names
from .class_axis import assumed_class_axis, class_first
from .layers import layer_info
from .members import is_stack, member_of
from .paragraph import wrapped
from .selection import path_of, role_of
from .sources import Source, axes_of

Array = np.ndarray[Any, Any]

# Rows that are shown at once; of more, the list scrolls.
_ROWS = 5

_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class MembersChoice(Container[Widget]):
    """Layers that fit a chosen one, those of the same case ticked at first.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    chosen : callable
        Gives the layer on whose voxels the map will be; it is always a member.
    """

    def __init__(self, viewer: Any, chosen: Callable[[], Image | None]) -> None:
        self._viewer, self._chosen = viewer, chosen
        self._layers: list[Image] = []
        self._wanted = False
        # By the chosen layer and another one, what was decided.
        self._ticks: dict[tuple[Any, Any], bool] = {}
        self._hint = wrapped(Label(value=""))
        super().__init__(widgets=[self._hint], labels=False)
        self.margins = (0, 0, 0, 0)
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.native.layout().insertWidget(0, self.list)
        # As high as the list; what is left of the dock is for the checks.
        self.native.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed
        )
        self.list.itemChanged.connect(self._note_tick)

    @property
    def others(self) -> list[Image]:
        """Ticked layers but the chosen one."""
        return [
            layer
            for row, layer in enumerate(self._layers)
            if row > 0 and self._item(row).checkState() == _CHECKED
        ]

    def offer(self, wanted: bool) -> None:
        """Show the list, or hide it where no measure of members is chosen."""
        self._wanted = wanted
        self.visible = wanted
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """Follow the layers; what was ticked stays so."""
        chosen = self._chosen()
        self._layers, hint = [], ""
        if self._wanted and chosen is not None and not chosen.multiscale:
            if is_stack(chosen, assumed_class_axis(chosen)):
                hint = f"The {chosen.data.shape[0]} along its first axis"
            else:
                self._layers = fitting(self._viewer.layers, chosen, self._axes)
                self._decide()
            if len(self._layers) == 1:
                hint = "No other layer fits; open what another network says."
        self._show()
        self._hint.value = hint
        self._hint.visible = bool(hint)

    @property
    def _axes(self) -> Grid | None:
        return axes_of(self._viewer.layers)

    def _decide(self) -> None:
        """Decide of each new layer whether it is a member at first."""
        keys = {layer: self._key(layer) for layer in self._layers}
        if all(key in self._ticks for key in keys.values()):
            return
        at_first = of_one_case(self._layers, self._axes)
        for layer, key in keys.items():
            self._ticks.setdefault(key, layer in at_first)

    def _key(self, layer: Image) -> tuple[Any, Any]:
        return self._layers[0].unique_id, layer.unique_id

    def _show(self) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for row, layer in enumerate(self._layers):
            item = QListWidgetItem(layer.name)
            item.setToolTip(layer.name)
            ticked = row == 0 or self._ticks[self._key(layer)]
            item.setCheckState(_CHECKED if ticked else _UNCHECKED)
            if row == 0:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
                item.setToolTip(f"{layer.name}: the map will be on its voxels.")
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(bool(self._layers))
        height = sum(self.list.sizeHintForRow(row) for row in range(self.list.count()))
        row_height = max(self.list.sizeHintForRow(0), 1)
        frame = 2 * self.list.frameWidth() + 2
        self.list.setFixedHeight(min(height, _ROWS * row_height) + frame)

    def _note_tick(self, item: QListWidgetItem) -> None:
        layer = self._layers[self.list.row(item)]
        self._ticks[self._key(layer)] = item.checkState() == _CHECKED

    def _item(self, row: int) -> QListWidgetItem:
        item = self.list.item(row)
        assert item is not None
        return item


# So many voxels along each axis are plenty to tell whether two are of one scan.
_LOOKED_AT = 64


def fitting(layers: Iterable[Any], chosen: Image, axes: Grid | None) -> list[Image]:
    """Layers that can be members together with a chosen one, itself first.

    They have as many classes, with the same names where these are known, and the same
    voxels, or known ones that overlap.

    Parameters
    ----------
    layers : iterable of layer
        Those of the viewer.
    chosen : Image
        On whose voxels the map will be.
    axes : Grid or None
        Whose own axes the viewer shows.
    """
    source = _source(chosen, axes)
    first = member_of(chosen, source, source, chosen.name)
    found = [chosen]
    for layer in layers:
        if layer == chosen or not _may_be_probabilities(layer, chosen):
            continue
        other = member_of(layer, _source(layer, axes), source, layer.name)
        with suppress(InputError):
            common((first, other))
            found.append(layer)
    return found


def of_one_case(fitting: Sequence[Image], axes: Grid | None) -> list[Image]:
    """Return which of these layers are members unless somebody says otherwise.

    Those of which the files have the same name as that of the first, or that came with
    it from one sample, and of which the labels agree with it as those of two networks
    for one scan do. Of two patients in the space of a template they do not.

    Parameters
    ----------
    fitting : sequence of Image
        As of :func:`fitting`.
    axes : Grid or None
        Whose own axes the viewer shows.
    """
    chosen = fitting[0]
    own, sample = path_of(chosen), chosen.source.sample
    found, files = [chosen], {own}
    for layer in fitting[1:]:
        path = path_of(layer)
        if own is None or path is None:
            belongs = sample is not None and layer.source.sample == sample
        else:
            belongs = path not in files and stem(path) == stem(own)
        if belongs and _look_alike(layer, chosen, axes):
            found.append(layer)
            files.add(path)
    return found


def _source(layer: Image, axes: Grid | None) -> Source:
    return class_first(layer, assumed_class_axis(layer), axes)


def _may_be_probabilities(layer: Any, chosen: Image) -> bool:
    """Return whether a layer says so or looks like it, or nobody says what it is."""
    role = role_of(layer)
    if role == "probabilities":
        return True
    known = layer_info(layer).get("role") is not None
    return role == "scan" and not known and layer.data.shape == chosen.data.shape


def _look_alike(layer: Image, chosen: Image, axes: Grid | None) -> bool:
    """Return whether the labels of two agree; lazy arrays are not looked at."""
    if as_dask(layer.data) is not None or as_dask(chosen.data) is not None:
        return True
    source = _source(chosen, axes)
    pair = (
        member_of(chosen, source, source, chosen.name),
        member_of(layer, _source(layer, axes), source, layer.name),
    )
    boxes = common(pair).boxes
    one, other = (_labels_of(*of) for of in zip(pair, boxes, strict=True))
    equal = (one == other)[(one != 0) | (other != 0)]
    return not equal.size or float(equal.mean()) >= BELONGS


def _labels_of(member: Member, box: Sequence[slice]) -> Array:
    """The most probable class of some voxels in a box."""
    steps = [max(1, (one.stop - one.start) // _LOOKED_AT) for one in box]
    places = [
        slice(one.start, one.stop, step) for one, step in zip(box, steps, strict=True)
    ]
    values = np.asarray(member.values[(slice(None), *places)])
    kind = member.kind or evidence_of(values.reshape(len(values), -1)).kind
    p = probabilities_of(
        kind, values, member.temperature, divisor_of(member.values.dtype)
    )
    labels: Array = p.argmax(axis=0)
    if KINDS[kind].applied(len(values)).sums_matter:
        names = member.class_names or numbered_class_names(len(values))
        labels = np.array(told_background(names).labels(len(values)))[labels]
    if KINDS[kind].independent:
        labels = np.where(p.max(axis=0) > 0.5, labels + 1, 0)
    return labels
