"""What an installed copy shows to napari, however it was installed."""

import email.policy
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from functools import cache
from importlib import resources
from importlib.metadata import distribution, metadata
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from build import ProjectBuilder
from markdown_it import MarkdownIt
from napari._app_model.constants._menus import MenuId
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
from packaging.requirements import Requirement

NAME = "napari-uncertainty"
ROOT = Path(__file__).parents[1]
MANIFEST = PluginManifest.from_file(ROOT / "napari.yaml")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
PAGES += sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")])

#: What a workflow tells the build of a tag, of a repository that nobody has.
RELEASE = {
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_SERVER_URL": "https://git.invalid",
    "GITHUB_REF_TYPE": "tag",
    "GITHUB_REF_NAME": "v1.2.3",
}
REPOSITORY = "https://git.invalid/owner/name"

# setuptools-scm says why it can tell little of the version, where a checkout is shallow
# or without git.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}:UserWarning")
    for said in (
        ".* is shallow and may cause errors",
        "unprocessed git archival found",
        "git archive did not support describe output",
    )
]
of_a_checkout = pytest.mark.skipif(
    (ROOT / "PKG-INFO").is_file(), reason="an sdist has its page already"
)

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


def place_in(folder, kind):
    """Where a virtual environment has its programs or packages, on any system."""
    return Path(sysconfig.get_path(kind, "venv", {"base": folder, "platbase": folder}))


def python_in(folder):
    return place_in(folder, "scripts") / "python"


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


class Builder(ProjectBuilder):
    """Builds what a folder holds, whatever the environment says of repositories.

    ``said`` is what builds told.
    """

    def __init__(self, folder, **environment):
        super().__init__(folder, runner=self._run)
        self._environment = environment
        self.said = ""

    def _run(self, command, cwd=None, extra_environ=None):
        others = ("GITHUB_", "GIT_", "SETUPTOOLS_SCM_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        # The version of changed files has the day in it, which ends at some time.
        kept["SOURCE_DATE_EPOCH"] = "1700000000"
        ran = subprocess.run(
            command,
            cwd=cwd,
            env={**kept, **self._environment, **(extra_environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        self.said += ran.stdout + ran.stderr


def unpack(sdist, folder):
    with tarfile.open(sdist) as archive:
        # Python before 3.11.4 knows no filters, and later ones want one.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    [unpacked] = folder.iterdir()
    return unpacked


@pytest.fixture(scope="session")
def pip(tmp_path_factory):
    """Pip as Python brings it: there may be none in the environment of the tests."""
    folder = tmp_path_factory.mktemp("pip")
    venv.create(folder, symlinks=os.name != "nt", with_pip=True)
    return [python_in(folder), "-m", "pip"]


@pytest.fixture(scope="session")
def builders(sdist, tmp_path_factory):
    """Builders of the checkout, of the sdist and for an editable install.

    Only the first is told the address of the repository.
    """
    return {
        "wheel": Builder(ROOT, **RELEASE),
        "sdist": Builder(unpack(sdist, tmp_path_factory.mktemp("unpacked"))),
        "editable": Builder(ROOT),
    }


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    """The sdist, built where the address of the repository is known."""
    return Builder(ROOT, **RELEASE).build("sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheels(builders, tmp_path_factory):
    """What pip installs of each."""
    return {
        kind: builder.build(
            "editable" if kind == "editable" else "wheel", tmp_path_factory.mktemp(kind)
        )
        for kind, builder in builders.items()
    }


def metadata_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name), policy=email.policy.default)


def page_in(wheel):
    """The page that PyPI shows of a wheel, as Markdown."""
    return metadata_in(wheel).get_payload(decode=True).decode("utf-8")


def links_in(markdown):
    """Where links and pictures of a page lead to, HTML's among them."""
    found = []
    tokens = MarkdownIt().parse(markdown)
    while tokens:
        token = tokens.pop()
        tokens += token.children or ()
        found += [token.attrs[name] for name in ("href", "src") if name in token.attrs]
        if token.type in ("html_block", "html_inline"):
            found += re.findall(r"""(?:href|src)=["']([^"']*)""", token.content)
    return found


@cache
def anchors_in(page):
    """What links to headings of a page are called on GitHub."""
    parsed = MarkdownIt().parse(page.read_text("utf-8"))
    titles = [
        "".join(one.content for one in title.children)
        for heading, title in pairwise(parsed)
        if heading.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}


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
def test_the_sdist_is_small_and_holds_what_a_build_and_the_tests_need(sdist):
    assert Path(sdist).stat().st_size < 1_200_000
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert not [name for name in held if name.endswith((".png", ".gif"))]
    assert held >= {
        "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "napari.yaml",
        "docs/guide.md", "tests/conftest.py", "src/napari_uncertainty/plugin/icon.svg",
        ".ci/package_page.py", ".ci/system-libraries", ".github/workflows/tests.yml",
    }  # fmt: skip


@of_a_checkout
@pytest.mark.clean_environment
def test_the_page_of_a_release_has_no_relative_link(wheels):
    links = links_in(page_in(wheels["wheel"]))
    assert links
    assert not [one for one in links if urlsplit(one).scheme != "https"]
    own = [one for one in links if one.startswith(REPOSITORY)]
    relative = links_in((ROOT / "README.md").read_text("utf-8"))
    assert len(own) == sum(not urlsplit(one).scheme for one in relative) > 0
    for link in own:
        picture = urlsplit(link).path.endswith((".png", ".gif"))
        kind = "raw" if picture else "blob"
        path = urlsplit(link.removeprefix(f"{REPOSITORY}/{kind}/v1.2.3/")).path
        assert (ROOT / path).is_file(), link


@of_a_checkout
@pytest.mark.clean_environment
def test_addresses_of_a_release_are_those_of_its_repository(wheels):
    addresses = dict(
        one.split(", ") for one in metadata_in(wheels["wheel"]).get_all("Project-URL")
    )
    assert addresses == {
        "Homepage": "https://napari-hub.org/plugins/napari-uncertainty",
        "Source": REPOSITORY,
        "Issues": f"{REPOSITORY}/issues",
        "Documentation": f"{REPOSITORY}/blob/v1.2.3/docs/guide.md",
        "Changelog": f"{REPOSITORY}/blob/v1.2.3/CHANGELOG.md",
    }


@of_a_checkout
@pytest.mark.clean_environment
def test_without_the_address_of_the_repository_a_build_says_so(wheels, builders):
    assert page_in(wheels["editable"]) == (ROOT / "README.md").read_text("utf-8")
    [address] = metadata_in(wheels["editable"]).get_all("Project-URL")
    assert address.startswith("Homepage, ")
    said = "GITHUB_REPOSITORY is not set"
    assert said in builders["editable"].said
    assert said not in builders["wheel"].said
    assert said not in builders["sdist"].said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_headings_that_exist(page):
    for link in links_in(page.read_text("utf-8")):
        target = urlsplit(link)
        if target.scheme:
            continue
        path = page.parent / target.path if target.path else page
        if "pictures" in path.parts and not (ROOT / "docs" / "pictures").is_dir():
            continue  # an sdist comes without
        assert path.is_file(), link
        if target.fragment:
            assert target.fragment in anchors_in(path), link


@of_a_checkout
@pytest.mark.clean_environment
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_version_is_that_of_the_tag(sdist, tmp_path):
    """Also in an archive of it; where nothing knows it, one that no release has."""
    tree = unpack(sdist, tmp_path / "tree")
    (tree / "PKG-INFO").unlink()
    assert version_of(tree, tmp_path) == "0.0"
    for name in (".gitattributes", ".git_archival.txt"):
        shutil.copy(ROOT / name, tree)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["commit", "--quiet", "--no-gpg-sign", "--message", "All"],
        ["tag", "v1.2.3"],
        [
            "archive",
            "--prefix",
            "project/",
            "--output",
            tmp_path / "archive.tar",
            "HEAD",
        ],
    ):
        git = ["git", "-C", tree, "-c", "user.name=nobody", "-c", "user.email=", *words]
        subprocess.run(git, check=True, env=kept)
    assert version_of(tree, tmp_path) == "1.2.3"
    if "$Format" in (ROOT / ".git_archival.txt").read_text("utf-8"):
        archive = unpack(tmp_path / "archive.tar", tmp_path / "archive")
        assert version_of(archive, tmp_path) == "1.2.3"
    # Otherwise this is an archive itself, whose gaps git has filled in.


def version_of(tree, folder):
    """The version that would be built of a folder with the project."""
    built = Path(Builder(tree).metadata_path(folder / f"metadata of {tree.name}"))
    found = message_from_bytes((built / "METADATA").read_bytes())["Version"]
    shutil.rmtree(built.parent)
    return found


@pytest.mark.clean_environment
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_npe2_finds_the_manifest(kind, wheels, npe2_folder, pip, tmp_path):
    venv.create(tmp_path, symlinks=os.name != "nt")
    python, site_packages = python_in(tmp_path), place_in(tmp_path, "purelib")
    options = ("--no-index", "--no-deps", "--prefix", tmp_path)
    run(*pip, "install", "--no-compile", *options, wheels[kind])
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


def test_the_manifest_has_an_icon_and_categories():
    assert MANIFEST.categories
    package, _, name = MANIFEST.icon.partition(":")
    with resources.as_file(resources.files(package) / name) as icon:
        assert (
            ElementTree.parse(icon).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        )


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
