"""A search from start to end: what may be given, what stops it, and the table."""

import doctest
import re
import tracemalloc

import dask.array as da
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import COLUMNS, HotspotOptions
from napari_uncertainty.steps import run
from support import plain_hotspots as plain

SHAPE = (30, 26, 22)
GRID = nu.Grid(SHAPE, plain.TILTED)


@pytest.fixture(scope="module")
def case():
    return plain.case(SHAPE)


def search(case, *, count=12, **options):
    given = {
        "values": case["values"],
        "labels": case["labels"],
        "no_data": case["no_data"],
        "members": [case["probabilities"]],
        "grid": GRID,
        "wanted": HotspotOptions(count),
    }
    return run(iter_hotspots(**(given | options)))


# The same, however it is given


LAYOUTS = {
    "fortran": np.asfortranarray,
    "backwards": lambda volume: volume[..., ::-1].copy()[..., ::-1],
    "thinned": lambda volume: volume.repeat(2, -1)[..., ::2],
    "read only": lambda volume: np.frombuffer(volume.tobytes(), volume.dtype).reshape(
        volume.shape
    ),
}


@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_places_do_not_depend_on_the_layout_in_memory(case, lay):
    other = {name: lay(volume) for name, volume in case.items()}
    for grid in (GRID, None):
        for no_data in (True, False):
            options = {"grid": grid} | ({} if no_data else {"no_data": None})
            expected = search(case, **options)
            assert len(expected.places) == 12
            assert search(other, **options).places == expected.places


def test_memory_maps_and_lazy_arrays_give_the_same_places(case, tmp_path):
    np.save(tmp_path / "p.npy", case["probabilities"])
    np.save(tmp_path / "map.npy", case["values"])
    expected = search(case).places
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    values = np.load(tmp_path / "map.npy", mmap_mode="r")
    assert search(case, members=[mapped], values=values).places == expected
    lazy = da.from_array(case["probabilities"], chunks=(2, 16, 9, 22))
    assert search(case, members=[lazy]).places == expected


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_changes_no_place(case, threads, monkeypatch):
    expected = search(case).places
    monkeypatch.setattr("napari_uncertainty.analysis.balls._SIDE", 16)
    monkeypatch.setattr("napari_uncertainty.analysis.expected_errors._TOGETHER", 999)
    assert search(case, threads=threads).places == expected


@pytest.mark.parametrize("members", [True, False])
def test_maps_in_single_and_double_precision(case, members):
    options = {} if members else {"members": (), "undecided": 1.0}
    expected = search(case, **options).places
    double = search(case, values=case["values"].astype(np.float64), **options).places
    for one, other in zip(double, expected, strict=True):
        assert (one.voxel, one.mass, one.classes) == (
            other.voxel, other.mass, other.classes,
        )  # fmt: skip
        assert one.peak == other.peak
        assert one.mean == pytest.approx(other.mean, rel=1e-12)
        assert one.map_share == pytest.approx(other.map_share, rel=1e-9)


def test_input_is_left_alone(case):
    before = {name: volume.copy() for name, volume in case.items()}
    search(case)
    search(case, members=())
    for name, volume in before.items():
        np.testing.assert_array_equal(case[name], volume)


def test_probabilities_stored_as_bytes_give_the_same_places(case):
    """Votes out of 64, as they were counted."""
    votes = np.rint(case["probabilities"] * 64).astype(np.uint8)
    assert search(case, members=[votes]).places == search(case).places


# One, two and three dimensions


@pytest.mark.parametrize("shape", [(300,), (60, 50), (1, 60, 50), (60, 50, 1)], ids=str)
@pytest.mark.parametrize("with_grid", [True, False])
def test_flat_images_have_the_places_of_the_plain_choice(shape, with_grid):
    case = plain.case(shape, seed=3)
    zooms = np.diag(plain.UPRIGHT)[: len(shape)] if with_grid else np.ones(len(shape))
    grid = nu.Grid(shape, plain.UPRIGHT) if with_grid else None
    found = search(case, count=5, grid=grid, no_data=None)
    affine = plain.UPRIGHT if with_grid else np.eye(4)
    mask = plain.ball(affine, len(shape), 3.75)
    allowed = plain.near_foreground(case["labels"] > 0, zooms)
    wrong = plain.wrong([case["probabilities"]], case["labels"])
    levels = np.rint(np.where(allowed, wrong, 0) * plain.LEVELS)
    apart = plain.ball(affine, len(shape), 3.749)
    expected = plain.greedy(levels, allowed, mask, apart, 5)
    places = [(place.voxel, place.mass * plain.LEVELS) for place in found.places]
    assert places == expected
    assert len(places) > 2
    assert (found.places[0].ras is None) == (not with_grid)


# Nothing to find, or all of it at once


def test_a_certain_map_has_no_places(case):
    certain = (case["probabilities"] == case["probabilities"].max(axis=0)).astype(float)
    certain[:, certain.sum(axis=0) > 1] = [[1], [0], [0], [0]]
    labels = certain.argmax(axis=0)
    found = search(case, members=[certain], labels=labels)
    assert found.places == ()
    assert found.expected_errors == 0
    assert search(case, members=(), values=np.zeros(SHAPE)).places == ()


@pytest.mark.parametrize("members", [True, False])
def test_an_image_without_data_has_no_places(case, members):
    options = {"members": [case["probabilities"]] if members else ()}
    everywhere = np.ones(SHAPE, bool)
    assert search(case, no_data=everywhere, **options).places == ()
    nothing = np.full(SHAPE, np.nan, np.float32)
    assert search(case, values=nothing, **options).places == ()
    unknown = np.zeros((4, *SHAPE), np.float32)
    assert search(case, members=[unknown]).places == ()


@pytest.mark.parametrize("interior", [True, False])
def test_a_class_that_does_not_occur_has_no_places(case, interior):
    wanted = HotspotOptions(classes=(9,), interior=interior)
    assert search(case, wanted=wanted).places == ()
    nothing = np.zeros(SHAPE, np.uint8)
    assert (
        search(case, labels=nothing, wanted=HotspotOptions(interior=interior)).places
        == ()
    )


def test_one_ball_holds_everything(case):
    found = search(case, wanted=HotspotOptions(radius_mm=50))
    (place,) = found.places
    assert place.share == 1
    assert place.mass == found.expected_errors
    assert place.map_share == pytest.approx(1, rel=1e-12)
    assert place.peak == case["values"][~case["no_data"]].max()


def test_memory_does_not_grow_with_the_radius():
    # Of 0.01 mm: the box around a ball of 50 mm would hold 10,001³ voxels.
    shape, zoom = (32, 30, 28), 0.01
    values = np.random.default_rng(5).random(shape)
    peaks = {}
    for radius in (40 * zoom, 50.0):
        tracemalloc.start()
        try:
            found = run(
                iter_hotspots(
                    values,
                    grid=nu.Grid(shape, np.diag([zoom] * 3 + [1])),
                    wanted=HotspotOptions(radius_mm=radius),
                    threads=1,
                )
            )
            peaks[radius] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    (place,) = found.places
    assert place.share == 1
    assert place.map_share == pytest.approx(1, rel=1e-12)
    assert peaks[50.0] < 1.1 * peaks[40 * zoom]
    assert peaks[50.0] < 40 * values.nbytes


def test_a_single_place_is_the_first_of_a_longer_list(case):
    found = search(case, count=1)
    assert found.places == search(case, count=12).places[:1]
    assert (found.radius_mm, found.shape, found.grid) == (3.75, SHAPE, GRID)


# Stopping


def test_shares_grow_to_one(case):
    steps = iter_hotspots(
        case["values"], case["labels"], members=[case["probabilities"]]
    )
    shares = [*steps]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] == pytest.approx(1)


# What cannot be


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"values": ones(2, 3, 4, 5)},
            "No place can be found in a map of shape (2, 3, 4, 5).",
        ),
        ({"values": ones(0, 3)}, "No place can be found in a map of shape (0, 3)."),
        (
            {"labels": ones(4, 6).astype(int)},
            "The labels of shape (4, 6) cannot belong to a map of shape (4, 5).",
        ),
        (
            {"no_data": ones(5, 4) > 1},
            "The no-data mask of shape (5, 4) cannot belong to a map of shape (4, 5).",
        ),
        (
            {"grid": nu.Grid((5, 4), np.eye(4))},
            "The grid of shape (5, 4) cannot belong to a map of shape (4, 5).",
        ),
        (
            {"labels": ones(4, 5)},
            "Labels of type float32 cannot be a segmentation; give whole numbers.",
        ),
        (
            {"members": [ones(4, 5, 3)]},
            "Probabilities of shape (4, 5, 3) do not lie on a map of shape (4, 5), "
            "class axis first.",
        ),
        (
            {"members": [ones(3, 4, 5), ones(2, 4, 5)]},
            "Members with 3 and with 2 classes cannot be one case.",
        ),
        (
            {"members": [ones(3, 4, 5)], "labels": np.full((4, 5), 7)},
            "The segmentation has the labels 7, which are not the 3 classes of the "
            "probabilities, so the two cannot be compared.",
        ),
        (
            {"undecided": 0.0},
            "0.0 cannot be the value of undecided voxels; give the value of the map "
            "where two classes are equally likely, above 0.",
        ),
        (
            {"wanted": HotspotOptions(interior=True)},
            "Classes and their interior are only known with a segmentation; choose "
            "one.",
        ),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_wrong_input_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(nu.InputError, match=f"^{re.escape(sentence)}$"):
        run(iter_hotspots(**({"values": ones(4, 5)} | given)))


# The function that scripts call


def test_find_hotspots_gives_the_places_as_a_table(case):
    names = {0: "air", 1: "gray", 2: "white", 3: "stem"}
    table = nu.find_hotspots(
        case["values"], case["labels"], probabilities=case["probabilities"],
        no_data=case["no_data"], grid=GRID, class_names=names, count=12,
    )  # fmt: skip
    assert [*table.columns] == COLUMNS
    places = search(case).places
    assert len(table) == len(places) == 12
    for row, place in zip(table.itertuples(), places, strict=True):
        assert (row.rank, row.i, row.j, row.k) == (place.rank, *place.voxel)
        assert (row.x, row.y, row.z) == place.ras
        assert (row.mass, row.peak, row.mean, row.share) == (
            place.mass, place.peak, place.mean, place.share,
        )  # fmt: skip
        first, second = place.classes
        assert (row.class_a, row.class_b) == (names[first], names[second])


def test_a_probability_map_brings_place_and_names(case):
    names = ("air", "gray", "white", "stem")
    given = nu.ProbabilityMap(case["probabilities"], names, GRID)
    table = nu.find_hotspots(case["values"], case["labels"], probabilities=given)
    explicit = nu.find_hotspots(
        case["values"], case["labels"], probabilities=case["probabilities"],
        grid=GRID, class_names=names,
    )  # fmt: skip
    assert table.equals(explicit)
    assert set(table["class_a"]) <= set(names)
    assert table["x"].notna().all()
    other = nu.Grid(SHAPE, np.eye(4))
    moved = nu.find_hotspots(
        case["values"], case["labels"], probabilities=given, grid=other,
        class_names=["a", "b", "c", "d"],
    )  # fmt: skip
    assert moved[["x", "y", "z"]].to_numpy().tolist() == (
        moved[["i", "j", "k"]].to_numpy().tolist()
    )
    assert set(moved["class_a"]) <= set("abcd")


def test_find_hotspots_asks_several_networks(case):
    other = np.roll(case["probabilities"], 1, axis=2)
    table = nu.find_hotspots(
        case["values"], case["labels"], probabilities=[case["probabilities"], other],
        grid=GRID, no_data=case["no_data"], count=12,
    )  # fmt: skip
    places = search(case, members=[case["probabilities"], other]).places
    assert table["mass"].tolist() == [place.mass for place in places]
    assert table["mass"].tolist() != [place.mass for place in search(case).places]


def test_find_hotspots_takes_all_options_of_a_search(case):
    options = {"radius_mm": 2.5, "separation_mm": 6.0, "classes": [1, 2]}
    table = nu.find_hotspots(
        case["values"], case["labels"], probabilities=case["probabilities"], grid=GRID,
        no_data=case["no_data"], count=7, interior=True, **options,
    )  # fmt: skip
    wanted = HotspotOptions(7, 2.5, 6.0, (1, 2), True)
    places = search(case, wanted=wanted).places
    assert table["mass"].tolist() == [place.mass for place in places]
    table = nu.find_hotspots(
        case["values"].tolist(), case["labels"].tolist(), undecided=1.0
    )
    places = search(
        case,
        members=(),
        no_data=None,
        grid=None,
        undecided=1.0,
        wanted=HotspotOptions(),
    ).places
    assert table["mass"].tolist() == [place.mass for place in places]


def test_find_hotspots_takes_lists_of_numbers():
    table = nu.find_hotspots(
        [0.0, 0.1, 0.9, 0.0], [0, 1, 1, 0], probabilities=np.full((2, 4), 0.5)
    )
    assert table["mass"].tolist() == [2.0]
    assert (table["class_a"][0], table["class_b"][0]) == ("background", "label 1")


@pytest.mark.parametrize("function", [nu.find_hotspots, nu.summarize])
def test_examples_give_what_they_show(function):
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(function, globs={}):
        runner.run(example)
    assert runner.tries >= 3
    assert runner.failures == 0
