"""Roll-up summary fields: what a master shows of its details, kept right by triggers in the store.

A deleted detail does not count. As with a formula, no stamp of the master moves when its details change; the guides
do not say, and clients that go by stamps must cope with the worse case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from salesforce_simulator.store import quoted

if TYPE_CHECKING:
    from salesforce_simulator.schema import Field, Schema, SObject
    from salesforce_simulator.store import Store

_EVENTS = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def install(store: Store, schema: Schema, sobject: SObject, field: Field) -> None:
    """Fill a roll-up summary field's column and keep it right from now on; within `Store.writing()`.

    `sobject` is the master. The schema and the store have the field already.

    Raises:
        ValueError: the summary is of what does not exist, or cannot be summed up that way.
    """
    value, child, reference = _value(schema, sobject, field)
    update = f"UPDATE {quoted(sobject.name)} SET {quoted(field.name)} = {value}"
    recalculate(store, schema, sobject)
    for event, rows in _EVENTS.items():
        masters = ", ".join(f"{row}.{quoted(reference)}" for row in rows)
        store.writer.execute(
            f"CREATE TRIGGER {quoted(_name(sobject, field, event))} AFTER {event} ON {quoted(child)} "
            f'BEGIN {update} WHERE "Id" IN ({masters}); END'
        )


def recalculate(store: Store, schema: Schema, sobject: SObject) -> None:
    """Work the roll-up summary fields of an object out anew in every row."""
    for field in sobject.fields.values():
        if field.summary is not None:
            value, _, _ = _value(schema, sobject, field)
            store.writer.execute(f"UPDATE {quoted(sobject.name)} SET {quoted(field.name)} = {value}")


def remove(store: Store, sobject: SObject, field: Field) -> None:
    """Stop keeping it, before its column goes; within `Store.writing()`."""
    for event in _EVENTS:
        store.writer.execute(f"DROP TRIGGER IF EXISTS {quoted(_name(sobject, field, event))}")


def readers(schema: Schema, child: str, field: str | None = None) -> list[str]:
    """The roll-up summary fields that read an object, or (none: any) one of its fields, as `Object.Field`."""
    return [
        f"{sobject.name}.{f.name}"
        for sobject in schema
        for f in sobject.fields.values()
        if f.summary is not None
        and f.summary.child == child
        and field in (None, f.summary.reference, f.summary.field)
    ]


def _name(sobject: SObject, field: Field, event: str) -> str:
    return f"_Summary_{sobject.name}_{field.name}_{event}"


def _value(schema: Schema, sobject: SObject, field: Field) -> tuple[str, str, str]:
    """SQL of the field's value in a row of the master, the detail object and its reference to the master."""
    summary = field.summary
    assert summary is not None
    child = schema.get(summary.child)
    reference = child.field(summary.reference) if child is not None else None
    if child is None or reference is None or not reference.cascade_delete:
        raise ValueError(f"{summary.child}.{summary.reference} is no master-detail relationship")
    if sobject.name not in reference.reference_to:
        raise ValueError(f"{summary.child}.{summary.reference} does not point at {sobject.name}")
    summed = "*"
    if summary.function != "count":
        of = child.field(summary.field or "")
        if of is None or of.calculated or of.scale != field.scale:
            raise ValueError(f"{field.name} needs a plain field of {child.name} with the same scale")
        summed = quoted(of.name)
    found = (
        f"(SELECT {summary.function}({summed}) FROM {quoted(child.name)} AS detail "
        f'WHERE detail.{quoted(reference.name)} = {quoted(sobject.name)}."Id" AND detail."IsDeleted" = 0)'
    )
    value = f"ifnull({found}, 0)" if summary.function == "sum" else found
    return value, child.name, reference.name
