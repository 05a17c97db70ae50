"""Manifest, command line and docs name what the tables hold; the rest is refused."""

import ast
import re
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.analysis.class_statistics import columns_of
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.io.endings import READERS, is_image, is_readable, known_ending
from napari_uncertainty.model.kinds import KINDS
from napari_uncertainty.model.measures import ALL_MEASURES, MEASURES, UNITS
from napari_uncertainty.model.record import MapStatistics, Record
from napari_uncertainty.review.review import VERDICTS, Review, Stop
from support.command_line import call_here
from support.report_pages import hotspots

ROOT = Path(__file__).parents[1]
SOURCES = Path(nu.__file__).parent
MANIFEST = yaml.safe_load((ROOT / "napari.yaml").read_text("utf-8"))["contributions"]
FORMATS = (ROOT / "docs" / "formats.md").read_text("utf-8")
ON_MEASURES = (ROOT / "docs" / "measures.md").read_text("utf-8")
MANY_CASES = (ROOT / "docs" / "many-cases.md").read_text("utf-8")
ENDINGS = [end for one in READERS for end in one.all_endings]


def help_of(command):
    return " ".join(call_here(command, "--help").stdout.replace("│", " ").split())


def test_the_manifest_names_what_is_read():
    [reader] = MANIFEST["readers"]
    for ending in ENDINGS:
        assert any(fnmatch(f"a{ending}", one) for one in reader["filename_patterns"])
    for pattern in reader["filename_patterns"]:
        assert pattern.endswith(tuple(ENDINGS))
    assert reader["accepts_directories"]


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.endings[0])
def test_a_reader_has_what_opens_its_files(reader):
    if reader.module:
        module = import_module(f"napari_uncertainty.io.{reader.module}")
        assert callable(module.load if reader.image else module.array_in)
    for ending in reader.all_endings:
        path = Path(f"case{ending.upper()}")
        assert reader.opens(path)
        assert is_readable(path)
        assert is_image(path) == reader.image
        assert [one for one in READERS if one.opens(path)] == [reader]
        assert known_ending(path) == ending


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_docs_name_every_ending(ending):
    assert f"`{ending}`" in FORMATS


def test_the_command_line_names_the_arrays_that_it_takes():
    told = help_of("map")
    for reader in READERS:
        if not reader.image:
            assert all(ending in told for ending in reader.endings)


def test_what_no_reader_opens_is_told_with_all_endings(tmp_path):
    (tmp_path / "a.tif").touch()
    with pytest.raises(InputError) as told:
        open_probabilities(tmp_path / "a.tif")
    for reader in READERS:
        assert all(re.search(rf"{re.escape(end)}\b", str(told.value))
                   for end in reader.endings)  # fmt: skip


def test_preferences_offer_every_measure_and_kind():
    offered = MANIFEST["configurations"]["compute"]["properties"]
    assert offered["measure"]["enum"] == [*ALL_MEASURES]
    assert offered["kind"]["enum"] == ["auto", *KINDS]
    assert offered["base"]["enum"] == [*UNITS.values()]
    for one in offered.values():
        assert "enum" not in one or one["default"] in one["enum"]


def test_each_dock_is_a_folder_with_its_line_in_the_manifest():
    commands = {one["id"]: one["python_name"] for one in MANIFEST["commands"]}
    widgets = {commands[one["command"]].split(":")[0] for one in MANIFEST["widgets"]}
    folders = {one.parent.name for one in SOURCES.glob("plugin/*/widget.py")}
    assert widgets == {f"napari_uncertainty.plugin.{one}.widget" for one in folders}
    others = {one.parent.name for one in SOURCES.glob("plugin/*/__init__.py")} - folders
    assert others == {"viewer"}


def test_help_and_docs_name_every_measure_and_kind():
    told = help_of("map")
    for name in (*ALL_MEASURES, *KINDS):
        assert name in told
        assert f"`{name}`" in ON_MEASURES
    for name in KINDS:
        assert f"`{name}`" in FORMATS or f'`"{name}"`' in FORMATS
        assert f"`{name}`" in MANY_CASES


def test_each_command_is_told_of_in_the_docs():
    pages = " ".join(one.read_text("utf-8") for one in (ROOT / "docs").glob("*.md"))
    listed = re.findall(r"│ (\w+) ", call_here("--help").stdout.split("Commands")[1])
    assert {"map", "info", "report", "view", "demo"} <= {*listed}
    for command in listed:
        assert re.search(rf"napari-uncertainty\s+{command}\b", pages), command


# What is in no table is refused, wherever its name can be said.

UNSURE = [0.5, 0.3, 0.2]


def a_stop():
    return Stop(hotspots((9, 9, 9), [(4, 4, 4)]).places[0])


def a_record(**changes):
    numbers = MapStatistics(1, 0, 1.0, 1.0, 1.0, 1, 1.0)
    told = Record(
        measure="entropy", base=2, n_states=3, n_classes=3, statistics=numbers
    )
    return Record.from_json(told.to_json() | {"interpretation": None} | changes)


@pytest.mark.parametrize(
    "asked",
    [
        lambda name: nu.uncertainty(UNSURE, (name,)),
        lambda name: nu.ensemble_uncertainty([UNSURE, UNSURE], (name,)),
        lambda name: nu.uncertainty(UNSURE, kind=name),
        lambda name: nu.uncertainty(UNSURE, base=name),
        lambda name: a_record(measure=name),
        lambda name: a_record(kind=name),
        lambda name: a_record(base=name),
        lambda name: Review([a_stop()]).judge(1, name),
        lambda name: Stop.from_json(a_stop().to_json() | {"verdict": name}),
        lambda name: columns_of(["mean", name]),
    ],
    ids=[
        "measure", "measure of members", "kind", "base", "measure of a record",
        "kind of a record", "base of a record", "verdict", "verdict of a file",
        "column",
    ],
)  # fmt: skip
def test_a_name_that_is_in_no_table_is_refused(asked):
    with pytest.raises((ValueError, LookupError), match="nonsense"):
        asked("nonsense")


def test_what_a_table_holds_is_taken_by_the_same_calls():
    assert a_record(kind="logits").kind == "logits"
    assert Stop.from_json(a_stop().to_json() | {"verdict": "fine"}).verdict == "fine"
    assert [*nu.uncertainty(UNSURE, tuple(MEASURES))] == [*MEASURES]


@pytest.mark.parametrize("option", ["--measure", "--kind", "--base"])
def test_the_command_line_refuses_a_name_that_is_in_no_table(option, tmp_path):
    done = call_here("map", tmp_path, "-o", tmp_path, option, "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


# A row says what its name means: nothing else asks which one it is.

#: Modules that own a table, with the names of its rows.
OWNERS = {
    "model/measures.py": {*ALL_MEASURES},
    "model/kinds.py": {*KINDS},
    "review/review.py": {*VERDICTS},
}

#: Names that are asked for elsewhere, and the reason.
ASKED_FOR = {
    "foreground": "All labels but 0 are called so, too.",
    "open": "Nothing is decided yet.",
    "fixed": "Changed labels suggest it.",
}


def names_asked_for(tree):
    """Texts that a module compares something with, by operators or by patterns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        else:
            continue
        for side in sides:
            for one in getattr(side, "elts", [side]):
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value


def test_a_name_that_a_module_asks_for_is_noticed():
    text = "a == 'x'\nb in ('y', 1)\nmatch c:\n    case 'z' | 'w':\n        d = 'v'\n"
    assert [*names_asked_for(ast.parse(text))] == ["x", "y", "z", "w"]


def test_only_tables_tell_their_rows_apart():
    for path in SOURCES.rglob("*.py"):
        own = path.relative_to(SOURCES).as_posix()
        asked = {*names_asked_for(ast.parse(path.read_text("utf-8")))} - {*ASKED_FOR}
        for owner, names in OWNERS.items():
            assert own == owner or not asked & names, own
