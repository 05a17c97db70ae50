"""What an installed copy shows to napari, however it was installed."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import distribution, metadata
from pathlib import Path

import pytest
from build import ProjectBuilder
from napari._app_model.constants._menus import MenuId
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
from packaging.requirements import Requirement
from pyproject_hooks import quiet_subprocess_runner

NAME = "napari-uncertainty"
ROOT = Path(__file__).parents[1]
MANIFEST = PluginManifest.from_file(ROOT / "napari.yaml")

# Runs where nothing but npe2 and the package is installed, without its dependencies:
# npe2 reads the manifest and must not import the plugin for it.
DISCOVER = f"""
import sys
from importlib.util import find_spec
from npe2 import PluginManifest

[found] = PluginManifest.discover()
if found.error:
    raise found.error
assert found.distribution.metadata["Name"] == {NAME!r}
assert "napari_uncertainty" not in sys.modules
print(find_spec("napari_uncertainty").origin)
print(found.manifest.contributions.model_dump_json())
"""


def run(*command):
    """Run a command outside the checkout and return what it printed."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=Path(sys.prefix),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def with_dependencies(name, found=None):
    """An installed distribution and all that it needs, by name."""
    found = {} if found is None else found
    if name not in found:
        found[name] = distribution(name)
        for needed in map(Requirement, found[name].requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                with_dependencies(needed.name, found)
    return found


@pytest.fixture(scope="session")
def npe2_folder(tmp_path_factory):
    """Npe2 and what it needs alone, as they are installed here."""
    folder = tmp_path_factory.mktemp("npe2")
    for installed in with_dependencies("npe2").values():
        for name in {file.parts[0] for file in installed.files} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(installed.locate_file(name))
    return folder


@pytest.fixture(scope="session")
def pip(tmp_path_factory):
    """Pip as Python brings it: there may be none in the environment of the tests."""
    folder = tmp_path_factory.mktemp("pip")
    venv.create(folder, symlinks=os.name != "nt", with_pip=True)
    return [folder / "bin" / "python", "-m", "pip"]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """What pip installs of the checkout, of the sdist and for an editable install."""
    folder = tmp_path_factory.mktemp("wheels")
    project = ProjectBuilder(ROOT, runner=quiet_subprocess_runner)
    with tarfile.open(project.build("sdist", folder / "sdist")) as sdist:
        # Python before 3.11.4 knows no filters, and later ones want one.
        sdist.extraction_filter = getattr(tarfile, "data_filter", None)
        sdist.extractall(folder / "unpacked")
    [unpacked] = (folder / "unpacked").iterdir()
    from_sdist = ProjectBuilder(unpacked, runner=quiet_subprocess_runner)
    return {
        "wheel": project.build("wheel", folder / "wheel"),
        "sdist": from_sdist.build("wheel", folder / "from_sdist"),
        "editable": project.build("editable", folder / "editable"),
    }


@pytest.mark.clean_environment
def test_the_sdist_builds_the_same_wheel(wheels):
    """So that one of the two has to be installed."""
    straight, from_sdist = (
        zipfile.ZipFile(wheels[kind]) for kind in ("wheel", "sdist")
    )
    with straight, from_sdist:
        files = [
            {one.filename: one.CRC for one in wheel.infolist()}
            for wheel in (straight, from_sdist)
        ]
    assert files[0] == files[1]


@pytest.mark.clean_environment
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_npe2_finds_the_manifest(kind, wheels, npe2_folder, pip, tmp_path):
    venv.create(tmp_path, symlinks=os.name != "nt")
    python = tmp_path / "bin" / "python"
    options = ("--no-index", "--no-deps", "--prefix", tmp_path)
    run(*pip, "install", "--no-compile", *options, wheels[kind])
    [site_packages] = tmp_path.glob("lib/python*/site-packages")
    (site_packages / "npe2.pth").write_text(str(npe2_folder))

    origin, contributions = run(python, "-I", "-c", DISCOVER).splitlines()

    assert contributions == MANIFEST.contributions.model_dump_json()
    home = ROOT / "src" if kind == "editable" else site_packages
    assert Path(origin).is_relative_to(home)


def test_the_manifest_offers_every_kind_of_contribution():
    contributions = MANIFEST.contributions
    assert MANIFEST.name == NAME
    for kind in ("readers", "writers", "widgets", "sample_data", "menus"):
        assert getattr(contributions, kind), kind
    assert contributions.configurations


def test_there_is_one_manifest():
    found = []
    for folder, subfolders, files in os.walk(ROOT):
        # Environments hold an installed copy; hidden folders are not the project's.
        subfolders[:] = [
            name
            for name in subfolders
            if not name.startswith(".")
            and not (Path(folder, name) / "pyvenv.cfg").exists()
        ]
        found += [Path(folder, name) for name in files if name == "napari.yaml"]
    assert found == [ROOT / "napari.yaml"]


def test_napari_lets_plugins_add_to_the_menus():
    # npe2 takes any menu id, and napari drops an item of an unknown one in silence.
    assert set(MANIFEST.contributions.menus) <= {
        menu.value for menu in MenuId.contributables()
    }


@pytest.mark.parametrize(
    "python_name", [c.python_name for c in MANIFEST.contributions.commands]
)
def test_commands_can_be_imported(python_name):
    assert callable(import_python_name(python_name))


def test_metadata_tells_napari_and_pip_what_they_look_for():
    declared = metadata(NAME)
    assert declared["Requires-Python"] == ">=3.11"
    assert "Framework :: napari" in declared.get_all("Classifier")


def test_the_qt_backend_is_left_to_the_user():
    # Two Qt backends in one environment break each other.
    plain = [
        requirement
        for requirement in map(Requirement, metadata(NAME).get_all("Requires-Dist"))
        if "extra ==" not in str(requirement.marker)
    ]
    names = {requirement.name.lower() for requirement in plain}
    assert not names & {"pyqt5", "pyqt6", "pyside2", "pyside6"}
    [napari] = [requirement for requirement in plain if requirement.name == "napari"]
    assert not napari.extras
