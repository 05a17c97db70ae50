"""Views in a real window: how long one waits for them, and how long it is silent.

``PYTHONPATH=tests python -m benchmarks.views [FILE …] [--times N] [--picture PNG]
[--all-classes]``, with a display; half a minute. The files are a scan, labels and
probabilities; without them a case is generated. Prints a table. *Time* is from a click
until the view is drawn and framed: *Four views*, and what *Inspect uncertainty* shows
in 3D, of the whole foreground or with a surface of each class. *Silent* is the longest
time between two turns of the event loop meanwhile without that in which a canvas is
drawn, which is the graphics card's, or here software's; *drawing* is the longest
drawing.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

from napari.qt import QtViewer
from napari.utils.io import imsave
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_uncertainty.plugin.reader import open_path
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.four_views import FourViews
from napari_uncertainty.plugin.viewer.view_planes import frame_case

from .window import generated, seconds, wait

#: What they may take, in seconds, and the silence, in ms, on two processors.
TIME, SILENT = 1.5, 300

#: What a surface of each class may take, in seconds, of 118 classes.
MANY = 5.0

SIZE = 1280, 720


class Turns:
    """Turns of the event loop, and what was drawn between them."""

    def __init__(self) -> None:
        self.silent = self.drawing = 0.0
        self._drawn, self._last = 0.0, time.perf_counter()
        self._begun = 0.0
        self._canvases: list[Any] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._turn)
        self._timer.start(0)

    def stop(self) -> None:
        self._turn()
        self._timer.stop()
        for canvas in self._canvases:
            canvas.events.draw.disconnect(self._begin)
            canvas.events.draw.disconnect(self._end)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.silent = max(self.silent, now - self._last - self._drawn)
        for widget in QApplication.allWidgets():
            if isinstance(widget, QtViewer) and widget.canvas not in self._canvases:
                self._canvases.append(widget.canvas)
                widget.canvas.events.draw.connect(self._begin, position="first")
                widget.canvas.events.draw.connect(self._end, position="last")
        self._drawn, self._last = 0.0, time.perf_counter()

    def _begin(self, _event: Any) -> None:
        self._begun = time.perf_counter()

    def _end(self, _event: Any) -> None:
        taken = time.perf_counter() - self._begun
        self._drawn += taken
        self.drawing = max(self.drawing, taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.views", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--picture", type=Path, metavar="PNG")
    parser.add_argument("--all-classes", action="store_true")
    arguments = parser.parse_args()
    files = arguments.files
    volumes = [one for file in files for one in open_path(file)] or generated(256)
    viewer = open_case(volumes)
    viewer.window.resize(*SIZE)
    compute(viewer)
    frame_case(viewer)
    wait(lambda: False, 1.0)
    views = FourViews.of(viewer)
    assert views is not None
    print("| | time | silent | drawing | |\n| --- | ---: | ---: | ---: | --- |")
    note = f"at most {TIME} s, {SILENT} ms silent"

    def done() -> bool:
        return views.ready or not views.shown

    for number in range(arguments.times):
        name = "four views" if not number else "four views again"
        print_row(name, views.enter, done, note)
        if arguments.picture is not None:
            imsave(str(arguments.picture), viewer.screenshot(canvas_only=False))
        print_row("back to one view", views.leave, done, "")
    print_scenes(viewer, arguments.times, arguments.all_classes)
    viewer.close()


def print_scenes(viewer: Any, times: int, all_classes: bool) -> None:
    """Click what *Inspect uncertainty* has for 3D, and go back each time."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    wait(lambda: widget.following.findings is not None)
    wait(lambda: False, 2.0)
    if all_classes:
        labels = widget.following.findings.regions.labels
        widget.classes.select([label for label in labels if label])
    buttons, waiting = widget.views.buttons.buttons, widget.views.waiting

    def click(name: str) -> None:
        buttons[name].click()
        if waiting.isVisible() and waiting.go_on.isVisible():
            waiting.go_on.click()

    def done() -> bool:
        return not waiting.isVisible()

    note = f"at most {MANY if all_classes else TIME} s"
    for number in range(times):
        for name in ("Surface", "Cut-away", "Glow", "3D", "Side by side"):
            title = name if not number else f"{name} again"
            print_row(title, partial(click, name), done, note)
            if name == "Side by side":
                click(name)
            print_row("back to 2D", partial(click, "Axial"), done, "")


def print_row(name: str, action: Any, done: Any, note: str) -> None:
    """Do something, and wait until the window has drawn what it leads to."""
    turns = Turns()

    def act() -> None:
        action()
        wait(done)
        QApplication.processEvents()

    taken = seconds(act)
    turns.stop()
    silent, drawing = (f"{1e3 * one:.0f} ms" for one in (turns.silent, turns.drawing))
    print(f"| {name} | {taken:.2f} s | {silent} | {drawing} | {note} |", flush=True)
    wait(lambda: False, 1.5)


if __name__ == "__main__":
    main()
