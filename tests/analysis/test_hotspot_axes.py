"""The same places in the same order, whatever the order and direction of the axes."""

import numpy as np
import pytest
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, inv_ornt_aff

from napari_uncertainty.analysis.hotspot_domain import Turned
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support import plain_hotspots as plain
from support.phantoms import FLAT_ORIENTATIONS, ORIENTATIONS

AFFINES = {"upright": plain.UPRIGHT, "tilted": plain.TILTED, "sheared": plain.SHEARED}


def orientation_of(order, flips):
    return np.array([*zip(order, flips, strict=True)])


def turned(volume, orientation):
    return np.ascontiguousarray(apply_orientation(volume, orientation))


def places_of(case, affine, orientation, *, members=True, no_data=True, **wanted):
    """Places in a case whose arrays were turned by nibabel."""
    shape = case["labels"].shape
    padded = np.array([*orientation, *((axis, 1) for axis in range(len(shape), 3))])
    own = affine @ inv_ornt_aff(padded, (*shape, 1, 1)[:3])
    values, labels, without = (
        turned(case[name], orientation) for name in ("values", "labels", "no_data")
    )
    given = [turned(one, orientation) for one in case["probabilities"]]
    found = run(
        iter_hotspots(
            values,
            labels,
            without if no_data else None,
            members=[np.stack(given)] if members else (),
            grid=Grid(values.shape, own),
            wanted=HotspotOptions(count=12, **wanted),
        )
    )
    for place in found.places:
        voxel = (*place.voxel, 0, 0)[:3]
        np.testing.assert_allclose(place.ras, apply_affine(own, voxel), atol=1e-9)
    return found


def numbers(place):
    return (
        place.rank, place.mass, place.peak, place.mean, place.classes, place.share,
        place.map_share,
    )  # fmt: skip


def assert_same(found, expected):
    assert len(found.places) == len(expected.places) == 12
    assert found.expected_errors == expected.expected_errors
    for one, other in zip(found.places, expected.places, strict=True):
        np.testing.assert_allclose(one.ras, other.ras, rtol=0, atol=1e-6)
        assert numbers(one) == numbers(other)


@pytest.mark.parametrize(
    ("affine", "step"),
    [(plain.TILTED, 1), (plain.UPRIGHT, 5), (plain.SHEARED, 5)],
    ids=["tilted", "upright", "sheared"],
)
def test_all_orientations_give_the_same_places(affine, step):
    """Tilted all, which the other two differ from only in their numbers."""
    case = plain.case((30, 26, 22))
    expected = places_of(case, affine, orientation_of(*ORIENTATIONS[0]))
    assert len(ORIENTATIONS) == 48
    for orientation in ORIENTATIONS[1::step]:
        assert_same(places_of(case, affine, orientation_of(*orientation)), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"no_data": False},
        {"members": False, "no_data": False},
        {"interior": True, "separation_mm": 1.0},
        {"classes": (1, 2), "radius_mm": 1.0, "separation_mm": 9.0},
    ],
    ids=str,
)
def test_places_with_options_do_not_depend_on_the_orientation(options):
    case = plain.case((30, 26, 22))
    first, *others = ORIENTATIONS[::9]
    expected = places_of(case, plain.TILTED, orientation_of(*first), **options)
    for orientation in others:
        found = places_of(case, plain.TILTED, orientation_of(*orientation), **options)
        assert_same(found, expected)


def test_equals_come_in_the_same_order():
    """Many places that are worth the same."""
    values = np.zeros((17, 18, 19), np.float32)
    values[2::6, 3::9, 1::6] = 0.5
    case = {
        "values": values,
        "labels": np.ones(values.shape, np.uint8),
        "no_data": np.zeros(values.shape, bool),
        "probabilities": [],
    }
    expected = places_of(
        case, plain.TILTED, orientation_of(*ORIENTATIONS[0]), members=False
    )
    assert {place.mass for place in expected.places} == {0.5}
    for orientation in ORIENTATIONS[1::5]:
        found = places_of(
            case, plain.TILTED, orientation_of(*orientation), members=False
        )
        assert_same(found, expected)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_turned_flat_images_give_the_same_places(affine):
    case = plain.case((60, 50))
    expected = places_of(case, affine, orientation_of(*FLAT_ORIENTATIONS[0]))
    for orientation in FLAT_ORIENTATIONS[1:]:
        assert_same(places_of(case, affine, orientation_of(*orientation)), expected)


def test_axes_to_right_anterior_superior(rng):
    """Views, which nibabel's canonical image equals."""
    from nibabel.orientations import io_orientation

    for order, flips in ORIENTATIONS[::7]:
        volume = rng.random((4, 5, 6))
        affine = plain.TILTED.copy()
        affine[:3, :3] = affine[:3, order] * flips
        whole = Turned.of(volume.shape, Grid(volume.shape, affine))
        view = whole.view(volume)
        assert np.shares_memory(view, volume)
        expected = apply_orientation(volume, io_orientation(affine))
        np.testing.assert_array_equal(view, expected)
        assert whole.shape == expected.shape
        for voxel in ((0, 0, 0), (1, 2, 3), tuple(n - 1 for n in whole.shape)):
            own = whole.own_voxel(voxel)
            assert volume[own] == view[voxel]
            np.testing.assert_allclose(whole.ras(own), apply_affine(affine, own))


def test_without_a_grid_nothing_is_turned(rng):
    volume = rng.random((4, 5, 6))
    whole = Turned.of(volume.shape, None)
    np.testing.assert_array_equal(whole.view(volume), volume)
    assert whole.own_voxel((1, 2, 3)) == (1, 2, 3)
    assert whole.ras((1, 2, 3)) is None
