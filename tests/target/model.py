"""The rules of the target in plain Python: what the tables must hold after any valid stream of messages."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Narrow:
    """A column that somebody made before, with a type of less room than the schema asks for.

    It keeps its `kind` as long as each value `fits`; the first one that does not turns it into `room`.
    """

    kind: str
    room: str
    fits: Callable[[Any], bool]


NARROW = {
    "id": Narrow("smallint", "bigint", lambda value: value < 2**15),
    "name": Narrow("character varying(4)", "text", lambda value: len(value) <= 4),
    "count": Narrow("integer", "bigint", lambda value: -(2**31) <= value < 2**31),
    "amount": Narrow("numeric(8,2)", "numeric", lambda value: value * 100 % 1 == 0 and abs(value) < 10**6),
    "flag": Narrow("boolean", "boolean", lambda _: True),
    "details": Narrow("json", "json", lambda _: True),
}
"""Columns of a table that stood before the run, by property."""


@dataclass
class ModelTable:
    """A table: rows by key, or in a list when the stream has no key.

    One that `refuses` has a rule: no `count` is a multiple of three. A date that is not of ISO 8601 is refused by every
    table, as another server would read it in another way. `gone` counts the rows that became deleted.
    """

    key: str | None
    columns: list[str] = field(default_factory=list)
    moments: set[str] = field(default_factory=set)
    current: list[str] = field(default_factory=list)
    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)
    versioned: bool = False
    marks_time: bool = False
    mark: str = "is_deleted"
    read: int = 0
    refuses: bool = False
    refused: int = 0
    narrow: dict[str, Narrow] = field(default_factory=dict)
    widened: set[str] = field(default_factory=set)
    gone: int = 0
    removes: bool = False

    def types(self) -> dict[str, str]:
        """Types of the columns that stood before the run."""
        return {
            name: column.room if name in self.widened else column.kind for name, column in self.narrow.items()
        }

    def is_gone(self, row: dict[str, Any]) -> bool:
        """Whether a row is marked as deleted."""
        return bool(row.get(self.mark if self.mark in self.columns else "_deleted"))

    def stored(self) -> list[dict[str, Any]]:
        """Rows as the warehouse must show them."""
        names = [*self.columns, *(["_version"] if self.versioned else [])]
        names += ["_deleted"] if self.marks_time else []
        return [
            {name: row.get(name, False if name == self.mark else None) for name in names}
            for row in self.rows.values()
        ]


@dataclass
class Model:
    """All tables."""

    tables: dict[str, ModelTable] = field(default_factory=dict)
    hard_delete: bool = False

    def take(self, message: dict[str, Any]) -> None:
        """Apply one message."""
        match message["type"]:
            case "SCHEMA":
                self._schema(message)
            case "RECORD":
                self._record(message)
            case "ACTIVATE_VERSION":
                self._activate(self.tables[message["stream"]], message["version"])

    def _schema(self, message: dict[str, Any]) -> None:
        keys = message["key_properties"]
        table = self.tables.setdefault(message["stream"], ModelTable(keys[0] if keys else None))
        properties = message["schema"]["properties"]
        table.current = list(properties)
        table.mark = next((name for name in properties if properties[name].get("x-soft-delete")), table.mark)
        table.moments |= {name for name in properties if properties[name].get("format") == "date-time"}
        table.columns += [name for name in table.current if name not in table.columns]

    def _record(self, message: dict[str, Any]) -> None:
        table = self.tables[message["stream"]]
        values = message["record"]
        table.read += 1
        moments = [values.get(name) for name in table.current if name in table.moments]
        against_rule = table.refuses and "count" in table.current and breaks_the_rule(values.get("count"))
        if against_rule or not all(map(is_moment, moments)):
            table.versioned = table.versioned or "version" in message
            table.refused += 1
            return
        key = values[table.key] if table.key else table.read
        alive = table.key is not None and key in table.rows and not table.is_gone(table.rows[key])
        row = table.rows.setdefault(key, {table.mark: False} if table.mark in table.columns else {})
        for name in table.current:
            value = as_stored(values.get(name), moment=name in table.moments)
            row[name] = False if name == table.mark and value is None else value
            if value is not None and name in table.narrow and not table.narrow[name].fits(value):
                table.widened.add(name)
        table.gone += alive and table.mark in table.current and table.is_gone(row)
        if "version" in message:
            table.versioned = True
            row["_version"] = message["version"]
            row["_deleted"] = False

    def _activate(self, table: ModelTable, version: int) -> None:
        if (table.read and not table.versioned) or table.refused:
            return
        table.versioned = True
        old = [
            key for key, row in table.rows.items() if row.get("_version") is None or row["_version"] < version
        ]
        table.gone += sum(not table.is_gone(table.rows[key]) for key in old)
        if self.hard_delete:
            for key in old:
                del table.rows[key]
            return
        if table.mark not in table.columns:
            table.marks_time = True
        for key in old:
            table.rows[key][table.mark if table.mark in table.columns else "_deleted"] = True


STREAM_MAPS: dict[str, dict[str, Any]] = {
    "none": {},
    "computed": {"twice": "str(id)"},
    "removed": {"name": None},
    "filtered": {"__filter__": "id != 2"},
    "of a property": {"label": "record.get('count')"},
}
"""Stream maps of the target's settings, each with its meaning in `mapped`."""


def mapped(messages: list[Any], kind: str) -> list[Any]:
    """The messages as one of STREAM_MAPS makes them."""
    found = []
    known: dict[str, set[str]] = {}
    labelled: dict[str, bool] = {}
    for message in copy.deepcopy(messages):
        stream = message.get("stream")
        if message["type"] == "SCHEMA":
            properties = message["schema"]["properties"]
            seen = known.setdefault(stream, set())
            # A partial row without the property does not touch what is computed from it.
            labelled[stream] = "count" in properties or "count" not in seen
            seen |= set(properties)
            _map(
                properties,
                kind,
                twice={"type": "string"},
                label={"type": "string"},
                labelled=labelled[stream],
            )
        elif message["type"] == "RECORD":
            values = message["record"]
            if kind == "filtered" and values["id"] == 2:
                continue
            count = values.get("count")
            label = None if count is None else str(count)
            _map(values, kind, twice=str(values["id"]), label=label, labelled=labelled[stream])
        found.append(message)
    return found


def _map(values: dict[str, Any], kind: str, *, twice: Any, label: Any, labelled: bool) -> None:
    """Change properties, or their values, as a stream map does."""
    if kind == "computed":
        values["twice"] = twice
    elif kind == "removed":
        values.pop("name", None)
    elif kind == "of a property" and labelled:
        values["label"] = label


def breaks_the_rule(count: int | None) -> bool:
    """Whether a table that `refuses` takes no such value."""
    return count is not None and count % 3 == 0


def is_moment(value: str | None) -> bool:
    """Whether a date-time is NULL or of ISO 8601."""
    try:
        datetime.fromisoformat(value or "2026-01-01")
    except ValueError:
        return False
    return True


def as_stored(value: Any, *, moment: bool = False) -> Any:
    """A JSON value as Postgres gives it back: NUL characters replaced, numbers exact."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC) if moment else value.replace("\0", "�")
    if isinstance(value, float):
        return Decimal(str(value)) if value else Decimal(0)
    if isinstance(value, list):
        return [as_stored(item) for item in value]
    if isinstance(value, dict):
        return {as_stored(key): as_stored(item) for key, item in value.items()}
    return value
