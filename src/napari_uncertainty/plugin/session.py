"""The main job without clicks: layers in a viewer, the map computed, a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import napari
from napari.utils.io import imsave
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow

from ..errors import InputError
from ..images import LabelMap, Scan
from ..io.written_maps import WrittenMap
from ..probabilities import ProbabilityMap
from .alignment import aligning
from .arrival import PLUGIN, introduce_map, receive
from .layers import layer_info
from .poster import poster
from .viewer.framing import frame_case
from .viewer.layers import Volume, add_volume


def run_case(volumes: Iterable[Volume], screenshot: Path | None = None) -> Path | None:
    """Open a case, compute its map, and hand the window to the user.

    Where a map is among what is opened, none is computed. With `screenshot`, write a
    picture there instead and close; returns its path.

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
    """The topmost map that was opened from a file; None where there is none."""
    maps = [one for one in viewer.layers if layer_info(one).get("role") == "map"]
    return maps[-1] if maps else None


def compute(viewer: Any) -> Any:
    """Open *Compute uncertainty*, click Compute and wait; the map layer or None.

    It waits for what has to be resampled to be shown, too, but for nothing once the
    window is closed.
    """
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Compute uncertainty")
    # What was chosen for another case need not fit this one.
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
    """Let the window work until it is done."""
    loop, timer = QEventLoop(), QTimer()

    def look() -> None:
        if not busy():
            loop.quit()

    timer.timeout.connect(look)
    timer.start(20)
    if busy():
        loop.exec()


def _wait_unless_closed(busy: Callable[[], bool]) -> None:
    """Let the window work until it is done, or closed by somebody."""
    _wait_while(lambda: busy() and _has_window())
