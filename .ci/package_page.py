"""The page that PyPI and the napari hub show: README.md, and addresses beside it.

README.md links to files beside it, which are not there on other sites. Where the build
is told the repository's address, as GitHub tells its workflows in the environment,
these links are made absolute: to pages of the repository, and pictures to their raw
files, at the tag or commit that is built. Nothing else knows the address, so elsewhere
they stay as they are. A wheel built from an sdist has the page of the sdist.
"""

import mimetypes
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

HOMEPAGE = "https://napari-hub.org/plugins/napari-uncertainty"


class PackagePage(MetadataHookInterface):
    """Description and addresses in the metadata of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in ``readme`` and ``urls``, unless the sdist has done so."""
        if "readme" in metadata:
            return
        text = (Path(self.root) / "README.md").read_text("utf-8")
        urls = {"Homepage": HOMEPAGE}
        repository = repository_address()
        if repository:
            revision = revision_in_repository()
            pages = f"{repository}/blob/{revision}/"
            text = with_absolute_links(text, pages, f"{repository}/raw/{revision}/")
            urls |= {
                "Source": repository,
                "Issues": f"{repository}/issues",
                "Documentation": f"{pages}docs/guide.md",
                "Changelog": f"{pages}CHANGELOG.md",
            }
        else:
            print(
                "GITHUB_REPOSITORY is not set: the links of README.md stay relative in "
                "this package, and its metadata lacks the addresses of the repository. "
                "Set it to OWNER/NAME for a package that is to be published.",
                file=sys.stderr,
            )
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls


def repository_address() -> str:
    """Return the address of the repository, or nothing where it is not known."""
    name = os.environ.get("GITHUB_REPOSITORY")
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    return f"{server}/{name}" if name else ""


def revision_in_repository() -> str:
    """Return the tag that is built, or else the commit, or else the newest one."""
    if os.environ.get("GITHUB_REF_TYPE") == "tag":
        return os.environ["GITHUB_REF_NAME"]
    return os.environ.get("GITHUB_SHA") or "HEAD"


def with_absolute_links(text: str, pages: str, files: str) -> str:
    """Return Markdown whose inline links and pictures have a site before them.

    Parameters
    ----------
    text : str
        Content of README.md.
    pages, files : str
        Address of the folder that holds README.md, as pages and as raw files.
    """

    def absolute(link: re.Match[str]) -> str:
        target = link["target"]
        kind = mimetypes.guess_type(target)[0] or ""
        base = files if kind.startswith("image/") else f"{pages}README.md"
        return f"]({urljoin(base, target)}"

    return re.sub(r"\]\((?P<target>[^)\s]+)", absolute, text)
