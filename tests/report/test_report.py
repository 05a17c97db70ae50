"""A whole report: what it says, and that it is safe, complete and small."""

import re
import time

import numpy as np
import pandas as pd
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.record import Check
from napari_uncertainty.report.page import iter_report, write_report
from napari_uncertainty.review.review import VERDICTS, Stop
from napari_uncertainty.steps import run
from napari_uncertainty.text import number, ras_place
from support.report_pages import Page, a_case, hotspots, page_of

SHAPE = (12, 13, 14)
NASTY = "<script>alert(\"1\")</script> & 'x' {{ 7 * 7 }} </style>"
VOXELS = [(3, 4, 5), (8, 2, 9), (0, 12, 13)]


@pytest.fixture
def grid():
    affine = np.diag([-0.5, 1.0, 2.0, 1.0])
    affine[:3, 3] = 3.4, -8.9, 4.2
    return Grid(SHAPE, affine)


def full_case(rng, grid, **other):
    values = 2 * rng.random(SHAPE)
    labels = rng.integers(0, 4, SHAPE)
    names = {1: NASTY, 2: "gray matter"}
    places = hotspots(SHAPE, VOXELS, grid)
    fine, fixed, expert = places.places
    settings = {
        "grid": grid,
        "labels": labels,
        "scan": rng.random(SHAPE),
        "names": names,
        "title": NASTY,
        "facts": [("Probabilities", NASTY)],
        "checks": [
            Check("sums", "green", "Sums are 1.", {"n": 1}),
            Check("agreement", "red", NASTY),
            Check("place", "amber", "Headers differ."),
        ],
        "table": nu.summarize(values, labels, class_names=names, grid=grid),
        "hotspots": places,
        "stops": [
            Stop(fine, "fine", seen=True, note=NASTY),
            Stop(fixed, "fixed", suggested=True, seen=True, changed_voxels=1234),
            Stop(expert),
        ],
        "progress": "2 of 3 seen.",
        "reviewed": True,
    }
    return a_case(values, VOXELS, **(settings | other))


def test_nothing_is_run_or_loaded(rng, grid):
    page = page_of(full_case(rng, grid))
    assert not page.all("script")
    assert not any(name.startswith("on") for one in page.elements for name in one)
    addresses = [
        value
        for one in page.elements
        for name, value in one.items()
        if name in ("src", "href", "xlink:href", "action", "data")
    ]
    assert addresses
    assert all(re.match("#|data:image/png;base64,", one) for one in addresses)
    assert "@import" not in page.html
    assert not re.search(r"url\((?!#c\d)", page.html)
    # What was given is there as text, letter by letter.
    assert page.all("h1")[0]["text"] == NASTY
    assert page.all("title")[0]["text"].startswith(NASTY)
    assert page.all("dd")[0]["text"] == NASTY
    assert NASTY in page.all("p", class_="note")[0]["text"]
    assert any(one["text"] == NASTY for one in page.all("th"))
    assert any(NASTY in one["text"] for one in page.all("li"))


def test_every_link_leads_somewhere(rng, grid):
    page = page_of(full_case(rng, grid))
    ids = [one["id"] for one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    wanted = [
        one["href"][1:] for one in page.elements if one.get("href", "")[:1] == "#"
    ]
    wanted += [one["for"] for one in page.all("label")]
    wanted += [one["aria-labelledby"] for one in page.elements
               if "aria-labelledby" in one]  # fmt: skip
    wanted += re.findall(r"url\(#(.*?)\)", page.html)
    assert {"stop-1", "stop-3", "row-2", "show-map"} <= set(wanted)
    assert set(wanted) <= set(ids)


def test_every_picture_has_words(rng, grid):
    page = page_of(full_case(rng, grid))
    assert all(one["role"] == "img" and one["aria-label"] for one in page.all("svg"))
    assert all(one["alt"] for one in page.all("img"))
    headings = [
        one["tag"] for one in page.elements if re.fullmatch("h[1-6]", one["tag"])
    ]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    levels = [int(tag[1]) for tag in headings]
    assert max(np.diff(levels)) <= 1


def test_a_report_says_everything_of_its_hotspots(rng, grid):
    case = full_case(rng, grid)
    page = page_of(case)
    rows = [
        [cell["text"].strip() for cell in cells] for cells in rows_of(page, len(VOXELS))
    ]
    assert rows[0] == [
        "1", f"{NASTY} ↔ gray matter", "✓ fine", "0", "10.0", "1.50", "0.750",
        "R 1.9, A −4.9, S 14.2 mm", "(3, 4, 5)", NASTY,
    ]  # fmt: skip
    assert rows[1][2:5] == ["✎ fixed, not confirmed", "1,234", "5.00"]
    assert rows[2][2] == "○ not seen"
    assert "radius of 2.00 mm" in page.text
    # Shares of 0.1, 0.05 and 0.0333 of 100 voxels.
    assert "18.3 % of the 100 voxels" in page.text
    assert "2 of 3 seen." in page.text
    words = [one["text"] for one in page.all("span") if "word" in one.get("class", "")]
    assert words == ["not to be trusted:", "to be known:", "as it should be:"]
    label_two = case.labels == 2
    assert f"{label_two.sum():,}" in page.text
    assert number(case.values[label_two].mean()) in page.text
    # Voxels of 1 mm³.
    assert number(label_two.sum() / 1000) in page.text
    assert "not a medical device" in page.text
    assert "Shannon" in page.text
    assert page.all("img")[0]["alt"].endswith("2.00 bits")


def rows_of(page, many):
    """Cells of the rows in the list of hotspots."""
    rows = [n for n, one in enumerate(page.elements)
            if one["tag"] == "tr" and one.get("id", "").startswith("row-")]  # fmt: skip
    assert len(rows) == many
    for start in rows:
        cells = []
        for one in page.elements[start + 1 :]:
            if one["tag"] == "tr" or one["tag"] == "section":
                break
            if one["tag"] == "td":
                cells.append(one)
        yield cells


def test_without_a_review_there_are_no_verdicts(rng, grid):
    page = page_of(full_case(rng, grid, reviewed=False, stops=(), progress=""))
    assert "Verdict" not in page.text
    assert "hanged voxels" not in page.text
    assert "Note" not in page.text
    assert len(page.all("article")) == 3


def test_verdicts_have_their_colours(rng, grid):
    case = full_case(rng, grid)
    page = page_of(case)
    colors = [VERDICTS[stop.verdict].color for stop in case.stops]
    found = [
        one["style"] for one in page.all("span") if "round" in one.get("class", "")
    ]
    # In the list and on the cards.
    assert found == 2 * [f"--c:{color}" for color in colors]


def test_the_same_case_gives_the_same_text(grid):
    first, second = (
        run(iter_report(full_case(np.random.default_rng(7), grid, made="1 May 2031")))
        for _ in range(2)
    )
    assert first == second
    assert "1 May 2031" in first


def test_progress_goes_up_to_the_end(rng, grid):
    shares = list(iter_report(full_case(rng, grid)))
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 < shares[-1] <= 1


def test_a_report_needs_next_to_nothing(rng):
    page = page_of(a_case(rng.random((5, 6)), [], title="", highest=0.0, unit=""))
    assert "No place stands out." in page.text
    assert not page.all("svg")
    page = page_of(
        a_case(rng.random((5, 6)), [(2, 2)], table=pd.DataFrame(columns=["label"]),
               hotspots=hotspots((5, 6), [(2, 2)], classes=None), measure="my own")
    )  # fmt: skip
    assert page.all("h3")[0]["text"] == "1 · Hotspot 1"
    assert "my own" in page.text


def test_flat_images_have_no_volumes(rng):
    values, labels = rng.random((9, 8)), np.repeat([0, 1, 2], 24).reshape(9, 8)
    page = page_of(a_case(values, [(1, 1)], table=nu.summarize(values, labels)))
    assert "mL" not in page.text
    assert "Inside mean" in page.text


@pytest.mark.parametrize("field", ["labels", "scan", "no_data"])
def test_other_shapes_are_refused(rng, field):
    with pytest.raises(InputError, match=field):
        a_case(rng.random((4, 5, 6)), [], **{field: np.zeros((4, 5, 7), int)})


def test_maps_of_four_axes_are_refused(rng):
    with pytest.raises(InputError, match="two or three axes"):
        a_case(rng.random((2, 2, 2, 2)), [])


def test_stops_of_other_places_are_a_bug(rng, grid):
    with pytest.raises(ValueError, match="3 places"):
        full_case(rng, grid, stops=[Stop(hotspots(SHAPE, VOXELS).places[0])])


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "größe.html"
    write_report(path, "<p>↔</p>")
    assert path.read_bytes() == "<p>↔</p>".encode()
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "none" / "a.html", "")
    assert [one.name for one in tmp_path.iterdir()] == ["größe.html"]


def test_file_names_that_are_no_text(tmp_path, rng):
    html = run(iter_report(a_case(rng.random((4, 4)), [], title="a\udcff\0b")))
    write_report(tmp_path / "a.html", html)
    assert "\0" not in Page(html).html
    assert Page(html).all("h1")[0]["text"] == "a?\ufffdb"


def test_fifty_stops_are_small_and_quick(rng):
    # The worst case: noise everywhere, and all of it in the pictures.
    values = 2 * rng.random((256, 256, 256), dtype=np.float32)
    coarse = rng.integers(0, 5, (32, 32, 32)).astype(np.uint8)
    labels = coarse.repeat(8, 0).repeat(8, 1).repeat(8, 2)
    voxels = rng.integers(60, 190, (50, 3)).tolist()
    grid = Grid(values.shape, np.diag([0.4, 0.4, 0.4, 1]))
    case = a_case(values, voxels, grid=grid, labels=labels, scan=values[::-1])
    start = time.process_time()
    html = run(iter_report(case))
    assert time.process_time() - start < 15
    assert 1e6 < len(html.encode()) < 5e6


@pytest.mark.parametrize(
    ("ras", "expected"),
    [
        ((3.41, 8.94, -4.16), "R 3.4, A 8.9, S −4.2 mm"),
        ((-0.04, 0, 100), "R 0.0, A 0.0, S 100.0 mm"),
        (None, "–"),
    ],
)
def test_places_are_shown_in_ras_mm(ras, expected):
    assert ras_place(ras) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.61234, "0.612"),
        (12345.6, "12,346"),
        (-2.5, "−2.50"),
        (1e-6, "<0.0001"),
        (float("nan"), "–"),
        (0, "0"),
    ],
)
def test_numbers_are_shown_with_three_digits(value, expected):
    assert number(value) == expected
