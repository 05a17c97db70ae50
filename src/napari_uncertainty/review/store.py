"""Files of reviews: their folders, and the one that belongs to given images."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..io.atomic import check_writable
from .fingerprint import Options, ReviewedInput, digests
from .written import ReviewDocument

# In any locale.
_MONTHS = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
]  # fmt: skip


def user_folder() -> Path:
    """Return where reviews are that cannot be beside their images."""
    import platformdirs

    return (
        platformdirs.user_data_path("napari-uncertainty", appauthor=False) / "reviews"
    )


def beside(input_path: Path, case: str) -> Path:
    """A new file in the folder of an image, under a name that is not taken."""
    number, path = 1, input_path.with_name(f"{_file_name(case)}_review.json")
    while path.exists():
        number += 1
        path = input_path.with_name(f"{_file_name(case)}_review-{number}.json")
    return path


def in_user_folder(
    case: str, inputs: Sequence[ReviewedInput], options: Options
) -> Path:
    """The file in the user's folder: always the same one for the same content."""
    told = json.dumps([digests(inputs), asdict(options)], sort_keys=True)
    digest = hashlib.blake2b(told.encode(), digest_size=4).hexdigest()
    return user_folder() / f"{_file_name(case)}-{digest}.json"


def place_for(
    input_path: Path | None,
    case: str,
    inputs: Sequence[ReviewedInput],
    options: Options,
    *,
    prefer: Literal["beside", "user"] = "beside",
) -> Path:
    """Return where a new review goes.

    Parameters
    ----------
    input_path : Path or None
        The image that it should be beside, where it has a file.
    case, inputs, options : str, sequence of ReviewedInput, Options
        Of the review.
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
        except InputError:  # the other place is as good; the caller sees it in the path
            pass
        else:
            return beside(input_path, case)
    path = in_user_folder(case, inputs, options)
    check_writable(path.parent)
    return path


@dataclass(frozen=True)
class FoundReview:
    """The review of given content.

    Attributes
    ----------
    path : Path or None
        Its file; None if there is none yet.
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
        What it has to be about; paths and names do not matter.
    case : str
        To notice an older review of files that have changed since.
    folders : sequence of Path
        Where to look for files named ``*_review*.json``. In the user's folder it is
        looked for as well.

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
    """The last written first."""
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
    """Names of the inputs whose content is not what it was; none if others differ."""

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
