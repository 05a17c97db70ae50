"""Scan, map and the borders of classes on three planes in 3D.

napari can show a layer on one plane only. Three planes of scan, map and labels would
need nine copies of whole volumes; pictures of the three slices are small, and quickly
drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from .layer_roles import MODULATED, PER_VIEW
from .layers import add_helper
from .lifetime import Listening
from .scan_space import axes_of, layer_info
from .view_planes import PLANES, box_of

Array = np.ndarray[Any, Any]

#: Voxels along a side of a picture, at most.
LONGEST = 320

#: Pixels of a picture along a side of each voxel, at most; borders are one pixel wide.
FINEST = 4

#: Pixels that are darker than this share of white are faint, and black is transparent.
AIR = 0.12

#: How far the planes reach beyond the foreground, as a share of its longest side.
AROUND = 0.08

_EVENTS = (
    "visible", "opacity", "blending", "colormap", "contrast_limits", "gamma", "data",
    "set_data", "scale", "translate", "affine",
)  # fmt: skip


class CutPlanes(QObject):
    """Three planes through one place.

    Parameters
    ----------
    source, target : napari.components.ViewerModel
        The viewer whose layers are shown, and the viewer in 3D that gets the planes.
    corners : ndarray, shape (2, 3)
        Opposite corners of the box that is cut, in the world (z, y, x).
    """

    def __init__(self, source: Any, target: Any, corners: Array) -> None:
        super().__init__()
        self._source, self._target, self._corners = source, target, corners
        #: The planes, once they were drawn.
        self.layer: Any = None
        self._drawn_at = 0
        self._listening, self._of_layers = Listening(), Listening()
        layers = source.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            self._listening.to(event, self._listen)
        self._listening.to(source.dims.events.point, self._draw_soon)
        self._listening.to(target.scene.camera.events.zoom, self._draw_finer)
        self._listening.to(target.scene.camera.events.angles, self._turned)
        # The planes are drawn once for all changes of one moment.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.draw)
        self._listen()

    def stop(self) -> None:
        """Draw the planes no more."""
        self._soon.stop()
        self._listening.stop()
        self._of_layers.stop()

    def draw(self) -> None:
        """Draw all three planes as the layers are now."""
        self._soon.stop()
        place = np.clip(self._source.dims.point[-3:], *self._corners)
        vertices, pictures = [], []
        fine = self._drawn_at = self._fine()
        for axis, *across in PLANES.values():
            at = [self._steps(one) for one in across]
            vertices.append(_grid(axis, place, across, at))
            pictures.append(self._picture(axis, place, across, at, fine))
        self._show(np.vstack(vertices), pictures)

    @property
    def vertices(self) -> Array:
        """Vertices of the planes in the world (z, y, x)."""
        vertices: Array = self.layer.data[0]
        return vertices

    def hit(self, start: Array, along: Array) -> Array | None:
        """Return the place where a line of sight meets the nearest plane, if any.

        Parameters
        ----------
        start, along : ndarray, shape (3,)
            A place in the world (z, y, x), and the direction of view.
        """
        if self.layer is None:
            return None
        hits = []
        planes = self.vertices.reshape(3, 9, 3)
        for vertices, (axis, *_) in zip(planes, PLANES.values(), strict=True):
            if abs(along[axis]) < 1e-6:
                continue
            far = (vertices[0, axis] - start[axis]) / along[axis]
            at = start + far * along
            at[axis] = vertices[0, axis]
            low, high = vertices.min(axis=0), vertices.max(axis=0)
            if ((at >= low) & (at <= high)).all():
                hits.append((far, at))
        return min(hits, key=lambda hit: float(hit[0]))[1] if hits else None

    # -- layers ---------------------------------------------------------------

    def _listen(self, *_: Any) -> None:
        self._of_layers.stop()
        for layer in self._source.layers:
            volume = isinstance(layer, Image | Labels)
            for name in _EVENTS if volume else ("visible",):
                if name in layer.events:
                    self._of_layers.to(getattr(layer.events, name), self._draw_soon)
        self._draw_soon()

    def _draw_finer(self, *_: Any) -> None:
        if self._drawn_at != self._fine():
            self._draw_soon()

    def _draw_soon(self, *_: Any) -> None:
        self._soon.start()

    def _show(self, vertices: Array, pictures: Sequence[Array]) -> None:
        """Show all pictures in one layer, for each layer costs napari time."""
        height = sum(len(picture) for picture in pictures)
        width = max(picture.shape[1] for picture in pictures)
        texture = np.zeros((height, width, 4), np.uint8)
        corners, row = [], 0
        for picture, (_, *across), own in zip(
            pictures, PLANES.values(), vertices.reshape(3, 9, 3), strict=True
        ):
            rows, columns = picture.shape[:2]
            texture[row : row + rows, :columns] = picture
            low, high = own[0, across], own[-1, across]
            shares = (own[:, across] - low) / (high - low)
            corners.append(shares[:, ::-1] * [columns, rows] + [0, row])
            row += rows
        # The first row of a picture is at its top, and that of a texture at the bottom.
        texcoords = np.vstack(corners) / [width, -height] + [0, 1]
        texcoords = np.ascontiguousarray(texcoords, np.float32)
        if self.layer is None:
            # With the grid of the images, letters can be written beside the planes.
            grid = axes_of(self._source.layers)
            self.layer = add_helper(
                self._target,
                "surface",
                (vertices, self._faces()),
                "cut",
                info={} if grid is None else {"grid": grid},
                vertex_colors=np.ones((len(vertices), 4)),
                texture=texture,
                texcoords=texcoords,
                shading="none",
                blending="translucent_no_depth",
                name="cut",
                units=(self._source.layers.units or ())[-3:] or None,
            )
            return
        self.layer.texcoords = texcoords
        self.layer.texture = texture
        if not np.array_equal(self.layer.data[0], vertices):
            self.layer.vertices = vertices

    def _faces(self) -> Array:
        """Return two triangles for each quarter of a plane, the farthest first.

        A transparent plane has to be drawn after what is behind it.
        """
        away = np.array(self._target.scene.camera.view_direction) >= 0
        quarters = []
        for place, (_, *across) in enumerate(PLANES.values()):
            for row, column in np.ndindex(2, 2):
                far = [(row == away[across[0]]), (column == away[across[1]])]
                first = 9 * place + 3 * row + column
                corners = first + np.array([[0, 1, 3], [3, 1, 4]])
                quarters.append((sum(far), corners))
        quarters.sort(key=lambda quarter: -quarter[0])
        faces: Array = np.vstack([corners for _, corners in quarters])
        return faces

    def _turned(self, *_: Any) -> None:
        """Draw in another order when the camera comes to the other side of a plane."""
        if self.layer is not None:
            faces = self._faces()
            if not np.array_equal(self.layer.faces, faces):
                vertices, _, values = self.layer.data
                self.layer.data = vertices, faces, values

    # -- pictures -------------------------------------------------------------

    def _fine(self) -> int:
        """Return the pixels of a voxel's side, about as many as the view has for it."""
        step = min(part.step for part in self._source.dims.range[-3:])
        return int(np.clip(round(step * self._target.scene.camera.zoom), 1, FINEST))

    def _steps(self, axis: int) -> Array:
        """Return the places of an axis that a picture shows, on steps of its slider."""
        start, _, step = self._source.dims.range[axis - 3]
        first, last = np.rint((self._corners[:, axis] - start) / step)
        stride = int((last - first) // LONGEST) + 1
        places: Array = start + step * np.arange(first, last + 1, stride)
        return places

    def _picture(
        self,
        axis: int,
        place: Array,
        across: Sequence[int],
        at: Sequence[Array],
        fine: int,
    ) -> Array:
        shape = tuple(map(len, at))
        color, opaque = np.zeros((*shape, 3)), np.zeros(shape)
        borders: list[tuple[Any, Array]] = []
        shown = [one for one in self._source.layers if self._is_shown(one)]
        maps = any(layer_info(layer).get("role") == "map" for layer in shown)
        for layer in shown:
            values, inside = self._values(layer, axis, place, across, at)
            if values is None:
                continue
            modulated = layer_info(layer).get("role") == MODULATED
            if isinstance(layer, Labels) and not modulated:
                borders.append((layer, np.where(inside, values, 0)))
                if maps or not layer.visible:
                    continue  # colours of classes would change those of the map
            painted = _colors(layer, values)
            alpha = painted[..., 3:] * (layer.opacity * inside[..., np.newaxis])
            # Air around the head is transparent.
            seen = alpha[..., 0] * np.clip(painted[..., :3].max(axis=-1) / AIR, 0, 1)
            opaque = np.maximum(opaque, seen)
            if str(layer.blending) == "additive":
                color = np.minimum(color + alpha * painted[..., :3], 1)
            else:
                color += alpha * (painted[..., :3] - color)
        picture = np.empty((*(fine * n for n in shape), 4), np.uint8)
        picture[..., :3] = _enlarged(np.rint(255 * color).astype(np.uint8), fine)
        picture[..., 3] = _enlarged(np.rint(255 * opaque).astype(np.uint8), fine)
        for layer, labels in borders:
            _draw_borders(picture, layer, labels, fine)
        return picture

    def _is_shown(self, layer: Any) -> bool:
        outlined = isinstance(layer, Labels) and any(
            layer_info(one).get("role") == "outline" and one.visible
            for one in self._source.layers
        )
        return bool(
            isinstance(layer, Image | Labels)
            and (layer.visible or outlined)
            and layer.ndim >= 3
            and not layer.multiscale
            and not getattr(layer, "rgb", False)
            and layer_info(layer).get("role") not in PER_VIEW
        )

    def _values(
        self,
        layer: Any,
        axis: int,
        place: Array,
        across: Sequence[int],
        at: Sequence[Array],
    ) -> tuple[Any, Array]:
        """Return a layer's nearest values on a plane, and a mask of those inside it."""
        point = np.array(self._source.dims.point[-layer.ndim :])
        point[-3:] = place
        origin = np.array(layer.world_to_data(point))
        turned = np.array(
            [layer.world_to_data(point + unit) for unit in np.eye(layer.ndim)[-3:]]
        )
        steps = (turned - origin)[:, -3:]
        if not np.allclose(steps, np.diag(np.diag(steps)), atol=1e-6):
            return None, np.zeros(tuple(map(len, at)), bool)  # rotated by somebody
        sizes = np.array(layer.data.shape)
        fixed = np.rint(origin).astype(int)
        lines, inside = [], []
        for one, places in zip(across, at, strict=True):
            index = origin[one - 3] + (places - place[one]) * steps[one, one]
            index = np.rint(index).astype(int)
            inside.append((index >= 0) & (index < sizes[one - 3]))
            lines.append(np.clip(index, 0, sizes[one - 3] - 1))
        sliced = [axis - 3, *range(-layer.ndim, -3)]
        within = np.logical_and.outer(*inside)
        if any(not 0 <= fixed[one] < sizes[one] for one in sliced):
            within[:] = False
        selection: list[Any] = list(np.clip(fixed, 0, sizes - 1))
        for one in across:
            selection[one - 3] = slice(None)
        # The slice is taken first, for data may be lazy.
        return np.asarray(layer.data[tuple(selection)])[np.ix_(*lines)], within


def foreground(layers: Sequence[Any]) -> Array:
    """Return opposite corners, in the world (z, y, x), of the visible foreground.

    It is that of the labels, else the part of a map that reaches half its range, else
    all of the layers.
    """
    volumes = [
        layer
        for layer in layers
        if isinstance(layer, Image | Labels)
        and layer.ndim >= 3
        and (layer.visible or isinstance(layer, Labels))
    ]
    # Labels first, and then maps.
    for layer in sorted(volumes, key=lambda one: not isinstance(one, Labels)):
        known = isinstance(layer, Labels) or layer_info(layer).get("role") == "map"
        # Data may be lazy, or at several scales.
        if known and isinstance(layer.data, np.ndarray) and layer.ndim == 3:
            box = box_of(layer)
            if box is not None:
                return box
    extents = np.array([layer.extent.world[:, -3:] for layer in volumes])
    return np.array([extents[:, 0].min(axis=0), extents[:, 1].max(axis=0)])


def around(corners: Array, limits: Array) -> Array:
    """Return a box that is somewhat larger, within limits; all as opposite corners."""
    margin = AROUND * np.ptp(corners, axis=0).max()
    larger: Array = np.clip(corners + np.array([[-margin], [margin]]), *limits)
    return larger


def _grid(axis: int, place: Array, across: Sequence[int], at: Sequence[Array]) -> Array:
    """Return nine corners of a plane's four quarters in the world, row by row."""
    lines = []
    for one, places in zip(across, at, strict=True):
        half = np.ptp(places) / max(len(places) - 1, 1) / 2
        lines.append([places[0] - half, place[one], places[-1] + half])
    corners = np.empty((9, 3))
    corners[:, axis] = place[axis]
    corners[:, across[0]] = np.repeat(lines[0], 3)
    corners[:, across[1]] = np.tile(lines[1], 3)
    return corners


def _colors(layer: Any, values: Array) -> Array:
    """Return red, green, blue and opacity of each value, as the layer shows it."""
    if isinstance(layer, Labels):
        labels, which = np.unique(values, return_inverse=True)
        colors: Array = np.asarray(layer.colormap.map(labels))
        return colors[which].reshape(*values.shape, 4)
    low, high = layer.contrast_limits
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        share = np.clip((values - low) / (high - low), 0, 1) ** layer.gamma
    table: Array = np.array(layer.colormap.map(np.linspace(0, 1, 256)))
    painted: Array = table[np.where(known, 255 * share, 0).astype(int)]
    painted[~known, 3] = 0
    return painted


def _enlarged(picture: Array, fine: int) -> Array:
    """Return a picture with `fine` times as many pixels along each side."""
    return picture.repeat(fine, axis=0).repeat(fine, axis=1)


def _draw_borders(picture: Array, layer: Any, labels: Array, fine: int) -> None:
    """Draw a line between classes, within the class of the higher label."""
    colors = np.rint(255 * _colors(layer, labels)).astype(np.uint8)
    drawn = colors[..., 3] > 0
    colors[..., 3] = 255
    for axis in (0, 1):
        one, color, seen, lines = (
            np.moveaxis(part, axis, 0) for part in (labels, colors, drawn, picture)
        )
        for side, other, line in (
            (slice(None, -1), slice(1, None), fine - 1),
            (slice(1, None), slice(None, -1), 0),
        ):
            rows, columns = np.nonzero((one[side] > one[other]) & seen[side])
            rows += side.start or 0
            for pixel in range(fine):
                at = rows * fine + line, columns * fine + pixel
                lines[at] = color[rows, columns]
