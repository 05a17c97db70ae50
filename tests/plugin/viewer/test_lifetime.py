"""Docks, and what ends with them; most of it in processes that end as well."""

import ast
import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_uncertainty import plugin
from napari_uncertainty.plugin.viewer.lifetime import (
    Docked,
    Listening,
    end_with,
    weakly,
)
from support.shown_widgets import destroy

TESTS = Path(__file__).parents[2]

#: Some of the states of tests/ending.py, each met once or twice. All of them are met
#: twenty times by ``python -m benchmarks.quits``.
STATES = (
    *(f"{kind} deleted" for kind in ("Compute", "Inspect", "Review")),
    "all docks closed",
    "quit within Review",
    "quit while computing",
    "quit while looking for hotspots",
    "view closed while computing",
    "a script ends with all docks",
)


@pytest.fixture(scope="module")
def ended():
    """How a process ended; they run one after the other, in the order of the tests."""
    command = [sys.executable, "-m", "support.ends_of_windows", *STATES, "--times", "1"]
    paths = filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    found = {}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:

        def wait_for(state):
            while state not in found:
                one = json.loads(process.stdout.readline())
                found[one["state"]] = one
            return found[state]

        yield wait_for
        process.kill()


@pytest.mark.parametrize("state", STATES)
def test_a_process_ends_well_and_leaves_nothing(ended, state):
    one = ended(state)
    assert one["stderr"] == ""
    assert one["status"] == 0
    left = one["found"].get("left", {})
    assert {name: more for name, more in left.items() if more > 0} == {}


@pytest.fixture
def calls():
    return []


@pytest.fixture
def widget(qapp):
    return QWidget()


def test_ends_are_called_once_in_their_order(widget, calls):
    end = end_with(widget, lambda: calls.append(1), lambda: calls.append(2))
    end()
    end()
    destroy(widget)
    assert calls == [1, 2]


def test_ends_are_called_when_qt_destroys_the_widget(widget, calls):
    end_with(widget, lambda: calls.append(1))
    parent = QWidget()
    widget.setParent(parent)
    destroy(parent)
    assert calls == [1]


def test_ends_are_called_before_garbage_collection_clears_anything(qapp, calls):
    class Owner(QWidget):
        def __init__(self):
            super().__init__()
            self.itself, self.part = self, QWidget()
            part = weakref.ref(self.part)
            end_with(self, lambda: calls.append(part() is None))

    Owner()
    assert calls == []
    gc.collect()
    # A weak reference to other garbage is dead by then, and nothing is touched by it.
    assert calls == [True]


def test_an_end_that_fails_does_not_keep_the_others_from_ending(widget, calls):
    def fail():
        calls.append("failed")
        raise OSError("disk full")

    end = end_with(widget, fail, lambda: calls.append("ended"))
    with pytest.raises(OSError, match="disk full"):
        end()
    assert calls == ["failed", "ended"]


def test_a_dock_ends_when_it_is_taken_out_of_its_place(qapp, calls):
    docked, place = Docked(), QWidget()
    docked.end_with_me(lambda: calls.append(1))
    docked.setParent(place)
    assert calls == []
    docked.setParent(None)
    assert calls == [1]
    docked.setParent(place)
    docked.stop()
    assert calls == [1]


class Listener:
    def __init__(self, calls):
        self._calls = calls

    def hear(self, *given):
        self._calls.append(given)


def test_a_method_is_called_as_long_as_its_owner_is_there(calls):
    listener = Listener(calls)
    call = weakly(listener.hear, 1)
    call(2, 3)
    del listener
    gc.collect()
    call(4)
    assert calls == [(1, 2, 3)]


def test_callbacks_end_when_they_are_told_to(calls):
    viewer, listener, listening = ViewerModel(), Listener(calls), Listening()
    event, mouse = viewer.dims.events.ndisplay, viewer.mouse_move_callbacks
    before = len(event.callbacks), len(mouse)
    listening.to(event, listener.hear)
    listening.to(event, listener.hear)
    listening.to_mouse(mouse, listener.hear)
    assert (len(event.callbacks), len(mouse)) == (before[0] + 1, before[1] + 1)
    viewer.dims.ndisplay = 3
    mouse[-1](viewer, "moved")
    assert len(calls) == 2
    assert calls[1] == (viewer, "moved")
    for _ in range(2):
        listening.stop()
        assert (len(event.callbacks), len(mouse)) == before


def test_callbacks_keep_neither_their_owner_nor_their_place(calls):
    viewer = ViewerModel()
    event, mouse = viewer.dims.events.ndisplay, viewer.mouse_move_callbacks
    before = len(event.callbacks), len(mouse)
    listener = Listener(calls)
    listener.listening = Listening()
    listener.listening.to(event, listener.hear)
    listener.listening.to_mouse(mouse, listener.hear)
    del listener
    gc.collect()
    assert (len(event.callbacks), len(mouse)) == before


def test_no_signal_is_connected_to_what_only_the_connection_holds():
    """See the module; a lambda or a partial in a signal keeps its widget or crashes."""
    held = [
        f"{path.name}:{call.lineno}"
        for path in Path(plugin.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "connect"
        and (isinstance(call.args[0], ast.Lambda) or "partial(" in ast.unparse(call))
    ]
    assert held == []
