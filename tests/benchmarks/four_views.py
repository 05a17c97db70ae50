"""Four views in a real window: how long one waits for them, and how long it is silent.

``PYTHONPATH=tests python -m benchmarks.four_views [FILE …] [--times N]
[--picture PNG]``, with a display; half a minute. The files are a scan, labels and
probabilities; without them a case is generated. Prints a table. *Time* is from the
click on *Four views* until all four are drawn and framed. *Silent* is the longest time
between two turns of the event loop meanwhile without that in which a canvas is drawn,
which is the graphics card's, or here software's; *drawing* is the longest drawing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from napari.qt import QtViewer
from napari.utils.io import imsave
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_uncertainty.plugin.opening import open_path
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.four_views import FourViews
from napari_uncertainty.plugin.viewer.framing import frame_case

from .window import generated, seconds, wait

#: What they may take, in seconds, and the silence, in ms, on two processors.
TIME, SILENT = 1.5, 300

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
    parser = argparse.ArgumentParser(prog="benchmarks.four_views", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--picture", type=Path, metavar="PNG")
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
    for number in range(arguments.times):
        print_row("the first time" if not number else "again", views, views.enter, note)
        if arguments.picture is not None:
            imsave(str(arguments.picture), viewer.screenshot(canvas_only=False))
        print_row("back to one view", views, views.leave, "")
    viewer.close()


def print_row(name: str, views: Any, action: Any, note: str) -> None:
    """Do one of both, and wait until the window has drawn what it leads to."""
    turns = Turns()

    def act() -> None:
        action()
        wait(lambda: views.ready or not views.shown)
        QApplication.processEvents()

    taken = seconds(act)
    turns.stop()
    silent, drawing = (f"{1e3 * one:.0f} ms" for one in (turns.silent, turns.drawing))
    print(f"| {name} | {taken:.2f} s | {silent} | {drawing} | {note} |", flush=True)
    wait(lambda: False, 1.5)


if __name__ == "__main__":
    main()
