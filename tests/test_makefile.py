"""Environments in which `make` tests, as it would do it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = ".".join(map(str, sys.version_info[:3])) + getattr(sys, "abiflags", "")

#: What a `make` around this one hands down, and what is chosen here.
CHOICES = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "QT", "VENV"}

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


def make(*words):
    """Run make as from a terminal."""
    own = {name: text for name, text in os.environ.items() if name not in CHOICES}
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )


def environment(*words):
    """The one in which these words would run the tests, and all that is done for it."""
    told = make("--dry-run", *words).stdout
    [used] = re.findall(r"(\S+)[/\\]\w+[/\\]python -m pytest", told)
    return used, told


@pytest.mark.parametrize(
    ("words", "used"),
    [
        (["test"], ".venv"),
        (["test", f"PYTHON={sys.executable}"], f".venv-{HERE}"),
        (["test", "QT=pyside6"], ".venv-pyside6"),
        (["test", f"PYTHON={sys.executable}", "QT=pyside6"], f".venv-{HERE}-pyside6"),
        (["test-lowest"], ".venv-lowest"),
        (["test-lowest", f"PYTHON={sys.executable}"], f".venv-{HERE}-lowest"),
        (["test", "VENV=elsewhere"], "elsewhere"),
    ],
)
def test_every_interpreter_and_qt_has_an_environment_of_its_own(words, used):
    """One that was there first would be tested again, whatever was asked for."""
    assert environment(*words)[0] == used


def test_the_lowest_versions_are_chosen_by_uv():
    _, told = environment("test-lowest", "VENV=elsewhere")
    assert "--resolution lowest-direct" in told
    assert "--group test" in told


def test_an_interpreter_that_does_not_run_is_named():
    ran = make("test", "PYTHON=no-such-python")
    assert ran.returncode != 0
    assert "no-such-python: no Python from 3.11 on" in ran.stderr
    assert not (ROOT / ".venv-").exists()
