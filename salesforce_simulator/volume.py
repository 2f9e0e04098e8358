"""Rows by the million and objects by the thousand, for speed and memory to be measured on."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.filler import Filler

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import Field, SObject
    from salesforce_simulator.store import Row

_POOL = 997
_LINKED = 0.8
_KINDS = ("string", "double", "currency", "date", "datetime", "boolean", "email", "url")


class MissingParentsError(ValueError):
    """Records were asked for that must look up others, of which there are none."""


def load_many(org: Org, sobject: str, count: int, *, span: timedelta = timedelta(days=1)) -> None:
    """Load many plausible rows fast: a pool of filled rows, then copies of them with ids and stamps of their own.

    Best into an empty object, whose lookups point at records that are there. SystemModstamp and LastModifiedDate of the
    copies run evenly over `span`, up to an hour ago.

    Raises:
        MissingParentsError: the object has a lookup that may not be empty, and there is nothing to look up.
    """
    target = org.object(sobject)
    ids = {"User": [org.admin.id], "Profile": [row["Id"] for row in org.rows("Profile")]}
    first = org.clock.now() - timedelta(hours=1) - span
    random = Random(org.seed)
    make = Filler(random, ids, org.clock.now_ms() // 1000 * 1000).row_maker(target)
    pool = [make() for _ in range(min(_POOL, count))]
    for f in target.columns:
        if f.type == "reference" and f.name in pool[0] and target.name not in f.reference_to:
            _link(org, target, f, pool, random)
    columns = [name for name in pool[0] if not target.fields[name].unique]
    with org.backdated(first):
        org.load(sobject, ([row[name] for name in columns] for row in pool), columns)
    if count > len(pool):
        org.multiply(sobject, count - len(pool), first=first, span=span)


def _link(org: Org, target: SObject, f: Field, pool: list[Row], random: Random) -> None:
    """Let the field's empty cells, most of them if they may be empty, point at records."""
    parents = [org.object(name) for name in f.reference_to if org.schema.get(name) is not None]
    ids = [
        record_id for parent in parents if parent.queryable for record_id in org.first_ids(parent.name, _POOL)
    ]
    for row in pool:
        if row[f.name] is None and ids and (not f.nillable or random.random() < _LINKED):
            row[f.name] = random.choice(ids)
    if not f.nillable and any(row[f.name] is None for row in pool):
        names = " or ".join(parent.name for parent in parents)
        raise MissingParentsError(f"{target.name} records need records of {names} before them, for {f.name}")


def add_custom_objects(org: Org, count: int) -> None:
    """Add `Custom_1__c` and so on, each with a field of ten kinds and a lookup to Account."""

    fields = [custom_field(f"{kind.title()}__c", kind) for kind in _KINDS]
    fields += [
        custom_field("Textarea__c", "textarea", length=255),
        custom_field("Picklist__c", "picklist", picklist=("One", "Two", "Three")),
        custom_field("Account__c", "reference", reference_to=("Account",)),
    ]

    org.add_objects(custom_object(f"Custom_{number}__c", fields) for number in range(1, count + 1))
