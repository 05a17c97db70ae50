"""The end of docks, what has to end with them, and the changes that they put back.

A dock can end in four ways: somebody closes it, Qt destroys it together with its
window, Python collects it as garbage, or the program exits. In each of them its
computations have to stop, and its callbacks, marks and keys have to leave the viewer:
once, and before anything that they need is gone.

* :func:`end_with` does that. It keeps the parts that have to end, but not the widget,
  so none of these parts may hold the widget, or Python could never collect it.
* :func:`weakly` gives a part a method of the widget to call, but not the widget.
* :class:`Listening` does the same for callbacks on a viewer.
* :func:`kept_by` is for objects that belong to a viewer and to no dock.
* :class:`Changes` puts attributes of layers and views back as they were.

For the same reason no signal of Qt is connected to a lambda or a partial that holds its
widget. PySide6 keeps both where garbage collection cannot see it, and in PyQt6 garbage
collection clears them before Qt calls them. Bound methods are held weakly by both.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

import numpy as np
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QWidget

Owner = TypeVar("Owner")

# Finalizers of the widgets that have not ended, for the end of the program.
_finalizers: list[weakref.finalize[Any, Any]] = []

#: Owner, name and value of an attribute.
Change = tuple[Any, str, Any]

# All objects that have changed something for a while, for :func:`lasting`.
_all_changes: WeakSet[Changes] = WeakSet()


# Docks, and the parts that end with them.


def end_with(widget: QWidget, *ends: Callable[[], object]) -> Callable[[], object]:
    """Call these functions once, as soon as the widget ends in any way.

    Parameters
    ----------
    widget : QWidget
        Held weakly.
    *ends : callable
        Called in this order, each of them even if one before it has failed. None of
        them may hold the widget, or use anything that belongs to it in Qt.

    Returns
    -------
    callable
        Calls them now, if they were not called before.
    """
    # Python keeps a finalizer in a table of its own until it is called, so Qt never
    # finds it half collected. Garbage collection calls it before it clears anything.
    finalizer = weakref.finalize(widget, _call_all, ends)
    finalizer.atexit = False
    _finalizers[:] = [*(one for one in _finalizers if one.alive), finalizer]
    widget.destroyed.connect(finalizer)
    return finalizer


@atexit.register
def _end_with_the_program() -> None:
    # Registered after the bindings of Qt, and so called before they delete all objects.
    _call_all(_finalizers)


def _call_all(calls: Sequence[Callable[[], object]]) -> None:
    with ExitStack() as stack:
        for call in reversed(calls):
            stack.callback(call)


def weakly(method: Callable[..., Any], *first: Any) -> Callable[..., Any]:
    """Return a function that calls a bound method for as long as its owner lives.

    Parameters
    ----------
    method : callable
        A bound method.
    *first : object
        Arguments that it gets before those of each call.
    """
    held = weakref.WeakMethod(method)

    def call(*rest: Any) -> Any:
        method = held()
        return None if method is None else method(*first, *rest)

    return call


def kept_by(event: Any, method: Callable[..., Any]) -> None:
    """Call a bound method at each event of napari, which keeps the method's owner.

    The owner then lives as long as the viewer. The two are collected together, since
    garbage collection sees through events of napari, as it does not through signals of
    Qt.
    """

    def call(*args: Any) -> Any:
        return method(*args)

    event.connect(call)


def unwrapped(owner: Any) -> Any:
    """Return a viewer, a layer or a part of one without the wrapper that docks see."""
    return getattr(owner, "__wrapped__", owner)


def one_per_viewer(
    known: weakref.WeakKeyDictionary[Any, weakref.ref[Owner]],
    viewer: Any,
    make: Callable[[Any], Owner],
) -> Owner:
    """Return the one object of its kind that a viewer has, made at the first call.

    Parameters
    ----------
    known : WeakKeyDictionary
        The objects of all viewers. It keeps none of them alive: the callbacks of each
        on its viewer do, see :func:`kept_by`.
    viewer : napari.viewer.Viewer or ViewerModel
        The viewer, or a wrapper of it.
    make : callable
        Makes the object for a viewer.
    """
    viewer = unwrapped(viewer)
    owned = known[viewer]() if viewer in known else None
    if owned is None:
        owned = make(viewer)
        known[viewer] = weakref.ref(owned)
    return owned


class Listening:
    """Callbacks on events of a viewer and its layers, until :meth:`stop` is called.

    The owners of the methods are held weakly. napari's lists of callbacks for the mouse
    would hold them strongly, and its events keep a callback whose owner is gone.
    """

    def __init__(self) -> None:
        self._heard: list[tuple[Any, Callable[..., Any], Callable[..., Any]]] = []
        # An owner that is collected without a stop should leave no callbacks, either.
        weakref.finalize(self, _disconnect, self._heard).atexit = False

    def to(self, event: Any, method: Callable[..., Any], *first: Any) -> None:
        """Call a bound method at each event; connecting it twice changes nothing.

        Parameters
        ----------
        event : Event
            An event of napari.
        method : callable
            A bound method.
        *first : object
            Arguments that the method gets before the event. A method with such
            arguments is called as often as it was connected.
        """
        heard = (one() == event and held() == method for one, held, _ in self._heard)
        if first or not any(heard):
            call = weakly(method, *first)
            event.connect(call)
            self._heard.append((_weak(event), weakref.WeakMethod(method), call))

    def to_mouse(self, callbacks: list[Any], method: Callable[..., Any]) -> None:
        """Call a bound method from one of napari's lists of callbacks for the mouse."""
        call = weakly(method)
        callbacks.append(call)
        self._heard.append((_weak(callbacks), weakref.WeakMethod(method), call))

    def stop(self) -> None:
        """Call back no more."""
        _disconnect(self._heard)


def _weak(source: Any) -> Callable[[], Any]:
    """Hold an event weakly, for another callback of it may hold the viewer."""
    # Widgets of plugins see wrappers, which nothing keeps alive.
    source = unwrapped(source)
    try:
        return weakref.ref(source)
    except TypeError:  # a list
        return lambda: source


def _disconnect(heard: list[tuple[Any, Any, Callable[..., Any]]]) -> None:
    for held, _, call in heard:
        source = held()
        if hasattr(source, "disconnect"):
            source.disconnect(call)
        elif source is not None and call in source:
            source.remove(call)
    heard.clear()


class Docked(QWidget):
    """A widget that shares the place of other docks, and ends when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._was_docked = self._placed = False
        self._end: Callable[[], object] = lambda: None

    def end_with_me(self, *ends: Callable[[], object]) -> None:
        """Call these functions at the end of this widget; see :func:`end_with`."""
        self._end = end_with(self, *ends)

    def stop(self) -> None:
        """End; napari calls nothing when a dock is closed, so the widget notices it."""
        self._end()

    def minimumSizeHint(self) -> QSize:
        """Return hardly any height until it is docked, or the window would grow."""
        hint: QSize = super().minimumSizeHint()
        return hint if self._placed else QSize(hint.width(), 1)

    def showEvent(self, event: Any) -> None:
        """Share the place of other docks at first, for below them there is no room."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            dock = self.parentWidget()
            _tabify(dock)
            if isinstance(dock, QDockWidget):
                # A dock behind another one, as a tab, is not hidden.
                dock.visibilityChanged.connect(self.seen)
            self.updateGeometry()

    def seen(self, in_front: bool) -> None:
        """Notice that the widget has come to the front, or gone behind another dock."""

    def event(self, event: QEvent | None) -> bool:
        """Notice the end: napari takes the widget out of its dock, and keeps it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None and self._was_docked:
                self.stop()
            self._was_docked = self.parent() is not None
        return bool(super().event(event))


def scrolled(tab: QWidget) -> QWidget:
    """Return a tab in an area that scrolls, so that it needs no height of its own."""
    area = QScrollArea()
    area.setWidget(tab)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    return area


def _tabify(dock: Any) -> None:
    """Put a dock onto those beside it, as a tab in front of them."""
    window = None if dock is None else dock.window()
    if not isinstance(window, QMainWindow) or not isinstance(dock, QDockWidget):
        return
    area = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        if (
            other is not dock
            and window.dockWidgetArea(other) == area
            and other.isVisible()
            and not other.isFloating()
        ):
            window.tabifyDockWidget(other, dock)
            QTimer.singleShot(0, dock.raise_)
            return


# Temporary changes of layers and views.


class Changes:
    """Attributes that were set for a while, with their values before.

    Attributes that somebody else has set since are left alone when all are put back.
    """

    def __init__(self) -> None:
        # Owner, value before, value after.
        self._made: dict[tuple[int, str], tuple[Any, Any, Any]] = {}
        _all_changes.add(self)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a layer or of a part of the viewer.

        Parameters
        ----------
        owner : object
            The layer or part.
        name : str
            Name of the attribute.
        value : object
            Its new value.
        """
        now = getattr(owner, name)
        _, before, after = self._made.get(_key(owner, name), (owner, now, now))
        if not same(now, after):
            before = now  # somebody else has set it since
        set_unlike(owner, name, value)
        # It is read back, for napari may turn it into another type.
        self._made[_key(owner, name)] = owner, before, getattr(owner, name)

    def before(self, owner: Any, name: str) -> Any:
        """Return the value of an attribute before it was set here, else as it is."""
        now = getattr(owner, name)
        _, before, after = self._made.get(_key(owner, name), (owner, now, now))
        return before if same(now, after) else now

    def become(self, wanted: Iterable[Change]) -> None:
        """Set all these attributes, and put all others back that were set before."""
        wanted = list(wanted)
        kept = {_key(owner, name) for owner, name, _ in wanted}
        self._put_back([key for key in self._made if key not in kept])
        for owner, name, value in wanted:
            self.set(owner, name, value)

    def undo(self) -> None:
        """Put everything back, the last change first."""
        self._put_back(list(self._made))

    def _put_back(self, keys: list[tuple[int, str]]) -> None:
        for key in reversed(keys):
            owner, before, after = self._made.pop(key)
            now = getattr(owner, key[1])
            if same(now, after):
                set_unlike(owner, key[1], before)


def lasting(owner: Any, name: str) -> Any:
    """Return the value that an attribute has once all changes are put back."""
    now = getattr(owner, name)
    for changes in list(_all_changes):
        before = changes.before(owner, name)
        if not same(before, now):
            return before
    return now


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Add layers without selecting them: the map that is inspected stays selected."""
    selection = viewer.layers.selection
    before = set(selection)
    yield
    # Not emptied in between, for docks follow the active layer.
    selection.update(before)
    selection.intersection_update(before)


def _key(owner: Any, name: str) -> tuple[int, str]:
    # Widgets of plugins see another wrapper of the same object each time.
    return id(unwrapped(owner)), name


def same(one: Any, other: Any) -> bool:
    """Return whether two values of an attribute are equal; they may be arrays."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is other or bool(np.all(np.asarray(one == other)))


def set_unlike(owner: Any, name: str, value: Any) -> None:
    """Set an attribute if it differs: napari works a lot even where nothing changes."""
    if not same(getattr(owner, name), value):
        setattr(owner, name, value)
