"""What `pip install sfsource` brings may be used in a company: permissive licences, and the LGPL of the driver."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Public Domain|Unlicense|0BSD|CNRI",
    re.IGNORECASE,
)
LESSER = {"psycopg", "psycopg-binary", "psycopg2-binary", "chardet", "paramiko"}
"""LGPL: used as they are, as libraries."""

EXTRAS = metadata.metadata("sfsource").get_all("Provides-Extra") or []


def closure(name: str, found: dict[str, metadata.Distribution]) -> None:
    """Add a distribution and all that it needs here."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    try:
        found[key] = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # needed elsewhere: another system, another Python
        return
    for line in found[key].requires or ():
        requirement = Requirement(line)
        extras = {"psycopg": ["binary"], "sfsource": ["", *EXTRAS]}.get(key, [""])
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": each}) for each in extras):
            closure(requirement.name, found)


def licence(distribution: metadata.Distribution) -> str:
    about = distribution.metadata
    said = [*(about.get_all("License-Expression") or ()), *(about.get_all("License") or ())]
    classifiers = [text for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    # Some put the whole text of the licence there.
    return " / ".join([*(text[:80] for text in said), *classifiers])


def test_what_comes_along_has_a_licence_that_companies_take() -> None:
    found: dict[str, metadata.Distribution] = {}
    closure("sfsource", found)
    assert len(found) > 20
    other = {
        name: licence(each)
        for name, each in found.items()
        if not PERMISSIVE.search(licence(each)) and name not in LESSER
    }
    assert other == {}


@pytest.mark.parametrize("name", ["psycopg"])
def test_what_is_lesser_is_there(name: str) -> None:
    assert "LGPL" in licence(metadata.distribution(name)) or "Lesser" in licence(metadata.distribution(name))
