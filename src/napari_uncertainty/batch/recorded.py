"""Maps that were written, read back with what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ..errors import InputError
from ..io.written_maps import WrittenMap
from ..kinds import KINDS, SOFTMAX
from ..placement import Placement
from .case import member_files
from .interpretation import Interpretation
from .placing import PREDICTION, placement_told
from .predictions import Predictions
from .states import fate


@dataclass(frozen=True, eq=False)
class Recorded(WrittenMap):
    """A map as it was written, with its JSON, and the way to what it was made from."""

    @property
    def case(self) -> str:
        """Name of the case: that of the file without its measure."""
        return self.name.removesuffix(f"_{self.measure.name}")

    @property
    def n_classes(self) -> int:
        """Of the probabilities."""
        return int(self.told["n_classes"])

    @property
    def kind(self) -> str:
        """Return what the values were taken for."""
        return str(self.told.get("kind", SOFTMAX.name))

    @property
    def temperature(self) -> float:
        """Return what logits were divided by."""
        return float(self.told.get("temperature", 1.0))

    @property
    def channel(self) -> str | None:
        """The one independent channel that it is of; None for all together."""
        told = self.told.get("channel")
        return None if told is None else str(told)

    @property
    def undecided(self) -> float:
        """The value where two classes are equally likely."""
        return self.measure.undecided(self.base, self.n_states)

    @property
    def member_names(self) -> tuple[str, ...]:
        """Return what the members are called; empty for a map of one network."""
        return tuple(str(one["name"]) for one in self.told.get("members") or ())

    @property
    def segmentation(self) -> Path | None:
        """The labels that it was compared with, if it was known how they lie on it."""
        told = self.told.get("segmentation")
        if told is None or self.told["foreground_from"] == PREDICTION:
            return None
        return Path(told)

    @property
    def placement(self) -> Placement | None:
        """Return how the probabilities were turned; None if they were not.

        Raises
        ------
        InputError
            If it is not known how.
        """
        placed = self.told.get("placed")
        if placed is None:
            return None
        turn = placement_told(str(placed), self.values.ndim)
        if turn is None:
            raise InputError(
                f"It is not known how the probabilities lie on the map ('{placed}')."
            )
        return turn

    def fate(self, path: Path) -> str:
        """Return what became of a file that was read; see :func:`.states.fate`."""
        return fate(self.told.get("inputs") or [], path)

    def predictions(self) -> Predictions:
        """Return what the map was made from; nothing is read yet.

        Raises
        ------
        InputError
            If they are not there any more or have changed, or if that is not known.
        """
        files = member_files(self.told)
        sources = [Path(one) for one in files or (self.told["source"],)]
        if not self.told["source"]:
            raise _not_recorded()
        self._require_unchanged(sources)
        how = Interpretation.of_map(self.told)
        opened = Predictions.open(sources, how, together=bool(files))
        self._require_unchanged(opened.files)
        shape, turn = opened.shape, self.placement
        if (shape if turn is None else turn.turned_shape(shape)) != self.values.shape:
            raise InputError(
                f"The probabilities {sources[0].name} do not lie on the map."
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
    from ..io.written_maps import read_map as read_written

    image = _image_of(path)
    written = read_written(image)
    if written is None:
        raise InputError(f"{image} is no map of napari-uncertainty; choose one.")
    if written.fault:
        raise InputError(written.fault)
    try:
        _check(written)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"The JSON of {image.name} does not say what the map is made from "
            f"({type(error).__name__}: {error}); compute the map anew."
        ) from error
    return Recorded(**{one.name: getattr(written, one.name) for one in fields(written)})


def _image_of(path: Path) -> Path:
    """The image of a map, given its name or that of its JSON; it is there."""
    from ..io.nifti import SUFFIXES, stem

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


def _check(written: WrittenMap) -> None:
    """Raises any of several exceptions where what is told of the input is damaged."""
    told = written.told
    if told.get("kind", SOFTMAX.name) not in KINDS:
        raise ValueError(f"the kind is {told['kind']!r}")
    float(told.get("temperature", 1))
    Interpretation.of_map(told)
    for member in told.get("members") or ():
        Path(member["path"], str(member["name"]))
