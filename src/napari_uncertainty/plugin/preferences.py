"""The user's defaults, as set in napari's preferences (declared in napari.yaml)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from napari.settings import get_plugin_settings

from ..measures import UNITS, Base

#: The units of the preferences and the widget, by their name.
BASE_BY_UNIT: dict[str, Base] = {unit: base for base, unit in UNITS.items()}


def preferences() -> Any:
    """Preferences of *Compute uncertainty*: base, colormap, opacity and so on."""
    return get_plugin_settings("napari-uncertainty").compute


def review_preferences() -> Any:
    """Preferences of *Review uncertainty*: folder, count and radius."""
    return get_plugin_settings("napari-uncertainty").review


def remember(**choices: Any) -> None:
    """Keep choices of *Compute uncertainty* as its defaults, in napari's settings.

    Where these cannot be written, the choices hold until napari is closed.
    """
    chosen = preferences()
    for name, value in choices.items():
        if getattr(chosen, name) != value:
            # napari writes its file at each change.
            with suppress(OSError):
                setattr(chosen, name, value)
