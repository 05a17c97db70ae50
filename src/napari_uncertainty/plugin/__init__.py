"""The viewer: the only package that imports napari, magicgui or Qt."""

from __future__ import annotations

import os
import sys

from ..errors import InputError


def require_display() -> None:
    """Raise InputError where Qt or a display is missing: Qt would abort the process."""
    try:
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:  # qtpy's own errors are ImportErrors too
        raise InputError(
            f"A window needs Qt ({error}); install it with "
            'pip install "napari-uncertainty[all]".'
        ) from error
    settings = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in settings):
        raise InputError(
            "There is no display. For a picture without one: xvfb-run -a "
            '-s "-screen 0 1280x1024x24" napari-uncertainty … --screenshot FILE.png'
        )
