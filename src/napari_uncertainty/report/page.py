"""HTML of a report, made from its contents with a template."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import cache
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import text
from ..analysis.class_statistics import IN_REPORT, Column, columns_of
from ..analysis.colors import as_hex, map_palette
from ..io.writing import write_whole
from ..model.measures import ALL_MEASURES
from ..review.review import VERDICTS, Stop
from ..version import __version__
from .contents import ReportCase
from .pictures import Picture, Pictures, png_address

_TEMPLATE = "report.html.j2"

# Signs and words beside the colours of checks, for people who do not see these.
_LEVELS = {
    "green": ("✓", "as it should be"),
    "amber": ("▲", "to be known"),
    "red": ("✗", "not to be trusted"),
}


def iter_report(case: ReportCase) -> Generator[float, None, str]:
    """Make the report of a case.

    Parameters
    ----------
    case : ReportCase
        Contents of the report. The same case always gives the same text.

    Yields
    ------
    float
        Share done, 0 to 1.

    Returns
    -------
    str
        HTML with its pictures inside, which loads nothing from elsewhere.
    """
    known = next(
        (
            measure
            for measure in ALL_MEASURES.values()
            if case.measure in (measure.name, measure.title)
        ),
        None,
    )
    stops = case.all_stops
    pictures = Pictures(case)
    cards = []
    for done, stop in enumerate(stops):
        yield done / (len(stops) + 1)
        cards.append(_card(case, stop, pictures.of(stop.hotspot)))
    yield len(stops) / (len(stops) + 1)
    html: str = _template().render(
        case=case,
        cards=cards,
        checks=list(_checks(case)),
        columns=[one.heading() for one in _shown_columns(case)],
        classes=list(_classes(case)),
        hotspots_sentence=_hotspots_sentence(case),
        notes=any(card["note"] for card in cards),
        bar=png_address(np.arange(256, dtype=np.uint8)[None], map_palette()),
        ticks=[text.number(case.highest * share) for share in (0, 0.25, 0.5, 0.75)]
        + [text.in_unit(case.highest, case.unit)],
        measure=case.measure if known is None else known.title,
        known=known,
        version=__version__,
    )
    # File names may hold bytes that are no text, and signs that HTML does not allow.
    return html.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def write_report(path: str | PathLike[str], html: str) -> None:
    """Write a report; the file appears whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    content = html.encode("utf-8")
    write_whole([(Path(path), lambda file: file.write(content))])


@cache
def _template() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files(__package__)
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        # Names, notes and file names may hold anything.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        text.number,
        text.count,
        text.percent,
        text.ras_place,
        text.voxel_place,
    ):
        environment.filters[word.__name__] = word
    # A length for SVG, as short as a hundredth of a voxel allows.
    environment.filters["mm"] = "{:.5g}".format
    return environment.get_template(_TEMPLATE)


def _card(case: ReportCase, stop: Stop, pictures: list[Picture]) -> dict[str, Any]:
    """Return what the template shows of a stop: its texts, place and pictures."""
    place = stop.hotspot
    outlines = {one.label: one for picture in pictures for one in picture.outlines}
    return {
        "rank": stop.rank,
        "classes": place.competing(case.names) or f"Hotspot {stop.rank}",
        "verdict": _verdict(stop),
        "mark": VERDICTS[stop.verdict],
        "note": stop.note,
        "changed": stop.changed_voxels,
        "place": place,
        "pictures": pictures,
        # Colours and names of the classes that are outlined in them.
        "shown": [
            (outlines[label].color, case.name(label)) for label in sorted(outlines)
        ],
    }


def _verdict(stop: Stop) -> str:
    if stop.suggested:
        return f"{stop.verdict}, not confirmed"
    return "not seen" if stop.verdict == "open" and not stop.seen else stop.verdict


def _checks(case: ReportCase) -> Iterator[tuple[str, str, str, str]]:
    """Yield level, sign, word and sentence of each check, the worst first."""
    order = list(_LEVELS)
    for check in sorted(case.checks, key=lambda one: -order.index(one.level)):
        yield check.level, *_LEVELS[check.level], check.sentence


def _shown_columns(case: ReportCase) -> list[Column]:
    """Return the columns of the table that have values: flat images lack volumes."""
    table = case.table
    if table is None:
        return []
    known = [one for one in columns_of(IN_REPORT) if one.key in table.columns]
    return [one for one in known if not table[one.key].isna().all() or not len(table)]


def _classes(case: ReportCase) -> Iterator[tuple[str, str, list[str]]]:
    """Yield colour (empty for the background), name and numbers of each class."""
    if case.table is None:
        return
    columns = _shown_columns(case)
    row: Mapping[Any, Any]
    for row in case.table.to_dict("records"):
        label = int(row["label"])
        color = as_hex(case.color(label)) if label else ""
        numbers = [one.text(row[one.key]) for one in columns]
        yield color, str(row["name"]), numbers


def _hotspots_sentence(case: ReportCase) -> str:
    hotspots = case.hotspots
    if not hotspots.places:
        return "No place stands out."
    unit = "voxels" if case.grid is None else "mm"
    held = min(1.0, sum(place.share for place in hotspots.places))
    return (
        f"{text.counted(len(hotspots.places), 'place')}, each a ball with a radius of "
        f"{text.number(hotspots.radius_mm)} {unit}. Together they hold "
        f"{text.percent(held)} of the {text.number(hotspots.expected_errors)} "
        "voxels that are expected to be wrong. Look at them in this order."
    )
