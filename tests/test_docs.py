"""The pages in docs/ say what the code says: messages, checks, options, names."""

import ast
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

import napari_uncertainty as nu
from support.command_line import call_here

DOCS = Path(__file__).parents[1] / "docs"
SOURCES = Path(nu.__file__).parent
PAGES = sorted(DOCS.glob("*.md"))


def text_of(page):
    return (DOCS / page).read_text("utf-8")


@cache
def texts_in_the_code():
    """Return all texts of the package, with an ellipsis for what is filled in."""
    found = []
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(one, "value", None) for one in node.values]
                found.append("".join(s if isinstance(s, str) else "…" for s in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def is_said(quote):
    """Tell whether one text of the code has all pieces of a quote in their order."""
    pieces = [one.strip() for one in quote.split("…") if len(one.strip()) > 1]
    wanted = re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)
    return any(wanted.search(one) for one in texts_in_the_code())


def quotes_in(page):
    """Return the quoted paragraphs of a page, each in one line."""
    tokens = MarkdownIt().parse(text_of(page))
    depth, found = 0, []
    for token in tokens:
        depth += token.nesting * token.type.startswith("blockquote")
        if token.type == "inline" and depth:
            found.append(" ".join(token.content.split()))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_guide_leads_to_every_page(page):
    if page.name != "guide.md":
        assert f"]({page.name})" in text_of("guide.md").replace("\n", " ")


def anchors_of(page):
    """Return what GitHub lets a link point to on a page: its headings, in one word."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    bare = [re.sub(r"[^\w\- ]", "", one.lower()) for one in heads]
    return {one.replace(" ", "-") for one in bare}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_page_leads_to_a_heading_that_is_there(page):
    text = page.read_text("utf-8").replace("\n", " ")
    for target, anchor in re.findall(r"\]\(([\w./-]*?\.md)?(?:#([\w-]+))?\)", text):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors_of(path), f"{target}#{anchor}"


def test_troubleshooting_has_messages_of_most_entries():
    assert len(quotes_in("troubleshooting.md")) >= 10


@pytest.mark.parametrize("quote", quotes_in("troubleshooting.md"))
def test_a_message_that_troubleshooting_quotes_is_said_by_the_code(quote):
    assert is_said(quote)


def test_a_message_that_the_code_does_not_say_is_noticed():
    assert not is_said("… needs … GB of memory for its …, and … GB are yours.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_button_that_a_page_tells_to_click_is_in_the_code(page):
    told = re.findall(
        r"[Cc]lick \*\*([^*]+)\*\*", " ".join(page.read_text("utf-8").split())
    )
    assert [one for one in told if one not in texts_in_the_code()] == []


def names_of_checks():
    """Return the names that the code gives to checks."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Check"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found | {f"{role}_grid" for role in ("scan", "segmentation")}


def test_every_check_has_its_row_on_the_page_of_checks():
    table = [one for one in text_of("checks.md").splitlines() if one.startswith("| **")]
    told = {name for row in table for name in re.findall(r"\(`(\w+)`\)", row)}
    assert told == names_of_checks()


@pytest.mark.parametrize(
    ("command", "page"), [("map", "many-cases.md"), ("report", "report.md")]
)
def test_every_option_has_its_row(command, page):
    # With rows for its options, as wide as they are.
    options = set(re.findall(r"--[a-z][a-z-]+", call_here(command, "--help").stdout))
    rows = [one for one in text_of(page).splitlines() if one.startswith("| `-")]
    told = {name for one in rows for name in re.findall(r"--[a-z][a-z-]+", one)}
    assert options - {"--help", "--output"} <= told


def blocks_in(page):
    """Return the Python code of a page."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    return [
        one.content for one in tokens if one.type == "fence" and one.info == "python"
    ]


@pytest.mark.filterwarnings("ignore::napari_uncertainty.UncertaintyWarning")
@pytest.mark.parametrize(
    "page", ["../README.md", "ensembles.md", "entropy.md", "measures.md", "python.md"]
)
def test_the_python_code_of_a_page_runs(page, tmp_path, monkeypatch, rng):
    """In a folder with the files that it names."""
    monkeypatch.chdir(tmp_path)
    names = {"nu": nu}
    for folder in (".", "fold_0", "fold_1", "fold_2"):
        values = rng.random((4, 12, 13, 14)).astype(np.float32)
        values[1, 2:9, 2:9, 2:9] += 2  # a structure with an inside
        names["probabilities"] = values / values.sum(axis=0)
        Path(folder).mkdir(exist_ok=True)
        for case in ("sub-007", "case"):
            np.savez(Path(folder, case), probabilities=names["probabilities"])
    blocks = blocks_in(DOCS / page)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), names)
