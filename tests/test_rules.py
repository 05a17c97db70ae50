"""Rules that docs/architecture.md states, each held for all modules."""

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_uncertainty"

#: Modules that may share a name: readers of one subject in io, and docks.
SHARED_NAMES = {"__init__", "widget"}

#: Words that begin a question. A docstring answers one instead.
QUESTIONS = ("What", "Whether", "How", "Where", "Which", "Who", "When", "Of")


def modules():
    """Each module of the package, as its path and its syntax tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text("utf-8"))


def test_each_class_has_a_name_of_its_own():
    names = Counter(
        node.name
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_each_module_has_a_name_of_its_own_within_the_core_and_within_the_plugin():
    """What files hold is told in `io`; what the viewer shows of it, in `plugin`."""
    for inside in (False, True):
        names = Counter(
            path.stem
            for path, _ in modules()
            if (path.parts[0] == "plugin") is inside and path.stem not in SHARED_NAMES
        )
        assert [name for name, times in names.items() if times > 1] == []


#: Modules whose functions import modules of the package, and the reason.
LOADED_LATER = {
    "__main__.py": "Ctrl-C ends the program quietly while the rest is loaded, too.",
    "cli.py": "The help and refusals of wrong usage do not wait for all commands.",
}


def own_imports(tree):
    """Lines within functions at which a module of the package is imported."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and (
                    node.level or (node.module or "").startswith("napari_uncertainty")
                ):
                    yield node.lineno


def test_no_function_imports_a_module_of_the_package_unless_for_a_reason():
    found = {str(path) for path, tree in modules() if any(own_imports(tree))}
    assert found == set(LOADED_LATER)


def described(tree):
    """Each docstring of a module, with the line at which it begins."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def test_no_docstring_opens_with_a_question():
    found = [
        f"{path}:{line}: {text.splitlines()[0]}"
        for path, tree in modules()
        for line, text in described(tree)
        if text.split()[0].strip(",.:") in QUESTIONS
    ]
    assert found == []


def circles(imports):
    """Groups of modules that import each other, from what each of them imports."""
    reached = {name: set(others) for name, others in imports.items()}
    grown = True
    while grown:
        grown = False
        for name, others in reached.items():
            more = set().union(*(reached.get(other, set()) for other in others))
            if not more <= others:
                reached[name] = others | more
                grown = True
    return {name for name, others in reached.items() if name in others}


def imported(path, tree, names):
    """The modules of the package that a module imports, anywhere within it."""
    package = path.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            base += tuple((node.module or "").split(".")) if node.module else ()
            for alias in node.names:
                inner = (*base, alias.name)
                yield inner if inner in names else base


def test_no_modules_import_each_other_in_a_circle():
    parsed = {
        path.with_suffix("").parts if path.stem != "__init__" else path.parent.parts: (
            path,
            tree,
        )
        for path, tree in modules()
    }
    imports = {
        name: set(imported(path, tree, parsed)) - {name}
        for name, (path, tree) in parsed.items()
    }
    assert circles(imports) == set()


#: Imports that each contract of pyproject.toml has to refuse: a module, and the line
#: that is added to it.
PLANTED = {
    "The core knows neither napari nor Qt": ("case.py", "import napari"),
    "Layers of the package": ("model/grid.py", "from .. import case"),
    "Layers of the plugin": (
        "plugin/viewer/__init__.py", "from ..inspect import widget",
    ),
    "Docks do not know each other": (
        "plugin/review/__init__.py", "from ..inspect import widget",
    ),
}  # fmt: skip


def lint(folder):
    """Result of the import contracts for the package in a folder."""
    command = [
        sys.executable, "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--config", str(ROOT / "pyproject.toml"), "--no-cache",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be spoilt."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name)
    return tmp_path


def test_the_package_keeps_all_import_contracts(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    for contract in PLANTED:
        assert f"{contract} KEPT" in done.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(contract, copy):
    module, line = PLANTED[contract]
    path = copy / PACKAGE.name / module
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    done = lint(copy)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_a_module_that_no_layer_names_breaks_the_layers(copy):
    (copy / PACKAGE.name / "elsewhere.py").write_text('"""Nowhere."""\n', "utf-8")
    done = lint(copy)
    assert done.returncode == 1
    assert "elsewhere" in done.stdout
