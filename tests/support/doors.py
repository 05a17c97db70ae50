"""The doors through which a file can be judged, and what each of them says of it.

All of them give the same answer in one form, so that answers can be held against each
other: ``map``, ``info``, ``report``, Python and the window.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

import napari_uncertainty as nu
from napari_uncertainty.plugin.viewer.scan_space import layer_info, record_of
from support.clicks import compute
from support.command_line import call_here
from support.report_pages import Page

PLUGIN = "napari-uncertainty"

#: Levels of a check that somebody has to be told of.
TOLD = ("amber", "red")

#: Checks of what was guessed or is contradicted, of which Python warns. The others tell
#: what the values hold (voxels without data, rounding, confidence), as the result does.
WARNED_OF = ("kind", "axes", "place", "background", "agreement", "orientation")

# Python tells by a warning what the check puts behind these words.
_PREFIX = "Taken for "


@dataclass(frozen=True, eq=False)
class Asked:
    """An input, and how it is to be taken.

    Attributes
    ----------
    path : Path
        A file or a folder.
    kind, class_axis, frame, temperature
        As the options of the same names.
    labels : Path or None
        A segmentation to compare with.
    place : bool
        To put the map where the segmentation shows that it belongs.
    """

    path: Path
    kind: str | None = None
    class_axis: int | None = None
    frame: int | None = None
    temperature: float | None = None
    labels: Path | None = None
    place: bool = False

    def options(self, *known: str) -> list[str]:
        """Return those that a command knows, as words of a command line."""
        words = []
        for name in known:
            value = getattr(self, name)
            if value is True:
                words.append(f"--{name}")
            elif value is not None and value is not False:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return words


@dataclass(frozen=True, eq=False)
class Answer:
    """What a door says of an input.

    Attributes
    ----------
    values : ndarray or None
        The map in the order of the file; None where a door gives none.
    mean, total, foreground_mean : float or None
        Statistics of the map.
    no_data, classes : int or None
        How many voxels have none, and how many labels there are.
    kind : str
        What the values were taken for; empty where a door does not tell.
    checks : set of tuple
        Name, level and sentence of each.
    refusal : str
        Why there is no map; empty where there is one.
    content : str
        What the file is taken for, where it is no case: ``"scan"``, ``"segmentation"``.
    notes : str
        What is told besides.
    told : mapping
        The JSON of the door, where it has one.
    """

    values: Any = None
    mean: float | None = None
    total: float | None = None
    foreground_mean: float | None = None
    no_data: int | None = None
    classes: int | None = None
    kind: str = ""
    checks: frozenset[tuple[str, str, str]] = frozenset()
    refusal: str = ""
    content: str = "probabilities"
    notes: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def levels(self) -> dict[str, str]:
        """Level of each check, the worst where two have one name."""
        order = ("green", "amber", "red")
        levels: dict[str, str] = {}
        for name, level, _ in self.checks:
            worst = max(level, levels.get(name, "green"), key=order.index)
            levels[name] = worst
        return levels

    def sentence(self, name: str) -> str:
        """Return what a check says; empty where there is none of that name."""
        return " ".join(
            sentence for one, _, sentence in sorted(self.checks) if one == name
        )


def checks_of(told: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str, str]]:
    """Checks of a JSON."""
    return frozenset((one["name"], one["level"], one["sentence"]) for one in told)


def by_map(asked: Asked, output: Path) -> Answer:
    """Ask ``map`` of one input, which has to be one case or to be refused."""
    answers = map_all([asked.path], output, asked)
    assert len(answers) == 1, sorted(answers)
    return next(iter(answers.values()))


def map_all(
    paths: Sequence[Path], output: Path, how: Asked | None = None, *further: object
) -> dict[str, Answer]:
    """Ask ``map`` of several inputs at once; answers by the name of the case.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    output : Path
        Where the maps go.
    how : Asked or None
        How all of them are to be taken.
    further : object
        Further words of the command line.
    """
    words = () if how is None else how.options(*_OF_MAP)
    ran = call_here("map", *paths, "-o", output, *words, *further)
    if ran.returncode == 2:
        return {"": Answer(refusal=" ".join(ran.stderr.split()))}
    head, *lines = (output / "summary.tsv").read_text("utf-8").splitlines()
    rows = [dict(zip(head.split("\t"), one.split("\t"), strict=True)) for one in lines]
    return {row["case"]: _written(row, output) for row in rows}


_OF_MAP = ("kind", "class_axis", "frame", "temperature", "labels", "place")


def _written(row: Mapping[str, str], output: Path) -> Answer:
    if row["status"] == "failed":
        return Answer(refusal=row["message"])
    image = nib.load(output / f"{row['case']}_entropy.nii.gz")
    told = json.loads((output / f"{row['case']}_entropy.json").read_text("utf-8"))
    statistics = told["statistics"]
    summed = [float(row[name]) for name in ("mean", "total", "foreground_mean")]
    named = [statistics[name] for name in ("mean", "total", "foreground_mean")]
    assert summed == named
    return Answer(
        np.asarray(image.dataobj),
        *summed,
        int(row["no_data"]),
        int(row["classes"]),
        told["kind"],
        checks_of(told["checks"]),
        notes=row["message"],
        told=told,
    )


def by_info(asked: Asked) -> Answer:
    """Ask ``info``."""
    words = asked.options("kind", "class_axis", "temperature", "labels")
    ran = call_here("info", asked.path, *words)
    if ran.returncode:
        return Answer(refusal=" ".join(ran.stderr.split()))
    told = json.loads(ran.stdout)
    return Answer(
        no_data=told.get("no_data"),
        classes=len(told["classes"]) if "classes" in told else None,
        kind=told.get("kind", ""),
        checks=checks_of(told["checks"]),
        content=told["content"],
        notes=" ".join(told.get("notes", ())),
        told=told,
    )


def by_report(written: Path) -> Answer:
    """Ask ``report`` of a map that was written; it repeats the checks, but no names."""
    page = written.with_name("report.html")
    ran = call_here("report", written, "-o", page)
    assert ran.returncode == 0, ran.stderr
    shown = Page(page.read_text("utf-8"))
    checks = set()
    for item, word in zip(_items(shown), _words(shown), strict=True):
        level, sentence = word["class"].split()[1], item["text"].partition(":")[2]
        checks.add(("", level, " ".join(sentence.split())))
    return Answer(checks=frozenset(checks))


def _words(page: Page) -> list[dict[str, Any]]:
    """Return the elements that say the level of a check."""
    spans = page.all("span")
    return [one for one in spans if one.get("class", "").startswith("word ")]


def _items(page: Page) -> list[dict[str, Any]]:
    """Return the elements that hold a check."""
    elements = page.elements
    return [
        one
        for one, following in pairwise(elements)
        if one["tag"] == "li" and following.get("class", "").startswith("dot ")
    ]


def by_python(asked: Asked) -> Answer:
    """Call ``nu.uncertainty``; what it warns of is in `notes`."""
    options: dict[str, Any] = {}
    for name in ("kind", "temperature"):
        if getattr(asked, name) is not None:
            options[name] = getattr(asked, name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", nu.UncertaintyWarning)
        try:
            given: Any = asked.path
            if asked.class_axis is not None:
                given = nu.read(asked.path, class_axis=asked.class_axis)
            maps = nu.uncertainty(given, **options)
        except nu.InputError as error:
            return Answer(refusal=str(error))
    values, no_data = np.asarray(maps["entropy"]), np.asarray(maps.no_data)
    inside = (np.asarray(maps.prediction) != 0) & ~no_data
    total = float(values.sum(dtype=np.float64))
    return Answer(
        values,
        total / max(1, values.size - int(no_data.sum())),
        total,
        float(values[inside].mean(dtype=np.float64)) if inside.any() else 0.0,
        int(no_data.sum()),
        maps.n_classes,
        maps.kind,
        checks_of([one.to_dict() for one in maps.checks]),
        notes=" ".join(
            str(one.message)
            for one in caught
            if issubclass(one.category, nu.UncertaintyWarning)
        ),
    )


class Window:
    """The window: files opened by our reader, and *Compute uncertainty* clicked.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or napari.components.ViewerModel
        Where the layers are.
    widget : ComputeWidget
        Its dock.

    Attributes
    ----------
    qtbot : pytestqt.qtbot.QtBot
        Who clicks.
    """

    qtbot: Any = None

    def __init__(self, viewer: Any, widget: Any) -> None:
        self.viewer, self.widget = viewer, widget

    def ask(self, asked: Asked, folder: Path) -> Answer:
        """Open an input and what it is compared with, compute, and save the map."""
        from napari.utils.notifications import notification_manager

        self.viewer.layers.clear()
        records = notification_manager.records
        before = len(records)
        for path in filter(None, (asked.path, asked.labels)):
            try:
                self.viewer.open(path, plugin=PLUGIN)
            except ValueError as error:
                if "refused the file" not in str(error):
                    raise
                told = " ".join(str(one.message) for one in records[before:])
                return Answer(refusal=told or str(error))
        self.qtbot.wait(1)  # what is done with layers once they are there
        roles = {layer_info(layer).get("role"): layer for layer in self.viewer.layers}
        if asked.kind and self.widget.probabilities.value is None:
            # Whoever names the kind of what looks like a scan, names the layer, too.
            self.widget.probabilities.value = self.viewer.layers[0]
        self.widget.kind.value = asked.kind or "auto"
        self.widget.temperature.value = asked.temperature or 1
        try:
            shown = compute(self.qtbot, self.widget)
        finally:
            self.widget.kind.value, self.widget.temperature.value = "auto", 1
        told = " ".join(str(one.message) for one in records[before:])
        if shown is None:
            content = next(iter(roles), "") if "probabilities" not in roles else ""
            return Answer(refusal=told, content=content or "probabilities", notes=told)
        return self._answer(shown, folder, told)

    def _answer(self, shown: Any, folder: Path, told: str) -> Answer:
        record = record_of(shown)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "shown.nii.gz"
        self.viewer.layers.selection = {shown}
        shown.save(str(path), plugin=PLUGIN)
        statistics = record.statistics
        return Answer(
            np.asarray(nib.load(path).dataobj),
            statistics.mean,
            statistics.total,
            statistics.foreground_mean,
            statistics.no_data,
            record.n_classes,
            record.kind,
            checks_of([one.to_dict() for one in record.checks]),
            notes=told,
            told=record.to_json(),
        )


def warned(python: Answer, checks: Answer) -> list[str]:
    """Return the checks of what was guessed that Python does not warn of, by name.

    Parameters
    ----------
    python, checks : Answer
        Of Python, and of another door for the same input.
    """
    return sorted(
        name
        for name, level, sentence in checks.checks
        if level in TOLD
        and (name in WARNED_OF or (name, level) == ("precision", "red"))
        and _bare(sentence) not in python.notes
    )


def _bare(sentence: str) -> str:
    """Return the sentence of a check without the words that only the check has."""
    if sentence.startswith(_PREFIX):
        return sentence.split(". ", 1)[1]
    return sentence
