"""Layers that came into a viewer: their names, places, outlines and framing.

napari cannot slice a rotated layer. So the viewer shows all images along the axes of
one of them, a scan if there is one, and an image with another tilt is shown resampled
onto those axes. The original is kept in the metadata of its layer, and it is the
original that is measured and written.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Generator, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.notifications import (
    Notification,
    NotificationSeverity,
    notification_manager,
    show_error,
    show_info,
)
from npe2 import PluginManager

from ...compare.resampling import iter_resample
from ...model.grid import Grid
from .class_outlines import outline_classes
from .in_3d import in_3d
from .jobs import Job
from .layers import CLASS_AXIS, preferences
from .legends import title_color_bars
from .scan_space import (
    METADATA_KEY,
    ORIGINAL,
    SHOWN_GRID,
    ScanSpace,
    layer_grid,
    layer_info,
    leader_of,
    shown_grid,
    source_of,
)
from .view_planes import frame_unless_moved

# Beginnings of an axis label with the name of a class: *class: gray matter*, and for
# classes that are called so already, *class 2*.
_BEFORE_NAME = (f"{CLASS_AXIS}: ", f"{CLASS_AXIS} ")

# Viewers in which names of classes are written beside their slider.
_followed: WeakSet[Any] = WeakSet()

Array = np.ndarray[Any, Any]

#: An image is shown along other axes without resampling if no voxel is off by more than
#: this share of its size.
SHOWN_TOLERANCE_VOXELS = 0.1

# Layers that are being resampled.
_jobs: WeakKeyDictionary[Layer, Job[Any]] = WeakKeyDictionary()

# Number that napari adds to a name that another layer has.
_NUMBER = re.compile(r" \[\d+\]$")

# napari hands over the files of a drop one by one. A file that comes within so many
# seconds after the layers of another one were added belongs to the same drop.
_ONE_DROP = 1.0

PLUGIN = "napari-uncertainty"

#: The dock that computes maps: its command, and its name in napari's menu.
COMPUTE, COMPUTE_NAME = f"{PLUGIN}.compute", "Compute uncertainty"

#: Text of the notification with a button that opens the dock.
OFFER = "Class probabilities are open."

#: Title that napari gives the dock when its menu opens it. Under any other title, the
#: menu would not show and hide it.
DOCK_NAME = f"{COMPUTE_NAME} (Uncertainty)"

# Maps that were introduced, and viewers in which the dock was offered.
_introduced: WeakSet[Any] = WeakSet()
_offered: WeakSet[Any] = WeakSet()


# Layers that were opened: their names, outlines and framing, and what is offered then.


class Drop:
    """Files that are opened together."""

    def __init__(self) -> None:
        self._waiting, self._added_at = 0, -math.inf

    @property
    def goes_on(self) -> bool:
        """Return whether a file that is read now belongs to the files before it."""
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
    """Name new layers, resample tilted ones, outline classes and frame the case.

    To be called whenever layers came; called again, it changes nothing.
    """
    tell_apart(viewer.layers)
    for layer in viewer.layers:
        role = layer_info(layer).get("role")
        if role == "probabilities":
            name_classes(viewer)
        if role == "map" and _file_of(layer) is not None and layer not in _introduced:
            introduce_map(viewer, layer)
    align(viewer)
    outline_classes(viewer)
    frame_unless_moved(viewer)


def introduce_map(viewer: Any, layer: Any) -> None:
    """Show a new map with a titled colour bar, and as a cut in 3D."""
    in_3d(viewer)
    layer.colorbar.visible = preferences().colorbar
    title_color_bars(viewer)
    _introduced.add(layer)


class _Offer(Notification):  # type: ignore[misc]
    """Notification with a button, beside which napari writes its source."""

    @property
    def source(self) -> str:
        """Name of this plugin, for napari would write the address of the button."""
        return PLUGIN


def offer_to_compute(viewer: Any) -> None:
    """Offer to open *Compute uncertainty* if probabilities came and it is closed.

    The offer is made once in each window, and not where there is a map already.
    """
    window = getattr(viewer, "window", None)
    roles = {layer_info(one).get("role") for one in viewer.layers}
    if "probabilities" not in roles or window is None or viewer in _offered:
        return
    if "map" in roles or _computes(window):
        return
    _offered.add(viewer)
    held = ref(viewer)  # the notification outlives the viewer
    notification_manager.dispatch(
        _Offer(
            OFFER,
            NotificationSeverity.INFO,
            actions=[(COMPUTE_NAME, lambda _: open_compute(held()))],
        )
    )


def open_compute(viewer: Any) -> None:
    """Open *Compute uncertainty* as napari's menu does, unless it is open."""
    if viewer is not None and not _computes(viewer.window):
        widget = PluginManager.instance().commands.get(COMPUTE)(viewer)
        viewer.window.add_dock_widget(widget, name=DOCK_NAME)


def _computes(window: Any) -> bool:
    """Return whether *Compute uncertainty* is open, from the menu or by its name."""
    return any(name.startswith(COMPUTE_NAME) for name in window.dock_widgets)


def tell_apart(layers: Iterable[Any]) -> None:
    """Put the folder in front of names that layers from several folders share.

    The names are then such as ``fold_0/sub-007 probabilities`` and ``fold_1/sub-007
    probabilities``. A layer that the user has renamed keeps its name.
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
    """Return the name of the folder that a layer was read from; else an empty text."""
    path = _file_of(layer)
    return "" if path is None else path.parent.name


def _file_of(layer: Any) -> Path | None:
    """Return the file that a layer was read from; None where it was not."""
    info = layer_info(layer)
    if not info.get("role"):
        return None
    # The metadata of a map name the file that it was made from.
    opened = layer.source.path if info["role"] == "map" else info.get("source")
    return Path(opened) if opened else None


# Images with another tilt than the scan, resampled in the background.


def align(viewer: Any) -> None:
    """Resample images that are tilted against the viewer's axes, in the background.

    Probabilities stay along their own axes: they are as large as all classes together,
    and are hidden below their map, which is resampled.
    """
    leader = leader_of(viewer.layers)
    if leader is None:
        return
    axes = shown_grid(leader)
    assert axes is not None
    for layer in viewer.layers:
        grid, shown = layer_grid(layer), shown_grid(layer)
        if (
            grid is None
            or shown is None
            or grid.ndim != 3
            or layer_info(layer).get("role") == "probabilities"
            or layer in _jobs
            or not tilted(shown, axes)
        ):
            continue
        if not tilted(grid, axes):
            _show_on_grid(layer, source_of(layer).values, grid)
        else:
            _resample(viewer, layer, grid, axes, leader.name)


def aligning(viewer: Any) -> bool:
    """Return whether a layer of this viewer is being resampled."""
    return any(layer in _jobs for layer in viewer.layers)


def tilted(grid: Grid, axes: Grid) -> bool:
    """Return whether an image has to be resampled to be shown along these axes."""
    return grid.drift_along(axes) > SHOWN_TOLERANCE_VOXELS * float(grid.zooms.min())


def _resample(viewer: Any, layer: Any, grid: Grid, axes: Grid, name: str) -> None:
    """Begin to resample a layer, which is hidden until it can be shown in its place."""
    original, data = source_of(layer).values, layer.data
    leading = original.ndim - grid.ndim  # axes of a scan over time
    labels = isinstance(layer, Labels)
    target = grid.along(axes)
    visible, layer.visible = layer.visible, False

    def removed(event: Any) -> None:
        if event.value == layer:  # one of them may be wrapped
            job.cancel()
            end()

    def end() -> None:
        _jobs.pop(layer, None)
        viewer.layers.events.removed.disconnect(removed)

    def done(values: Array) -> None:
        layer.visible = visible
        if layer.data is not data:  # replaced meanwhile
            align(viewer)
            return
        _show_on_grid(layer, values, grid, target, original)
        how = "nearest voxels" if labels else "linear interpolation"
        show_info(
            f"'{layer.name}' is tilted by {grid.tilt_against(axes):.1f}° against "
            f"'{name}', so it is shown resampled onto its axes ({how}). What is "
            "measured and saved is the original."
        )

    def refused(sentence: str) -> None:
        layer.visible = visible
        show_error(sentence)

    viewer.layers.events.removed.connect(removed)
    job = _jobs[layer] = Job(
        partial(_steps, original, leading, grid, target, labels),
        on_end=end,
        on_result=done,
        on_refused=refused,
    )


def _steps(
    original: Any,
    leading: int,
    grid: Grid,
    target: Grid,
    labels: bool,
) -> Generator[float, None, Array]:
    """Resample values, whose further axes are in front here and last in the core."""
    values = np.moveaxis(np.asarray(original), range(leading), range(-leading, 0))
    # Outside of a CT there is air, at -1000.
    fill = 0 if labels else float(values.min(where=np.isfinite(values), initial=0))
    resampled = yield from iter_resample(
        values, grid, target, nearest=labels, fill=fill
    )
    return np.moveaxis(resampled, range(-leading, 0), range(leading))


def _show_on_grid(
    layer: Any,
    values: Array,
    grid: Grid,
    shown: Grid | None = None,
    original: Any = None,
) -> None:
    """Let a layer show values on its grid, or those resampled onto another one."""
    space = ScanSpace.of(shown or grid)
    leading = values.ndim - grid.ndim
    info = dict(layer_info(layer))
    for name in (ORIGINAL, SHOWN_GRID):
        info.pop(name, None)
    if shown is not None:
        info |= {ORIGINAL: original, SHOWN_GRID: shown}
    layer.data = space.turn.turn(values)
    layer.scale = (*layer.scale[:leading], *space.scale)
    layer.translate = (*layer.translate[:leading], *space.translate)
    layer.metadata = {**layer.metadata, METADATA_KEY: info}
    if isinstance(layer, Labels):
        # Strokes that are painted on resampled labels would be lost.
        layer.editable = shown is None


# The name of the shown class beside its slider, as in *class: gray matter*.


def name_classes(viewer: Any) -> None:
    """Write the name of the shown class beside its slider, from now on.

    To be called when there are probabilities; called again, it does nothing. The
    viewer keeps the callbacks, and they end with it.
    """
    if viewer in _followed:
        return
    _followed.add(viewer)

    def show(*_: Any) -> None:
        show_class(viewer)

    layers, dims = viewer.layers, viewer.dims
    for event in (
        dims.events.current_step,
        # At each of these, napari takes the axis labels of the layers again.
        dims.events.axis_labels,
        layers.events.inserted,
        layers.events.removed,
        layers.events.reordered,
        layers.selection.events.active,
    ):
        event.connect(show)
    show()


def show_class(viewer: Any) -> None:
    """Write the name of the class that is shown now.

    An axis that the user has named otherwise keeps its name.
    """
    axis, name = _shown_class(viewer)
    labels = [
        CLASS_AXIS if label.startswith(_BEFORE_NAME) else label
        for label in viewer.dims.axis_labels
    ]
    if name and labels[axis] == CLASS_AXIS:
        own = name.startswith(_BEFORE_NAME)
        labels[axis] = name if own else f"{_BEFORE_NAME[0]}{name}"
    if tuple(labels) != tuple(viewer.dims.axis_labels):
        viewer.dims.axis_labels = tuple(labels)


def _shown_class(viewer: Any) -> tuple[int, str]:
    """Return the axis of the viewer that runs over classes, and the name of its class.

    The name is empty where there is no such axis. If several layers share the slider,
    the selected one counts, else the topmost that is visible, else the topmost.
    """
    dims, active = viewer.dims, viewer.layers.selection.active
    named = [layer for layer in viewer.layers if _names(layer)]
    if not named:
        return 0, ""
    layer = max(named, key=lambda one: (one == active, one.visible, named.index(one)))
    own = layer_info(layer)["class_axis"]
    axis = dims.ndim - layer.ndim + own
    if not 0 <= axis < dims.ndim:  # the viewer is about to have as many axes
        return 0, ""
    step = (dims.point[axis] - layer.translate[own]) / layer.scale[own]
    number, names = round(float(step)), _names(layer)
    return axis, names[number] if 0 <= number < len(names) else ""


def _names(layer: Any) -> list[str]:
    """Return the names of the classes along an axis of a layer; empty without one."""
    info = layer_info(layer)
    if info.get("role") != "probabilities" or "class_axis" not in info:
        return []
    return [str(name) for name in info.get("class_names", ())]
