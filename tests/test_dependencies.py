"""What is imported is declared, and what is declared is imported."""

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

#: Measured against by the benchmarks where it is installed, and too large to ask for.
AT_HAND = {"torch"}


@pytest.fixture(scope="module")
def declared():
    """Names of distributions: of the package with its extras, and of each group."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = told["project"]
    extras = project["optional-dependencies"].values()
    groups = {
        name: distributions(line for line in group if isinstance(line, str))
        for name, group in told["dependency-groups"].items()
    }
    package = distributions(sum(extras, project["dependencies"]))
    return groups | {"package": package}


def distributions(lines):
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imports(folder):
    """Names of the libraries of others that the modules below a folder import."""
    modules = list((ROOT / folder).rglob("*.py"))
    found = set()
    for module in modules:
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
            elif isinstance(node, ast.Call) and _name(node.func) == "find_spec":
                # Only its files are read.
                found.add(node.args[0].value)
    own = {path.stem for path in (ROOT / folder).iterdir()}
    names = {name.partition(".")[0] for name in found}
    return names - own - set(sys.stdlib_module_names) - {"napari_uncertainty"}


def _name(function):
    return getattr(function, "id", getattr(function, "attr", None))


#: Who brings what can be imported: it takes seconds to find out.
owners_of_all = cache(packages_distributions)


def brought_by(names):
    """The distributions that bring what is imported by these names."""
    owners = owners_of_all()
    assert not [name for name in names if name not in owners]
    return {canonicalize_name(owner) for name in names for owner in owners[name]}


def test_the_package_declares_what_it_imports_and_nothing_else(declared):
    assert brought_by(imports("src")) == declared["package"]


def test_tests_and_benchmarks_declare_what_they_import(declared):
    asked = declared["package"] | declared["test"] | declared["bench"]
    # Benchmarks are in another group, of which not all need be installed.
    names = {
        name
        for name in imports("tests") - AT_HAND
        if canonicalize_name(name) not in asked
    }
    assert not brought_by(names) - asked
