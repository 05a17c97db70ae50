"""Which side of the patient is where on the screen."""

from itertools import product

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty import Grid, Scan
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.view_planes import Letters, letters_of, show_plane

EDGES = ("top", "bottom", "left", "right")
EXPECTED = {"Axial": "APRL", "Coronal": "SIRL", "Sagittal": "SIAP"}
UPRIGHT = np.diag([1.0, 1.5, 2.0, 1.0])
OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))

#: From where somebody looks at the patient, what is up, and what is then to the right:
#: known to everybody who has seen a patient.
VIEWS = {
    ("A", "S"): "L",
    ("P", "S"): "R",
    ("L", "S"): "P",
    ("R", "S"): "A",
    ("S", "A"): "R",
    ("I", "A"): "L",
}


def shown(layer):
    viewer = ViewerModel()
    viewer.add_image(layer[0], **layer[1])
    return viewer


def scan(*further, affine=UPRIGHT, shape=(5, 6, 7)):
    return to_layer(Scan(np.zeros((*shape, *further)), Grid(shape, affine)))


def overlays(viewer):
    """The texts by their places, only those of this plugin."""
    return {
        str(overlay.position): overlay.text
        for key, overlay in viewer.canvas.overlays.items()
        if key.startswith("napari-uncertainty")
    }


def world(letter):
    """A direction of the patient in z, y, x: minus RAS, reversed."""
    axis, sign = {"R": (0, 1), "A": (1, 1), "S": (2, 1)}.get(letter, (None, -1))
    if axis is None:
        return -world(OPPOSITE[letter])
    ras = np.zeros(3)
    ras[axis] = sign
    return -ras[::-1]


@pytest.mark.parametrize("further", [(), (2,)], ids=["3D", "with times"])
def test_each_plane_has_its_letters(further):
    viewer = shown(scan(*further))
    letters = Letters(viewer)
    for plane, expected in EXPECTED.items():
        show_plane(viewer, plane)
        assert "".join(letters_of(viewer)[edge] for edge in EDGES) == expected
        assert overlays(viewer) == dict(
            zip(
                ("top_center", "bottom_center", "middle_left", "middle_right"),
                expected,
                strict=True,
            )
        )
    letters.remove()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_letters_are_white_on_a_dark_patch_in_each_theme(theme):
    viewer = shown(scan())
    viewer.theme = theme
    letters = Letters(viewer)
    for overlay in letters_shown(viewer):
        *rgb, alpha = overlay.box_color
        assert overlay.box
        assert (max(rgb) < 0.2, alpha > 0.5) == (True, True)
        assert tuple(overlay.color) == (1, 1, 1, 1)
        assert overlay.visible
    letters.remove()


def test_where_the_place_is_unknown_no_empty_patch_is_left():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 5, 6)))
    letters = Letters(viewer)
    assert len(letters_shown(viewer)) == 4
    assert not any(overlay.visible for overlay in letters_shown(viewer))
    letters.remove()


def letters_shown(viewer):
    return [
        overlay
        for key, overlay in viewer.canvas.overlays.items()
        if key.startswith("napari-uncertainty ")
    ]


def test_letters_follow_a_view_that_the_preferences_turn_over():
    viewer = shown(scan())
    letters = Letters(viewer)
    viewer.scene.camera.orientation2d = ("up", "left")
    assert overlays(viewer)["top_center"] == "P"
    assert overlays(viewer)["middle_left"] == "L"
    letters.remove()


@pytest.mark.parametrize("plane", EXPECTED)
def test_flat_images_know_their_plane(plane):
    """Whatever the two axes of the file are."""
    across = {"Axial": 2, "Coronal": 1, "Sagittal": 0}[plane]
    columns = [axis for axis in range(3) if axis != across] + [across]
    affine = UPRIGHT[:, [*columns, 3]]
    viewer = shown(scan(affine=affine, shape=(5, 6)))
    assert "".join(letters_of(viewer)[edge] for edge in EDGES) == EXPECTED[plane]


@pytest.mark.parametrize(("view", "right"), VIEWS.items(), ids=lambda v: "".join(v))
def test_letters_in_3d_follow_the_side_of_the_camera(view, right):
    viewer = shown(scan())
    letters = Letters(viewer)
    viewer.dims.ndisplay = 3
    source, up = view
    viewer.scene.camera.set_view_direction(
        view_direction=-world(source), up_direction=world(up)
    )
    assert letters_of(viewer) == {
        "right": right,
        "left": OPPOSITE[right],
        "top": up,
        "bottom": OPPOSITE[up],
    }
    assert overlays(viewer)["middle_right"] == right
    letters.remove()


def test_letters_in_3d_are_the_directions_that_the_camera_projects():
    """Letters name the directions that the camera projects to each edge."""
    viewer = shown(scan())
    viewer.dims.ndisplay = 3
    rng = np.random.default_rng(4)
    for angles in rng.uniform(-180, 180, (30, 3)):
        viewer.scene.camera.angles = tuple(angles)
        # In RAS, which is right-handed: forward × up is right.
        forward, up = (
            -np.array(getattr(viewer.scene.camera, name))[::-1]
            for name in ("view_direction", "up_direction")
        )
        edges = {"top": up, "bottom": -up, "right": np.cross(forward, up)}
        edges["left"] = -edges["right"]
        letters = letters_of(viewer)
        for edge, towards in edges.items():
            along = {one: towards @ -world(one)[::-1] for one in OPPOSITE}
            wanted = [one for one in OPPOSITE if along[one] >= 0.42]
            wanted.sort(key=along.get, reverse=True)
            assert letters[edge] == "".join(wanted)


ORIENTATIONS = list(product(("towards", "away"), ("down", "up"), ("right", "left")))


def test_in_3d_letters_are_where_the_window_shows_that_side_of_the_patient(viewer):
    """Whichever way the preferences have the axes run, left-handed ones included."""
    shape, layer = (21, 21, 21), None
    sides = {letter: np.zeros(shape, np.float32) for letter in "RAS"}
    for axis, (letter, data) in enumerate(sides.items()):
        at = [slice(8, 13)] * 3
        at[axis] = slice(18, 21)
        data[tuple(at)] = 1
        sides[letter] = to_layer(Scan(data, Grid(shape, np.eye(4))))
    data, options, _ = sides["R"]
    layer = viewer.add_image(data, **{**options, "contrast_limits": (0, 1)})
    viewer.dims.ndisplay = 3
    camera = viewer.scene.camera
    camera.perspective = 0
    seen = set()
    for orientation in ORIENTATIONS:
        camera.orientation = orientation
        camera.angles = (20, 30, 100)
        seen.add(str(camera.handedness))
        expected = {edge: set() for edge in EDGES}
        places = {}
        for letter, (data, *_) in sides.items():
            layer.data = data
            light = viewer.screenshot(canvas_only=True)[..., :3].sum(axis=-1)
            bright = np.argwhere(light > light.max() / 2)
            places[letter] = bright.mean(axis=0) - (np.array(light.shape) - 1) / 2
        longest = max(np.linalg.norm(list(places.values()), axis=0))
        for letter, (down, right) in places.items():
            for along, before, behind in (
                (down, "top", "bottom"), (right, "left", "right")
            ):  # fmt: skip
                if abs(along) > 0.5 * longest:
                    first, last = (behind, before) if along > 0 else (before, behind)
                    expected[first].add(letter)
                    expected[last].add(OPPOSITE[letter])
        found = letters_of(viewer)
        for edge, wanted in expected.items():
            assert wanted <= set(found[edge]), (orientation, found)
            assert not {OPPOSITE[one] for one in wanted} & set(found[edge])
        assert sum(map(len, expected.values())) >= 6
    assert seen == {"right", "left"}


def test_none_without_a_place_in_the_patient():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6, 7)))
    letters = Letters(viewer)
    assert set(overlays(viewer).values()) == {""}
    layer = scan()
    viewer.add_image(layer[0], **layer[1])
    assert overlays(viewer)["top_center"] == "A"
    viewer.layers.pop()
    assert set(overlays(viewer).values()) == {""}
    letters.remove()
    assert overlays(viewer) == {}
    viewer.dims.ndisplay = 3  # nobody listens


def test_the_next_widget_takes_over():
    viewer = shown(scan())
    first, second = Letters(viewer), Letters(viewer)
    assert len(overlays(viewer)) == 4
    before = overlays(viewer)
    first.remove()
    assert overlays(viewer) == before
    show_plane(viewer, "Coronal")
    assert "".join(overlays(viewer)[place] for place in before) != "".join(
        before.values()
    )
    second.remove()
    assert overlays(viewer) == {}


def test_the_first_widget_keeps_them():
    viewer = shown(scan())
    first, second = Letters(viewer), Letters(viewer)
    before = overlays(viewer)
    second.remove()
    assert overlays(viewer) == before
    first.remove()
    assert overlays(viewer) == {}
