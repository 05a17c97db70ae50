"""Pictures of several members: the widget, and what two of its measures show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import numpy as np
from picture_tools import (
    WINDOW,
    Array,
    captioned,
    grabbed,
    save,
    settled,
    side_by_side,
    wait_until,
    widened,
    without_space_below,
)

from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.view_planes import frame_case

PANEL = 480  # height and width of one panel, in pixels
MEASURES = ("expected_entropy", "mutual_information")


def picture_members(name: str, folder: Path) -> None:
    """Two folds of one scan, in ``docs/pictures/<name>_members*.png``."""
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    files = ["T1.nii.gz", "fold_0/sub-007.nii.gz"]
    files += [f"fold_{fold}/sub-007.npz" for fold in (0, 1)]
    # First, or a notification would offer it.
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Compute uncertainty")
    for file in files:
        viewer.open(str(folder / file), plugin=PLUGIN)
    settled(viewer)
    maps = [computed(widget, measure) for measure in MEASURES]
    viewer.layers["sub-007"].visible = maps[0].visible = False
    frame_case(viewer)
    viewer.layers.selection = {maps[-1]}
    save(
        f"{name}_members_window",
        settled(viewer).screenshot(canvas_only=False, flash=False),
    )
    dock = widened(widget)
    settled(viewer)
    save(f"{name}_members_widget", without_space_below(grabbed(dock)))
    save(f"{name}_members", side_by_side([shown(viewer, maps, one) for one in maps]))
    viewer.close()


def computed(widget: Any, measure: str) -> Any:
    """The map of a measure, computed by clicking."""
    ended: list[Any] = []
    widget.measure.value, widget.kind.value = measure, "auto"
    widget.computed.connect(ended.append)
    widget.compute_button.native.click()
    wait_until(lambda: bool(ended))
    widget.computed.disconnect(ended.append)
    return ended[0]


def shown(viewer: Any, maps: list[Any], one: Any) -> Array:
    """One of the maps on the scan, with its name and the end of its colours."""
    for layer in maps:
        layer.visible = layer is one
        layer.colorbar.visible = False
    viewer.canvas.size = (PANEL, PANEL)
    frame_case(viewer)
    settled(viewer)
    picture: Array = viewer.screenshot(
        size=(PANEL, PANEL), scale=1, canvas_only=True, flash=False
    )
    measure = one.name.split()[-1].replace("_", " ")
    end = float(np.ravel(one.contrast_limits)[1])
    return captioned(picture, f"{measure}, 0 to {end:g} bits")
