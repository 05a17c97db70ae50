"""Verdicts are one table: names, keys, colours, meanings, wherever they are shown."""

import ast
import re
from pathlib import Path

import pytest

import napari_uncertainty
from napari_uncertainty.review.review import VERDICTS

SOURCES = Path(napari_uncertainty.__file__).parent
TABLE = SOURCES / "review" / "review.py"
REVIEW_PAGE = Path(__file__).parents[2] / "docs" / "review.md"


def test_each_verdict_is_told_from_the_others():
    for fields in ("name", "action", "key", "meaning", "sign", "color"):
        told = [getattr(one, fields) for one in VERDICTS.values()]
        assert len({*told}) == len(told)
    for name, one in VERDICTS.items():
        assert one.name == name
        assert re.fullmatch("#[0-9A-F]{6}", one.color)
        assert one.meaning.endswith(".")


def test_a_verdict_gives_its_colour_in_numbers():
    assert VERDICTS["needs expert"].rgb == (255, 95, 210)


@pytest.mark.parametrize("name", VERDICTS)
def test_the_page_on_reviews_names_the_key_and_what_it_means(name):
    one = VERDICTS[name]
    button, meaning = one.action.capitalize(), one.meaning.rstrip(".").split(":")[0]
    row = f"| {one.key} | {button} | {meaning[0].lower()}{meaning[1:]} |"
    assert row in REVIEW_PAGE.read_text("utf-8")


def test_there_is_no_other_table_of_verdicts():
    """Neither a mapping from them to something else, nor one of their colours."""
    for path in SOURCES.rglob("*.py"):
        if path == TABLE:
            continue
        text = path.read_text("utf-8")
        for one in VERDICTS.values():
            assert one.color.lower() == "#ffffff" or one.color not in text, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                assert len(keys & {*VERDICTS}) < 2, f"{path}, line {node.lineno}"
