"""docs/errors.md has a row for every error and warning that the code can print, and no row that the code never prints."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT
from tests.messages_in_code import UNKNOWN, Half, Message

if TYPE_CHECKING:
    from pathlib import Path

HALVES = {"tap-sfsource": "tap_sfsource", "target-sfwarehouse": "target_sfwarehouse", "sfsource": "sfsource"}

WORDS = 3
"""Words of a message that a row has at least, so that somebody who searches for them finds it."""

PASSED_ON = re.compile(
    rf"((?:{UNKNOWN}|line|stream|property|key|batch file|State of|\.\.\.)[\s'\",:.;{UNKNOWN}]*)*"
)
"""A message that has a place and another's text, and none of its own."""


@functools.cache
def half(name: str) -> Half:
    return Half(PROJECT / HALVES[name])


def fragments(name: str) -> list[str]:
    """The messages that the page's part about a half names, as the first cell of a row quotes them."""
    (part,) = re.findall(
        rf"^## {name}\n(.*?)(?=^## |\Z)",
        (PROJECT / "docs" / "errors.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    cells = re.findall(r"^\| (`.*?) \| [^|]+ \|$", part, re.MULTILINE)
    return [quoted.strip() for cell in cells for _, quoted in re.findall(r"(`+)(.+?)\1(?!`)", cell)]


def pattern(fragment: str) -> str:
    return re.escape(fragment).replace(UNKNOWN, ".+")


def undocumented(messages: list[Message], rows: list[str]) -> list[str]:
    known = re.compile("|".join(map(pattern, rows)))
    return [
        f"{message.place}: {message.text}"
        for message in messages
        if not PASSED_ON.fullmatch(message.text) and not known.search(message.text)
    ]


@pytest.mark.parametrize("name", HALVES)
def test_every_message_of_the_code_has_a_row(name: str) -> None:
    assert undocumented(list(half(name).messages()), fragments(name)) == []


@pytest.mark.parametrize("name", HALVES)
def test_every_row_is_a_message_of_the_code(name: str) -> None:
    """A row may also be of a line that is no warning, or of a part of a message."""
    printed = "\n".join(message.text for message in half(name).messages())
    rest = [row for row in fragments(name) if not re.search(pattern(row), printed)]
    assert len(rest) < 0.1 * len(fragments(name))
    assert [row for row in rest if not re.search(pattern(row), "\n".join(half(name).literals))] == []


@pytest.mark.parametrize("name", HALVES)
def test_a_row_has_words_to_search_for(name: str) -> None:
    assert [row for row in fragments(name) if len(re.findall(r"[A-Za-z][\w'-]*", row)) < WORDS] == []


FORMS = {
    "a literal": 'raise WrongError("the cat is " "away")',
    "an f-string": 'raise WrongError(f"the {animal} is away")',
    "a number sign": 'raise WrongError("the %s is away" % animal)',
    "a warning": 'self.logger.warning("the %s is away", animal)',
    "a condition": 'raise WrongError(animal if animal else "the cat is away")',
    "a local name": 'said = "the cat"\nsaid += " is away"\nraise WrongError(said)',
    "a constant": "raise WrongError(AWAY)",
    "a table": "raise WrongError(TABLE.get(animal, ''))",
    "a function's text": "raise WrongError(text_of(animal))",
    "a parameter": 'fail("the cat is away")',
    "a class chosen": 'kind = WrongError if animal else LateError\nraise kind("the cat is away")',
    "a class with a text": "raise LateError(animal)",
    "a class with a form": 'raise FormError("is away")',
}
MODULE = """
AWAY = "the cat is away"
TABLE = {{1: "the cat is here", 2: "the cat is away"}}

class WrongError(Exception): pass

class LateError(WrongError):
    def __str__(self) -> str:
        return f"the {{self.animal}} is away"

class FormError(WrongError):
    def __init__(self, how: str) -> None:
        super().__init__(f"the cat {{how}}")

def text_of(animal: str) -> str:
    return f"the {{animal}} is away"

def fail(reason: str) -> None:
    raise WrongError(reason)

def work(animal: str) -> None:
    {code}
"""


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS)
def test_a_message_is_found_in_whatever_form_it_is_written(code: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "animals.py").write_text(MODULE.format(code=code.replace("\n", "\n    ")))
    found = undocumented(list(Half(package).messages()), ["the cat is here"])
    assert any(re.fullmatch(r"package/animals\.py:\d+: the (cat|…) is away", each) for each in found)
