"""Formula fields: values worked out from other fields, kept in their columns, never moving a stamp.

A field's `formula` is SQL over storage values in which `{Field}` stands for a field of the row and
`{Relationship.Field}`, up to any depth, for one of a parent. The columns are refreshed whenever a row that a formula
reads has changed, so a child's value changes while its SystemModstamp stands still, as in Salesforce. `{$Today}` is the
present day (UTC) as text; formulas that read it are refreshed when the day changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesforce_simulator.store import in_chunks, marks, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from salesforce_simulator.schema import Field, Schema, SObject
    from salesforce_simulator.store import Store

_PLACE = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_TODAY = "{$Today}"


@dataclass(frozen=True, slots=True)
class _Formula:
    """A formula ready to run: `reads` has the parents it looks at, each with the SQL that finds the rows below it."""

    sobject: str
    field: str
    sql: str
    reads: tuple[tuple[str, str], ...]


def text_of(field: Field) -> str | None:
    """The formula as describe shows it: in Salesforce's words where the field has them, else the SQL with fields' names."""
    if field.formula is None or field.formula_text is not None:
        return field.formula_text
    return _PLACE.sub(r"\1", field.formula.replace(_TODAY, "TODAY()"))


class Formulas:
    """The formulas of a schema, ready to refresh a store's columns.

    Attributes:
        timed: the objects with a formula that reads the present day.

    Raises:
        ValueError: a formula reads what does not exist.
    """

    def __init__(self, schema: Schema) -> None:
        self._own: dict[str, list[_Formula]] = {}
        self._reading: dict[str, list[tuple[_Formula, str]]] = {}
        self.timed = [o.name for o in schema if any(_TODAY in (f.formula or "") for f in o.fields.values())]
        for sobject in schema:
            for f in sobject.fields.values():
                if f.formula is not None:
                    self._add(_compile(schema, sobject, f))

    def _add(self, formula: _Formula) -> None:
        self._own.setdefault(formula.sobject, []).append(formula)
        for parent, finder in formula.reads:
            self._reading.setdefault(parent, []).append((formula, finder))

    def on(self, sobject: str) -> bool:
        """Whether the object has a formula field."""
        return sobject in self._own

    def refresh(self, store: Store, sobject: str, ids: Iterable[str]) -> None:
        """Work out anew what these rows' own formulas and those that read these rows say."""
        self._refresh(store, sobject, list(ids), depth=0)

    def refresh_all(self, store: Store, sobject: str) -> None:
        """The same for every row of an object, and for the objects below it."""
        for formula in self._own.get(sobject, ()):
            store.writer.execute(_update(formula))
        for formula, _ in self._reading.get(sobject, ()):
            store.writer.execute(_update(formula))

    def _refresh(self, store: Store, sobject: str, ids: list[str], depth: int) -> None:
        own = self._own.get(sobject, ())
        reading = self._reading.get(sobject, ())
        if depth > 10 or not (own or reading):
            return
        for chunk in in_chunks(ids):
            for formula in own:
                store.writer.execute(f'{_update(formula)} WHERE "Id" IN ({marks(chunk)})', chunk)
            for formula, finder in reading:
                below = [row[0] for row in store.writer.execute(finder.replace("{ids}", marks(chunk)), chunk)]
                if below:
                    self._refresh(store, formula.sobject, below, depth + 1)


def _update(formula: _Formula) -> str:
    return f"UPDATE {quoted(formula.sobject)} SET {quoted(formula.field)} = ({formula.sql})"


def _compile(schema: Schema, sobject: SObject, field: Field) -> _Formula:
    reads: dict[str, str] = {}

    def place(match: re.Match[str]) -> str:
        *relationships, last = match[1].split(".")
        return _reference(schema, sobject, relationships, last, reads)

    sql = _PLACE.sub(place, (field.formula or "").replace(_TODAY, '(SELECT Day FROM "_Today")'))
    return _Formula(sobject.name, field.name, sql, tuple((p.partition(" ")[0], f) for p, f in reads.items()))


def _reference(
    schema: Schema, sobject: SObject, relationships: list[str], last: str, reads: dict[str, str]
) -> str:
    """SQL of one placeholder; notes in `reads` each parent on the way."""
    if not relationships:
        return f"{quoted(sobject.name)}.{quoted(_field(sobject, last).name)}"
    at = sobject
    value = ""
    below = f'SELECT "Id" FROM {quoted(sobject.name)} WHERE '
    for depth, relationship in enumerate(relationships):
        reference = at.relationship(relationship)
        parent = None if reference is None else schema.get(reference.reference_to[0])
        if reference is None or parent is None:
            raise ValueError(f"{at.name} has no relationship {relationship}")
        value = _value(at, reference.name, depth, value)
        step = f"{quoted(reference.name)} IN ("
        if depth:
            step = f'SELECT "Id" FROM {quoted(at.name)} WHERE {step}'
        below += step
        reads[f"{parent.name} {'.'.join(relationships[: depth + 1])}"] = below + "{ids}" + ")" * (depth + 1)
        at = parent
    return _value(at, _field(at, last).name, len(relationships), value)


def _value(at: SObject, column: str, depth: int, record_id: str) -> str:
    """SQL of a column of the row itself (depth 0) or of the parent with an id; an alias a depth keeps them apart."""
    if not depth:
        return f"{quoted(at.name)}.{quoted(column)}"
    return f'(SELECT p{depth}.{quoted(column)} FROM {quoted(at.name)} AS p{depth} WHERE p{depth}."Id" = {record_id})'


def _field(sobject: SObject, name: str) -> Field:
    field = sobject.field(name)
    # A roll-up summary changes in the store alone, which nothing here would notice.
    if field is None or field.compound or field.summary is not None:
        raise ValueError(f"{sobject.name} has no field {name} that a formula can read")
    return field
