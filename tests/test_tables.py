"""Manifest, command line and docs name what the tables of the package hold."""

import re
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from napari_uncertainty import InputError
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.io.endings import READERS, is_image, is_readable, known_ending
from napari_uncertainty.model.kinds import KINDS
from napari_uncertainty.model.measures import ALL_MEASURES
from support.command_line import call_here

ROOT = Path(__file__).parents[1]
MANIFEST = yaml.safe_load((ROOT / "napari.yaml").read_text("utf-8"))["contributions"]
FORMATS = (ROOT / "docs" / "formats.md").read_text("utf-8")
MEASURES = (ROOT / "docs" / "measures.md").read_text("utf-8")
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


def test_help_and_docs_name_every_measure_and_kind():
    told = help_of("map")
    for name in (*ALL_MEASURES, *KINDS):
        assert name in told
        assert f"`{name}`" in MEASURES
    for name in KINDS:
        assert f"`{name}`" in FORMATS or f'`"{name}"`' in FORMATS
        assert f"`{name}`" in MANY_CASES
