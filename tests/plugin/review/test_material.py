"""What a review is begun with: from files and layers to places."""

from dataclasses import replace

import dask.array as da
import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine, from_matvec

from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.plugin.review.begin import other_networks
from napari_uncertainty.plugin.review.edited import EditedSegmentation
from napari_uncertainty.plugin.viewer.arrival import align, aligning
from support.compute_without_window import compute
from support.generated import OBLIQUE, softmax, turn
from support.inspect_dock import NAMES, network
from support.phantoms import asymmetric
from support.review_dock import (
    SHAPE,
    WANTED,
    Opened,
    begin,
    check_places,
    material,
    open_case,
    open_file,
    plain,
    write_case,
    write_labels,
)

UPRIGHT = np.diag([1.0, 1.5, 2.0, 1.0])
FLIPPED = from_matvec(np.diag([-1.0, -1.5, 2.0]), (40, 30, -20))
TILTED = from_matvec(turn(25, 2) @ np.diag([1.2, 1.2, 1.2]), (-5, 3, 60))


@pytest.fixture
def viewer(qapp):
    """Without a window."""
    return ViewerModel()


# -- the places ---------------------------------------------------------------


@pytest.mark.parametrize("affine", [OBLIQUE, UPRIGHT, FLIPPED, TILTED])
def test_places_are_those_of_plain_arrays(viewer, tmp_path, rng, affine):
    files = write_case(tmp_path, rng, affine)
    case = open_case(viewer, files, scan=True)
    wanted = HotspotOptions(count=50, radius_mm=2.5)
    opened = begin(case, wanted)
    expected = plain(files.entropy, files.labels, [files.p], affine, wanted)
    assert len(expected.places) > 20
    check_places(opened.hotspots, expected)
    assert [stop.hotspot for stop in opened.session.review.stops] == list(
        opened.hotspots.places
    )
    for place in opened.hotspots.places:
        np.testing.assert_allclose(
            place.ras, apply_affine(affine, place.voxel), atol=1e-4
        )
    assert opened.session.case == "case"
    assert opened.session.unit == "bits"
    assert opened.session.names == dict(enumerate(NAMES))


def test_labels_that_were_changed_move_no_place(viewer, tmp_path, rng):
    """A review that was begun before knows the labels from before."""
    files = write_case(tmp_path, rng)
    case = open_case(viewer, files)
    EditedSegmentation.of(case.segmentation, None)
    case.segmentation.data[:] = 1
    case.segmentation.refresh()
    expected = plain(files.entropy, files.labels, [files.p], files.affine)
    check_places(begin(case).hotspots, expected)


def test_a_segmentation_on_a_crop_counts_where_it_lies(viewer, tmp_path, rng):
    files = write_case(tmp_path, rng)
    crop = files.labels[2:11, 1:, 3:12]
    moved = OBLIQUE @ from_matvec(np.eye(3), (2, 1, 3))
    write_labels(tmp_path / "crop_seg.nii.gz", crop, moved)
    case = open_case(viewer, files, segmentation=False)
    labels = open_file(viewer, tmp_path / "crop_seg.nii.gz")
    pasted = np.zeros_like(files.labels)
    pasted[2:11, 1:, 3:12] = crop
    expected = plain(files.entropy, pasted, [files.p], OBLIQUE)
    check_places(begin(case, segmentation=labels).hotspots, expected)


def test_a_segmentation_of_other_voxels_is_taken_at_the_nearest_ones(
    viewer, tmp_path, rng
):
    """Twice as coarse: each voxel has the label of the nearest one."""
    files = write_case(tmp_path, rng, UPRIGHT)
    coarse = files.labels[::2, ::2, ::2]
    write_labels(
        tmp_path / "coarse_seg.nii.gz", coarse, UPRIGHT @ np.diag([2, 2, 2, 1])
    )
    case = open_case(viewer, files, segmentation=False)
    labels = open_file(viewer, tmp_path / "coarse_seg.nii.gz")
    opened = begin(case, segmentation=labels)
    # An odd voxel is as near to the one before as to the one after.
    for name in ("floor", "ceil"):
        index = [getattr(np, name)(np.arange(n) / 2).astype(int) for n in SHAPE]
        index = [at.clip(0, n - 1) for at, n in zip(index, coarse.shape, strict=True)]
        at_map = coarse[np.ix_(*index)]
        expected = plain(files.entropy, at_map, [files.p], UPRIGHT)
        found = [place.voxel for place in opened.hotspots.places]
        if found == [place.voxel for place in expected.places]:
            return
    pytest.fail("the places are not those of the nearest labels")


def test_without_a_segmentation_the_most_probable_class_is_reviewed(
    viewer, tmp_path, rng
):
    files = write_case(tmp_path, rng)
    case = open_case(viewer, files, segmentation=False)
    opened = begin(case)
    argmax = files.p.argmax(axis=0)
    expected = plain(files.entropy, argmax, [files.p], OBLIQUE)
    check_places(opened.hotspots, expected)
    assert opened.material.segmentation is None
    assert [one.role for one in opened.session.inputs if one.digest] == ["map"]
    assert opened.sentence.startswith(
        "6 hotspots of 'the most probable class' by the probabilities."
    )


def test_without_probabilities_hotspots_come_from_the_map_alone(viewer, tmp_path, rng):
    """The map alone then says what may be wrong, and it is another review."""
    files = write_case(tmp_path, rng)
    case = open_case(viewer, files)
    viewer.layers.remove(case.probabilities)
    opened = begin(case)
    check_places(opened.hotspots, plain(files.entropy, files.labels, (), OBLIQUE))
    assert opened.session.options.networks == 0
    assert "by the map alone" in opened.sentence


def test_lazy_probabilities_and_labels_give_the_same_hotspots(viewer, tmp_path, rng):
    files = write_case(tmp_path, rng)
    case = open_case(viewer, files)
    expected = begin(case)
    for layer in (case.probabilities, case.segmentation):
        layer.data = da.from_array(np.asarray(layer.data), chunks=7)
    opened = begin(case)
    check_places(opened.hotspots, expected.hotspots)
    digests = {one.role: one.digest for one in expected.session.inputs}
    assert {one.role: one.digest for one in opened.session.inputs} == digests


def test_classes_and_their_inside_can_be_asked_for(viewer, tmp_path, rng):
    files = write_case(tmp_path, rng)
    case = open_case(viewer, files)
    wanted = replace(WANTED, classes=(2, 3), interior=True, radius_mm=2)
    opened = begin(case, wanted)
    expected = plain(files.entropy, files.labels, [files.p], OBLIQUE, wanted)
    check_places(opened.hotspots, expected)
    assert opened.session.options.classes == (2, 3)
    assert opened.session.options.interior


# -- layers of others ---------------------------------------------------------


def test_a_review_of_arrays_without_files_is_kept(viewer, tmp_path, rng):
    labels = asymmetric(SHAPE)
    p = network(labels, rng)
    net = viewer.add_image(p, name="net")
    shown = viewer.add_labels(labels.copy(), name="mine")
    map_, _ = compute(viewer, net)
    case = Opened(viewer, None, shown, net, map_, None)
    opened = begin(case)
    check_places(opened.hotspots, plain(map_.data, labels, [p], np.eye(4)))
    assert all(place.ras is None for place in opened.hotspots.places)
    assert opened.session.case == "net entropy"
    assert opened.session.path.parent == tmp_path / "user" / "reviews"
    assert [one.path for one in opened.session.inputs] == [None] * 3


def test_a_flat_image_with_a_scale(viewer, rng):
    p = softmax(rng, (3, 20, 30))
    net = viewer.add_image(p, scale=(1, 2, 3), name="net")
    map_, _ = compute(viewer, net)
    opened = begin(Opened(viewer, None, None, net, map_, None))
    # On squares of 2 × 3, whichever way they run.
    affine = np.diag([2.0, 3.0, 1.0, 1.0])
    expected = plain(map_.data, p.argmax(axis=0), [p], affine)
    assert {place.voxel for place in opened.hotspots.places} == {
        place.voxel for place in expected.places
    }
    assert all(place.ras is None for place in opened.hotspots.places)


@pytest.mark.parametrize("shape", [(9, 10, 11), (10, 10, 10)])
def test_hotspots_of_probabilities_without_a_place_have_the_viewers_order(
    viewer, tmp_path, rng, shape
):
    """Their map has the viewer's order: even in a cube nothing is mixed up."""
    labels = asymmetric(shape)
    p = network(labels, rng)
    path = tmp_path / "alone.npz"
    np.savez(path, probabilities=p.transpose(0, 3, 2, 1))
    net = open_file(viewer, path)
    map_, _ = compute(viewer, net)
    mine = viewer.add_labels(labels.transpose(), name="mine")
    for segmentation, wrong in ((None, p.argmax(axis=0)), (mine, labels)):
        case = Opened(viewer, None, segmentation, net, map_, None)
        opened = begin(case)
        z_y_x = [p.transpose(0, 3, 2, 1)]
        expected = plain(map_.data, wrong.transpose(), z_y_x, np.eye(4))
        check_places(opened.hotspots, expected)


# -- several networks ---------------------------------------------------------


@pytest.fixture
def folds(tmp_path, rng):
    cases = [write_case(tmp_path / f"fold_{number}", rng) for number in range(2)]
    # The other network agrees well enough to be one of the same scan.
    other = cases[1]
    right = np.arange(len(other.p))[:, None, None, None] == other.labels
    other.p = ((other.p + right) / 2).astype(other.p.dtype)
    np.savez(other.probabilities, probabilities=other.p.transpose(0, 3, 2, 1))
    return cases


def test_folds_count_together(viewer, folds):
    case = open_case(viewer, folds[0])
    alone = begin(case)
    open_file(viewer, folds[1].probabilities)
    open_file(viewer, folds[1].segmentation)
    members = [one.p for one in folds]
    first = folds[0]
    expected = plain(first.entropy, first.labels, members, OBLIQUE)
    opened = begin(case)
    check_places(opened.hotspots, expected)
    assert opened.session.options.networks == 2
    assert "by the probabilities of 2 networks" in opened.sentence
    told = [one.path for one in opened.session.inputs if one.role == "probabilities"]
    assert told == [one.probabilities for one in folds]
    again = begin(case, several=False)
    check_places(again.hotspots, alone.hotspots)
    assert again.session.options.networks == 1
    assert [one.mass for one in opened.hotspots.places] != [
        one.mass for one in again.hotspots.places
    ]


def other_name(folder, rng, files):
    other = write_case(folder, rng)
    path = folder / "another.npz"
    other.probabilities.rename(path)
    other.segmentation.rename(folder / "another.nii.gz")
    return path


def other_classes(folder, rng, files):
    names = ("background", "left", "right", "brainstem")
    return write_case(folder, rng, names=names).probabilities


def more_classes(folder, rng, files):
    return write_case(folder, rng, names=(*NAMES, "more")).probabilities


def other_place(folder, rng, files):
    moved = from_matvec(np.eye(3), (1, 0, 0)) @ OBLIQUE
    return write_case(folder, rng, affine=moved).probabilities


def other_shape(folder, rng, files):
    return write_case(folder, rng, shape=(13, 13, 14)).probabilities


def the_same_again(folder, rng, files):
    return files.probabilities


def test_other_probabilities_do_not_count(viewer, tmp_path, folds, rng):
    case = open_case(viewer, folds[0])
    for write in (
        other_name, other_classes, more_classes, other_place, other_shape,
        the_same_again,
    ):  # fmt: skip
        path = write(tmp_path / write.__name__, rng, folds[0])
        other = open_file(viewer, path)
        assert other_networks(viewer.layers, case.probabilities) == [], write
        assert len(material(case).members) == 1, write
        viewer.layers.remove(other)


def test_another_patient_on_the_same_voxels_does_not_count(
    viewer, tmp_path, folds, rng
):
    case = open_case(viewer, folds[0])
    alone = begin(case, several=False)
    other = write_case(tmp_path / "other", rng)
    np.savez(other.probabilities, probabilities=other.p.transpose(0, 3, 2, 1)[:, ::-1])
    open_file(viewer, other.probabilities)
    agreeing = folds[0].labels == other.p[:, :, :, ::-1].argmax(axis=0)
    foreground = (folds[0].labels > 0) | (other.p[:, :, :, ::-1].argmax(axis=0) > 0)
    assert agreeing[foreground].mean() < 0.7
    opened = begin(case)
    assert opened.session.options.networks == 1
    check_places(opened.hotspots, alone.hotspots)
    assert opened.notes[0] == (
        f"{other.probabilities} agrees with the segmentation in less than 70 % of the "
        "foreground, so it is taken to be of another scan and does not count."
    )


def test_probabilities_without_a_file_are_alone(viewer, rng):
    p = softmax(rng, (3, 8, 8, 8))
    first, _ = viewer.add_image(p, name="a"), viewer.add_image(p, name="b")
    assert other_networks(viewer.layers, first) == []


# -- what is told -------------------------------------------------------------


def test_the_review_records_its_inputs(viewer, tmp_path, rng):
    files = write_case(tmp_path, rng)
    opened = begin(open_case(viewer, files, scan=True))
    assert {
        one.role: (one.path, bool(one.digest)) for one in opened.session.inputs
    } == {
        "probabilities": (files.probabilities, False),
        "scan": (files.scan, False),
        "map": (None, True),
        "segmentation": (files.segmentation, True),
    }
    assert opened.present_labels == (0, 1, 2, 3)


def test_the_tilt_of_another_scan_changes_nothing(qtbot, viewer, tmp_path, rng):
    """All is shown resampled, and places are those of the files."""
    files = write_case(tmp_path / "case", rng)
    image = nib.Nifti1Image(rng.random((30, 30, 30), np.float32), TILTED)
    image.affine[:3, 3] = (10, 20, -30)
    (tmp_path / "scan").mkdir()
    image.to_filename(tmp_path / "scan" / "T1.nii.gz")
    before = begin(open_case(ViewerModel(), files))
    open_file(viewer, tmp_path / "scan" / "T1.nii.gz")
    case = open_case(viewer, files)
    align(viewer)
    qtbot.waitUntil(lambda: not aligning(viewer))
    assert case.map.data.shape != tuple(SHAPE)
    opened = begin(case)
    check_places(opened.hotspots, before.hotspots)
    digests = {one.role: one.digest for one in before.session.inputs}
    for one in opened.session.inputs:
        assert one.role == "scan" or one.digest == digests[one.role]
