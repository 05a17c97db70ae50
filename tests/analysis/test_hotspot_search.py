"""Places and all their numbers, against a plain search on whole cases."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial.distance import cdist

from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support import plain_hotspots as plain

RADIUS = 3.75
COUNT = 20


@pytest.fixture(scope="module")
def case():
    return plain.case()


def found_in(case, *, grid=None, members=None, labels=True, no_data=True, **wanted):
    given = [case["probabilities"]] if members is None else members
    found = run(
        iter_hotspots(
            case["values"],
            case["labels"] if labels else None,
            case["no_data"] if no_data else None,
            members=given,
            grid=grid or Grid(case["values"].shape, plain.UPRIGHT),
            wanted=HotspotOptions(**{"count": COUNT, **wanted}),
        )
    )
    assert found is not None
    return found


def levels_of(case, allowed):
    """In whole numbers, which votes out of 64 give without any rounding."""
    probabilities = case["probabilities"].astype(np.float64)
    labels = np.expand_dims(case["labels"], 0).astype(int)
    of_label = np.take_along_axis(probabilities, labels, 0)[0]
    wrong = np.maximum(1 - (probabilities**2).sum(axis=0), 1 - of_label)
    levels = np.where(allowed, wrong, 0) * plain.LEVELS
    np.testing.assert_array_equal(levels, np.rint(levels))
    return levels.astype(np.int64)


def allowed_in(case, foreground=None):
    inside = case["labels"] > 0 if foreground is None else foreground
    zooms = np.diag(plain.UPRIGHT)[:3]
    return plain.near_foreground(inside, zooms) & ~case["no_data"]


def assert_like_plain(found, case, allowed, radius=RADIUS, separation=RADIUS):
    """Every number of every place."""
    shape = case["values"].shape
    levels = levels_of(case, allowed)
    mask = plain.ball(plain.UPRIGHT, 3, radius)
    offsets = np.stack(np.meshgrid(*(np.arange(-9, 10),) * 3, indexing="ij"), -1)
    far = np.linalg.norm(offsets * np.diag(plain.UPRIGHT)[:3], axis=-1)
    apart = far < separation - 1e-6  # another centre may be at that very distance
    expected = plain.greedy(levels, allowed, mask, apart, len(found.places))
    assert [place.voxel for place in found.places] == [voxel for voxel, _ in expected]
    total = levels.sum()
    assert found.expected_errors == total / plain.LEVELS
    map_total = case["values"][~case["no_data"]].sum(dtype=np.float64)
    covered = np.zeros(shape, bool)
    for rank, (place, (voxel, gain)) in enumerate(
        zip(found.places, expected, strict=True), 1
    ):
        assert place.rank == rank
        assert place.mass == gain / plain.LEVELS
        assert place.share == pytest.approx(gain / total, rel=1e-12)
        ball = plain.inside(mask, voxel, shape)
        values = case["values"][ball & ~case["no_data"]].astype(np.float64)
        assert place.peak == values.max()
        assert place.mean == pytest.approx(values.mean(), rel=1e-12)
        weight = levels * ball
        summed = (case["probabilities"] * weight.astype(np.float64)).sum(axis=(1, 2, 3))
        assert place.classes == tuple(np.argsort(-summed, kind="stable")[:2])
        fresh = ball & ~covered & ~case["no_data"]
        own = case["values"][fresh].sum(dtype=np.float64) / map_total
        assert place.map_share == pytest.approx(own, rel=1e-9)
        covered |= ball
    shares = sum(place.share for place in found.places)
    assert shares == pytest.approx(levels[covered].sum() / total, rel=1e-12)
    assert shares < 1
    masses = sum(place.mass for place in found.places)
    assert masses == pytest.approx(shares * found.expected_errors, rel=1e-12)


def test_places_are_those_of_the_plain_search(case):
    found = found_in(case)
    assert len(found.places) == COUNT
    assert len({place.classes for place in found.places}) > 3
    assert_like_plain(found, case, allowed_in(case))


@pytest.mark.parametrize(
    ("radius", "separation"), [(2.0, 2.0), (3.75, 1.5), (3.75, 8.0), (0.5, 5.0)]
)
def test_radius_and_separation_are_kept(case, radius, separation):
    found = found_in(case, radius_mm=radius, separation_mm=separation)
    assert_like_plain(found, case, allowed_in(case), radius, separation)


def test_only_places_near_the_chosen_classes_are_found(case):
    foreground = np.isin(case["labels"], (1, 3))
    found = found_in(case, classes=(1, 3))
    assert_like_plain(found, case, allowed_in(case, foreground))


def test_only_places_inside_of_classes_are_found(case):
    faces = generate_binary_structure(3, 1)
    inner = np.zeros(case["labels"].shape, bool)
    for label in (1, 2, 3):
        inner |= binary_erosion(case["labels"] == label, faces, border_value=1)
    found = found_in(case, interior=True)
    assert len(found.places) == COUNT
    assert_like_plain(found, case, inner & ~case["no_data"])


@pytest.mark.parametrize("affine", [plain.UPRIGHT, plain.TILTED], ids=["up", "tilt"])
@pytest.mark.parametrize("separation", [None, 1.2, 7])
def test_centres_have_data_lie_near_the_foreground_and_apart(case, affine, separation):
    """With data, near the foreground, and apart."""
    grid = Grid(case["labels"].shape, affine)
    found = found_in(case, grid=grid, separation_mm=separation, count=60)
    assert len(found.places) == 60
    near = plain.near_foreground(case["labels"] > 0, np.diag(plain.UPRIGHT)[:3])
    for place in found.places:
        assert not case["no_data"][place.voxel]
        assert near[place.voxel]
    centres = nib.affines.apply_affine(affine, [one.voxel for one in found.places])
    np.testing.assert_allclose([one.ras for one in found.places], centres, atol=1e-9)
    distances = cdist(centres, centres)[np.triu_indices(60, 1)]
    assert distances.min() >= (separation or RADIUS) * (1 - 1e-4)
    masses = [place.mass for place in found.places]
    assert masses == sorted(masses, reverse=True)


def test_a_longer_list_begins_with_the_places_of_a_shorter_one(case):
    places = found_in(case, count=30).places
    for count in (1, 7):
        assert found_in(case, count=count).places == places[:count]


def test_without_data_nothing_is_found(case):
    """A hole in the middle of the worst place, told by a mask or by the values."""
    first = found_in(case, count=1).places[0]
    shape = case["labels"].shape
    hole = plain.inside(plain.ball(plain.UPRIGHT, 3, 2.5), first.voxel, shape)
    masked = case | {"no_data": case["no_data"] | hole}
    without = found_in(masked)
    assert not any(hole[place.voxel] for place in without.places)
    assert_like_plain(without, masked, allowed_in(masked))
    broken = np.where(hole, np.nan, case["values"]).astype(np.float32)
    assert found_in(case | {"values": broken}).places == without.places
    for filling in (0, np.nan):
        unknown = np.where(hole, np.float32(filling), case["probabilities"])
        places = found_in(case, members=[unknown]).places
        assert [one.voxel for one in places] == [one.voxel for one in without.places]
        assert [one.mass for one in places] == [one.mass for one in without.places]


def test_a_ball_that_reaches_out_of_the_neighbourhood(rng):
    """All of it counts for the map, and what is near the foreground for the rank."""
    values = rng.random((20, 21, 22))
    labels = np.zeros(values.shape, np.uint8)
    labels[10, 10, 10] = 1
    found = run(iter_hotspots(values, labels, wanted=HotspotOptions(1, radius_mm=6)))
    ball = plain.inside(
        plain.ball(np.eye(4), 3, 6), found.places[0].voxel, values.shape
    )
    (place,) = found.places
    assert place.peak == values[ball].max()
    assert place.mean == pytest.approx(values[ball].mean(), rel=1e-12)
    assert place.map_share == pytest.approx(values[ball].sum() / values.sum())
    near = plain.near_foreground(labels > 0, (1, 1, 1))
    assert place.mass == pytest.approx(values[near].sum(), abs=33 / plain.LEVELS)
    assert place.share == 1


def test_a_planted_error_comes_first(case):
    """A region of the wrong label in the middle of certain voxels."""
    certain = np.zeros_like(case["probabilities"])
    np.put_along_axis(certain, case["labels"][np.newaxis].astype(int), 0.97, 0)
    certain += 0.01
    centre = (12, 20, 16)
    wrong = plain.inside(plain.ball(plain.UPRIGHT, 3, 4.5), centre, (40, 44, 36))
    labels = case["labels"].copy()
    here = int(labels[centre])
    other = 1 + here % 3
    labels[wrong] = other
    planted = case | {"labels": labels}
    place = found_in(planted, members=[certain]).places[0]
    distance = np.diag(plain.UPRIGHT)[:3] * np.subtract(place.voxel, centre)
    assert np.linalg.norm(distance) < 2
    assert place.classes[0] == here


def test_places_lie_where_two_sure_members_contradict_each_other(case):
    """Places are where they contradict each other, though each is sure."""
    one = np.full((2, 20, 20, 20), 0.02, np.float32)
    one[1] = 0.98
    other = one.copy()
    other[:, 4:8, 5:9, 6:10] = np.array([0.98, 0.02]).reshape(2, 1, 1, 1)
    whole = {
        "values": np.zeros((20, 20, 20)),
        "labels": np.ones((20, 20, 20), np.uint8),
        "no_data": np.zeros((20, 20, 20), bool),
    }
    grid = Grid((20, 20, 20), np.eye(4))
    first, second = found_in(whole, members=[one, other], grid=grid, count=2).places
    assert all(4 <= at < 9 for at in np.subtract(first.voxel, (0, 1, 2)))
    assert first.mass == pytest.approx(64 * 0.5, rel=0.3)
    assert first.classes == (0, 1) or first.classes == (1, 0)
    assert second.mass < 10


def test_labels_of_an_atlas_give_the_same_places(case):
    numbers = np.array([0, 10, 20, 1035], np.int32)
    expected = found_in(case, classes=(1, 3)).places
    atlas = case | {"labels": numbers[case["labels"]]}
    found = found_in(atlas, classes=(10, 1035)).places
    for one, other in zip(found, expected, strict=True):
        assert one.classes == tuple(numbers[list(other.classes)])
        assert (one.voxel, one.mass, one.share) == (
            other.voxel,
            other.mass,
            other.share,
        )


def test_without_labels_the_most_probable_class(case):
    assert found_in(case, labels=False).places == found_in(case).places


def test_without_probabilities_the_map_stands_in_for_them(case):
    """Half the voxels are wrong where the map is 1 bit."""
    exact = np.round(case["values"] * 512) / 512
    given = case | {"values": exact.astype(np.float32)}
    found = run(
        iter_hotspots(
            given["values"], given["labels"], given["no_data"],
            grid=Grid(exact.shape, plain.UPRIGHT),
            undecided=1.0, wanted=HotspotOptions(COUNT),
        )
    )  # fmt: skip
    allowed = allowed_in(case)
    levels = np.where(allowed, np.clip(exact * 0.5, 0, 1), 0) * plain.LEVELS
    mask = plain.ball(plain.UPRIGHT, 3, RADIUS)
    far = np.linalg.norm(
        np.stack(np.meshgrid(*(np.arange(-4, 5),) * 3, indexing="ij"), -1)
        * np.diag(plain.UPRIGHT)[:3],
        axis=-1,
    )
    expected = plain.greedy(levels, allowed, mask, far < RADIUS - 1e-6, COUNT)
    places = [(place.voxel, place.mass * plain.LEVELS) for place in found.places]
    assert places == expected
    for place in found.places:
        ball = plain.inside(mask, place.voxel, exact.shape)
        there = np.bincount(given["labels"].ravel(), (levels * ball).ravel())
        named = tuple(np.argsort(-there, kind="stable")[:2])
        assert place.classes == (named if np.count_nonzero(there) > 1 else None)


def test_from_the_map_alone_places_have_no_classes(case):
    found = found_in(case, members=[], labels=False, no_data=False)
    assert {place.classes for place in found.places} == {None}
    assert found.places[0].peak > 0.9
