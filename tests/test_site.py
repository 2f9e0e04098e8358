"""The docs as a site: each page has its place, and the site is built without a warning and without asking anybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.fix_process import PROJECT
from tests.levels import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_process import Processes


class _Loader(yaml.SafeLoader):
    """Passes over names of Python's, which only MkDocs may load."""


_Loader.add_constructor("!relative", lambda _loader, _node: ".")
_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, suffix, _node: suffix)


def pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    for part in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from pages(part)


def test_each_page_has_one_place() -> None:
    config = yaml.load((PROJECT / "mkdocs.yml").read_text(), Loader=_Loader)
    assert sorted(pages(config["nav"])) == sorted(page.name for page in (PROJECT / "docs").glob("*.md"))


@programs
def test_the_site_is_built(
    plugin_environment: Callable[[str], Path], processes: Processes, tmp_path: Path
) -> None:
    mkdocs = plugin_environment("site") / "mkdocs"
    arguments = (
        "build",
        "--strict",
        "--config-file",
        PROJECT / "mkdocs.yml",
        "--site-dir",
        tmp_path / "site",
    )
    processes.run(mkdocs, *arguments, env={"NO_MKDOCS_2_WARNING": "1"}).expect()
    start = (tmp_path / "site" / "index.html").read_text()
    assert "First sync in ten minutes" in start
    asked = re.findall(r'(?:src|href)="(https?://[^"]+)"', start)
    assert [url for url in asked if not url.endswith("/mkdocs-material/")] == []
    assert (tmp_path / "site" / "search" / "search_index.json").is_file()
