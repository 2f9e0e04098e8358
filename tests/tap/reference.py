"""A target in a few lines: what Singer messages mean, without a database. Tests replay a tap's output with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class ReferenceTarget:
    """Tables that the messages so far describe.

    Attributes:
        tables: Stream to key to row; a row has every property that was ever set for it.
        state: The value of the last STATE, None before one.
        counts: Stream to RECORD messages, those of the last `feed` only.
    """

    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    _schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    _versions: dict[str, dict[str, int | None]] = field(default_factory=dict)

    def feed(self, output: str | bytes | Iterable[str]) -> None:
        """Replay a tap's whole output."""
        if isinstance(output, bytes):
            output = output.decode()
        self.counts = {}
        for line in output.split("\n") if isinstance(output, str) else output:
            if line:
                self._apply(json.loads(line, parse_float=Decimal))

    def properties(self, stream: str) -> set[str]:
        """The properties of a stream's last SCHEMA."""
        return set(self._schemas[stream]["schema"]["properties"])

    def names(self, stream: str) -> dict[str, str]:
        """API names of the fields in a stream's last SCHEMA, each with the name of its property."""
        properties = self._schemas[stream]["schema"]["properties"] if stream in self._schemas else {}
        return {
            given["x-sfsource-api-name"]: name
            for name, given in properties.items()
            if "x-sfsource-api-name" in given
        }

    def _apply(self, message: dict[str, Any]) -> None:
        kind, stream = message["type"], message.get("stream", "")
        if kind == "SCHEMA":
            assert message["key_properties"], message
            self._schemas[stream] = message
            self.tables.setdefault(stream, {})
        elif kind == "RECORD":
            self._record(stream, message)
        elif kind == "ACTIVATE_VERSION":
            for key, version in self._versions.get(stream, {}).items():
                if version != message["version"]:
                    self.tables[stream][key]["is_deleted"] = True
        elif kind == "STATE":
            self.state = message["value"]
        else:
            raise AssertionError(message)

    def _record(self, stream: str, message: dict[str, Any]) -> None:
        schema, record = self._schemas[stream], message["record"]
        properties = schema["schema"]["properties"]
        assert set(record) <= set(properties), set(record) - set(properties)
        (key_property,) = schema["key_properties"]
        key = record[key_property]
        row = self.tables[stream].setdefault(key, {})
        row.update({name: record.get(name) for name in properties})
        self._versions.setdefault(stream, {})[key] = message.get("version")
        self.counts[stream] = self.counts.get(stream, 0) + 1
