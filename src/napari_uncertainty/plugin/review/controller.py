"""The controller of a review: decisions, saving, and labels that change."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from ...errors import InputError
from ...review.review import Stop, Verdict
from ...review.session import Session
from ..viewer.jobs import Job, Steps, cancel_all
from ..viewer.lifetime import Listening
from ..viewer.scan_space import axes_of
from ..viewer.shown_map import MapFollower, ShownMap
from .begin import OpenedReview, ReviewChoices, iter_begin, material_of
from .edited import EditedSegmentation

# Milliseconds without a change of labels after which a stroke counts as finished.
SETTLE_MS = 300

# Milliseconds until a visit to a place is written; decisions are written at once.
SEEN_MS = 1000

_LABEL_EVENTS = ("paint", "labels_update", "data", "set_data")


class ReviewController(QObject):
    """The review of the selected map and its segmentation, one at a time.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose maps are reviewed.
    choices : callable
        Returns the choices of the person for a map.

    Attributes
    ----------
    following : MapFollower
        The choice of map and segmentation.
    opened : OpenedReview or None
        The review.
    edited : EditedSegmentation or None
        Its segmentation, if changes can be followed.
    """

    #: The review is about to be left.
    leaving = Signal()
    #: There is another review now, or none any more.
    reopened = Signal()
    #: Something was decided, seen or counted.
    changed = Signal()
    #: Something that a person should know, in a sentence.
    told = Signal(str)
    #: An error, in a sentence.
    failed = Signal(str)

    def __init__(
        self, viewer: Any, choices: Callable[[ShownMap], ReviewChoices]
    ) -> None:
        super().__init__()
        self._viewer, self._choices = viewer, choices
        self.following = MapFollower(viewer, self._look_at, heed_labels=False)
        self.following.begun.connect(self._begin)
        self.following.found.connect(self._open)
        self.following.nothing.connect(self._leave)
        self.opened: OpenedReview | None = None
        self.edited: EditedSegmentation | None = None
        self._of_labels = Listening()
        # At most one job, which writes labels beside the review.
        self._jobs: list[Job[None]] = []
        self._settle = self._timer(SETTLE_MS, self.count)
        self._seen = self._timer(SEEN_MS, self.save)

    def _timer(self, interval: int, call: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(call)
        return timer

    @property
    def session(self) -> Session | None:
        """Session of the review."""
        return None if self.opened is None else self.opened.session

    @property
    def subject(self) -> ShownMap | None:
        """The map under review."""
        return None if self.opened is None else self.following.subject

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Stops with what was decided; empty without a review."""
        return () if self.session is None else self.session.review.stops

    @property
    def read_only(self) -> str:
        """Reason why nothing can be decided here, in a sentence; empty without one."""
        return "" if self.session is None else self.session.read_only

    # -- decisions ------------------------------------------------------------

    def see(self, rank: int, kept: bool = True) -> None:
        """Note that somebody went to a stop.

        Parameters
        ----------
        rank : int
            Rank of the stop.
        kept : bool
            Whether this alone is a reason to write the review.
        """
        if self.session is None or self.read_only:
            return
        if not self.session.review.stop(rank).seen:
            self.session.review.see(rank)
            if kept:
                self._seen.start()
            self.changed.emit()

    def judge(self, rank: int, verdict: Verdict) -> None:
        """Decide about a stop."""
        if self.session is not None and self.may_decide():
            self._count_edits()
            self.session.review.judge(rank, verdict)
            self._decided()

    def annotate(self, rank: int, note: str) -> None:
        """Replace the note of a stop."""
        if self.session is not None and self.may_decide():
            self.session.review.annotate(rank, note)
            self._decided()

    def undo(self) -> int | None:
        """Take back the last decision or note; returns its rank, None without any."""
        if self.session is None or not self.may_decide():
            return None
        rank = self.session.review.undo()
        if rank is not None:
            self._decided()
        return rank

    def may_decide(self) -> bool:
        """Return whether decisions are kept; emit the reason if they are not."""
        if self.read_only:
            self.failed.emit(self.read_only)
            self.changed.emit()  # to take back a note that somebody has typed
        return not self.read_only

    def _decided(self) -> None:
        self.save()
        self.changed.emit()

    def save(self) -> None:
        """Write what was decided, and in the background labels that have changed."""
        if self._save(labels=False):
            self._write_labels()

    def save_all(self) -> None:
        """Count changed voxels, and write all that is not written before returning."""
        changed = self._count_edits()
        if changed or (self.session is not None and self.session.has_unsaved_labels):
            self._save(labels=True)
            self.changed.emit()

    def _save(self, labels: bool) -> bool:
        """Write the session, and return whether that has worked."""
        self._seen.stop()
        if self.session is None or self.read_only:
            return False
        try:
            self.session.save(labels=labels)
        except InputError as error:
            self.failed.emit(str(error))
            if self.session.read_only:  # another window was first to begin this review
                self.following.look()
            return False
        return True

    def _write_labels(self) -> None:
        """Write labels of a session in the background, one state after the other."""
        if self._jobs or self.session is None or not self.session.has_unsaved_labels:
            return
        self._jobs.append(
            Job(
                partial(_iter_write_labels, self.session),
                on_end=self._jobs.clear,
                # The review names the labels, and newer ones are written, if any.
                on_result=lambda _: self.save(),
                on_refused=self.failed.emit,
            )
        )

    # -- labels that change ---------------------------------------------------

    def count(self) -> None:
        """Count changed voxels, and suggest that stops with some are fixed."""
        if self._count_edits():
            self._decided()

    def _count_edits(self, even_if_same: bool = False) -> bool:
        """Take over the labels, and return whether these or a stop have changed."""
        self._settle.stop()
        session, edited = self.session, self.edited
        if session is None or edited is None or self.opened is None:
            return False
        if self.read_only or not self._still_whole(edited):
            return False
        stops = session.review.stops
        changed = session.set_labels(edited.original, edited.current, edited.grid)
        if not (changed or even_if_same):
            return False
        numbers = edited.changed_in(
            [stop.hotspot for stop in stops],
            session.radius_mm,
            self.opened.hotspots.grid,
        )
        for stop, number in zip(stops, numbers, strict=True):
            session.review.count(stop.rank, number)
        return changed or session.review.stops != stops

    def _still_whole(self, edited: EditedSegmentation) -> bool:
        """Return whether the layer has its voxels; else follow it no longer."""
        if not edited.is_whole:
            self.failed.emit(
                f"'{edited.layer.name}' has other voxels than when the review was "
                "begun, so what was changed in it is not followed."
            )
            self._forget_labels()
        return edited.is_whole

    def _forget_labels(self) -> None:
        self._of_labels.stop()
        self.edited = None

    # -- another review -------------------------------------------------------

    def _look_at(self, subject: ShownMap) -> Steps[OpenedReview | None]:
        self.close()
        layer = subject.segmentation
        axes = axes_of(self._viewer.layers)
        edited = None if layer is None else EditedSegmentation.of(layer, axes)
        material = material_of(self._viewer, subject, self._choices(subject))
        self.edited = edited
        return partial(iter_begin, material)

    def _open(self) -> None:
        self.opened = opened = self.following.findings
        for note in opened.notes:
            self.told.emit(note)
        if opened.resumed:
            self._hold(opened.session)
        if self.edited is not None:
            for name in _LABEL_EVENTS:
                event = getattr(self.edited.layer.events, name)
                self._of_labels.to(event, self._edited_soon)
            self._take_up(opened)
        elif self.following.subject.segmentation is not None:  # type: ignore[union-attr]
            self.told.emit(
                "The segmentation is not shown on its own voxels, so changes to its "
                "labels are not followed."
            )
        self.reopened.emit()

    def _hold(self, session: Session) -> None:
        """Lock the review for this window, and write that into its file."""
        try:
            session.hold()
        except InputError as error:
            self.failed.emit(str(error))
        self.save()

    def _take_up(self, opened: OpenedReview) -> None:
        """Show what was changed in the labels before this window was opened."""
        session, edited = opened.session, self.edited
        assert edited is not None
        labels, note = session.labels(edited.original.shape)
        if note:
            self.told.emit(note)
        known = opened.resumed and (labels is not None or not note)
        try:
            voxels = edited.take_over(session.path, labels) if known else 0
        except InputError as error:
            self.failed.emit(str(error))
            self._forget_labels()
            return
        if voxels:
            self.told.emit(
                f"{voxels:,} voxels that were changed in this review are changed "
                f"in '{edited.layer.name}' again."
            )
        # Some places may not have been in the list when labels were changed.
        if self._count_edits(even_if_same=True):
            self._decided()

    def _edited_soon(self, *_: Any) -> None:
        self._settle.start()

    def _begin(self, _another: bool) -> None:
        self.reopened.emit()

    def _leave(self, _sentence: str) -> None:
        self.close()
        self.reopened.emit()

    def close(self) -> None:
        """Write what is not written yet, and leave the review."""
        self.leaving.emit()
        if self._settle.isActive():
            self._count_edits()
        for timer in (self._settle, self._seen):
            timer.stop()
        cancel_all(self._jobs)
        session, self.opened, edited = self.session, None, self.edited
        self._forget_labels()
        if session is None:
            return
        try:
            session.close()
        except InputError as error:
            self.failed.emit(str(error))
        else:
            if edited is not None and not session.read_only:
                edited.note_kept(session.path, session.known_labels)

    def stop(self) -> None:
        """Leave the review, and follow the viewer no longer."""
        self.following.stop()
        self.close()


def _iter_write_labels(session: Session) -> Generator[float, None, None]:
    """Write changed labels beside a review; a cancelled job has not begun to."""
    yield 0.0
    session.write_labels()
