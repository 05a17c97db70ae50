"""The look of all plots: small, in the colours of the window, without buttons."""

from __future__ import annotations

from html import escape
from typing import Any

# Before pyqtgraph, which takes the Qt binding that is loaded already.
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontInfo, QMouseEvent, QPalette, QWheelEvent

import pyqtgraph as pg  # isort: skip


# Text in a plot, as a part of the size of text around it.
TEXT_SIZE = 0.85

# In pixels. The left axis has one width, so that plots below each other align.
LEFT_WIDTH = 44
LABELLED_LEFT_WIDTH = 52
BOTTOM_HEIGHT = 32
TITLE_HEIGHT = 16
HEIGHT = 120

# In pixels, at the right and below: half of the last number, and letters like (.
_MARGINS = (0, 0, 12, 3)

# How far beside a line, in pixels, the pointer still takes hold of it.
GRIP = 5

# Axes are fainter than text.
_AXIS_ALPHA = 0.5


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot in the colours of the window around it.

    It neither zooms nor pans: the wheel is left to the dock, which scrolls.

    Parameters
    ----------
    left : str, optional
        Label of the vertical axis.
    """

    #: Where on the horizontal axis the left button is pressed, and dragged to.
    pointed = pg.QtCore.Signal(float)

    _built = False
    _held = False

    def __init__(self, left: str = "") -> None:
        super().__init__(axisItems={"left": _ValueAxis("left")})
        self._colors: tuple[QColor, QColor] | None = None
        self._title = ""
        self._labels = {"left": left, "bottom": ""}
        self._lines: list[Any] = []
        self.setMouseEnabled(False, False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        # Keys stay with the viewer after a click.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.disableAutoRange()
        self.scene().setClickRadius(GRIP)
        for axis in self._axes():
            axis.enableAutoSIPrefix(False)
            axis.setStyle(maxTickLevel=1, hideOverlappingLabels=_MARGINS[2])
        self.getAxis("left").setWidth(LABELLED_LEFT_WIDTH if left else LEFT_WIDTH)
        self.getAxis("bottom").setHeight(BOTTOM_HEIGHT)
        self.plotItem.layout.setContentsMargins(*_MARGINS)
        self.setMinimumHeight(HEIGHT)
        self._built = True
        self._follow()

    def sizeHint(self) -> QSize:
        """Return the least height at which it can be read; the layout may give more."""
        return QSize(200, HEIGHT)

    @property
    def foreground(self) -> QColor:
        """Colour of text."""
        assert self._colors is not None
        return self._colors[0]

    @property
    def background(self) -> QColor:
        """Colour behind everything."""
        assert self._colors is not None
        return self._colors[1]

    def set_title(self, title: str) -> None:
        """Write this above the plot."""
        self._title = title
        self._write()

    def set_bottom_label(self, label: str) -> None:
        """Write this below the horizontal axis."""
        self._labels["bottom"] = label
        self._write()

    def add_line(
        self, style: Qt.PenStyle = Qt.PenStyle.SolidLine, *, movable: bool = False
    ) -> Any:
        """Add a vertical line in the colour of text, not shown yet."""
        line = pg.InfiniteLine(angle=90, movable=movable)
        line.style = style
        line.setZValue(10)
        line.hide()
        self._lines.append(line)
        self.addItem(line, ignoreBounds=True)
        self._color()
        return line

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window into another theme."""
        super().changeEvent(event)
        # Events come before the plot is built, and after it was closed.
        alive = self._built and self.plotItem is not None
        if alive and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self._follow()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what is around the plot."""
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Tell where the left button was pressed inside the axes."""
        super().mousePressEvent(event)
        place = self.mapToScene(event.position().toPoint())
        inside = self.getViewBox().sceneBoundingRect().contains(place)
        self._held = inside and event.button() == Qt.MouseButton.LeftButton
        self._point(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the pointer is dragged to."""
        super().mouseMoveEvent(event)
        self._point(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell no more."""
        super().mouseReleaseEvent(event)
        self._held = False

    def _point(self, event: QMouseEvent) -> None:
        if self._held:
            place = self.mapToScene(event.position().toPoint())
            self.pointed.emit(float(self.getViewBox().mapSceneToView(place).x()))

    def _axes(self) -> tuple[Any, Any]:
        return self.getAxis("left"), self.getAxis("bottom")

    def _text_size(self) -> float:
        # The font itself does not tell points where a style gives pixels.
        return TEXT_SIZE * float(QFontInfo(self.font()).pointSizeF())

    def _follow(self) -> None:
        palette = self.palette()
        colors = (
            palette.color(QPalette.ColorRole.WindowText),
            palette.color(QPalette.ColorRole.Window),
        )
        # One new theme brings several events.
        if colors == self._colors:
            return
        self._colors = colors
        self._color()
        self._write()

    def _color(self) -> None:
        self.setBackground(self.background)
        faint = seen_through(self.foreground, _AXIS_ALPHA)
        font = QFont(self.font())
        font.setPointSizeF(self._text_size())
        for axis in self._axes():
            axis.setPen(faint)
            axis.setTextPen(self.foreground)
            axis.setTickFont(font)
        for line in self._lines:
            line.setPen(self.foreground, width=1, style=line.style)
            line.setHoverPen(self.foreground, width=3, style=line.style)

    def _write(self) -> None:
        size, color = f"{self._text_size():.1f}pt", self.foreground.name()
        title = escape(self._title) or None
        self.setTitle(title, size=size, color=color)
        if title:
            # There is twice as much by default.
            self.plotItem.titleLabel.setMaximumHeight(TITLE_HEIGHT)
            self.plotItem.layout.setRowFixedHeight(0, TITLE_HEIGHT)
        for side, label in self._labels.items():
            axis = self.getAxis(side)
            axis.setLabel(escape(label), **{"font-size": size, "color": color})
            axis.showLabel(bool(label))


class _ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis that writes 25k for 25000, to stay narrow."""

    def tickStrings(
        self, values: list[float], scale: float, spacing: float
    ) -> list[str]:
        largest = max(map(abs, self.range))
        if self.logMode or largest < 10_000:
            return list(super().tickStrings(values, scale, spacing))
        factor, prefix = pg.siScale(largest)
        return [f"{value * factor:g}{prefix if value else ''}" for value in values]


def seen_through(color: QColor, alpha: float) -> QColor:
    """The same colour, seen through."""
    faint = QColor(color)
    faint.setAlphaF(alpha * color.alphaF())
    return faint
