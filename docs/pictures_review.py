"""Pictures of *Review uncertainty*, and of its report where Chromium is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from picture_tools import (
    WINDOW,
    Volume,
    save,
    settled,
    wait_until,
    widened,
    without_space_below,
)
from PIL import Image

from napari_uncertainty.plugin.review.review_saving import report_steps
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.four_views import FourViews
from napari_uncertainty.plugin.viewer.view_planes import frame_case
from napari_uncertainty.steps import run

DOCK_WIDTH = 420
PAGE = (1000, 1000)  # width and height, in pixels
# All of the page but two hotspots.
OTHERS = "section:not(.cards), .card ~ .card ~ .card, footer, main > h1, main > p"

# As for any page without a network: nothing is looked up, nothing is kept.
BROWSER = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
    "--hide-scrollbars",
)  # fmt: skip


def picture_review(name: str, volumes: Iterable[Volume]) -> None:
    """The review of one case, in ``docs/pictures/<name>_re*.png``."""
    viewer = open_case(volumes)
    viewer.window.resize(*WINDOW)
    compute(viewer)
    frame_case(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Review uncertainty")
    widened(widget, DOCK_WIDTH)
    wait_until(lambda: widget.desk.opened is not None)
    for verdict in ("fine", "needs expert"):
        widget.judge(verdict)
        widget.step(1)
    widget.desk.annotate(2, "vessel or gray matter?")
    save(f"{name}_review", settled(viewer).screenshot(canvas_only=False, flash=False))
    views = FourViews.of(viewer)
    assert views is not None
    views.enter()
    wait_until(lambda: views.ready)
    shot = settled(viewer).screenshot(canvas_only=False, flash=False)
    save(f"{name}_four_views", shot)
    views.leave()
    picture_report(name, viewer, widget)
    viewer.close()


def picture_report(name: str, viewer: Any, widget: Any) -> None:
    """The first hotspots of the report, as a browser shows them."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("Chromium is not installed; the picture of the report stays as it is.")
        return
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder, "report.html"), Path(folder, "report.png")
        run(report_steps(page, widget.desk, viewer)())
        # Without what stands above and below, the first two are at the top.
        hidden = f"<style>{OTHERS} {{display: none}}</style></head>"
        text = page.read_text("utf-8").replace("</head>", hidden)
        page.write_text(text, "utf-8")
        subprocess.run(
            [
                browser, *BROWSER, f"--user-data-dir={folder}/browser",
                "--window-size={},{}".format(*PAGE), f"--screenshot={shot}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        pixels = np.asarray(Image.open(shot).convert("RGB"))
    save(f"{name}_report", without_space_below(pixels))
