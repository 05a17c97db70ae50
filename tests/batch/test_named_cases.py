"""Files that a person names as the classes of one case, against entropy in float64."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.batch.written import read_recorded
from napari_uncertainty.io.families import named_family
from support.command_line import call_here
from support.generated import OBLIQUE

SHAPE = (9, 10, 11)


def softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=0)


@pytest.fixture
def values(rng):
    return softmax(rng.standard_normal((3, *SHAPE))).astype(np.float32)


def write(path, volume, affine=OBLIQUE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(volume, affine).to_filename(path)
    return path


def write_all(folder, names, values):
    return [
        write(folder / f"{name}.nii.gz", volume)
        for name, volume in zip(names, values, strict=True)
    ]


def bits(values):
    """Entropy in bits, in float64."""
    p = values.astype(np.float64)
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)


def read(folder, case="mine", measure="entropy"):
    path = folder / f"{case}_{measure}"
    told = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return nib.load(f"{path}.nii.gz").get_fdata(), told


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["p1sub", "p2sub", "p3sub"], ("p1", "p2", "p3")),  # CAT12
        (["mwp1T1", "mwp2T1", "mwp3T1"], ("mwp1", "mwp2", "mwp3")),
        (["sub_prob_0", "sub_prob_1", "sub_prob_2"], ("class 0", "class 1", "class 2")),
        (["Post9", "Post10", "Post11"], ("Post9", "Post10", "Post11")),
        (["a_gm_x", "a_wm_x", "a_csf_x"], ("gm", "wm", "csf")),
        (["liver", "Tumor left", "rest"], ("liver", "Tumor left", "rest")),
        (["gm/map", "wm/map", "csf/map"], ("gm", "wm", "csf")),
    ],
)
def test_names_are_the_parts_that_differ(files, names):
    family = named_family([Path("/there", f"{name}.nii.gz") for name in files])
    assert family.class_names == names


def test_files_are_the_classes_in_the_given_order(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    done = call_here("map", *files, "--case", "mine", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found, told = read(tmp_path / "out")
    np.testing.assert_allclose(found, bits(values), atol=1e-5)
    assert told["kind"] == "softmax"
    assert told["class_names"] == ["zz", "b", "m"]
    assert told["class_files"] == list(map(str, files))
    assert told["probabilities"] == "mine"
    assert {one["path"] for one in told["inputs"]} >= set(map(str, files))
    assert any("as named: zz.nii.gz (zz)" in note for note in told["notes"])


def test_the_record_opens_all_of_them_again(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    out = tmp_path / "out"
    call_here("map", *files, "--case", "mine", "-o", out)
    predictions = read_recorded(out / "mine_entropy.json").predictions()
    assert predictions.files == files
    np.testing.assert_array_equal(predictions.first.values.load(), values)
    told = call_here("report", out / "mine_entropy.nii.gz")
    assert told.returncode == 0, told.stderr
    files[1].unlink()
    with pytest.raises(nu.InputError, match=r"b\.nii\.gz are not there any more"):
        read_recorded(out / "mine_entropy.json").predictions()


def test_what_is_done_is_skipped_until_a_file_or_the_order_changes(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    command = ["--case", "mine", "-o", tmp_path / "out"]
    image = tmp_path / "out" / "mine_entropy.nii.gz"

    def made_anew(*paths):
        before = image.stat().st_mtime_ns if image.exists() else 0
        assert call_here("map", *paths, *command).returncode == 0
        return image.stat().st_mtime_ns != before

    assert made_anew(*files)
    assert not made_anew(*files)
    write(files[2], values[2] * np.float32(0.999))
    assert made_anew(*files)
    assert made_anew(*files[::-1])
    assert not made_anew(*files[::-1])


def test_a_pattern_takes_numbers_by_their_value(tmp_path, rng):
    values = softmax(rng.standard_normal((12, *SHAPE))).astype(np.float32)
    write_all(tmp_path, [f"post{number}of" for number in range(12)], values)
    out = tmp_path / "out"
    done = call_here("map", tmp_path / "post*of.nii.gz", "--case", "mine", "-o", out)
    assert done.returncode == 0, done.stderr
    assert read(out)[1]["class_names"][9:] == ["post9", "post10", "post11"]


def test_tissues_leave_a_background(tmp_path, values):
    inside = np.zeros(SHAPE, np.float32)
    inside[2:7, 2:8, 2:9] = np.linspace(0.5, 1, 5)[:, None, None]
    shares = values * inside
    files = write_all(tmp_path, ["p1sub", "p2sub", "p3sub"], shares)
    done = call_here("map", *files, "--case", "mine", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found, told = read(tmp_path / "out")
    assert told["kind"] == "fractions"
    left = np.clip(1 - shares.sum(axis=0, dtype=np.float64), 0, 1)
    np.testing.assert_allclose(found, bits(np.stack([left, *shares])), atol=1e-4)


def test_kinds_that_are_named_hold(tmp_path, rng):
    logits = rng.standard_normal((3, *SHAPE)).astype(np.float32) * 3
    files = write_all(tmp_path, ["zz", "b", "m"], logits)
    out = tmp_path / "out"
    done = call_here("map", *files, "--case", "mine", "--kind", "logits", "-o", out)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(read(out)[0], bits(softmax(logits)), atol=1e-4)


def test_python_reads_them_as_one_case(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    opened = nu.read(files)
    np.testing.assert_array_equal(opened.values, values)
    assert opened.class_names == ("zz", "b", "m")
    assert opened.further_sources == tuple(files[1:])
    with pytest.warns(nu.UncertaintyWarning, match="the first one, 'zz', was taken"):
        found = nu.entropy(opened)
    np.testing.assert_allclose(found, bits(values), atol=1e-5)


def test_info_describes_them_as_one_case(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    told = json.loads(call_here("info", *files, "--case", "mine").stdout)
    assert told["content"] == "probabilities"
    assert told["classes"] == ["zz", "b", "m"]
    assert told["further_files"] == list(map(str, files[1:]))
    several = call_here("info", *files)
    assert several.returncode == 2
    assert "--case NAME" in " ".join(several.stderr.split())


def test_files_on_other_grids_are_refused_and_the_remedy_helps(tmp_path, values):
    shifted = OBLIQUE.copy()
    shifted[0, 3] += 7
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    for volume, affine, told in (
        (values[1], shifted, "their affines put these voxels in different places"),
        (values[1][1:], OBLIQUE, "have 9 × 10 × 11 and 8 × 10 × 11 voxels"),
    ):
        write(files[1], volume, affine)
        done = call_here("map", *files, "--case", "mine", "-o", tmp_path / "out")
        assert done.returncode == 1
        assert (
            f"zz.nii.gz and b.nii.gz are named as classes of one case, but {told}; "
            "resample b.nii.gz onto zz.nii.gz, or leave it out."
        ) in done.stderr
    write(files[1], values[1])
    done = call_here("map", *files, "--case", "mine", "-o", tmp_path / "out")
    assert done.returncode == 0
    np.testing.assert_allclose(read(tmp_path / "out")[0], bits(values), atol=1e-5)


@pytest.mark.parametrize(
    ("further", "told"),
    [
        ([], "name the others, too"),
        (["a.nii.gz"], "a.nii.gz is named twice"),
        (["b.npz"], "b.npz is not an image"),
        (["gone.nii.gz"], "leads to no file; with --case"),
        (["b.nii.gz", "--ensemble"], "--case and --ensemble exclude each other"),
        (["b.nii.gz", "--class-axis", "0"], "each file holds one class"),
        (["b.nii.gz", "--case", "a/b"], "cannot be the name of a case"),
    ],
)
def test_wrong_usage_is_told(tmp_path, values, further, told):
    first = write_all(tmp_path, ["a", "b"], values[:2])[0]
    np.savez(tmp_path / "b.npz", values)
    words = [tmp_path / one if "." in one else one for one in further]
    done = call_here("map", "--case", "mine", first, *words, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())


def test_a_file_with_several_classes_is_no_class(tmp_path, values):
    first = write(tmp_path / "a.nii.gz", values[0])
    whole = write(tmp_path / "b.nii.gz", np.moveaxis(values, 0, -1))
    done = call_here("map", first, whole, "--case", "mine", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "b.nii.gz has 4 axes" in done.stderr


def test_labels_in_a_folder_are_called_like_the_case(tmp_path, values):
    files = write_all(tmp_path, ["zz", "b", "m"], values)
    labels = values.argmax(axis=0).astype(np.uint8)
    write(tmp_path / "labels" / "mine.nii.gz", labels)
    words = ["--labels", tmp_path / "labels", "-o", tmp_path / "out"]
    done = call_here("map", *files, "--case", "mine", *words)
    assert done.returncode == 0, done.stderr
    told = read(tmp_path / "out")[1]
    expected = bits(values)[labels > 0].mean()
    assert told["statistics"]["foreground_mean"] == pytest.approx(expected, rel=1e-4)
