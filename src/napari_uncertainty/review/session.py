"""A review with its files, which one window at a time writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from ..analysis.hotspots import Hotspots
from ..errors import InputError
from ..io.writing import write_whole
from ..model.grid import Grid
from ..model.record import Record
from .file import Holder, ReviewDocument, content_of
from .review import Review, Stop
from .reviewed_images import (
    Array,
    EditsFile,
    Options,
    ReviewedInput,
    copied,
    count_different,
    read_edits,
    write_edits,
)


class Session:
    """A review and its file; made by :meth:`begin` or :meth:`open`.

    Labels that were changed are in a file of their own beside it, which takes longer
    to write: :meth:`write_labels` may do that on another thread. The file of the review
    names the labels by their digest, so it is saved once more afterwards.

    Attributes
    ----------
    path : Path
        The file.
    case, begun : str
        Name of the case; when the review was begun, UTC, ISO 8601.
    inputs, options : tuple of ReviewedInput, Options
        The images that it is about, and the options of the search for places.
    names, unit : mapping of int to str, str
        Names of labels; unit of the map, may be empty.
    record : Record or None
        Record of the map; None in reviews of older versions, which did not keep it.
    radius_mm, expected_errors : float
        The radius of each ball; how many voxels are expected to be wrong in the whole
        image.
    review : Review
        The stops.
    changed_labels : int
        How many voxels have another label than before the review, as of the last time
        that they were written.
    known_labels : ndarray or None
        The labels as they are now, where they are known to be other than before.
    read_only : str
        Why nothing is written here, in a sentence; empty where it is.
    """

    def __init__(
        self, path: Path, document: ReviewDocument, content: bytes | None = None
    ) -> None:
        self.path = path
        self.review = Review(document.stops)
        self.read_only = ""
        self._lock: Any = None
        self._holder = Holder.here()
        self._writing = Lock()
        self._take(document, content)

    def _take(self, document: ReviewDocument, content: bytes | None) -> None:
        """Take over the content of the file; without content, there is no file yet."""
        self._document, self._content = document, content
        self.case, self.begun = document.case, document.begun
        self.inputs, self.options = document.inputs, document.options
        self.names, self.unit = document.names, document.unit
        self.record = document.record
        self.radius_mm = document.options.radius_mm
        self.expected_errors = document.expected_errors
        self.changed_labels = 0 if document.edits is None else document.edits.voxels
        self.known_labels: Array | None = None
        self._original: Array | None = None
        self._grid: Grid | None = None
        # The labels in the file beside the review, set by the thread that writes them.
        self._written: tuple[Array | None, EditsFile | None] = None, document.edits

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
    ) -> Session:
        """Return a new review, which has a file once it is saved.

        Parameters
        ----------
        path : Path
            The file to be.
        case, inputs, options : str, sequence of ReviewedInput, Options
            Name of the case, its images, and the options of the search for places.
        hotspots, names, unit : Hotspots, mapping of int to str, str
            The places; names of labels; unit of the map, may be empty.
        record : Record or None
            Record of the map, by which it can be computed again.
        """
        document = ReviewDocument(
            case=case,
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            unit=unit,
            inputs=tuple(inputs),
            options=options,
            names=dict(names),
            expected_errors=hotspots.expected_errors,
            stops=tuple(Stop(place) for place in hotspots.places),
            record=record,
        )
        return cls(path, document)

    @classmethod
    def open(cls, path: Path) -> Session:
        """Return the review in a file, to be read; :meth:`hold` it to go on with it.

        Raises
        ------
        InputError
            If it cannot be read, is not a review, or was written by a newer version.
        """
        content = content_of(path)
        return cls(path, ReviewDocument.read(path, content), content)

    def hold(self) -> None:
        """Lock the review for this window; where another has it, set `read_only`.

        The system gives the lock of a process that has ended to the next one.

        Raises
        ------
        InputError
            If nothing can be written to the folder, or the file is not a review any
            more.
        """
        if not self._has_lock():
            return
        content = content_of(self.path)
        if content != self._content:  # meanwhile, another window has saved it
            stops = self.review.stops
            document = ReviewDocument.read(self.path, content)
            self.review = Review(document.stops)
            self.review.extend(stops)
            self._take(document, content)

    def extend(self, hotspots: Hotspots) -> None:
        """Add the further places of a longer list; what was decided stays.

        Raises
        ------
        InputError
            If its first places are others; then nothing was added.
        """
        known = {stop.rank: stop.hotspot for stop in self.review.stops}
        for place in hotspots.places:
            if known.get(place.rank, place).voxel != place.voxel:
                raise InputError(
                    f"Place {place.rank} is another one in the review that is there, "
                    "which was begun with another version or other data; begin a new "
                    "review."
                )
        self.review.extend(Stop(place) for place in hotspots.places)

    def set_labels(self, original: Array, current: Array, grid: Grid | None) -> bool:
        """Take over a copy of the labels, and return whether any is another one now.

        Parameters
        ----------
        original, current : ndarray of int, same shape
            The labels when the review was begun, and now; in core order.
        grid : Grid or None
            Their place.
        """
        known = self.known_labels
        if not count_different(current, original if known is None else known):
            return False
        self._original, self._grid = original, grid
        # A new array each time, which another thread may write meanwhile.
        self.known_labels = copied(current)
        return True

    @property
    def has_unsaved_labels(self) -> bool:
        """Return whether the files do not have the labels as they are."""
        written, edits = self._written
        return self.known_labels is not written or edits != self._document.edits

    def labels(self, shape: tuple[int, ...]) -> tuple[Array | None, str]:
        """Return the edited segmentation, and what a person should know, in a sentence.

        Parameters
        ----------
        shape : tuple of int
            Shape of the segmentation.

        Returns
        -------
        ndarray or None, str
            None where nothing was changed, or the labels cannot be had any more.
        """
        if self._document.lost_edits:
            return None, (
                "Labels that were changed in this review were kept in a form that is "
                "not read any more, so they are as they were before; the verdicts are "
                "kept."
            )
        named = self._document.edits
        if named is None:
            return None, ""
        try:
            labels, same = read_edits(self.path, named, shape)
        except InputError as error:
            return None, str(error)
        if same:
            self.known_labels, self._written = labels, (labels, named)
            return labels, ""
        return labels, (
            f"{named.file} was written after the review was saved last; its labels are "
            "shown."
        )

    def save(self, *, labels: bool = True) -> None:
        """Write the file, and the labels beside it where they have changed.

        Parameters
        ----------
        labels : bool
            False to leave labels that are not written yet to :meth:`write_labels`.

        Raises
        ------
        InputError
            If a file cannot be written, or is not this review any more; then it is as
            it was before. Or if another window has the review open.
        """
        if not self.read_only and self._has_lock():
            self._check_file()
        if self.read_only:
            raise InputError(self.read_only)
        failed = None
        if labels:
            try:
                self.write_labels()
            except InputError as error:
                failed = error  # what was decided is written nevertheless
        before = self._document.edits
        document = replace(
            self._document,
            stops=self.review.stops,
            edits=self._written[1],
            holder=self._holder,
        )
        content = document.content()
        write_whole([(self.path, lambda file: file.write(content))], sync=True)
        self._document, self._content = document, content
        if failed is not None:
            raise failed
        if before is not None and document.edits is None:
            self._remove_labels(before)

    def write_labels(self) -> None:
        """Write labels that are not written yet; any thread may call it.

        The file of the review does not name them before it is saved again.

        Raises
        ------
        InputError
            If they cannot be written; an older file is then still there.
        """
        with self._writing:
            labels, written = self.known_labels, self._written[0]
            if self._lock is None or labels is None or labels is written:
                return
            assert self._original is not None
            self.changed_labels = changed = count_different(labels, self._original)
            edits = None
            if changed:
                edits = write_edits(self.path, labels, self._grid, changed)
            self._written = labels, edits

    def close(self) -> None:
        """Save what was not yet saved, and let another window have the review.

        Labels that another thread writes are waited for.
        """
        unsaved = self.review.stops != self._document.stops or self.has_unsaved_labels
        try:
            if unsaved and not self.read_only:
                self.save()
        finally:
            with self._writing:
                if self._lock is not None:
                    self._lock.release()
                    self._lock = None

    def _remove_labels(self, edits: EditsFile) -> None:
        """Remove a file of labels that no review names any more."""
        with self._writing, suppress(OSError):
            if self._written[1] is None:  # and no newer one has taken its name
                self.path.with_name(edits.file).unlink()

    def _has_lock(self) -> bool:
        """Lock the review, and return whether that worked; else it is read-only."""
        from filelock import FileLock, Timeout

        if self._lock is not None:
            return True
        folder = self.path.parent
        if not folder.is_dir():  # the lock would make one, even where a disk was
            raise InputError(
                f"The folder {folder} is not there; connect its disk, or choose "
                "another folder."
            )
        lock = FileLock(folder / f".{self.path.name}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self.read_only = (
                f"{self.path.name} can only be read here, because another window has "
                f"it open ({self._who()}); close it there, then click Find hotspots to "
                "go on here."
            )
            return False
        except (OSError, NotImplementedError) as error:  # some disks have no locks
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{self.path} cannot be written ({reason}); choose "
                "another folder or make room."
            ) from error
        self._lock, self._holder = lock, Holder.here()
        return True

    def _who(self) -> str:
        """Return the window that has the lock, as it wrote itself into the file."""
        try:
            holder = ReviewDocument.read(self.path).holder
        except InputError:
            holder = None
        return "it has saved nothing yet" if holder is None else str(holder)

    def _check_file(self) -> None:
        """Raise InputError where the file is not what was read or written here last."""
        if not self.path.exists():
            return
        content = content_of(self.path)
        if content == self._content:
            return
        document = ReviewDocument.read(self.path, content)
        if not document.is_about(self.inputs, self.options):
            raise InputError(
                f"{self.path} holds another review now, which was left as it is; move "
                "it away to save this one."
            )
        raise InputError(
            f"{self.path} was written by another window or program since, and was left "
            "as it is; click Find hotspots to go on with what is in it."
        )
