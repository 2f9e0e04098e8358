"""The collection ``names``: who is behind the lookups that may point at objects of several kinds.

Salesforce's Name object cannot be queried; it only shows through such lookups (``Who.Name``, ``Owner.Type``; SOQL and SOSL
reference, "Polymorphic Relationships"). So the queries of rows with lookups ask for its fields as well, and no call is spent
on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource.rows.json_rows import JsonRows
from tap_sfsource.rows.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.plan import SObjectPlan

_MOST_SEEN = 200_000
"""Ids to remember, so that each name is written once; beyond it some are written again."""


class Names:
    """Collects names from the pages of other objects, by the plan of Name: its selected columns.

    Attributes:
        masks: Tells what names are masked with, empty for nothing.
        broken: Whether names could not be written: the lookups of this run's rows are read again by the next run.
    """

    broken = False

    def __init__(self, plan: SObjectPlan) -> None:
        by_api_name = {column.api_name: column for column in plan.columns}
        identity = by_api_name.pop("Id")
        self.columns = tuple(by_api_name.values())
        self.masks = plan.names_masked
        self.layout = Layout(plan.stream_name, [identity, *self.columns])
        self.json = JsonRows(self.layout)
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
        """Collect the name behind an Id: JSON values of `columns`."""
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(record_id)
        self._found.append([record_id, *values])

    def take(self) -> list[Sequence[Any]]:
        """The names collected since the last call, in the order of `layout`."""
        found, self._found = self._found, []
        return found


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup that leads to names.

    Attributes:
        fields: The fields to query through it, as SOQL spells them.
    """

    column: Column
    fields: tuple[str, ...]


class NamesInPages:
    """Reads the names in the pages of an object; see `FurtherFields` of the layout, whose order is that of the lookups."""

    def __init__(self, names: Names, columns: Sequence[Column], lookups: Sequence[Lookup]) -> None:
        self.count = sum(len(lookup.fields) for lookup in lookups)
        self._names = names
        self._own = len(columns)
        places = {column.api_name: place for place, column in enumerate(columns)}
        self._places = [places[lookup.column.api_name] for lookup in lookups]
        fields: list[tuple[str, Any, Any]] = []
        rename = {}
        for place, lookup in enumerate(lookups):
            fields += [(f"id{place}", str | None, None), (f"name{place}", names.json.record | None, None)]
            rename[f"id{place}"] = lookup.column.api_name
            rename[f"name{place}"] = str(lookup.column.relationship_name)
        self._records = msgspec.json.Decoder(list[msgspec.defstruct("Lookups", fields, rename=rename)])  # type: ignore[misc]

    def see_records(self, records: bytes | msgspec.Raw) -> None:
        """Collect the names of a REST page."""
        names = self._names
        for row in self._records.decode(records):
            values = msgspec.structs.astuple(row)
            for record_id, name in zip(values[::2], values[1::2], strict=True):
                if record_id and name is not None and names.is_new(record_id):
                    names.add(record_id, names.json.canonical(name)[1:])

    def see_cells(self, cells: Sequence[bytes]) -> None:
        """Collect the names of whole Bulk rows, given as JSON text without quotes."""
        names = self._names
        width, own_width = self._own + self.count, len(names.columns)
        for number, place in enumerate(self._places):
            at = self._own + number * own_width
            for row, cell in enumerate(cells[place::width]):
                if not cell or not names.is_new(record_id := cell.decode()):
                    continue
                begin = row * width + at
                own = [msgspec.json.decode(b'"' + part + b'"') for part in cells[begin : begin + own_width]]
                # Without any value the row that the lookup points at is gone, or hidden.
                if any(own):
                    names.add(record_id, names.layout.cell_values([record_id, *own])[1:])
