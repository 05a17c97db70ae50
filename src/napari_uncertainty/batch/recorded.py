"""Maps that were written, read back with what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..errors import InputError
from ..io.endings import SUFFIXES, stem
from ..io.written_maps import WrittenMap
from ..io.written_maps import read_map as read_written
from ..placement import Placement
from ..predictions import Predictions
from .states import fate


@dataclass(frozen=True, eq=False)
class Recorded(WrittenMap):
    """A map as it was written, with its JSON, and the way to what it was made from."""

    @property
    def case(self) -> str:
        """Name of the case: that of the file without its measure."""
        return self.name.removesuffix(f"_{self.record.measure}")

    @property
    def segmentation(self) -> Path | None:
        """The labels that it was compared with, if it was known how they lie on it."""
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
        """Return what became of a file that was read; see :func:`.states.fate`."""
        return fate(self.record.inputs, path)

    def predictions(self) -> Predictions:
        """Return what the map was made from; nothing is read yet.

        Raises
        ------
        InputError
            If they are not there any more or have changed, or if that is not known.
        """
        record = self.record
        if not record.source:
            raise _not_recorded()
        self._require_unchanged(record.files)
        together = bool(record.members)
        how = record.asked
        if record.interpretation.background is not None:
            # A segmentation may have shown it, which is not looked at here.
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
                said = "are not there any more" if became == "gone" else "have changed"
                raise InputError(f"The probabilities {file.name} {said}.")


def _not_recorded() -> InputError:
    return InputError("It is not recorded which file the probabilities are in.")


def read_map(path: Path) -> Recorded:
    """Read a map by the name of its image or of its JSON.

    Raises
    ------
    InputError
        If one of the two is missing, cannot be read, or was written by something else.
    """
    image = _image_of(path)
    written = read_written(image)
    if written is None:
        raise InputError(f"{image} is no map of napari-uncertainty; choose one.")
    if written.fault:
        raise InputError(written.fault)
    return Recorded(**{one.name: getattr(written, one.name) for one in fields(written)})


def _image_of(path: Path) -> Path:
    """The image of a map, given its name or that of its JSON; it is there."""
    if path.name.lower().endswith(SUFFIXES):
        image = path
    elif path.name.lower().endswith(".json"):
        images = [path.with_name(stem(path) + suffix) for suffix in SUFFIXES]
        image = next((one for one in images if one.is_file()), images[0])
    else:
        raise InputError(
            f"{path} is no map; name the image (.nii.gz, .nii) of one, or its JSON."
        )
    if not image.is_file():
        raise InputError(f"There is no map {image}.")
    return image
