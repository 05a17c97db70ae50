"""A verdict and a column are rows of their tables: added ones are shown everywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.added_rows import values_and_labels

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What a program shows that has one more verdict and one more column."""
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "support.added_rows", tmp_path_factory.mktemp("rows")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_added_verdict_has_its_button_key_and_colour_in_the_dock(shown):
    told = shown["verdict"]
    tip = "The film is torn here. Key: Shift+K"
    assert told["button"] == ["Tear (Shift+K)", tip, True, ["torn"]]
    assert told["key"] == "Shift+K"
    assert told["filter"].count("torn") == 1
    color, rgba = told["colours"]
    assert color == "#ffb000"
    np.testing.assert_allclose(rgba, [1, 0xB0 / 255, 0, 1])


def test_an_added_verdict_is_kept_exported_and_reported(shown):
    told = shown["verdict"]
    assert told["kept"] == "torn"
    head, row = (line.split("\t") for line in told["exported"].splitlines())
    assert row[head.index("verdict")] == "torn"
    assert "✗ torn" in told["page"]


def test_an_added_column_is_in_the_frame_the_dock_the_file_and_the_report(shown):
    told = shown["column"]
    values, labels = values_and_labels()
    wanted = [np.quantile(values[labels == label], 0.77) for label in (0, 1)]
    np.testing.assert_allclose(told["frame"], wanted, rtol=1e-6)
    heading, tip, cell = told["dock"]
    assert heading == "77 %"
    assert tip == "77 % of all voxels of the class are less uncertain than this (bits)."
    assert float(cell) == pytest.approx(wanted[1], rel=1e-2)
    assert told["file"].split("\t")[-1] == "p77"
    assert "77 %" in told["page"]
