"""One file for each class, named and stored as the tools that write them do."""

import json

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.io.families import family_of
from napari_uncertainty.model.stored import PlainBytes
from support.generated import OBLIQUE, softmax

SHAPE = (6, 7, 8)


def families_in(paths):
    """Each family that some of the files belong to, once."""
    seen = set()
    for path in paths:
        if path not in seen and (family := family_of(path)) is not None:
            seen.update(family.files)
            yield family


def save(path, data, affine=OBLIQUE):
    nib.Nifti1Image(np.asarray(data, np.float32), affine).to_filename(path)
    return path


def save_tissue(path, data):
    """As SPM does: eight bits with a slope, big-endian."""
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.uint8)
    image = nib.Nifti1Image(np.rint(255 * data).astype(np.uint8), OBLIQUE, header)
    image.header.set_slope_inter(1 / 255, 0)
    image.to_filename(path)
    return path


def save_all(folder, names, values, ending=".nii.gz"):
    return [
        save(folder / f"{name}{ending}", one)
        for name, one in zip(names, values, strict=True)
    ]


@pytest.fixture
def values(rng):
    """A softmax that is 0 all over outside of a mask."""
    values = softmax(rng, (4, *SHAPE))
    values[:, :2] = 0
    return values


CONVENTIONS = {
    "FSL FAST": (
        ["T1_pve_0", "T1_pve_1", "T1_pve_2", "T1_pve_3"],
        ("pve_0", "pve_1", "pve_2", "pve_3"),
        "T1",
    ),
    "ANTs": (
        [f"subSegmentationPosteriors{n}" for n in (1, 2, 3, 4)],
        ("posterior 1", "posterior 2", "posterior 3", "posterior 4"),
        "subSegmentation",
    ),
    "ANTs, two digits": (
        [f"sub_BrainSegmentationPosteriors{n:02d}" for n in (1, 2, 3, 4)],
        ("posterior 1", "posterior 2", "posterior 3", "posterior 4"),
        "sub_BrainSegmentation",
    ),
    "nipype": (
        [f"POSTERIOR_{n:02d}" for n in (1, 2, 3, 4)],
        ("posterior 1", "posterior 2", "posterior 3", "posterior 4"),
        "POSTERIOR",
    ),
    "DeepMedic": (
        [f"pred_case0_ProbMapClass{n}" for n in (0, 1, 2, 3)],
        ("class 0", "class 1", "class 2", "class 3"),
        "pred_case0",
    ),
    "BIDS": (
        [f"sub-01_space-MNI_label-{one}_probseg" for one in ("GM", "WM", "CSF", "X1")],
        ("GM", "WM", "CSF", "X1"),
        "sub-01_space-MNI",
    ),
    "SPM": (
        ["c1sub-01", "c2sub-01", "c3sub-01", "c4sub-01"],
        ("gray matter", "white matter", "CSF", "bone"),
        "sub-01",
    ),
    "SPM, warped": (
        ["wc1sub-01", "wc2sub-01", "wc3sub-01", "wc4sub-01"],
        ("gray matter", "white matter", "CSF", "bone"),
        "wsub-01",
    ),
}


@pytest.mark.parametrize(
    ("convention", "ending"),
    [*((name, ".nii.gz") for name in CONVENTIONS), ("FSL FAST", ".nii")],
)
def test_any_file_opens_all(tmp_path, values, convention, ending):
    names, class_names, case = CONVENTIONS[convention]
    files = save_all(tmp_path, names, values, ending)
    save(tmp_path / f"T1w{ending}", 100 * values[0])
    save(tmp_path / f"{case}_seg{ending}", values.argmax(axis=0))
    for path in (files[0], files[2], tmp_path):
        opened = open_probabilities(path)
        assert opened.class_names == class_names
        assert (opened.name, opened.kind) == (case, None)
        assert (opened.source, *opened.further_sources) == tuple(files)
        assert opened.grid.shape == SHAPE
        np.testing.assert_array_equal(opened.values.load(), values)
    assert isinstance(opened.values.bytes, PlainBytes) == (ending == ".nii")
    volume = open_volume(files[1])
    assert isinstance(volume, ProbabilityMap)
    np.testing.assert_array_equal(volume.values, values)
    assert f"Opened with {names[0]}{ending}, {names[2]}{ending}" in volume.note
    assert "a file opens alone" in volume.note


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_the_map_is_that_of_one_array(tmp_path, values, ending):
    files = save_all(tmp_path, CONVENTIONS["FSL FAST"][0], values, ending)
    maps = nu.uncertainty(open_probabilities(files[0]))
    expected = nu.uncertainty(values)
    np.testing.assert_allclose(
        maps.maps["entropy"], expected.maps["entropy"], atol=1e-6
    )
    # All of them are tissues, and what is none of them is background.
    tissue = values.any(axis=0)
    np.testing.assert_array_equal(
        maps.prediction, np.where(tissue, values.argmax(axis=0) + 1, 0)
    )
    assert not maps.no_data.any()
    assert not maps.maps["entropy"][~tissue].any()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("n_tissues", [3, 6])
def test_tissues_of_spm_leave_their_rest_to_the_background(
    tmp_path, rng, ending, n_tissues
):
    tissues = softmax(rng, (6, *SHAPE))
    stored = np.rint(255 * tissues) / 255
    for number in range(n_tissues):
        path = tmp_path / f"c{number + 1}sub{ending}"
        save_tissue(path, tissues[number])
    opened = open_probabilities(path)
    assert opened.values.stored == np.dtype(np.uint8)
    order = [5, 0, 1, 2, 3, 4] if n_tissues == 6 else [0, 1, 2]
    np.testing.assert_allclose(opened.values.load(), stored[order], atol=1e-6)
    if n_tissues == 6:
        maps = nu.uncertainty(opened)
        assert maps.kind == "softmax"
        # So that its labels are those of SPM, and 0 is the background.
        assert opened.class_names[:2] == ("background", "gray matter")
        np.testing.assert_array_equal(maps.prediction, stored[order].argmax(axis=0))
        share = stored / stored.sum(axis=0)
    else:
        with pytest.warns(UserWarning, match="shares without the background"):
            maps = nu.uncertainty(opened)
        assert maps.kind == "fractions"
        share = np.concatenate([stored[:3], 1 - stored[:3].sum(axis=0, keepdims=True)])
    with np.errstate(all="ignore"):
        expected = -np.nansum(share * np.log2(share), axis=0)
    np.testing.assert_allclose(maps.maps["entropy"], expected, atol=1e-4)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_files_that_are_stored_differently(tmp_path, values, ending):
    save_tissue(tmp_path / f"c1sub{ending}", values[0])
    for number in (2, 3, 4):
        save(tmp_path / f"c{number}sub{ending}", values[number - 1])
    opened = open_probabilities(tmp_path / f"c4sub{ending}")
    loaded = opened.values.load()
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded[1:], values[1:])
    np.testing.assert_allclose(loaded[0], np.rint(255 * values[0]) / 255, atol=1e-6)
    # What streams and what is taken in blocks is the same.
    expected = nu.uncertainty(loaded).maps["entropy"]
    np.testing.assert_allclose(nu.entropy(opened), expected, atol=1e-6)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_what_rounding_leaves_of_tissues_is_no_background(
    tmp_path, values, ending, dtype
):
    """A rest of 1/255 would cost a certain voxel 0.04 bit."""
    for number, one in enumerate(values):
        path = tmp_path / f"T1_pve_{number}{ending}"
        (save_tissue if dtype == np.uint8 else save)(path, one)
    stored = np.stack([nib.load(one).get_fdata() for one in sorted(tmp_path.iterdir())])
    sums = stored.sum(axis=0)
    p = stored / np.where(sums > 0, sums, 1)
    expected = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=1e-5)
    loaded = open_volume(path)
    np.testing.assert_allclose(nu.entropy(loaded), expected, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_a_family_is_read_in_pieces_of_any_size(tmp_path, values, size):
    save_all(tmp_path, CONVENTIONS["DeepMedic"][0], values)
    opened = open_probabilities(tmp_path)
    pieces = list(opened.values.pieces(size))
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    in_file_order = values.transpose(0, 3, 2, 1).ravel()
    np.testing.assert_array_equal(np.concatenate(pieces), in_file_order)


def test_flat_images_of_a_class_each_are_opened_together(tmp_path, rng):
    flat = softmax(rng, (3, 6, 7))
    files = save_all(tmp_path, [f"xPosteriors{n}" for n in (1, 2, 3)], flat)
    opened = open_volume(files[0])
    np.testing.assert_array_equal(opened.values, flat)
    assert opened.grid.shape == (6, 7)


def test_more_than_nine_files_are_in_the_order_of_their_numbers(tmp_path, rng):
    values = softmax(rng, (11, 3, 4, 5))
    names = [f"aProbMapClass{n}" for n in range(11)]
    files = save_all(tmp_path, names, values, ".nii")
    assert family_of(files[10]).files == tuple(files)
    np.testing.assert_array_equal(nu.read(files[3]).values, values)


def test_numbers_of_two_digits_are_another_family(tmp_path, values):
    one = save_all(tmp_path, ["aPosteriors1", "aPosteriors2"], values[:2])
    two = save_all(tmp_path, ["aPosteriors01", "aPosteriors02"], values[:2])
    assert [family.files for family in families_in([*two, *one])] == [
        tuple(two),
        tuple(one),
    ]


def test_prefixes_and_endings_are_not_mixed(tmp_path, values):
    for prefix in ("c", "rc", "wc", "mwc", "smwc"):
        names = [f"{prefix}{n}sub" for n in (1, 2)]
        save_all(tmp_path, names, values[:2], ".nii")
    save_all(tmp_path, ["c1sub", "c2sub"], values[:2], ".nii.gz")
    families = list(families_in(sorted(tmp_path.iterdir())))
    assert [[file.name for file in family.files] for family in families] == [
        ["c1sub.nii", "c2sub.nii"],
        ["c1sub.nii.gz", "c2sub.nii.gz"],
        ["rc1sub.nii", "rc2sub.nii"],
        ["wc1sub.nii", "wc2sub.nii"],
    ]
    assert {family.tool for family in families} == {"SPM"}


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["x_pve_0", "x_pve_2"], "x_pve_1.nii"),
        (["x_pve_1", "x_pve_2"], "x_pve_0.nii"),
        (["xPosteriors01", "xPosteriors04"], "xPosteriors02.nii"),
        (["c1x", "c3x"], "c2x.nii"),
        (["x_ProbMapClass1", "x_ProbMapClass3"], "x_ProbMapClass2.nii"),
    ],
)
def test_a_gap_names_the_missing_file(tmp_path, values, names, missing):
    files = save_all(tmp_path, names, values[:2], ".nii")
    for opened in (open_volume, open_probabilities):
        with pytest.raises(InputError, match=f"^{missing} is missing: "):
            opened(files[1])


@pytest.mark.parametrize(
    "names",
    [
        ["x_ProbMapClass1", "x_ProbMapClass2"],  # the first ones may be left out
        ["x_label-2_probseg", "x_label-41_probseg"],  # labels are no count
    ],
)
def test_a_missing_first_number_is_not_a_gap(tmp_path, values, names):
    files = save_all(tmp_path, names, values[:2])
    assert len(open_probabilities(files[0]).class_names) == 2


def test_labels_of_bids_in_the_order_of_bids(tmp_path, values):
    labels = ["CSF", "lesion", "BG", "WM"]
    names = [f"sub-01_label-{label}_desc-x_probseg" for label in labels]
    save_all(tmp_path, names, values)
    save(tmp_path / "sub-01_label-GM_desc-y_probseg.nii.gz", values[0])
    opened = nu.read(tmp_path / f"{names[0]}.nii.gz")
    assert opened.class_names == ("BG", "WM", "CSF", "lesion")
    assert opened.name == "sub-01_desc-x"
    np.testing.assert_array_equal(opened.values, values[[2, 3, 0, 1]])


def test_one_alone_is_a_channel(tmp_path, values):
    path = save(tmp_path / "sub-01_label-lesion_probseg.nii.gz", values[0])
    assert family_of(path) is None
    assert isinstance(open_volume(path), Scan)
    opened = open_probabilities(path)
    assert opened.class_names == ("lesion",)
    assert opened.values.shape == (1, *SHAPE)


def test_classes_that_are_certain_everywhere(tmp_path, values):
    """sMRIPrep's tissues are masks where they come from FreeSurfer."""
    winner = values.argmax(axis=0)
    names = [f"sub-01_label-{label}_probseg" for label in ("GM", "WM", "CSF")]
    files = save_all(tmp_path, names, [winner == n for n in (1, 2, 3)])
    assert isinstance(open_volume(files[0]), ProbabilityMap)


def test_labels_of_such_a_name_stay_labels(tmp_path):
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    files = save_all(tmp_path, ["x_pve_0", "x_pve_1"], [blocks, blocks])
    assert isinstance(open_volume(files[0]), LabelMap)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_scans_that_are_called_like_tissues(tmp_path, rng, dtype):
    """The first and the second control of a study."""
    paths = [tmp_path / "c1_T1.nii.gz", tmp_path / "c2_T1.nii.gz"]
    for path in paths:
        data = (1000 * rng.random(SHAPE)).astype(dtype)
        nib.Nifti1Image(data, OBLIQUE).to_filename(path)
    assert list(families_in(paths)) == []
    assert isinstance(open_volume(paths[0]), Scan)


def test_four_axes_stand_alone(tmp_path, values):
    files = save_all(
        tmp_path, ["x_pve_0", "x_pve_1"], [np.moveaxis(values, 0, -1)] * 2, ".nii"
    )
    opened = open_probabilities(files[1])
    assert (opened.source, opened.values.shape) == (files[1], values.shape)


@pytest.mark.parametrize(
    ("shape", "shift", "told"),
    [
        ((6, 7, 9), 0, "have 6 × 7 × 8 and 6 × 7 × 9 voxels"),
        (SHAPE, 0.1, "their affines"),
    ],
)
def test_other_voxels_are_refused(tmp_path, values, shape, shift, told):
    affine = OBLIQUE.copy()
    affine[0, 3] += shift
    save(tmp_path / "x_pve_0.nii.gz", values[0])
    path = save(tmp_path / "x_pve_1.nii.gz", np.full(shape, 0.5), affine)
    with pytest.raises(InputError, match=rf"x_pve_0.* and x_pve_1.* but {told}"):
        open_probabilities(path)


def test_a_file_that_is_cut_short(tmp_path, values):
    files = save_all(tmp_path, ["x_pve_0", "x_pve_1"], values[:2])
    content = files[1].read_bytes()
    files[1].write_bytes(content[:-200])
    with pytest.raises(InputError, match=r"x_pve_1\.nii\.gz cannot be read"):
        nu.entropy(files[0])
    with pytest.raises(InputError, match=r"x_pve_1\.nii\.gz cannot be read"):
        open_volume(files[0])


def test_the_json_of_a_file_is_not_asked_for_names(tmp_path, values):
    files = save_all(tmp_path, ["a_label-GM_probseg", "a_label-WM_probseg"], values[:2])
    sidecar = tmp_path / "a_label-GM_probseg.json"
    sidecar.write_text(json.dumps({"LabelMap": ["x", "y"]}))
    assert nu.read(files[0]).class_names == ("GM", "WM")


def test_real_posteriors_of_atropos_are_fractions(shared_data):
    """Four tissues that sum to 1 in the mask; outside of it all is background."""
    folder = shared_data / "ants_ixi002_2d"
    name = "exampleBrainSegmentationPosteriors{}.nii.gz"
    stack = np.stack(
        [nib.load(folder / name.format(n)).get_fdata() for n in range(1, 5)]
    )
    mask = nib.load(folder / "exampleBrainExtractionMask.nii.gz").get_fdata() > 0
    for path in (folder, folder / name.format(3)):
        opened = open_probabilities(path)
        maps = nu.uncertainty(opened)
        assert not maps.no_data.any()
        share = np.concatenate([1 - stack.sum(axis=0, keepdims=True), stack])
        share = share.clip(0, 1) / share.clip(0, 1).sum(axis=0)
        with np.errstate(all="ignore"):
            expected = -np.nansum(share * np.log2(share), axis=0)
        np.testing.assert_allclose(maps.maps["entropy"], expected, atol=1e-5)
        assert not maps.maps["entropy"][~mask].any()
        assert maps.kind == "fractions"
    assert isinstance(open_volume(folder / name.format(2)), ProbabilityMap)
    labels = open_volume(folder / "exampleBrainSegmentation.nii.gz")
    assert isinstance(labels, LabelMap)
