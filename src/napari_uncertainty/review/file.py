"""The JSON file of a review: its content, its place, and the search for it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..io.writing import check_writable
from ..model.record import Record
from ..version import __version__
from .review import Review, Stop
from .reviewed_images import EditsFile, Options, ReviewedInput, digests, text

# The file of a review, read into a typed object and written from it.

#: Format of the file. A program that knows only older formats must not write to it.
FORMAT = 2

# Format 1 kept changed labels as runs of voxels, which are not read any more.
_WITH_RUNS = 1

# What reading raises where the document is not a review.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Holder:
    """The window that has a review open, or had it last.

    Attributes
    ----------
    host, pid : str, int
        Name of its machine, and number of its process there.
    since : datetime
        When it opened the review.
    """

    host: str
    pid: int
    since: datetime

    @classmethod
    def here(cls) -> Holder:
        """Return the holder for a window that this process opens now."""
        now = datetime.now(UTC).replace(microsecond=0)
        return cls(platform.node(), os.getpid(), now)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Holder:
        """Return the holder that :meth:`to_json` was called on."""
        since = datetime.fromisoformat(written["since"])
        return cls(text(written["host"]), int(written["pid"]), since)

    def to_json(self) -> dict[str, Any]:
        """Return an object for JSON."""
        return asdict(self) | {"since": self.since.isoformat()}

    def __str__(self) -> str:
        since = self.since.astimezone()
        return f"process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, eq=False)
class ReviewDocument:
    """Content of the file of a review; :class:`.Session` explains its attributes."""

    case: str
    begun: str
    unit: str
    inputs: tuple[ReviewedInput, ...]
    options: Options
    names: Mapping[int, str]
    expected_errors: float
    stops: tuple[Stop, ...]
    edits: EditsFile | None = None
    holder: Holder | None = None
    record: Record | None = None
    lost_edits: bool = False

    def is_about(self, inputs: Sequence[ReviewedInput], options: Options) -> bool:
        """Return whether the review is of the same content with the same options."""
        return digests(inputs) == digests(self.inputs) and options.fit(self.options)

    @classmethod
    def read(cls, path: Path, content: bytes | None = None) -> ReviewDocument:
        """Return the document in a file.

        Parameters
        ----------
        path : Path
            The file.
        content : bytes or None
            The bytes of the file, if they were read before.

        Raises
        ------
        InputError
            If it cannot be read, is not a review, or was written by a newer version.
        """
        content = content_of(path) if content is None else content
        try:
            document = json.loads(content)
            newer = document["format"] > FORMAT
            if not newer:
                return cls.from_json(document)
        except _FAULTS as error:
            raise InputError(
                f"{path} is not a review, or it is damaged ({type(error).__name__}: "
                f"{error}); move it away or choose another file."
            ) from error
        raise InputError(
            f"{path} was written by a newer version of napari-uncertainty; update "
            "napari-uncertainty to go on with this review."
        )

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> ReviewDocument:
        """Return the document of JSON; raises any of several exceptions."""
        if written["format"] not in (_WITH_RUNS, FORMAT):
            raise ValueError(f"format {written['format']!r}")
        stops = tuple(Stop.from_json(row) for row in written["stops"])
        if len({stop.rank for stop in stops}) < len(stops):
            raise ValueError("two stops have one rank")
        with_runs = written["format"] == _WITH_RUNS
        edits, record = None if with_runs else written["labels"], written.get("map")
        holder = written.get("window")
        return cls(
            case=text(written["case"]),
            begun=datetime.fromisoformat(written["begun"]).isoformat(),
            unit=text(written["unit"]),
            inputs=tuple(ReviewedInput.from_json(row) for row in written["inputs"]),
            options=Options.from_json(written["options"]),
            names={int(label): text(name) for label, name in written["names"].items()},
            expected_errors=float(written["totals"]["expected_errors"]),
            stops=stops,
            edits=None if edits is None else EditsFile.from_json(edits),
            holder=None if holder is None else Holder.from_json(holder),
            # Older reviews do not say what their map is.
            record=None if record is None else Record.from_json(record),
            lost_edits=with_runs and bool(written["labels"]["runs"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return an object for JSON, with the keys that ``docs/formats.md`` lists."""
        totals = {"expected_errors": float(self.expected_errors)}
        return {
            "format": FORMAT,
            "program": __version__,
            "case": self.case,
            "begun": self.begun,
            "unit": self.unit,
            "map": None if self.record is None else self.record.to_json(),
            "inputs": [one.to_json() for one in self.inputs],
            "options": asdict(self.options),
            "names": {str(label): name for label, name in self.names.items()},
            "totals": totals | asdict(Review(self.stops).progress()),
            "stops": [stop.to_json() for stop in self.stops],
            "labels": None if self.edits is None else self.edits.to_json(),
            "window": None if self.holder is None else self.holder.to_json(),
        }

    def content(self) -> bytes:
        """Return the bytes of the file, with one line for each key and stop."""
        text = _laid_out(self.to_json(), "") + "\n"
        return text.encode("utf-8", "backslashreplace")


def content_of(path: Path) -> bytes:
    """Return the bytes of a review.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The review {path} cannot be read ({error.strerror or error})."
        ) from error


def _laid_out(value: object, indent: str) -> str:
    """Return JSON with a line for each key of objects and each item of a list."""
    further = indent + "  "
    if isinstance(value, Mapping) and value:
        rows = [
            f"{_compact(key)}: {_laid_out(item, further)}"
            for key, item in value.items()
        ]
        brackets = "{}"
    elif isinstance(value, list) and value:
        rows, brackets = [_compact(item) for item in value], "[]"
    else:
        return _compact(value)
    lines = f",\n{further}".join(rows)
    return f"{brackets[0]}\n{further}{lines}\n{indent}{brackets[1]}"


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


# Files of reviews: their folders, and the one that belongs to given images.

# Names of months, the same in any locale.
_MONTHS = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
]  # fmt: skip


def user_folder() -> Path:
    """Return the folder of reviews that cannot be beside their images."""
    import platformdirs

    return (
        platformdirs.user_data_path("napari-uncertainty", appauthor=False) / "reviews"
    )


def beside(input_path: Path, case: str) -> Path:
    """Return a new path in the folder of an image, under a name that is not taken."""
    number, path = 1, input_path.with_name(f"{_file_name(case)}_review.json")
    while path.exists():
        number += 1
        path = input_path.with_name(f"{_file_name(case)}_review-{number}.json")
    return path


def in_user_folder(
    case: str, inputs: Sequence[ReviewedInput], options: Options
) -> Path:
    """Return the path in the user's folder, always the same for the same content."""
    content = json.dumps([digests(inputs), asdict(options)], sort_keys=True)
    digest = hashlib.blake2b(content.encode(), digest_size=4).hexdigest()
    return user_folder() / f"{_file_name(case)}-{digest}.json"


def place_for(
    input_path: Path | None,
    case: str,
    inputs: Sequence[ReviewedInput],
    options: Options,
    *,
    prefer: Literal["beside", "user"] = "beside",
) -> Path:
    """Return the path of a new review.

    Parameters
    ----------
    input_path : Path or None
        The image that it should be beside, if this has a file.
    case, inputs, options : str, sequence of ReviewedInput, Options
        Name of the case, and the content and options of the review.
    prefer : str
        ``"beside"`` the image, or else, where nothing can be written there, in the
        user's folder; ``"user"`` for the latter in any case.

    Raises
    ------
    InputError
        If nothing can be written to the user's folder either.
    """
    if prefer == "beside" and input_path is not None and input_path.parent.is_dir():
        try:
            check_writable(input_path.parent)
        except InputError:  # the user's folder is as good, and the path tells of it
            pass
        else:
            return beside(input_path, case)
    path = in_user_folder(case, inputs, options)
    check_writable(path.parent)
    return path


@dataclass(frozen=True)
class FoundReview:
    """Result of the search for a review of given content.

    Attributes
    ----------
    path : Path or None
        The file of the review; None if there is none yet.
    notes : tuple of str
        What a person should know, in sentences.
    """

    path: Path | None
    notes: tuple[str, ...]


def find_session(
    inputs: Sequence[ReviewedInput],
    options: Options,
    case: str,
    folders: Sequence[Path],
) -> FoundReview:
    """Look for the review of the same content with the same options, under any name.

    Parameters
    ----------
    inputs, options : sequence of ReviewedInput, Options
        Content and options of the review; paths and names do not matter.
    case : str
        Name of the case, to notice an older review of files that have changed since.
    folders : sequence of Path
        Folders that may have files named ``*_review*.json``. The user's folder is
        searched as well.

    Returns
    -------
    FoundReview
        Of several, the one that was written last.
    """
    fitting, older, broken = [], [], []
    for path in _candidates(folders):
        try:
            written = ReviewDocument.read(path)
        except InputError as error:
            broken.append(f"Passed over: {error}")
            continue
        if written.is_about(inputs, options):
            fitting.append(path)
        elif written.case == case and (changed := _changed(written, inputs)):
            older.append(_changed_note(changed, written, path))
    if not fitting:
        return FoundReview(None, (*older[:1], *broken))
    if len(fitting) > 1:
        others = ", ".join(map(str, fitting[1:]))
        broken.insert(0, f"There are more reviews of these images: {others}.")
    return FoundReview(fitting[0], tuple(broken))


def _candidates(folders: Sequence[Path]) -> list[Path]:
    """Return all files that may be reviews, the last written first."""
    found: dict[Path, tuple[float, Path]] = {}
    own = user_folder()
    for folder in (*folders, own):
        for path in folder.glob("*.json" if folder == own else "*_review*.json"):
            try:
                # Some systems put hidden files of the same ending beside others.
                if not path.name.startswith(".") and path.is_file():
                    found.setdefault(path.resolve(), (path.stat().st_mtime, path))
            except OSError:  # gone meanwhile, or not to be looked at
                continue
    return [path for _, path in sorted(found.values(), reverse=True)]


def _changed(written: ReviewDocument, inputs: Sequence[ReviewedInput]) -> list[str]:
    """Return the names of inputs that have changed; none where inputs are others."""

    def key(one: ReviewedInput) -> tuple[str, str]:
        return one.role, str(one.path or one.name)

    then = {key(one): one.digest for one in written.inputs if one.digest}
    now = [one for one in inputs if one.digest]
    if then.keys() != {key(one) for one in now}:
        return []
    changed = [one for one in now if one.digest != then[key(one)]]
    return [one.path.name if one.path else one.name for one in changed]


def _changed_note(names: Sequence[str], written: ReviewDocument, path: Path) -> str:
    begun = datetime.fromisoformat(written.begun).astimezone()
    date = f"{begun.day} {_MONTHS[begun.month - 1]} {begun.year}"
    what = " and ".join(f"'{name}'" for name in dict.fromkeys(names))
    have = "has" if len(set(names)) == 1 else "have"
    return (
        f"{what} {have} changed since the review of {date} was begun; a new review "
        f"begins, the old one stays in {path}."
    )


def _file_name(case: str) -> str:
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", case).strip(" .") or "case"
