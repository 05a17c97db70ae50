"""What is told of members whose labels overlap much, little, or in nothing."""

import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.checks.confidence import check_members

# Members that are made of chance have hardly anything in common, and here
# probabilities of 0 and 1 are meant.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}:napari_uncertainty.UncertaintyWarning")
    for said in (".*they hardly look like members of one case", ".*Only 0 and 1 occur")
]


def member(labels, n_classes=3):
    """Probabilities that are sure of these labels."""
    return (labels == np.arange(n_classes)[:, np.newaxis]).astype(np.float32)


def checked(*labels):
    maps = nu.ensemble_uncertainty(
        [member(np.array(one)) for one in labels], kind="softmax"
    )
    check = check_members(maps)
    assert check.name == "members"
    return check


def test_overlap_is_that_of_the_foreground_alone():
    """By hand: Dice of class 1 is 2·2/(3 + 2), and that of class 2 is 2·1/(1 + 2)."""
    check = checked([0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 1, 2, 2])
    assert check.level == "green"
    assert check.numbers["dice"] == pytest.approx([1, 4 / 5, 2 / 3])
    assert check.numbers["dice_foreground"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert "by 0.733 on average" in check.sentence


def test_a_class_that_nobody_finds_counts_for_nothing():
    check = checked([0, 1, 1, 1], [0, 1, 1, 0])
    assert check.numbers["dice"] == [pytest.approx(2 / 3), pytest.approx(4 / 5), None]
    assert check.numbers["dice_foreground"] == pytest.approx(4 / 5)


@pytest.mark.parametrize(("shared", "level"), [(3, "green"), (2, "red"), (0, "red")])
def test_members_that_overlap_by_less_than_three_tenths_are_hardly_of_one_case(
    shared, level
):
    """Each has ten voxels of foreground, so many of which are the other's, too."""
    first = [1] * 10 + [0] * 30
    second = [0] * (10 - shared) + [1] * 10 + [0] * (20 + shared)
    check = checked(first, second)
    assert check.numbers["dice_foreground"] == pytest.approx(shared / 10)
    assert check.level == level
    assert ("hardly look like members of one case" in check.sentence) == (
        level == "red"
    )


def test_members_that_find_no_foreground_are_green():
    check = checked([0, 0, 0], [0, 0, 0])
    assert check.level == "green"
    assert check.numbers["dice_foreground"] is None
    assert "none of which finds any foreground" in check.sentence


def test_members_that_have_data_nowhere_together():
    one, other = member(np.array([0, 1, 2])), member(np.array([0, 1, 2]))
    one[:, :2], other[:, 1:] = 0, 0
    with pytest.warns(UserWarning, match="In no voxel do all members have data"):
        maps = nu.ensemble_uncertainty([one, other], kind="softmax")
    check = check_members(maps)
    assert check.level == "red"
    assert check.sentence == "In no voxel do all members have data."
    assert check.numbers["not_shared"] == 3
