"""Small widgets that docks share: lists of layers, text that wraps, short names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from magicgui.widgets import ComboBox, Label
from napari.layers import Layer
from qtpy.QtCore import QEvent, QModelIndex, QObject, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import (
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

ELLIPSIS = "…"

# A cut name has at least this share of the letters that fit: fewer say too little, even
# if they belong to no other name.
_LEAST = 0.6

#: Signs behind the title of the column that a table is sorted by.
SIGNS = {Qt.SortOrder.AscendingOrder: "▴", Qt.SortOrder.DescendingOrder: "▾"}

#: Rank of a layer, where larger is better; None for one that only a user can choose.
Rank = Callable[[Any], tuple[Any, ...] | None]


# Names of classes, cut so that they still differ from each other.


class ShortNames:
    """Names that are cut so that no two of them become the same.

    *left-superior-temporal-gyrus-anterior-division* differs from its neighbour in the
    middle, where Qt would cut both.

    Parameters
    ----------
    names : iterable of str
        All names that are shown together.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._made: dict[tuple[str, int, int], str] = {}

    def within(self, name: str, letters: int) -> str:
        """Return a name of so many letters at most."""
        key = name, letters, 0
        if key not in self._made:
            self._made[key] = self._cut(name, letters, len)
        return self._made[key]

    def fit(self, name: str, width: int, metrics: QFontMetrics) -> str:
        """Return a name that fits a width, with an ellipsis where it is cut.

        Parameters
        ----------
        name : str
            The name, which need not be among those of this object.
        width : int
            Width in pixels.
        metrics : QFontMetrics
            Metrics of the font.
        """
        key = name, width, metrics.height()
        if key not in self._made:
            self._made[key] = self._cut(name, width, metrics.horizontalAdvance)
        return self._made[key]

    def _cut(self, name: str, width: int, measure: Callable[[str], int]) -> str:
        if measure(name) <= width:
            return name
        most, longest = 0, ELLIPSIS
        for kept in range(len(name) - 1, 1, -1):
            # As many letters from the start as from the end, if possible.
            for head in sorted(range(1, kept), key=lambda n: abs(2 * n - kept)):
                start, end = name[:head], name[len(name) - kept + head :]
                if measure(start + ELLIPSIS + end) > width:
                    continue
                if not most:
                    most, longest = kept, start + ELLIPSIS + end
                if not self._others(name, start, end):
                    return start + ELLIPSIS + end
            if kept < _LEAST * most:
                break
        return longest

    def _others(self, name: str, start: str, end: str) -> bool:
        """Return whether another name begins and ends in the same way."""
        return any(
            other != name and other.startswith(start) and other.endswith(end)
            for other in self.names
        )


class NameCells(QStyledItemDelegate):
    """Cells of a table whose first column has names, cut by :class:`ShortNames`."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.names = ShortNames()

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Cut the name so that it still differs from all others."""
        super().initStyleOption(option, index)
        if index.column() == 0:
            option.text = self.names.fit(option.text, room(option), option.fontMetrics)
            option.textElideMode = Qt.TextElideMode.ElideMiddle


def room(option: QStyleOptionViewItem) -> int:
    """Return the width in pixels for the text of a cell, beside its icon."""
    widget: Any = option.widget
    edge = QStyle.PixelMetric.PM_FocusFrameHMargin
    margin = int(widget.style().pixelMetric(edge)) + 1
    icon = 0 if option.icon.isNull() else option.decorationSize.width() + 2 * margin
    return int(option.rect.width() - icon - 2 * margin)


# Text that wraps, and that no layout cuts off.


class Paragraph(Label):
    """A label as high as its text, however narrow the dock is.

    Qt gives a dock the least height of its widgets, but not for the width that they
    have, so that text that wraps would lose its last lines in a low window.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(value="", **options)
        wrapped(self)
        keep_whole(self.native)


def keep_whole(label: Any) -> None:
    """Keep a label of Qt, whose text wraps, as high as its text."""
    label.setWordWrap(True)
    label.installEventFilter(_Fitting(label))


class _Fitting(QObject):
    """Looks after the height whenever the text is painted, new or at a new width."""

    def eventFilter(self, label: Any, event: QEvent | None) -> bool:
        """Follow the height of the text, and leave the event to the label."""
        if event is not None and event.type() == QEvent.Type.Paint:
            height = max(0, label.heightForWidth(label.width()))
            if height != label.minimumHeight():
                label.setMinimumHeight(height)
        return False


def wrapped(label: Label) -> Label:
    """Let the sentences of a label wrap instead of widening the dock; returns it."""
    label.native.setWordWrap(True)
    label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


# A drop-down list of layers that takes the best fit until the user chooses.


class LayerChoice(ComboBox):
    """Layers to choose from; follows the best ranked one until the user picks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are offered.
    offers : callable
        Returns whether a layer is in the list at all.
    rank : callable
        Returns how well a layer fits, as a tuple of which larger is better, or None for
        a layer that only the user can choose. Of equals, the layer added last wins.
    """

    def __init__(
        self,
        viewer: Any,
        *,
        offers: Callable[[Any], bool],
        rank: Rank,
    ) -> None:
        self._viewer = viewer
        self._rank = rank
        self._offers = offers
        self._picked = False
        self._current: Layer | None = None
        super().__init__(choices=self._offered, nullable=True, value=None)
        self.changed.connect(self._note_pick)

    def _offered(self, _widget: Any = None) -> list[Layer]:
        return [layer for layer in self._viewer.layers if self._offers(layer)]

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list: keep the user's choice, else take the best layer."""
        with self.changed.blocked():
            super().reset_choices()
            offered = self._offered()
            if self._picked and self._current is not None:
                self._picked = self._current in offered
            if not self._picked:
                self._current = self._best(offered)
            self.value = self._current

    def _best(self, offered: list[Layer]) -> Layer | None:
        ranked = [
            (rank, position, layer)
            for position, layer in enumerate(offered)
            if (rank := self._rank(layer)) is not None
        ]
        return max(ranked, key=lambda entry: entry[:2])[2] if ranked else None

    def _note_pick(self, value: Any) -> None:
        self._picked = True
        self._current = value
