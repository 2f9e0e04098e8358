"""The pictures of the docs show what the programs show today."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from docs.draw import benchmarks, picker, run, status, tables
from docs.draw.album import FOLDER, words
from tests.fix_process import PROJECT
from tests.test_docs import PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from tests.fix_warehouse import Warehouse

PICTURES = sorted(FOLDER.iterdir())
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


def expect(drawn: Mapping[str, str]) -> None:
    for name, svg in drawn.items():
        assert words((FOLDER / name).read_text()) == words(svg), f"{name} has grown old: run `make pictures`"


@pytest.mark.parametrize("chapter", [benchmarks, picker, status, tables])
def test_no_picture_has_grown_old(chapter: ModuleType) -> None:
    expect(chapter.pictures())


def test_no_picture_of_a_run_has_grown_old(warehouse: Warehouse) -> None:
    expect(run.pictures(warehouse.config()))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_small_and_of_no_machine(picture: Path) -> None:
    text = picture.read_text()
    ET.fromstring(text)
    assert len(text) < 150_000
    assert not re.search(r"127\.0\.0\.1|localhost|/(?:root|home|tmp|work)/", text)
    asked = set(re.findall(r"https?://[^\"' )<]+", text))
    # The picture asks nobody: these are names of vocabularies, and who drew it.
    assert asked <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
        "https://www.textualize.io",
    }


def test_each_picture_is_shown_and_described() -> None:
    shown = set()
    for page in PAGES:
        for told, link in IMAGE.findall(page.read_text()):
            assert len(told) > 20, f"{page.name}: {link} needs words for who cannot see it"
            shown.add((page.parent / link).resolve())
    assert sorted(shown) == [picture.resolve() for picture in PICTURES]


def test_the_first_page_begins_with_a_picture_and_is_short() -> None:
    lines = (PROJECT / "README.md").read_text().splitlines()
    assert len(lines) < 150
    assert any(IMAGE.search(line) for line in lines[:15])
