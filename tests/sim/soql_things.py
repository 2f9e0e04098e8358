"""A small schema with a field of every type, its rows in a real store, and a way to ask them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from salesforce_simulator import soql
from salesforce_simulator.ids import make_id
from salesforce_simulator.schema import Field, Schema, SObject
from salesforce_simulator.standard import standard_objects
from salesforce_simulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

# A Wednesday in the middle of a month, a quarter and a year.
NOW = datetime(2026, 5, 13, 10, 30, tzinfo=UTC)
DAY_MS = 86_400_000
MIDNIGHT = int(datetime(2026, 5, 13, tzinfo=UTC).timestamp()) * 1000


def sobject(name: str, prefix: str, *fields: Field, **more: Any) -> SObject:
    """An SObject with an Id and these fields."""
    own = (Field("Id", "id"), *fields)
    return SObject(name=name, key_prefix=prefix, fields={f.name: f for f in own}, **more)


THING = sobject(
    "Thing__c",
    "a00",
    Field("IsDeleted", "boolean"),
    Field("Name", "string", length=80, name_field=True),
    Field("Pick__c", "picklist", length=40),
    Field("Multi__c", "multipicklist", length=200),
    Field("Long__c", "textarea", length=32000),
    Field("Flag__c", "boolean"),
    Field("Count__c", "int"),
    Field("Money__c", "currency", precision=18, scale=2),
    Field("Day__c", "date"),
    Field("Moment__c", "datetime"),
    Field("Clock__c", "time"),
    Field("Blob__c", "base64", filterable=False),
    Field("Place__Latitude__s", "double", precision=18, scale=6, compound_field_name="Place__c"),
    Field("Place__Longitude__s", "double", precision=18, scale=6, compound_field_name="Place__c"),
    Field("Place__c", "location"),
    Field("Hidden__c", "string", length=10, filterable=False, sortable=False),
    Field("Parent__c", "reference", reference_to=("Thing__c",), relationship_name="Parent__r", custom=True),
    Field("OwnerId", "reference", reference_to=("Group", "User"), relationship_name="Owner"),
    label="Thing",
    custom=True,
)
LINK = sobject(
    "Link",
    "b00",
    Field("ThingId", "reference", reference_to=("Thing__c",), relationship_name="Thing"),
    Field("OtherId", "reference", reference_to=("Thing__c",), relationship_name="Other"),
    requires_filter=("ThingId", "OtherId"),
)


class World:
    """Objects with rows; `ask` and `export` run SOQL over them."""

    def __init__(self, *more: SObject) -> None:
        self.schema = Schema([*standard_objects(), THING, LINK, *more])
        self.store = Store()
        for each in self.schema:
            self.store.create_table(each)
        self._numbers: dict[str, int] = {}

    def add(self, name: str, **stored: Any) -> str:
        """Insert a row of stored values; gives its id."""
        sobject = self.schema.get(name)
        assert sobject is not None
        assert sobject.key_prefix is not None
        self._numbers[name] = number = self._numbers.get(name, 0) + 1
        record_id = make_id(sobject.key_prefix, number)
        row: dict[str, Any] = {"Id": record_id, **stored}
        if "IsDeleted" in sobject.fields:
            row.setdefault("IsDeleted", 0)
        self.store.insert(sobject.name, row)
        return record_id

    def run(self, text: str, **options: Any) -> soql.RestResult:
        """A REST result."""
        options.setdefault("now", NOW)
        result: soql.RestResult = soql.execute(
            text, schema=self.schema, connection=self.store.reader(), **options
        )
        return result

    def ask(self, text: str, **options: Any) -> list[dict[str, Any]]:
        """REST records without their attributes, at any depth."""
        return [bare(record) for record in self.run(text, **options).records()]

    def names(self, where: str, **options: Any) -> list[str | None]:
        """The Names of the things that a condition finds, in the order in which they were added."""
        found = {
            row["Id"]: row["Name"]
            for row in self.ask(f"SELECT Id, Name FROM Thing__c WHERE {where}", **options)
        }
        return [found[record_id] for record_id in sorted(found)]

    def export(self, text: str, **options: Any) -> soql.BulkResult:
        """A Bulk result."""
        options.setdefault("now", NOW)
        return soql.execute(text, schema=self.schema, connection=self.store.reader(), api="bulk", **options)

    def refusal(self, text: str, **options: Any) -> tuple[str, str]:
        """Code and message of the error that a query raises."""
        try:
            self.export(text) if options.get("api") == "bulk" else self.run(text, **options)
        except soql.SoqlError as error:
            return error.error_code, error.message
        raise AssertionError(f"was not refused: {text}")

    def problem(self, text: str, **options: Any) -> tuple[str, str]:
        """Code and last line of the error that a query raises."""
        code, message = self.refusal(text, **options)
        return code, message.rpartition("\n")[2]

    def close(self) -> None:
        """Remove the store."""
        self.store.close()


def bare(value: Any) -> Any:
    """A record without `attributes`, at any depth."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if key != "attributes"}
    return [bare(item) for item in value] if isinstance(value, list) else value


def things(world: World, field: str, values: Iterable[Any]) -> list[str]:
    """Add a thing a value, named 0, 1, 2...; gives the ids."""
    return [world.add("Thing__c", Name=str(i), **{field: value}) for i, value in enumerate(values)]
