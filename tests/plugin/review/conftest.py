"""Fixtures of reviews: a case in files, its layers without a window, a desk."""

import pytest
from napari.components import ViewerModel

from reviewing import desks, open_case, redirect, write_case


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    return redirect(tmp_path, monkeypatch)


@pytest.fixture
def files(tmp_path, rng):
    return write_case(tmp_path / "study", rng)


@pytest.fixture
def case(qapp, files):
    return open_case(ViewerModel(), files)


@pytest.fixture
def open_desk(qtbot):
    with desks(qtbot) as opened:
        yield opened


@pytest.fixture
def desk(open_desk, case):
    return open_desk(case.viewer)
