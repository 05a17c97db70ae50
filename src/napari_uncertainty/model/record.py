"""Record of a map: what it is, how it was made, and from which files.

The layer of a map carries it, the JSON beside a written map holds it, and reviews and
reports read it. ``docs/formats.md`` explains each key of the JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..version import __version__
from .interpretation import AS_FOUND, AS_SOFTMAX, Interpretation
from .kinds import KINDS, SOFTMAX
from .measures import ALL_MEASURES, Base, Measure, check_base, largest_value
from .placement import Placement

#: Name in place of that of a segmentation, where the most probable class defines the
#: foreground.
PREDICTION = "prediction"

Part = TypeVar("Part")

Level = Literal["green", "amber", "red"]

_WORST = ("green", "amber", "red")


@dataclass(frozen=True)
class Check:
    """Result of one check of a case.

    Attributes
    ----------
    name : str
        Subject of the check, such as ``"agreement"``.
    level : "green", "amber" or "red"
        As it should be; to be known; not to be trusted.
    sentence : str
        Finding in a sentence, for a person.
    numbers : dict
        The same for a program.
    guessed : bool
        Whether it is about something that was guessed, or that a file at hand may
        contradict, so that a script is warned of it even where it is amber. The others
        say what the data are like. It is not written with the check.
    """

    name: str
    level: Level
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)
    guessed: bool = field(default=False, kw_only=True, compare=False)

    @property
    def warns(self) -> bool:
        """Return whether scripts are warned of it: red, or a guess that is in doubt."""
        return self.level == "red" or (self.level == "amber" and self.guessed)

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON: name, level, sentence and all numbers."""
        return {
            "name": self.name,
            "level": self.level,
            "sentence": self.sentence,
            **self.numbers,
        }


def worst_level(levels: Iterable[Level]) -> Level:
    """Return the worst of some levels; green where there is none."""
    return max(levels, key=_WORST.index, default="green")


@dataclass(frozen=True)
class MapStatistics:
    """Total, mean and extremes of one map.

    No-data voxels are in none of the numbers but their own count. Values carry the
    unit of the map; a mean over no voxel at all is 0.

    Attributes
    ----------
    voxels : int
        Voxels with data that were counted.
    no_data : int
        Voxels without.
    total : float
        Sum over the counted voxels.
    mean : float
        `total` over `voxels`.
    maximum : float
        Largest value.
    foreground_voxels : int
        Voxels with data that belong to the foreground.
    foreground_mean : float
        Mean over these.
    """

    voxels: int
    no_data: int
    total: float
    mean: float
    maximum: float
    foreground_voxels: int
    foreground_mean: float


@dataclass(frozen=True)
class FileState:
    """Path, size and time of change of a file, which show whether it was changed.

    Attributes
    ----------
    path : str
        Absolute path.
    size, mtime_ns : int
        Bytes, and the time of the last change in nanoseconds.
    crc32 : str
        Of a folder that is an array: a checksum of the names, sizes and times of all
        that is in it.
    """

    path: str
    size: int
    mtime_ns: int
    crc32: str = ""

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> FileState:
        """Return the state from the dictionary of :meth:`to_json`."""
        path, size, changed = str(told["path"]), int(told["size"]), told["mtime_ns"]
        return cls(path, size, int(changed), str(told.get("crc32", "")))

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for JSON; that of a file has no checksum."""
        told = asdict(self)
        if not self.crc32:
            del told["crc32"]
        return told


@dataclass(frozen=True)
class Table:
    """Table in a file beside a map.

    Attributes
    ----------
    file : str
        Name of the file, in the folder of the map.
    crc32 : str
        Checksum of its content, eight hexadecimal digits.
    """

    file: str
    crc32: str

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Table:
        """Return the table from the dictionary of :meth:`to_json`."""
        return cls(str(told["file"]), str(told["crc32"]))

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class HotspotTable(Table):
    """Table of hotspots in a file beside a map.

    Attributes
    ----------
    count : int
        Number of places that were asked for.
    radius_mm : float or None
        The radius that was asked for; None where voxels and image tell it.
    """

    count: int
    radius_mm: float | None = None

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> HotspotTable:
        """Return the table from the dictionary of :meth:`to_json`."""
        radius = told.get("radius_mm")
        return cls(
            str(told["file"]),
            str(told["crc32"]),
            int(told["count"]),
            None if radius is None else float(radius),
        )


@dataclass(frozen=True)
class RecordedMember:
    """Name and file of a member that a map was made from."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """Description of a map: its measure, its sources, and how it was made.

    Attributes
    ----------
    measure : str
        A key of :data:`.ALL_MEASURES`.
    base : 2, "e" or "classes"
        Base of the logarithm.
    interpretation : Interpretation
        Meaning of the values, and who says so.
    asked : Interpretation
        Part of it that a person had named.
    n_states, n_classes : int
        Outcomes that the map is about, and labels that the most probable class can
        have.
    statistics : MapStatistics
        Numbers of the map, in its unit.
    class_names : tuple of str
        One for each label; empty where they are not known.
    foreground_only : bool
        Whether the background was set to 0 and left out of the numbers.
    foreground_from : str
        Name of the segmentation that says what is foreground, or ``"prediction"``.
    largest_sum_deviation : float
        Largest distance of a voxel's sum from 1.
    notes : tuple of str
        Remarks for a person, in sentences.
    checks : tuple of Check
        All checks of the case.
    probabilities : str
        Name of the probabilities.
    source, geometry_source : str
        Their file, and the file that gave their place where it is another one; empty
        if unknown.
    class_files : tuple of str
        Files of the classes in their order, where a person named them as one case.
    members : tuple of RecordedMember
        Members of an ensemble, in their order.
    dice : tuple of (float or None)
        Of an ensemble: mean overlap of the labels of two members, for each class.
    not_shared : int or None
        Of an ensemble: voxels without data in at least one member.
    segmentation : str
        File that the map was compared with; empty without one.
    placement : Placement or None
        How the probabilities were turned and shifted to lie as the map does; None
        where they lie as their files say.
    placed : str
        The same in words.
    inputs : tuple of FileState
        Every file that was read, the probabilities first.
    classes, hotspots, members_table : Table, HotspotTable, Table, or None
        The tables that were written with the map.
    version : str
        Version of napari-uncertainty that made the map.
    """

    measure: str
    base: Base
    n_states: int
    n_classes: int
    statistics: MapStatistics
    interpretation: Interpretation = AS_SOFTMAX
    asked: Interpretation = AS_FOUND
    class_names: tuple[str, ...] = ()
    foreground_only: bool = False
    foreground_from: str = PREDICTION
    largest_sum_deviation: float = 0.0
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    probabilities: str = ""
    source: str = ""
    geometry_source: str = ""
    class_files: tuple[str, ...] = ()
    members: tuple[RecordedMember, ...] = ()
    dice: tuple[float | None, ...] = ()
    not_shared: int | None = None
    segmentation: str = ""
    placement: Placement | None = None
    placed: str = ""
    inputs: tuple[FileState, ...] = ()
    classes: Table | None = None
    hotspots: HotspotTable | None = None
    members_table: Table | None = None
    version: str = field(default=__version__)

    def __post_init__(self) -> None:
        """Raise ValueError or LookupError where this can be no map."""
        check_base(self.base)
        if min(self.n_classes, self.n_states) < 1:
            raise ValueError("there are no classes")
        if self.interpretation.kind not in KINDS:
            raise ValueError(f"the kind is {self.interpretation.kind!r}")
        if not math.isfinite(self.about.highest(self.base, self.n_states)):
            raise ValueError("there are too many classes")

    @property
    def about(self) -> Measure:
        """Measure of the map, with its title and meaning."""
        return ALL_MEASURES[self.measure]

    @property
    def unit(self) -> str:
        """Unit of the values; empty for plain probabilities."""
        return self.about.unit(self.base)

    @property
    def kind(self) -> str:
        """Kind that the values were taken for, a key of :data:`.KINDS`."""
        return self.interpretation.kind or SOFTMAX.name

    @property
    def temperature(self) -> float:
        """Number that logits were divided by."""
        return self.interpretation.temperature

    @property
    def channel(self) -> str | None:
        """Independent channel that the map is of; None for all together."""
        channel = self.interpretation.channel
        return None if channel is None else str(channel)

    @property
    def highest(self) -> float:
        """Largest possible value, or the value at which colours end; never 0."""
        highest = largest_value(
            self.measure, self.base, self.n_states, self.kind, len(self.members)
        )
        return highest or 1.0

    @property
    def undecided(self) -> float:
        """Value of the map where two classes are equally likely."""
        return self.about.undecided(self.base, self.n_states)

    @property
    def worst_check(self) -> Level:
        """Worst level of all checks."""
        return worst_level(one.level for one in self.checks)

    @property
    def agreement(self) -> float | None:
        """Share of the foreground in which a segmentation agrees; None without one."""
        return self._number("agreement", "foreground")

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the network in the foreground; None if unknown."""
        return self._number("confidence", "foreground_mean")

    @property
    def overlap(self) -> float | None:
        """Mean Dice of two members over the foreground classes; None if unknown."""
        return self._number("members", "dice_foreground")

    @property
    def by_labels(self) -> bool:
        """Return whether a segmentation defines the foreground."""
        return self.foreground_from != PREDICTION

    @property
    def member_files(self) -> tuple[str, ...]:
        """Files of all members, each once; empty for a map of one network."""
        return tuple(dict.fromkeys(one.path for one in self.members))

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the probabilities are in; empty where they are not known."""
        named = self.member_files or self.class_files or (self.source,)
        return tuple(Path(one) for one in named if one)

    def check(self, name: str) -> Check | None:
        """Return the check of that name; None where there was none."""
        return next((one for one in self.checks if one.name == name), None)

    def _number(self, check: str, key: str) -> float | None:
        found = self.check(check)
        number = None if found is None else found.numbers.get(key)
        return None if number is None else float(number)

    def to_json(self) -> dict[str, Any]:
        """Return it with the keys that ``docs/formats.md`` lists."""
        told: dict[str, Any] = {
            "measure": self.measure,
            "base": self.base,
            "unit": self.unit,
            "kind": self.kind,
            "temperature": self.temperature,
            "channel": self.channel,
            "n_states": self.n_states,
            "n_classes": self.n_classes,
            "class_names": list(self.class_names),
            "foreground_only": self.foreground_only,
            "foreground_from": self.foreground_from,
            "largest_sum_deviation": self.largest_sum_deviation,
            "notes": list(self.notes),
            "checks": [one.to_dict() for one in self.checks],
            "statistics": asdict(self.statistics),
            "probabilities": self.probabilities,
            "source": self.source,
            "geometry_source": self.geometry_source,
            "version": self.version,
            "interpretation": self.interpretation.to_json(),
            "asked": self.asked.to_json(),
            "segmentation": self.segmentation or None,
            "placed": self.placed or None,
            "placement": None if self.placement is None else asdict(self.placement),
            "inputs": [one.to_json() for one in self.inputs],
            "classes": None if self.classes is None else self.classes.to_json(),
            "hotspots": None if self.hotspots is None else self.hotspots.to_json(),
        }
        if self.class_files:
            told["class_files"] = list(self.class_files)
        if self.members:
            told["members"] = [asdict(one) for one in self.members]
            told["dice"] = list(self.dice)
            told["not_shared"] = self.not_shared
        if self.members_table is not None:
            told["members_table"] = self.members_table.to_json()
        return told

    @classmethod
    def from_json(cls, told: Any) -> Record:
        """Return the record from the dictionary of :meth:`to_json`.

        What was written without a record of its own (before 0.1) says less: a place is
        then known in words only, and how values were taken from kind, temperature and
        channel.

        Raises
        ------
        ValueError
            If something is missing, of another type, or contradicts the rest.
        """
        try:
            return cls._read(told)
        except (
            ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
            ValueError,
        ) as error:  # fmt: skip
            raise ValueError(f"{type(error).__name__}: {error}") from error

    @classmethod
    def _read(cls, told: Mapping[str, Any]) -> Record:
        n_classes = _of_type(told, "n_classes", int)
        interpretation = _interpretation(told)
        record = cls(
            measure=_of_type(told, "measure", str),
            base=told["base"],
            n_states=int(told.get("n_states") or n_classes),
            n_classes=n_classes,
            statistics=_statistics(told["statistics"]),
            interpretation=interpretation,
            # Without it, what was found is all that is known.
            asked=_optional(told, "asked", Interpretation.from_json) or interpretation,
            class_names=tuple(map(str, _of_type(told, "class_names", list))),
            foreground_only=bool(told.get("foreground_only", False)),
            foreground_from=_of_type(told, "foreground_from", str),
            largest_sum_deviation=float(told.get("largest_sum_deviation") or 0),
            notes=tuple(map(str, told.get("notes") or ())),
            checks=tuple(map(_check, _of_type(told, "checks", list))),
            probabilities=_of_type(told, "probabilities", str),
            source=_of_type(told, "source", str),
            geometry_source=str(told.get("geometry_source") or ""),
            class_files=tuple(map(str, told.get("class_files") or ())),
            members=tuple(
                RecordedMember(str(one["name"]), str(one["path"]))
                for one in told.get("members") or ()
            ),
            dice=tuple(
                None if one is None else float(one) for one in told.get("dice") or ()
            ),
            not_shared=_optional(told, "not_shared", int),
            segmentation=str(told.get("segmentation") or ""),
            placement=_optional(told, "placement", _placement),
            placed=str(told.get("placed") or ""),
            inputs=tuple(map(FileState.from_json, told.get("inputs") or ())),
            classes=_optional(told, "classes", Table.from_json),
            hotspots=_optional(told, "hotspots", HotspotTable.from_json),
            members_table=_optional(told, "members_table", Table.from_json),
            version=str(told.get("version", "")),
        )
        for key in ("unit", "kind", "temperature", "channel"):  # told twice
            own = getattr(record, key)
            if told.get(key, own) != own:
                raise ValueError(f"the {key} is {told[key]!r} and not {own!r}")
        return record


def _of_type(told: Mapping[str, Any], key: str, kind: type[Part]) -> Part:
    value = told[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} is {value!r}")
    return value


def _optional(
    told: Mapping[str, Any], key: str, read: Callable[[Any], Part]
) -> Part | None:
    value = told.get(key)
    return None if value is None else read(value)


def _statistics(told: Mapping[str, Any]) -> MapStatistics:
    counts = ("voxels", "no_data", "foreground_voxels")
    numbers = {
        one.name: (int if one.name in counts else float)(told[one.name])
        for one in fields(MapStatistics)
    }
    return MapStatistics(**numbers)  # type: ignore[arg-type]


def _interpretation(told: Mapping[str, Any]) -> Interpretation:
    whole = told.get("interpretation")
    if whole is not None:
        return Interpretation.from_json(whole)
    return Interpretation(
        kind=str(told.get("kind", SOFTMAX.name)),
        temperature=float(told.get("temperature", 1)),
        channel=told.get("channel"),
    )


def _check(told: Mapping[str, Any]) -> Check:
    if told["level"] not in get_args(Level):
        raise ValueError(f"a check is {told['level']!r}")
    numbers = {
        key: value
        for key, value in told.items()
        if key not in ("name", "level", "sentence")
    }
    return Check(str(told["name"]), told["level"], str(told["sentence"]), numbers)


def _placement(told: Mapping[str, Any]) -> Placement:
    order, flips, offset = (
        tuple(int(one) for one in told[key]) for key in ("order", "flips", "offset")
    )
    if not len(order) == len(flips) == len(offset):
        raise ValueError(f"the placement is {told!r}")
    if sorted(order) != list(range(len(order))) or not {*flips} <= {1, -1}:
        raise ValueError(f"the placement is {told!r}")
    return Placement(order, flips, offset)
