"""The class slider says which class it is at: *class: gray matter*."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from .layers import layer_info
from .viewer.layers import CLASS_AXIS

# What a name is written behind; "class 2" needs no second one.
_BEFORE_NAME = (f"{CLASS_AXIS}: ", f"{CLASS_AXIS} ")

_followed: WeakSet[Any] = WeakSet()


def name_classes(viewer: Any) -> None:
    """Write the name of the shown class beside its slider, from now on.

    To be called when there are probabilities; called again, it does nothing. The
    callbacks are kept by the viewer, and end with it.
    """
    if viewer in _followed:
        return
    _followed.add(viewer)

    def show(*_: Any) -> None:
        show_class(viewer)

    layers, dims = viewer.layers, viewer.dims
    for event in (
        dims.events.current_step,
        # napari writes the labels of the layers again whenever one of these changes.
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

    An axis that the user calls something else keeps its name.
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
    """Axis of the viewer that runs over classes, and where it is; no name if none.

    Of several layers whose classes share the slider, the selected one counts, else the
    topmost that is visible, else the topmost.
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
