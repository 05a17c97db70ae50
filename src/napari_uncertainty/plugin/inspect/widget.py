"""The dock widget *Inspect uncertainty*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import (
    QFormLayout,
    QLabel,
    QProgressBar,
    QTabWidget,
    QToolTip,
    QVBoxLayout,
)

from ...analysis.class_statistics import Part, class_table, voxel_volume
from ..viewer.class_outlines import outline_classes
from ..viewer.layers import keep_apart
from ..viewer.lifetime import Docked, Listening, scrolled, weakly
from ..viewer.pointer import pointed_at
from ..viewer.shown_map import Color, Findings, MapFollower, ShownMap, look_for_findings
from ..viewer.view_planes import Letters, go_to
from ..viewer.widgets import keep_whole
from .appearance import AppearanceControls
from .class_table import ClassTable
from .map_views import MapViews, Ring
from .probe import Probe, ProbePanel
from .tabs import MapSavingTab, NumbersTab, SlicesTab

#: Least width of the dock in pixels.
MIN_WIDTH = 360

#: Most pixels that the pointer may move within a click.
CLICK = 3


class InspectWidget(Docked):
    """Dock that shows where, in which class and how much a map is uncertain.

    It follows the map that is selected in the layer list.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose maps are inspected.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer = napari_viewer
        self.following = MapFollower(viewer, look_for_findings)
        self.message = QLabel()
        keep_whole(self.message)
        self.progress = QProgressBar()
        self.appearance = AppearanceControls()
        self.classes = ClassTable()
        self.slices = SlicesTab(viewer)
        self.numbers = NumbersTab()
        self.views = MapViews(viewer)
        self.saving = MapSavingTab(viewer, self.views, weakly(self._inspected))
        self.probe_panel = ProbePanel()
        self._colors: Mapping[int, Color] = {}
        self._probe: Probe | None = None
        self._outlines = outline_classes(viewer)
        self._ring = Ring(viewer)
        self._letters = Letters(viewer)
        self._listening, self._of_map = Listening(), Listening()
        self._lay_out()
        self._connect()
        self.following.start()

    def _lay_out(self) -> None:
        self.setMinimumWidth(MIN_WIDTH)
        layout = QVBoxLayout(self)
        choices = QFormLayout()
        choices.addRow("Map", self.following.map.native)
        choices.addRow("Classes", self.following.segmentation.native)
        layout.addLayout(choices)
        for widget in (
            self.views.buttons, self.views.waiting, self.message, self.progress,
        ):  # fmt: skip
            layout.addWidget(widget)
        self.tabs, self._tab_of = QTabWidget(), {}
        for title, tab in (
            ("Classes", self.classes),
            ("Slices", self.slices),
            ("Numbers", self.numbers),
            ("Display", self.appearance),
            ("Save", self.saving),
        ):
            self._tab_of[title] = self.tabs.addTab(scrolled(tab), title)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.probe_panel)

    def _connect(self) -> None:
        following = self.following
        following.begun.connect(self._begin)
        following.progress.connect(self._show_progress)
        following.found.connect(self._show_findings)
        following.nothing.connect(self._show_nothing)
        appearance, modulated = self.appearance, self.views.modulated
        appearance.changed.connect(self._show_appearance)
        appearance.modulation_chosen.connect(modulated.choose)
        modulated.changed.connect(appearance.show_legend)
        modulated.refused.connect(appearance.show_reason)
        modulated.dismissed.connect(appearance.choose_outlines)
        self.numbers.threshold_moved.connect(self.appearance.threshold.setValue)
        self.classes.selected.connect(self._select)
        self.classes.visited.connect(self._visit)
        self.classes.failed.connect(show_error)
        self.classes.saved.connect(_show_saved)
        self.tabs.currentChanged.connect(self._show_tab)
        self._listening.to(self._viewer.layers.events.renamed, self._name_classes)
        self._listening.to_mouse(self._viewer.mouse_move_callbacks, self._pointed)
        self._listening.to_mouse(self._viewer.mouse_drag_callbacks, self._pressed)
        self.end_with_me(
            *(part.stop for part in (
                self._listening, self._of_map, following, self.views,
                self.slices.listening, self._letters.listening,
            )),
            *(part.remove for part in (self._letters, self._ring)),
            partial(self._outlines.select, ()),
        )  # fmt: skip

    def stop(self) -> None:
        """End, and leave the viewer as it was before the view that is shown."""
        self.views.leave()
        super().stop()

    # -- another map ----------------------------------------------------------

    def _begin(self, another: bool) -> None:
        subject = self.following.subject
        assert subject is not None
        if another:
            self._forget()
            self.appearance.take_over(subject.layer, subject.record.highest)
        else:
            self.appearance.rescale(subject.record.highest)
        self.progress.setVisible(True)

    def _show_progress(self, share: float) -> None:
        self.progress.setValue(round(100 * share))

    def _inspected(self) -> Any:
        """Return the layer of the map; None without one."""
        return self.following.map.value

    def _looked_at(self) -> tuple[ShownMap, Findings] | None:
        """Return the map with its findings; None until these are there."""
        subject, findings = self.following.subject, self.following.findings
        return None if subject is None or findings is None else (subject, findings)

    def _show_findings(self) -> None:
        looked_at = self._looked_at()
        assert looked_at is not None
        subject, findings = looked_at
        self.progress.setVisible(False)
        self._probe = Probe(self._viewer, subject, findings.labels)
        self._name_classes()
        self._of_map.stop()
        self._of_map.to(subject.layer.events.colormap, self._follow_colormap)
        self._follow_colormap()
        self.views.set_subject(subject, findings)
        self._show_appearance()
        self._select()

    def _follow_colormap(self, *_: Any) -> None:
        """Let the controls show the colormap of the map, whoever has chosen it."""
        looked_at = self._looked_at()
        if looked_at is not None:
            self.appearance.take_colormap(looked_at[0].layer.colormap)

    def _color_classes(self, subject: ShownMap, findings: Findings) -> None:
        """Give classes colours that differ from those of the map."""
        if subject.segmentation is not None:
            with self.following.unheeded():
                keep_apart(subject.segmentation, self.appearance.colormap.currentText())
        self._colors = subject.colors_of({*findings.statistics.labels, *subject.names})

    def _name_classes(self, *_: Any) -> None:
        """Write which labels are the classes."""
        if self._looked_at() is not None:
            shown = self.following.subject.segmentation  # type: ignore[union-attr]
            whose = "the most probable class" if shown is None else f"'{shown.name}'"
            self.message.setText(f"Classes by {whose}")

    def _show_nothing(self, sentence: str) -> None:
        self.progress.setVisible(False)
        self._forget()
        self.message.setText(sentence)

    def _forget(self) -> None:
        """Remove everything that belongs to another map."""
        self._probe = None
        self._of_map.stop()
        self._outlines.select(())
        self._ring.remove()
        for tab in (self.classes, self.slices, self.numbers):
            tab.clear()
        self.probe_panel.clear()
        self.views.clear()

    # -- choices --------------------------------------------------------------

    def _show_appearance(self, *_: Any) -> None:
        """Show map, surfaces, table and plots as chosen in the controls."""
        looked_at = self._looked_at()
        if looked_at is None:
            return
        subject, statistics = looked_at[0], looked_at[1].statistics
        appearance = self.appearance.appearance(
            partial(statistics.quantiles, "foreground")
        )
        self.views.set_appearance(appearance, self.appearance.percentile_shares)
        self._color_classes(*looked_at)
        table = class_table(
            statistics,
            class_names=subject.names,
            voxel_volume_mm3=voxel_volume(subject.source.grid),
            threshold=appearance.threshold,
        )
        self.classes.set_table(
            table, self._colors, subject.record.unit, appearance.threshold
        )
        self.appearance.show_shares(
            statistics.share_above("foreground", appearance.threshold),
            statistics.share_above("whole", appearance.threshold),
            subject.record.unit,
        )
        self._show_tab()

    def _show_tab(self, *_: Any) -> None:
        """Draw the plots of the tab that is in front."""
        looked_at = self._looked_at()
        if looked_at is None:
            return
        subject, findings = looked_at
        chosen = self._chosen(findings)
        if self.tabs.currentIndex() == self._tab_of["Numbers"]:
            self.numbers.show_numbers(
                subject,
                findings.statistics,
                {label: self._colors[label] for label in chosen},
                float(self.appearance.threshold.value()),
            )
        elif self.tabs.currentIndex() == self._tab_of["Slices"]:
            self.slices.show_profiles(subject, findings, chosen)

    def _chosen(self, findings: Findings) -> list[int]:
        """Return the selected classes that some voxel has."""
        present = findings.present_labels
        return [label for label in self.classes.selected_labels if label in present]

    def _select(self, *_: Any) -> None:
        """Let the selected classes stand out in all parts of the dock and the view."""
        looked_at = self._looked_at()
        if looked_at is None:
            return
        chosen = self._chosen(looked_at[1])
        self._outlines.select(chosen)
        self.views.select([label for label in chosen if label != 0])
        self._show_tab()

    def _visit(self, label: int, part: Part) -> None:
        """Go to the most uncertain place of a class."""
        looked_at = self._looked_at()
        if looked_at is None:
            return
        subject, statistics = looked_at[0], looked_at[1].statistics
        voxel = statistics.peak(label, part) or statistics.peak(label)
        if voxel is None:
            return
        place = subject.place(voxel)
        self.views.show_place(place)
        go_to(self._viewer, place)
        self._ring.show(place, self.views.ring_size())
        self._read(place)

    # -- the pointer ----------------------------------------------------------

    def _pointed(self, _viewer: Any, event: Any) -> None:
        if self._probe is None:
            return
        place = pointed_at(self._viewer, event.position, event.view_direction)
        name = ""
        if place is None:
            self.probe_panel.clear()
        else:
            self._read(place)
            if self._viewer.dims.ndisplay == 3:
                name = self.views.name_at(place)
        # An empty name hides the one of the class before.
        QToolTip.showText(QCursor.pos(), name)

    def _pressed(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Go to a place that is clicked in 3D; a drag turns the view."""
        if self._probe is None or self._viewer.dims.ndisplay != 3 or event.modifiers:
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        place = pointed_at(self._viewer, event.position, event.view_direction)
        if place is None or np.abs(np.array(event.pos) - start).max() > CLICK:
            return
        n = min(len(place), 3)
        self._viewer.dims.set_point(range(-n, 0), tuple(map(float, place[-n:])))
        self._ring.show(place[-n:], self.views.ring_size())
        self._read(place)

    def _read(self, place: Any) -> None:
        subject = self.following.subject
        if self._probe is not None and subject is not None:
            reading = self._probe.read(place)
            self.probe_panel.show_reading(reading, subject, self._colors)


def _show_saved(path: str) -> None:
    show_info(f"The table is in {path}.")
