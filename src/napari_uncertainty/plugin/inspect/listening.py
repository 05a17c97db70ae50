"""Callbacks that end with their widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Listening:
    """Callbacks on events of a viewer and its layers.

    napari's events hold bound methods weakly and keep them for as long as their owner
    lives, which a closed widget may do.
    """

    def __init__(self) -> None:
        self._heard: list[tuple[Any, Callable[..., Any]]] = []

    def to(self, event: Any, callback: Callable[..., Any]) -> None:
        """Call back at each event."""
        event.connect(callback)
        self._heard.append((event, callback))

    def to_mouse(self, callbacks: list[Any], callback: Callable[..., Any]) -> None:
        """Call back at each move of the mouse, from a list such as napari's."""
        callbacks.append(callback)
        self._heard.append((callbacks, callback))

    def stop(self, *_: Any) -> None:
        """Call back no more."""
        for heard, callback in self._heard:
            if hasattr(heard, "disconnect"):
                heard.disconnect(callback)
            elif callback in heard:
                heard.remove(callback)
        self._heard.clear()
