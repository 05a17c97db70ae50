"""Ways in which docks and windows end, each in a process of its own.

``PYTHONPATH=tests python -m support.ends_of_windows [STATE …] [--times N]
[--processes N]``, with a
display. Prints one line of JSON for each process: how it ended, what it wrote to
stderr, and what it found.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="ending"))

# Read when napari is imported: neither the user's settings nor the user's reviews, nor
# pictures of buttons that another process is about to write.
os.environ["NAPARI_CONFIG"] = str(FOLDER / "settings.yaml")
os.environ["XDG_CACHE_HOME"] = os.environ["XDG_DATA_HOME"] = str(FOLDER)

import napari  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
from magicgui.widgets import ComboBox, Container  # noqa: E402
from napari.components import ViewerModel  # noqa: E402
from napari.qt import get_qapp  # noqa: E402
from qtpy.QtCore import QCoreApplication, QEvent, QTimer  # noqa: E402
from qtpy.QtWidgets import QApplication, QFileDialog  # noqa: E402
from vispy import config  # noqa: E402

from benchmarks.window import generated, wait  # noqa: E402
from napari_uncertainty import Grid, LabelMap, Scan  # noqa: E402
from napari_uncertainty.plugin.compute.widget import ComputeWidget  # noqa: E402
from napari_uncertainty.plugin.inspect.widget import InspectWidget  # noqa: E402
from napari_uncertainty.plugin.review.widget import ReviewWidget  # noqa: E402
from napari_uncertainty.plugin.session import compute, open_case, run_case  # noqa: E402
from napari_uncertainty.plugin.viewer.arrival import PLUGIN, align  # noqa: E402
from napari_uncertainty.plugin.viewer.jobs import Job  # noqa: E402
from napari_uncertainty.plugin.viewer.layers import to_layer  # noqa: E402

# Where xdpyinfo and xrandr are not installed, vispy cannot ask for the resolution, and
# says so on stderr.
config["dpi"] = 96

WIDGETS = {"Compute": ComputeWidget, "Inspect": InspectWidget, "Review": ReviewWidget}

#: Edge of the volumes, in voxels: those of which something is computed are larger.
SMALL, LARGE = 24, 64

#: Seconds within which a computation is met. A process is given up after so many, and
#: so many more for each time that it meets its state.
MET, GIVEN_UP, EACH = 60, 180, 20

#: A computation is left so many seconds after it began, at most.
LATEST = 0.05

#: It rests for so many seconds after each step, or until it is cancelled.
REST = 5

Found = dict[str, Any]


class NotMet(Exception):
    """What was to be looked at was not so."""


# -- what is open --------------------------------------------------------------


def volumes(size: int) -> Iterator[Any]:
    for volume in generated(size):
        if isinstance(volume, LabelMap):
            object.__setattr__(volume, "source", FOLDER / "case.nii.gz")
        yield volume


def open_window(size: int = SMALL, mapped: bool = True) -> Any:
    """A case in a window, perhaps with its map."""
    viewer = open_case(volumes(size))
    # Without a graphics card each pixel of a volume takes its time.
    viewer.window.resize(500, 400)
    if mapped:
        compute(viewer)
        viewer.window.remove_dock_widget("all")
    return viewer


def open_dock(viewer: Any, kind: str) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, f"{kind} uncertainty")
    return widget


def wait_for(ready: Callable[[], bool], why: str) -> None:
    wait(ready, MET)
    if not ready():
        raise NotMet(f"waited in vain for {why}")


def at_rest(widget: Any) -> Any:
    """A dock that shows what it found."""
    if isinstance(widget, InspectWidget):
        wait_for(lambda: widget.following.findings is not None, "the numbers")
    elif isinstance(widget, ReviewWidget):
        wait_for(lambda: widget.desk.opened is not None, "the review")
    return widget


def used(viewer: Any, kind: str) -> Any:
    """A dock in which somebody has done what there is to do."""
    widget = at_rest(open_dock(viewer, kind))
    if kind == "Compute":
        computed: list[Any] = []
        widget.computed.connect(computed.append)
        widget.compute_button.native.click()
        wait_for(lambda: bool(computed), "the map")
        widget.computed.disconnect(computed.append)
    elif kind == "Inspect":
        widget.classes.select([1, 2])
        widget._visit(1, "boundary")
    else:
        widget.go_to(1)
        widget.judge("fine")
        widget.marks.setChecked(True)
        widget.write_note()
        widget.bar.note.setText("not yet kept")
    return widget


def in_3d(viewer: Any, kind: str) -> Any:
    """The same, and with Inspect the surfaces."""
    widget = used(viewer, kind)
    if kind == "Inspect":
        surfaces(widget)
    return widget


def surfaces(widget: Any) -> None:
    widget.views.show_scene("Surface")
    wait_for(lambda: widget.views.shown_surfaces() != [], "the surfaces")


# -- how it ends ---------------------------------------------------------------


def by_quitting(viewer: Any) -> None:
    """As the last entry of the menu File does."""
    viewer.window._qt_window.close(quit_app=True)


def by_closing_the_window(viewer: Any) -> None:
    viewer.window._qt_window.close()


def by_closing_the_viewer(viewer: Any) -> None:
    viewer.close()


def by_ending_the_program(_viewer: Any) -> None:
    """The window is still open then."""
    QApplication.quit()


def run_until(
    ready: Callable[[], bool],
    leave: Callable[[], None],
    run: Callable[[], object] = napari.run,
) -> Found:
    """Run napari, end it in a state, and tell how long its jobs and all of it took."""
    begun = time.perf_counter()
    left: list[float] = []
    idle: list[float] = []

    def look() -> None:
        late = time.perf_counter() - begun > MET
        if late or ready():
            timer.stop()
            left.append(np.nan if late else time.perf_counter())
            watching.start()
            leave()

    def watch() -> None:
        while Job._running:
            time.sleep(0.001)
        idle.append(time.perf_counter())

    watching = threading.Thread(target=watch)
    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(1)
    run()
    ended = time.perf_counter()
    if not left or np.isnan(left[0]):
        raise NotMet("what was waited for has not come, or the window has ended itself")
    watching.join()
    return {"seconds": ended - left[0], "jobs": idle[0] - left[0]}


def quit_within(*kinds: str, leave: Callable[[Any], None] = by_quitting) -> Any:
    def state() -> Found:
        viewer = open_window()
        for kind in kinds:
            (used if len(kinds) > 1 else in_3d)(viewer, kind)
        return run_until(lambda: True, lambda: leave(viewer))

    return state


def quit_while(start: Callable[[Any], Callable[[], object]]) -> Any:
    """`start` gives what begins a computation in a window."""

    def state() -> Found:
        viewer = open_window(LARGE, mapped=start is not computing)
        begin = start(viewer)
        wait_for(lambda: not Job._running, "other jobs to end")
        QTimer.singleShot(0, begin)
        return run_until(in_the_middle(), lambda: by_quitting(viewer))

    return state


def in_the_middle() -> Callable[[], bool]:
    """Whether a job has been running for a while.

    Jobs rest after each step from now on; their other threads go on meanwhile.
    """
    begin = Job.__init__

    def begin_slowly(job: Any, steps: Any, **callbacks: Any) -> None:
        def slowly() -> Any:
            with closing(steps()) as inner:
                while True:
                    try:
                        share = next(inner)
                    except StopIteration as end:
                        return end.value
                    job._cancelled.wait(REST)
                    yield share

        begin(job, slowly, **callbacks)

    Job.__init__ = begin_slowly
    later, seen = random.uniform(0, LATEST), []

    def running() -> bool:
        if Job._running and not seen:
            seen.append(time.perf_counter())
        return bool(Job._running) and time.perf_counter() - seen[0] >= later

    return running


def computing(viewer: Any) -> Callable[[], object]:
    return open_dock(viewer, "Compute").compute_button.native.click


def looking_at_a_map(viewer: Any) -> Callable[[], object]:
    return lambda: open_dock(viewer, "Inspect")


def making_surfaces(viewer: Any) -> Callable[[], object]:
    widget = at_rest(open_dock(viewer, "Inspect"))
    widget.classes.select([1, 2, 3])
    return lambda: widget.views.show_scene("Surface")


def saving_surfaces(viewer: Any) -> Callable[[], object]:
    widget = at_rest(open_dock(viewer, "Inspect"))
    surfaces(widget)
    answer_with("surface.surf.gii")
    return lambda: widget.saving.surface_button.click()


def looking_for_hotspots(viewer: Any) -> Callable[[], object]:
    return lambda: open_dock(viewer, "Review")


def saving_a_report(viewer: Any) -> Callable[[], object]:
    widget = at_rest(open_dock(viewer, "Review"))
    answer_with("report.html")
    return lambda: widget.saving.report_button.click()


def resampling(viewer: Any) -> Callable[[], object]:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    values = np.zeros((LARGE,) * 3, np.float32)
    data, options, _ = to_layer(Scan(values, Grid(values.shape, turn), name="tilted"))
    viewer.add_image(data, **options)
    return lambda: align(viewer)


def answer_with(name: str) -> None:
    """Give this file to whoever asks for one."""
    QFileDialog.getSaveFileName = staticmethod(lambda *_: (str(FOLDER / name), ""))


def view_closed() -> Found:
    """`napari-uncertainty view`, whose window is closed while it computes."""

    def leave() -> None:
        [viewer] = napari.Viewer._instances
        by_closing_the_window(viewer)

    get_qapp()
    return run_until(in_the_middle(), leave, lambda: run_case(volumes(LARGE)))


def script_ends(*kinds: str, size: int = SMALL, computes: bool = False) -> Any:
    """A script without an event loop, which leaves its window open."""

    def state() -> Found:
        viewer = open_window(size, mapped=not computes)
        for kind in kinds:
            used(viewer, kind)
        if computes:
            in_the_middle()
            open_dock(viewer, "Compute").compute_button.native.click()
            if not Job._running:
                raise NotMet("nothing is computed")
        globals()["open_until_the_end"] = viewer
        return {}

    return state


# -- what is left --------------------------------------------------------------


def left_after(
    times: int, once: Callable[[], Iterable[Any]], viewer: Callable[[], Any]
) -> Found:
    """What there is more of after so many times than after the first.

    `once` gives what is to be gone afterwards.
    """
    counts: list[dict[str, int]] = []
    for _ in range(times + 1):
        gone = [weakref.ref(one) for one in once()]
        for _ in range(3):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QApplication.processEvents()
            gc.collect()
        wait(lambda: False, 0.05)
        kept = [one() for one in gone if one() is not None]
        if kept:
            raise NotMet(f"{[type(one).__name__ for one in kept]} are kept alive")
        counts.append(counted(viewer()))
    first, last = counts[0], counts[-1]
    return {"left": {name: last[name] - first[name] for name in last}}


def counted(viewer: Any) -> dict[str, int]:
    process = psutil.Process()
    count = {
        "widgets": len(QApplication.allWidgets()),
        "windows": len(QApplication.topLevelWidgets()),
        "objects": sum(map(is_ours, gc.get_objects())),
        "threads": process.num_threads(),
        "files": process.num_handles() if os.name == "nt" else process.num_fds(),
    }
    if viewer is not None:
        count |= {
            "callbacks": sum(map(callbacks, (viewer, *viewer.layers))),
            "layers": len(viewer.layers),
            "keys": len(viewer.keymap),
            "overlays": len(viewer.canvas.overlays),
        }
    return count


def is_ours(one: Any) -> bool:
    """Whether it is of a class of the plugin, but for jobs, which napari keeps."""
    kind = type(one)
    module = str(getattr(kind, "__module__", ""))
    return module.startswith("napari_uncertainty.plugin") and not module.endswith(
        ".jobs"
    )


def callbacks(of: Any) -> int:
    """How many there are on the events of a viewer or a layer, and of its parts."""
    parts = [of]
    if hasattr(of, "layers"):
        parts = [
            of.layers, of.layers.selection, of.dims, of.scene.camera, of.cursor,
            of.canvas.grid, of.canvas.overlays,
        ]  # fmt: skip
    events = [getattr(part.events, name) for part in parts for name in part.events]
    count = sum(not is_dead(one) for event in events for one in event.callbacks)
    return count + len(getattr(of, "mouse_move_callbacks", ()))


def is_dead(callback: Any) -> bool:
    """Methods are a weak reference and a name, kept by napari until the next event."""
    return isinstance(callback, tuple) and callback[0]() is None


def docks_closed(*kinds: str) -> Any:
    """By their crosses, again and again."""

    def state(times: int) -> Found:
        viewer = open_window()
        layers = list(viewer.layers)

        def once() -> list[Any]:
            use = used if len(kinds) > 1 else in_3d
            gone = [use(viewer, kind) for kind in kinds] or [plain(viewer)]
            close_docks(viewer)
            # Surfaces stay, as what is shown does.
            viewer.dims.ndisplay = 2
            for layer in list(viewer.layers):
                if layer not in layers:
                    viewer.layers.remove(layer)
            return gone

        found = left_after(times, once, lambda: viewer)
        return found | run_until(lambda: True, lambda: by_quitting(viewer))

    return state


def plain(viewer: Any) -> Any:
    """For comparison: a dock that is none of ours."""
    widget = Container(widgets=[ComboBox(choices=lambda _: list(viewer.layers))])
    viewer.window.add_dock_widget(widget, name="plain")
    wait(lambda: False, 0.05)
    return widget


def close_docks(viewer: Any) -> None:
    for widget in list(viewer.window.dock_widgets.values()):
        getattr(widget, "native", widget).parent().destroyOnClose()


def viewer_closed(*kinds: str) -> Any:
    def state(times: int) -> Found:
        def once() -> list[Any]:
            viewer = open_window()
            gone = [used(viewer, kind) for kind in kinds]
            viewer.close()
            return gone

        return left_after(times, once, lambda: None)

    return state


def deleted(kind: str) -> Any:
    """By Python, and never shown; in a viewer without a window."""

    def state(times: int) -> Found:
        get_qapp()
        viewer = ViewerModel()
        return left_after(times, lambda: [WIDGETS[kind](viewer)], lambda: viewer)

    return state


def closed_at_once(times: int) -> Found:
    """Docks that are closed before the window has drawn them."""
    viewer = open_window()

    def once() -> list[Any]:
        gone = [open_dock(viewer, kind) for kind in WIDGETS]
        close_docks(viewer)
        wait_for(lambda: not Job._running, "the jobs to end")
        return gone

    return left_after(times, once, lambda: viewer)


#: Each ends its process.
ONCE: dict[str, Callable[[], Found]] = {
    "quit without a dock": quit_within(),
    **{f"quit within {kind}": quit_within(kind) for kind in WIDGETS},
    **{
        f"all docks, {leave.__name__.replace('_', ' ')}": quit_within(
            *WIDGETS, leave=leave
        )
        for leave in (
            by_quitting,
            by_closing_the_window,
            by_closing_the_viewer,
            by_ending_the_program,
        )
    },
    **{
        f"quit while {start.__name__.replace('_', ' ')}": quit_while(start)
        for start in (
            computing,
            looking_at_a_map,
            making_surfaces,
            saving_surfaces,
            looking_for_hotspots,
            saving_a_report,
            resampling,
        )
    },
    "view closed while computing": view_closed,
    "a script ends without a dock": script_ends(),
    "a script ends with all docks": script_ends(*WIDGETS),
    "a script ends while computing": script_ends(size=LARGE, computes=True),
}

#: Each is met several times in its process.
OFTEN: dict[str, Callable[[int], Found]] = {
    "a plain dock closed": docks_closed(),
    **{f"{kind} closed": docks_closed(kind) for kind in WIDGETS},
    "all docks closed": docks_closed(*WIDGETS),
    "all docks closed at once": closed_at_once,
    "a viewer without docks closed": viewer_closed(),
    "a viewer with all docks closed": viewer_closed(*WIDGETS),
    **{f"{kind} deleted": deleted(kind) for kind in WIDGETS},
}

STATES = (*ONCE, *OFTEN)


# -- processes -----------------------------------------------------------------


def watched(state: str, times: int) -> Found | None:
    """Meet a state in another process; gives None in that process itself.

    On Linux it is a fork of this one, which has imported everything and begun nothing.
    """
    begun, limit = time.monotonic(), GIVEN_UP + EACH * times
    told = FOLDER / "found.json"
    told.write_text("{}")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if sys.platform != "linux":
            command = [sys.executable, "-m", "ending", state, "--times", str(times)]
            command += ["--here", str(told)]
            ended = subprocess.run(command, stdout=out, stderr=err, timeout=limit)
            status = ended.returncode
        elif (pid := forked()) == 0:
            faulthandler.enable()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            faulthandler.dump_traceback_later(limit, exit=True)
            meet(state, times, told)
            return None
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        err.seek(0)
        return {
            "state": state,
            "status": status,
            "took": time.monotonic() - begun,
            "stderr": err.read().decode(errors="replace"),
            "found": json.loads(told.read_text()),
        }


def forked() -> int:
    """Fork, without having the new process look for garbage in all that is imported."""
    gc.collect()
    gc.freeze()
    return os.fork()


def meet(state: str, times: int, told: Path) -> None:
    """Meet a state here, and write what was found."""
    found = ONCE[state]() if state in ONCE else OFTEN[state](times)
    told.write_text(json.dumps(found))


def tidy_up() -> None:
    """Remove the files of all states."""
    shutil.rmtree(FOLDER)


def main() -> None:
    parser = argparse.ArgumentParser(prog="ending", description=__doc__)
    parser.add_argument("states", nargs="*", metavar="STATE", help=", ".join(STATES))
    parser.add_argument("--times", type=int, default=20, help="within a process")
    parser.add_argument("--processes", type=int, default=1, help="for each state")
    parser.add_argument("--here", type=Path, metavar="JSON", help="in this process")
    arguments = parser.parse_args()
    if arguments.here is not None:
        meet(arguments.states[0], arguments.times, arguments.here)
        return
    for state in arguments.states or STATES:
        for _ in range(arguments.processes if state in ONCE else 1):
            found = watched(state, arguments.times)
            if found is None:
                return
            print(json.dumps(found), flush=True)
    tidy_up()


if __name__ == "__main__":
    main()
