"""The dock widget *Inspect uncertainty*."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import (
    QDockWidget,
    QFormLayout,
    QFrame,
    QLabel,
    QMainWindow,
    QProgressBar,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ...errors import InputError
from ...regions import voxel_volume
from ..layer_choice import LayerChoice
from ..selection import rank_for_map, role_of
from ..work import Job
from .appearance import AppearanceControls
from .class_table import ClassTable
from .highlight import Highlight, Ring
from .letters import Letters
from .listening import Listening
from .numbers_tab import NumbersTab
from .planes import go_to
from .probe import Probe
from .probe_panel import ProbePanel
from .saving_tab import SavingTab
from .slices_tab import SlicesTab
from .stage import Stage
from .subject import Findings, Subject, iter_findings

# Layers change in several steps, and a brush stroke in many.
SETTLE_MS = 300
MIN_WIDTH = 360

NO_MAP = "There is no uncertainty map yet: compute one with Compute uncertainty."

#: Events of a map or segmentation after which its numbers are others.
_MAP_EVENTS = ("data", "scale", "translate", "affine", "rotate")
_LABEL_EVENTS = ("data", "paint", "labels_update", "colormap", *_MAP_EVENTS[1:])


class InspectWidget(QWidget):
    """From a map to an answer: where, which class, how much; in 2D and 3D.

    It follows the map that is selected in the layer list.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose maps are inspected.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._jobs: list[Job[Findings | None]] = []
        self.subject: Subject | None = None
        self.findings: Findings | None = None
        self._probe: Probe | None = None
        self._of_layers = Listening()
        self._was_docked = self._placed = False
        self._make_parts()
        self._lay_out()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._listen()
        self._choose()

    def _make_parts(self) -> None:
        viewer = self._viewer
        self.map = LayerChoice(
            viewer, offers=lambda layer: role_of(layer) == "map", rank=lambda _: ()
        )
        self.segmentation = LayerChoice(
            viewer,
            offers=lambda layer: role_of(layer) == "segmentation",
            rank=self._rank_segmentation,
        )
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.progress = QProgressBar()
        self.appearance = AppearanceControls()
        self.classes = ClassTable()
        self.slices = SlicesTab(viewer)
        self.numbers = NumbersTab()
        self.stage = Stage(viewer)
        self.saving = SavingTab(viewer, self.stage)
        self.probe_panel = ProbePanel()
        self._highlight = Highlight(viewer)
        self.stage.before_3d = self._highlight.hide
        self._ring = Ring(viewer)
        self._letters = Letters(viewer)

    def _lay_out(self) -> None:
        self.setMinimumWidth(MIN_WIDTH)
        layout = QVBoxLayout(self)
        choices = QFormLayout()
        choices.addRow("Map", self.map.native)
        choices.addRow("Classes", self.segmentation.native)
        layout.addLayout(choices)
        layout.addWidget(self.stage.buttons)
        layout.addWidget(self.stage.waiting)
        layout.addWidget(self.message)
        layout.addWidget(self.progress)
        self.tabs = QTabWidget()
        for title, tab in (
            ("Classes", self.classes),
            ("Slices", self.slices),
            ("Numbers", self.numbers),
            ("Display", self.appearance),
            ("Save", self.saving),
        ):
            self.tabs.addTab(_scrolled(tab), title)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.probe_panel)

    def _listen(self) -> None:
        viewer, self._listening = self._viewer, Listening()
        layers = viewer.layers.events
        for event in (
            layers.inserted,
            layers.removed,
            layers.reordered,
            layers.renamed,
        ):
            self._listening.to(event, self._choose)
        self._listening.to(viewer.layers.selection.events.active, self._follow)
        self._listening.to_mouse(viewer.mouse_move_callbacks, self._pointed)
        self.map.changed.connect(self._changed_map)
        self.segmentation.changed.connect(self._settle_now)
        self.appearance.changed.connect(self._show_appearance)
        self.numbers.threshold_moved.connect(self.appearance.threshold.setValue)
        self.classes.selected.connect(self._select)
        self.classes.visited.connect(self._visit)
        self.classes.failed.connect(show_error)
        self.classes.saved.connect(lambda path: show_info(f"The table is in {path}."))
        # The window can go at any time, and takes what runs with it.
        self.destroyed.connect(partial(_end, self._parts_that_listen(), self._jobs))

    def _parts_that_listen(self) -> tuple[Any, ...]:
        return (
            self._listening, self._of_layers, self._highlight.listening, self.slices.listening, self.stage,
            self._letters.listening,
        )  # fmt: skip

    # -- which map ------------------------------------------------------------

    def _choose(self, *_: Any) -> None:
        """Follow the layer list."""
        self.map.reset_choices()
        self._changed_map()

    def _follow(self, *_: Any) -> None:
        """Follow the selected layer, where it is a map."""
        active = self._viewer.layers.selection.active
        if active is not None and role_of(active) == "map" and active != self.map.value:
            self.map.value = active

    def _changed_map(self, *_: Any) -> None:
        self.segmentation.reset_choices()
        chosen = (self.map.value, self.segmentation.value)
        now = (None, None)
        if self.subject is not None:
            now = (self.subject.layer, self.subject.segmentation)
        if chosen != now:
            self._look()

    def _rank_segmentation(self, layer: Any) -> tuple[Any, ...] | None:
        return None if self.map.value is None else rank_for_map(layer, self.map.value)

    def _settle_now(self, *_: Any) -> None:
        self._settle.start()

    def _look(self) -> None:
        """Take the layers as they are now, and look at them in the background."""
        self._settle.stop()
        self._cancel()
        self._of_layers.stop()
        layer, segmentation = self.map.value, self.segmentation.value
        if layer is None:
            self._show_nothing(NO_MAP)
            return
        self._listen_to(layer, segmentation)
        try:
            subject = Subject.of(self._viewer, layer, segmentation)
        except InputError as error:
            self._show_nothing(str(error))
            return
        new = self.subject is None or self.subject.layer != layer
        self.subject = subject
        if new:
            self._forget()
            self.appearance.take_over(layer, subject.highest)
        self.progress.setVisible(True)
        self._jobs.append(
            Job(
                partial(
                    iter_findings,
                    subject.source.values,
                    subject.source.grid,
                    subject.labels,
                    subject.no_data,
                ),
                on_progress=lambda share: self.progress.setValue(round(100 * share)),
                on_end=partial(self.progress.setVisible, False),
                on_result=self._found,
                on_refused=self._show_nothing,
            )
        )

    def _listen_to(self, layer: Any, segmentation: Any) -> None:
        for name in _MAP_EVENTS:
            self._of_layers.to(getattr(layer.events, name), self._settle_now)
        if segmentation is not None:
            for name in _LABEL_EVENTS:
                self._of_layers.to(getattr(segmentation.events, name), self._settle_now)

    def _found(self, findings: Findings | None) -> None:
        assert findings is not None  # a cancelled job reports nothing
        assert self.subject is not None
        subject, self.findings = self.subject, findings
        self._probe = Probe(self._viewer, subject, findings.labels)
        colors = subject.colors_of({*findings.regions.labels, *subject.names})
        self.colors = colors
        whose = "the most probable class"
        if subject.segmentation is not None:
            whose = f"'{subject.segmentation.name}'"
        self.message.setText(f"Classes by {whose}")
        self.stage.set_subject(subject, findings, self._appearance())
        self.slices.set_subject(subject, findings)
        self._show_appearance()
        self._select(self.classes.selected_labels)

    def _forget(self) -> None:
        """Take away what belongs to another map."""
        self.findings = self._probe = None
        self._highlight.remove()
        self._ring.remove()
        self.classes.clear()
        self.slices.clear()
        self.numbers.clear()
        self.probe_panel.clear()
        self.stage.clear()

    def _show_nothing(self, sentence: str) -> None:
        self.subject = None
        self._forget()
        self.message.setText(sentence)
        self.progress.setVisible(False)

    # -- what is chosen in it -------------------------------------------------

    def _appearance(self) -> Any:
        quantiles = None
        if self.findings is not None:
            quantiles = partial(self.findings.regions.quantiles, "foreground")
        return self.appearance.appearance(quantiles)

    def _show_appearance(self, *_: Any) -> None:
        """Map, surfaces, table and numbers as the controls say."""
        subject, findings = self.subject, self.findings
        if subject is None or findings is None:
            return
        appearance = self._appearance()
        self._color_map(subject.layer, appearance)
        self.stage.set_appearance(appearance, self.appearance.percentile_shares)
        regions, threshold = findings.regions, appearance.threshold
        table = regions.table(
            class_names=subject.names,
            voxel_volume_mm3=voxel_volume(subject.source.grid),
            threshold=threshold,
        )
        self.classes.set_table(table, self.colors, subject.unit, threshold)
        above = [regions.share_above(w, threshold) for w in ("foreground", "whole")]
        self.appearance.left.setText(
            f"{above[0]:.1%} of the foreground's voxels and {above[1]:.1%} of all are "
            f"above {threshold:.2f} {subject.unit}".rstrip()
        )
        self._show_numbers()

    @staticmethod
    def _color_map(layer: Image, appearance: Any) -> None:
        colormap = appearance.of_map()
        if tuple(layer.contrast_limits) != appearance.limits:
            layer.contrast_limits = appearance.limits
        if not np.array_equal(layer.colormap.colors, colormap.colors):
            layer.colormap = colormap

    def _show_numbers(self) -> None:
        assert self.subject is not None
        assert self.findings is not None
        chosen = self.classes.selected_labels
        self.numbers.show_numbers(
            self.subject,
            self.findings.regions,
            {label: self.colors[label] for label in chosen},
            float(self.appearance.threshold.value()),
        )

    def _select(self, labels: Sequence[int]) -> None:
        """Let classes stand out, in every part."""
        if self.subject is None or self.findings is None:
            return
        chosen = [label for label in labels if label in self.findings.regions.labels]
        self._highlight.show(self.subject, {la: self.colors[la] for la in chosen})
        self.slices.select(chosen)
        self.stage.select([label for label in chosen if label != 0])
        self._show_numbers()

    def _visit(self, label: int, part: Any) -> None:
        """Go to the most uncertain place of a class."""
        if self.subject is None or self.findings is None:
            return
        regions = self.findings.regions
        voxel = regions.peak(label, part) or regions.peak(label)
        if voxel is None:
            return
        place = self.subject.place(voxel)
        self.stage.show_place(place)
        go_to(self._viewer, place)
        self._ring.show(place, self.stage.ring_size())
        self._read(np.array(self._viewer.dims.point)[-len(place) :])

    # -- the pointer ----------------------------------------------------------

    def _pointed(self, _viewer: Any, event: Any) -> None:
        if self._probe is None:
            return
        place = self.stage.pointed_at(event.position, event.view_direction)
        if place is None:
            self.probe_panel.clear()
        else:
            self._read(place)

    def _read(self, place: Any) -> None:
        assert self._probe is not None
        assert self.subject is not None
        reading = self._probe.read(place)
        self.probe_panel.show_reading(reading, self.subject, self.colors)

    # -- the end --------------------------------------------------------------

    def event(self, event: QEvent | None) -> bool:
        """Notice when the dock is closed: napari takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None and self._was_docked:
                self.stop()
            self._was_docked = self.parent() is not None
        return bool(super().event(event))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Hardly any height until it is in its place, or the window would grow."""
        hint: QSize = super().minimumSizeHint()
        return hint if self._placed else QSize(hint.width(), 1)

    def showEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Share the place of other docks at first: below them there is no room."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            _tabify(self.parentWidget())
            self.updateGeometry()

    def stop(self) -> None:
        """Call back no more; what is shown stays, but for letters and outlines."""
        _end(self._parts_that_listen(), self._jobs)
        self._settle.stop()
        self._letters.remove()
        self._highlight.remove()

    def _cancel(self) -> None:
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()


def _scrolled(tab: QWidget) -> QWidget:
    """A tab that needs no height of its own, for the window would grow with it."""
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


def _end(parts: Sequence[Any], jobs: list[Job[Any]], *_: Any) -> None:
    for part in parts:
        part.stop()
    for job in jobs:
        job.cancel()
    jobs.clear()
