"""The lines that the picker shows, and the costs in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfsource.forecast.show import number

if TYPE_CHECKING:
    from sfsource.forecast.cost import Cost
    from sfsource.pick.choice import Choice
    from sfsource.pick.objects import FieldItem, ObjectItem


def object_cells(item: ObjectItem, choice: Choice, cost: Cost) -> tuple[str, ...]:
    """Mark, API name, label, rows, calls of a first sync."""
    picked = "[x]" if item.api_name in choice.selected else "[ ]"
    rows = "?" if item.rows is None else f"{item.rows:,}"
    calls = "" if item.unsupported or not cost.calls else number(cost.calls)
    return " - " if item.unsupported else picked, item.api_name, item.label, rows.rjust(11), calls.rjust(6)


def field_cells(item: ObjectItem, part: FieldItem, choice: Choice) -> tuple[str, ...]:
    """Mark, API name, type, what is to be known of it, label."""
    if part.unsupported:
        mark = " - "
    elif part.automatic:
        mark = "[=]"
    else:
        mark = "[x]" if part.api_name in choice.fields[item.api_name] else "[ ]"
    mask = choice.mask_of(item.api_name, part)
    known = [
        *(["ƒ"] if part.formula else []),
        *([f"PII {part.personal}"] if part.personal else []),
    ]
    return mark, part.api_name, part.type, mask, " ".join(known), part.label


def found(text: str, *parts: str) -> bool:
    """Whether each word that is searched for is in one of the texts."""
    within = " ".join(parts).lower()
    return all(word in within for word in text.lower().split())


def cost_line(choice: Choice, first: Cost, day: Cost, daily_calls: int) -> str:
    """What is picked, and what that costs."""
    jobs = f" + {number(first.jobs)} Bulk" if first.jobs else ""
    of = f" of {daily_calls:,}" if daily_calls else ""
    picked = f"{len(choice.selected)} of {len(choice.objects)} objects"
    return f"{picked} · {first.rows:,.0f} rows · {number(first.calls)} calls{jobs}, then {day.calls:,.0f} a day{of}"
