"""What is told about agreement and orientation, for searches that are known."""

import pytest

from napari_uncertainty.checks.place import check_agreement
from napari_uncertainty.compare.agreement import Agreement
from napari_uncertainty.compare.orientation import Candidate, RankedPlacements
from napari_uncertainty.model.placement import Placement

UPRIGHT = Placement.as_it_is(3)
MIRRORED = Placement((0, 1, 2), (-1, 1, 1), (0, 0, 0))
REVERSED = Placement((2, 1, 0), (1, 1, 1), (0, 0, 0))


def candidate(foreground, placement=UPRIGHT, overall=0.9876):
    return Candidate(placement, Agreement(overall, foreground))


def checks(as_loaded, *ranked, axcodes="RAS", name="seg.nii.gz"):
    agreement, orientation = check_agreement(
        RankedPlacements(as_loaded, ranked), name, axcodes
    )
    assert (agreement.name, orientation.name) == ("agreement", "orientation")
    for check in (agreement, orientation):
        assert check.sentence.endswith(".")
    return agreement, orientation


@pytest.mark.parametrize(
    ("foreground", "level"),
    [
        (1, "green"),
        (0.95, "green"),
        (0.9499, "amber"),
        (0.7, "amber"),
        (0.6999, "red"),
        (0, "red"),
    ],
)
def test_agreement_as_loaded_is_judged_by_the_foreground(foreground, level):
    found = candidate(foreground)
    agreement, _ = checks(found, found)
    assert agreement.level == level
    assert agreement.numbers == {"overall": 0.9876, "foreground": foreground}
    assert "'seg.nii.gz'" in agreement.sentence
    assert "98.8 % of all voxels" in agreement.sentence


def test_agreement_that_is_fine_has_both_numbers_and_no_comment():
    found = candidate(0.9712)
    agreement, orientation = checks(found, found, candidate(0.3, MIRRORED))
    assert agreement.sentence.endswith("97.1 % of the foreground.")
    assert orientation.level == "green"
    assert orientation.numbers == {
        "best": "voxel on voxel",
        "best_foreground": 0.9712,
    }


def test_better_orientation_is_told_with_both_numbers():
    loaded, better = candidate(0.123), candidate(0.987, REVERSED)
    agreement, orientation = checks(loaded, better, loaded)
    assert agreement.level == orientation.level == "red"
    for told in ("12.3 %", "98.7 %", "axes reversed"):
        assert told in orientation.sentence
    assert orientation.numbers["best"] == "axes reversed"
    assert orientation.numbers["best_foreground"] == 0.987


def test_better_place_of_a_crop_is_told():
    loaded, better = candidate(0.5), candidate(0.99, UPRIGHT.shifted((4, 5, 6)))
    _, orientation = checks(loaded, better, loaded)
    assert orientation.level == "red"
    assert "at voxel (4, 5, 6)" in orientation.sentence


def test_tie_is_told_in_the_patients_directions():
    loaded, tie = candidate(0.987), candidate(0.985, MIRRORED)
    _, orientation = checks(loaded, loaded, tie)
    assert orientation.level == "amber"
    for told in ("As loaded", "98.7 %", "98.5 %", "mirrored left–right"):
        assert told in orientation.sentence
    assert orientation.numbers["ties"] == [
        {"placement": "first axis flipped", "foreground": 0.985}
    ]


def test_a_tie_that_is_slightly_better_is_told_beside_what_is_loaded():
    loaded, tie = candidate(0.985), candidate(0.987, MIRRORED)
    _, orientation = checks(loaded, tie, loaded)
    assert orientation.level == "amber"
    assert orientation.sentence.startswith(
        "As loaded, 98.5 % of the foreground agree; mirrored left–right, 98.7 % would."
    )


def test_tie_of_an_unknown_patient_is_told_by_the_axes():
    loaded, tie = candidate(0.987), candidate(0.987, MIRRORED)
    _, orientation = checks(loaded, loaded, tie, axcodes=None)
    assert "first axis flipped" in orientation.sentence
    assert "mirrored" not in orientation.sentence


def test_tie_is_told_relative_to_the_best():
    """Both are reversed; between them lies but the mirror."""
    best = candidate(0.98, REVERSED)
    tie = candidate(0.98, Placement((2, 1, 0), (1, 1, -1), (0, 0, 0)))
    _, orientation = checks(candidate(0.1), best, tie, axcodes="PIR")
    assert "axes reversed (98.0 %)" in orientation.sentence
    assert "mirrored left–right" in orientation.sentence
    # As loaded is certainly wrong, whichever of the two is right.
    assert orientation.level == "red"


def test_another_place_in_the_same_direction_is_no_tie():
    best = candidate(0.9, UPRIGHT.shifted((5, 5, 5)))
    loaded = candidate(0.89, UPRIGHT.shifted((6, 5, 5)))
    _, orientation = checks(loaded, best, loaded)
    assert orientation.level == "green"
    assert "ties" not in orientation.numbers


def test_all_ties_are_numbered():
    loaded = candidate(0.9)
    ties = [candidate(0.9, MIRRORED), candidate(0.9, REVERSED), candidate(0.2)]
    _, orientation = checks(loaded, loaded, *ties)
    assert [tie["placement"] for tie in orientation.numbers["ties"]] == [
        "first axis flipped",
        "axes reversed",
    ]


@pytest.mark.parametrize("as_loaded", [candidate(0.31), None])
def test_unrelated_images_are_told_as_such(as_loaded):
    _, orientation = checks(as_loaded, candidate(0.456, REVERSED))
    assert orientation.level == "red"
    assert "45.6 %" in orientation.sentence
    assert "different images" in orientation.sentence
    assert "too little in common" in orientation.sentence  # such as a small crop


def test_unknown_place_is_no_fault_where_the_data_tell_it():
    agreement, orientation = checks(None, candidate(0.98, REVERSED))
    assert agreement.level == orientation.level == "amber"
    assert "unknown" in agreement.sentence
    assert agreement.numbers == {}
    assert "axes reversed" in orientation.sentence
    assert "98.0 %" in orientation.sentence


def test_nothing_that_fits_is_told():
    agreement, orientation = checks(None)
    assert agreement.level == "amber"
    assert orientation.level == "red"
    assert "'seg.nii.gz'" in orientation.sentence
