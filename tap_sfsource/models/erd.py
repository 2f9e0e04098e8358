"""The tables of a run and the lookups between them, as an entity-relationship diagram in Mermaid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.plan import SObjectPlan

ASIDE: Final = frozenset({"CreatedById", "LastModifiedById", "OwnerId"})
"""Lookups that nearly every object has: they would hide the others."""

_PLAIN = re.compile(r"[A-Za-z_]\w*")


def diagram(plans: Sequence[SObjectPlan]) -> str:
    """Each table with its key and its lookups to tables of the run; nothing of it depends on the order of plans."""
    inside = {plan.api_name for plan in plans}
    ordered = sorted(plans, key=lambda plan: plan.stream_name)
    lines = ["erDiagram"]
    for plan in ordered:
        lines += [
            f"    {_name(plan.stream_name)} {{",
            f"        text {plan.key} PK",
            *(f"        text {column.property} FK" for column in _lookups(plan, inside)),
            "    }",
        ]
    for plan in ordered:
        lines += [
            f"    {_name(plan.streams[target])} {'|o' if column.nillable else '||'}{line}o{{ {_name(plan.stream_name)} : "
            f"{column.property}"
            for column in _lookups(plan, inside)
            for targets in [[name for name in column.reference_to if name in inside]]
            for line in [".." if len(column.reference_to) > 1 else "--"]
            for target in targets
        ]
    return "\n".join(lines) + "\n"


def _lookups(plan: SObjectPlan, inside: set[str]) -> Iterator[Column]:
    for column in plan.columns:
        if column.api_name not in ASIDE and inside.intersection(column.reference_to):
            yield column


def _name(stream: str) -> str:
    return stream if _PLAIN.fullmatch(stream) else f'"{stream}"'
