"""What is really drawn, pixel by pixel."""

import nibabel as nib
import numpy as np
from napari.utils.colormaps import ensure_colormap
from skimage.color import rgb2hsv

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.inspect.scenes import Scenes
from napari_uncertainty.plugin.viewer.in_3d import in_3d
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.view_planes import letters_of
from support.compute_without_window import compute, maps_in
from support.inspect_dock import add, wait_until_found

SIDE = 400
SHAPE, RADIUS, VOXEL = (48, 48, 48), 19, 2.0


def small_canvas(qtbot, viewer, side=SIDE):
    """A canvas of a size that docks and windows do not change."""
    viewer.window._qt_viewer.canvas.native.setFixedSize(side, side)
    qtbot.waitUntil(lambda: tuple(viewer.canvas.size) == (side, side))


def picture(viewer):
    """Red, green and blue from 0 to 255, as signed numbers."""
    shown = viewer.screenshot(canvas_only=True, flash=False)
    return shown[..., :3].astype(int)


# -- which side is which ------------------------------------------------------


def marked_patient(viewer, n=31):
    """Balls at the patient's left (red), front (green) and top (blue)."""
    from_middle = np.moveaxis(np.indices((n,) * 3), 0, -1) - n // 2
    affine = nib.affines.from_matvec(np.eye(3), (-(n // 2),) * 3)
    for color, place in (
        ("red", (-11, 0, 0)),
        ("green", (0, 11, 0)),
        ("blue", (0, 0, 11)),
    ):
        ball = np.linalg.norm(from_middle - place, axis=-1) < 3
        scan = Scan(ball.astype(np.float32), Grid(ball.shape, affine), name=color)
        data, options, _ = to_layer(scan)
        options |= {"colormap": color, "contrast_limits": (0, 1), "rendering": "mip"}
        viewer.add_image(data, **options, blending="additive")
    return np.array([[-15.0] * 3, [15.0] * 3])


def places_on_screen(viewer):
    """Of each ball from the middle of the canvas, to the right and down, in pixels."""
    shown = picture(viewer).astype(float)
    rows, columns = np.indices(shown.shape[:2]) - (len(shown) - 1) / 2
    return [
        np.array([(at * shown[..., color]).sum() for at in (columns, rows)])
        / shown[..., color].sum()
        for color in range(3)
    ]


def check_sides(qtbot, viewer):
    """The picture is not mirrored, and the letters are where the patient is."""
    scenes = Scenes(viewer)
    in_3d(viewer).corners = marked_patient(viewer)
    small_canvas(qtbot, viewer, 300)
    scenes.show_as_they_are()
    camera, edges = viewer.scene.camera, ("right", "left", "bottom", "top")
    for view, up in (
        (camera.view_direction, camera.up_direction),  # of our own choice
        ((0, 1, 0), (-1, 0, 0)),
        ((0.3, 0.4, 0.9), (0, -1, 0.2)),
        ((0.2, -0.8, 0.6), (-1, 0, 0)),
    ):
        camera.set_view_direction(view_direction=view, up_direction=up)
        places = places_on_screen(viewer)
        letters = letters_of(viewer)
        for letter, opposite, place in zip("LAS", "RPI", places, strict=True):
            # The balls are equally far from the middle: what share is seen of that.
            right, down = place / (11 * camera.zoom)
            shares = dict(zip(edges, (right, -right, down, -down), strict=True))
            for edge, share in shares.items():
                if abs(abs(share) - 0.42) > 0.04:
                    assert (letter in letters[edge]) == (share > 0.42), (view, edge)
                    assert (opposite in letters[edge]) == (share < -0.42), (view, edge)
        if view == (0, 1, 0):  # face to face, with the patient's left on the right
            left, front, top = places
            assert left[0] > 80
            assert np.abs(front).max() < 5
            assert top[1] < -80
    scenes.leave()
    scenes.stop()
    viewer.layers.clear()


# -- the scenes ---------------------------------------------------------------


def add_ball(viewer):
    """A ball brain with a core at the patient's right, and where they blend."""
    at = np.moveaxis(np.indices(SHAPE), 0, -1) - 23.5
    inside = RADIUS - np.linalg.norm(at, axis=-1)
    core = 9 - np.linalg.norm(at - (6, 0, 0), axis=-1)
    sure, surer = np.clip(inside, -8, 8), np.clip(core, -8, 8)
    logits = 0.7 * np.array([0 * sure, sure, sure + surer])
    p = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    grid = Grid(SHAPE, nib.affines.from_matvec(VOXEL * np.eye(3), (-23.5 * VOXEL,) * 3))
    scan = np.where(inside > 0, 700 + 100 * np.sin(5 * at.sum(axis=-1)), 0)
    add(viewer, Scan(scan.astype(np.float32), grid, name="T1"))
    add(viewer, LabelMap(p.argmax(axis=0).astype(np.uint8), grid, name="case"))
    compute(viewer, add(viewer, ProbabilityMap(p, ("air", "shell", "core"), grid)))


def inspected(qtbot, viewer):
    """The widget, when it has looked at the map that was computed."""
    add_ball(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", "Inspect uncertainty"
    )
    wait_until_found(qtbot, widget)
    return widget


def without_bar(shown):
    """The colour bar, at the top on the right, has all the colours anyway."""
    shown = shown.copy()
    shown[:175, SIDE - 78 :] = 0
    return shown


def check_same(shown, before):
    """Nothing has changed, but which of bar and letter is above the other."""
    changed = np.argwhere((shown != before).any(axis=-1))
    touching = (changed >= (180, SIDE - 30)) & (changed <= (205, SIDE - 5))
    assert touching.all(), changed[~touching.all(axis=1)]


def hue_and_chroma(shown):
    """Of each pixel, in degrees and from 0 to 255."""
    return (360 * rgb2hsv(shown / 255)[..., 0]).round(), np.ptp(shown, axis=-1)


def in_colors_of_the_map(shown, low=0.3, high=0.95):
    """Pixels whose hue the colormap has between these shares, whatever the shade."""
    hue, chroma = hue_and_chroma(shown)
    bar = np.asarray(ensure_colormap("inferno").map(np.linspace(low, high, 200)))
    hues = np.unique(hue_and_chroma(255 * bar[None, :, :3])[0])
    near = (hues[:, None] + np.arange(-5, 6)) % 360
    return np.isin(hue % 360, near) & (chroma > 25)


def gray(shown):
    """Pixels without a colour that are neither black nor white, as a scan has."""
    return (np.ptp(shown, axis=-1) < 10) & (shown.max(axis=-1) > 20) & ~white(shown)


def white(shown):
    return shown.min(axis=-1) > 250


def in_colors_of_labels(viewer, labels):
    """Number of pixels that have just the colour of each label, with no map on top."""
    layer, shown = viewer.layers["case"], maps_in(viewer)[0]
    layer.opacity, shown.visible = 1.0, False
    seen = picture(viewer)
    layer.opacity, shown.visible = 0.4, True
    colors = [np.rint(255 * np.ravel(layer.colormap.map(one))[:3]) for one in labels]
    return np.array(
        [(np.abs(seen - color).max(axis=-1) <= 3).sum() for color in colors]
    )


def test_every_scene_is_drawn_as_it_is_meant(qtbot, viewer, told):
    check_sides(qtbot, viewer)
    widget = inspected(qtbot, viewer)
    small_canvas(qtbot, viewer)
    viewer.fit_to_view()
    views = widget.views

    def show(name):
        views.buttons.buttons[name].click()
        # By then meshes are made.
        qtbot.waitUntil(
            lambda: (
                not views.waiting.isVisible()
                and views.buttons.buttons[name].isChecked()
            )
        )
        pictures = []

        def is_drawn_and_not_white():
            # The panels of a grid get their sizes when they are drawn.
            pictures.append(picture(viewer))
            return white(pictures[-1]).mean() < 0.02

        qtbot.wait(20)
        qtbot.waitUntil(is_drawn_and_not_white)
        shown = without_bar(pictures[-1])
        assert in_colors_of_the_map(shown).sum() > 500, name
        return shown

    ball = np.pi * (RADIUS * VOXEL) ** 2

    def ball_pixels():
        return ball * viewer.scene.camera.zoom**2

    before = picture(viewer)
    seen = in_colors_of_the_map(without_bar(before), high=0.7).sum()
    assert 0.3 * ball_pixels() < seen < 1.3 * ball_pixels()
    # The pattern of the scan shows in the core, where the model is certain.
    assert before[190:210, 130:180].std(axis=(0, 1)).min() > 5
    assert white(before).mean() < 0.02

    shown = show("Surface")
    silhouette = shown.max(axis=-1) > 20
    assert abs(silhouette.sum() / ball_pixels() - 1) < 0.15
    assert in_colors_of_the_map(shown).sum() > 0.7 * ball_pixels()
    # The ball is in the middle of the view.
    np.testing.assert_allclose(
        np.argwhere(silhouette).mean(axis=0), (SIDE / 2, SIDE / 2), atol=10
    )

    shown = show("Glow")
    # Not one bright blob: the last colour is for the few brightest lines of sight.
    last = 255 * np.asarray(ensure_colormap("inferno").map([1.0]))[0, :3]
    assert (np.abs(shown - last).max(axis=-1) < 8).sum() < 0.02 * ball_pixels()
    assert len(np.unique(shown.reshape(-1, 3) // 16, axis=0)) > 20
    maps_in(viewer)[0].visible = False
    assert gray(without_bar(picture(viewer))).sum() > 0.2 * ball_pixels()
    maps_in(viewer)[0].visible = True

    shown = show("Cut-away")
    # It faces the eye, who looks from the left front and from above.
    assert views.buttons.cut_axis.currentText() == "Sagittal"
    assert in_colors_of_labels(viewer, [1, 2]).min() > 0.05 * ball_pixels()
    views.buttons.cut_axis.setCurrentText("Axial")
    shown = without_bar(picture(viewer))
    # From above one looks onto the plane: rings around the core, with the scan within.
    assert gray(shown).sum() > 300
    # The near half is cut away, and the far one below it is there.
    above, below = np.s_[60:110, 150:250], np.s_[290:340, 150:250]
    assert shown[above].max() < 10
    assert in_colors_of_the_map(shown[below]).mean() > 0.95
    camera = viewer.scene.camera
    down, back, left = camera.view_direction
    camera.set_view_direction((-down, back, left), up_direction=(-1, 0, 0))
    shown = picture(viewer)
    assert shown[below].max() < 10
    assert in_colors_of_the_map(shown[above]).mean() > 0.95
    camera.set_view_direction((down, back, left), up_direction=(-1, 0, 0))

    widget.classes.select([2])
    qtbot.waitUntil(lambda: not views.waiting.isVisible())
    shown = show("Surface")
    # The core at the patient's right, which is at the left as one looks from the left
    # front, within a faint hull of the whole.
    columns = np.argwhere(in_colors_of_the_map(shown))[:, 1]
    assert columns.mean() < SIDE / 2 - 10
    assert gray(shown).sum() > 0.3 * ball_pixels()
    widget.classes.select([])

    views.buttons.buttons["Axial"].click()
    check_same(picture(viewer), before)

    shown = show("Side by side")
    scan, labels, uncertainty = np.array_split(shown, 3, axis=1)
    assert gray(scan).sum() > 1000
    assert in_colors_of_the_map(scan).sum() == 0
    # The shell around the core.
    hue, chroma = hue_and_chroma(labels)
    own = viewer.layers["case"].colormap.map(np.array([1, 2]))[:, np.newaxis, :3]
    shell, core = hue_and_chroma(255 * own)[0].ravel()
    assert ((np.abs(hue - shell) < 5) & (chroma > 25)).sum() > 1000
    assert ((np.abs(hue - core) < 5) & (chroma > 25)).sum() > 500
    assert in_colors_of_the_map(uncertainty).sum() > 1000
    assert gray(uncertainty[:-80]).sum() < 300  # only letters, above the titles

    views.buttons.buttons["Side by side"].click()
    check_same(picture(viewer), before)

    viewer.dims.ndisplay = 3  # by napari's own button
    shown = without_bar(picture(viewer))
    # Seen at an angle, the cut of the ball is an ellipse with all three in it.
    assert in_colors_of_labels(viewer, [1, 2]).min() > 0.05 * ball_pixels()
    assert in_colors_of_the_map(shown, high=0.7).sum() > 0.05 * ball_pixels()
    # Below both the scan, without the air around it.
    viewer.layers["case"].visible = maps_in(viewer)[0].visible = False
    below = without_bar(picture(viewer))
    assert 0.3 * ball_pixels() < (gray(below) | white(below)).sum() < ball_pixels()
    viewer.layers["case"].visible = maps_in(viewer)[0].visible = True
    viewer.dims.ndisplay = 2
    check_same(picture(viewer), before)
    assert told() == []
