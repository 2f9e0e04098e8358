"""The words of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHOWN: Final = 10
"""Troubles of a kind that a message has room for."""


def message(name: str, told: Mapping[str, str], troubles: Mapping[str, str]) -> tuple[str, str]:
    """Give the title and the text: what is new, what is over, and what people know already."""
    fresh = [text for key, text in troubles.items() if key not in told]
    over = [text for key, text in told.items() if key not in troubles]
    known = [text for key, text in troubles.items() if key in told]
    title = f"{name} is not well" if fresh else f"{name} is better" if troubles else f"{name} is well again"
    parts = [*_part("", fresh), *_part("Over:", over), *_part("Still:", known)]
    return title, "\n".join(parts)


def _part(head: str, texts: Sequence[str]) -> Iterator[str]:
    if not texts:
        return
    if head:
        yield head
    yield from texts[:SHOWN]
    if len(texts) > SHOWN:
        yield f"and {len(texts) - SHOWN} more: see sfsource status"
