"""The architecture page names packages, modules, types and tables that there are."""

import ast
import re
from pathlib import Path

import pytest

import napari_uncertainty

ROOT = Path(__file__).parents[1]
SOURCES = Path(napari_uncertainty.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
# A path: with a slash, or with the ending of a file.
PATHS = sorted(
    {
        one
        for one in re.findall(r"`([\w./-]+)`", PAGE)
        if ("/" in one or one.endswith((".py", ".yaml")))
        and "napari_uncertainty" not in one
    }
)
TYPES = [
    (name, place)
    for names, place in re.findall(
        r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \| ([^|]*) \|", PAGE, re.M
    )
    for name, place in [(name, place) for name in re.findall(r"`(\w+)`", names)]
]
TABLES = [
    ("MEASURES", "model/measures.py"),
    ("KINDS", "model/kinds.py"),
    ("COLUMNS", "analysis/class_statistics.py"),
    ("IN_DOCK", "analysis/class_statistics.py"),
    ("IN_REPORT", "analysis/class_statistics.py"),
    ("VERDICTS", "review/review.py"),
    ("READERS", "io/endings.py"),
]


def names_in(path):
    """Return what a module defines at its top."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_path_on_the_architecture_page_exists(path):
    assert (SOURCES / path).exists() or (ROOT / path).exists()


def test_every_package_and_module_of_the_top_is_on_the_architecture_page():
    for path in sorted(SOURCES.iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"`{path.name}/`" in PAGE
        elif path.suffix == ".py" and path.stem not in ("__init__", "__main__"):
            assert re.search(rf"\b{re.escape(path.name)}`", PAGE), path.name


@pytest.mark.parametrize(("name", "places"), TYPES)
def test_a_type_on_the_architecture_page_is_where_it_says(name, places):
    for place in re.findall(r"`([^`]*)`", places):
        path = SOURCES / place
        if places.startswith("beside"):
            path = path.parent
        modules = [path] if path.suffix else sorted(path.rglob("*.py"))
        if any(name in names_in(one) for one in modules):
            return
    pytest.fail(f"{name} is not defined in {places}")


@pytest.mark.parametrize(("name", "module"), TABLES)
def test_a_table_of_a_recipe_is_where_the_architecture_page_says(name, module):
    assert f"`{name}`" in PAGE
    assert f"`{module}`" in PAGE
    assert name in names_in(SOURCES / module)
