"""What a catalog selects, in all the forms in which Singer catalogs come.

Two kinds of entries are understood. A full entry, as `--discover` prints it and Meltano completes it, has a
schema: its properties and their marks decide. A selection-only entry has no schema: it names a stream, and
marks properties (by name, API name, or a pattern such as `billing_*`) that differ from the default, so that
whatever the org has today is read. A mark for one name goes before a pattern, a later pattern before an
earlier one.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tap_sfsource import clock
from tap_sfsource.catalog.keys import API_NAME, CREATED, CREATED_BEFORE, CREATED_FROM, MASKED_KEY, TYPE
from tap_sfsource.catalog.naming import API_NAMES, COLLECTIONS
from tap_sfsource.catalog.patterns import is_pattern
from tap_sfsource.errors import CatalogError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from tap_sfsource.catalog.columns import Column

_PROPERTY_DEPTH: Final = 2


@dataclasses.dataclass(frozen=True)
class Mark:
    """What a catalog's metadata says of one stream or property.

    Attributes:
        selected: The user's choice, or None without one.
        default: The choice of whoever made the catalog, or None.
        inclusion: `automatic`, `available`, `unsupported` or empty.
    """

    selected: bool | None = None
    default: bool | None = None
    inclusion: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, Any], legacy: Any = None) -> Self:
        """Read a mark; `legacy` is the `selected` of catalogs from before there was metadata."""
        selected = metadata.get("selected", legacy)
        return cls(
            _truth(selected),
            _truth(metadata.get("selected-by-default")),
            str(metadata.get("inclusion") or ""),
        )

    @property
    def verdict(self) -> bool | None:
        """Selected or not, None if the mark leaves it open."""
        if self.inclusion == "unsupported":
            return False
        return self.default if self.selected is None else self.selected


@dataclasses.dataclass(frozen=True)
class StreamSelection:
    """One entry of an input catalog.

    Attributes:
        stream_name: Its `tap_stream_id`.
        api_name: API name of the object, empty if the catalog does not tell.
        selected: Whether the stream is read.
        is_full: Whether it lists properties; if not, it is selection only.
        exact: Property name (or API name) to its mark.
        patterns: Patterns and their marks, in the catalog's order.
        known_names: API name to the property name that the catalog gave it.
        types: Property name to Salesforce's type at the time of the catalog.
        schemas: Property name to the catalog's JSON schema.
        replication_method: What the user asked for, or empty.
        replication_key: Property, or empty.
        created: From when on, and before when, rows were created that are read; None for any time.
    """

    stream_name: str
    api_name: str
    selected: bool
    is_full: bool
    exact: Mapping[str, Mark]
    patterns: tuple[tuple[str, Mark], ...]
    known_names: Mapping[str, str]
    types: Mapping[str, str]
    schemas: Mapping[str, Mapping[str, Any]]
    replication_method: str
    replication_key: str
    created: tuple[datetime.datetime | None, datetime.datetime | None]

    @property
    def part(self) -> tuple[str, ...]:
        """SOQL conditions of the rows that are read, where a shard reads a part of them."""
        start, end = self.created
        conditions = [f"{CREATED} >= {clock.isoformat(start)}"] if start else []
        return (*conditions, *([f"{CREATED} < {clock.isoformat(end)}"] if end else []))

    def name_of(self, column: Column) -> str:
        """The name that the catalog gives a column; a state may have given another one before."""
        return self.known_names.get(column.api_name, column.property)

    def is_selected(self, column: Column) -> bool:
        """Whether a column that could be left out is read.

        Its mark says; a listed property without a mark follows its stream. A column that the catalog does not know follows
        its default in a selection-only entry, and in one that discovery made only if that deselects nothing.
        """
        return self.reads(column.api_name, self.name_of(column), default=column.selected_by_default)

    def reads(self, api_name: str, name: str, *, default: bool) -> bool:
        """The same of a field by its API name and the name that the catalog gives it; `default` is the field's own."""
        chosen = self._choice(api_name, name)
        if chosen is not None:
            return chosen
        if self.is_full:
            return default and bool(self.types) and not self.deselects
        return default

    def choice(self, column: Column) -> bool | None:
        """What the catalog says of a column that could be left out; None if it does not know the column."""
        return self._choice(column.api_name, self.name_of(column))

    def _choice(self, api_name: str, name: str) -> bool | None:
        mark = self.exact.get(name) or self.exact.get(api_name)
        if mark is not None and mark.verdict is not None:
            return mark.verdict
        for pattern, pattern_mark in reversed(self.patterns):
            if pattern_mark.verdict is not None and any(
                fnmatchcase(part, pattern) for part in (name, api_name)
            ):
                return pattern_mark.verdict
        return True if self.is_full and name in self.schemas else None

    @property
    def deselects(self) -> bool:
        """Whether any property is deselected by choice."""
        marks = [*self.exact.values(), *(mark for _, mark in self.patterns)]
        return any(
            mark.selected is False and mark.inclusion not in {"unsupported", "automatic"} for mark in marks
        )

    def overridden_schema(self, column: Column, types_of: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The catalog's schema of a column if the user wrote it; None if today's describe decides.

        A user wrote it if its type or format differs from `types_of`, what discovery gives the recorded type.
        """
        name = self.name_of(column)
        schema = self.schemas.get(name)
        if not schema or name not in self.types or not schema.get("type") or MASKED_KEY in schema:
            return None
        same = all(schema.get(key) == types_of.get(key) for key in ("format", "contentEncoding"))
        return None if same and _types(schema) == _types(types_of) else schema

    def unknown(self, columns: Iterable[Column]) -> dict[str, str]:
        """Marked properties that the object does not have today, each with the nearest that it has, or an empty string."""
        known = {name for column in columns for name in (column.property, column.api_name)}
        lost = [
            name
            for name in self.exact
            if name not in known and name.lower() not in {"is_deleted", "isdeleted"}
        ]
        return {name: next(iter(difflib.get_close_matches(name, known, 1)), "") for name in lost}


def read_catalog(catalog: Mapping[str, Any]) -> list[StreamSelection]:
    """Read a decoded catalog file: its entries, selected or not, in the file's order.

    Raises:
        CatalogError: It is no Singer catalog, or names a stream twice.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list):
        raise CatalogError('The catalog has no list "streams". Make one with --discover.')
    entries = [_read_entry(place, entry) for place, entry in enumerate(streams)]
    counts = Counter(entry.stream_name for entry in entries)
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice:
        raise CatalogError(f"The catalog names the stream {twice} twice. Remove one of its entries.")
    return entries


class _Part(msgspec.Struct):
    breadcrumb: tuple[str, ...]
    metadata: dict[str, Any]


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]] = {}
    selected: bool | str | None = None


class _Entry(msgspec.Struct):
    tap_stream_id: str | None = None
    stream: str | None = None
    metadata: list[_Part] | None = None
    replication_method: str | None = None
    replication_key: str | None = None
    selected: bool | str | None = None
    schema: _Schema | None = None


def _read_entry(place: int, given: Any) -> StreamSelection:
    try:
        entry = msgspec.convert(given, _Entry)
    except msgspec.ValidationError as error:
        raise CatalogError(f"Entry {place + 1} of the catalog cannot be read: {error}.") from None
    name = entry.tap_stream_id or entry.stream
    if not name:
        raise CatalogError(f'Entry {place + 1} of the catalog has no "tap_stream_id" that names a stream.')
    properties = entry.schema.properties if entry.schema else {}
    metadata = {part.breadcrumb: part.metadata for part in entry.metadata or ()}
    root = metadata.get((), {})
    by_property = {
        crumb[1]: told
        for crumb, told in metadata.items()
        if len(crumb) == _PROPERTY_DEPTH and crumb[0] == "properties"
    }
    marks = {
        key: Mark.of(by_property.get(key, {}), properties.get(key, {}).get("selected"))
        for key in (*by_property, *(key for key, schema in properties.items() if "selected" in schema))
    }
    return StreamSelection(
        stream_name=name,
        api_name=str(root.get(API_NAME) or API_NAMES.get(name) or (name if name in COLLECTIONS else "")),
        selected=_is_stream_selected(entry, root),
        is_full=bool(properties),
        exact={key: mark for key, mark in marks.items() if not is_pattern(key)},
        patterns=tuple((key, mark) for key, mark in marks.items() if is_pattern(key)),
        known_names={str(told[API_NAME]): key for key, told in by_property.items() if told.get(API_NAME)},
        types={key: str(told[TYPE]) for key, told in by_property.items() if told.get(TYPE)},
        schemas=properties,
        replication_method=str(root.get("forced-replication-method") or entry.replication_method or ""),
        replication_key=str(root.get("replication-key") or entry.replication_key or ""),
        created=(_moment(name, root, CREATED_FROM), _moment(name, root, CREATED_BEFORE)),
    )


def _moment(name: str, root: Mapping[str, Any], key: str) -> datetime.datetime | None:
    given = root.get(key)
    if given is None:
        return None
    try:
        return clock.parse(given)
    except (TypeError, ValueError):
        raise CatalogError(
            f"The catalog's {key} of {name} is {given!r}, which is no date and time. Make the catalogs of the shards again."
        ) from None


def _is_stream_selected(entry: _Entry, root: Mapping[str, Any]) -> bool:
    schema = entry.schema or _Schema()
    mark = Mark.of(root, schema.selected if entry.selected is None else entry.selected)
    if mark.verdict is not None:
        return mark.verdict
    # Who lists a stream in a selection-only catalog wants it; a full catalog lists everything.
    return not schema.properties or not entry.metadata


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return value.strip().lower() == "true"
    return None if value is None else bool(value)


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    types = schema.get("type")
    named = types if isinstance(types, list) else [types]
    return frozenset(name for name in named if isinstance(name, str)) - {"null"}
