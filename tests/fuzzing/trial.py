"""Opening a damaged case in every way there is: it gives maps or a clear refusal."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_uncertainty import InputError
from napari_uncertainty.describe import describe
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import members_of
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.engine.maps import UncertaintyMaps
from napari_uncertainty.io import open_members, open_probabilities, open_volume
from napari_uncertainty.io.map_files import read_map
from napari_uncertainty.model.measures import ENSEMBLE_MEASURES, MEASURES
from napari_uncertainty.model.probabilities import ProbabilityMap
from napari_uncertainty.steps import run

from .families import Case

#: No sentence is longer, whatever a file puts into it.
LONGEST = 1500


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    maps : bool
        Whether there are maps; else it was refused.
    sentences : tuple of str
        What was said where anything was refused.
    """

    maps: bool
    sentences: tuple[str, ...]


def write(case: Case, folder: Path) -> Path:
    """Write the files; returns the one to open."""
    for name, content in case.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.symlink_to(content)
    return folder / case.opened


def attempt(case: Case, folder: Path, described: bool = True) -> Outcome:
    """Open a case as scan or probabilities, compute its maps, and describe it.

    Parameters
    ----------
    case : Case
        What to write.
    folder : Path
        Does not exist yet, nor does it afterwards.
    described : bool
        Whether ``info`` is tried as well.

    Raises
    ------
    Exception
        Whatever is neither a result nor an :class:`InputError`, warnings included.
    """
    said: list[str] = []

    def given(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except InputError as error:
            sentence = str(error)
            assert 10 < len(sentence) < LONGEST, sentence[:LONGEST]
            said.append(sentence)
            return None

    folder.mkdir()
    try:
        path = write(case, folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            given(lambda: open_volume(path))
            made = given(lambda: _folded(open_probabilities(path)))
            if path.name.endswith((".nii", ".nii.gz")):
                written = given(lambda: read_map(path))
                if written is not None:
                    assert written.record.highest > 0
                    assert all(written.notes)
                    made = made or written
            members = given(lambda: _members(open_members(path)))
            if case.several:
                made = made or members
            if described:
                given(lambda: describe(path))
    finally:
        shutil.rmtree(folder)
    return Outcome(made is not None, tuple(said))


def _folded(opened: ProbabilityMap) -> UncertaintyMaps:
    maps = run(iter_fold(opened, tuple(MEASURES)))
    assert maps is not None
    check(maps)
    assert len(opened.names_as(maps.kind)) == maps.n_classes
    return maps


def _members(opened: list[ProbabilityMap]) -> Any:
    if len(opened) < 2:
        return None
    maps = run(iter_ensemble(members_of(opened), tuple(ENSEMBLE_MEASURES)))
    assert maps is not None
    check(maps)
    return maps


def check(maps: UncertaintyMaps) -> None:
    """Every map is finite and nowhere negative, every label is one of a class."""
    for name, one in maps.maps.items():
        assert np.isfinite(one).all(), name
        assert (one >= 0).all(), name
    assert maps.prediction is not None
    assert maps.prediction.max(initial=0) < maps.n_classes
    assert all(maps.messages)
