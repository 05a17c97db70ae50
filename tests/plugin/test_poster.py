"""The picture of a case with six panels."""

import numpy as np
import pytest
from imageio.v3 import imread

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin import session
from napari_uncertainty.plugin.session import PANEL, TITLE, Panel, joined
from support.generated import softmax
from support.phantoms import asymmetric, softmax_of

WIDTH, HEIGHT = PANEL[0], PANEL[1] + TITLE


def flat(color):
    return np.full((PANEL[1], PANEL[0], 4), (*color, 255), np.uint8)


@pytest.mark.parametrize(("n", "rows", "columns"), [(2, 1, 2), (3, 1, 3), (6, 2, 3)])
def test_panels_stand_in_rows_of_three_below_their_titles(qapp, n, rows, columns):
    colors = [(30 * number + 20, 200, 255 - 30 * number) for number in range(n)]
    picture = joined(
        [Panel(f"Panel {k}", flat(color)) for k, color in enumerate(colors)]
    )
    height, width = picture.shape[:2]
    assert 0 <= width - columns * WIDTH <= 60
    assert 0 <= height - rows * HEIGHT <= 60
    seen = picture[..., :3].astype(int)
    for number, color in enumerate(colors):
        own = (np.abs(seen - color).max(axis=-1) < 3).nonzero()
        assert len(own[0]) == pytest.approx(PANEL[0] * PANEL[1], rel=0.01)
        row, column = number // 3, number % 3
        assert own[0].min() == pytest.approx(row * HEIGHT + TITLE, abs=30)
        assert own[1].min() == pytest.approx(column * WIDTH, abs=30)
        # The title is written in white above it.
        above = seen[
            own[0].min() - TITLE : own[0].min() - 4, own[1].min() : own[1].max()
        ]
        assert (above.min(axis=-1) > 200).sum() > 50


def test_a_larger_picture_is_made_smaller_as_a_whole(qapp):
    large = np.zeros((2 * PANEL[1], PANEL[0], 4), np.uint8)
    large[..., 1] = large[..., 3] = 255
    green = (joined([Panel("", large)])[..., :3] == (0, 255, 0)).all(axis=-1)
    rows, columns = green.nonzero()
    assert np.ptp(rows) + 1 == PANEL[1]
    assert np.ptp(columns) + 1 == PANEL[0] // 2


def volumes(shape=(24, 26, 28)):
    classes = asymmetric(shape)
    grid = Grid(shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    names = ("background", "outer", "inner", "core")
    return (
        Scan(100 * classes.astype(np.float32), grid, name="T1"),
        LabelMap(classes, grid, dict(enumerate(names)), name="labels"),
        ProbabilityMap(softmax_of(classes), names, grid, name="net"),
    )


def size_of(picture):
    height, width = imread(picture).shape[:2]
    return round(height / HEIGHT), round(width / WIDTH)


@pytest.fixture
def run_case(make_napari_viewer, monkeypatch, tmp_path):
    monkeypatch.setattr(session.napari, "Viewer", lambda: make_napari_viewer(show=True))
    return lambda case: session.run_case(case, tmp_path / "poster.png")


def test_of_a_volume_there_are_six_panels(run_case):
    assert size_of(run_case(volumes())) == (2, 3)


def test_without_a_segmentation_and_in_2d_there_is_what_can_be_shown(run_case, rng):
    grid = Grid((40, 50), np.eye(4))
    p = softmax(rng, (3, 40, 50))
    scan = Scan(p[0], grid, name="T1")
    case = scan, ProbabilityMap(p, ("a", "b", "c"), grid, name="net")
    assert size_of(run_case(case)) == (1, 2)
