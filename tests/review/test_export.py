"""Exported reviews, read back with the csv and json of Python alone."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import COLUMNS, Hotspot, Hotspots
from napari_uncertainty.review.export import stops_table, write_json, write_tsv
from napari_uncertainty.review.review import Review, Stop
from napari_uncertainty.review.reviewed_images import Options, ReviewedInput
from napari_uncertainty.review.session import Session

NAMES = {1: "gray matter", 2: "white\tmatter"}
NOTE = "Größe \"≥ 3 mm\"?\r\n\tsee\u2028\\n slice 7, 'left';  =1+1\n"

FIRST = Stop(
    Hotspot(
        1, (12, 200, 7), (-1 / 3, 2e-7 / 3, 98765.4321012), 1234567.89012345,
        float(np.float32(0.7)), 1 / 7, (1, 2), 0.1, 0.2,
    ),
    "fixed", True, NOTE, True, 2_000_000_001,
)  # fmt: skip
FLAT = Stop(Hotspot(2, (3, 4), None, 5.0, 1.0, 0.5, None, 0.25, 0.5))
EXPERT = Stop(
    Hotspot(3, (0, 0, 0), (0.0, -0.0, 1e-9), 1e-300, 2.0, 0.1, (0, 7), 0, 1),
    "needs expert", note="NA", seen=True,
)  # fmt: skip
STOPS = (FIRST, FLAT, EXPERT)
OPTIONS = Options(5.0, 5.0, None, False)


def read_tsv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def read_json(path):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def export(path, stops=STOPS, case="sub-01", inputs=(), options=OPTIONS):
    places = Hotspots(tuple(s.hotspot for s in stops), 5.0, 1 / 3, (), None)
    review = path.with_name("own_review.json")
    session = Session.begin(review, case, inputs, options, places, NAMES, "bits")
    session.review = Review(stops)
    write_json(path, session)
    return read_json(path)


def test_the_table_has_numbers_verdicts_and_notes():
    table = stops_table(STOPS, NAMES)
    assert list(table) == [
        *COLUMNS, "verdict", "suggested", "seen", "changed_voxels", "note",
    ]  # fmt: skip
    assert table["mass"].tolist() == [1234567.89012345, 5.0, 1e-300]
    assert table["k"].isna().tolist() == [False, True, False]
    assert table["j"].tolist() == [200, 4, 0]
    assert table["class_a"][0] == "gray matter"
    assert table["class_b"][2] == "label 7"
    assert table["suggested"].tolist() == [True, False, False]
    assert table["note"].tolist() == [NOTE, "", "NA"]


def test_every_table_has_the_same_types():
    """Also without any stop, or where one column is missing altogether."""
    kinds = ["rank", "x", "k", "mass", "suggested", "seen", "changed_voxels"]
    expected = ["Int64", "float64", "Int64", "float64", "bool", "bool", "int64"]
    for stops in (STOPS, [FLAT], []):
        assert stops_table(stops, {})[kinds].dtypes.astype(str).tolist() == expected


def test_one_line_for_each_stop(tmp_path):
    path = tmp_path / "stops.tsv"
    write_tsv(path, STOPS, NAMES)
    assert len(path.read_bytes().split(b"\n")) == 5
    assert b"\r" not in path.read_bytes()
    first, flat, expert = read_tsv(path)
    assert first == {
        "rank": "1",
        "x": "-0.333333333", "y": "6.66666667e-08", "z": "98765.4321",
        "i": "12", "j": "200", "k": "7",
        "mass": "1234567.89", "peak": "0.699999988", "mean": "0.142857143",
        "class_a": "gray matter", "class_b": "white matter", "share": "0.1",
        "verdict": "fixed", "suggested": "true", "seen": "true",
        "changed_voxels": "2000000001",
        "note": "Größe \"≥ 3 mm\"? see \\n slice 7, 'left'; =1+1",
    }  # fmt: skip
    missing = {name for name, value in flat.items() if not value}
    assert missing == {"x", "y", "z", "k", "class_a", "class_b", "note"}
    assert (flat["suggested"], flat["seen"], flat["verdict"]) == ("false",) * 2 + (
        "open",
    )
    assert (expert["verdict"], expert["note"]) == ("needs expert", "NA")
    assert float(expert["mass"]) == 1e-300
    assert (expert["class_a"], expert["class_b"]) == ("background", "label 7")


def test_numbers_of_a_map_are_exact(rng, tmp_path):
    """Nine digits tell any two of float32 apart."""
    peaks = np.exp(rng.normal(0, 20, 500)).astype(np.float32)
    stops = [
        Stop(Hotspot(rank, (0,), None, 1, float(peak), 0, None, 0, 0))
        for rank, peak in enumerate(peaks, 1)
    ]
    write_tsv(tmp_path / "stops.tsv", stops, {})
    read = [row["peak"] for row in read_tsv(tmp_path / "stops.tsv")]
    np.testing.assert_array_equal(np.array(read, np.float32), peaks)


def test_no_stops(tmp_path):
    write_tsv(tmp_path / "stops.tsv", [], {})
    assert (tmp_path / "stops.tsv").read_text(encoding="utf-8").count("\n") == 1
    assert export(tmp_path / "stops.json", [])["stops"] == []


def test_json_has_everything(tmp_path):
    told = export(
        tmp_path / "review.json",
        inputs=[ReviewedInput("map", "entropy", Path("a") / "map.nii.gz", "ab")],
        options=Options(np.float32(0.1), 2, (1, np.int64(2)), False, None),
    )
    first, flat, _ = told.pop("stops")
    assert first == {
        "rank": 1,
        "voxel": [12, 200, 7],
        "ras": [-1 / 3, 2e-7 / 3, 98765.4321012],
        "mass": 1234567.89012345,
        "peak": float(np.float32(0.7)),
        "mean": 1 / 7,
        "classes": [1, 2],
        "class_names": ["gray matter", "white\tmatter"],
        "share": 0.1,
        "map_share": 0.2,
        "verdict": "fixed",
        "suggested": True,
        "seen": True,
        "changed_voxels": 2_000_000_001,
        "note": NOTE,
    }
    assert flat["ras"] is flat["classes"] is flat["class_names"] is None
    assert told.pop("version")
    assert told == {
        "case": "sub-01",
        "unit": "bits",
        "radius_mm": float(np.float32(0.1)),
        "expected_errors": 1 / 3,
        "class_names": {"1": "gray matter", "2": "white\tmatter"},
        "inputs": [
            {
                "role": "map",
                "name": "entropy",
                "path": str(Path("a") / "map.nii.gz"),
                "digest": "ab",
            }
        ],
        "options": {
            "radius_mm": float(np.float32(0.1)),
            "separation_mm": 2.0,
            "classes": [1, 2],
            "interior": False,
            "networks": None,
        },
    }
    assert "Größe" in (tmp_path / "review.json").read_text(encoding="utf-8")


def test_json_has_no_nan(tmp_path):
    nowhere = Stop(Hotspot(1, (0,), None, math.inf, math.nan, 0.5, None, 0, 0))
    told = export(tmp_path / "a.json", [nowhere])
    assert told["stops"][0]["mass"] is told["stops"][0]["peak"] is None


def test_numbers_of_numpy_are_exported(tmp_path):
    """As a search may give them."""
    place = Hotspot(
        np.int64(1), tuple(np.array([1, 2, 3])), tuple(np.array([0.1, 0.2, 0.3])),
        np.float64(0.1), np.float32(0.1), np.float32(0.2), (np.uint8(1), np.uint8(2)),
        np.float64(0.5), np.float64(0.25),
    )  # fmt: skip
    row = export(tmp_path / "a.json", [Stop(place)])["stops"][0]
    assert row["voxel"] == [1, 2, 3]
    assert row["ras"] == [0.1, 0.2, 0.3]
    assert row["peak"] == float(np.float32(0.1))
    assert row["class_names"] == ["gray matter", "white\tmatter"]


def test_text_outside_of_utf8_is_escaped(tmp_path):
    """JSON escapes what a file name holds and UTF-8 does not."""
    odd = Stop(FLAT.hotspot, note="caf\udce9")
    write_tsv(tmp_path / "a.tsv", [odd], {})
    assert read_tsv(tmp_path / "a.tsv")[0]["note"] == "caf\\udce9"
    told = export(tmp_path / "a.json", [odd], case="caf\udce9")
    assert told["case"] == told["stops"][0]["note"] == "caf\udce9"


@pytest.mark.parametrize("write", [lambda path: write_tsv(path, STOPS, NAMES), export])
def test_where_nothing_can_be_written(tmp_path, monkeypatch, write):
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "none" / "stops")
    path = tmp_path / "stops"
    path.write_text("older")

    def refused(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(InputError, match="Permission denied"):
        write(path)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
