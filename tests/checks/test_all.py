"""All checks of a case together; and steps, which all of this is made of."""

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import Grid, uncertainty
from napari_uncertainty.checks.all import iter_trust
from napari_uncertainty.compare.segmentation import Segmentation
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.model.probabilities import ProbabilityMap, numbered_class_names
from napari_uncertainty.model.record import worst_level
from napari_uncertainty.predictions import Predictions
from napari_uncertainty.steps import part, run
from support.generated import OBLIQUE
from support.phantoms import asymmetric, disguised, softmax_of

SHAPE = (16, 18, 20)
GRID = Grid(SHAPE, OBLIQUE)
ALWAYS = ["kind", "no_data", "precision"]


@pytest.fixture
def values():
    return softmax_of(asymmetric(SHAPE)).astype(np.float32)


def trust(values, name="probabilities", grid=None, segmentation=None, scan=None):
    names = numbered_class_names(len(values))
    opened = Predictions((ProbabilityMap(values, names, grid),))
    maps = uncertainty(values)
    steps = iter_trust(opened, maps, name=name, segmentation=segmentation, scan=scan)
    return run(steps)


def names(trust):
    return [check.name for check in trust.checks]


def random_softmax(rng, labels):
    """The most probable class stays, the rest is chance: no steps to be seen."""
    values = softmax_of(labels).astype(np.float64)
    values *= rng.uniform(0.7, 1.3, values.shape)
    return (values / values.sum(axis=0)).astype(np.float32)


def test_probabilities_alone_are_checked_by_themselves(rng):
    found = trust(random_softmax(rng, asymmetric(SHAPE)))
    assert names(found) == ALWAYS
    assert worst_level(check.level for check in found.checks) == "green"
    assert found.foreground is None
    assert found.search is None


def test_all_that_belongs_to_a_case_is_looked_at(rng):
    labels = asymmetric(SHAPE)
    found = trust(
        random_softmax(rng, labels),
        "case",
        GRID,
        Segmentation(labels, GRID, "seg"),
        ("T1", GRID),
    )
    assert names(found) == [
        *ALWAYS,
        "agreement",
        "orientation",
        "segmentation_grid",
        "scan_grid",
    ]
    assert worst_level(check.level for check in found.checks) == "green"
    np.testing.assert_array_equal(found.foreground, labels)
    assert found.search.best.placement == Placement.as_it_is(3)
    assert found.compared.onto.name == "seg"


def test_a_scan_without_a_segmentation_is_checked_by_its_grid(values):
    found = trust(values, "case", None, None, ("T1", GRID))
    assert names(found) == [*ALWAYS, "scan_grid"]
    [check] = [check for check in found.checks if check.name == "scan_grid"]
    assert check.level == "amber"


def test_wrong_order_is_found_and_told_in_red():
    labels = asymmetric((18, 18, 18))
    grid = Grid(labels.shape, OBLIQUE)
    values = softmax_of(disguised(labels, (2, 1, 0), (1, 1, 1)))
    found = trust(values, "case", grid, Segmentation(labels, grid, "seg"))
    told = {check.name: check.level for check in found.checks}
    assert told["agreement"] == told["orientation"] == "red"
    assert told["segmentation_grid"] == "green"
    assert found.search.better.placement.order == (2, 1, 0)


def without_codes():
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    return Grid(SHAPE, header.get_best_affine(), header)


def sheared():
    affine = np.eye(4)
    affine[0, 2] = 0.5
    return Grid(SHAPE, affine)


def with_two_places():
    header = nib.Nifti1Header()
    header.set_sform(OBLIQUE, 1)
    header.set_qform(np.eye(4), 1)
    return Grid(SHAPE, header.get_best_affine(), header)


@pytest.mark.parametrize(
    "called", [("case", "seg", "T1"), ("case", "case", "case")], ids=str
)
def test_each_header_is_looked_at_whatever_the_images_are_called(values, called):
    case, segmentation, scan = called
    found = trust(
        values,
        case,
        without_codes(),
        Segmentation(asymmetric(SHAPE), sheared(), segmentation),
        (scan, with_two_places()),
    )
    headers = [check for check in found.checks if check.name == "header"]
    told = [next(iter(check.numbers.items())) for check in headers]
    assert told == [
        ("sform", 0),
        ("shear_degrees", pytest.approx(np.degrees(np.arctan(0.5)))),
        ("sform", 1),
    ]
    for name, check in zip(called, headers, strict=True):
        assert f"'{name}'" in check.sentence


def test_foreground_is_that_of_the_segmentation_on_the_maps_voxels(values):
    labels = asymmetric(SHAPE)
    turned = labels.transpose(2, 0, 1)
    grid = Grid(turned.shape, OBLIQUE[:, [2, 0, 1, 3]])
    found = trust(values, "case", GRID, Segmentation(turned, grid))
    np.testing.assert_array_equal(found.foreground, labels)


def test_foreground_of_an_unknown_place_is_left_to_the_prediction(values):
    labels = asymmetric(SHAPE).transpose(2, 0, 1)
    found = trust(values, "case", None, Segmentation(labels, None))
    assert found.foreground is None
    assert found.search.better.placement.order == (2, 0, 1)


def test_run_takes_all_steps_and_gives_the_result():
    taken = []

    def steps():
        for share in (0.5, 1.0):
            taken.append(share)
            yield share
        return "done"

    assert run(steps()) == "done"
    assert taken == [0.5, 1.0]


def test_run_of_no_steps_gives_the_result():
    def steps():
        return "done"
        yield

    assert run(steps()) == "done"


def test_part_is_a_share_of_more_work():
    def steps():
        yield from (0, 0.25, 1)
        return "done"

    shares = []

    def more():
        result = yield from part(steps(), 0.6, 0.8)
        shares.append(result)

    assert list(more()) == pytest.approx([0.6, 0.65, 0.8])
    assert shares == ["done"]


def test_part_that_is_closed_closes_its_steps():
    closed = []

    def steps():
        try:
            yield 0.5
        finally:
            closed.append(True)

    outer = part(steps(), 0, 1)
    next(outer)
    outer.close()
    del outer
    assert closed == [True]
