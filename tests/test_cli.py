"""The command line, as a user calls it."""

import json
import os
import subprocess
import sys
from importlib import metadata

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from support.command_line import call_here, files_up_to

PROGRAM = [sys.executable, "-m", "napari_uncertainty"]


def call(*arguments, **environment):
    """Run a command; what needs no window, in this process, for time's sake."""
    if environment or not {"view", "demo"}.isdisjoint(arguments[:1]):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
    return call_here(*arguments)


def test_info_tells_kind_classes_and_place_of_probabilities(case_folder):
    ran = call("info", case_folder / "case.npz")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["content"] == "probabilities"
    assert told["classes"] == ["background", "left", "right", "stem"]
    assert told["orientation"] == "PIL"
    np.testing.assert_allclose(told["zooms_mm"], (1, 1.5, 2), rtol=1e-6)
    assert told["voxels"] == 6 * 7 * 8
    assert told["no_data"] == 0
    assert told["largest_sum_deviation"] < 1e-3


def test_info_tells_a_scan_from_labels(case_folder):
    scan = json.loads(call("info", case_folder / "T1.nii.gz").stdout)
    assert (scan["content"], scan["shape"]) == ("scan", [6, 7, 8])
    blocks = np.kron(np.arange(2).reshape(2, 1, 1), np.ones((5, 5, 5))).astype("u1")
    nib.Nifti1Image(blocks, np.eye(4)).to_filename(case_folder / "seg.nii.gz")
    labels = json.loads(call("info", case_folder / "seg.nii.gz").stdout)
    assert labels["labels"] == {"0": "background", "1": "left"}


def checks_of(ran):
    assert ran.returncode == 0, ran.stderr
    checks = json.loads(ran.stdout)["checks"]
    for one in checks:
        assert one["level"] in ("green", "amber", "red")
        assert one["sentence"].endswith(".")
    found = {one["name"]: one for one in checks}
    assert len(found) == len(checks)
    return found


def test_info_checks_probabilities_against_both(case_folder):
    checks = checks_of(
        call(
            "info",
            case_folder / "case.npz",
            "--labels",
            case_folder / "case.nii.gz",
            "--scan",
            case_folder / "T1.nii.gz",
        )
    )
    assert list(checks) == [
        "kind", "no_data", "precision", "confidence",
        "agreement", "orientation", "segmentation_grid", "scan_grid",
    ]  # fmt: skip
    assert {one["level"] for one in checks.values()} == {"green"}
    with np.load(case_folder / "case.npz") as archive:
        values = archive["probabilities"]
    predicted = values.argmax(axis=0).T
    given = np.asarray(nib.load(case_folder / "case.nii.gz").dataobj)
    either = (predicted != 0) | (given != 0)
    same = predicted == given
    assert checks["agreement"]["overall"] == pytest.approx(same.mean(), abs=1e-12)
    assert checks["agreement"]["foreground"] == pytest.approx(
        same[either].mean(), abs=1e-12
    )
    sums = values.sum(axis=0, dtype=np.float64)
    assert checks["kind"]["largest_sum_deviation"] == pytest.approx(
        np.abs(sums - 1).max(), abs=1e-6
    )
    assert checks["no_data"]["voxels"] == 6 * 7 * 8
    assert "'T1'" in checks["scan_grid"]["sentence"]


def test_info_without_others_checks_the_file_and_the_labels_of_its_place(case_folder):
    alone = ["kind", "no_data", "precision", "confidence"]
    checks = checks_of(call("info", case_folder / "case.npz"))
    assert list(checks) == [*alone, "agreement"]
    (case_folder / "case.nii.gz").unlink()
    assert list(checks_of(call("info", case_folder / "case.npz"))) == alone


def test_info_shows_that_probabilities_are_mirrored(case_folder):
    path = case_folder / "case.npz"
    with np.load(path) as archive:
        values = archive["probabilities"]
    np.savez(path, probabilities=values[..., ::-1])
    checks = checks_of(call("info", path, "--labels", case_folder / "case.nii.gz"))
    assert checks["orientation"]["level"] == "red"
    assert checks["orientation"]["best"] == "first axis flipped"
    assert checks["orientation"]["best_foreground"] > 0.99
    assert checks["agreement"]["foreground"] < 0.5


def test_info_shows_that_a_scan_lies_elsewhere(case_folder):
    away = np.eye(4)
    away[:3, 3] = 500
    scan = case_folder / "far.nii.gz"
    nib.Nifti1Image(np.zeros((6, 7, 8), np.int16), away).to_filename(scan)
    checks = checks_of(call("info", case_folder / "case.npz", "--scan", scan))
    assert checks["scan_grid"]["level"] == "red"
    assert "do not overlap" in checks["scan_grid"]["sentence"]
    first, second = (
        nib.as_closest_canonical(nib.load(path)).affine[:3, 3]
        for path in (case_folder / "T1.nii.gz", scan)
    )
    expected = np.linalg.norm(first - second)
    assert checks["scan_grid"]["origin_mm"] == pytest.approx(expected, rel=1e-6)


def test_info_of_probabilities_without_a_place(case_folder):
    (case_folder / "case.nii.gz").rename(case_folder / "labels.nii.gz")
    (case_folder / "T1.nii.gz").unlink()
    told = json.loads(call("info", case_folder / "case.npz").stdout)
    assert told["geometry_source"] is None
    assert told["place_note"].endswith("so its place in space is unknown.")
    assert "affine" not in told


def test_info_of_a_header_that_does_not_say_where(case_folder):
    path = case_folder / "codeless.nii.gz"
    scan = np.arange(336, dtype=np.int16).reshape(6, 7, 8)
    nib.Nifti1Image(scan, None).to_filename(path)
    checks = checks_of(call("info", path))
    assert list(checks) == ["header"]
    assert checks["header"]["level"] == "amber"
    assert (checks["header"]["sform"], checks["header"]["qform"]) == (0, 0)
    assert checks_of(call("info", case_folder / "T1.nii.gz")) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["case.npz", "--labels", "none.nii.gz"], "There is no segmentation none"),
        (["case.npz", "--scan", "none.nii.gz"], "There is no scan none.nii.gz."),
        (["T1.nii.gz", "--labels", "case.nii.gz"], "T1.nii.gz holds no probabilities"),
        (["T1.nii.gz", "--scan", "T1.nii.gz"], "T1.nii.gz holds no probabilities"),
        (
            ["case.npz", "--labels", "decimals.nii.gz"],
            "decimals.nii.gz is not a segmen",
        ),
        (["case.npz", "--scan", "case.npz"], "case.npz cannot be read"),
    ],
)
def test_info_says_what_it_cannot_check(case_folder, monkeypatch, words, said):
    decimals = np.linspace(0, 1, 336).reshape(6, 7, 8)
    nib.Nifti1Image(decimals, np.eye(4)).to_filename(case_folder / "decimals.nii.gz")
    monkeypatch.chdir(case_folder)
    ran = call("info", *words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"napari-uncertainty: {said}")
    assert len(ran.stderr.splitlines()) == 1


def test_a_refused_file_is_one_sentence(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"no archive")
    ran = call("info", path)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("napari-uncertainty: broken.npz cannot be read")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["info"], ["info", "a", "b"], ["fly"]])
def test_wrong_usage_shows_how_it_is_used(arguments):
    ran = call(*arguments)
    assert ran.returncode == 2
    assert "Usage" in ran.stdout + ran.stderr


@pytest.fixture
def mapped(case_folder, monkeypatch):
    """A case with its map, and a user's folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(case_folder / "user"))
    words = ["--labels", case_folder / "case.nii.gz", "--hotspots", 3]
    ran = call("map", case_folder / "case.npz", "-o", case_folder / "out", *words)
    assert ran.returncode == 0, ran.stderr
    return case_folder / "out"


def test_report_writes_a_page_beside_the_map(mapped, case_folder):
    before = {path.name for path in mapped.iterdir()}
    assert "case_hotspots.tsv" in before
    scan = ["--scan", case_folder / "T1.nii.gz"]
    ran = call("report", mapped / "case_entropy.nii.gz", *scan, "--hotspots", 2)
    assert (ran.returncode, ran.stderr) == (0, "")
    path = mapped / "case_report.html"
    assert ran.stdout == f"{path}\n"
    assert {one.name for one in mapped.iterdir()} - before == {path.name}
    html = path.read_text("utf-8")
    assert html.count("<article") == 2
    assert "T1.nii.gz" in html
    # Under another name, and over itself.
    again = case_folder / "new" / "report.html"
    for _ in range(2):
        ran = call("report", mapped / "case_entropy.json", "-o", again)
        assert (ran.returncode, ran.stdout) == (0, f"{again}\n")
    assert again.read_text("utf-8").count("<article") >= 2


def test_report_says_what_is_missing(mapped, case_folder):
    (case_folder / "case.npz").unlink()
    ran = call("report", mapped / "case_entropy.nii.gz")
    assert ran.returncode == 0
    assert ran.stderr == (
        "napari-uncertainty: The probabilities case.npz are not there any more. So the "
        "hotspots are from the map alone.\n"
    )
    html = (mapped / "case_report.html").read_text("utf-8")
    assert "The probabilities case.npz are not there any more." in html


def test_report_refuses_wrong_files_and_writes_nothing(
    mapped, case_folder, monkeypatch
):
    def listed():
        files = (path for path in case_folder.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files}

    decimals = np.linspace(0, 1, 336).reshape(6, 7, 8)
    nib.Nifti1Image(decimals, np.eye(4)).to_filename(case_folder / "T1.nii.gz")
    before = listed()
    monkeypatch.chdir(case_folder)
    name = "out/case_entropy.nii.gz"
    for words, said in (
        (["none.nii.gz"], "There is no file "),
        (["T1.nii.gz"], ""),
        ([name, "--scan", "none.nii.gz"], "There is no scan none.nii.gz."),
        ([name, "--labels", "T1.nii.gz"], ""),
        ([name, "-o", "T1.nii.gz"], ""),
        ([name, "-o", "T1.nii.gz/report.html"], ""),
        ([name, "-o", "out"], ""),
    ):
        ran = call("report", *words)
        assert (ran.returncode, ran.stdout) == (1, ""), words
        assert ran.stderr.startswith(f"napari-uncertainty: {said}"), words
        assert len(ran.stderr.splitlines()) == 1, words
        assert listed() == before, words


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_report_on_a_full_disk_keeps_the_old_page(mapped):
    path = mapped / "case_report.html"
    path.write_text("<title>case – uncertainty report</title>", "utf-8")
    before = {one.name: one.read_bytes() for one in mapped.iterdir()}
    with files_up_to(9000):
        ran = call("report", mapped / "case_entropy.nii.gz")
    assert ran.returncode == 1
    assert f"{path} cannot be written" in ran.stderr
    assert {one.name: one.read_bytes() for one in mapped.iterdir()} == before


@pytest.mark.parametrize("words", [["report"], ["report", "a", "--hotspots", "0"]])
def test_wrong_usage_of_report(words):
    ran = call(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Usage" in ran.stderr


def test_every_file_names_the_version_that_the_program_tells(mapped):
    told = nu.__version__
    assert told == metadata.version("napari-uncertainty")
    ran = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, f"napari-uncertainty {told}\n")
    assert json.loads((mapped / "case_entropy.json").read_text())["version"] == told
    assert call("report", mapped / "case_entropy.json").returncode == 0
    assert told in (mapped / "case_report.html").read_text("utf-8")


def test_the_command_line_starts_quickly():
    """What only some commands need is loaded by these."""
    heavy = {"nibabel", "pandas", "scipy", "jinja2", "napari", "qtpy", "psutil"}
    code = (
        "import sys, napari_uncertainty.cli; "
        f"print(*sorted({heavy} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only X11 and Wayland name a display"
)
def test_a_missing_display_is_one_sentence():
    ran = call("demo", DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert ran.returncode == 1
    assert ran.stderr.startswith("napari-uncertainty: There is no display.")


def test_view_writes_a_picture(case_folder):
    from imageio.v3 import imread

    picture = case_folder / "view.png"
    files = [case_folder / name for name in ("case.npz", "T1.nii.gz", "case.nii.gz")]
    ran = call("view", *files, "--screenshot", picture)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(picture)
    pixels = imread(picture)[..., :3].reshape(-1, 3)
    # Colours of the map, not only grey: somewhere red is far from blue.
    assert np.ptp(pixels.astype(int), axis=1).max() > 80
    assert (pixels == 255).all(axis=1).mean() < 0.02


def test_view_refuses_files_without_probabilities(
    case_folder, make_napari_viewer, monkeypatch
):
    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    words = ("view", case_folder / "T1.nii.gz", "--screenshot", case_folder / "a.png")
    ran = call_here(*words)
    assert ran.returncode == 1
    assert "Nothing was computed" in ran.stderr
    assert not (case_folder / "a.png").exists()
