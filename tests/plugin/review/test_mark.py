"""The ring around the place that is looked at."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.review.marks import NAME, Mark

SHAPE, SCALE, TRANSLATE = (20, 24, 30), (3.0, 2.0, 1.5), (-10.0, 5.0, 7.0)
PLACE = np.array([20.0, 29.0, 29.5])  # of voxel 10, 12, 15


def scan_in(viewer, leading=()):
    return viewer.add_image(
        np.zeros((*leading, *SHAPE), np.float32),
        scale=(1.0,) * len(leading) + SCALE,
        translate=(0.0,) * len(leading) + TRANSLATE,
        units=("pixel",) * len(leading) + ("mm",) * 3,
    )


@pytest.fixture
def viewer_model():
    viewer = ViewerModel()
    scan_in(viewer)
    return viewer


def layer_of(viewer):
    [layer] = [one for one in viewer.layers if one.name == NAME]
    return layer


def go(viewer, place):
    viewer.dims.set_point(range(-3, 0), tuple(map(float, place)))


def pixels(viewer):
    """Diameter of the rings that are drawn, and widths of their lines."""
    layer, zoom = layer_of(viewer), viewer.scene.camera.zoom
    drawn = layer._view_size * layer.scale[-1] * zoom
    return drawn, layer._view_border_width * drawn


@pytest.mark.parametrize("leading", [(), (4,)])
def test_it_is_seen_where_the_ball_is_as_large_as_the_ball_there(leading):
    viewer = ViewerModel()
    scan_in(viewer, leading)
    further = len(leading)
    for sliced in range(3):
        order = [axis for axis in range(3) if axis != sliced]
        viewer.dims.order = (*range(further), *(further + n for n in (sliced, *order)))
        viewer.scene.camera.zoom = 20.0
        mark = Mark(viewer)
        mark.show(PLACE, 9.0)
        for distance in (-4.6, -4.4, -2.0, 0.0, 3.0, 4.4, 4.6):
            at = PLACE.copy()
            at[sliced] += distance
            go(viewer, at)
            drawn, _ = pixels(viewer)
            if abs(distance) > 4.5:
                assert not len(drawn)
            else:
                # A little outside of the ball.
                section = 20 * 2 * np.sqrt((1.15 * 4.5) ** 2 - distance**2)
                np.testing.assert_allclose(drawn, section, rtol=1e-5)
        go(viewer, PLACE)
        shown = layer_of(viewer)
        for point in shown.data:
            np.testing.assert_allclose(shown.data_to_world(point), PLACE)
        mark.remove()


def test_sliders_and_selection_stay_as_they_were(viewer_model):
    viewer = viewer_model
    other = scan_in(viewer)
    for selected in ([], [other], list(viewer.layers)):
        viewer.layers.selection = selected
        before = viewer.dims.range, viewer.dims.point, viewer.layers.selection.active
        for size in (1.0, 12.0):  # smaller than a step, and larger
            mark = Mark(viewer)
            mark.show(PLACE, size)
            assert {*viewer.layers.selection} == {*selected}
            after = viewer.dims.range, viewer.dims.point
            assert (*after, viewer.layers.selection.active) == before
            assert not layer_of(viewer).editable
            mark.remove()
            assert {*viewer.layers.selection} == {*selected}
    assert NAME not in viewer.layers


def test_it_is_moved_and_not_made_anew(viewer_model):
    viewer, mark = viewer_model, Mark(viewer_model)
    mark.show(PLACE, 9.0)
    first = layer_of(viewer)
    mark.show(PLACE + 3, 15.0)
    assert layer_of(viewer) is first
    np.testing.assert_allclose(first.extent.world, [PLACE + 3] * 2)
    np.testing.assert_allclose(first.size * first.scale[-1], 1.15 * 15, rtol=1e-5)


def test_the_lines_are_as_thin_at_any_zoom(viewer_model):
    viewer, mark = viewer_model, Mark(viewer_model)
    go(viewer, PLACE)
    mark.show(PLACE, 10.0)
    for zoom, drawn in ((20.0, 230.0), (5.0, 57.5), (0.5, 24.0), (8.0, 92.0)):
        viewer.scene.camera.zoom = zoom
        found, widths = pixels(viewer)
        np.testing.assert_allclose(found, drawn, rtol=1e-5)
        np.testing.assert_allclose(widths, [7.0, 3.0], rtol=1e-5)


def test_removed_by_hand_it_comes_again(viewer_model):
    viewer, mark = viewer_model, Mark(viewer_model)
    mark.show(PLACE, 9.0)
    viewer.layers.remove(NAME)
    assert not mark.shown
    viewer.scene.camera.zoom = 3.0
    mark.show(PLACE, 9.0)
    assert mark.shown
    layer_of(viewer)
    viewer.layers.remove(NAME)
    mark.remove()


def test_no_later_image_covers_it(viewer_model):
    viewer, mark = viewer_model, Mark(viewer_model)
    mark.show(PLACE, 9.0)
    later = scan_in(viewer)
    later.visible = False
    mark.show(PLACE, 9.0)
    assert viewer.layers[-1] == later
    later.visible = True
    mark.show(PLACE, 9.0)
    assert viewer.layers[-1] == layer_of(viewer)


def test_flat_images_have_it_too():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((30, 40)), scale=(0.5, 0.5))
    mark = Mark(viewer)
    mark.show(np.array([4.0, 6.0]), 3.0)
    np.testing.assert_allclose(layer_of(viewer).extent.world, [[4.0, 6.0]] * 2)


def test_the_ring_is_drawn_and_what_is_inside_is_seen(viewer):
    rng = np.random.default_rng(3)
    viewer.add_image(rng.random(SHAPE).astype(np.float32), scale=SCALE)
    place = np.array([30.0, 24.0, 22.5])

    def shot():
        picture = viewer.screenshot(canvas_only=True, flash=False, scale=1)
        return picture[..., :3].astype(int)

    for ndisplay in (2, 3):
        go(viewer, place)
        viewer.dims.ndisplay = ndisplay
        viewer.scene.camera.center = tuple(place[-ndisplay:])
        viewer.scene.camera.zoom = 10.0
        ring = Mark(viewer)
        ring.show(place, 12.0)
        shot()  # the window makes room for the controls of the layer
        with_it, mark = shot(), layer_of(viewer)
        mark.visible = False
        changed = np.abs(with_it - shot()).sum(axis=-1) > 30
        rows, columns = np.nonzero(changed)
        middle = np.array(changed.shape) / 2
        away = np.hypot(rows + 0.5 - middle[0], columns + 0.5 - middle[1])
        assert away.min() > 59  # 6 mm at 10 pixels each
        assert away.max() < 74
        # All around.
        around = np.arctan2(rows - middle[0], columns - middle[1])
        assert (np.histogram(around, bins=36, range=(-np.pi, np.pi))[0] > 0).all()
        cyan = np.abs(with_it[rows, columns] - (0, 229, 255)).sum(axis=1) < 20
        assert cyan.sum() > 300
        if ndisplay == 2:
            go(viewer, place + np.array([9.0, 0.0, 0.0]))
            beyond = shot()
            mark.visible = True
            np.testing.assert_array_equal(beyond, shot())
        ring.remove()


def test_it_is_hidden_until_it_is_shown_again(viewer_model):
    mark = Mark(viewer_model)
    mark.show(PLACE, 9.0)
    made = layer_of(viewer_model)
    mark.hide()
    mark.hide()
    assert not made.visible
    mark.show(PLACE, 9.0)
    assert made.visible
    made.visible = False  # by the person
    mark.hide()
    mark.show(PLACE, 9.0)
    assert not made.visible
