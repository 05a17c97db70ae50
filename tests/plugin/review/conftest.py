"""Fixtures of reviews: a case in files, its layers without a window, a desk."""

import pytest

from support.review_dock import Kept, desks, redirect


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    return redirect(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    return Kept(tmp_path_factory.mktemp)


@pytest.fixture
def files(kept):
    return kept.files


@pytest.fixture
def case(qapp, kept):
    return kept.case()


@pytest.fixture
def open_desk(qtbot):
    with desks(qtbot) as opened:
        yield opened


@pytest.fixture
def desk(open_desk, case):
    return open_desk(case.viewer)
