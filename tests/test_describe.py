"""``napari-uncertainty info`` of what is neither a plain softmax nor a scan."""

import json

import nibabel as nib
import numpy as np
import pytest

from support.command_line import call_here
from support.generated import OBLIQUE, softmax


def told(*words):
    ran = call_here("info", *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def written(case_folder):
    """A map and the folder of its case."""
    output = case_folder / "out"
    ran = call_here("map", case_folder / "case.npz", "-o", output, "--base", "e")
    assert ran.returncode == 0, ran.stderr
    return output / "case_entropy.nii.gz"


def test_a_map_says_how_it_was_made(written, case_folder):
    sidecar = written.with_name("case_entropy.json")
    by_image, by_json = told(written), told(sidecar)
    assert by_image == by_json
    assert by_image["content"] == "uncertainty map"
    for key, value in json.loads(sidecar.read_text()).items():
        assert by_image[key] == value
    assert by_image["source"] == str(case_folder / "case.npz")
    assert (by_image["measure"], by_image["unit"]) == ("entropy", "nats")


def test_a_map_without_its_json_is_described_by_its_header(written):
    written.with_name("case_entropy.json").unlink()
    found = told(written)
    assert found["content"] == "uncertainty map"
    assert (found["measure"], found["unit"]) == ("entropy", "nats")
    assert "there is no case_entropy.json" in found["notes"][0]


def test_a_map_is_nothing_to_check(written, case_folder):
    ran = call_here("info", written, "--labels", case_folder / "case.nii.gz")
    assert ran.returncode == 1
    assert "holds no probabilities" in ran.stderr


def test_one_channel_that_is_called_a_foreground(tmp_path, rng):
    path = tmp_path / "lesion.nii.gz"
    values = rng.random((6, 7, 8)).astype(np.float32)
    nib.Nifti1Image(values, OBLIQUE).to_filename(path)
    assert told(path)["content"] == "probabilities"  # as `map` takes it
    nib.Nifti1Image(700 * values + 5, OBLIQUE).to_filename(tmp_path / "scan.nii.gz")
    assert told(tmp_path / "scan.nii.gz")["content"] == "scan"
    found = told(path, "--kind", "foreground")
    assert (found["content"], found["kind"]) == ("probabilities", "foreground")
    assert found["classes"] == ["background", "foreground"]
    assert found["voxels"] == 6 * 7 * 8


def test_the_evidence_for_a_kind_and_a_doubt(tmp_path, rng):
    values = 0.3 * rng.random((3, 6, 7, 8)).astype(np.float32)
    np.save(tmp_path / "case.npy", values)
    found = told(tmp_path / "case.npy", "--class-axis", 0)
    assert found["kind"] == "fractions"
    assert "less than 1" in found["evidence"]
    assert "independent channels" in found["doubt"]
    assert [one["level"] for one in found["checks"] if one["name"] == "kind"] == [
        "amber"
    ]
    named = told(tmp_path / "case.npy", "--class-axis", 0, "--kind", "softmax")
    assert "look like" in named["doubt"]


def test_a_temperature_is_described(tmp_path, rng):
    np.save(tmp_path / "case.npy", 4 * rng.standard_normal((3, 6, 7, 8)))
    words = ("--class-axis", 0, "--kind", "logits", "--temperature", 3)
    found = told(tmp_path / "case.npy", *words)
    assert (found["kind"], found["temperature"]) == ("logits", 3)


def test_members_in_one_file_are_listed(tmp_path, rng):
    passes = np.stack([softmax(rng, (3, 6, 7, 8)) for _ in range(3)])
    np.save(tmp_path / "drop.npy", passes)
    found = told(tmp_path / "drop.npy")
    assert found["members"] == [f"drop pass {number}" for number in (1, 2, 3)]
    assert found["further_files"] == []
    [check] = [one for one in found["checks"] if one["name"] == "members"]
    assert len(check["dice"]) == 3


@pytest.mark.parametrize("word", ["a folder", "a folder of several", "none.zarr"])
def test_files_that_cannot_be_described_are_refused(tmp_path, word, rng):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder of several").mkdir()
    for name in "ab":
        np.save(tmp_path / "a folder of several" / name, softmax(rng, (3, 6, 7, 8)))
    ran = call_here("info", tmp_path / word)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("napari-uncertainty: ")
    assert len(ran.stderr.splitlines()) == 1
