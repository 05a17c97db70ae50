"""Members that are not of one case are refused, with what differs."""

import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import Member, members_of
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.probabilities import ProbabilityMap
from napari_uncertainty.steps import run as finish
from support.generated import OBLIQUE, softmax

SHAPE = (6, 7, 8)
GRID = Grid(SHAPE, OBLIQUE)


@pytest.fixture
def values(rng):
    return softmax(rng, (3, *SHAPE))


def compute(*members):
    return finish(iter_ensemble(members))


def moved(**change):
    affine = OBLIQUE.copy()
    if "by" in change:
        affine[:3, 3] += change["by"]
    if "zooms" in change:
        affine[:3, :3] *= change["zooms"]
    if "flip" in change:
        affine[:3, 0] *= -1
    return Grid(SHAPE, affine)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (moved(by=(0.3, 0, 0)), "origins are 0.3 mm apart, which is no whole number"),
        (moved(zooms=1.1), "voxels are 1 × 1.5 × 2 and 1.1 × 1.65 × 2.2 mm large"),
        (moved(flip=True), "the axes run PIL and AIL"),
        (Grid(SHAPE, np.diag([1, 1.5, 2, 1.0])), "the axes run PIL and RAS"),
    ],
)
def test_members_on_other_voxels_are_refused(values, other, sentence):
    with pytest.raises(nu.InputError) as told:
        compute(Member(values, "a", grid=GRID), Member(values, "b", grid=other))
    assert "'a' and 'b' do not lie on the same voxels" in str(told.value)
    assert sentence in str(told.value)


def test_members_with_other_numbers_of_classes_are_refused(rng, values):
    with pytest.raises(nu.InputError, match="'a' has 3 classes and 'b' 4"):
        compute(Member(values, "a"), Member(softmax(rng, (4, *SHAPE)), "b"))


def test_other_names_of_classes(values):
    first = Member(values, "a", ("background", "white", "gray"))
    with pytest.raises(nu.InputError, match="Class 1 is 'white' in 'a' and 'gray'"):
        compute(first, Member(values, "b", ("background", "gray", "white")))
    numbered = Member(values, "b", ("class 0", "class 1", "class 2"))
    assert compute(first, numbered) is not None


def test_members_of_other_shapes_without_a_place_are_refused(rng, values):
    other = Member(softmax(rng, (3, 6, 7, 9)), "b")
    with pytest.raises(nu.InputError, match="6 × 7 × 9 voxels and 'a' 6 × 7 × 8"):
        compute(Member(values, "a"), other)


def test_a_flat_member_beside_a_volume_is_refused(rng, values):
    with pytest.raises(nu.InputError, match="3 spatial axes and 'b' 2"):
        compute(Member(values, "a"), Member(softmax(rng, (3, 6, 7)), "b"))


def test_crops_that_do_not_meet(values):
    far = GRID.box((10, 0, 0), SHAPE)
    with pytest.raises(nu.InputError, match="do not all overlap"):
        compute(Member(values, "a", grid=GRID), Member(values, "b", grid=far))


def test_a_place_that_is_not_known_is_told(values):
    maps = compute(Member(values, "a", grid=GRID), Member(values, "b"))
    assert any("Where 'b' lies is not known" in one for one in maps.messages)
    assert maps.grid.same_place(GRID)
    backwards = compute(Member(values, "b"), Member(values, "a", grid=GRID))
    assert backwards.grid.same_place(GRID)


def test_members_of_other_kinds_are_refused_unless_they_are_a_softmax_too(values):
    with pytest.raises(nu.InputError, match="softmax and 'b' independent channels"):
        compute(Member(values, "a"), Member(values, "b", kind="sigmoid"))
    with pytest.raises(nu.InputError, match="softmax and 'b' logits"):
        compute(Member(values, "a"), Member(np.log(values), "b"))
    scaled = Member(np.rint(values * 65535).astype(np.uint16), "b")
    assert compute(Member(values, "a"), scaled)["mutual_information"].max() < 1e-5


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_members_are_refused(values, count):
    with pytest.raises(nu.InputError, match="at least two"):
        compute(*[Member(values)] * count)


def test_measures_that_members_do_not_have_are_refused(values):
    with pytest.raises(ValueError, match="Unknown measure margin of members"):
        nu.ensemble_uncertainty([values, values], ("margin",))
    with pytest.raises(ValueError, match="Unknown measure"):
        nu.ensemble_uncertainty([values, values], ())


def test_a_member_that_holds_no_probabilities_is_named(values):
    with pytest.raises(nu.InputError, match="'b' holds no real numbers"):
        compute(Member(values, "a"), Member(values.astype(complex), "b"))
    with pytest.raises(nu.InputError, match="'b' has values down to -1"):
        compute(Member(values, "a"), Member(-values, "b", kind="softmax"))
    labels = np.zeros((3, *SHAPE), np.int16)
    labels[1] = 7
    labels[2, 3:] = 2
    with pytest.raises(nu.InputError, match=r"'b': .*label map"):
        compute(Member(values, "a"), Member(labels, "b"))


def test_names_tell_members_apart(tmp_path, values):
    def opened(path):
        return ProbabilityMap(values, ("a", "b", "c"), source=path, name=path.stem)

    names = [
        one.name
        for one in members_of(
            [opened(tmp_path / f"fold_{n}" / "case.npz") for n in (0, 1)]
        )
    ]
    assert names == ["fold_0/case", "fold_1/case"]
    same = members_of([opened(tmp_path / "case.npz")] * 2)
    assert len({one.name for one in same}) == 2
