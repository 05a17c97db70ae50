"""A list of layers to tick: the members that a measure is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import Container, Label, Widget
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy

from ..grid import Grid
from .check_list import wrapped
from .class_axis import assumed_class_axis
from .members import fitting, is_stack, of_one_case
from .sources import axes_of

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
        """For each new layer, whether it is a member at first."""
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
