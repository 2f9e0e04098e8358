"""The SELECT list: which columns a query reads and what its records or CSV cells look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.cells import Cell, cell_sql
from salesforce_simulator.soql.errors import SoqlError
from salesforce_simulator.soql.shapes import (
    Columns,
    RecordShape,
    VariantShape,
    blob_reader,
    children_reader,
    compound_reader,
)
from salesforce_simulator.soql.sources import no_such_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from salesforce_simulator.schema import Field, SObject
    from salesforce_simulator.soql.sources import PolymorphicSource, Scope, Source

FIELDS_LIMIT = 200
_ADDRESS_PARTS = (
    "city", "country", "countryCode", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state",
    "stateCode", "street",
)  # fmt: skip
_PASS_THROUGH = ("tolabel", "convertcurrency", "format")


@dataclass(frozen=True, slots=True)
class Selected:
    """A field that a query selects, with the name under which it appears."""

    source: Source
    field: Field
    key: str
    position: int


def selected_fields(
    scope: Scope, query: syntax.Query, api: str
) -> Iterator[Selected | syntax.TypeOf | syntax.Child]:
    """The items of a SELECT list in order, with FIELDS() expanded and paths resolved.

    Raises:
        SoqlError: an unknown or doubled field, an alias, or a function that has no place there.
    """
    seen: set[tuple[str, ...]] = set()
    for item in query.select:
        if not isinstance(item, syntax.Column):
            yield item
            continue
        for selected in _fields_of(scope, query, item, api):
            name = (*relationships(selected.source), selected.key)
            if name in seen:
                raise SoqlError("INVALID_FIELD", f"duplicate field selected: {'.'.join(name)}")
            seen.add(name)
            yield selected


def _fields_of(scope: Scope, query: syntax.Query, item: syntax.Column, api: str) -> Iterator[Selected]:
    expression = item.expression
    if isinstance(expression, syntax.Path):
        if item.alias is not None:
            problem = "only aggregate expressions use field aliasing"
            raise scope.refuse(item.alias_position, "MALFORMED_QUERY", problem)
        source, field = scope.resolve(expression)
        yield Selected(source, field, field.name, expression.position)
        return
    name = expression.name.lower()
    if name == "fields":
        for field in _expand(scope, query, expression, api):
            yield Selected(scope.root, field, field.name, expression.position)
    elif (
        name in _PASS_THROUGH
        and len(expression.arguments) == 1
        and isinstance(expression.arguments[0], syntax.Path)
    ):
        source, field = scope.resolve(expression.arguments[0])
        yield Selected(source, field, item.alias or field.name, expression.position)
    else:
        raise scope.refuse(expression.position, "MALFORMED_QUERY", f"unexpected token: '{expression.name}'")


def _expand(scope: Scope, query: syntax.Query, call: syntax.Call, api: str) -> list[Field]:
    kind = (
        call.arguments[0].text.upper()
        if call.arguments and isinstance(call.arguments[0], syntax.Path)
        else ""
    )
    if kind not in ("ALL", "STANDARD", "CUSTOM"):
        problem = "The SOQL FIELDS function must be called with ALL, STANDARD or CUSTOM"
        raise scope.refuse(call.position, "MALFORMED_QUERY", problem)
    if kind != "STANDARD":
        if api == "bulk":
            problem = "The SOQL FIELDS function is not supported with an unbounded set of fields in this API"
            raise scope.refuse(call.position, "MALFORMED_QUERY", problem)
        if query.limit is None or query.limit > FIELDS_LIMIT:
            problem = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT}"
            raise SoqlError("MALFORMED_QUERY", problem)
    fields = scope.root.sobject.fields.values()
    return [field for field in fields if kind == "ALL" or field.custom == (kind == "CUSTOM")]


def relationships(source: Source) -> tuple[str, ...]:
    """The relationships that lead to a source, from the query's own object on."""
    names: list[str] = []
    while source.owner is not None:
        assert source.reference is not None
        names.append(source.reference.relationship_name or "")
        source = source.owner
    return tuple(reversed(names))


class BulkSelection:
    """The cells of a Bulk result."""

    def __init__(self, scope: Scope, query: syntax.Query) -> None:
        self.cells: list[Cell] = []
        for item in selected_fields(scope, query, "bulk"):
            if isinstance(item, syntax.Child):
                raise SoqlError(
                    "API_ERROR",
                    "Aggregate Relationships not supported in Bulk V2 Query with CSV content type",
                )
            if isinstance(item, syntax.TypeOf):
                raise SoqlError("API_ERROR", "TYPEOF not supported in Bulk Query")
            if item.field.compound:
                raise SoqlError(
                    "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"
                )
            if item.field.type == "base64":
                raise SoqlError(
                    "FUNCTIONALITY_NOT_ENABLED", "Selecting base64 data not supported in Bulk Query"
                )
            header = ".".join((*relationships(item.source), item.key))
            self.cells.append(_cell(header, item.source, item.field))


def _cell(header: str, source: Source, field: Field) -> Cell:
    sql = source.column(field)
    text = f"ifnull({source.datetime_text(field)}, '')" if field.type == "datetime" else cell_sql(sql, field)
    return Cell(header, sql, field, text)


class RestSelection:
    """The columns and the shape of REST records; `children` are the subqueries, for the compiler to fill in."""

    def __init__(self, scope: Scope, query: syntax.Query) -> None:
        self.columns = Columns()
        self.children: list[syntax.Child] = []
        self._scope = scope
        self._id_place = self.columns.place(scope.root.id_sql)
        self._shapes: dict[int, RecordShape] = {}
        self._sources: list[Source] = []  # keeps the ids in _shapes alive
        self.shape = self._shape_of(scope.root)
        for item in selected_fields(scope, query, "rest"):
            if isinstance(item, syntax.Child):
                self.children.append(item)
            elif isinstance(item, syntax.TypeOf):
                self._add_type_of(item)
            else:
                self._add(self._shape_of(item.source), item.source, item.field, item.key)

    def add_children(self, index: int, key: str) -> bool:
        """Add a subquery's records under the relationship's name; false where there are such already."""
        return self.shape.add(key, children_reader(index, self._id_place))

    def _shape_of(self, source: Source) -> RecordShape:
        """The shape of a record, nested in its owner's at its first mention."""
        known = self._shapes.get(id(source))
        if known is None:
            known = RecordShape(self.columns.place(source.id_sql), _namer(source))
            self._shapes[id(source)] = known
            self._sources.append(source)
            if source.owner is not None:
                assert source.reference is not None
                self._shape_of(source.owner).add(source.reference.relationship_name or "", known.build)
        return known

    def _add(self, shape: RecordShape, source: Source, field: Field, key: str) -> None:
        if field.compound:
            parts = sorted(_compound_parts(source.sobject, field), key=lambda part: part[0])
            placed = [(name, self.columns.place(source.column(part)), part) for name, part in parts]
            shape.add(key, compound_reader(placed))
        elif field.type == "base64":
            shape.add(key, blob_reader(self.columns.place(source.id_sql), source.sobject.name, field.name))
        else:
            sql = source.column(field)
            if field.type == "datetime":
                sql = f"replace({source.datetime_text(field)}, 'Z', '+0000')"
            shape.add_value(key, self.columns.place(sql), field)

    def _add_type_of(self, item: syntax.TypeOf) -> None:
        scope = self._scope
        source = scope.follow(item.path, item.path.parts)
        if not source.polymorphic or source.owner is None or source.reference is None:
            problem = f"TYPEOF can only be used with a polymorphic relationship: {item.path.text}"
            raise scope.refuse(item.path.position, "INVALID_FIELD", problem)
        id_place = self.columns.place(source.id_sql)
        branches = {}
        for name, paths in item.branches:
            target = scope.schema.get(name.text)
            if (
                target is None
                or target.name not in source.reference.reference_to
                or target.key_prefix is None
            ):
                problem = f"Entity '{name.text}' is not a possible type of {item.path.text}"
                raise scope.refuse(name.position, "INVALID_TYPE", problem)
            joined = scope.join(target, source.owner.column(source.reference))
            branches[target.key_prefix] = self._branch(joined, paths)
        otherwise = self._branch(source, item.otherwise)
        shape = VariantShape(id_place, branches, otherwise)
        self._shape_of(source.owner).add(source.reference.relationship_name or "", shape.build)

    def _branch(self, source: Source, paths: tuple[syntax.Path, ...]) -> RecordShape:
        shape = RecordShape(self.columns.place(source.id_sql), _namer(source))
        for path in paths:
            field = source.sobject.field(path.text)
            if field is None:
                problem = no_such_column(path.text, source.sobject.name)
                raise self._scope.refuse(path.position, "INVALID_FIELD", problem)
            self._add(shape, source, field, field.name)
        return shape


def _namer(source: Source) -> Callable[[str], tuple[str, str]]:
    """Gives a record's type as `attributes` show it and the name of the SObject in its URL."""
    if not source.polymorphic:
        name = source.sobject.name
        return lambda _id: (name, name)
    return _polymorphic_namer(source)  # type: ignore[arg-type]


def _polymorphic_namer(source: PolymorphicSource) -> Callable[[str], tuple[str, str]]:
    names = {target.key_prefix: target.name for target in source.targets}
    return lambda record_id: ("Name", names.get(record_id[:3], "Name"))


def _compound_parts(sobject: SObject, compound: Field) -> Iterator[tuple[str, Field]]:
    """The members of a compound value: `street` of BillingStreet, `latitude` of Place__Latitude__s."""
    by_lower = {key.lower(): key for key in _ADDRESS_PARTS}
    prefix = compound.name.removesuffix("__c").removesuffix("Address")
    for part in sobject.parts(compound.name):
        key = by_lower.get(part.name.removesuffix("__s").removeprefix(prefix).strip("_").lower())
        if key is not None:
            yield key, part
