"""All that is public of a viewer and its layers at some moment, to be compared."""

import numpy as np

from napari_uncertainty.plugin.viewer.class_outlines import NAME as OUTLINES

#: What a layer's own data tuple does not tell.
PARTS = ("name_overlay", "colorbar", "bounding_box", "contour", "selected_label")


def snapshot(viewer):
    """The state of layers, in their order, and of the viewer around them."""
    return {
        # Outlines of classes belong to the 2D view, and come and go with it.
        "layers": [
            layer_state(layer)
            for layer in viewer.layers
            if not layer.name.startswith(OUTLINES)
        ],
        "selection": {layer.name for layer in viewer.layers.selection},
        "active": getattr(viewer.layers.selection.active, "name", None),
        "dims": {
            name: getattr(viewer.dims, name)
            for name in ("ndisplay", "order", "point", "rollable", "axis_labels")
        },
        "camera": {
            name: getattr(viewer.scene.camera, name)
            for name in (
                "zoom", "angles", "perspective", "mouse_pan", "mouse_zoom",
                "orientation", "synced",
            )
        } | {"center": viewer.scene.camera.center[-viewer.dims.ndisplay :]},
        "grid": viewer.canvas.grid.model_dump(),
        "tiling": viewer.canvas.overlay_tiling.model_dump(),
        "overlays": {
            key: overlay.model_dump()
            for key, overlay in viewer.canvas.overlays.items()
            if not key.startswith("class_")  # the legend
        },
        "scene overlays": {
            key: overlay.model_dump() for key, overlay in viewer.scene.overlays.items()
        },
        "tooltip": viewer.tooltip.visible,
        "mouse": {
            name: len(getattr(viewer, f"mouse_{name}_callbacks"))
            for name in ("move", "drag", "wheel", "double_click")
        },
        "keys": sorted(map(str, viewer.keymap)),
    }  # fmt: skip


def layer_state(layer):
    """Everything that napari would save of a layer, and what belongs to it."""
    _, state, kind = layer.as_layer_data_tuple()
    parts = {}
    for name in PARTS:
        if hasattr(layer, name):
            part = getattr(layer, name)
            parts[name] = part.model_dump() if hasattr(part, "model_dump") else part
    if hasattr(layer, "plane"):
        parts["plane"] = layer.plane.model_dump()
    planes = layer.experimental_clipping_planes
    return {
        **state, **parts, "kind": kind, "data": layer.data,
        "layer": id(layer),
        "clipped": [plane.model_dump() for plane in planes],
    }  # fmt: skip


def differences(before, after, path=""):
    """Where two snapshots differ, one line each; empty where they are the same."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in {**before, **after}
            for line in differences(
                before.get(key, "nothing"), after.get(key, "nothing"), f"{path}/{key}"
            )
        ]
    both = (list, tuple)
    if isinstance(before, both) and isinstance(after, both):
        if len(before) != len(after):
            return [f"{path}: {len(before)} became {len(after)}"]
        return [
            line
            for place, pair in enumerate(zip(before, after, strict=True))
            for line in differences(*pair, f"{path}/{place}")
        ]
    if before is after or _same(before, after):
        return []
    return [f"{path}: {before!r:.80} became {after!r:.80}"]


def _same(before, after):
    if isinstance(before, float) and isinstance(after, float):
        return bool(np.isclose(before, after, rtol=1e-6, atol=1e-9, equal_nan=True))
    if np.shape(before) != np.shape(after):
        return False
    return bool(np.all(np.asarray(before == after)))
