"""Adds what only a release knows: the addresses of the repository that it is built in."""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RepositoryUrls(MetadataHookInterface):
    """Gives `[project.urls]` where GitHub's workflow says which repository this is, and none elsewhere.

    A wheel that is built from a release's sdist has the sdist's, which hatchling reads from PKG-INFO.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses."""
        server, repository = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY"))
        if "urls" in metadata or not (server and repository):
            return
        home = f"{server}/{repository}"
        metadata["urls"] = {
            "Homepage": home,
            "Documentation": f"{home}/tree/main/docs",
            "Changelog": f"{home}/blob/main/CHANGELOG.md",
            "Issues": f"{home}/issues",
        }
