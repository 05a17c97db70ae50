"""Inputs of a run: files, folders and patterns become named cases, a task for each."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from ..errors import InputError
from ..io import frames_in, open_members
from ..io.class_names import named
from ..io.endings import IMAGES, SUFFIXES, ending, is_array_folder, known_ending, stem
from ..io.families import family_of, named_family
from ..io.folders import cases_among
from ..model.interpretation import Interpretation
from .task import Task

WILDCARDS = frozenset("*?[")

# Signs that Windows refuses in names of files, and the length of a name at most: Linux
# allows 255 bytes, of which a measure and an ending need some.
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_LONGEST = 180

# Between the words of a file name; "sub-007" is one word.
_BETWEEN = re.compile(r"([_. ]+)")


def tasks_of(sources: Sequence[Path], labels: Path | None, like: Task) -> list[Task]:
    """Return a task for each input, with its segmentation.

    Parameters
    ----------
    sources : sequence of Path
        Absolute paths of the probabilities.
    labels : Path or None
        The segmentation, or a folder with one for each.
    like : Task
        Task with all other options.

    Raises
    ------
    InputError
        If there are no such segmentations.
    """
    cases = zip(
        case_names(sources, like.measures),
        map(str, sources),
        _labels_for(labels, list(map(case_stem, sources))),
        strict=True,
    )
    return [
        one
        for case, source, segmentation in cases
        for one in _frames_of(
            replace(like, case=case, source=source, labels=segmentation)
        )
    ]


def _labels_for(labels: Path | None, names: Sequence[str]) -> list[str] | list[None]:
    """Return the path of the segmentation for each name; None for each without any."""
    if labels is None:
        return [None] * len(names)
    return list(map(str, find_segmentations(labels, names)))


def _frames_of(task: Task) -> list[Task]:
    """Return a task for each frame of a series, or the task itself of one volume."""
    frames = 0
    if task.how.frame is None:
        # A damaged file is reported when the case is computed.
        with suppress(InputError, OSError, ImportError, MemoryError):
            frames = frames_in(task.source, task.how)
    if not frames:
        return [task]
    digits = len(str(frames - 1))
    return [
        replace(
            task,
            case=f"{task.case}_frame_{number:0{digits}d}",
            how=replace(task.how, frame=number),
        )
        for number in range(frames)
    ]


def ensemble_task(sources: Sequence[Path], labels: Path | None, like: Task) -> Task:
    """Return the task for an ensemble, with parameters as for :func:`tasks_of`.

    In a folder, the segmentation is called like the case.

    Raises
    ------
    InputError
        If there is only one member, or no such segmentation.
    """
    require_several(sources, like.how)
    case = ensemble_name(sources, like.measures)
    [segmentation] = _labels_for(labels, [case])
    paths = tuple(map(str, sources))
    return replace(like, case=case, source=paths[0], members=paths, labels=segmentation)


def case_task(
    name: str, sources: Sequence[Path], labels: Path | None, like: Task
) -> Task:
    """Return the task for files that a person names as the classes of one case.

    In a folder, the segmentation is called like the case.

    Raises
    ------
    InputError
        If the name cannot be that of a file, if these are no files of one class each,
        or if there is no such segmentation.
    """
    if not name or valid_name(name) != name:
        raise InputError(
            f"'{name}' cannot be the name of a case, with which names of files begin; "
            "choose one of letters, numbers, - and _."
        )
    named_family(sources)
    [segmentation] = _labels_for(labels, [name])
    paths = tuple(map(str, sources))
    return replace(like, case=name, source=paths[0], classes=paths, labels=segmentation)


def find_inputs(words: Sequence[str], output: Path) -> list[Path]:
    """Return the files to compute, absolute, each once, in the order of their names.

    A file that is named is an input, whatever it holds. A folder is searched with all
    its subfolders, as is a pattern (``*``, ``?``, ``[…]``, ``**``), and
    :func:`.cases_among` chooses from the files that are found. A subfolder that cannot
    be searched is an input, so that its failure is reported. A Zarr folder is an input
    and is not searched. Of several files with a class each, the first stands for all,
    whichever is named.

    Hidden files and folders are left out, and so is `output`, unless it is named itself
    as the folder to search.

    Parameters
    ----------
    words : sequence of str
        Files, folders and patterns, as given by a person.
    output : Path
        Folder for the results.

    Raises
    ------
    InputError
        If a folder or a pattern leads to no input.
    """
    output = Path(os.path.abspath(output))
    found: dict[str, Path] = {}
    for word in words:
        inputs = list(_inputs_of(word, output))
        if not inputs:
            raise InputError(
                f"{word} leads to no class probabilities: no array (.npz, "
                ".npy, .zarr, .h5), no image with four axes, and none of one class "
                "each."
            )
        for path in inputs:
            # Links to folders are followed, so that no file counts twice. Links to
            # files are not: the files that belong to one lie beside the link.
            place = os.path.join(os.path.realpath(path.parent), path.name)
            found.setdefault(os.path.normcase(place), path)
    return sorted(found.values(), key=lambda path: path.parts)


def named_files(words: Sequence[str]) -> list[Path]:
    """Return files in the order in which a person names them, absolute.

    Files that match a pattern are sorted by their names, and numbers in these by value.

    Raises
    ------
    InputError
        If a word leads to no file.
    """
    found: list[Path] = []
    for word in words:
        path = Path(os.path.abspath(word))
        if path.exists() or not WILDCARDS & set(word):
            files = [path]
        else:
            matches = glob.glob(str(path), recursive=True)
            files = sorted(map(Path, matches), key=lambda one: _by_number(one.name))
        if not files or not all(one.is_file() for one in files):
            raise InputError(
                f"{word} leads to no file; with --case, name the files of the classes."
            )
        found += files
    return found


def _by_number(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(one), "") if one.isdecimal() else (0, one) for one in parts]


def _inputs_of(word: str, output: Path) -> Iterator[Path]:
    path = Path(os.path.abspath(word))
    if path.is_dir() and not is_array_folder(path):
        yield from _likely(_files_below(path, output))
    elif path.exists() or not WILDCARDS & set(word):
        family = family_of(path)
        yield path if family is None else family.files[0]
    else:
        yield from _likely(_matching(path, output))


def _likely(found: Iterable[Path]) -> Iterator[Path]:
    """Yield files that may be inputs, and folders that could not be searched."""
    paths = list(found)
    yield from cases_among(paths)
    yield from (path for path in paths if path.is_dir() and not is_array_folder(path))


def _files_below(top: Path, output: Path) -> Iterator[Path]:
    """Yield files in a folder and below it, and subfolders that cannot be searched."""
    unreadable: list[Path] = []

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for folder, subfolders, files in os.walk(top, onerror=note):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and Path(folder, name) != output
        )
        arrays = [name for name in subfolders if is_array_folder(Path(folder, name))]
        subfolders[:] = [name for name in subfolders if name not in arrays]
        yield from (
            Path(folder, name)
            for name in sorted([*files, *arrays])
            if not name.startswith(".")
        )
    yield from unreadable


def _matching(pattern: Path, output: Path) -> Iterator[Path]:
    """Yield files that match a pattern, and files in folders that match."""
    start = next(above for above in pattern.parents if not WILDCARDS & set(str(above)))
    searching_output = output in (start, *start.parents)
    for match in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(match)
        if output in (path, *path.parents) and not searching_output:
            continue
        if path.is_dir() and not is_array_folder(path):
            yield from _files_below(path, output)
        else:
            yield path


def case_names(paths: Sequence[Path], measures: Sequence[str]) -> list[str]:
    """Return a name for each input: that of its file, without the ending.

    Of several files with a class each, it is what their names have in common.

    Where files in several folders have the same name, the folders that tell them apart
    are put in front, ``fold_0_sub-007`` and ``fold_1_sub-007``; within one folder, the
    ending is put behind. No two names differ in upper and lower case alone, and none
    makes a file name of another with one of the `measures`.

    Parameters
    ----------
    paths : sequence of Path
        Absolute paths, each once.
    measures : sequence of str
        The measures that will be written.
    """
    alike: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        alike[_folded(case_stem(path))].append(path)
    wished = {
        path: name
        for group in alike.values()
        for path, name in zip(group, _told_apart(group), strict=True)
    }
    taken: set[str] = set()
    names = []
    for path in paths:
        base = name = valid_name(wished[path])
        number = 1
        while taken & (files := {_folded(f"{name}_{one}") for one in measures}):
            number += 1
            name = f"{base}_{number}"
        taken |= files
        names.append(name)
    return names


def case_stem(path: Path) -> str:
    """Return the name of an input: that of its file, or of its family of files."""
    family = family_of(path)
    return stem(path) if family is None else family.stem


def _told_apart(paths: list[Path]) -> list[str]:
    """Return file names behind the names of the nearest folders that differ."""
    if len(paths) == 1:
        return [case_stem(paths[0])]
    above = [path.parts[-2::-1] for path in paths]  # nearest first
    different: set[tuple[str, ...]] = set(above)
    depth = next(
        depth
        for depth in range(max(map(len, above)) + 1)
        if len({folders[:depth] for folders in above}) == len(different)
    )
    telling = [
        level
        for level in reversed(range(depth))
        if len({folders[level : level + 1] for folders in above}) > 1
    ]
    names = []
    for path, folders in zip(paths, above, strict=True):
        words = [folders[level] for level in telling if level < len(folders)]
        words.append(case_stem(path))
        if above.count(folders) > 1:
            words.append(_ending(path))
        names.append("_".join(words))
    return names


def _ending(path: Path) -> str:
    return (known_ending(path) or ending(path)).strip(".").replace(".", "_")


def _folded(name: str) -> str:
    """Return a name as file systems compare it that ignore case and accents."""
    return unicodedata.normalize("NFC", name).casefold()


def valid_name(name: str) -> str:
    """Return a name without signs and endings that some file system refuses."""
    name = _REFUSED.sub("_", name).strip(" .")
    while len(name.encode()) > _LONGEST:
        name = name[:-1]
    return name or "case"


def require_several(sources: Sequence[Path], how: Interpretation) -> None:
    """Raise InputError if the files hold a single member.

    A file that cannot be read passes: computing the case will say what is wrong.
    """
    if len(sources) > 1:
        return
    try:
        members = open_members(sources[0], how)
    except (InputError, OSError, MemoryError):
        return
    if len(members) < 2:
        raise InputError(
            f"{sources[0].name} holds one member, and an ensemble has at least two; "
            "name the files of the others, too."
        )


def ensemble_name(sources: Sequence[Path], measures: Sequence[str]) -> str:
    """Return the name of a case of several files.

    It is the name that all of them have, else the words that all names begin with, else
    that of the first with ``_ensemble``.

    Parameters
    ----------
    sources : sequence of Path
        The files.
    measures : sequence of str
        The measures that will be written.
    """
    names = [case_names([source], measures)[0] for source in sources]
    if len(set(names)) == 1:
        return names[0]
    words = zip(*(_BETWEEN.split(name) for name in names), strict=False)
    shared = [word[0] for word in takewhile(lambda word: len(set(word)) == 1, words)]
    return "".join(shared).strip("_. ") or f"{names[0]}_ensemble"


def find_segmentations(given: Path, names: Sequence[str]) -> list[Path]:
    """Return a path for each case: the file itself, or one of its name in a folder.

    Whether the file of a case exists shows when the case is computed, so that one
    missing file stops nothing.

    Parameters
    ----------
    given : Path
        A file or a folder.
    names : sequence of str
        Name of the input of each case, see :func:`.case_stem`.

    Raises
    ------
    InputError
        If there is neither such a file nor such a folder.
    """
    path = Path(os.path.abspath(given))
    if path.is_dir():
        return [_named(name, path) for name in names]
    if not path.is_file():
        raise InputError(f"There is no segmentation and no folder {given}.")
    return [path] * len(names)


def _named(name: str, folder: Path) -> Path:
    endings = dict.fromkeys((*SUFFIXES, *IMAGES))
    paths = [named(folder, name + ending) for ending in endings]
    return next((path for path in paths if path.is_file()), paths[0])
