"""A review in a real window: how long one waits for the list, and at each hotspot.

``PYTHONPATH=tests python -m benchmarks.review_window [--size N]``, with a display; half
a minute. Prints a table. *Silent* is the longest time between two turns of the event
loop meanwhile. Drawing is left out: it is the graphics card's, or here software's.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.view_planes import frame_case

from .window import cells, generated, seconds, wait, watched

#: What the list may take, in seconds, and the next hotspot, in ms, on two processors.
LIST, NEXT = 2, 100

VERDICTS = ("fine", "fixed", "needs expert")
BRUSH = 8


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.review_window", description=__doc__
    )
    parser.add_argument("--size", type=int, default=256, help="of generated data")
    parser.add_argument("--calls", type=int, default=5)
    arguments = parser.parse_args()
    scan, labels, probabilities = generated(arguments.size)
    with tempfile.TemporaryDirectory() as folder:
        # The review is a file beside this one, which is not looked at.
        labels = replace(labels, source=Path(folder) / "case.nii.gz")
        viewer = open_case([scan, labels, probabilities])
        compute(viewer)
        frame_case(viewer)
        print("| | time | silent | |\n| --- | ---: | ---: | --- |")
        for row in rows(viewer, arguments.calls):
            print(f"| {' | '.join(row)} |", flush=True)
        viewer.close()


def rows(viewer: Any, calls: int) -> list[tuple[str, ...]]:
    """All numbers, in the order in which a person meets them."""
    opened: list[Any] = []

    def open_dock() -> None:
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Review uncertainty")
        opened.append(widget)
        wait(lambda: shown(widget) > 0)

    first = watched(open_dock)
    [widget] = opened
    rest()
    found = [first]
    for _ in range(calls):
        found.append(watched(lambda: find(widget)))
        rest()
    count = shown(widget)
    return [
        cells("the dock, with its list", found[:1], f"{count} hotspots"),
        cells("the list once more", found[1:], f"at most {LIST} s"),
        *visits(widget, count),
        verdicts(widget, count),
        strokes(viewer, widget, count),
    ]


def find(widget: Any) -> None:
    """From the click on *Find hotspots* until they are shown."""
    before = widget.desk.opened
    widget.options.button.click()
    wait(lambda: widget.desk.opened not in (None, before) and shown(widget) > 0)


def shown(widget: Any) -> int:
    return int(widget.table.order.rowCount())


def visits(widget: Any, count: int) -> list[tuple[str, ...]]:
    """Going from each hotspot to the next one, down the list and up again."""
    taken = [visited(widget, 1) for _ in range(count)]
    assert widget.table.current == count
    taken += [visited(widget, -1) for _ in range(count - 1)]
    assert widget.table.current == 1
    note = f"at most {NEXT} ms"
    return [
        ("the first hotspot", f"{1e3 * taken[0]:.0f} ms", "", note),
        ("the next hotspot", *spread(taken[1:], note)),
    ]


def visited(widget: Any, step: int) -> float:
    taken = seconds(lambda: widget.step(step))
    rest(0.05)
    return taken


def verdicts(widget: Any, count: int) -> tuple[str, ...]:
    """Deciding about each, which is in the file then."""
    taken = []
    for rank in range(1, count + 1):
        widget.go_to(rank)
        rest(0.05)
        verdict = VERDICTS[rank % 3]
        taken.append(seconds(lambda verdict=verdict: widget.judge(verdict)))
        assert widget.current.verdict == verdict
    size = widget.desk.session.path.stat().st_size
    return ("a verdict", *spread(taken, f"in the file, which has {size / 1e3:.0f} kB"))


def strokes(viewer: Any, widget: Any, count: int) -> tuple[str, ...]:
    """Counting changed voxels after a stroke, which are saved in the background."""
    layer, desk = widget.desk.edited.layer, widget.desk
    taken = []
    for rank in range(1, count + 1):
        widget.go_to(rank)
        at = np.rint(layer.world_to_data(viewer.dims.point))
        layer.brush_size = BRUSH
        layer.paint(at, 1 + rank % 7)
        # It is counted a little later by itself; here it is waited for.
        taken.append(seconds(desk.count))
        assert sum(stop.changed_voxels for stop in desk.stops) > 0
        rest(0.05)
    desk.save_all()
    changed = desk.session.changed_labels
    return ("counting after a stroke", *spread(taken, f"{changed:,} voxels at last"))


def spread(taken: Sequence[float], note: str) -> tuple[str, str, str]:
    within, longest = 1e3 * np.quantile(taken, (0.99, 1))
    told = f"99 % within {within:.0f} ms, all within {longest:.0f} ms; {note}"
    return f"{1e3 * median(taken):.0f} ms", "", told


def rest(limit: float = 1.0) -> None:
    """Let the window draw, and do what it has put off."""
    wait(lambda: False, limit)


if __name__ == "__main__":
    main()
