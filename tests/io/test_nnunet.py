"""nnU-Net's npz: axes, geometry and names from the files beside it."""

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import InputError, read
from support.generated import OBLIQUE, softmax


def stored(folder):
    """What is in the file, in nibabel's axis order."""
    with np.load(folder / "case.npz") as archive:
        return archive["probabilities"].transpose(0, 3, 2, 1)


def test_axes_names_and_geometry(case_folder):
    probabilities = read(case_folder / "case.npz")
    np.testing.assert_array_equal(probabilities.values, stored(case_folder))
    assert probabilities.class_names == ("background", "left", "right", "stem")
    np.testing.assert_allclose(probabilities.grid.affine, OBLIQUE, atol=1e-6)
    assert probabilities.geometry_source == case_folder / "case.nii.gz"
    assert probabilities.name == "case"


def test_argmax_is_the_segmentation(case_folder):
    labels = nib.load(case_folder / "case.nii.gz")
    values = read(case_folder / "case.npz").values
    agreement = values.argmax(axis=0) == np.asarray(labels.dataobj)
    assert agreement.mean() > 0.99  # float16 rounds a near tie


def test_the_file_ending_of_dataset_json_is_followed(case_folder):
    (case_folder / "case.nii.gz").unlink()
    nib.Nifti1Image(np.zeros((6, 7, 8)), np.eye(4)).to_filename(
        case_folder / "case.nii"
    )
    (case_folder / "dataset.json").write_text('{"file_ending": ".nii"}')
    probabilities = read(case_folder / "case.npz")
    assert probabilities.geometry_source == case_folder / "case.nii"
    assert probabilities.class_names[0] == "class 0"


def test_the_image_with_the_most_words_in_common_gives_the_place(case_folder):
    (case_folder / "case.nii.gz").rename(case_folder / "sub-1_seg_crop.nii.gz")
    (case_folder / "case.npz").rename(case_folder / "sub-1_softmax.npz")
    # Same words, other shape; same shape, other words; not readable.
    nib.Nifti1Image(np.zeros((9, 7, 8)), np.eye(4)).to_filename(
        case_folder / "sub-1_softmax_T1.nii.gz"
    )
    nib.Nifti1Image(np.zeros((6, 7, 8)), np.eye(4)).to_filename(
        case_folder / "sub-2_seg.nii.gz"
    )
    (case_folder / "sub-1_broken.nii.gz").write_bytes(b"no image")
    probabilities = read(case_folder / "sub-1_softmax.npz")
    assert probabilities.geometry_source == case_folder / "sub-1_seg_crop.nii.gz"


def test_neighbours_that_disagree_are_not_believed(case_folder):
    (case_folder / "case.nii.gz").rename(case_folder / "sub-1_seg.nii.gz")
    (case_folder / "case.npz").rename(case_folder / "sub-1_softmax.npz")
    nib.Nifti1Image(np.zeros((6, 7, 8)), np.eye(4)).to_filename(
        case_folder / "sub-1_T1.nii.gz"
    )
    probabilities = read(case_folder / "sub-1_softmax.npz")
    assert probabilities.grid is None
    assert probabilities.geometry_source is None


@pytest.mark.parametrize(
    ("probabilities", "image", "same"),
    [
        ("sub-007.npz", "sub-007_T1w.nii.gz", True),
        ("m20_crop_probabilities.npz", "m20_T1_crop.nii.gz", True),
        ("brain.npz", "brain_T1w.nii.gz", True),
        ("sub-002.npz", "sub-001_T1w.nii.gz", False),
        ("sub-anna.npz", "sub-otto_T1w.nii.gz", False),
        ("site3_case_1.npz", "site3_case_2.nii.gz", False),
        ("probabilities.npz", "T1w.nii.gz", False),
    ],
)
def test_an_image_of_another_case_gives_no_place(
    case_folder, probabilities, image, same
):
    (case_folder / "case.nii.gz").rename(case_folder / image)
    (case_folder / "T1.nii.gz").unlink()
    (case_folder / "case.npz").rename(case_folder / probabilities)
    found = read(case_folder / probabilities)
    assert (found.grid is not None) == same


def test_an_image_without_a_place_gives_none(case_folder):
    image = nib.load(case_folder / "T1.nii.gz")
    nowhere = nib.Nifti1Image(np.asarray(image.dataobj), None)
    assert nowhere.header["sform_code"] == nowhere.header["qform_code"] == 0
    nowhere.to_filename(case_folder / "case_T1.nii.gz")
    (case_folder / "case.nii.gz").unlink()
    assert read(case_folder / "case.npz").grid is None


def test_a_segmentation_of_another_shape_is_refused(case_folder):
    nib.Nifti1Image(np.zeros((6, 7, 5)), np.eye(4)).to_filename(
        case_folder / "case.nii.gz"
    )
    with pytest.raises(InputError, match=r"6 × 7 × 8 voxels, case.nii.gz beside it"):
        read(case_folder / "case.npz")


@pytest.mark.parametrize("shape", [(6, 7, 9), (8, 7, 6), (20, 20, 20)])
def test_a_crop_or_another_order_has_no_place(case_folder, shape):
    """As nnU-Net v1 writes it; the segmentation can show where it belongs."""
    nib.Nifti1Image(np.zeros(shape), np.eye(4)).to_filename(case_folder / "case.nii.gz")
    probabilities = read(case_folder / "case.npz")
    assert probabilities.grid is None
    assert "Perhaps it is a crop" in probabilities.place_note


def test_a_crop_of_version_1_opens_without_a_place(tmp_path, rng):
    """Named ``softmax``, float16, and only what is left after cropping."""
    values = softmax(rng, (3, 4, 5, 6)).astype(np.float16)
    np.savez_compressed(tmp_path / "a.npz", softmax=values)
    nib.Nifti1Image(np.zeros((9, 8, 7), np.uint8), OBLIQUE).to_filename(
        tmp_path / "a.nii.gz"
    )
    probabilities = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(
        probabilities.values, values.transpose(0, 3, 2, 1), strict=True
    )
    assert probabilities.grid is None
    assert "Perhaps it is a crop" in probabilities.place_note


def test_a_flat_prediction_is_read(tmp_path):
    values = np.full((2, 5, 4), 0.5, np.float32)
    np.savez(tmp_path / "a.npz", probabilities=values)
    assert read(tmp_path / "a.npz").values.shape == (2, 4, 5)


@pytest.mark.parametrize("twin", [(4, 5), (4, 5, 1), None])
def test_flat_images_have_an_axis_more_in_the_array(tmp_path, rng, twin):
    """nnU-Net adds one in front, and takes it away from the segmentation again."""
    values = softmax(rng, (2, 4, 5))
    np.savez(tmp_path / "a.npz", probabilities=values.transpose(0, 2, 1)[:, None])
    if twin:
        image = nib.Nifti1Image(np.zeros(twin, np.uint8), OBLIQUE)
        image.to_filename(tmp_path / "a.nii.gz")
    read_back = read(tmp_path / "a.npz")
    expected = values if twin == (4, 5) else values[..., None]
    np.testing.assert_array_equal(read_back.values, expected)
    assert (read_back.grid is not None) == (twin is not None)


class Trap:
    """Unpickling this leaves a mark."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def test_python_objects_are_never_loaded(tmp_path):
    objects = np.array([[[Trap()]]], dtype=object)
    np.savez(tmp_path / "a.npz", probabilities=objects)
    with pytest.raises(InputError, match="Python objects are never loaded"):
        read(tmp_path / "a.npz")
    assert not Trap.sprung


def test_pickle_beside_is_not_touched(case_folder):
    (case_folder / "case.pkl").write_bytes(b"\x80\x04cos\nsystem\n")
    before = (case_folder / "case.pkl").stat().st_atime_ns
    read(case_folder / "case.npz")
    assert (case_folder / "case.pkl").stat().st_atime_ns == before


@pytest.mark.parametrize("shape", [(4,), (4, 5), (1, 2, 4, 5, 6, 7), (2, 0, 3)])
def test_a_wrong_number_of_axes_is_refused(tmp_path, shape):
    np.savez(tmp_path / "a.npz", probabilities=np.zeros(shape))
    with pytest.raises(InputError, match="class axis and two or three spatial axes"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("keep", [0.99, 0.5, 0.01, 0])
def test_an_archive_that_is_cut_short_is_refused(case_folder, keep):
    path = case_folder / "case.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=r"case.npz cannot be read"):
        read(path)


def test_an_archive_that_is_damaged_inside_is_refused(case_folder):
    path = case_folder / "case.npz"
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"case.npz cannot be read"):
        read(path)


def test_npy_under_a_wrong_name(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"a.npz is a single array"):
        read(tmp_path / "a.npz")


def test_header_that_promises_more_than_the_memory_holds(tmp_path):
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {"descr": "<f4", "fortran_order": False, "shape": (8, 30000, 30000, 30000)},
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("probabilities.npy", header.getvalue())
    with pytest.raises(InputError, match="promises"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        '{"labels": 3}',
        '{"labels": {"²": "a"}}',
        '{"labels": {"background": 0, "a": 1}}',
        '{"labels": {"a": "b"}, "file_ending": "/../x.nii"}',
        '{"labels": {"a": null}, "file_ending": ".' + 300 * "n" + '"}',
    ],
)
def test_an_odd_dataset_json_leaves_the_numbers_of_the_classes(case_folder, text):
    (case_folder / "dataset.json").write_text(text)
    probabilities = read(case_folder / "case.npz")
    assert probabilities.class_names[1] == "class 1"
    assert probabilities.geometry_source == case_folder / "case.nii.gz"


@pytest.mark.parametrize("text", ["{", "\xff", 100_000 * "["])
def test_a_damaged_dataset_json_costs_a_note(case_folder, text):
    (case_folder / "dataset.json").write_bytes(text.encode("latin-1"))
    opened = read(case_folder / "case.npz")
    assert opened.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert opened.note.startswith("dataset.json beside the image cannot be read")


def test_what_is_left_out_of_training_has_no_channel(case_folder):
    (case_folder / "dataset.json").write_text(
        '{"labels": {"background": 0, "left": 1, "right": [2], "stem": 3, "ignore": 4}}'
    )
    assert read(case_folder / "case.npz").class_names == (
        "background", "left", "right", "stem",
    )  # fmt: skip


def test_names_in_the_order_of_version_1_are_read(case_folder):
    (case_folder / "dataset.json").write_text(
        '{"labels": {"0": "air", "1": "left", "2": "right", "3": "stem"}}'
    )
    assert read(case_folder / "case.npz").class_names[0] == "air"
