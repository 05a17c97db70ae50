"""One review in its file, which several windows may have open at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..hotspots import Hotspot, Hotspots
from ..io.atomic import write_whole
from ..model.record import Record
from .edits import Array, Runs, as_runs, merged, runs_of
from .fingerprint import Options, ReviewedInput
from .review import Review, decided_otherwise, settled
from .stop import Stop
from .window import Window, as_window
from .written import Written, locked, read, state_of

__all__ = ["Options", "Refreshed", "ReviewedInput", "Session", "Window"]


@dataclass(frozen=True)
class Refreshed:
    """What came in from another window.

    Attributes
    ----------
    stops : tuple of int
        Ranks of those that changed.
    labels : bool
        Whether changed labels did: see :meth:`Session.set_labels`.
    """

    stops: tuple[int, ...]
    labels: bool


class Session:
    """A review and its file; made by :meth:`begin` or :meth:`open`.

    Attributes
    ----------
    path : Path
        The file.
    case, begun : str
        What the case is called; when the review was begun, UTC, ISO 8601.
    inputs, options : tuple of ReviewedInput, Options
        What it is about.
    names, unit : mapping of int to str, str
        Of labels; of the map, may be empty.
    record : Record or None
        What the map says of itself; None of reviews that were begun before that was
        kept.
    radius_mm, expected_errors : float
        Of each ball; how many voxels are expected to be wrong, all over.
    review : Review
        The stops. It stays the same object when others' decisions come in.
    runs : ndarray of int64, shape (n, 3)
        What was changed in the labels, see :mod:`.edits`.
    """

    _known: Written

    def __init__(self, path: Path, written: Written) -> None:
        self.path = path
        self.runs: Runs = written.runs
        self.review = Review(written.stops, self._stamp)
        self._changed_at = dict(written.changed_at)
        self._know(written)
        self._came_in: tuple[set[int], bool] = set(), False
        self._state: tuple[int, ...] | None = None
        self._window = Window.here()
        self._present = self._closed = False

    @classmethod
    def begin(
        cls,
        path: Path,
        case: str,
        inputs: Sequence[ReviewedInput],
        options: Options,
        hotspots: Hotspots,
        names: Mapping[int, str],
        unit: str,
        *,
        record: Record | None = None,
        register: bool = False,
    ) -> Session:
        """A new review.

        Parameters
        ----------
        path : Path
            Its file. If another window begins the same review meanwhile, the two
            become one when they are saved.
        case, inputs, options : str, sequence of ReviewedInput, Options
            What it is about.
        hotspots, names, unit : Hotspots, mapping of int to str, str
            The places; names of labels; unit of the map, may be empty.
        record : Record or None
            What the map says of itself, so that it can be computed again.
        register : bool
            Whether to write the file at once, and in it that this window is here;
            otherwise both are done when it is first saved.

        Raises
        ------
        InputError
            If the file cannot be written, or holds something else.
        """
        written = Written(
            case=case,
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            unit=unit,
            inputs=tuple(inputs),
            options=options,
            names=dict(names),
            expected_errors=hotspots.expected_errors,
            stops=tuple(Stop(place) for place in hotspots.places),
            changed_at={},
            runs=as_runs([]),
            record=record,
        )
        session = cls(path, written)
        if register:
            session.save()
        return session

    @classmethod
    def open(cls, path: Path, *, register: bool = False) -> Session:
        """The review in a file.

        Parameters
        ----------
        path, register : Path, bool
            The file; whether to write into it at once that this window is here.

        Raises
        ------
        InputError
            If it is no review, was written by a newer version, or cannot be written.
        """
        state = state_of(path)
        session = cls(path, read(path))
        session._state = state
        if register:
            session.save()
        return session

    def set_labels(self, original: Array, current: Array) -> None:
        """Take over what is changed in the labels.

        Whenever :meth:`save` or :meth:`refresh` tell that labels changed, `runs` have
        to be put into the labels before this is called again: what is missing there
        would count as taken back.

        Parameters
        ----------
        original, current : ndarray of int, same shape
            The labels when the review was begun, and now; in core order.
        """
        self.runs = runs_of(original, current)

    def extend(self, hotspots: Hotspots) -> None:
        """Add the further places of a longer list; what was decided stays.

        Raises
        ------
        InputError
            If its first places are others; then nothing was added.
        """
        stops = {stop.rank: stop for stop in self.review.stops}
        for place in hotspots.places:
            _check_same(stops.setdefault(place.rank, Stop(place)), place)
        self.review.adopt(stops.values())

    def save(self) -> Refreshed | None:
        """Write the file, together with what other windows decided meanwhile.

        Returns
        -------
        Refreshed or None
            What came in from them; None if nothing did.

        Raises
        ------
        InputError
            If the file cannot be written, or is not this review any more; then it is
            as it was before.
        """
        with locked(self.path):
            theirs = read(self.path) if self.path.exists() else None
            newest = self._known.revision
            if theirs is not None:
                self._merge(theirs)
            windows = [asdict(window) for window in self.others()]
            self._present = not self._closed
            if self._present:
                windows.append(asdict(self._window))
            written = replace(
                self._known,
                stops=self.review.stops,
                changed_at=dict(self._changed_at),
                runs=self.runs,
                windows=tuple(windows),
                revision=max(newest, self._known.revision) + 1,
            )
            content = written.text().encode("utf-8", "backslashreplace")
            write_whole([(self.path, lambda file: file.write(content))], sync=True)
            self._known, self._state = written, state_of(self.path)
        return self._news()

    def refresh(self) -> Refreshed | None:
        """Take over what other windows wrote; quick where they did not.

        Returns
        -------
        Refreshed or None
            What came in; None if nothing did.

        Raises
        ------
        InputError
            If the file is not this review any more. That is told once.
        """
        state = state_of(self.path)
        if state is not None and state != self._state:
            self._state = state
            theirs = read(self.path)
            if theirs.revision != self._known.revision:
                self._merge(theirs)
        return self._news()

    def close(self) -> None:
        """Take this window out of the file, and save what was not yet saved."""
        self._closed = True
        last = self._known
        same = self.review.stops == last.stops and np.array_equal(self.runs, last.runs)
        if not same or (self._present and state_of(self.path)):
            self.save()

    def others(self) -> tuple[Window, ...]:
        """The other windows that had this review open when the file was last read."""
        state = state_of(self.path)
        changed, own = state[0] / 1e9 if state else 0.0, self._window.id
        known = [as_window(row) for row in self._known.windows]
        return tuple(w for w in known if w and w.id != own and w.is_open(changed))

    def _stamp(self, rank: int) -> None:
        """Note the time; not before an earlier change, even if the clock was set."""
        self._changed_at[rank] = max(time.time_ns(), self._changed_at.get(rank, 0) + 1)

    def _know(self, written: Written) -> None:
        """Note what this window last read or wrote."""
        self._known = written
        self.case, self.begun = written.case, written.begun
        self.inputs, self.options = written.inputs, written.options
        self.names, self.unit = written.names, written.unit
        self.record = written.record
        self.radius_mm = written.options.radius_mm
        self.expected_errors = written.expected_errors

    def _merge(self, theirs: Written) -> None:
        """Take over what others changed since this window last read or wrote."""
        if not theirs.is_about(self.inputs, self.options):
            raise InputError(
                f"{self.path} holds another review now, which was left as it is; move "
                "it away to save this one."
            )
        before, runs = self.review.stops, self.runs
        ours = {stop.rank: stop for stop in before}
        base = {stop.rank: stop for stop in self._known.stops}
        times, not_ours = dict(self._changed_at), set()
        for stop in theirs.stops:
            was = base.get(stop.rank) or Stop(stop.hotspot)
            our = ours.get(stop.rank, was)
            _check_same(our, stop.hotspot)
            their_time = theirs.changed_at.get(stop.rank, 0)
            our_time = times.get(stop.rank, 0)
            ours[stop.rank] = settled(was, our, stop, our_time > their_time)
            times[stop.rank] = max(our_time, their_time)
            if decided_otherwise(was, stop):
                not_ours.add(stop.rank)
        self.review.adopt(ours.values(), not_ours)
        self._changed_at = times
        self.runs = merged(self._known.runs, runs, theirs.runs)
        self._know(theirs)
        ranks, labels = self._came_in
        ranks |= {stop.rank for stop in set(self.review.stops) - set(before)}
        self._came_in = ranks, labels or not np.array_equal(self.runs, runs)

    def _news(self) -> Refreshed | None:
        """What came in and was not yet told: a fault may have been in between."""
        ranks, labels = self._came_in
        self._came_in = set(), False
        return Refreshed(tuple(sorted(ranks)), labels) if ranks or labels else None


def _check_same(stop: Stop, place: Hotspot) -> None:
    if stop.hotspot.voxel != place.voxel:
        raise InputError(
            f"Place {place.rank} is another one in the review that is there, which was "
            "begun with another version or other data; begin a new review."
        )
