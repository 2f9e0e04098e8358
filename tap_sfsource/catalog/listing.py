"""The Singer catalog that lists streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Listed(Protocol):
    """A stream that a catalog lists."""

    @property
    def stream_name(self) -> str:
        """Its name."""
        ...  # pragma: no cover

    def entry(self) -> dict[str, Any]:
        """Its entry."""
        ...  # pragma: no cover


def catalog_text(plans: Iterable[Listed]) -> Iterator[bytes]:
    """The same as JSON text for people, stream by stream: a big org's takes a hundred megabytes."""
    head = b'{\n  "streams": ['
    for plan in plans:
        text = msgspec.json.format(msgspec.json.encode(plan.entry()), indent=2)
        yield head + b"\n    " + text.replace(b"\n", b"\n    ")
        head = b","
    yield b"\n  ]\n}\n" if head == b"," else head + b"]\n}\n"


def catalog_of(plans: Iterable[Listed]) -> dict[str, Any]:
    """The Singer catalog of plans, its streams in the order of their names."""
    return {"streams": [plan.entry() for plan in sorted(plans, key=lambda plan: plan.stream_name)]}
