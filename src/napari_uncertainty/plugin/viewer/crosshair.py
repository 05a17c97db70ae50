"""Lines on a canvas that cross at one place of the world, its name and letters."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QLineF, QPointF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QWidget

from ..inspect.letters import has_letters, letters_of
from ..sources import axes_of

Array = np.ndarray[Any, Any]

# A bright line on a dark one, as marks have it, and their widths in pixels.
COLORS = (QColor(0, 16, 24, 170), QColor(0, 229, 255))
WIDTHS = (3.0, 1.0)

# The edge of letters, which are white: they are read on a white canvas, too.
EDGE = QColor(0, 16, 24)

# Sizes of the name and of letters, in points, and where they stand, in pixels.
NAME_SIZE, LETTER_SIZE, MARGIN = 10, 13, 8.0

#: What is left open around the place, to each side, in pixels.
GAP = 9.0


class CrossHair(QWidget):
    """Two lines on a plane, or three in 3D, that leave their crossing open.

    They lie on the canvas and not in it: so they are as thin at any zoom, are above all
    layers, cost no drawing of these, and are in no layer list.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        What the canvas shows.
    canvas : QWidget
        Where it is shown.
    corners : ndarray, shape (2, 3)
        Opposite corners of the box that lines in 3D end at, in the world (z, y, x).
    name : str
        What is written in the corner.
    """

    def __init__(self, viewer: Any, canvas: QWidget, corners: Array, name: str) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas, self._corners = viewer, canvas, corners
        self.name = name
        #: Where they cross, in the world (z, y, x).
        self.place = np.zeros(3)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        canvas.installEventFilter(self)
        self.setGeometry(canvas.rect())
        self.show()

    def show_place(self, place: Array) -> None:
        """Cross at a place in the world (z, y, x)."""
        self.place = np.array(place)
        self.update()

    def follow(self, *_: Any) -> None:
        """Draw the lines where the place is seen now."""
        self.update()

    def stop(self) -> None:
        """Take the lines away."""
        self._canvas.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    @property
    def crossing(self) -> Array:
        """Return where they cross, in pixels from the left and the top."""
        return self.seen(self.place)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Stay as large as the canvas."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return bool(super().eventFilter(watched, event))

    def paintEvent(self, _event: Any) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lines = [QLineF(QPointF(*a), QPointF(*b)) for a, b in self._lines()]
        for color, width in zip(COLORS, WIDTHS, strict=True):
            painter.setPen(QPen(color, width))
            for line in lines:
                painter.drawLine(line)
        self._write(painter)
        painter.end()

    def _write(self, painter: QPainter) -> None:
        """Write the name and the letters, white with a dark edge."""
        texts = {"name": self.name}
        layers = self._viewer.layers
        if axes_of(layers) is not None and not has_letters(self._viewer):
            texts |= letters_of(self._viewer)
        path = QPainterPath()
        for where, text in texts.items():
            font = QFont(self.font())
            font.setPointSizeF(NAME_SIZE if where == "name" else LETTER_SIZE)
            path.addText(self._corner(where, text, QFontMetricsF(font)), font, text)
        painter.strokePath(path, QPen(EDGE, WIDTHS[0]))
        painter.fillPath(path, QColor("white"))

    def _corner(self, where: str, text: str, metrics: QFontMetricsF) -> QPointF:
        """Return where a text begins."""
        width, height = metrics.horizontalAdvance(text), metrics.capHeight()
        x, y = (self.width() - width) / 2, (self.height() + height) / 2
        if where in ("left", "name"):
            x = MARGIN
        elif where == "right":
            x = self.width() - MARGIN - width
        if where == "top":
            y = MARGIN + height
        elif where in ("bottom", "name"):  # classes are named above
            y = self.height() - MARGIN
        return QPointF(x, y)

    def _lines(self) -> list[tuple[Array, Array]]:
        lines = []
        for start, end in self._whole_lines():
            for edge in (start, end):
                length = float(np.linalg.norm(edge - self.crossing))
                if length > GAP:
                    near = self.crossing + (edge - self.crossing) * (GAP / length)
                    lines.append((near, edge))
        return lines

    def _whole_lines(self) -> list[tuple[Array, Array]]:
        x, y = self.crossing
        if self._viewer.dims.ndisplay == 2:
            # On a pixel, for thin lines between two are pale.
            x, y = np.floor(x) + 0.5, np.floor(y) + 0.5
            right, bottom = float(self.width()), float(self.height())
            return [
                (np.array([0.0, y]), np.array([right, y])),
                (np.array([x, 0.0]), np.array([x, bottom])),
            ]
        lines = []
        for axis in range(3):
            low, high = self.place.copy(), self.place.copy()
            low[axis], high[axis] = self._corners[:, axis]
            lines.append((self.seen(low), self.seen(high)))
        return lines

    def seen(self, place: Array) -> Array:
        """Return where a place of the world (z, y, x) is seen, in pixels."""
        return seen_at(self._viewer, self._canvas, place)


def seen_at(viewer: Any, canvas: QWidget, place: Array) -> Array:
    """Return a place of the world on a canvas, in pixels from the left and the top.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        What the canvas shows, without perspective.
    canvas : QWidget
        Where it is shown.
    place : ndarray, shape (3,)
        In the world (z, y, x).
    """
    camera, dims = viewer.scene.camera, viewer.dims
    axes = [axis - dims.ndim for axis in dims.displayed]
    offset = place[axes] - np.array(camera.center[-len(axes) :])
    _, vertical, horizontal = camera.orientation
    if dims.ndisplay == 2:
        down = offset[0] * (1 if str(vertical) == "down" else -1)
        right = offset[1] * (1 if str(horizontal) == "right" else -1)
    else:
        up = np.array(camera.up_direction)
        across = np.cross(camera.view_direction, up)
        if str(camera.handedness) != "right":
            across = -across
        down, right = -(offset @ up), offset @ across
    middle = np.array([canvas.width(), canvas.height()]) / 2
    seen: Array = middle + np.array([right, down]) * camera.zoom
    return seen
