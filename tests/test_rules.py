"""Rules that docs/architecture.md states, each held for all modules."""

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_uncertainty"

#: Names that several modules may have, and the reason.
SHARED_NAMES = {
    "__init__": "Python demands it.",
    "widget": "Each dock has one, which the manifest names.",
    "session": "A review with its file, and the window that a command opens.",
}

#: Words that begin a question. A docstring answers one instead.
QUESTIONS = ("What", "Whether", "How", "Where", "Which", "Who", "When", "Of")


@cache
def modules(folder=PACKAGE):
    """Each module of the package, as its path and its syntax tree."""
    return [
        (path.relative_to(folder), ast.parse(path.read_text("utf-8")))
        for path in sorted(folder.rglob("*.py"))
    ]


def planted(folder, files):
    """Modules of a package that consists of some files, given by path and text."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return modules(folder)


def twice(names):
    """Names that are there more than once."""
    return {name for name, times in Counter(names).items() if times > 1}


def classes_named_twice(found):
    """Names of classes that modules define more than once, private ones too."""
    return twice(
        node.name
        for _, tree in found
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )


def test_each_class_has_a_name_of_its_own():
    assert classes_named_twice(modules()) == set()


def test_a_class_whose_name_another_module_uses_is_noticed(tmp_path):
    files = {
        "a.py": "class One:\n    class Two:\n        pass\n\n\nclass Three: ...\n",
        "b/c.py": "def make():\n    class Two: ...\n    return Two\n",
    }
    assert classes_named_twice(planted(tmp_path, files)) == {"Two"}


def modules_named_twice(found):
    """Names that more than one module has, wherever they are."""
    return twice(path.stem for path, _ in found)


def test_each_module_has_a_name_of_its_own():
    assert modules_named_twice(modules()) == set(SHARED_NAMES)


def test_a_module_whose_name_another_folder_uses_is_noticed(tmp_path):
    files = dict.fromkeys(["a/one.py", "plugin/one.py", "a/two.py"], "")
    assert modules_named_twice(planted(tmp_path, files)) == {"one"}


#: Modules whose functions import modules of the package, and the reason.
LOADED_LATER = {
    "__main__.py": "Ctrl-C ends the program quietly while the rest is loaded, too.",
    "cli.py": "Only commands that open a window need Qt and napari.",
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


def questions(found):
    """Docstrings that open with a word of a question, each with its place."""
    return [
        f"{path}:{line}: {text.splitlines()[0]}"
        for path, tree in found
        for line, text in described(tree)
        if text.split()[0].strip(",.:") in QUESTIONS
    ]


def test_no_docstring_opens_with_a_question():
    assert questions(modules()) == []


def test_a_docstring_that_opens_with_a_question_is_noticed(tmp_path):
    text = '"""Work."""\n\n\nclass A:\n    """Whether it is so."""\n'
    found = questions(planted(tmp_path, {"a.py": text}))
    assert found == ["a.py:5: Whether it is so."]


def test_an_import_of_an_own_module_within_a_function_is_noticed(tmp_path):
    text = (
        "from . import b\n\n\ndef f():\n    import numpy\n    from .b import x\n\n\n"
        "async def g():\n    from napari_uncertainty.io import y\n"
    )
    [(_, tree)] = planted(tmp_path, {"a.py": text})
    assert [*own_imports(tree)] == [6, 10]


def circles(imports):
    """Modules that import themselves by way of others, from what each one imports."""
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


def imports_of(found):
    """The modules that each module imports, all by their parts."""
    parsed = {
        path.with_suffix("").parts if path.stem != "__init__" else path.parent.parts: (
            path,
            tree,
        )
        for path, tree in found
    }
    return {
        name: set(imported(path, tree, parsed)) - {name}
        for name, (path, tree) in parsed.items()
    }


def test_no_modules_import_each_other_in_a_circle():
    assert circles(imports_of(modules())) == set()


def test_modules_and_packages_in_a_circle_are_noticed(tmp_path):
    files = {
        "__init__.py": "",
        "a.py": "from .b import c\n",
        "b/__init__.py": "",
        "b/c.py": "def f():\n    from ..d import x\n",
        "d.py": "from . import a, e\n",
        "e.py": "",
    }
    found = circles(imports_of(planted(tmp_path, files)))
    assert found == {("a",), ("b", "c"), ("d",)}


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
