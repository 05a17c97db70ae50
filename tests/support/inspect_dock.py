"""Small cases for the widget *Inspect uncertainty*, and numbers to expect of it.

The numbers come from numpy and scipy alone.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from scipy.ndimage import binary_erosion
from scipy.special import entr

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.plugin.compute.map_request import Request, show_map
from napari_uncertainty.plugin.inspect.class_table import COLUMNS
from napari_uncertainty.plugin.inspect.widget import InspectWidget
from napari_uncertainty.plugin.viewer.class_outlines import outline_classes
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.steps import run
from support.compute_without_window import compute
from support.generated import OBLIQUE
from support.phantoms import asymmetric

SHAPE = (12, 13, 14)
SETTLE_MS = 20
NAMES = ("background", "left", "right", "stem")


@dataclass
class Case:
    """Layers of a case, and what is in them in the order of the files."""

    viewer: Any
    scan: Any
    segmentation: Any
    probabilities: Any
    map: Any
    p: np.ndarray
    labels: np.ndarray
    affine: np.ndarray

    @property
    def entropy(self):
        return bits(self.p)

    @property
    def argmax(self):
        return self.p.argmax(axis=0)


def bits(p, axis=0):
    return entr(np.asarray(p, float)).sum(axis=axis) / np.log(2)


def network(labels, rng, n_classes=4):
    """Probabilities that mostly agree with the labels."""
    logits = 1.5 * rng.standard_normal((n_classes, *labels.shape))
    logits += 3 * (labels == np.arange(n_classes).reshape(-1, *(1,) * labels.ndim))
    shares = np.exp(logits)
    return (shares / shares.sum(axis=0)).astype(np.float32)


def add(viewer, volume):
    data, options, kind = to_layer(volume)
    return getattr(viewer, f"add_{kind}")(data, **options)


def add_case(viewer, rng, affine=OBLIQUE, shape=SHAPE, scan=False, segmentation=True):
    """A segmentation, probabilities and their map, perhaps a scan, all on one grid."""
    labels = asymmetric(shape)
    p, grid = network(labels, rng), Grid(shape, affine)
    image = 1000 * rng.random(shape).astype(np.float32)
    scan = add(viewer, Scan(image, grid, name="T1")) if scan else None
    named = dict(enumerate(NAMES))
    if segmentation:
        segmentation = add(viewer, LabelMap(labels.copy(), grid, named, name="case"))
    net = add(viewer, ProbabilityMap(p, NAMES, grid, name="net"))
    shown, _ = compute(viewer, net, scan)
    outline_classes(viewer)  # as Compute does
    return Case(viewer, scan, segmentation or None, net, shown, p, labels, affine)


def compute_as(viewer, layer, segmentation=None, **asked):
    """The map layer of a measure, a base or of the foreground only."""
    named = {"kind", "temperature", "channel"} & set(asked)
    how = Interpretation(**{name: asked.pop(name) for name in named})
    usual = {"foreground_only": False, "measure": "entropy", "base": 2, "how": how}
    request = Request.of(viewer, layer, None, segmentation, **(usual | asked))
    return show_map(viewer, request, run(request.steps(viewer)()))


def open_widget(qtbot, viewer):
    """Without a window, and after it has looked at the map.

    It waits for further changes of a layer for less long than it does otherwise.
    """
    widget = InspectWidget(viewer)
    qtbot.addWidget(widget)
    widget.following._settle.setInterval(SETTLE_MS)
    if widget.following.map.value is not None:
        wait_until_found(qtbot, widget)
    return widget


def open_for_module(request, **asked):
    """A case without a window, and its widget, as a fixture of a whole module.

    Opening both takes more time than most of what is tested with them.
    """
    case = add_case(ViewerModel(), np.random.default_rng(20260101), **asked)
    widget = open_widget(QtBot(request), case.viewer)
    yield case, widget
    widget.stop()
    widget.deleteLater()


def as_opened(qtbot, widget):
    """Show the map in 2D, with no class selected and no surface made."""
    widget.views.buttons.buttons["Axial"].click()
    widget.classes.select([])
    widget.tabs.setCurrentIndex(0)
    widget._viewer.layers.selection.active = widget.following.map.value
    found_after(qtbot, widget, widget.following.look)


def settle(qtbot, widget):
    """Wait until it is about to look at nothing, and makes no surfaces.

    Threads, too, have to be gone: one that was cancelled ends with its block.
    """
    qtbot.waitUntil(
        lambda: (
            not widget.following._settle.isActive()
            and not widget.progress.isVisibleTo(widget)
            and not widget.views.waiting.isVisibleTo(widget)
            and not any(one.name.startswith("fold") for one in threading.enumerate())
        )
    )


def wait_until_found(qtbot, widget):
    qtbot.waitUntil(lambda: widget.following.findings is not None)


def found_after(qtbot, widget, change, *args):
    """Wait for other numbers, which are to come after this."""
    with qtbot.waitSignal(widget.following.found):
        change(*args)
    # Those were of what was looked at before, perhaps.
    settle(qtbot, widget)


def table_of(widget):
    """What the table of classes shows, by label."""
    return widget.classes.model.table.set_index("label")


def interior(labels, label):
    """Voxels without a face neighbour that has another label."""
    return binary_erosion(labels == label, border_value=1)


def check_table(widget, values, labels, there=None, rtol=1e-5):
    """Compare all numbers of voxels; `there` are the voxels with data."""
    table, values = table_of(widget), np.asarray(values, float)
    there = np.ones(labels.shape, bool) if there is None else there
    threshold = widget.appearance.threshold.value()
    assert {*np.unique(labels[there])} <= {*table.index}
    for label, row in table.iterrows():
        mask = (labels == label) & there
        parts = {"": mask}
        if there.all():
            inner = interior(labels, label)
            parts |= {"interior_": inner, "boundary_": mask & ~inner}
        for prefix, part in parts.items():
            found = values[part]
            assert row[f"{prefix}voxels"] == len(found)
            np.testing.assert_allclose(
                row[f"{prefix}total"], found.sum(), rtol, atol=1e-6
            )
            if not len(found):
                continue
            np.testing.assert_allclose(
                row[[f"{prefix}{key}" for key in ("mean", "median", "p95")]].tolist(),
                [found.mean(), np.median(found), np.quantile(found, 0.95)],
                rtol,
                atol=1e-6,
            )
            assert row[f"{prefix}share_above"] == np.mean(found > threshold)


def click_row(widget, label, key="name"):
    """Double click a cell of the table."""
    column = [one.key for one in COLUMNS].index(key)
    row = widget.classes.model.labels.index(label)
    widget.classes.view.doubleClicked.emit(widget.classes.model.index(row, column))


def show_scene(qtbot, widget, name):
    """Press a button, and wait for the meshes."""
    widget.views.buttons.buttons[name].click()
    qtbot.waitUntil(lambda: not widget.views.waiting.isVisibleTo(widget))
    assert widget.views.buttons.buttons[name].isChecked()


def callbacks(viewer, of=""):
    """How many there are on each event of the viewer, its parts and its layers.

    Of objects that a package defines, or of all.
    """
    owners = {
        "layers": viewer.layers,
        "selection": viewer.layers.selection,
        "dims": viewer.dims,
        "camera": viewer.scene.camera,
        "cursor": viewer.cursor,
        "grid": viewer.canvas.grid,
    }
    for layer in viewer.layers:
        owners[layer.name] = layer
        if hasattr(layer, "plane"):
            owners[f"plane of {layer.name}"] = layer.plane
    found = {
        (owner, name): sum(
            _module(callback).startswith(of)
            for callback in getattr(parts.events, name).callbacks
        )
        for owner, parts in owners.items()
        for name in parts.events
    }
    found["mouse"] = len(viewer.mouse_move_callbacks)
    return found


def _module(callback):
    """Where it is from; napari holds methods as a weak reference and a name."""
    owner = callback[0]() if isinstance(callback, tuple) else callback
    return getattr(owner, "__module__", type(owner).__module__) or ""
