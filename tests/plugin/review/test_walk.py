"""A whole review in a real window by keyboard, through the end of a process.

What comes out of it is read by the standard library, numpy and nibabel alone.
"""

import csv
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from support import review_by_keys as walking
from support.generated import turn
from support.review_by_keys import (
    BRUSHED,
    FILES,
    LAST_WORDS,
    NOTES,
    STOPS,
    in_layer_order,
    verdict_of,
)

TESTS = pathlib.Path(__file__).parents[2]
SHAPE = (64, 60, 56)
# Axes to Right, Anterior and Superior, tilted in two directions.
AFFINE = np.eye(4)
AFFINE[:3, :3] = turn(17, 0) @ turn(-9, 2) @ np.diag([1.1, 1.4, 1.9])
AFFINE[:3, 3] = -31, -47, -22
NAMES = {0: "background", 1: "gray matter", 2: "white matter", 3: "CSF"}

KILLED_AT, STAYED_AT = 13, 14
DECIDED = range(1, STOPS + 1)


@pytest.fixture
def case(tmp_path):
    """A scan, nnU-Net's labels and probabilities, and nothing else in the folder."""
    rng = np.random.default_rng(7)
    folder = tmp_path / "case ü"
    folder.mkdir()
    logits = np.stack([gaussian_filter(rng.normal(size=SHAPE), 4.0) for _ in NAMES])
    logits *= 3 / logits.std()
    axes = np.ogrid[(*(slice(-1, 1, length * 1j) for length in SHAPE),)]
    logits[0] += 25 * (sum(axis**2 for axis in axes) - 0.6)
    p = np.exp(logits - logits.max(axis=0))
    p /= p.sum(axis=0)
    image = nib.Nifti1Image(p.argmax(axis=0).astype(np.int16), AFFINE)
    image.set_sform(AFFINE, 4)
    image.set_qform(AFFINE, 2)
    image.header["descrip"] = b"as it came"
    image.header.set_xyzt_units("mm", "sec")
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    image.to_filename(folder / "case.nii.gz")
    scan = (300 * p[1] + 600 * p[2] + 100 * p[3]).astype(np.int16)
    nib.Nifti1Image(scan, AFFINE).to_filename(folder / "T1.nii.gz")
    reversed_axes = p.transpose(0, 3, 2, 1).astype(np.float16)
    np.savez_compressed(folder / "case.npz", probabilities=reversed_axes)
    labels = {"labels": {name: label for label, name in NAMES.items()}}
    (folder / "dataset.json").write_text(
        json.dumps(labels | {"file_ending": ".nii.gz"})
    )
    return folder


@pytest.fixture
def environment(tmp_path):
    """A display and folders of one's own: other windows would take the keys."""
    own = {"NAPARI_CONFIG": str(tmp_path / "settings.yaml"), "PYTHONUTF8": "1"}
    paths = filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))
    own["PYTHONPATH"] = os.pathsep.join(paths)
    for name in ("DATA", "CONFIG", "CACHE"):
        own[f"XDG_{name}_HOME"] = str(tmp_path / name.lower())
    server = None
    if os.environ.get("DISPLAY") and shutil.which("Xvfb"):
        ours, theirs = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1280x1024x24"],
            pass_fds=[theirs],
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        with os.fdopen(ours) as told:
            own["DISPLAY"] = f":{told.readline().strip()}"
    yield os.environ | own
    if server is not None:
        server.terminate()
        server.wait()


class Sitting:
    """A process before its window, and what it told."""

    def __init__(self, environment, folder, *arguments):
        self.told, self._errors = [], folder.parent / "stderr"
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, walking.__file__, folder, *map(str, arguments)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def until(self, ends):
        """Read on until a line is so; the end of the process comes too early."""
        for line in self.process.stdout:
            self._note([line])
            if self.told and ends(self.told[-1]):
                return
        pytest.fail(self._errors.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._note(self.process.stdout.readlines())
        assert self.wait() == -signal.SIGKILL

    def _note(self, lines):
        # napari tells its notifications as well; the last line may be cut off.
        whole = [one for one in lines if one.startswith("{") and one.endswith("\n")]
        self.told += map(json.loads, whole)

    def wait(self):
        code = self.process.wait()
        assert self._errors.read_text() == ""
        return code

    def all(self, key):
        return [one for one in self.told if key in one]


def labels_after(folder, strokes):
    """The labels of the file, painted as told."""
    labels = np.asarray(nib.load(folder / "case.nii.gz").dataobj).copy()
    shown = in_layer_order(labels)  # a view
    for stroke in strokes:
        shown[tuple(np.transpose(stroke["painted"]))] = stroke["label"]
    return labels


def changed_in_ball(folder, labels, row, radius):
    """How many voxels around the hotspot of a row have another label than before."""
    changed = np.argwhere(
        np.asarray(nib.load(folder / "case.nii.gz").dataobj) != labels
    )
    apart = nib.affines.apply_affine(AFFINE, changed) - place_of(row)
    return int((np.linalg.norm(apart, axis=1) <= radius).sum())


def place_of(row):
    return [float(row[axis]) for axis in "xyz"]


class Report(HTMLParser):
    """Text by the id of the row or the card that it is in, cell by cell."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.cards, self._row, self._card = {}, {}, None, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes).get("id", "")
        if tag == "tr":
            self._row = found
        elif tag == "article":
            self._card = found
            self.cards[found] = ""
        elif tag == "td" and self._row:
            self.cells.setdefault(self._row, []).append("")

    def handle_endtag(self, tag):
        if tag == "tr":
            self._row = None
        elif tag == "article":
            self._card = None

    def handle_data(self, data):
        if self._row in self.cells:
            self.cells[self._row][-1] += data
        elif self._card:
            self.cards[self._card] += data


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_a_review_from_beginning_to_end(case, environment):
    before = {name: (case / name).read_bytes() for name in FILES}
    with Sitting(environment, case, 1, STAYED_AT, "--stay") as first:
        first.until(lambda line: line.get("decided") == KILLED_AT)
        first.kill()
    with Sitting(environment, case, KILLED_AT + 1, STOPS) as second:
        second.until(lambda line: "told" in line)
        assert second.wait() == 0

    check_beginning(first.told[0])
    check_taken_up(case, first, second.told[0])
    strokes = first.all("painted") + second.all("painted")
    assert len(strokes) == len(BRUSHED)
    labels = labels_after(case, strokes)
    check_list(case, labels)
    check_json(case)
    check_labels(case, labels)
    check_report(case)
    check_kept(case, labels)
    assert {name: (case / name).read_bytes() for name in FILES} == before
    [end] = second.all("told")
    assert {severity for severity, _ in end["told"]} == {"info"}


def check_beginning(opened):
    assert [stop["rank"] for stop in opened["opened"]] == [*DECIDED]
    assert {stop["verdict"] for stop in opened["opened"]} == {"open"}
    assert opened["changed"] == []
    assert not opened["read_only"]


def check_taken_up(folder, first, opened):
    """All that was told before the end is there again."""
    stops = {stop["rank"]: stop for stop in opened["opened"]}
    decided = first.all("decided")
    assert [one["decided"] for one in decided[:KILLED_AT]] == [*range(1, KILLED_AT + 1)]
    for one in decided:
        stop = stops[one["decided"]]
        assert (stop["verdict"], stop["note"]) == (one["verdict"], one["note"])
        assert (stop["seen"], stop["suggested"]) == (True, False)
    labels = labels_after(folder, first.all("painted"))
    original = nib.load(folder / "case.nii.gz").dataobj
    changed = np.argwhere(in_layer_order(labels) != in_layer_order(original))
    assert len(changed) > 20
    assert opened["changed"] == changed.tolist()
    assert not opened["read_only"]  # by the window that was killed


def check_kept(folder, labels):
    """The review's own file has what was being written; its labels are beside it."""
    review = json.loads((folder / "case_review.json").read_text("utf-8"))
    image = nib.load(folder / review["labels"]["file"])
    assert image.get_data_dtype() == np.int16
    np.testing.assert_array_equal(image.dataobj, labels)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)
    notes = {stop["rank"]: stop["note"] for stop in review["stops"]}
    assert notes == dict.fromkeys(DECIDED, "") | NOTES | {STOPS: LAST_WORDS}


def check_list(folder, labels):
    with (folder / "list.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    radius = json.loads((folder / "list.json").read_text("utf-8"))["radius_mm"]
    assert [int(row["rank"]) for row in rows] == [*DECIDED]
    for rank, row in enumerate(rows, start=1):
        assert row["verdict"] == verdict_of(rank)
        # A line has no tabs in its cells.
        assert row["note"] == " ".join(NOTES.get(rank, "").split())
        assert (row["seen"], row["suggested"]) == ("true", "false")
        place = nib.affines.apply_affine(AFFINE, [int(row[axis]) for axis in "ijk"])
        np.testing.assert_allclose(place_of(row), place, atol=1e-4)
        count = changed_in_ball(folder, labels, row, radius)
        assert int(row["changed_voxels"]) == count
        assert count > 0 or rank not in BRUSHED


def check_json(folder):
    document = json.loads((folder / "list.json").read_text("utf-8"))
    assert document["class_names"] == {str(label): NAMES[label] for label in NAMES}
    for rank, stop in enumerate(document["stops"], start=1):
        assert (stop["rank"], stop["verdict"]) == (rank, verdict_of(rank))
        assert stop["note"] == NOTES.get(rank, "")
    assert len(document["stops"]) == STOPS


def check_labels(folder, labels):
    """The voxels that were painted, and not a bit more."""
    original, corrected = folder / "case.nii.gz", folder / "corrected.nii.gz"
    image = nib.load(corrected)
    assert image.get_data_dtype() == np.int16
    np.testing.assert_array_equal(image.dataobj, labels)
    start = int(nib.load(original).header["vox_offset"]) or 352
    old, new = (gzip.decompress(path.read_bytes()) for path in (original, corrected))
    assert len(old) == len(new)
    assert old[:start] == new[:start]
    assert old[start:] != new[start:]


def check_report(folder):
    path = folder / "report.html"
    assert path.stat().st_size < 5e6
    report = Report(path.read_text("utf-8"))
    assert [*report.cells] == [f"row-{rank}" for rank in DECIDED]
    assert [*report.cards] == [f"stop-{rank}" for rank in DECIDED]
    for rank in DECIDED:
        cells, note = report.cells[f"row-{rank}"], NOTES.get(rank, "")
        assert cells[0] == str(rank)
        assert cells[2].lower().endswith(verdict_of(rank))
        assert cells[-1] == note
        assert f"“{note}”" in report.cards[f"stop-{rank}"] or not note
