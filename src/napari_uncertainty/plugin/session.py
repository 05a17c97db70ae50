"""A case in a window without clicks: open it, compute its map, and take a picture.

The picture shows scan, segmentation and map in one slice and, below them, four views,
surfaces and a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import napari
import numpy as np
from napari.utils.io import imsave
from qtpy.QtCore import QEventLoop, QRect, Qt, QTimer
from qtpy.QtGui import QColor, QFont, QImage, QPainter
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow
from superqt.utils import qimage_to_array

from ..errors import InputError
from ..io.map_files import WrittenMap
from ..model.images import LabelMap, Scan
from ..model.probabilities import ProbabilityMap
from .viewer.arrival import PLUGIN, aligning, introduce_map, receive
from .viewer.class_outlines import outline_classes
from .viewer.four_views import FourViews
from .viewer.layers import Volume, add_volume
from .viewer.legends import title_of
from .viewer.scan_space import layer_info
from .viewer.view_planes import frame_case, picture

Array = np.ndarray[Any, Any]

#: Width and height of a panel, and height of the title above it, in pixels.
PANEL, TITLE = (640, 560), 44

# Height of the parts of the window above and below the view, in pixels.
_AROUND = 90

_GAP = 8
_PER_ROW = 3
_BACKGROUND = QColor(24, 25, 28)
_FONT_SIZE = 22  # in pixels

Wait = Callable[[Callable[[], bool]], None]


# A case in a window.


def run_case(volumes: Iterable[Volume], screenshot: Path | None = None) -> Path | None:
    """Open a case, compute its map, and hand the window to the user.

    No map is computed if one is among the volumes. With `screenshot`, a picture is
    written to that path instead and the window closed; returns the path.

    Raises
    ------
    InputError
        If a picture was asked for and nothing could be computed.
    """
    viewer = open_case(volumes)
    layer = _opened_map(viewer)
    if layer is None:
        layer = compute(viewer)
    else:
        _wait_while(lambda: aligning(viewer))
    frame_case(viewer)
    if screenshot is None:
        if _has_window():  # somebody may have closed it meanwhile
            napari.run()
        return None
    if layer is not None:
        imsave(str(screenshot), poster(viewer, _wait_unless_closed))
    viewer.close()
    if layer is None:
        raise InputError("Nothing was computed, so there is no picture.")
    return screenshot.resolve()


def open_case(volumes: Iterable[Volume]) -> Any:
    """Open a viewer with these volumes, the scan below and maps on top."""
    viewer = napari.Viewer()
    order = (Scan, LabelMap, ProbabilityMap, WrittenMap)
    for volume in sorted(volumes, key=lambda one: order.index(type(one))):
        layer = add_volume(viewer, volume)
        if isinstance(volume, WrittenMap):
            introduce_map(viewer, layer)
    receive(viewer)
    return viewer


def _opened_map(viewer: Any) -> Any:
    """Return the topmost map that was opened from a file; None without one."""
    maps = [one for one in viewer.layers if layer_info(one).get("role") == "map"]
    return maps[-1] if maps else None


def compute(viewer: Any) -> Any:
    """Open *Compute uncertainty*, click Compute and wait; return the map or None.

    It also waits until tilted images are resampled, but no longer than until the window
    is closed.
    """
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Compute uncertainty")
    # The defaults may come from another case, and need not fit this one.
    widget.measure.value, widget.kind.value = "entropy", "auto"
    outcome: list[Any] = []
    loop = QEventLoop()

    def ended(layer: Any) -> None:
        outcome.append(layer)
        loop.quit()

    widget.computed.connect(ended)
    widget.destroyed.connect(loop.quit)
    widget.compute_button.native.click()
    if not outcome:
        loop.exec()
    widget.computed.disconnect(ended)
    _wait_while(lambda: aligning(viewer))
    return outcome[0] if outcome else None


def _has_window() -> bool:
    windows = QApplication.topLevelWidgets()
    return any(isinstance(one, QMainWindow) and one.isVisible() for one in windows)


def _wait_while(busy: Callable[[], bool]) -> None:
    """Let the window work as long as a function returns True."""
    loop, timer = QEventLoop(), QTimer()

    def look() -> None:
        if not busy():
            loop.quit()

    timer.timeout.connect(look)
    timer.start(20)
    if busy():
        loop.exec()


def _wait_unless_closed(busy: Callable[[], bool]) -> None:
    """Let the window work as long as a function returns True and it is open."""
    _wait_while(lambda: busy() and _has_window())


# The picture of a case: six panels with titles.


class Panel(NamedTuple):
    """Picture of a poster, with its title.

    Attributes
    ----------
    title : str
        Title of the picture.
    pixels : ndarray of uint8, shape (height, width, 4)
        The picture.
    """

    title: str
    pixels: Array


def poster(viewer: Any, wait_while: Wait) -> Array:
    """Return a picture of the topmost map in several views.

    The viewer is not put back, so this is to be called just before it is closed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        A viewer with a map and a window.
    wait_while : callable
        Called with a function; lets the window work as long as that returns True.

    Returns
    -------
    ndarray of uint8, shape (height, width, 4)
        For flat images, only the upper row.
    """
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    following = widget.following
    wait_while(lambda: following.subject is not None and following.findings is None)
    window: Any = widget.window()
    for dock in window.findChildren(QDockWidget):
        dock.hide()
    QApplication.processEvents()
    window.resize(PANEL[0], PANEL[1] + _AROUND)
    QApplication.processEvents()
    panels = _slices(viewer, following.map.value, following.segmentation.value)
    if following.findings is not None and following.map.value.ndim == 3:
        panels.append(_four_views(viewer, wait_while))
        for scene, title in (("Surface", "Surface"), ("Cut-away", "Cut")):
            widget.views.show_scene(scene)
            wait_while(lambda: widget.views.waiting.isVisibleTo(widget))
            # A sagittal cut in the midline may show hardly anything but fluid.
            widget.views.buttons.cut_axis.setCurrentText("Coronal")
            panels.append(Panel(title, _seen(viewer)))
    return joined(panels)


def _slices(viewer: Any, shown: Any, segmentation: Any) -> list[Panel]:
    """Return pictures of the middle slice: scan, segmentation and map on the scan."""
    outlines = outline_classes(viewer)
    classes = [] if segmentation is None else [segmentation]
    contents = {"Scan": [], "Segmentation": classes, "Uncertainty": [*classes, shown]}
    if not classes:
        del contents["Segmentation"]
    panels = []
    for title, seen in contents.items():
        for layer in (*classes, shown):
            layer.visible = layer in seen
        outlines.fill(title == "Segmentation")
        frame_case(viewer)
        if layer in seen:
            measured = title_of(shown)
            title = measured[0].upper() + measured[1:]
        panels.append(Panel(title, _seen(viewer)))
    return panels


def _four_views(viewer: Any, wait_while: Wait) -> Panel:
    views = FourViews.of(viewer)
    assert views is not None
    views.enter()
    wait_while(lambda: views.shown and not views.ready)
    QApplication.processEvents()
    seen = views.grab()
    views.leave()
    return Panel("Four views", qimage_to_array(seen))


def _seen(viewer: Any) -> Array:
    QApplication.processEvents()
    return picture(viewer, *PANEL)


def joined(panels: Sequence[Panel]) -> Array:
    """Return panels in rows of three, each with its title above it.

    Parameters
    ----------
    panels : sequence of Panel
        Pictures that are larger than a panel are made smaller.

    Returns
    -------
    ndarray of uint8, shape (height, width, 4)
    """
    columns = min(len(panels), _PER_ROW)
    rows = -(-len(panels) // _PER_ROW)
    width, height = PANEL[0] + _GAP, PANEL[1] + TITLE + _GAP
    image = QImage(
        columns * width + _GAP, rows * height + _GAP, QImage.Format.Format_ARGB32
    )
    image.fill(_BACKGROUND)
    painter = QPainter(image)
    painter.setRenderHints(
        QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing
    )
    font = QFont()
    font.setPixelSize(_FONT_SIZE)
    painter.setFont(font)
    painter.setPen(QColor("white"))
    for place, panel in enumerate(panels):
        row, column = divmod(place, _PER_ROW)
        left, top = _GAP + column * width, _GAP + row * height
        painter.drawText(
            QRect(left + 6, top, PANEL[0] - 6, TITLE),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            panel.title,
        )
        pixels = np.ascontiguousarray(panel.pixels)
        data: Any = pixels.data
        shot = QImage(
            data, pixels.shape[1], pixels.shape[0], 4 * pixels.shape[1],
            QImage.Format.Format_RGBA8888,
        ).scaled(
            *PANEL,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )  # fmt: skip
        painter.drawImage(left + (PANEL[0] - shot.width()) // 2, top + TITLE, shot)
    painter.end()
    joined_up: Array = qimage_to_array(image)
    return joined_up
