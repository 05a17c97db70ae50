"""The search for the placement: every disguise of a known one is seen through."""

import numpy as np
import pytest

from napari_uncertainty.compare import orientation
from napari_uncertainty.compare.agreement import Agreement, Comparison
from napari_uncertainty.compare.orientation import (
    Candidate,
    RankedPlacements,
    iter_search,
)
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.steps import run
from support.phantoms import (
    FLAT_ORIENTATIONS,
    ORIENTATIONS,
    agreement_voxel_by_voxel,
    asymmetric,
    disguised,
    symmetric,
    with_errors,
)

CUBE = (20, 20, 20)
BRICK = (16, 18, 22)


def search(prediction, labels, as_loaded=None):
    return run(iter_search(Comparison.of(prediction, labels), as_loaded))


def voxel_by_voxel(candidate, prediction, labels):
    placement = candidate.placement
    return agreement_voxel_by_voxel(
        prediction, labels, placement.order, placement.flips, placement.offset
    )


@pytest.mark.parametrize("shape", [CUBE, BRICK], ids=["cube", "brick"])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS, ids=str)
def test_every_disguise_is_found(order, flips, shape):
    labels = asymmetric(shape)
    found = search(disguised(labels, order, flips), labels)
    assert found.best.placement == Placement(order, flips, (0, 0, 0))
    assert found.best.agreement == Agreement(1, 1)
    assert found.better == found.best
    assert found.ties == ()


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::3], ids=str)
def test_disguises_are_found_where_a_tenth_is_wrong(rng, order, flips):
    labels = asymmetric(CUBE)
    prediction = disguised(with_errors(labels, rng), order, flips)
    found = search(prediction, labels)
    assert found.best.placement == Placement(order, flips, (0, 0, 0))
    assert found.better == found.best
    assert found.ties == ()


# The foreground of the cube lies in 2:18, 3:17 and 4:16.
BOXES = {
    "whole": (slice(1, 18), slice(2, 18), slice(3, 17)),
    "cut": (slice(5, 18), slice(2, 14), slice(6, 17)),
}


def test_boxes_cut_off_what_they_say():
    labels = asymmetric(CUBE)
    whole, cut = (np.count_nonzero(labels[box]) for box in BOXES.values())
    assert whole == np.count_nonzero(labels)
    assert 0.5 * whole < cut < 0.8 * whole


@pytest.mark.parametrize("number", range(len(ORIENTATIONS)))
def test_every_disguise_of_a_crop_is_found_at_its_place(number):
    order, flips = ORIENTATIONS[number]
    box = BOXES["cut" if number % 3 else "whole"]
    labels = asymmetric(CUBE)
    found = search(disguised(labels[box], order, flips), labels)
    offset = tuple(side.start for side in box)
    assert found.best.placement == Placement(order, flips, offset)


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::7], ids=str)
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_crop_is_found_where_a_tenth_is_wrong(rng, box, order, flips):
    labels = asymmetric(CUBE)
    found = search(disguised(with_errors(labels[box], rng), order, flips), labels)
    offset = tuple(side.start for side in box)
    assert found.best.placement == Placement(order, flips, offset)


@pytest.mark.parametrize(
    ("shape", "box", "way"),
    [
        ((49, 50, 52), np.s_[7:38, 5:48, 6:35], ((1, 2, 0), (-1, -1, -1))),
        ((56, 45, 24), np.s_[3:42, 11:45, 1:17], ((0, 2, 1), (1, -1, 1))),
        ((27, 48, 33), np.s_[7:27, 4:34, 8:32], ((0, 2, 1), (-1, 1, -1))),
    ],
    ids=str,
)
def test_a_crop_is_found_where_no_shift_along_one_axis_alone_is_better(shape, box, way):
    """Near its place there are others that only two axes together lead out of."""
    labels = asymmetric(shape)
    found = search(disguised(labels[box], *way), labels)
    assert found.best.placement == Placement(*way, tuple(side.start for side in box))


@pytest.mark.parametrize(("order", "flips"), FLAT_ORIENTATIONS, ids=str)
@pytest.mark.parametrize("box", [None, (slice(1, 26), slice(3, 27))])
def test_every_disguise_of_a_flat_image_is_found(box, order, flips):
    labels = asymmetric((28, 28))
    part = labels if box is None else labels[box]
    found = search(disguised(part, order, flips), labels)
    offset = (0, 0) if box is None else tuple(side.start for side in box)
    assert found.best.placement == Placement(order, flips, offset)
    assert found.best.agreement.foreground == 1


@pytest.mark.parametrize("box", [None, (slice(5, 66), slice(7, 64), slice(12, 60))])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[3::15], ids=str)
def test_large_images_are_searched_in_a_sample(monkeypatch, box, order, flips):
    """As 10 million voxels would be, with every third voxel along each axis."""
    monkeypatch.setattr(orientation, "COARSE_VOXELS", 72**3 // 27)
    monkeypatch.setattr(orientation, "SAMPLE", 500)
    labels = asymmetric((72, 72, 72))
    part = labels if box is None else labels[box]
    found = search(disguised(part, order, flips), labels)
    offset = (0, 0, 0) if box is None else tuple(side.start for side in box)
    assert found.best.placement == Placement(order, flips, offset)
    assert found.best.agreement == Agreement(1, 1)


@pytest.mark.parametrize("box", [(slice(None),) * 3, BOXES["cut"]])
def test_ranked_agreement_is_exact_and_the_best_is_first(rng, box):
    labels = symmetric(CUBE)
    prediction = disguised(with_errors(labels[box], rng), (2, 0, 1), (1, -1, 1))
    found = search(prediction, labels, Placement.as_it_is(3))
    assert len(found.ranked) > 1
    for one in [*found.ranked, found.as_loaded]:
        expected = voxel_by_voxel(one, prediction, labels)
        assert (one.agreement.overall, one.agreement.foreground) == pytest.approx(
            expected, abs=1e-12
        )
    shares = [one.agreement.foreground for one in found.ranked]
    assert shares == sorted(shares, reverse=True)
    assert found.as_loaded in found.ranked


def test_as_loaded_is_kept_where_it_is_right():
    labels = asymmetric(CUBE)
    found = search(labels, labels, Placement.as_it_is(3))
    assert found.best == found.as_loaded
    assert found.better is None
    assert found.ties == ()


def test_as_loaded_is_beaten_where_it_is_wrong():
    labels = asymmetric(CUBE)
    found = search(np.flip(labels, 0), labels, Placement.as_it_is(3))
    assert found.as_loaded.placement == Placement.as_it_is(3)
    assert found.better.placement == Placement((0, 1, 2), (-1, 1, 1), (0, 0, 0))


def test_as_loaded_may_lie_outside():
    labels = asymmetric(CUBE)
    away = Placement.as_it_is(3).shifted((100, 0, 0))
    found = search(labels, labels, away)
    assert found.as_loaded.agreement.foreground == 0
    assert found.better.placement == Placement.as_it_is(3)


def test_mirror_image_of_a_symmetric_one_is_a_tie():
    labels = symmetric(CUBE)
    found = search(labels, labels, Placement.as_it_is(3))
    assert found.best == found.as_loaded
    assert found.better is None
    [tie] = found.ties
    assert tie.agreement == Agreement(1, 1)
    between = tie.placement.relative_to(found.best.placement)
    assert between.describe("RAS") == "mirrored left–right"


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::9], ids=str)
@pytest.mark.parametrize(
    ("axis", "mirrored"),
    [(0, "left–right"), (1, "front–back"), (2, "top–bottom")],
)
def test_a_tie_is_named_by_the_patients_axes(rng, axis, mirrored, order, flips):
    """Whichever axis of the segmentation runs left to right, noise or none."""
    labels = np.moveaxis(symmetric(CUBE), 0, axis)
    prediction = disguised(with_errors(labels, rng), order, flips)
    found = search(prediction, labels)
    [tie] = found.ties
    # The images differ only by noise, so either of the two may be ahead.
    pair = {found.best.placement, tie.placement}
    other = tuple(-f if k == axis else f for k, f in enumerate(flips))
    assert pair == {Placement(order, way, (0, 0, 0)) for way in (flips, other)}
    between = tie.placement.relative_to(found.best.placement)
    assert between.describe("RAS") == f"mirrored {mirrored}"


def test_an_image_without_any_direction_ties_with_as_many_as_are_looked_at():
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:7, 2:7, 2:7] = 1
    found = search(labels, labels, Placement.as_it_is(3))
    assert found.best == found.as_loaded
    assert len(found.ties) >= 3


def test_different_images_do_not_belong_together(rng):
    labels = asymmetric(CUBE)
    unrelated = np.kron(rng.integers(0, 4, (5, 5, 5)), np.ones((4, 4, 4), int))
    found = search(unrelated.astype(np.uint8), labels, Placement.as_it_is(3))
    assert found.best.agreement.foreground < 0.5
    assert not found.best.belongs
    assert found.better is None
    assert found.ties == ()


@pytest.mark.parametrize("which", ["prediction", "labels"])
@pytest.mark.parametrize("claimed", [None, Placement.as_it_is(3)])
def test_nothing_in_one_of_the_two_belongs_nowhere(which, claimed):
    images = {"prediction": asymmetric(CUBE), "labels": asymmetric(CUBE)}
    images[which] = np.zeros(CUBE, np.uint8)
    found = search(**images, as_loaded=claimed)
    assert found.best.agreement.foreground == 0
    assert not found.best.belongs
    assert found.better is None
    assert found.ties == ()


def test_a_prediction_that_fits_in_no_way_has_no_candidate():
    found = search(asymmetric((30, 4, 4)), asymmetric((20, 20, 20)))
    assert found.ranked == ()
    assert found.best is None
    assert found.better is None
    assert found.ties == ()


def test_only_what_fits_is_tried():
    labels = asymmetric(BRICK)
    found = search(disguised(labels, (1, 2, 0), (1, 1, 1)), labels)
    assert {one.placement.order for one in found.ranked} == {(1, 2, 0)}


def test_share_done_only_grows():
    labels = asymmetric(CUBE)
    comparison = Comparison.of(labels[BOXES["cut"]], labels)
    shares = list(iter_search(comparison, Placement.as_it_is(3)))
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1


def candidate(foreground, flips=(1, 1, 1)):
    return Candidate(Placement((0, 1, 2), flips, (0, 0, 0)), Agreement(1, foreground))


@pytest.mark.parametrize(
    ("better", "worse", "beats"),
    [
        # Half a percentage point,
        (1, 0.9951, False),
        (1, 0.9949, True),
        # and a quarter of the disagreement that is left.
        (0.9, 0.8751, False),
        (0.9, 0.8749, True),
        (0.8, 0.8, False),
        (0.8, 0.9, False),
    ],
)
def test_one_beats_another_by_half_a_point_and_a_quarter(better, worse, beats):
    assert candidate(better).beats(candidate(worse)) is beats


@pytest.mark.parametrize(("share", "belongs"), [(0.7, True), (0.699, False)])
def test_seven_tenths_of_the_foreground_belong(share, belongs):
    assert candidate(share).belongs is belongs


def test_the_same_orientation_at_another_place_is_no_tie():
    best, aside, mirrored = candidate(0.9), candidate(0.9), candidate(0.9, (-1, 1, 1))
    aside = Candidate(aside.placement.shifted((0, 2, -1)), aside.agreement)
    assert RankedPlacements(None, (best, aside, mirrored)).ties == (mirrored,)
    assert RankedPlacements(None, (aside, best)).ties == ()


def test_better_has_to_beat_as_loaded():
    loaded, mirrored = candidate(0.9, (-1, 1, 1)), candidate(0.91)
    close = RankedPlacements(loaded, (mirrored, loaded))
    assert close.better is None
    assert close.ties == (loaded,)
    far = candidate(0.2, (-1, 1, 1))
    assert RankedPlacements(far, (mirrored, far)).better == mirrored
