"""Follow-up on layers that came into a viewer: names, places, framing, outlines."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import WeakSet, ref

from napari.utils.notifications import (
    Notification,
    NotificationSeverity,
    notification_manager,
)
from npe2 import PluginManager

from .alignment import align
from .class_slider import name_classes
from .layers import layer_info
from .preferences import preferences
from .viewer.color_bars import title_color_bars
from .viewer.framing import frame_unless_moved
from .viewer.in_3d import in_3d
from .viewer.outlines import outline_classes

# What napari adds to a name that is there already.
_NUMBER = re.compile(r" \[\d+\]$")

# napari hands over the files of a drop one by one. What comes within so many seconds
# after the layers of another file were added is of the same drop.
_ONE_DROP = 1.0

PLUGIN = "napari-uncertainty"

#: The dock that computes maps: its command, and its name in napari's menu.
COMPUTE, COMPUTE_NAME = f"{PLUGIN}.compute", "Compute uncertainty"

#: What is said where probabilities came, beside the button that opens the dock.
OFFER = "Class probabilities are open."

#: As napari calls a dock that is opened from its menu, which then shows and hides it.
DOCK_NAME = f"{COMPUTE_NAME} (Uncertainty)"

_greeted: WeakSet[Any] = WeakSet()
_offered: WeakSet[Any] = WeakSet()


class Drop:
    """Files that are opened together."""

    def __init__(self) -> None:
        self._waiting, self._added_at = 0, -math.inf

    @property
    def goes_on(self) -> bool:
        """Return whether a file that is read now came with those before."""
        return self._waiting > 0 or time.monotonic() - self._added_at < _ONE_DROP

    def receive_soon(self) -> None:
        """Receive the layers of a file once napari has added them."""
        from napari import current_viewer
        from qtpy.QtCore import QTimer

        viewer = current_viewer()
        if viewer is None:
            return

        def added() -> None:
            self._waiting -= 1
            self._added_at = time.monotonic()
            receive(viewer)
            if not self._waiting:
                offer_to_compute(viewer)

        self._waiting += 1
        QTimer.singleShot(0, added)


drop = Drop()


def receive(viewer: Any) -> None:
    """Name what is new, resample what is tilted, and go to where the case is.

    What is as it should be stays so, however often this is called.
    """
    tell_apart(viewer.layers)
    for layer in viewer.layers:
        role = layer_info(layer).get("role")
        if role == "probabilities":
            name_classes(viewer)
        if role == "map" and _file_of(layer) is not None and layer not in _greeted:
            introduce_map(viewer, layer)
    align(viewer)
    outline_classes(viewer)
    frame_unless_moved(viewer)


def introduce_map(viewer: Any, layer: Any) -> None:
    """Show a new map with its colour bar and what that measures, and as a cut in 3D."""
    in_3d(viewer)
    layer.colorbar.visible = preferences().colorbar
    title_color_bars(viewer)
    _greeted.add(layer)


class _Offer(Notification):  # type: ignore[misc]
    """A notification with a button, beside which napari writes its source."""

    @property
    def source(self) -> str:
        """The name of this plugin; else it would be the address of an object."""
        return PLUGIN


def offer_to_compute(viewer: Any) -> None:
    """Offer to open *Compute uncertainty* where probabilities came, and it is closed.

    Once in each window, and not where there is a map already.
    """
    window = getattr(viewer, "window", None)
    layers = {layer_info(one).get("role"): one for one in viewer.layers}
    if "probabilities" not in layers or window is None or viewer in _offered:
        return
    if "map" in layers or _computes(window):
        return
    _offered.add(viewer)
    held = ref(viewer)
    notification_manager.dispatch(
        _Offer(
            OFFER,
            NotificationSeverity.INFO,
            # The notification outlives the viewer.
            actions=[(COMPUTE_NAME, lambda _: open_compute(held()))],
        )
    )


def open_compute(viewer: Any) -> None:
    """Open *Compute uncertainty*, as napari's menu does; once is enough."""
    if viewer is not None and not _computes(viewer.window):
        widget = PluginManager.instance().commands.get(COMPUTE)(viewer)
        viewer.window.add_dock_widget(widget, name=DOCK_NAME)


def _computes(window: Any) -> bool:
    """Tell whether the dock is open, from the menu or by its name."""
    return any(name.startswith(COMPUTE_NAME) for name in window.dock_widgets)


def tell_apart(layers: Iterable[Any]) -> None:
    """Put the folder in front of names that layers from several folders share.

    ``fold_0/sub-007 probabilities`` and ``fold_1/sub-007 probabilities``. What the user
    calls otherwise keeps its name.
    """
    by_name: dict[Any, list[Any]] = {}
    for layer in layers:
        folder = _folder_of(layer)
        if folder:
            bare = _NUMBER.sub("", layer.name).removeprefix(f"{folder}/")
            by_name.setdefault((layer_info(layer)["role"], bare), []).append(layer)
    for (_, bare), namesakes in by_name.items():
        if len({_folder_of(layer) for layer in namesakes}) < 2:
            continue
        for layer in namesakes:
            name = f"{_folder_of(layer)}/{bare}"
            if _NUMBER.sub("", layer.name) != name:
                layer.name = name


def _folder_of(layer: Any) -> str:
    """Name of the folder that a layer was read from; empty where it was not."""
    path = _file_of(layer)
    return "" if path is None else path.parent.name


def _file_of(layer: Any) -> Path | None:
    """The file that a layer was read from."""
    info = layer_info(layer)
    if not info.get("role"):
        return None
    # Of a map, what it was made from is its source here.
    opened = layer.source.path if info["role"] == "map" else info.get("source")
    return Path(opened) if opened else None
