"""The collection ``names``: who is behind the lookups that may point at objects of several kinds.

Salesforce's Name object cannot be queried; it only shows through such lookups (``Who.Name``, ``Owner.Type``; SOQL and SOSL
reference, "Polymorphic Relationships"). So its fields ride along in the queries for the rows that hold the lookups, and no
call is spent on them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource.rows.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_sfsource.catalog.plan import Column, SObjectPlan

_MOST_SEEN = 200_000
"""Ids to remember, so that each name is written once; beyond it some are written again."""


class Names:
    """Collects names while rows pass by.

    Args:
        plan: The plan of Name: its selected columns.
    """

    def __init__(self, plan: SObjectPlan) -> None:
        by_api_name = {column.api_name: column for column in plan.columns}
        identity = by_api_name.pop("Id")
        self.columns = tuple(by_api_name.values())
        self.rows = Rows(plan.stream_name, [identity, *self.columns], {plan.is_deleted: False})
        self._found: list[Sequence[Any]] = []
        self._seen: set[str] = set()

    def lookups(self, plan: SObjectPlan) -> list[Lookup]:
        """The lookups of an SObject that lead to names."""
        return [
            Lookup(column, tuple(f"{column.relationship_name}.{part.api_name}" for part in self.columns))
            for column in plan.polymorphic_lookups
        ]

    def is_new(self, record_id: str) -> bool:
        """Whether an Id's name has not been collected yet."""
        return record_id not in self._seen

    def add(self, record_id: str, values: Sequence[Any]) -> None:
        """Collect a name.

        Args:
            record_id: The Id that a lookup holds.
            values: JSON values of `columns`.
        """
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(record_id)
        self._found.append([record_id, *values])

    def take(self) -> list[Sequence[Any]]:
        """What was collected since the last call: values in the order of `rows`."""
        found, self._found = self._found, []
        return found


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup that leads to names.

    Attributes:
        column: The reference.
        fields: The fields to query through it, as SOQL spells them.
    """

    column: Column
    fields: tuple[str, ...]


class RowsWithNames(Rows):
    """Rows whose pages hold the fields of names behind the columns.

    Args:
        stream: See `Rows`.
        columns: See `Rows`.
        constants: See `Rows`.
        version: See `Rows`.
        names: Where to collect.
        lookups: Of the columns, in the order of the query's further fields.
    """

    def __init__(
        self,
        stream: str,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
        *,
        names: Names,
        lookups: Sequence[Lookup],
    ) -> None:
        further = sum(len(lookup.fields) for lookup in lookups)
        super().__init__(stream, columns, constants, version, further=further)
        self._names = names
        self._lookups = lookups
        places = {column.api_name: place for place, column in enumerate(columns)}
        self._places = [places[lookup.column.api_name] for lookup in lookups]
        fields: list[tuple[str, Any, Any]] = []
        rename = {}
        for place, lookup in enumerate(lookups):
            fields += [(f"id{place}", str | None, None), (f"name{place}", names.rows.source | None, None)]
            rename[f"id{place}"] = lookup.column.api_name
            rename[f"name{place}"] = str(lookup.column.relationship_name)
        self._passing = msgspec.json.Decoder(list[msgspec.defstruct("Passing", fields, rename=rename)])  # type: ignore[misc]

    def json_lines(self, records: bytes | msgspec.Raw, extracted: str) -> tuple[bytes, int]:
        """See `Rows.json_lines`; names are collected on the way."""
        self._look_at_json(records)
        return super().json_lines(records, extracted)

    def json_records(self, records: bytes | msgspec.Raw) -> Iterator[dict[str, Any]]:
        """See `Rows.json_records`; names are collected on the way."""
        self._look_at_json(records)
        return super().json_records(records)

    def csv_records(self, block: bytes) -> Iterator[dict[str, Any]]:
        """See `Rows.csv_records`; names are collected on the way."""
        for cells in csv.reader(io.StringIO(block.decode(), newline="")):
            self.passing([msgspec.json.encode(cell)[1:-1] for cell in cells])
            yield self._record(self.cell_values(cells))

    def passing(self, cells: Sequence[bytes]) -> None:
        """See `Rows.passing`; names are collected."""
        names = self._names
        width, own_width = len(self.columns) + self.further, len(names.columns)
        for number, place in enumerate(self._places):
            at = len(self.columns) + number * own_width
            for row, cell in enumerate(cells[place::width]):
                if not cell or not names.is_new(record_id := cell.decode()):
                    continue
                begin = row * width + at
                own = [msgspec.json.decode(b'"' + part + b'"') for part in cells[begin : begin + own_width]]
                # Without any value the row that the lookup points at is gone, or hidden.
                if any(own):
                    names.add(record_id, names.rows.cell_values([record_id, *own])[1:])

    def _look_at_json(self, records: bytes | msgspec.Raw) -> None:
        names = self._names
        for row in self._passing.decode(records):
            values = msgspec.structs.astuple(row)
            for record_id, name in zip(values[::2], values[1::2], strict=True):
                if record_id and name is not None and names.is_new(record_id):
                    names.add(record_id, names.rows.canonical(name)[1:])
