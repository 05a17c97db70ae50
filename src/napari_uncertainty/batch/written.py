"""Maps that were written, read back, and the states of the files behind them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..io.endings import IMAGES, SUFFIXES, is_image, stem
from ..io.families import family_of
from ..io.map_files import WrittenMap, read_map
from ..model.placement import Placement
from ..model.record import FileState
from ..predictions import Predictions


def files_of(source: Path) -> list[Path]:
    """Return a file with probabilities, and files that belong to it by their names."""
    family = family_of(source) if is_image(source) else None
    files = [source] if family is None else list(family.files)
    beside = [source.with_name("dataset.json")]
    if is_image(source):
        beside.append(source.with_name(stem(source) + ".json"))
        # Of other images the JSON of the same name is not read.
        beside = beside if stem(source).endswith("probseg") else beside[:1]
    else:
        beside += [source.with_name(stem(source) + ending) for ending in IMAGES]
    return [*files, *(path for path in beside if path.is_file())]


def state(path: Path) -> FileState:
    """Return the state of a file, or of a folder that is an array."""
    status = path.stat()
    crc32 = f"{_checksum_of_listing(path):08x}" if path.is_dir() else ""
    return FileState(str(path), status.st_size, status.st_mtime_ns, crc32)


def _checksum_of_listing(folder: Path) -> int:
    checksum = 0
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            status = os.stat(os.path.join(path, name))
            inside = os.path.relpath(path, folder)
            line = f"{inside}/{name} {status.st_size} {status.st_mtime_ns}\n"
            checksum = zlib.crc32(os.fsencode(line), checksum)
    return checksum


def unchanged(inputs: Sequence[FileState], sources: Sequence[Path]) -> bool:
    """Return whether the files that were read are as they were, and none was added."""
    paths = [Path(one.path) for one in inputs]
    return (
        paths[:1] == [sources[0]]
        and {file for source in sources for file in files_of(source)} <= set(paths)
        and [state(path) for path in paths] == list(inputs)
    )


def fate(
    inputs: Sequence[FileState], path: Path
) -> Literal["unchanged", "changed", "gone", "unknown"]:
    """Return the fate of a file; unknown if it is not among those that were read."""
    then = next((one for one in inputs if one.path == str(path)), None)
    if then is None:
        return "unknown"
    try:
        return "unchanged" if state(path) == then else "changed"
    except OSError:
        return "gone"


@dataclass(frozen=True, eq=False)
class Recorded(WrittenMap):
    """Map that was written, with its record, and the files that it was made from."""

    @property
    def case(self) -> str:
        """Name of the case: that of the file without its measure."""
        return self.name.removesuffix(f"_{self.record.measure}")

    @property
    def segmentation(self) -> Path | None:
        """Path of the labels that the map was compared with, if these lie on it."""
        record = self.record
        if not record.segmentation or not record.by_labels:
            return None
        return Path(record.segmentation)

    @property
    def placement(self) -> Placement | None:
        """Turn of the probabilities onto the map; None where they lie as it does.

        Raises
        ------
        InputError
            If it is not recorded, as older versions did not.
        """
        record = self.record
        if record.placed and record.placement is None:
            raise InputError(
                f"It is not recorded how the probabilities lie on {self.source.name} "
                f"('{record.placed}' is all that its JSON says); compute the map anew."
            )
        return record.placement

    def fate(self, path: Path) -> str:
        """Return the fate of a file that was read; see :func:`fate`."""
        return fate(self.record.inputs, path)

    def predictions(self) -> Predictions:
        """Return the predictions that the map was made from; nothing is read yet.

        Raises
        ------
        InputError
            If their files are gone or have changed, or if that is not known.
        """
        record = self.record
        if not record.source:
            raise _not_recorded()
        self._require_unchanged(record.files)
        together = bool(record.members)
        how = record.asked
        if record.interpretation.background is not None:
            # It may have come from a segmentation, which is not opened here.
            how = replace(how, background=record.interpretation.background)
        opened = Predictions.open(record.files, how, together=together)
        self._require_unchanged(opened.files)
        shape, turn = opened.shape, self.placement
        if (shape if turn is None else turn.turned_shape(shape)) != self.values.shape:
            raise InputError(
                f"The probabilities {record.files[0].name} do not lie on the map."
            )
        return opened

    def _require_unchanged(self, files: Sequence[Path]) -> None:
        for file in files:
            became = self.fate(file)
            if became == "unknown":
                raise _not_recorded()
            if became != "unchanged":
                change = (
                    "are not there any more" if became == "gone" else "have changed"
                )
                raise InputError(f"The probabilities {file.name} {change}.")


def _not_recorded() -> InputError:
    return InputError("It is not recorded which file the probabilities are in.")


def read_recorded(path: Path) -> Recorded:
    """Read a map by the name of its image or of its JSON.

    Raises
    ------
    InputError
        If one of the two is missing, cannot be read, or was written by something else.
    """
    image = _image_of(path)
    written = read_map(image)
    if written is None:
        raise InputError(f"{image} is not a map of napari-uncertainty; choose one.")
    if written.fault:
        raise InputError(written.fault)
    return Recorded(**{one.name: getattr(written, one.name) for one in fields(written)})


def _image_of(path: Path) -> Path:
    """Return the image of a map by its own name or that of its JSON."""
    if path.name.lower().endswith(SUFFIXES):
        image = path
    elif path.name.lower().endswith(".json"):
        images = [path.with_name(stem(path) + suffix) for suffix in SUFFIXES]
        image = next((one for one in images if one.is_file()), images[0])
    else:
        raise InputError(
            f"{path} is not a map; name the image (.nii.gz, .nii) of one, or its JSON."
        )
    if not image.is_file():
        raise InputError(f"There is no map {image}.")
    return image
