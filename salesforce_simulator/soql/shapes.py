"""How a row of SQL values becomes a REST record: nested objects with their attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from salesforce_simulator import values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from salesforce_simulator.schema import Field

Row = tuple[Any, ...]
# These come out of the store, or out of the SQL that reads it, as REST shows them.
_AS_STORED = frozenset(
    {
        "id", "reference", "string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone",
        "url", "encryptedstring", "anyType", "date", "datetime",
    }
)  # fmt: skip


@dataclass(slots=True)
class Page:
    """What a page's records need besides their rows.

    Attributes:
        base: Path of the API version, such as `/services/data/v62.0`.
        children: By child subquery, then by parent id, the child records.
    """

    base: str
    children: list[dict[str, list[dict[str, Any]]]] = field(default_factory=list)


class Columns:
    """The SQL expressions of a SELECT, each once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, sql: str) -> int:
        """The place of an expression in the row."""
        return self._places.setdefault(sql, len(self._places))

    @property
    def sql(self) -> str:
        """The SELECT list."""
        return ", ".join(self._places)


class RecordShape:
    """One record of a known SObject.

    Args:
        id_place: Where the row has its id.
        type_of: Gives the name in `attributes.type` and the SObject's name in its URL, of the id.
    """

    def __init__(self, id_place: int, type_of: Callable[[str], tuple[str, str]]) -> None:
        self._id_place = id_place
        self._type_of = type_of
        self._readers: dict[str, Callable[[Row, Page], Any]] = {}
        self._places: dict[str, int] = {}
        self._stored: Callable[[Row], tuple[Any, ...]] | None = None

    def add(self, key: str, reader: Callable[[Row, Page], Any]) -> bool:
        """Add a member; false, and nothing added, where there is one of that name."""
        if key in self._places:
            return False
        # Its place among the members is taken with what stands at the row's beginning.
        self._places[key] = 0
        self._readers[key] = reader
        self._stored = None
        return True

    def add_value(self, key: str, place: int, of: Field) -> bool:
        """Add a field's value; the row has it at a place."""
        if of.type not in _AS_STORED:
            return self.add(key, _value_reader(place, of))
        if key in self._places:
            return False
        self._places[key] = place
        self._stored = None
        return True

    def build(self, row: Row, page: Page) -> dict[str, Any] | None:
        """The record, or none where the row has no id for it."""
        record_id = row[self._id_place]
        if record_id is None:
            return None
        shown, name = self._type_of(record_id)
        record: dict[str, Any] = {
            "attributes": {"type": shown, "url": f"{page.base}/sobjects/{name}/{record_id}"},
        }
        if self._stored is None:
            # With two places at least it gives a tuple, whatever there is.
            self._stored = itemgetter(*self._places.values(), 0, 0)
        record.update(zip(self._places, self._stored(row), strict=False))
        for key, reader in self._readers.items():
            record[key] = reader(row, page)
        return record


class VariantShape:
    """A polymorphic record under TYPEOF: the shape depends on the id's key prefix."""

    def __init__(self, id_place: int, by_prefix: dict[str, RecordShape], otherwise: RecordShape) -> None:
        self._id_place = id_place
        self._by_prefix = by_prefix
        self._otherwise = otherwise

    def build(self, row: Row, page: Page) -> dict[str, Any] | None:
        """The record in the shape of its type."""
        record_id = row[self._id_place]
        if record_id is None:
            return None
        return self._by_prefix.get(record_id[:3], self._otherwise).build(row, page)


def _value_reader(place: int, of: Field) -> Callable[[Row, Page], Any]:
    """Reads a field's value as REST shows it."""
    if of.type == "boolean":
        return lambda row, _page: bool(row[place])
    return lambda row, _page: None if row[place] is None else values.to_rest(of, row[place])


def blob_reader(id_place: int, sobject: str, name: str) -> Callable[[Row, Page], Any]:
    """Reads a base64 field: queries give the path under which the bytes are to be had."""
    return lambda row, page: f"{page.base}/sobjects/{sobject}/{row[id_place]}/{name}"


def compound_reader(parts: Sequence[tuple[str, int, Field]]) -> Callable[[Row, Page], Any]:
    """Reads an address or a location: an object of its parts, or null where all are."""

    def read(row: Row, _page: Page) -> dict[str, Any] | None:
        if all(row[place] is None for _, place, _ in parts):
            return None
        return {key: values.to_rest(part, row[place]) for key, place, part in parts}

    return read


def children_reader(index: int, id_place: int) -> Callable[[Row, Page], Any]:
    """Reads a child subquery's result; null where there are no children."""

    def read(row: Row, page: Page) -> dict[str, Any] | None:
        records = page.children[index].get(row[id_place])
        return {"totalSize": len(records), "done": True, "records": records} if records else None

    return read
