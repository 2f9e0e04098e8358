"""Made-up records of 60 properties, as Singer messages and as CSV: what a target is given.

The kinds and the share of nulls are those of a Salesforce account: mostly short text, some of it with quotes, line
feeds and letters beyond ASCII. Row `i` is the same whatever the number of rows.
"""

from __future__ import annotations

import csv
import io
import json
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STREAM = "measured"
_POOL = 499
_ID = "@ID@"
_WORDS = (
    "north",
    "Straße",
    "blue",
    "quarter",
    "naïve",
    "Ltd",
    "renewal",
    "東京",
    "O'Neill",
    "vendor",
    "and Sons",
    "Ω",
)
_AWKWARD = ('say "when"', "two\nlines", "back\\slash", "comma, semicolon;", "  padded ")
_EXTRACTED = "2026-03-02T09:00:00+00:00"
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": ["null", "string"]},
    "number": {"type": ["null", "number"]},
    "integer": {"type": ["null", "integer"]},
    "boolean": {"type": ["null", "boolean"]},
    "date": {"type": ["null", "string"], "format": "date"},
    "datetime": {"type": ["null", "string"], "format": "date-time"},
}
_OF_TEN = ("text", "text", "text", "number", "text", "text", "datetime", "text", "boolean", "integer")


def kinds(columns: int = 60) -> dict[str, str]:
    """Properties in order, each with its kind: text, number, integer, boolean, date or datetime."""
    found = {"id": "text", "is_deleted": "boolean", "system_modstamp": "datetime", "close_date": "date"}
    found |= {
        f"{_OF_TEN[place % 10]}_{place}": _OF_TEN[place % 10] for place in range(max(0, columns - len(found)))
    }
    return dict(list(found.items())[:columns])


def _value(kind: str, random: Random) -> Any:
    if random.random() < 0.15:
        return None
    if kind == "text":
        if random.random() < 0.02:
            return random.choice(_AWKWARD)
        return " ".join(random.choices(_WORDS, k=random.randint(1, 4)))
    makers: dict[str, Callable[[], Any]] = {
        "number": lambda: random.randrange(10**9) / 100,
        "integer": lambda: random.randrange(10**6),
        "boolean": lambda: random.random() < 0.3,
        "date": lambda: f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
        "datetime": lambda: f"2025-{random.randint(1, 12):02}-28T08:30:{random.randint(0, 59):02}.000Z",
    }
    return makers[kind]()


def _lines(
    count: int, columns: int, encode: Callable[[dict[str, Any]], str], *, changed: bool
) -> Iterator[str]:
    """Make encoded records by ascending id; every tenth one, if `changed`, differs in a text and its stamp."""
    named = kinds(columns)
    random = Random(7)
    first: dict[str, Any] = {"id": _ID, "is_deleted": False}
    pool = [{name: _value(kind, random) for name, kind in named.items()} | first for _ in range(_POOL)]
    pool = [{name: row[name] for name in named} for row in pool]
    texts = [encode(row) for row in pool]
    touched = next((name for name, kind in named.items() if kind == "text" and name != "id"), "")
    for number in range(count):
        text = texts[number % _POOL]
        if changed and number % 10 == 0:
            news = {touched: f"changed {number}", "system_modstamp": "2026-03-01T00:00:00.000Z"}
            text = encode(pool[number % _POOL] | {name: news[name] for name in news if name in named})
        yield text.replace(_ID, f"001{number:012}AAA", 1)


def write_singer(
    path: Path, count: int, columns: int = 60, *, streams: int = 1, changed: bool = False
) -> None:
    """Write SCHEMA, RECORD and STATE messages; more than one stream come one after the other.

    Args:
        path: The file.
        count: Records of each stream.
        columns: Properties of each.
        streams: How many streams; the first is called `STREAM`.
        changed: Whether every tenth record differs from the one made without this.
    """
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    schema = {"type": "object", "properties": {name: _TYPES[kind] for name, kind in kinds(columns).items()}}
    with path.open("w", encoding="utf-8") as file:
        for place in range(streams):
            stream = STREAM if place == 0 else f"{STREAM}_{place}"
            message = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}
            file.write(encode(message) + "\n")
            head = f'{{"type":"RECORD","stream":"{stream}","record":'
            tail = f',"time_extracted":"{_EXTRACTED}"}}\n'
            file.writelines(head + line + tail for line in _lines(count, columns, encode, changed=changed))
            file.write(encode({"type": "STATE", "value": {"bookmarks": {stream: {}}}}) + "\n")


def write_csv(path: Path, count: int, columns: int = 60, *, changed: bool = False) -> None:
    """Write the same records as CSV for COPY: null is an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(_lines(count, columns, _csv_line, changed=changed))


def _csv_line(row: dict[str, Any]) -> str:
    # No text here is empty, so that an empty field can only be null.
    line = io.StringIO(newline="")
    cells = (str(value).lower() if isinstance(value, bool) else value for value in row.values())
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
