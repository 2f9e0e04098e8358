"""The docs as a site: each page has its place, and the site is built without a warning and without asking anybody."""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import TYPE_CHECKING, Any

import yaml

from tests.fix_process import PROJECT
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_process import Processes


class _Loader(yaml.SafeLoader):
    """Passes over what only MkDocs may load."""


_Loader.add_constructor("!relative", lambda _loader, _node: ".")
_Loader.add_multi_constructor("!ENV", lambda _loader, _suffix, _node: "")


def pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    for part in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from pages(part)


def test_each_page_has_one_place() -> None:
    config = yaml.load((PROJECT / "mkdocs.yml").read_text(), Loader=_Loader)
    assert sorted(pages(config["nav"])) == sorted(page.name for page in (PROJECT / "docs").glob("*.md"))


@slow
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
    processes.run(mkdocs, *arguments, env=version("9.8.7")).expect()
    start = (tmp_path / "site" / "index.html").read_text()
    assert "First sync in ten minutes" in start
    asked = re.findall(r'(?:src|href)="(https?://[^"]+)"', start)
    assert [url for url in asked if not url.endswith("/mkdocs-material/")] == []
    assert "sfsource 9.8.7" in start
    assert 'data-md-color-scheme="slate"' in start
    found = json.loads((tmp_path / "site" / "search" / "search_index.json").read_text())
    assert any("recycle bin" in part["text"] for part in found["docs"])
    assert (tmp_path / "site" / "pictures" / "pick-objects.svg").is_file()
    # The theme's script would fetch Mermaid from elsewhere for these.
    pages = (tmp_path / "site").rglob("*.html")
    assert [page for page in pages if re.search(r'class="mermaid"', page.read_text())] == []


@slow
def test_each_version_keeps_its_site(
    plugin_environment: Callable[[str], Path], processes: Processes, tmp_path: Path
) -> None:
    """As `make site-version` publishes them: a branch with a folder for each version, and a list to choose from."""
    mike = plugin_environment("site") / "mike"
    clone = tmp_path / "clone"
    (clone / "salesforce_simulator").mkdir(parents=True)
    (clone / "docs").symlink_to(PROJECT / "docs")
    for name in ("mkdocs.yml", "salesforce_simulator/README.md"):
        (clone / name).write_text((PROJECT / name).read_text())
    author = {f"GIT_{who}_{what}": "docs" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = {"PATH": f"{mike.parent}:{os.environ['PATH']}"}
    git = ("git", "-C", clone)
    processes.run(*git, "init", "--quiet", "--initial-branch=main").expect()
    processes.run(*git, "commit", "--quiet", "--allow-empty", "--message=docs", env=author).expect()
    for number in ("9.8.6", "9.8.7"):
        arguments = ("deploy", "--config-file", clone / "mkdocs.yml", "--update-aliases", number, "latest")
        processes.shell(
            shlex.join(["cd", str(clone)]) + " && " + shlex.join([str(part) for part in (mike, *arguments)]),
            env={**version(number), **author, **path},
        ).expect()
    listed = json.loads(processes.run(*git, "show", "gh-pages:versions.json").expect().stdout)
    assert [(entry["version"], entry["aliases"]) for entry in listed] == [
        ("9.8.7", ["latest"]),
        ("9.8.6", []),
    ]
    old = processes.run(*git, "show", "gh-pages:9.8.6/index.html").expect().stdout
    assert "sfsource 9.8.6" in old


def version(number: str) -> dict[str, str]:
    return {"NO_MKDOCS_2_WARNING": "1", "SFSOURCE_DOCS_VERSION": f"sfsource {number}"}
