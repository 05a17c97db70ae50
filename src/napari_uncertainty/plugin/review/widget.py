"""The dock widget *Review uncertainty*."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QTabWidget,
    QVBoxLayout,
)

from ...review.review import VERDICTS, Stop, Verdict
from ..viewer.four_views import FourViewsButton
from ..viewer.lifetime import Docked, scrolled, weakly
from ..viewer.shown_map import ShownMap
from ..viewer.view_planes import Letters
from ..viewer.widgets import keep_whole
from .begin import ReviewChoices
from .controller import ReviewController
from .marks import HotspotPoints
from .review_tabs import OptionsTab, ProgressLine, ReviewSavingTab
from .stop_table import StopTable
from .verdict_bar import ReviewKeys, VerdictBar
from .visit import Visit, where

MIN_WIDTH = 380


class ReviewWidget(Docked):
    """Places worth a look, one after the other, and what was decided about each.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose maps are reviewed.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer = napari_viewer
        self.options = OptionsTab()
        self._classes_of: tuple[Any, Any] = (None, None)
        self.desk = ReviewController(viewer, weakly(self._choices))
        self.message, self.read_only = QLabel(), QLabel()
        self.progress = QProgressBar()
        self.line = ProgressLine()
        self.table = StopTable()
        self.bar = VerdictBar()
        self.saving = ReviewSavingTab(viewer, self.desk)
        self.visit = Visit(viewer)
        self.marks = QCheckBox("Mark all hotspots")
        self.marks.setToolTip(
            "Each as a ball in the colour of what was decided, in 2D and in 3D; click "
            "one to go there."
        )
        self.points = HotspotPoints(
            viewer, weakly(self._points_gone), weakly(self.go_to)
        )
        self._letters = Letters(viewer)
        self._lay_out()
        self._connect()
        self.keys = ReviewKeys(
            viewer,
            self,
            {
                "next": weakly(self.step, 1),
                "previous": weakly(self.step, -1),
                **{
                    one.action: weakly(self.judge, verdict)
                    for verdict, one in VERDICTS.items()
                },
                "undo": weakly(self.undo),
                "note": weakly(self.write_note),
                "flip plane": self.visit.flip_plane,
            },
        )
        self.end_with_me(
            self.desk.stop, self.saving.stop, self.keys.stop,
            self._letters.remove, self.visit.leave, self.points.remove,
        )  # fmt: skip
        self.desk.following.start()

    def _lay_out(self) -> None:
        self.setMinimumWidth(MIN_WIDTH)
        layout = QVBoxLayout(self)
        choices = QFormLayout()
        choices.addRow("Map", self.desk.following.map.native)
        choices.addRow("Segmentation", self.desk.following.segmentation.native)
        layout.addLayout(choices)
        views = QHBoxLayout()
        views.addWidget(FourViewsButton(self._viewer), 1)
        views.addWidget(self.marks)
        layout.addLayout(views)
        for label in (self.message, self.read_only):
            keep_whole(label)
            layout.addWidget(label)
        layout.addWidget(self.progress)
        layout.addWidget(self.line)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.table, "Hotspots")
        self.tabs.addTab(scrolled(self.options), "Options")
        self.tabs.addTab(scrolled(self.saving), "Save")
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.bar)

    def _connect(self) -> None:
        desk = self.desk
        desk.following.begun.connect(self._wait)
        desk.following.progress.connect(self._show_share)
        desk.following.nothing.connect(self._show_nothing)
        desk.leaving.connect(self.bar.commit_note)
        desk.reopened.connect(self._show_review)
        desk.changed.connect(self._show_stops)
        desk.told.connect(show_info)
        desk.failed.connect(show_error)
        self.options.asked.connect(desk.following.look)
        self.table.picked.connect(self.go_to)
        self.table.noted.connect(desk.annotate)
        self.bar.moved.connect(self.step)
        self.bar.judged.connect(self.judge)
        self.bar.undone.connect(self.undo)
        self.bar.noted.connect(self._annotate)
        self.marks.toggled.connect(self._show_points)

    # -- what the person does -------------------------------------------------

    @property
    def current(self) -> Stop | None:
        """The stop that is looked at."""
        rank = self.table.current
        return next((stop for stop in self.desk.stops if stop.rank == rank), None)

    def go_to(self, rank: int, asked: bool = True) -> None:
        """Look at a stop.

        Parameters
        ----------
        rank : int
            Its rank.
        asked : bool
            Whether somebody asked for it. Else nothing is written yet, since no work on
            the review has begun when the dock opens.
        """
        self.bar.commit_note()
        subject, session = self.desk.subject, self.desk.session
        if subject is None or session is None:
            return
        self.table.select(rank)
        stop = session.review.stop(rank)
        self.visit.go_to(subject, stop.hotspot, session.radius_mm)
        self.desk.see(rank, kept=asked)
        self._show_current()

    def step(self, step: int) -> None:
        """Look at the next stop of the table (+1), or the previous one (-1)."""
        rank = self.table.following(step)
        if rank is not None:
            self.go_to(rank)
        elif self.desk.stops:
            end = "last" if step > 0 else "first"
            show_info(f"This is the {end} hotspot of the list.")

    def judge(self, verdict: Verdict) -> None:
        """Decide about the stop that is looked at."""
        stop = self.current
        if stop is None:
            if self.desk.stops:
                show_warning("Go to a hotspot first.")
            return
        self.bar.commit_note()
        self.desk.judge(stop.rank, verdict)
        advance = self.options.advance.isChecked() and not self.desk.read_only
        if verdict != "open" and advance:
            following = self.table.next_open()
            if following is not None:
                self.go_to(following)

    def undo(self) -> None:
        """Take the last decision or note back, and look at its stop."""
        rank = self.desk.undo()
        if rank is None:
            if self.desk.stops and not self.desk.read_only:
                show_info("There is nothing to take back.")
        elif rank != self.table.current:
            self.go_to(rank)

    def write_note(self) -> None:
        """Let the person write a note on the stop that is looked at."""
        if self.current is not None and self.desk.may_decide():
            self.bar.edit_note()

    def _annotate(self, note: str) -> None:
        if self.bar.shown is not None:
            self.desk.annotate(self.bar.shown.rank, note)

    # -- what is shown --------------------------------------------------------

    def _choices(self, subject: ShownMap) -> ReviewChoices:
        """Return the choices; classes chosen for other images are forgotten."""
        same = self._classes_of == (subject.layer, subject.segmentation)
        if not same and not self.options.offers(subject.names):
            self.options.forget_classes()
        return self.options.choices

    def _wait(self, _another: bool) -> None:
        self.message.setText("")
        self.progress.setValue(0)
        self.progress.setVisible(True)

    def _show_share(self, share: float) -> None:
        self.progress.setValue(round(100 * share))

    def _show_nothing(self, sentence: str) -> None:
        self.visit.leave()
        self.progress.setVisible(False)
        self.message.setText(sentence)

    def _show_review(self) -> None:
        """Show another review, or that there is none."""
        self.visit.pause()
        self.points.remove()
        self._points_gone()
        self.table.select(None)
        opened, subject = self.desk.opened, self.desk.subject
        self.options.show_kept(None if opened is None else opened.session.path)
        if opened is not None and subject is not None:
            self.progress.setVisible(False)
            self.message.setText(opened.sentence)
            labels = sorted({*opened.present_labels, *subject.names})
            names = {label: subject.name_of(label) for label in labels}
            self.options.offer_classes(names)
            self._classes_of = subject.layer, subject.segmentation
        self._show_stops()
        self._begin()

    def _begin(self) -> None:
        """Look at the first hotspot that is open, or at the first of all."""
        stops = self.desk.stops
        if stops and self.table.current is None:
            self.go_to(self.table.next_open() or stops[0].rank, asked=False)

    def _show_stops(self) -> None:
        opened, subject = self.desk.opened, self.desk.subject
        if opened is None or subject is None:
            self.table.show_stops((), {}, "", {})
            self.line.show_progress(0, 0, 0, "")
        else:
            stops = self.desk.stops
            more = len(stops) != len(self.table.model.stops)
            labels = {label for stop in stops for label in stop.hotspot.classes or ()}
            self.table.show_stops(
                stops, subject.names, subject.record.unit, subject.colors_of(labels)
            )
            done = opened.session.review.progress()
            self.line.show_progress(done.seen, done.decided, done.total, done.sentence)
            if more and self.points.shown:
                self._show_points(True)
            else:
                self.points.update(stops)
        self._show_read_only()
        self._show_current()

    def _show_read_only(self) -> None:
        sentence = self.desk.read_only
        self.read_only.setText(sentence)
        self.read_only.setVisible(bool(sentence))
        self.bar.set_read_only(bool(sentence))

    def _show_current(self) -> None:
        stop, subject = self.current, self.desk.subject
        self.points.highlight(None if stop is None else stop.rank)
        if stop is None or subject is None:
            self.bar.show_stop(None, "")
            return
        parts = [
            f"{stop.rank} of {len(self.desk.stops)}",
            f"{stop.hotspot.mass:.1f} expected errors",
            where(subject, stop.hotspot),
            # Last, for these may be long, and are in the table, too.
            stop.hotspot.competing(subject.names),
        ]
        self.bar.show_stop(stop, " · ".join(part for part in parts if part))

    def _show_points(self, wanted: bool) -> None:
        session, subject = self.desk.session, self.desk.subject
        if not wanted:
            self.points.remove()
        elif session is None or subject is None:
            self._points_gone()
        else:
            self.points.show(subject, self.desk.stops, subject.names, session.radius_mm)
            self.points.highlight(self.table.current)

    def _points_gone(self) -> None:
        """Uncheck the box of the marks, since they are gone."""
        before = self.marks.blockSignals(True)
        self.marks.setChecked(False)
        self.marks.blockSignals(before)

    # -- beside other docks ---------------------------------------------------

    def seen(self, in_front: bool) -> None:
        """Show the map faintly for the review, and else as it was."""
        self.visit.fade(in_front)

    # -- the end --------------------------------------------------------------

    def stop(self) -> None:
        """Keep a note that is being written, and end."""
        self.bar.commit_note()
        super().stop()
