"""A case that lies otherwise than its files say: refused, or put where it agrees.

What is expected is made by numpy and nibabel from volumes that were never turned.
"""

import gzip
import json
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, finished, run_task
from napari_uncertainty.describe import describe
from support.generated import OBLIQUE
from support.many_cases import contents, run_here

# Label and box of each block; no turn of all three looks like another.
BLOCKS = [
    (1, (slice(3, 12), slice(4, 9), slice(5, 21))),
    (2, (slice(12, 17), slice(4, 18), slice(8, 12))),
    (3, (slice(5, 9), slice(14, 20), slice(17, 24))),
]
SHAPE = (20, 24, 28)
CROP = (slice(2, 19), slice(3, 22), slice(4, 25))


def phantom():
    """Labels of three blocks, and a softmax whose most probable class they are."""
    labels = np.zeros(SHAPE, np.uint8)
    for label, block in BLOCKS:
        labels[block] = label
    return labels, softmax_of(labels)


def softmax_of(labels, n_classes=4):
    """Float16 values that differ from voxel to voxel and sum to 1 exactly enough."""
    rng = np.random.default_rng(7)
    certain = 0.55 + 0.4 * rng.random(labels.shape)
    others = (1 - certain) / (n_classes - 1)
    classes = np.arange(n_classes).reshape(-1, *(1,) * labels.ndim)
    return np.where(classes == labels, certain, others).astype(np.float16)


def entropy_of(values):
    """In bits, by the definition, in float64."""
    p = values.astype(np.float64)
    p /= p.sum(axis=0)
    return -(p * np.log2(p)).sum(axis=0)


def jaccard(predicted, labels):
    """Share of equal classes where either is foreground."""
    union = (predicted != 0) | (labels != 0)
    return ((predicted == labels) & union).sum() / union.sum()


def turned(values, order=(0, 1, 2), flips=(1, 1, 1)):
    """Spatial axes in another order, then some of them backwards."""
    values = values.transpose(0, *(axis + 1 for axis in order))
    return values[(slice(None), *(slice(None, None, flip) for flip in flips))]


class Case:
    """Files of one case, and the task that computes it."""

    def __init__(self, folder):
        self.folder = folder
        self.labels, self.values = phantom()
        (folder / "in").mkdir()
        (folder / "out").mkdir()
        self.segmentation = folder / "seg.nii.gz"
        self.write_labels(self.labels)

    def write_labels(self, labels, path=None):
        """With different codes, which have to come back."""
        image = nib.Nifti1Image(labels, None)
        image.set_sform(OBLIQUE, 1)
        image.set_qform(OBLIQUE, 2)
        image.to_filename(path or self.segmentation)

    def write(self, values):
        """As nnU-Net does, axes reversed."""
        path = self.folder / "in" / "case.npz"
        np.savez(path, probabilities=values.transpose(0, *range(values.ndim)[:0:-1]))
        return path

    def task(self, **options):
        given = {"labels": str(self.segmentation), "place": True} | options
        source = str(self.folder / "in" / "case.npz")
        return Task("case", source, str(self.folder / "out"), **given)

    def run(self, **options):
        return run_task(self.task(**options))

    @property
    def map(self):
        return nib.load(self.folder / "out" / "case_entropy.nii.gz")

    @property
    def told(self):
        return json.loads((self.folder / "out" / "case_entropy.json").read_text())

    def check(self, name):
        [found] = [one for one in self.told["checks"] if one["name"] == name]
        return found


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def assert_lies_on(image, source, values):
    """The entropy of these values, where the source, opened by nibabel, lies."""
    np.testing.assert_allclose(np.asarray(image.dataobj), entropy_of(values), atol=2e-6)
    np.testing.assert_array_equal(image.affine, source.affine)
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 2)


def beside(case, labels=None):
    """The segmentation of the same name, which gives the probabilities a place."""
    case.write_labels(
        case.labels if labels is None else labels, case.folder / "in" / "case.nii.gz"
    )


# As it is


@pytest.mark.parametrize("place", [False, True])
def test_nothing_is_turned_that_agrees(case, place):
    beside(case)
    case.write(case.values)
    row = case.run(place=place)
    assert (row.status, row.message) == ("written", "")
    assert (row.agreement, row.checks) == (1, "green")
    assert_lies_on(case.map, nib.load(case.segmentation), case.values)
    told = case.told
    assert told["placed"] is None
    assert told["segmentation"] == str(case.segmentation)
    assert told["foreground_from"] == "seg.nii.gz"
    assert told["geometry_source"] == str(case.folder / "in" / "case.nii.gz")
    assert case.check("agreement")["foreground"] == 1


def test_without_a_segmentation_the_one_beside_is_compared_and_tells_no_more(case):
    beside(case)
    case.write(case.values)
    row = case.run(labels=None, place=False)
    assert (row.agreement, row.checks, row.message) == (1, "green", "")
    told = case.told
    assert (told["segmentation"], told["placed"]) == (None, None)
    assert told["foreground_from"] == "prediction"
    assert {one["name"] for one in told["checks"]} == {
        "kind", "no_data", "precision", "confidence", "agreement",
    }  # fmt: skip


def test_the_segmentation_beside_makes_a_case_fail_that_contradicts_it(case):
    """The message is that of --labels, and its remedy gives the right map."""
    beside(case)
    case.write(turned(case.values, flips=(1, 1, -1)))
    found = case.run(labels=None, place=False)
    asked = case.run(labels=str(case.folder / "in" / "case.nii.gz"), place=False)
    assert (found.status, found.message) == ("failed", asked.message)
    assert "mirrored left–right: 100 %" in found.message
    assert found.message.endswith("with --place it is put where it agrees.")
    placed = case.run(labels=None, place=True)
    assert (placed.status, placed.agreement) == ("written", 1)
    assert case.told["foreground_from"] == "prediction"
    assert_lies_on(case.map, nib.load(case.segmentation), case.values)
    assert finished(case.task(labels=None, place=True)) is not None
    assert finished(case.task(labels=None, place=False)) is None


def test_labels_of_another_name_that_are_other_things_only_confirm_nothing(case):
    case.write(case.values)
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:-1, 1:-1, 1:-1] = 1
    case.write_labels(mask, case.folder / "in" / "case_mask.nii.gz")
    row = case.run(labels=None, place=False)
    assert (row.status, row.checks, row.agreement) == ("written", "amber", None)
    assert case.check("place")["from"] == "case_mask"
    assert row.message == case.check("place")["sentence"]


def test_labels_of_the_same_name_that_agree_nowhere_are_red(case):
    case.write(case.values)
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:-1, 1:-1, 1:-1] = 1
    beside(case, mask)
    row = case.run(labels=None, place=False)
    assert (row.status, row.checks) == ("written", "red")


def test_a_damaged_segmentation_that_only_gave_a_place_stops_nothing(case):
    beside(case)
    case.write(case.values)
    path = case.folder / "in" / "case.nii.gz"
    header = gzip.decompress(path.read_bytes())[:400]
    path.write_bytes(gzip.compress(header))
    row = case.run(labels=None, place=False)
    assert (row.status, row.agreement) == ("written", None)


def test_place_without_any_segmentation_says_what_to_name(case):
    case.write(case.values)
    row = case.run(labels=None, place=True)
    assert row.status == "failed"
    assert row.message.endswith("name one with --labels.")


@pytest.mark.filterwarnings("error::napari_uncertainty.UncertaintyWarning")
def test_python_warns_of_a_segmentation_beside_that_contradicts(case):
    beside(case)
    path = case.write(case.values)
    nu.entropy(path)
    case.write(turned(case.values, flips=(1, 1, -1)))
    for compute in (nu.entropy, nu.uncertainty):
        with pytest.raises(nu.UncertaintyWarning, match="mirrored left–right: 100 %"):
            compute(path)


def test_info_shows_what_the_segmentation_beside_says(case):
    beside(case)
    path = case.write(turned(case.values, flips=(1, 1, -1)))
    told = {one["name"]: one for one in describe(path)["checks"]}
    assert told["agreement"]["level"] == told["orientation"]["level"] == "red"
    case.write(case.values)
    told = {one["name"]: one for one in describe(path)["checks"]}
    assert told["agreement"]["foreground"] == 1


def test_the_segmentation_says_what_is_foreground(case):
    beside(case)
    case.write(case.values)
    fewer = np.where(case.labels == 3, 0, case.labels)
    case.write_labels(fewer)
    row = case.run()
    # Of what both have; what the segmentation lacks is told besides.
    assert row.agreement == 1
    assert case.check("agreement")["lacking_classes"] == [3]
    lacking = 1 - jaccard(case.labels, fewer)
    assert case.check("agreement")["lacking"] == pytest.approx(lacking, abs=1e-12)
    inside = entropy_of(case.values)[fewer != 0]
    assert case.told["statistics"]["foreground_voxels"] == np.count_nonzero(fewer)
    assert row.foreground_mean == pytest.approx(inside.mean(), rel=1e-5)
    assert row.checks == "amber"
    assert row.message == case.check("agreement")["sentence"]


# Turned


def test_another_orientation_fails_and_names_both_numbers(case):
    beside(case)
    case.write(turned(case.values, flips=(-1, 1, 1)))
    row = case.run(place=False)
    assert row.status == "failed"
    as_loaded = 100 * jaccard(case.labels[::-1], case.labels)
    assert f"as loaded {as_loaded:.1f} % of the foreground" in row.message
    assert re.search(r"mirrored front–back:? \(?100 %", row.message)
    assert row.message.endswith(
        "No map was written; with --place it is put where it agrees."
    )
    assert contents(case.folder / "out") == {}


def test_a_mirrored_case_is_put_where_it_agrees(case):
    beside(case)
    case.write(turned(case.values, flips=(-1, 1, 1)))
    row = case.run()
    assert row.status == "written"
    assert row.message == "Placed by its agreement with 'seg': first axis flipped."
    assert (row.agreement, row.checks) == (1, "green")
    source = nib.load(case.segmentation)
    assert_lies_on(case.map, source, case.values)
    told = case.told
    assert told["placed"] == "first axis flipped"
    assert told["notes"] == [row.message]
    assert told["geometry_source"] == str(case.segmentation)
    assert told["affine"] == source.affine.tolist()
    foreground = case.labels != 0
    expected = entropy_of(case.values)[foreground].mean()
    assert row.foreground_mean == pytest.approx(expected, rel=1e-5)


ORIENTATIONS = [
    ((0, 1, 2), (1, -1, -1)),
    ((2, 1, 0), (1, 1, 1)),
    ((1, 0, 2), (-1, 1, 1)),
    ((1, 2, 0), (1, 1, -1)),
    ((2, 0, 1), (-1, -1, 1)),
    ((0, 2, 1), (-1, -1, -1)),
]


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
@pytest.mark.parametrize("cropped", [False, True])
def test_any_orientation_lands_on_the_exact_voxel(case, order, flips, cropped):
    """Alone, or a crop of it: so no file says where it lies."""
    box = CROP if cropped else tuple(slice(0, length) for length in SHAPE)
    case.write(turned(case.values[(slice(None), *box)], order, flips))
    row = case.run()
    assert row.status == "written", row.message
    assert row.checks == "green"
    part = nib.load(case.segmentation).slicer[box]
    image = case.map
    assert image.shape == part.shape
    np.testing.assert_allclose(
        np.asarray(image.dataobj),
        entropy_of(case.values[(slice(None), *box)]),
        atol=2e-6,
    )
    np.testing.assert_allclose(image.affine, part.affine, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        image.affine[:3, :3], nib.load(case.segmentation).affine[:3, :3]
    )
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 2)
    assert ("at voxel (2, 3, 4)" in case.told["placed"]) == cropped
    inside = entropy_of(case.values[(slice(None), *box)])[case.labels[box] != 0]
    assert row.foreground_mean == pytest.approx(inside.mean(), rel=1e-5)
    np.testing.assert_allclose(case.told["affine"], part.affine, atol=1e-5)


@pytest.mark.parametrize(("order", "flips"), [((2, 1, 0), (1, 1, 1)), ORIENTATIONS[3]])
def test_beside_a_segmentation_of_other_axes(case, order, flips):
    """The twin tells nothing, until it is compared."""
    beside(case)
    path = case.write(turned(case.values, order, flips))
    opened = nu.read(path)
    assert opened.grid is None
    assert "case.nii.gz beside it 20 × 24 × 28" in opened.place_note
    row = case.run(labels=None, place=False)
    assert (row.status, row.message) == ("written", opened.place_note)
    image = case.map
    assert image.header["sform_code"] == image.header["qform_code"] == 0
    np.testing.assert_allclose(
        np.asarray(image.dataobj),
        entropy_of(turned(case.values, order, flips)),
        atol=2e-6,
    )
    twin = str(case.folder / "in" / "case.nii.gz")
    row = case.run(labels=twin)
    assert row.status == "written", row.message
    assert_lies_on(case.map, nib.load(twin), case.values)


def test_a_crop_is_placed_in_a_segmentation_of_more_voxels(case):
    """As nnU-Net version 1 leaves a crop, under its key."""
    beside(case)
    path = case.write(case.values[(slice(None), *CROP)])
    with np.load(path) as archive:
        np.savez(path, softmax=archive["probabilities"])
    opened = nu.read(path)
    assert opened.grid is None
    assert opened.place_note.startswith("case.npz has 17 × 19 × 21 voxels")
    row = case.run(place=False)
    assert row.status == "failed"
    assert "at voxel (2, 3, 4)" in row.message
    row = case.run()
    assert case.told["placed"] == "at voxel (2, 3, 4)"
    part = nib.load(case.segmentation).slicer[CROP]
    np.testing.assert_allclose(case.map.affine, part.affine, rtol=0, atol=1e-5)


def test_a_segmentation_without_room_is_still_refused(case):
    beside(case, case.labels[:-1])
    case.write(case.values)
    row = case.run()
    assert row.status == "failed"
    assert row.message.endswith("they do not belong together.")


def test_a_flat_image_is_placed(case):
    flat = case.labels[:, :, 10]
    case.values = softmax_of(flat)
    case.write_labels(flat)
    values = case.values.transpose(0, 2, 1)[:, ::-1]
    case.write(values)
    row = case.run()
    assert row.status == "written", row.message
    assert case.map.shape == (20, 24)
    np.testing.assert_allclose(
        np.asarray(case.map.dataobj), entropy_of(case.values), atol=2e-6
    )
    np.testing.assert_array_equal(case.map.affine, nib.load(case.segmentation).affine)


def test_voxels_without_data_are_turned_as_well(case):
    case.values[:, :4] = 0
    case.write(turned(case.values, (2, 1, 0), (1, -1, 1)))
    row = case.run()
    assert row.status == "written", row.message
    assert row.no_data == 4 * 24 * 28
    written = np.asarray(case.map.dataobj)
    assert (written[:4] == 0).all()
    assert (written[4:] > 0).all()
    expected = entropy_of(case.values[:, 4:])[case.labels[4:] != 0].mean()
    assert row.foreground_mean == pytest.approx(expected, rel=1e-5)
    assert row.checks == "amber"
    assert "have no data" in row.message


# Probabilities with a place of their own


def write_nifti(case, values, affine):
    path = case.folder / "in" / "net.nii.gz"
    image = nib.Nifti1Image(np.moveaxis(values, 0, -1).astype(np.float32), None)
    image.set_sform(affine, 4)
    image.to_filename(path)
    return path


def test_the_same_voxels_under_another_header(case):
    """The segmentation's header counts, for that is where the scan is."""
    away = np.diag([3.0, 3, 3, 1])
    away[:3, 3] = 900
    source = str(write_nifti(case, case.values, away))
    row = run_task(replace(case.task(place=False), source=source))
    assert row.status == "failed"
    row = run_task(replace(case.task(), source=source))
    assert row.status == "written", row.message
    assert case.told["placed"] == "voxel on voxel"
    assert case.told["geometry_source"] == str(case.segmentation)
    assert_lies_on(case.map, nib.load(case.segmentation), case.values)


def test_a_case_with_a_finer_segmentation_is_turned_among_its_own_voxels(case):
    """With a finer segmentation there is no voxel to lie on but the probabilities'."""
    fine = case.labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    halved = nib.affines.from_matvec(np.eye(3) / 2, [-0.25] * 3)
    image = nib.Nifti1Image(fine, OBLIQUE @ halved)
    image.to_filename(case.segmentation)
    source = write_nifti(case, turned(case.values, flips=(1, 1, -1)), OBLIQUE)
    row = run_task(replace(case.task(), source=str(source)))
    assert row.status == "written", row.message
    assert case.told["placed"] == "third axis flipped"
    assert case.told["geometry_source"] == ""
    np.testing.assert_array_equal(case.map.affine, nib.load(source).affine)
    assert case.map.header["sform_code"] == 4
    np.testing.assert_allclose(
        np.asarray(case.map.dataobj), entropy_of(case.values), atol=2e-6
    )
    inside = entropy_of(case.values)[case.labels != 0]
    assert row.foreground_mean == pytest.approx(inside.mean(), rel=1e-5)


def test_what_was_odd_of_the_place_that_it_leaves_is_not_told(case):
    """But what is odd of the place that it gets is."""
    codeless = nib.Nifti1Image(case.labels, None)
    codeless.to_filename(case.folder / "in" / "case.nii.gz")
    case.write(turned(case.values, flips=(-1, 1, 1)))
    row = case.run()
    assert row.status == "written", row.message
    assert row.message == "Placed by its agreement with 'seg': first axis flipped."
    codeless.to_filename(case.segmentation)
    row = case.run(labels=str(case.segmentation))
    assert row.status == "written", row.message
    assert "The header of 'seg' does not say where it lies" in row.message
    assert "'case'" not in row.message


# What the evidence does not tell


def symmetric(case):
    """Left and right alike, along the third axis of the grid."""
    labels = np.maximum(case.labels, case.labels[:, :, ::-1])
    case.write_labels(labels)
    case.labels, case.values = labels, softmax_of(labels)


@pytest.mark.parametrize("place", [False, True])
def test_a_tie_is_refused(case, place):
    symmetric(case)
    case.write(turned(case.values, (1, 0, 2)))
    row = case.run(place=place)
    assert row.status == "failed"
    assert row.message.startswith("Two placements agree equally well")
    # The third axis of the grid runs to the left.
    assert "mirrored left–right (100 %)" in row.message
    assert row.message.endswith(" No map was written.")
    assert contents(case.folder / "out") == {}


def test_a_tie_with_what_the_files_say_is_told(case):
    symmetric(case)
    beside(case)
    case.write(case.values)
    row = case.run()
    assert (row.status, row.checks) == ("written", "amber")
    assert row.message.startswith("As loaded, 100 % of the foreground agree; mirrored")
    assert "The data cannot decide which is right." in row.message
    assert case.told["placed"] is None
    assert_lies_on(case.map, nib.load(case.segmentation), case.values)


def test_a_tie_of_what_has_no_place_is_refused_as_well(case):
    symmetric(case)
    case.write(case.values)
    assert case.run(place=False).status == "written"
    row = case.run()
    assert row.status == "failed"
    assert row.message.startswith("As loaded, 100 % of the foreground agree; mirrored")
    assert "The data cannot decide which is right." in row.message


def test_a_segmentation_of_another_image_places_nothing(case):
    beside(case)
    case.write(case.values)
    other = np.zeros_like(case.labels)
    other[13:19, 14:23, 2:9] = 2
    case.write_labels(other)
    row = case.run()
    assert (row.status, row.checks) == ("written", "red")
    assert "In no orientation" in row.message
    assert row.agreement == pytest.approx(jaccard(case.labels, other), abs=1e-12)


def test_of_another_image_and_without_a_place(case):
    """It is not known what lies where, so the prediction says what is foreground."""
    case.write(case.values[:, 2:])
    case.write_labels(np.where(case.labels == 3, 1, 0).astype(np.uint8))
    row = case.run()
    assert (row.status, row.agreement, row.checks) == ("written", None, "red")
    assert case.told["foreground_from"] == "prediction"
    assert row.message.count("unknown") == 2  # in space, and in the segmentation
    assert "No table of the classes was written" in row.message
    assert not (case.folder / "out" / "case_classes.tsv").exists()
    inside = entropy_of(case.values[:, 2:])[case.labels[2:] != 0]
    assert row.foreground_mean == pytest.approx(inside.mean(), rel=1e-5)
    assert finished(case.task()) == row


def test_labels_that_are_not_the_classes_are_compared_by_their_order(case):
    beside(case)
    case.write(case.values)
    case.write_labels(case.labels * np.uint8(3) + np.uint8(20 * (case.labels > 1)))
    assert case.run().status == "written"  # as many as classes: by their order
    assert case.check("agreement")["foreground"] == 1
    case.labels[0, 0, :2] = 77, 78
    case.write_labels(case.labels)
    row = case.run()
    assert (row.status, row.agreement, row.checks) == ("written", None, "red")
    assert "which are not the 4 classes" in row.message


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.linspace(0, 1, 20 * 24 * 28).reshape(SHAPE), "is not a segmentation"),
        (np.ones((*SHAPE, 3), np.int16).cumsum(-1), "is not a segmentation"),
    ],
    ids=["decimals", "time"],
)
def test_an_image_that_is_not_a_segmentation_is_refused(case, image, said):
    beside(case)
    case.write(case.values)
    nib.Nifti1Image(image.astype(np.float32), OBLIQUE).to_filename(case.segmentation)
    row = case.run()
    assert row.status == "failed"
    assert said in row.message


# Place alone


def test_a_case_that_agrees_voxel_on_voxel_takes_the_place_of_the_segmentation(case):
    case.write(case.values)
    row = case.run(place=False)
    assert (row.status, row.agreement) == ("written", 1)
    assert row.message.startswith("No NIfTI image of the same name")
    assert row.message.count("unknown") == 1
    assert case.map.header["sform_code"] == 0
    assert finished(case.task()) is None  # now it can be placed
    row = case.run()
    assert row.message == "Placed by its agreement with 'seg': voxel on voxel."
    assert_lies_on(case.map, nib.load(case.segmentation), case.values)
    assert finished(case.task()) == row
    assert finished(case.task(place=False)) is None


# Real data


@pytest.mark.shared_data
def test_a_turned_crop_of_a_real_scan_is_placed(shared_data, tmp_path):
    """Axes reversed and one of them flipped, beside the whole scan alone.

    Every second voxel of both: the search in all of them is shown in the window.
    """
    folder = shared_data / "brainchop_t1"
    with np.load(folder / "gwm3_m20_crop_probabilities_f16.npz") as archive:
        values = archive["probabilities"][:, ::2, ::2, ::2].transpose(0, 3, 2, 1)
    source = tmp_path / "in"
    source.mkdir()
    for name in ("T1.nii.gz", "gwm3_m20_seg.nii.gz"):
        # So that the crop, from voxel (54, 57, 17) on, begins at one of these.
        half = nib.load(folder / name).slicer[::2, 1::2, 1::2]
        half.to_filename(source / name)
    np.savez(source / "net.npz", probabilities=values[:, :, ::-1])
    labels = source / "gwm3_m20_seg.nii.gz"
    words = (source / "net.npz", "-o", tmp_path / "out", "--labels", labels)
    status, _, err = run_here(*words)
    assert status == 1
    assert "at voxel (27, 28, 8)" in err
    status, _, err = run_here(*words, "--place")
    assert (status, err) == (0, "")
    image = nib.load(tmp_path / "out" / "net_entropy.nii.gz")
    told = json.loads((tmp_path / "out" / "net_entropy.json").read_text())
    assert told["placed"].endswith("at voxel (27, 28, 8)")
    whole = nib.load(labels)
    expected = whole.affine.copy()
    expected[:3, 3] = nib.affines.apply_affine(whole.affine, (27, 28, 8))
    np.testing.assert_allclose(image.affine, expected, rtol=0, atol=1e-5)
    found = np.asarray(image.dataobj)
    np.testing.assert_array_equal(found, nu.entropy(values))
    cut = np.asarray(whole.dataobj)[27:102, 28:107, 8:108]
    assert told["checks"][4]["name"] == "agreement"
    assert told["checks"][4]["foreground"] == pytest.approx(
        jaccard(values.argmax(axis=0), cut), abs=1e-12
    )
