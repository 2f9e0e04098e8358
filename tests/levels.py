"""How far the searches go. SFSOURCE_TEST_LEVEL names the level.

`normal` runs with each change (`make test`), `wide` in CI (`make test-wide`), `long` for hours (`make test-long`).
A search draws its cases at random, or kills processes at random moments. `make test-wide` runs only searches:
tests that use hypothesis (which marks them itself) and tests with the mark `search`; and those with the mark `slow`, such
as those that start programs of others that take long to install or to start.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

LEVELS: Final = ("normal", "wide", "long")
LEVEL: Final = os.environ.get("SFSOURCE_TEST_LEVEL", "normal")
if LEVEL not in LEVELS:
    raise pytest.UsageError(f"SFSOURCE_TEST_LEVEL={LEVEL} is none of {', '.join(LEVELS)}.")

REPEATABLE: Final = LEVEL != "long"
"""The same cases each time where a change is tested, so that CI judges the change alone; `long` searches for new ones."""

PATIENCE: Final = {"normal": 1, "wide": 2, "long": 5}[LEVEL]
"""Times longer than usual that a test waits for something before it fails: a long search runs beside other work."""

search = pytest.mark.search
slow = pytest.mark.slow


def at_level(*, normal: T, wide: T, long: T) -> T:
    """The value for this run's level: how many examples, kills or rows."""
    return {"normal": normal, "wide": wide, "long": long}[LEVEL]
