"""Adds what only a release knows: the addresses of the repository that it is built in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)]+)")


class RepositoryUrls(MetadataHookInterface):
    """Gives `[project.urls]` and a README of whole addresses where GitHub's workflow says which repository this is.

    Elsewhere there are no addresses, and the README stays as it is. A wheel that is built from a release's sdist has the
    sdist's, which hatchling reads from PKG-INFO. The hook's setting `folder` says where in the repository the README is.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses."""
        if "urls" in metadata or "readme" in metadata:
            return
        text = Path(self.root, "README.md").read_text()
        server, repository = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY"))
        if server and repository:
            home = f"{server}/{repository}"
            metadata["urls"] = {
                "Homepage": home,
                "Documentation": f"{home}/tree/main/docs",
                "Changelog": f"{home}/blob/main/CHANGELOG.md",
                "Issues": f"{home}/issues",
            }
            version = os.environ.get("GITHUB_REF_NAME", "main")
            text = _with_addresses(text, home, f"{version}/{self.config.get('folder', '')}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def _with_addresses(text: str, home: str, place: str) -> str:
    """The README as the package's index shows it, where no file is beside it. A picture is served as `raw`."""

    def address(link: re.Match[str]) -> str:
        kind = "raw" if link[1].endswith((".svg", ".png")) else "blob"
        return f"{home}/{kind}/{place}{link[1]}"

    return _LINK.sub(address, text)
