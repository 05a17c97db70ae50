"""Forty cases for all the tests that run the program over them."""

from types import SimpleNamespace

import pytest

from support.many_cases import run_here, write_forty


@pytest.fixture(scope="session")
def forty(tmp_path_factory):
    """Folder of forty cases, three of them broken."""
    folder = tmp_path_factory.mktemp("forty")
    write_forty(folder)
    return folder


@pytest.fixture(scope="session")
def uninterrupted(forty, tmp_path_factory):
    """What the program says of the forty cases, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, out, err = run_here(forty, "-o", folder)
    return SimpleNamespace(folder=folder, status=status, out=out, err=err)
