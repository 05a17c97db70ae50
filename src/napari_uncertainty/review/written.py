"""What is in the file of a review, and writing it while nobody else does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..model.record import Record
from ..version import __version__
from .edits import Runs, as_runs
from .fingerprint import Options, ReviewedInput, digests
from .review import Review, as_row, as_stop
from .stop import Stop

#: Of the file. A program that knows only older ones must not write to it.
FORMAT = 1

# Seconds to wait for another program that writes; it takes some 10 ms.
_PATIENCE = 10.0

# What a document raises that is no review.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class Written:
    """What one file says; the attributes of :class:`.Session` explain it."""

    case: str
    begun: str
    unit: str
    inputs: tuple[ReviewedInput, ...]
    options: Options
    names: Mapping[int, str]
    expected_errors: float
    stops: tuple[Stop, ...]
    changed_at: Mapping[int, int]
    runs: Runs
    windows: tuple[Any, ...] = ()
    revision: int = 0
    record: Record | None = None

    def is_about(self, inputs: Sequence[ReviewedInput], options: Options) -> bool:
        """Return whether it is a review of the same content with the same options."""
        return digests(inputs) == digests(self.inputs) and options == self.options

    def text(self) -> str:
        """As JSON: one line for each key, stop and run."""
        inputs = [
            asdict(one) | {"path": None if one.path is None else str(one.path)}
            for one in self.inputs
        ]
        document = {
            "format": FORMAT,
            "program": __version__,
            "case": self.case,
            "begun": self.begun,
            "unit": self.unit,
            "map": None if self.record is None else self.record.to_json(),
            "inputs": inputs,
            "options": asdict(self.options),
            "names": {str(label): name for label, name in self.names.items()},
            "totals": {"expected_errors": float(self.expected_errors)}
            | asdict(Review(self.stops).progress()),
            "stops": [as_row(s, self.changed_at.get(s.rank, 0)) for s in self.stops],
            "labels": {"runs": self.runs.tolist()},
            "windows": list(self.windows),
            "revision": self.revision,
        }
        return _laid_out(document, "") + "\n"


def read(path: Path) -> Written:
    """Return what a file says.

    Raises
    ------
    InputError
        If it cannot be read, is no review, or was written by a newer version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The review {path} cannot be read ({error.strerror or error})."
        ) from error
    try:
        document = json.loads(content)
        newer = document["format"] > FORMAT
        if not newer:
            return _written(document)
    except _FAULTS as error:
        raise InputError(
            f"{path} is no review, or a damaged one ({type(error).__name__}: {error}); "
            "move it away or choose another file."
        ) from error
    raise InputError(
        f"{path} was written by a newer version of napari-uncertainty; update "
        "napari-uncertainty to go on with this review."
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let nobody else write meanwhile."""
    from filelock import FileLock, Timeout

    folder = path.parent
    if not folder.is_dir():  # the lock would make one, even where a disk was
        raise InputError(
            f"The folder {folder} is not there; connect its disk, or choose "
            "another folder."
        )
    lock = FileLock(folder / f".{path.name}.lock")
    try:
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout as error:
            raise InputError(
                f"{path} is being written by another program; close that program "
                "and try again."
            ) from error
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror or error}); choose "
                "another folder or make room."
            ) from error
        yield
    finally:
        lock.release(force=True)


def state_of(path: Path) -> tuple[int, ...] | None:
    """What tells, without reading it, whether a file was written; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _written(document: Mapping[str, Any]) -> Written:
    """Raises any of several exceptions if the document is no review."""
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}")
    stops = tuple(as_stop(row) for row in document["stops"])
    if len({stop.rank for stop in stops}) < len(stops):
        raise ValueError("two stops have one rank")
    told = document.get("map")  # older reviews do not say what their map is
    return Written(
        case=_text(document["case"]),
        begun=datetime.fromisoformat(document["begun"]).isoformat(),
        unit=_text(document["unit"]),
        inputs=tuple(_input(row) for row in document["inputs"]),
        options=Options(
            radius_mm=document["options"]["radius_mm"],
            separation_mm=document["options"]["separation_mm"],
            classes=document["options"]["classes"],
            interior=document["options"]["interior"],
            networks=document["options"]["networks"],
        ),
        names={int(label): _text(name) for label, name in document["names"].items()},
        expected_errors=float(document["totals"]["expected_errors"]),
        stops=stops,
        changed_at={
            int(row["rank"]): int(row["changed_at"]) for row in document["stops"]
        },
        runs=as_runs(document["labels"]["runs"]),
        windows=tuple(document["windows"]),
        revision=int(document["revision"]),
        record=None if told is None else Record.from_json(told),
    )


def _input(row: Mapping[str, Any]) -> ReviewedInput:
    path = None if row["path"] is None else Path(_text(row["path"]))
    return ReviewedInput(
        _text(row["role"]), _text(row["name"]), path, _text(row["digest"])
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _laid_out(value: object, indent: str) -> str:
    """JSON with a line for each key of nested objects, and for each item of a list."""
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
