"""The widget *Compute uncertainty* on the screen, without a window around it."""

from contextlib import contextmanager

from qtpy.QtCore import QCoreApplication, QEvent

from napari_uncertainty.plugin.compute.widget import ComputeWidget


@contextmanager
def widgets(qtbot, viewer):
    """Opens widgets that follow a viewer's layers, as those that napari docks do."""
    opened = []

    def open_one():
        widget = ComputeWidget(viewer)
        opened.append(widget)
        for name in ("inserted", "removed", "reordered", "renamed"):
            getattr(viewer.layers.events, name).connect(widget.reset_choices)
        widget.show()
        return widget

    yield open_one
    # Gone before a thread of the next test could be the one to collect it.
    for widget in opened:
        destroy(widget)


def destroy(widget):
    """Have Qt delete a widget, as it does with those of a window that is closed."""
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)
