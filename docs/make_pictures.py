"""Make the pictures of the documentation from real runs of the plugin.

``make docs`` runs it on the sample. The pictures of the fetal brain need its files,
which are not part of this repository: ``--feta FOLDER`` names a folder with T1.nii.gz,
reference_segmentation.nii.gz, fold_0/sub-007.npz, fold_0/sub-007.nii.gz and the same of
fold_1. Without it, the pictures of it that are there are left alone. ``--inspect``
makes only those of the widget *Inspect uncertainty*, ``--review`` those of *Review
uncertainty*, ``--members`` those of several networks for one scan.

``--every-view FOLDER`` writes no picture of the documentation, but sheets with every
view of all cases, one of 33 structures among them, in both themes, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from picture_tools import (
    GAP,
    PICTURES,
    WINDOW,
    Array,
    Volume,
    captioned,
    fetal_case,
    grabbed,
    save,
    settled,
    side_by_side,
    wait_until,
    widened,
    without_space_below,
)
from pictures_inspect import picture_inspect
from pictures_members import picture_members
from pictures_review import picture_review
from pictures_views import animation, generated_case, picture_every_view
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtWidgets import QDockWidget

from napari_uncertainty.compare.resampling import iter_resample
from napari_uncertainty.io import open_volume
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.images import LabelMap, Scan
from napari_uncertainty.plugin.session import compute, open_case, poster
from napari_uncertainty.plugin.viewer.arrival import align
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.view_planes import frame_case
from napari_uncertainty.sample import mni152_case
from napari_uncertainty.steps import run

PANEL = 480  # height and width of one panel, in pixels
POSTER_WIDTH = 1400

# Shown axes (vertical, horizontal) of scan space's z, y, x, which run to Inferior,
# Posterior and Left, and what lies at the left, right, top and bottom edge.
VIEWS = {
    "axial": ((1, 2), "RLAP"),
    "coronal": ((0, 2), "RLSI"),
    "sagittal": ((0, 1), "APSI"),
}


def main() -> None:
    """Make the pictures of the sample and, where there is one, of the fetal case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feta", type=Path, metavar="FOLDER")
    parser.add_argument("--inspect", action="store_true")
    parser.add_argument("--review", action="store_true")
    parser.add_argument("--members", action="store_true")
    parser.add_argument("--every-view", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.feta is not None:
            # Reviews are written beside the images.
            arguments.feta = shutil.copytree(arguments.feta, Path(scratch, "feta"))
        make(arguments)


def make(arguments: argparse.Namespace) -> None:
    """Make what is asked for."""
    folder = arguments.feta
    if arguments.every_view is not None:
        picture_every_view("sample", mni152_case(), arguments.every_view)
        picture_every_view("generated", generated_case(), arguments.every_view)
        if folder is not None:
            picture_every_view("feta", fetal_case(folder, 1), arguments.every_view)
        return
    PICTURES.mkdir(exist_ok=True)
    only = arguments.inspect or arguments.review or arguments.members
    if not only:
        picture_case("sample", mni152_case())
        if folder is not None:
            picture_case("feta", fetal_case(folder, 1))
            animation("feta", fetal_case(folder, 1))
            picture_errors("feta", folder)
            picture_mirrored("feta", folder)
            picture_tilts("feta", folder)
    if folder is not None and (arguments.members or not only):
        picture_members("feta", folder)
    if folder is not None and (arguments.inspect or not only):
        picture_inspect("feta", fetal_case(folder, 1))
    if arguments.review or not only:
        picture_review("sample", mni152_case())
        if folder is not None:
            picture_review("feta", fetal_case(folder, 1))


def picture_case(name: str, volumes: Iterable[Volume]) -> None:
    """Everything that one case shows, in ``docs/pictures/<name>_*.png``."""
    viewer = open_case(volumes)
    viewer.window.resize(*WINDOW)
    compute(viewer)
    dock = widened_dock(viewer)
    frame_case(viewer)
    save(f"{name}_window", settled(viewer).screenshot(canvas_only=False, flash=False))
    save(f"{name}_widget", without_space_below(grabbed(dock)))
    panels = poster(viewer, lambda busy: wait_until(lambda: not busy()))
    save(f"{name}_poster", panels, width=POSTER_WIDTH)
    save(f"{name}_steps", panels[: len(panels) // 2], width=POSTER_WIDTH)
    viewer.close()


def picture_errors(name: str, folder: Path) -> None:
    """Entropy beside the voxels that differ from the reference, for two networks."""
    reference = open_volume(folder / "reference_segmentation.nii.gz")
    assert isinstance(reference, LabelMap)
    rows = []
    for fold in (0, 1):
        panels = []
        scan, segmentation, probabilities = fetal_case(folder, fold)
        viewer = open_case((scan, reference, probabilities))
        viewer.window.resize(*WINDOW)
        entropy = compute(viewer)
        wrong = (segmentation.data != reference.data).astype(np.uint8)
        data, options, _ = to_layer(LabelMap(wrong, segmentation.grid, name="wrong"))
        options |= {
            "opacity": 0.8,
            "colormap": DirectLabelColormap(
                color_dict={None: "transparent", 0: "transparent", 1: "#F3C300"}
            ),
        }
        # No segmentation, which would be outlined.
        options["metadata"] = {METADATA_KEY: {"role": "highlight"}}
        errors = viewer.add_labels(data, **options)
        for layer in viewer.layers[1:]:
            layer.visible = False
        for layer, caption in ((entropy, "entropy in bits"), (errors, "wrong voxels")):
            layer.visible = True
            panels.append(view(viewer, *VIEWS["axial"], f"fold {fold}: {caption}"))
            layer.visible = False
        rows.append(side_by_side(panels))
        viewer.close()
    gap = np.full((GAP, *rows[0].shape[1:]), 128, np.uint8)
    save(f"{name}_errors", np.vstack([rows[0], gap, rows[1]]))


def picture_mirrored(name: str, folder: Path) -> None:
    """What the widget says of a softmax that was mirrored on purpose."""
    scan, segmentation, probabilities = fetal_case(folder, 1)
    mirrored = replace(probabilities, values=probabilities.values[:, ::-1])
    viewer = open_case((scan, segmentation, mirrored))
    viewer.window.resize(*WINDOW)
    compute(viewer)
    widened_dock(viewer)
    frame_case(viewer)
    window = settled(viewer).screenshot(canvas_only=False, flash=False)
    save(f"{name}_mirrored", window)
    viewer.close()


def picture_tilts(name: str, folder: Path) -> None:
    """A scan and an upright copy of it in one viewer, in a checkerboard."""
    scan, segmentation, _ = fetal_case(folder, 1)
    upright = scan.grid.along(Grid(scan.grid.shape, np.eye(4)))
    values = run(iter_resample(scan.data, scan.grid, upright))
    viewer = open_case((scan, segmentation, Scan(values, upright, name="upright")))
    align(viewer)
    copy = viewer.layers["upright"]
    while copy.data.shape == values.shape[::-1]:
        settled(viewer)
    copy.colormap = "inferno"
    viewer.layers.move(viewer.layers.index(copy), len(viewer.layers))
    viewer.layers.move(viewer.layers.index(viewer.layers[segmentation.name]), 1)
    viewer.layers[1].visible = False
    panels = []
    for plane in VIEWS:
        pair = []
        for visible in (False, True):
            copy.visible = visible
            pair.append(view(viewer, *VIEWS[plane], plane))
        rows, columns = np.indices((PANEL, PANEL)) // (PANEL // 6)
        squares = ((rows + columns) % 2).astype(bool)[..., np.newaxis]
        panels.append(np.where(squares, *pair))
    save(f"{name}_tilts", side_by_side(panels))
    viewer.close()


def view(viewer: Any, shown: tuple[int, int], edges: str, caption: str) -> Array:
    """One view through the middle of the segmentation, with its directions named."""
    segmentation = viewer.layers[1]
    segmented = np.nonzero(segmentation.data)
    corners = [[f(axis) for axis in segmented] for f in (np.min, np.max)]
    box = np.array([segmentation.data_to_world(corner) for corner in corners])
    middle, size = box.mean(axis=0), np.ptp(box, axis=0)
    before = viewer.dims.ndim - 3
    (sliced,) = {0, 1, 2} - set(shown)
    viewer.canvas.size = (PANEL, PANEL)
    viewer.dims.order = (*range(before), *(axis + before for axis in (sliced, *shown)))
    viewer.dims.set_point(range(before, before + 3), middle)
    viewer.scene.camera.center = (0, *middle[list(shown)])
    viewer.scene.camera.zoom = 0.82 * PANEL / float(size[list(shown)].max())
    settled(viewer)
    picture = viewer.screenshot(
        size=(PANEL, PANEL), scale=1, canvas_only=True, flash=False
    )
    return with_letters(picture, edges, caption)


def with_letters(picture: Array, edges: str, caption: str) -> Array:
    """The picture with a letter at each edge and a caption in the corner below."""
    image = Image.fromarray(picture[..., :3])
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=20)
    width, height = image.size
    places = ((14, height / 2), (width - 14, height / 2), (width / 2, 16))
    for letter, place in zip(edges, (*places, (width / 2, height - 16)), strict=True):
        draw.text(place, letter, "white", font, anchor="mm")
    return captioned(np.asarray(image), caption)


def widened_dock(viewer: Any) -> QDockWidget:
    """The dock of the only widget, wide enough for its title."""
    (widget,) = viewer.window.dock_widgets.values()
    return widened(widget)


if __name__ == "__main__":
    main()
