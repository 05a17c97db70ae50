"""Stops: what is decided, undone and counted."""

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.review.review import Review, Stop


def place(rank, share=0.1, map_share=0.05):
    return Hotspot(
        rank, (rank, 2, 3), (1.5, -2.0, 3.0), 4.0, 0.9, 0.5, (1, 2), share, map_share
    )


def review(count=3):
    return Review([Stop(place(rank)) for rank in range(count, 0, -1)])


def test_stops_are_in_order_of_rank():
    assert [stop.rank for stop in review().stops] == [1, 2, 3]
    with pytest.raises(KeyError):
        review().stop(4)


def test_a_verdict_counts_as_seen_and_can_be_undone():
    it = review()
    it.judge(2, "fine")
    it.judge(2, "needs expert")
    it.annotate(1, "unclear")
    it.see(3)
    assert it.stop(2).seen
    assert not it.stop(1).seen
    assert [it.undo() for _ in range(4)] == [1, 2, 2, None]
    assert [stop.verdict for stop in it.stops] == ["open"] * 3
    assert it.stop(1).note == ""
    assert [stop.seen for stop in it.stops] == [False, True, True]


def test_what_changes_nothing_is_no_step():
    it = review()
    it.judge(1, "fine")
    it.judge(1, "fine")
    it.annotate(1, "")
    assert [it.undo(), it.undo()] == [1, None]


def test_undo_goes_back_to_the_beginning():
    it = review()
    verdicts = ["fine", "fixed", "needs expert", "open"] * 50
    for verdict in verdicts:
        it.judge(1, verdict)
    for verdict in reversed(["open", *verdicts[:-1]]):
        assert it.undo() == 1
        assert it.stop(1).verdict == verdict
    assert it.undo() is None


def test_an_unknown_verdict_is_refused():
    it = review()
    with pytest.raises(InputError, match="'good' is not a verdict"):
        it.judge(1, "good")
    assert it.stops == review().stops


def test_changed_labels_suggest_that_it_is_fixed():
    it = review()

    def now():
        return it.stop(1).verdict, it.stop(1).suggested, it.stop(1).changed_voxels

    it.count(1, 5)
    assert now() == ("fixed", True, 5)
    it.count(1, 0)
    assert now() == ("open", False, 0)
    it.count(1, 5)
    it.judge(1, "fixed")
    assert now() == ("fixed", False, 5)
    it.count(1, 0)
    assert now() == ("fixed", False, 0)
    it.count(1, 4)
    it.judge(1, "open")
    it.count(1, 4)
    assert now() == ("open", False, 4)
    it.count(1, 6)
    assert now() == ("fixed", True, 6)
    it.judge(1, "fine")
    it.count(1, 7)
    assert now() == ("fine", False, 7)


def test_undoing_a_confirmation_leaves_no_suggestion_without_changes():
    it = review()
    it.count(1, 5)
    it.judge(1, "fixed")
    it.count(1, 0)
    assert it.undo() == 1
    assert (it.stop(1).verdict, it.stop(1).suggested) == ("open", False)
    assert it.undo() is None


def test_progress_counts_what_was_seen_and_its_share_of_the_errors():
    shares = [(0.3, 0.2), (0.1, 0.18), (0.05, 0.1), (0.01, 0.01)]
    it = Review([Stop(place(n + 1, *both)) for n, both in enumerate(shares)])
    assert it.progress().sentence == "0 of 4 seen"
    it.see(1)
    it.judge(2, "fine")
    it.count(3, 5)  # suggested only
    progress = it.progress()
    assert (progress.seen, progress.decided, progress.total) == (2, 1, 4)
    assert progress.error_share == pytest.approx(0.4)
    assert progress.map_share == pytest.approx(0.38)
    assert progress.sentence == (
        "2 of 4 seen: 38 % of the uncertainty and an estimated 40 % of the errors are "
        "in them"
    )


def test_hotspots_come_back_from_json_and_damage_is_noticed():
    for hotspot in (place(1), Hotspot(2, (5,), None, 1.0, 0.5, 0.25, None, 0.1, 0.2)):
        stop = Stop(hotspot, "needs expert", False, "ä \ud800 note", True, 3)
        assert Stop.from_json(stop.to_json()) == stop
    row = Stop(place(1)).to_json()
    for change in (
        {"verdict": "perhaps"}, {"seen": 1}, {"note": None}, {"changed_voxels": True},
        {"ras": [1.0]}, {"voxel": None}, {"verdict": []},
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError, LookupError)):
            Stop.from_json(row | change)
