"""The list, the corrected labels and the report as files, read back by others."""

import csv
import gzip
import json
import re
import threading
import time
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine, from_matvec
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QFileDialog

from napari_uncertainty.plugin.review import review_saving as saving_module
from napari_uncertainty.plugin.review.review_tabs import NOTHING, ReviewSavingTab
from support.compute_without_window import compute
from support.inspect_dock import NAMES, network
from support.phantoms import asymmetric
from support.review_dock import (
    open_case,
    open_file,
    paint,
    shown_index,
    write_labels,
)


@pytest.fixture
def case(qapp, kept):
    return kept.case(scan=True)


@pytest.fixture
def tab(qtbot, case, desk):
    tab = ReviewSavingTab(case.viewer, desk)
    qtbot.addWidget(tab)
    yield tab
    tab.stop()


@pytest.fixture
def save_as(monkeypatch):
    """Answers the dialog; gives what it was asked with."""

    def answered(path, kind=""):
        asked = []

        def dialog(_parent, title, name, filters):
            asked.append((title, name, filters))
            return str(path or ""), kind

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        return asked

    return answered


def decide(desk):
    desk.judge(1, "fine")
    desk.judge(2, "needs expert")
    desk.annotate(2, 'thin "sulcus"\nleft of it')
    desk.see(3)


def edit(case, voxels, label=2):
    for voxel in voxels:
        paint(
            case.segmentation, shown_index(case.segmentation, case.files, voxel), label
        )


# -- the list -----------------------------------------------------------------


def test_the_list_is_saved_as_a_table(tab, desk, case, files, tmp_path, save_as, told):
    decide(desk)
    edit(case, [desk.stops[3].hotspot.voxel], 9)
    path = tmp_path / "list.tsv"
    asked = save_as(path)
    tab.list_button.click()
    [(_, name, _)] = asked
    assert name == str(files.folder / "case_hotspots.tsv")
    assert told() == [f"The list is in {path}."]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == len(desk.stops) == 6
    for row, stop in zip(rows, desk.stops, strict=True):
        place = stop.hotspot
        assert int(row["rank"]) == stop.rank
        assert tuple(int(row[axis]) for axis in "ijk") == place.voxel
        there = apply_affine(files.affine, place.voxel)
        found = [float(row[axis]) for axis in "xyz"]
        np.testing.assert_allclose(found, there, atol=1e-4)
        np.testing.assert_allclose(float(row["mass"]), place.mass, 1e-8)
        pair = tuple(NAMES[label] for label in place.classes)
        assert (row["class_a"], row["class_b"]) == pair
        assert row["verdict"] == stop.verdict
    assert [row["verdict"] for row in rows] == [
        "fine", "needs expert", "open", "fixed", "open", "open",
    ]  # fmt: skip
    assert [row["suggested"] for row in rows].index("true") == 3
    assert [row["seen"] for row in rows][:4] == ["true", "true", "true", "false"]
    # What was painted a moment ago counts.
    assert [int(row["changed_voxels"]) for row in rows][3] == 1
    assert rows[1]["note"] == 'thin "sulcus" left of it'


def test_the_list_is_saved_as_json(tab, desk, files, tmp_path, save_as):
    decide(desk)
    save_as(tmp_path / "list.json")
    tab.list_button.click()
    written = json.loads((tmp_path / "list.json").read_text(encoding="utf-8"))
    assert written["case"] == "case"
    assert written["unit"] == "bits"
    assert written["radius_mm"] == 3
    assert written["expected_errors"] == desk.session.expected_errors
    assert written["class_names"] == {str(n): name for n, name in enumerate(NAMES)}
    assert {one["role"]: one["path"] for one in written["inputs"]} == {
        "map": None,
        "segmentation": str(files.segmentation),
        "probabilities": str(files.probabilities),
        "scan": str(files.scan),
    }
    assert written["options"]["networks"] == 1
    for row, stop in zip(written["stops"], desk.stops, strict=True):
        place = stop.hotspot
        assert tuple(row["voxel"]) == place.voxel
        assert tuple(row["ras"]) == place.ras
        assert (row["mass"], row["peak"]) == (place.mass, place.peak)
        assert (row["verdict"], row["note"]) == (stop.verdict, stop.note)
    assert written["stops"][1]["note"] == 'thin "sulcus"\nleft of it'


def test_without_an_ending_it_is_a_table(tab, desk, tmp_path, save_as, told):
    save_as(tmp_path / "list")
    tab.list_button.click()
    assert told() == [f"The list is in {tmp_path / 'list.tsv'}."]
    assert (tmp_path / "list.tsv").read_text().startswith("rank\t")


def test_the_kind_that_was_chosen_gives_the_ending(tab, desk, tmp_path, save_as, told):
    for button, kind, ending in (
        (tab.list_button, "JSON (*.json)", ".json"),
        (tab.labels_button, "NIfTI (*.nii.gz *.nii)", ".nii.gz"),
    ):
        save_as(tmp_path / "chosen", kind)
        button.click()
        assert (tmp_path / f"chosen{ending}").is_file()
    assert len(told()) == 2


def test_the_review_itself_is_never_replaced(tab, desk, save_as, told):
    decide(desk)
    before = desk.session.path.read_bytes()
    save_as(desk.session.path)
    tab.list_button.click()
    assert told() == [
        "case_review.json is the file of this review itself; choose another name."
    ]
    assert desk.session.path.read_bytes() == before


def test_where_nothing_can_be_written(tab, desk, tmp_path, save_as, told):
    for button, name in (
        (tab.list_button, "a.tsv"),
        (tab.labels_button, "a.nii.gz"),
    ):
        save_as(tmp_path / "missing" / name)
        before = len(told())
        button.click()
        [sentence] = told()[before:]
        assert "missing" in sentence
    assert not (tmp_path / "missing").exists()


def test_a_dialog_that_is_left_saves_nothing(tab, desk, files, save_as, told):
    before = sorted(files.folder.iterdir())
    save_as(None)
    for button in (tab.list_button, tab.labels_button, tab.report_button):
        button.click()
    assert told() == []
    assert sorted(files.folder.iterdir()) == before


def test_without_a_review_nothing_is_saved(tab, desk, case, save_as, told):
    case.viewer.layers.remove(case.map)
    asked = save_as("/never")
    for button in (tab.list_button, tab.labels_button, tab.report_button):
        button.click()
    assert asked == []
    assert set(told()) == {NOTHING}


# -- the labels ---------------------------------------------------------------


def parts(path):
    """All bytes in front of the data, and the data."""
    content = gzip.decompress(path.read_bytes())
    return content[:352], content[352:]


def test_corrected_labels_are_saved_with_the_header_of_their_file(
    tab, desk, case, files, tmp_path, save_as, told
):
    voxels = [(6, 7, 8), (1, 2, 3), (11, 12, 13)]
    edit(case, voxels, 2)
    path = tmp_path / "corrected.nii.gz"
    asked = save_as(path)
    tab.labels_button.click()
    assert asked[0][1] == str(files.folder / "case_corrected.nii.gz")
    assert told() == [f"The corrected segmentation is in {path}."]
    expected = files.labels.copy()
    expected[tuple(np.transpose(voxels))] = 2
    image, original = nib.load(path), nib.load(files.segmentation)
    np.testing.assert_array_equal(np.asarray(image.dataobj), expected)
    assert image.get_data_dtype() == original.get_data_dtype()
    start, stored = parts(path)
    old_start, old_stored = parts(files.segmentation)
    assert start == old_start
    # In a file, the first axis runs fastest.
    of_file = np.frombuffer(old_stored, "u1").reshape(expected.shape, order="F").copy()
    np.testing.assert_array_equal(of_file, files.labels)
    assert stored == expected.tobytes(order="F")


def test_the_original_is_never_replaced(tab, desk, case, files, save_as, told):
    before = files.segmentation.read_bytes()
    edit(case, [(6, 7, 8)], 9)
    save_as(files.segmentation)
    tab.labels_button.click()
    [sentence] = told()
    assert "case.nii.gz is the segmentation that was opened; choose another" in sentence
    assert files.segmentation.read_bytes() == before


def test_labels_of_a_crop_are_saved_at_the_scan(
    qtbot, open_desk, files, tmp_path, save_as, told
):
    viewer = ViewerModel()
    crop = files.labels[2:11, 1:, 3:12]
    moved = files.affine @ from_matvec(np.eye(3), (2, 1, 3))
    files.segmentation.unlink()
    nib.Nifti1Image(files.labels, files.affine).to_filename(files.segmentation)
    write_labels(tmp_path / "crop_seg.nii.gz", crop, moved)
    case = open_case(viewer, files, scan=True, segmentation=False)
    open_file(viewer, tmp_path / "crop_seg.nii.gz")
    desk = open_desk(viewer)
    assert desk.edited is not None
    tab = ReviewSavingTab(viewer, desk)
    qtbot.addWidget(tab)
    desk.edited.current[3, 4, 5] = 7
    save_as(tmp_path / "corrected.nii")
    tab.labels_button.click()
    expected = np.zeros_like(files.labels)
    expected[2:11, 1:, 3:12] = crop
    expected[5, 5, 8] = 7
    image = nib.load(tmp_path / "corrected.nii")
    np.testing.assert_array_equal(np.asarray(image.dataobj), expected)
    np.testing.assert_allclose(image.affine, files.affine, atol=1e-5)
    assert case.scan is not None


def test_corrected_labels_without_a_file_are_saved_without_a_place(
    qtbot, open_desk, rng, tmp_path, save_as, told
):
    viewer, labels = ViewerModel(), asymmetric((9, 10, 11))
    net = viewer.add_image(network(labels, rng), name="net")
    layer = viewer.add_labels(labels.copy(), name="mine")
    compute(viewer, net)
    desk = open_desk(viewer)
    tab = ReviewSavingTab(viewer, desk)
    qtbot.addWidget(tab)
    paint(layer, (4, 5, 6), 9)
    save_as(tmp_path / "mine.nii.gz")
    tab.labels_button.click()
    image = nib.load(tmp_path / "mine.nii.gz")
    labels[4, 5, 6] = 9
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels)
    # Nobody knows where that is in a patient.
    assert (image.header["sform_code"], image.header["qform_code"]) == (0, 0)


def test_without_a_segmentation_there_is_none_to_save(
    qtbot, open_desk, files, save_as, told
):
    viewer = ViewerModel()
    open_case(viewer, files, segmentation=False)
    tab = ReviewSavingTab(viewer, open_desk(viewer))
    qtbot.addWidget(tab)
    asked = save_as("/never")
    tab.labels_button.click()
    [sentence] = told()
    assert "No segmentation that can be changed here belongs to this" in sentence
    assert asked == []


# -- the report ---------------------------------------------------------------


class Text(HTMLParser):
    """The words of a page, without styles and scripts."""

    def __init__(self, page):
        super().__init__()
        self.words, self._hidden = [], 0
        self.feed(page)

    def handle_starttag(self, tag, _attrs):
        self._hidden += tag in ("style", "script")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def save_report(qtbot, tab, told):
    before = len(told())
    tab.report_button.click()
    qtbot.waitUntil(lambda: len(told()) > before)
    return told()[before:]


def test_a_report_has_all_places(qtbot, tab, desk, case, tmp_path, save_as, told):
    decide(desk)
    edit(case, [desk.stops[3].hotspot.voxel], 9)
    asked = save_as(tmp_path / "report")
    path = tmp_path / "report.html"
    assert save_report(qtbot, tab, told) == [f"The report is in {path}."]
    assert asked[0][1].endswith("case_report.html")
    assert not tab.working.isVisibleTo(tab)
    page = path.read_text(encoding="utf-8")
    text = Text(page).text
    for stop in desk.stops:
        first, second = (NAMES[label] for label in stop.hotspot.classes)
        assert f"{first} ↔ {second}" in text
    assert "needs expert" in text.lower()
    assert 'thin "sulcus"' in text
    assert desk.session.review.progress().sentence in text
    assert "1 voxel" in text
    # Three planes of each, with and without the map.
    for kind in ("scan", "map"):
        assert page.count(f'<image class="{kind}"') == 3 * len(desk.stops)


def test_of_a_scan_over_time_the_first_moment_is_shown(
    qtbot, open_desk, files, tmp_path, save_as, told
):
    image = nib.load(files.scan)
    first = image.get_fdata(dtype=np.float32)
    pictures = []
    for name, data in (
        (
            "over time",
            np.stack([first, 1000 - first, first.T.reshape(first.shape)], -1),
        ),
        ("at once", first),
    ):
        nib.Nifti1Image(data, image.affine).to_filename(files.scan)
        case = open_case(ViewerModel(), files, scan=True)
        assert case.scan.ndim == data.ndim
        desk = open_desk(case.viewer)
        tab = ReviewSavingTab(case.viewer, desk)
        qtbot.addWidget(tab)
        save_as(tmp_path / f"{name}.html")
        save_report(qtbot, tab, told)
        page = (tmp_path / f"{name}.html").read_text("utf-8")
        pictures.append(re.findall(r'<image class="scan"[^>]*>', page))
    assert len(pictures[0]) == 3 * len(desk.stops)
    assert pictures[0] == pictures[1]


def test_a_report_without_labels_or_scan(
    qtbot, open_desk, rng, tmp_path, save_as, told
):
    viewer, p = ViewerModel(), network(asymmetric((9, 10, 11)), rng)
    compute(viewer, viewer.add_image(p, name="net"))
    tab = ReviewSavingTab(viewer, open_desk(viewer))
    qtbot.addWidget(tab)
    save_as(tmp_path / "r.html")
    assert save_report(qtbot, tab, told) == [f"The report is in {tmp_path / 'r.html'}."]
    assert "net entropy" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written(qtbot, tab, desk, tmp_path, save_as, told):
    save_as(tmp_path / "missing" / "r.html")
    [sentence] = save_report(qtbot, tab, told)
    assert "missing" in sentence
    assert not tab.working.isVisibleTo(tab)


def test_a_report_is_cancelled(qtbot, tab, desk, tmp_path, save_as, told, monkeypatch):
    ended = threading.Event()

    def waiting(_shape, _grid, _labels):
        try:
            while True:
                time.sleep(0.005)
                yield 0.1
        finally:
            ended.set()

    monkeypatch.setattr(saving_module, "iter_labels_at", waiting)
    save_as(tmp_path / "r.html")
    tab.report_button.click()
    qtbot.waitUntil(lambda: tab.working.value() > 0)
    assert tab.working.isVisibleTo(tab)
    tab.stop()
    qtbot.waitUntil(ended.is_set)
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)
    assert told() == []
    assert not (tmp_path / "r.html").exists()
