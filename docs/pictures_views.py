"""Every view of a case: as sheets of windows in both themes, and as an animation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from picture_tools import (
    PICTURES,
    Array,
    Volume,
    captioned,
    settled,
    wait_until,
)
from PIL import Image

from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.images import LabelMap, Scan
from napari_uncertainty.model.probabilities import ProbabilityMap
from napari_uncertainty.plugin.inspect.scenes import PRESETS
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.class_outlines import outline_classes
from napari_uncertainty.plugin.viewer.four_views import FourViews
from napari_uncertainty.plugin.viewer.view_planes import frame_case, picture

WINDOW = (1280, 720)
THEMES = ("dark", "light")
COLUMNS = 3
WIDTH = 860  # of a window on a sheet

FRAME = (520, 450)  # of the animation

SHAPE = (72, 88, 72)
SIDES = ("left", "right")


def picture_every_view(name: str, volumes: Iterable[Volume], folder: Path) -> None:
    """Write a sheet with every view for each theme, ``<name>_<theme>.png``."""
    volumes = list(volumes)
    for theme in THEMES:
        viewer = open_case(volumes)
        viewer.theme = theme
        viewer.window.resize(*WINDOW)
        windows = [captioned(shot, title) for title, shot in every_view(viewer)]
        viewer.close()
        path = folder / f"{name}_{theme}.png"
        Image.fromarray(sheet(windows)).save(path)
        print(path)


def every_view(viewer: Any) -> Iterator[tuple[str, Array]]:
    """The whole window in each view, as the buttons show it."""
    yield "opened", window(viewer)
    compute(viewer)
    yield "computed", window(viewer)
    outlines = outline_classes(viewer)
    outlines.fill(True)
    yield "filled", window(viewer)
    outlines.fill(False)
    _, review = viewer.window.add_plugin_dock_widget(PLUGIN, "Review uncertainty")
    wait_until(lambda: review.desk.opened is not None)
    yield "review", window(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    wait_until(lambda: widget.following.findings is not None)
    buttons = widget.views.buttons.buttons
    for plane in ("Coronal", "Sagittal", "Axial"):
        buttons[plane].click()
        yield plane.lower(), window(viewer)
    for scene in ("3D", *PRESETS):
        for chosen in ((), (2, 3)):
            if chosen and scene == "3D":
                continue
            widget.classes.select(chosen)
            press(buttons[scene], widget)
            with_classes = ", two classes" if chosen else ""
            yield f"{scene.lower()}{with_classes}", window(viewer)
    widget.classes.select([])
    buttons["Axial"].click()
    press(buttons["Side by side"], widget)
    yield "side by side", window(viewer)
    press(buttons["3D"], widget)
    yield "side by side in 3D", window(viewer)
    press(buttons["Side by side"], widget)
    buttons["Axial"].click()
    views = FourViews.of(viewer)
    assert views is not None
    views.enter()
    wait_until(lambda: views.ready)
    yield "four views", window(viewer)
    views.leave()
    tab_of = {widget.tabs.tabText(n): n for n in range(widget.tabs.count())}
    for tab in ("Slices", "Numbers", "Display", "Save"):
        widget.tabs.setCurrentIndex(tab_of[tab])
        yield tab.lower(), window(viewer)


def press(button: Any, widget: Any) -> None:
    """Click a button, and wait for surfaces; as many as there are."""
    button.click()
    waiting = widget.views.waiting
    if waiting.isVisible() and waiting.go_on.isVisible():
        waiting.go_on.click()
    wait_until(lambda: not waiting.isVisible())


def window(viewer: Any) -> Array:
    """The whole window."""
    shot: Array = settled(viewer).screenshot(canvas_only=False, flash=False)
    return shot[..., :3]


def sheet(windows: Iterable[Array]) -> Array:
    """Pictures of one shape in rows, made smaller."""
    small = []
    for shot in windows:
        image = Image.fromarray(shot)
        height = round(WIDTH * image.height / image.width)
        small.append(
            np.asarray(image.resize((WIDTH, height), Image.Resampling.LANCZOS))
        )
    small += [np.zeros_like(small[0])] * (-len(small) % COLUMNS)
    rows = [small[n : n + COLUMNS] for n in range(0, len(small), COLUMNS)]
    return np.vstack([np.hstack(row) for row in rows])


def generated_case(n_structures: int = 33) -> tuple[Volume, ...]:
    """A head of as many structures, with long names, and what a model says of them."""
    rng = np.random.default_rng(20261201)
    at = np.moveaxis(np.indices(SHAPE), 0, -1) + 0.5 - np.array(SHAPE) / 2
    radii = 0.43 * np.array(SHAPE)
    outside = np.linalg.norm(at / radii, axis=-1) - 1
    seeds = rng.uniform(-0.8, 0.8, (4 * n_structures, 3))
    seeds = seeds[np.linalg.norm(seeds, axis=1) < 0.85][:n_structures] * radii
    logits = np.empty((n_structures + 1, *SHAPE), np.float32)
    logits[0] = 12 * outside
    for label, seed in enumerate(seeds, start=1):
        logits[label] = -np.linalg.norm(at - seed, axis=-1) / 2.5 - 12 * outside
    # Relative to the nearest structure, wherever the outer boundary is.
    logits[1:] += (12 * outside - logits[1:].max(axis=0)) - 24 * outside
    p = np.exp(logits - logits.max(axis=0))
    p /= p.sum(axis=0)
    labels = p.argmax(axis=0).astype(np.uint8)
    brightness = np.r_[20, rng.uniform(250, 900, n_structures)]
    scan = brightness[labels] + rng.normal(0, 15, SHAPE)
    grid = Grid(SHAPE, np.diag([2.0, 2.0, 2.0, 1.0]))
    names = ["background", *map(structure, range(n_structures))]
    return (
        Scan(scan.astype(np.float32), grid, name="T1"),
        LabelMap(labels, grid, dict(enumerate(names)), name="structures"),
        ProbabilityMap(p, tuple(names), grid, name="network"),
    )


def structure(number: int) -> str:
    """A long name that differs from others at its beginning and at its end."""
    side = SIDES[number % 2]
    return f"{side}-cerebral-cortex-parcellation-region-{number // 2 + 1}"


def animation(name: str, volumes: Iterable[Volume]) -> None:
    """Write what there is to see of a case as a short animation, ``<name>.gif``."""
    viewer = open_case(volumes)
    viewer.window.resize(*WINDOW)
    shown = compute(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    wait_until(lambda: widget.following.findings is not None)
    frames: list[tuple[Image.Image, int]] = []

    def show(title: str, milliseconds: int) -> None:
        frame = captioned(picture(settled(viewer), *FRAME), title)
        frames.append((Image.fromarray(frame), milliseconds))

    segmentation = widget.following.subject.segmentation
    for title, visible in (
        ("scan", ()),
        ("with segmentation", (segmentation,)),
        ("with uncertainty", (segmentation, shown)),
    ):
        for layer in (segmentation, shown):
            layer.visible = layer in visible
        frame_case(viewer)
        show(title, 1000)
    axis, (start, stop) = -3, widget.views.corners()[:, 0]
    for share in np.linspace(0.85, 0.15, 11):
        viewer.dims.set_point(axis, start + share * (stop - start))
        show("from slice to slice", 120)
    frame_case(viewer)
    for button, title in (("Surface", "surface"), ("Cut-away", "cut")):
        press(widget.views.buttons.buttons[button], widget)
        camera = viewer.scene.camera
        start_at = camera.angles
        for turned in np.concatenate([np.arange(0, 36, 6), np.arange(36, -36, -6)]):
            camera.angles = (start_at[0], start_at[1] + turned, start_at[2])
            show(title, 100)
        camera.angles = start_at
    viewer.close()
    # Octrees keep colours of few pixels, as those of outlines.
    images = [image.quantize(method=Image.Quantize.FASTOCTREE) for image, _ in frames]
    path = PICTURES / f"{name}.gif"
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        optimize=True,
    )
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
