"""The command line, as a user calls it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = [sys.executable, "-c", "from napari_uncertainty.cli import main; main()"]


def call(*arguments, **environment):
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_info_of_probabilities(case_folder):
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


def test_info_of_a_scan_and_of_labels(case_folder):
    scan = json.loads(call("info", case_folder / "T1.nii.gz").stdout)
    assert (scan["content"], scan["shape"]) == ("scan", [6, 7, 8])
    blocks = np.kron(np.arange(2).reshape(2, 1, 1), np.ones((5, 5, 5))).astype("u1")
    import nibabel as nib

    nib.Nifti1Image(blocks, np.eye(4)).to_filename(case_folder / "seg.nii.gz")
    labels = json.loads(call("info", case_folder / "seg.nii.gz").stdout)
    assert labels["labels"] == {"0": "background", "1": "left"}


def test_a_refused_file_is_one_sentence(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"no archive")
    ran = call("info", path)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("napari-uncertainty: broken.npz cannot be read")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["info"], ["info", "a", "b"], ["fly"]])
def test_wrong_usage(arguments):
    ran = call(*arguments)
    assert ran.returncode == 2
    assert "Usage" in ran.stdout + ran.stderr


@pytest.mark.skipif(
    sys.platform != "linux", reason="only X11 and Wayland name a display"
)
def test_no_display():
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


def test_view_without_probabilities(case_folder):
    ran = call("view", case_folder / "T1.nii.gz", "--screenshot", case_folder / "a.png")
    assert ran.returncode == 1
    assert "Nothing was computed" in ran.stderr
    assert not (case_folder / "a.png").exists()
