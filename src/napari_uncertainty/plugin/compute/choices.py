"""Choices in the dock: the measure, the meaning of the values, and the members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, Container, FloatSpinBox, Label, Widget
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy

from ...compare.orientation import BELONGS
from ...engine.dask_arrays import as_dask
from ...engine.ensemble.members import Member, common
from ...engine.evidence import evidence_of
from ...errors import InputError
from ...io.endings import stem
from ...model.background import Background, told_background
from ...model.grid import Grid
from ...model.interpretation import NO_BACKGROUND, Interpretation
from ...model.kinds import AUTO, KINDS, divisor_of, probabilities_of
from ...model.measures import ALL_MEASURES, ENSEMBLE_MEASURES, Measure
from ...model.probabilities import numbered_class_names
from ..viewer.class_axis import assumed_class_axis, class_first
from ..viewer.layer_roles import is_stack, member_of, path_of, role_of
from ..viewer.layers import BASE_BY_UNIT
from ..viewer.scan_space import Source, axes_of, layer_info
from ..viewer.widgets import wrapped

#: Least and largest temperature by which logits can be divided.
TEMPERATURES = (0.05, 50.0)

_ALL_CHANNELS = ("All together", -1)

_AUTOMATIC = ("Automatic", "")
_NONE = ("None of them", NO_BACKGROUND)

Array = np.ndarray[Any, Any]

# Rows that are shown at once; with more, the list scrolls.
_ROWS = 5

_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked

# Most voxels along each axis that are compared to see whether two are of one scan.
_COMPARED = 64


# Choice of the measure, and of the meaning of the values.


class MeasureChoice(ComboBox):
    """All measures, those of one member first.

    Parameters
    ----------
    value : str
        The measure that is chosen at first.
    """

    def __init__(self, value: str) -> None:
        super().__init__(
            choices=[(_title(one), name) for name, one in ALL_MEASURES.items()],
            value=value,
        )

    @property
    def measure(self) -> Measure:
        """The chosen measure."""
        return ALL_MEASURES[self.value]

    @property
    def is_of_members(self) -> bool:
        """Return whether the chosen measure is of several members."""
        return self.value in ENSEMBLE_MEASURES


class ValueFields(Container[Widget]):
    """Unit of the map, kind of the values, and fields that only some kinds have.

    Logits have a temperature, one of independent channels can be chosen, and one of
    exclusive classes can be the background.

    Parameters
    ----------
    unit, kind, temperature : str, str, float
        Choices at first.
    """

    def __init__(self, unit: str, kind: str, temperature: float) -> None:
        self.unit = ComboBox(label="Unit", choices=list(BASE_BY_UNIT), value=unit)
        self.kind = ComboBox(
            label="Kind",
            choices=[
                ("Automatic", AUTO),
                *((one.title, name) for name, one in KINDS.items()),
            ],
            value=kind,
        )
        low, high = TEMPERATURES
        self.temperature = FloatSpinBox(
            label="Temperature",
            min=low,
            max=high,
            step=0.05,
            value=temperature,
            tooltip="Logits are divided by it; above 1, the network is less sure.",
        )
        self._channels = [_ALL_CHANNELS]
        self.channel = ComboBox(
            label="Channel",
            # A function, for it is called again whenever layers come or go.
            choices=lambda _: self._channels,
            tooltip="Which of the independent channels the map is of.",
        )
        self._backgrounds = [_AUTOMATIC, _NONE]
        self.background = ComboBox(
            label="Background",
            choices=lambda _: self._backgrounds,
            tooltip="The class that means nothing; all others are foreground. "
            "Automatic: as names, the tool or the values tell, or else the first.",
        )
        fields = (
            self.unit, self.kind, self.temperature, self.channel, self.background,
        )  # fmt: skip
        super().__init__(widgets=fields)
        self.channel.visible = False
        self.margins = (0, 0, 0, 0)
        self.kind.changed.connect(self._explain)
        self._explain()

    @property
    def chosen_kind(self) -> str | None:
        """Key of :data:`.KINDS` that is chosen; None where it is to be found."""
        kind: str = self.kind.value
        return None if kind == AUTO else kind

    @property
    def interpretation(self) -> Interpretation:
        """Interpretation that is chosen; only logits have a temperature."""
        kind, channel = self.chosen_kind, int(self.channel.value)
        logits = kind is not None and KINDS[kind].logistic
        return Interpretation(
            kind,
            float(self.temperature.value) if logits else 1.0,
            channel=None if channel == _ALL_CHANNELS[1] else channel,
            background=self.background.value or None,
        )

    def offer_channels(self, names: Sequence[str]) -> None:
        """Offer these channels; the choice stays if they are the same as before."""
        channels = [(name, number) for number, name in enumerate(names)]
        if self._channels[1:] != channels:
            self._channels = [_ALL_CHANNELS, *channels]
            self.channel.reset_choices()
            self.channel.value = _ALL_CHANNELS[1]
        self.channel.visible = bool(names)

    def offer_backgrounds(self, names: Sequence[str]) -> None:
        """Offer these classes; the choice stays if they are the same as before."""
        classes = [
            (name, Background(number).name(names)) for number, name in enumerate(names)
        ]
        backgrounds = [_AUTOMATIC, *classes, _NONE]
        if self._backgrounds != backgrounds:
            # magicgui adds new choices behind those that stay, so none may stay.
            for self._backgrounds in ([_AUTOMATIC], backgrounds):
                self.background.reset_choices()
        self.background.visible = bool(names)

    def _explain(self) -> None:
        kind = self.chosen_kind
        self.temperature.visible = kind is not None and KINDS[kind].logistic
        if kind is None:
            self.kind.tooltip = "What the file says, or else what the values show."
        else:
            self.kind.tooltip = f"{KINDS[kind].meaning}\n{KINDS[kind].formula}"


def _title(measure: Measure) -> str:
    """Return the title of a measure for a list in a narrow dock."""
    title = measure.title[0].upper() + measure.title[1:]
    if measure.name not in ENSEMBLE_MEASURES:
        return title
    return f"{title.removesuffix(' divergence')} (members)"


# The list of members to tick.


class MembersChoice(Container[Widget]):
    """Layers that fit a chosen one, those of the same case ticked at first.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are offered.
    chosen : callable
        Returns the layer on whose voxels the map will be, which is always a member.
    """

    def __init__(self, viewer: Any, chosen: Callable[[], Image | None]) -> None:
        self._viewer, self._chosen = viewer, chosen
        self._layers: list[Image] = []
        self._offered = False
        # Whether a layer is ticked, by the chosen layer and that layer.
        self._ticks: dict[tuple[Any, Any], bool] = {}
        self._hint = wrapped(Label(value=""))
        super().__init__(widgets=[self._hint], labels=False)
        self.margins = (0, 0, 0, 0)
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.native.layout().insertWidget(0, self.list)
        # As high as the list, for the rest of the dock is for the checks.
        self.native.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed
        )
        self.list.itemChanged.connect(self._note_tick)

    @property
    def others(self) -> list[Image]:
        """Ticked layers without the chosen one."""
        return [
            layer
            for row, layer in enumerate(self._layers)
            if row > 0 and self._item(row).checkState() == _CHECKED
        ]

    def offer(self, of_members: bool) -> None:
        """Show the list if the chosen measure is of members, else hide it."""
        self._offered = of_members
        self.visible = of_members
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """Follow the layers; those that were ticked stay so."""
        chosen = self._chosen()
        self._layers, hint = [], ""
        if self._offered and chosen is not None and not chosen.multiscale:
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
        """Decide for each new layer whether it is ticked at first."""
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


def fitting(layers: Iterable[Any], chosen: Image, axes: Grid | None) -> list[Image]:
    """Return the layers that can be members together with a chosen one, itself first.

    They have as many classes, with the same names where these are known, and the same
    voxels, or grids that overlap.

    Parameters
    ----------
    layers : iterable of layer
        The layers of the viewer.
    chosen : Image
        The layer on whose voxels the map will be.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.
    """
    source = _source(chosen, axes)
    first = member_of(chosen, source, source, chosen.name)
    members = [chosen]
    for layer in layers:
        if layer == chosen or not _may_be_probabilities(layer, chosen):
            continue
        other = member_of(layer, _source(layer, axes), source, layer.name)
        with suppress(InputError):
            common((first, other))
            members.append(layer)
    return members


def of_one_case(fitting: Sequence[Image], axes: Grid | None) -> list[Image]:
    """Return the layers among these that belong to one case with the first.

    Their files have the same name as that of the first, or they came with it from one
    sample, and their labels agree with it as those of two networks for one scan do. The
    labels of two patients in the space of a template do not agree so well.

    Parameters
    ----------
    fitting : sequence of Image
        Layers, as returned by :func:`fitting`.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.
    """
    chosen = fitting[0]
    own, sample = path_of(chosen), chosen.source.sample
    members, files = [chosen], {own}
    for layer in fitting[1:]:
        path = path_of(layer)
        if own is None or path is None:
            belongs = sample is not None and layer.source.sample == sample
        else:
            belongs = path not in files and stem(path) == stem(own)
        if belongs and _look_alike(layer, chosen, axes):
            members.append(layer)
            files.add(path)
    return members


def _source(layer: Image, axes: Grid | None) -> Source:
    return class_first(layer, assumed_class_axis(layer), axes)


def _may_be_probabilities(layer: Any, chosen: Image) -> bool:
    """Return whether a layer is probabilities, or an image of the same shape."""
    role = role_of(layer)
    if role == "probabilities":
        return True
    known = layer_info(layer).get("role") is not None
    return role == "scan" and not known and layer.data.shape == chosen.data.shape


def _look_alike(layer: Image, chosen: Image, axes: Grid | None) -> bool:
    """Return whether the labels of two layers agree; lazy arrays are not read."""
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
    """Return the most probable class of some voxels in a box."""
    steps = [max(1, (one.stop - one.start) // _COMPARED) for one in box]
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
