"""The menus of a window, and what the documentation says of them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Actions that open a dialog: what is named after them is a page of it.
DIALOGS = {"Preferences"}


def named_menus(page):
    """Ways through the menus that a page names, as tuples of what is clicked."""
    found = re.findall(
        r"\*((?:File|View|Plugins|Window|Layers|Help)\s+→[^*]+)\*",
        page.read_text("utf-8"),
    )
    return {tuple(plain(step) for step in one.split("→")) for one in found}


def plain(text):
    """Text of a menu, without what napari adds to the commands of a plugin."""
    text = text.removesuffix(" (Uncertainty)")
    return " ".join(text.replace("&", "").replace("…", "...").split())


def ways(menu):
    """All ways through a menu, those to its submenus among them."""
    menu.aboutToShow.emit()  # napari fills some menus when they are opened
    for action in menu.actions():
        yield (plain(action.text()),)
        if action.menu() is not None:
            for way in ways(action.menu()):
                yield (plain(action.text()), *way)


@pytest.fixture
def offered(make_napari_viewer):
    """All ways through the menus of a window."""
    bar = make_napari_viewer().window._qt_window.menuBar()
    return {
        (plain(top.text()), *way) for top in bar.actions() for way in ways(top.menu())
    }


def test_pages_name_the_menus_as_they_are(offered):
    named = {way: page.name for page in PAGES for way in named_menus(page)}
    for name in ("Compute", "Inspect", "Review"):
        way = ("Plugins", "Uncertainty", f"{name} uncertainty")
        assert way in named
    wrong = []
    for way, page in named.items():
        dialog = next((i for i, step in enumerate(way) if step in DIALOGS), len(way))
        if way[: dialog + 1] not in offered:
            wrong.append((page, " → ".join(way)))
    assert not wrong
