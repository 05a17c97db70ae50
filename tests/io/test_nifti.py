"""NIfTI files, written with nibabel, come back as what they are."""

import gzip
import json

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError, LabelMap, ProbabilityMap, Scan, read
from napari_uncertainty.describe import describe
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.io.label_files import write_labels
from napari_uncertainty.io.map_files import write_map
from napari_uncertainty.io.nifti import open_segmentation
from support.generated import OBLIQUE, softmax
from support.records import record


def save(path, data, affine=OBLIQUE, **header):
    image = nib.Nifti1Image(data, affine)
    for field, value in header.items():
        image.header[field] = value
    image.to_filename(path)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_an_image_with_many_values_is_a_scan(tmp_path, rng, ending):
    data = (rng.random((6, 7, 8)) * 1000).astype(np.int16)
    scan = open_volume(save(tmp_path / f"T1{ending}", data))
    assert isinstance(scan, Scan)
    np.testing.assert_array_equal(scan.data, data)
    assert scan.data.dtype == np.int16
    np.testing.assert_allclose(scan.grid.affine, OBLIQUE, atol=1e-6)
    assert (scan.name, scan.source) == ("T1", tmp_path / f"T1{ending}")


def test_labels_take_names_from_dataset_json(case_folder):
    labels = open_volume(case_folder / "case.nii.gz")
    # Random labels are no patches; the name has to say it.
    assert isinstance(labels, Scan)
    named = (case_folder / "case.nii.gz").rename(case_folder / "case_seg.nii.gz")
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5), int))
    save(named, blocks.astype(np.uint8))
    labels = open_volume(named)
    assert isinstance(labels, LabelMap)
    assert labels.class_names == {0: "background", 1: "left", 2: "right", 3: "stem"}


def test_labels_stored_as_floats_are_a_label_map(tmp_path):
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    labels = open_volume(save(tmp_path / "a.nii.gz", blocks.astype(np.float32)))
    assert isinstance(labels, LabelMap)
    assert labels.data.dtype == np.int32


def test_the_label_intent_makes_a_label_map(tmp_path, rng):
    data = rng.integers(0, 9, (6, 7, 8)).astype(np.int16)
    path = save(tmp_path / "a.nii.gz", data, intent_code=1002)
    assert isinstance(open_volume(path), LabelMap)


@pytest.mark.parametrize("shape", [(6, 7, 8, 4), (6, 7, 8, 1, 4)])
def test_an_image_that_sums_to_1_along_its_last_axis_is_probabilities(
    tmp_path, rng, shape
):
    values = softmax(rng, (4, 6, 7, 8))
    stored = np.moveaxis(values, 0, -1).reshape(shape)
    probabilities = read(save(tmp_path / "softmax.nii.gz", stored))
    assert isinstance(probabilities, ProbabilityMap)
    np.testing.assert_array_equal(probabilities.values, values)
    assert probabilities.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert probabilities.grid.shape == (6, 7, 8)


def test_time_series_is_a_scan(tmp_path, rng):
    data = rng.random((6, 7, 8, 4)).astype(np.float32)
    scan = open_volume(save(tmp_path / "bold.nii.gz", data))
    assert isinstance(scan, Scan)
    assert scan.data.shape == (6, 7, 8, 4)
    assert scan.grid.shape == (6, 7, 8)


@pytest.mark.parametrize("padding", [0, 3])
def test_logits_are_opened_as_what_they_are(tmp_path, rng, padding):
    logits = rng.normal(0, 5, (6, 7, 8, 4)).astype(np.float32)
    logits[:padding] = 0
    opened = open_volume(save(tmp_path / "a.nii.gz", logits))
    assert isinstance(opened, ProbabilityMap)
    np.testing.assert_array_equal(opened.values, np.moveaxis(logits, -1, 0))
    told = describe(tmp_path / "a.nii.gz")
    assert (told["content"], told["kind"]) == ("probabilities", "logits")


def test_values_below_0_that_are_no_scores_stay_a_scan(tmp_path, rng):
    directions = rng.standard_normal((6, 7, 8, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    course = rng.standard_normal((6, 7, 8, 1)) + 0.1 * np.sin(np.arange(9) + 0.5)
    numbers = rng.integers(-900, 900, (6, 7, 8, 4))
    for name, data in {
        "a": directions, "sub_V1": 3 * directions, "bold": course, "ct": numbers,
    }.items():  # fmt: skip
        path = save(tmp_path / f"{name}.nii.gz", data.astype(np.float32))
        assert isinstance(open_volume(path), Scan), name


def test_scaled_integers_become_float32(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(tmp_path / "scaled.nii.gz")
    stored = nib.load(tmp_path / "scaled.nii.gz")
    scan = open_volume(tmp_path / "scaled.nii.gz")
    assert scan.data.dtype == np.float32
    np.testing.assert_allclose(scan.data, stored.get_fdata(), rtol=1e-6)


def test_a_big_endian_file_is_read_in_native_order(tmp_path, rng):
    data = rng.random((3, 4, 5)).astype(">f4")
    nib.Nifti1Image(data, np.eye(4), nib.Nifti1Header(endianness=">")).to_filename(
        tmp_path / "big.nii"
    )
    scan = open_volume(tmp_path / "big.nii")
    assert scan.data.dtype.isnative
    np.testing.assert_array_equal(scan.data, data)


def test_a_flat_image_has_a_grid_of_two_axes(tmp_path, rng):
    scan = open_volume(save(tmp_path / "slice.nii.gz", rng.random((5, 6))))
    assert scan.grid.shape == (5, 6)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0.9, 0.3, 0.001, 0])
def test_an_image_that_is_cut_short_is_refused(tmp_path, rng, ending, keep):
    path = save(tmp_path / f"T1{ending}", rng.random((16, 16, 16)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=rf"T1{ending} cannot be read: .*cut short"):
        open_volume(path)


def test_text_in_a_nifti_is_refused(tmp_path):
    path = tmp_path / "text.nii.gz"
    path.write_bytes(gzip.compress(b"hello" * 400))
    with pytest.raises(InputError, match="cannot be read"):
        open_volume(path)


def test_colour_image_is_refused(tmp_path):
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="colour"):
        open_volume(save(tmp_path / "rgb.nii.gz", rgb))


def test_header_that_promises_more_than_the_memory_holds(tmp_path):
    path = save(tmp_path / "huge.nii", np.zeros((2, 2, 2)))
    content = bytearray(path.read_bytes())
    content[40:56] = np.array([4, 30000, 30000, 30000, 300, 1, 1, 1], "<i2").tobytes()
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"GB of memory .* are free"):
        open_volume(path)


def test_a_singular_affine_is_refused(tmp_path):
    path = save(tmp_path / "flat.nii", np.zeros((2, 2, 2)), affine=np.eye(4))
    content = bytearray(path.read_bytes())
    content[296:308] = bytes(12)  # the second row of the sform, x but its offset
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="singular"):
        open_volume(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_is_named_as_probabilities_may_sum_to_anything(tmp_path, rng, ending):
    logits = rng.normal(0, 5, (6, 7, 8, 3)).astype(np.float32)
    path = save(tmp_path / f"logits{ending}", logits)
    opened = open_probabilities(path)
    assert opened.kind is None
    assert nu.uncertainty(opened).kind == "logits"
    np.testing.assert_array_equal(read(path).values, np.moveaxis(logits, -1, 0))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_three_axes_are_one_channel(tmp_path, rng, ending):
    data = rng.random((3, 4, 5)).astype(np.float32)
    opened = read(save(tmp_path / f"lesion_probabilities{ending}", data))
    np.testing.assert_array_equal(opened.values, data[np.newaxis])
    assert opened.class_names == ("foreground",)
    assert nu.uncertainty(opened).kind == "foreground"
    # Opened as whatever it is, it is a scan.
    assert isinstance(open_volume(opened.source), Scan)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_whole_numbers_that_sum_to_255_are_a_softmax(tmp_path, rng, ending):
    values = np.rint(softmax(rng, (4, 6, 7, 8)) * 255).astype(np.uint8)
    path = save(tmp_path / f"scaled{ending}", np.moveaxis(values, 0, -1))
    p = values / values.sum(axis=0, dtype=float)
    with np.errstate(all="ignore"):
        expected = -np.nansum(p * np.log2(p), axis=0)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=1e-5)


def test_a_map_is_no_input(tmp_path, rng):
    path = tmp_path / "case_entropy.nii.gz"
    write_map(path, rng.random((3, 4, 5)), record(), grid=None)
    with pytest.raises(InputError, match="uncertainty map that was written here"):
        open_probabilities(path)
    assert isinstance(open_volume(path), Scan)


def test_the_class_axis_of_an_image_may_be_named(tmp_path, rng):
    values = softmax(rng, (3, 6, 7))
    path = save(tmp_path / "flat.nii", np.moveaxis(values, 0, -1))
    for axis in (2, -1):
        flat = read(path, class_axis=axis)
        np.testing.assert_array_equal(flat.values, values)
        assert flat.grid.shape == (6, 7)
    with pytest.raises(InputError, match=r"There is no class axis 3 in flat\.nii"):
        read(path, class_axis=3)
    front = save(tmp_path / "front.nii", values)
    np.testing.assert_array_equal(read(front, class_axis=0).values, values)


def test_five_long_axes_are_too_many(tmp_path, rng):
    path = save(tmp_path / "many.nii", rng.random((2, 3, 4, 2, 2)))
    with pytest.raises(InputError, match="has 5 axes"):
        read(path)


def probseg(folder, rng, label_map, n_classes=3):
    """Shares that sum to less than 1, as BIDS derivatives have them in one file."""
    shares = 0.5 * softmax(rng, (n_classes, 4, 5, 6))
    path = save(folder / "sub-01_space-T1w_probseg.nii.gz", np.moveaxis(shares, 0, -1))
    content = {"LabelMap": label_map, "RawSources": ["sub-01_T1w.nii.gz"]}
    sidecar = folder / "sub-01_space-T1w_probseg.json"
    sidecar.write_text(json.dumps(content))
    return path


def test_class_names_come_from_the_label_map_of_bids(tmp_path, rng):
    path = probseg(tmp_path, rng, ["CSF", "GM", "WM"])
    for opened in (open_volume(path), open_probabilities(path)):
        assert isinstance(opened, ProbabilityMap)
        assert opened.class_names == ("CSF", "GM", "WM")
        assert opened.note == ""


def test_label_map_of_another_length_is_told(tmp_path, rng):
    opened = open_volume(probseg(tmp_path, rng, ["GM", "WM"]))
    assert opened.class_names == ("class 0", "class 1", "class 2")
    assert "names 2 classes, and there are 3" in opened.note


@pytest.mark.parametrize("label_map", [{"0": "GM"}, "GM", [1, 2, 3], None])
def test_label_map_that_is_no_list_of_names(tmp_path, rng, label_map):
    opened = open_volume(probseg(tmp_path, rng, label_map))
    assert opened.class_names == ("class 0", "class 1", "class 2")


def test_damaged_json_of_a_probabilistic_segmentation(tmp_path, rng):
    path = probseg(tmp_path, rng, [])
    path.with_name("sub-01_space-T1w_probseg.json").write_text("{")
    opened = open_volume(path)
    assert opened.class_names == ("class 0", "class 1", "class 2")
    assert "probseg.json beside the image cannot be read" in opened.note


@pytest.mark.parametrize(
    ("name", "n_classes", "named"),
    [
        ("sub_synthseg_post.nii.gz", 33, True),
        ("sub_posteriors.nii.gz", 33, True),
        ("sub_posteriors.nii.gz", 32, True),
        ("sub_posteriors.nii.gz", 31, False),
        ("sub_post.nii.gz", 33, False),
    ],
)
def test_posteriors_of_synthseg_have_the_names_of_its_table(
    tmp_path, rng, name, n_classes, named
):
    values = softmax(rng, (n_classes, 3, 4, 2))
    opened = open_volume(save(tmp_path / name, np.moveaxis(values, 0, -1)))
    if not named:
        assert opened.class_names[:2] == ("class 0", "class 1")
        return
    # Its table: the labels ascending; version 1 without 24, the CSF.
    names = opened.class_names
    assert names[:3] == ("background", "left cerebral white matter",
                         "left cerebral cortex")  # fmt: skip
    assert names[16] == ("CSF" if n_classes == 33 else "left accumbens area")
    assert names[13] == "brain-stem"
    assert names[-14:-12] == ("right cerebral white matter", "right cerebral cortex")
    assert names[-1] == "right ventral DC"
    assert "SynthSeg" in opened.note


@pytest.mark.parametrize("name", ["missing.nii.gz", "missing.mgz"])
def test_a_file_that_does_not_exist_is_told(tmp_path, name):
    with pytest.raises(InputError, match="There is no file"):
        open_volume(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InputError, match="neither an image"):
        open_volume(tmp_path / "a.txt")


def test_another_format_that_nibabel_knows(tmp_path, rng):
    nib.Spm2AnalyzeImage(rng.random((3, 4, 5)).astype("f4"), np.eye(4)).to_filename(
        tmp_path / "a.img"
    )
    (tmp_path / "a.hdr").rename(tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"a\.nii (cannot be read|is neither)"):
        open_volume(tmp_path / "a.nii")


def save_moved(path, labels, affine=OBLIQUE):
    """As 16-bit numbers with a slope, by which the label 3 reads as 3.0000457."""
    slope, inter = np.float32(6 / 65535), np.float32(3.0000457763671875)
    stored = np.rint(labels / 6 * 65535) - 32768
    image = nib.Nifti1Image(stored.astype(np.int16), affine)
    image.header.set_slope_inter(slope, inter)
    image.to_filename(path)
    assert (nib.load(path).get_fdata() % 1 != 0).any()
    return path


def test_labels_off_by_the_slope_are_labels_in_every_door(tmp_path, rng):
    values = softmax(rng, (7, 8, 9, 10)).astype(np.float32)
    values = np.repeat(np.repeat(values, 3, axis=1), 3, axis=2)
    labels = values.argmax(axis=0)
    seg = save_moved(tmp_path / "seg.nii.gz", labels)
    save(tmp_path / "case.nii.gz", np.moveaxis(values, 0, -1))
    for opened in (open_volume(seg), open_segmentation(seg)):
        assert isinstance(opened, LabelMap)
        np.testing.assert_array_equal(opened.data, labels)
    assert list(describe(seg)["labels"]) == list(range(7))
    told = describe(tmp_path / "case.nii.gz", labels=seg)["checks"]
    [agreement] = [one for one in told if one["name"] == "agreement"]
    assert agreement["foreground"] == 1


def test_edited_labels_are_stored_with_the_slope_that_moved_them(tmp_path):
    labels = np.repeat(np.arange(7), 30).reshape(6, 7, 5)
    path = save_moved(tmp_path / "seg.nii.gz", labels)
    opened = open_segmentation(path)
    edited = opened.data.copy()
    edited[0, 0] = 5
    write_labels(tmp_path / "new_seg.nii.gz", edited, opened.grid, source=path)
    again = open_segmentation(tmp_path / "new_seg.nii.gz")
    np.testing.assert_array_equal(again.data, edited)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_few_voxels_that_are_not_padding_tell_a_class_axis_in_front(
    tmp_path, rng, ending
):
    values = softmax(rng, (4, 7, 9, 8))
    values[:, :3] = 0
    opened = open_probabilities(save(tmp_path / f"first{ending}", values))
    np.testing.assert_array_equal(opened.values.load(), values)
    assert "along its first axis" in opened.guess
    # One voxel that is certain of its class sums to 1 along both.
    values = np.zeros((5, 6, 7, 3), np.float32)
    values[2, 3, 4, 1] = 1
    opened = open_probabilities(save(tmp_path / f"last{ending}", values))
    assert opened.values.shape == (3, 5, 6, 7)
    assert opened.guess == ""


def test_labels_of_the_same_name_are_compared_however_they_lie(tmp_path, rng):
    """In noise no neighbours are equal, as in a scan."""
    values = softmax(rng, (4, 6, 7, 8))
    labels = values.argmax(axis=0).astype(np.uint8)
    np.savez(tmp_path / "case.npz", probabilities=values.transpose(0, 3, 2, 1))
    save(tmp_path / "case.nii.gz", labels[::-1])
    levels = {
        one["name"]: one["level"] for one in describe(tmp_path / "case.npz")["checks"]
    }
    assert levels["agreement"] == levels["orientation"] == "red"
    save(tmp_path / "case.nii.gz", (labels * 50).astype(np.int16))  # no labels
    told = describe(tmp_path / "case.npz")
    assert told["geometry_source"] == str(tmp_path / "case.nii.gz")
    assert "agreement" not in [one["name"] for one in told["checks"]]
