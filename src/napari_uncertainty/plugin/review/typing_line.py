"""Lines of text in which one goes on typing, whatever else takes the keys."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QWidget


def keeps_keys(line: QWidget, event: Any) -> bool:
    """Take the focus back, if nobody has chosen to leave the line.

    napari gives it to the canvas whenever a notification fades: what is typed on would
    be keys there, and decide.

    Parameters
    ----------
    line : QWidget
        Where somebody types.
    event : QEvent
        What the line is told.

    Returns
    -------
    bool
        Whether the line has the focus again; then it should not hear of the event.
    """
    if (
        event.type() != QEvent.Type.FocusOut
        # Not by mouse, by Tab, or to another window; and not given up.
        or event.reason() != Qt.FocusReason.OtherFocusReason
        or QApplication.focusWidget() is None
    ):
        return False
    line.setFocus(Qt.FocusReason.OtherFocusReason)
    return True
