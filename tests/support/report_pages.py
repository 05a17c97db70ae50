"""Reports made for tests, and read like a browser reads them."""

from base64 import b64decode
from html.parser import HTMLParser

import imageio.v3 as iio
import numpy as np

from napari_uncertainty.analysis.hotspots import Hotspot, Hotspots
from napari_uncertainty.report.contents import ReportCase
from napari_uncertainty.report.page import iter_report
from napari_uncertainty.steps import run

VOID = {"meta", "input", "img", "br"}


def hotspots(shape, voxels, grid=None, radius_mm=2.0, classes=(1, 2)):
    places = tuple(
        Hotspot(
            rank=rank,
            voxel=tuple(voxel),
            ras=None if grid is None else tuple(grid.to_ras([voxel])[0].tolist()),
            mass=10.0 / rank,
            peak=1.5,
            mean=0.75,
            classes=classes,
            share=0.1 / rank,
            map_share=0.05,
        )
        for rank, voxel in enumerate(voxels, start=1)
    )
    return Hotspots(places, radius_mm, 100.0, tuple(shape), grid)


def a_case(values, voxels, *, grid=None, radius_mm=2.0, **other):
    settings = {
        "title": "sub-007",
        "values": values,
        "grid": grid,
        "measure": "entropy",
        "unit": "bits",
        "highest": 2.0,
        "labels": None,
        "scan": None,
        "no_data": None,
        "names": {},
        "colors": {},
        "facts": (),
        "checks": (),
        "table": None,
        "hotspots": hotspots(values.shape, voxels, grid, radius_mm),
        "stops": (),
    }
    return ReportCase(**(settings | other))


class Page(HTMLParser):
    """Elements in their order, each with its attributes, text and parents."""

    def __init__(self, html):
        super().__init__()
        self.elements, self._open = [], []
        self.html = html
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        element = {"tag": tag, "text": "", **dict(attrs)}
        element["parents"] = [one["tag"] for one in self._open]
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one["tag"] == tag and all(one.get(k) == v for k, v in wanted.items())
        ]

    @property
    def text(self):
        return " ".join(self.all("body")[0]["text"].split())


def page_of(case):
    return Page(run(iter_report(case)))


def decoded(element, mode=None):
    start, _, content = element["href"].partition(",")
    assert start == "data:image/png;base64"
    options = {} if mode is None else {"mode": mode}
    return iio.imread(b64decode(content), extension=".png", **options)


def maps(page):
    """RGBA of the map in each picture, as float."""
    return [
        decoded(one, "RGBA").astype(float) for one in page.all("image", class_="map")
    ]


def scans(page):
    return [decoded(one) for one in page.all("image", class_="scan")]


def opacity(values, highest):
    return 255 * np.clip(np.asarray(values, float) / highest / 0.6, 0, 1)
