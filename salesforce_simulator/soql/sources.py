"""Where fields come from: the SObjects a query walks through, as tables and joins of one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.schema import TEXT_TYPES, Field, Schema, SObject
from salesforce_simulator.soql.errors import SoqlError, at
from salesforce_simulator.store import datetime_text, text_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from salesforce_simulator.soql.syntax import Path

Parameter = Any
"""A bound value, or a callable that makes it of the moment of the query."""

MAX_PARENTS = 5
# "Relationship Query Limitations": child-to-parent relationships in a query.
MAX_JOINS = 55
ADVICE = "Please reference your WSDL or the describe call for the appropriate names."
RELATIONSHIP_ADVICE = (
    "If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship "
    f"name. {ADVICE}"
)
ID_TYPES = ("id", "reference")


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def no_such_column(name: str, sobject: str) -> str:
    """What is wrong with a field name that an SObject lacks."""
    return (
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to "
        f"append the '__c' after the custom field name. {ADVICE}"
    )


class Parameters:
    """The parameters and table aliases of a statement and of the subselects in it."""

    def __init__(self) -> None:
        self.values: dict[str, Parameter] = {}
        self._tables = 0

    def bind(self, value: Parameter) -> str:
        """Add a value; gives its placeholder."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def alias(self) -> str:
        """A table alias not used yet."""
        self._tables += 1
        return f"t{self._tables - 1}"

    def at(self, now: datetime) -> dict[str, Any]:
        """The values, for a query asked at this moment."""
        return {name: value(now) if callable(value) else value for name, value in self.values.items()}


class Scope:
    """One SELECT's tables: the SObject that it is FROM and the parents that its paths reach.

    Args:
        text: The whole query, for messages.
        schema: What the asking user may see.
        sobject: The SObject of FROM.
        parameters: Shared with the statement that this one is part of.
        names: Aliases and the object's own name, which may stand in front of a path, and what they stand for.
    """

    def __init__(
        self,
        text: str,
        schema: Schema,
        sobject: SObject,
        parameters: Parameters,
        names: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.text = text
        self.schema = schema
        self.parameters = parameters
        self.joins: list[str] = []
        self.root = TableSource(self, sobject, parameters.alias())
        self.names = names or {}

    @property
    def from_sql(self) -> str:
        """The FROM clause with its joins, for all paths that were resolved so far."""
        table = f"FROM {quote(self.root.sobject.name)} AS {self.root.alias}"
        return " ".join([table, *self.joins])

    def join(self, sobject: SObject, reference_sql: str) -> TableSource:
        """Join a parent by the SQL of a reference to it.

        Raises:
            SoqlError: it is one too many.
        """
        if len(self.joins) == MAX_JOINS:
            problem = f"Only {MAX_JOINS} child-to-parent relationships are allowed in a query"
            raise SoqlError("MALFORMED_QUERY", problem)
        source = TableSource(self, sobject, self.parameters.alias())
        self.joins.append(
            f'LEFT JOIN {quote(sobject.name)} AS {source.alias} ON {source.alias}."Id" = {reference_sql}'
        )
        return source

    def refuse(self, position: int, error_code: str, problem: str) -> SoqlError:
        """The error for a problem at a place of this query."""
        return at(self.text, position, error_code, problem)

    def resolve(self, path: Path) -> tuple[Source, Field]:
        """Find the field that a path names.

        Raises:
            SoqlError: INVALID_FIELD.
        """
        source = self.follow(path, self._local(path)[:-1])
        name = path.parts[-1]
        found = source.sobject.field(name)
        if found is None or found.unreadable:
            raise self.refuse(
                path.position,
                "INVALID_FIELD",
                no_such_column(name, source.sobject.name),
            )
        return source, found

    def follow(self, path: Path, relationships: tuple[str, ...]) -> Source:
        """Walk to the parent that relationship names lead to."""
        if len(relationships) > MAX_PARENTS:
            problem = (
                f"Only {MAX_PARENTS} levels of parent relationships are allowed in a field path: {path.text}"
            )
            raise self.refuse(path.position, "MALFORMED_QUERY", problem)
        source: Source = self.root
        for name in relationships:
            parent = _parent(source, name)
            if parent is None:
                raise self.refuse(
                    path.position,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{name}' in field path. {RELATIONSHIP_ADVICE}",
                )
            source = parent
        return source

    def _local(self, path: Path) -> tuple[str, ...]:
        """The path from the root: an alias or the object's own name in front is left out."""
        parts = path.parts
        if len(parts) > 1:
            prefix = self.names.get(parts[0].lower())
            if prefix is not None and (prefix or self.root.sobject.relationship(parts[0]) is None):
                return prefix + parts[1:]
        return parts


class TableSource:
    """A record of one known SObject.

    Attributes:
        sobject: Which.
        owner: The record that points at it, none for the root.
        reference: The field through which it does.
        parents: Those that it points at and a path has reached, by relationship name in lower case.
    """

    polymorphic = False
    scope: Scope

    def __init__(self, scope: Scope, sobject: SObject, alias: str) -> None:
        self.scope = scope
        self.sobject = sobject
        self.alias = alias
        self.owner: Source | None = None
        self.reference: Field | None = None
        self.parents: dict[str, Source] = {}

    def column(self, field: Field) -> str:
        """SQL of a field's stored value."""
        return f"{self.alias}.{quote(field.name)}"

    def datetime_text(self, field: Field) -> str:
        """SQL of a datetime field's text."""
        return f"{self.alias}.{quote(text_column(field.name))}"

    @property
    def id_sql(self) -> str:
        """SQL of the record's id."""
        return f'{self.alias}."Id"'


class PolymorphicSource:
    """A record that may be of several SObjects: it has the fields of the Name object.

    Each field is a CASE over the id's key prefix with a subselect a target: only the right table is asked.
    """

    polymorphic = True
    scope: Scope

    def __init__(self, owner: Source, name_object: SObject, reference: Field) -> None:
        self.scope = owner.scope
        self.sobject = name_object
        self.owner: Source | None = owner
        self.reference: Field | None = reference
        self.reference_sql = owner.column(reference)
        found = (self.scope.schema.get(target) for target in reference.reference_to)
        self.targets = [target for target in found if target is not None and target.key_prefix]
        self._columns: dict[str, str] = {}
        self.parents: dict[str, Source] = {}

    def column(self, field: Field) -> str:
        """SQL of one of the Name object's fields."""
        known = self._columns.get(field.name)
        if known is None:
            if field.name == "Type":
                known = self._case(lambda target: f"'{target.name}'")
            else:
                known = self._case(lambda target: self._target_sql(target, field))
            # Once only, so that the same path has the same SQL, table aliases included, wherever it is used.
            self._columns[field.name] = known
        return known

    def datetime_text(self, field: Field) -> str:
        """SQL of a datetime field's text."""
        return datetime_text(self.column(field))

    def _target_sql(self, target: SObject, field: Field) -> str | None:
        own = target.name_field if field.name in ("Name", "NameOrAlias") else None
        own = own or target.field("Name" if field.name == "NameOrAlias" else field.name)
        if own is None or own.compound:
            return None
        alias = self.scope.parameters.alias()
        column = f"{alias}.{quote(own.name)}"
        table = f"{quote(target.name)} AS {alias}"
        return f'(SELECT {column} FROM {table} WHERE {alias}."Id" = {self.reference_sql})'

    def _case(self, value: Callable[[SObject], str | None]) -> str:
        whens = [
            f"WHEN '{target.key_prefix}' THEN {sql}"
            for target in self.targets
            if (sql := value(target)) is not None
        ]
        if not whens:
            return "NULL"
        return f"CASE substr({self.reference_sql}, 1, 3) {' '.join(whens)} END"

    @property
    def id_sql(self) -> str:
        """SQL of the record's id; NULL where the record is not there."""
        return self.column(self.sobject.fields["Id"])


Source = TableSource | PolymorphicSource


def _parent(source: Source, name: str) -> Source | None:
    """The parent by a relationship name in any case, or none."""
    known = source.parents.get(name.lower())
    if known is None:
        reference = source.sobject.relationship(name)
        found = None if reference is None else _referred(source, reference)
        if found is None:
            return None
        source.parents[name.lower()] = known = found
    return known


def _referred(source: Source, reference: Field) -> Source | None:
    """The record that a reference field points at; none where no object of the schema can be it."""
    schema = source.scope.schema
    if reference.polymorphic:
        name_object = schema.get("Name")
        if name_object is None:
            return None
        return PolymorphicSource(source, name_object, reference)
    target = schema.get(reference.reference_to[0]) if reference.reference_to else None
    if target is None:
        return None
    joined = source.scope.join(target, source.column(reference))
    joined.owner = source
    joined.reference = reference
    return joined


def is_text(field: Field) -> bool:
    """Whether its values compare as text."""
    return field.type in TEXT_TYPES or field.type == "anyType"
