"""Options that do not go together are wrong usage, whatever the files hold."""

from enum import Enum
from itertools import chain
from typing import get_args, get_type_hints

import numpy as np
import pytest

from napari_uncertainty.cli import BaseName, KindName, MeasureName, app
from support.command_line import call_here


@pytest.fixture
def folder(tmp_path, monkeypatch, probabilities):
    monkeypatch.chdir(tmp_path)
    np.save("case.npy", probabilities)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--measure", "variance"], "variance takes several members"),
        (["--ensemble", "--measure", "gini"], "predictive_entropy, expected_entropy"),
        (["--ensemble"], "holds one member"),
        (["--kind", "guess"], "guess"),
        (["--kind", "sigmoid", "--temperature", "2"], "--temperature is for logits"),
        (["--temperature", "0"], "above 0"),
        (["--temperature", "nan"], "above 0"),
        (["--temperature", "warm"], "--temperature"),
        (["--class-axis", "last"], "the number of an axis, not last"),
    ],
)
def test_wrong_options_of_map_exit_with_2(folder, words, said):
    ran = call_here("map", "case.npy", "-o", "out", *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    told = " ".join(ran.stderr.replace("│", " ").split())
    assert said in told
    assert not (folder / "out").exists()


@pytest.mark.parametrize("words", [["--kind", "guess"], ["--class-axis", "x"]])
@pytest.mark.usefixtures("folder")
def test_wrong_options_of_info_exit_with_2(words):
    assert call_here("info", "case.npy", *words).returncode == 2


@pytest.mark.usefixtures("folder")
def test_an_axis_that_is_not_there_is_a_fault_of_the_case():
    ran = call_here("map", "case.npy", "-o", "out", "--class-axis", "7")
    assert ran.returncode == 1
    assert ran.stderr.startswith("napari-uncertainty: case: ")


def test_a_choice_of_the_command_line_is_a_word_with_every_click():
    """Click before 8.2 compares a default as it is with the words to choose from."""
    choices = set()
    for command in app.registered_commands:
        for hint in get_type_hints(command.callback).values():
            choices.update(_enumerations(hint))
    assert choices >= {BaseName, KindName, MeasureName}
    for member in chain.from_iterable(choices):
        assert isinstance(member, str)
        assert str(member) == member.value


def _enumerations(hint):
    """Enumerations in a type hint, those of lists and unions too."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield hint
    for part in get_args(hint):
        yield from _enumerations(part)
