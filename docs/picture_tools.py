"""What the pictures of the documentation have in common: cases, panels, files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_uncertainty.io import open_volume
from napari_uncertainty.model.images import LabelMap, Scan
from napari_uncertainty.model.probabilities import ProbabilityMap

PICTURES = Path(__file__).parent / "pictures"

Volume = Scan | LabelMap | ProbabilityMap
Array = np.ndarray[Any, Any]

WINDOW = (1280, 820)
DOCK_WIDTH = 365
GAP = 6  # between panels, in pixels


def fetal_case(folder: Path, fold: int) -> tuple[Scan, LabelMap, ProbabilityMap]:
    """The fetal scan and what one network made of it."""
    files = ("T1.nii.gz", f"fold_{fold}/sub-007.nii.gz", f"fold_{fold}/sub-007.npz")
    scan, segmentation, probabilities = (open_volume(folder / file) for file in files)
    assert isinstance(scan, Scan)
    assert isinstance(segmentation, LabelMap)
    assert isinstance(probabilities, ProbabilityMap)
    return scan, segmentation, probabilities


def widened(widget: QWidget, width: int = DOCK_WIDTH) -> QDockWidget:
    """The dock of a widget, wide enough for its title."""
    dock: Any = widget
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    dock.window().resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    return dock


def grabbed(part: QWidget) -> Array:
    """A picture of a dock, or of another part of the window."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "part.png"
        part.grab().save(str(picture))
        return np.asarray(Image.open(picture).convert("RGB"))


def without_space_below(pixels: Array) -> Array:
    """A picture without the empty rows at its lower end."""
    rows = np.nonzero((pixels != pixels[-4]).any(axis=(1, 2)))[0]
    return pixels[: rows.max() + 12]


def settled(viewer: Any) -> Any:
    """The viewer, after everything that waits for the event loop has happened."""
    for _ in range(3):
        QApplication.processEvents()
    return viewer


def wait_until(ready: Callable[[], bool]) -> None:
    """Let the window work until it is ready."""
    while not ready():
        QApplication.processEvents()


def shown(name: str) -> bool:
    """Tell whether a page of the documentation shows this picture."""
    pages = (PICTURES.parents[1] / "README.md", *PICTURES.parent.glob("*.md"))
    return any(f"pictures/{name}.png" in page.read_text("utf-8") for page in pages)


def side_by_side(panels: Sequence[Array]) -> Array:
    """Panels of one height in a row, with a gap between them."""
    gap = np.full((len(panels[0]), GAP, 3), 128, np.uint8)
    row = [part for panel in panels for part in (gap, panel[..., :3])]
    return np.hstack(row[1:])


def captioned(picture: Array, caption: str) -> Array:
    """The picture with a caption in the corner at the lower left."""
    image = Image.fromarray(picture[..., :3])
    font = ImageFont.load_default(size=20)
    place = (10, image.height - 8)
    ImageDraw.Draw(image).text(place, caption, "white", font, anchor="ls")
    return np.asarray(image)


def save(name: str, pixels: Array, width: int | None = None) -> None:
    """Write a picture as PNG, made that wide if it is asked for, if a page shows it."""
    if not shown(name):
        return
    image = Image.fromarray(pixels[..., :3])
    if width is not None:
        height = round(image.height * width / image.width)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    path = PICTURES / f"{name}.png"
    image.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
