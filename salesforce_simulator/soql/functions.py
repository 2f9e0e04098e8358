"""SQL functions and the collation that give SQLite Salesforce's ideas of text.

Text compares without regard to case in any script, character by character (simple folding: `ß` is not `ss`).
"""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache

from salesforce_simulator.values import number_text


def fold(text: str) -> str:
    """The form of a text in which two texts are equal that differ in case only."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def _fold_value(value: str | None) -> str | None:
    return None if value is None else fold(value)


def _compare(left: str, right: str) -> int:
    a, b = fold(left), fold(right)
    return (a > b) - (a < b)


@lru_cache(maxsize=256)
def _like_pattern(pattern: str) -> re.Pattern[str]:
    parts = []
    escaped = False
    for character in fold(pattern):
        if escaped:
            parts.append(re.escape(character))
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _like(value: str | None, pattern: str) -> int:
    return int(value is not None and _like_pattern(pattern).fullmatch(fold(value)) is not None)


@lru_cache(maxsize=256)
def _choices(packed: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(fold(part) for part in choice.split(";")) for choice in json.loads(packed))


def _includes(value: str | None, packed: str) -> int:
    chosen = frozenset(fold(part) for part in (value or "").split(";"))
    return int(value is not None and any(choice <= chosen for choice in _choices(packed)))


def prepare(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection; later calls are cheap and change nothing."""
    try:
        connection.execute("SELECT soql_like(NULL, '')")
    except sqlite3.OperationalError:
        connection.create_collation("soql", _compare)
        connection.create_function("soql_fold", 1, _fold_value, deterministic=True)
        connection.create_function("soql_includes", 2, _includes, deterministic=True)
        connection.create_function("soql_number", 2, number_text, deterministic=True)
        connection.create_function("soql_like", 2, _like, deterministic=True)
