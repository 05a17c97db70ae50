"""Inspecting a map in a real window: how long it takes, and how long it is silent.

``PYTHONPATH=tests python -m benchmarks.window [--size N]``, with a display; half a
minute. Prints a table. *Silent* is the longest time between two turns of the event
loop meanwhile. Drawing is left out: it is the graphics card's, or here software's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.images import LabelMap, Scan
from napari_uncertainty.model.probabilities import ProbabilityMap
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.view_planes import frame_case

CLASSES = 8
PRESETS = ("Glow", "Cut-away", "Surface")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.window", description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument("--calls", type=int, default=5)
    arguments = parser.parse_args()
    viewer = open_case(generated(arguments.size))
    compute(viewer)
    frame_case(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    wait(lambda: widget.following.findings is not None)
    print("| | time | silent | |\n| --- | ---: | ---: | --- |")
    for row in (*background(widget, arguments.calls), *presets(widget), probe(widget)):
        print(f"| {' | '.join(row)} |", flush=True)
    viewer.close()


def background(widget: Any, calls: int) -> list[tuple[str, ...]]:
    """Numbers and surface, against numpy in the same run."""
    following, views = widget.following, widget.views
    found = following.findings
    assert found is not None
    values = np.asarray(following.subject.source.values)
    theirs = seconds(lambda: by_label(values, found.labels))

    def look() -> None:
        following.findings = None
        following.look()
        wait(lambda: following.findings is not None)

    tables = [watched(look) for _ in range(calls)]
    made: list[int] = []

    def mesh() -> None:
        made.clear()
        views._meshes._made.clear()
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731
        views._meshes.make(
            [None],
            on_progress=nothing,
            on_end=nothing,
            on_made=lambda: made.append(1),
            on_refused=print,
        )
        wait(lambda: bool(made))

    meshes = [watched(mesh) for _ in range(calls)]
    vertices = f"{len(views._meshes[None].vertices):,} vertices"
    ours = median(taken for taken, _ in tables)
    note = f"mean, median and 95 % only; {theirs / ours:.1f} × ours"
    return [
        cells("all numbers", tables, "in the background"),
        ("numpy, label by label", f"{theirs:.2f} s", "", note),
        cells("surface", meshes, f"in the background; {vertices}"),
    ]


def presets(widget: Any) -> list[tuple[str, ...]]:
    """From the click until napari has all that is to be drawn."""
    buttons = widget.views.buttons.buttons
    first = seconds(buttons["Surface"].click)
    wait(lambda: False, 1.0)
    rows = [("the surface shown for the first time", f"{first:.2f} s", "", "")]
    for name in (*PRESETS, *PRESETS):
        taken = seconds(buttons[name].click)
        wait(lambda: False, 1.0)
        rows.append((f"switching to {name}", f"{taken:.2f} s", "", ""))
    buttons["Axial"].click()
    return [rows[0], *rows[-len(PRESETS) :]]


def probe(widget: Any) -> tuple[str, ...]:
    """Moves of the pointer over the map, bars included."""
    subject = widget.following.subject
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(200):
        voxel = rng.uniform(0.2, 0.8, 3) * subject.source.values.shape
        event = SimpleNamespace(position=subject.place(voxel), view_direction=None)

        def move(event: Any = event) -> None:
            widget._pointed(None, event)
            widget.probe_panel.repaint()

        taken.append(seconds(move))
    within, longest = 1e3 * np.quantile(taken, (0.99, 1))
    note = f"99 % within {within:.1f} ms, all within {longest:.0f} ms"
    return ("a move of the pointer", f"{1e3 * median(taken):.2f} ms", "", note)


def by_label(values: np.ndarray, labels: np.ndarray) -> None:
    for label in np.unique(labels):
        inside = values[labels == label]
        inside.sum(dtype=np.float64)
        np.percentile(inside, (50, 95))


def cells(name: str, runs: list[tuple[float, float]], note: str) -> tuple[str, ...]:
    taken = median(seconds for seconds, _ in runs)
    silent = max(silence for _, silence in runs)
    return name, f"{taken:.2f} s", f"{1e3 * silent:.0f} ms", note


def watched(action: Callable[[], None]) -> tuple[float, float]:
    """Seconds that it takes, and the longest silence of the event loop meanwhile."""
    turns = [time.perf_counter()]
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(time.perf_counter()))
    timer.start(2)
    taken = seconds(action)
    timer.stop()
    turns.append(time.perf_counter())
    return taken, float(np.diff(turns).max())


def seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def wait(ready: Callable[[], bool], limit: float = 60.0) -> None:
    loop, timer = QEventLoop(), QTimer()
    end = time.perf_counter() + limit

    def look() -> None:
        if ready() or time.perf_counter() > end:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(2)
    if not ready():
        loop.exec()


def generated(size: int) -> tuple[Scan, LabelMap, ProbabilityMap]:
    """Nested shells with wavy borders, smooth across them; a fifth is foreground."""
    axes = np.ogrid[(slice(-1, 1, size * 1j),) * 3]
    z, y, x = (axis.astype(np.float32) for axis in axes)
    depth = 1 - np.sqrt((z / 0.75) ** 2 + (y / 0.85) ** 2 + (x / 0.72) ** 2)
    depth += 0.05 * np.sin(9 * z) * np.sin(8 * y) * np.cos(7 * x)
    shell = CLASSES * np.clip(depth, 0, None)
    values = np.empty((CLASSES, size, size, size), np.float32)
    for index in range(CLASSES):
        values[index] = np.exp(-(((shell - index) / 0.45) ** 2))
    values /= values.sum(axis=0)
    grid = Grid((size,) * 3, np.eye(4))
    scan = (1000 * np.clip(depth, 0, 1)).astype(np.int16)
    names = tuple(f"class {index}" for index in range(CLASSES))
    return (
        Scan(scan, grid, name="scan"),
        LabelMap(values.argmax(axis=0).astype(np.uint8), grid, name="labels"),
        ProbabilityMap(values, names, grid, name="case"),
    )


if __name__ == "__main__":
    main()
