"""The Singer catalog that lists streams."""

from __future__ import annotations

import heapq
import tempfile
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from tap_sfsource.catalog.discovery import discover
from tap_sfsource.catalog.sync_reports import ReportsPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings

_PART: Final = 1024 * 1024

Listed: TypeAlias = "SObjectPlan | ReportsPlan"


def discovered(client: Client, settings: Settings) -> Iterator[Listed]:
    """All that the settings reach, selected or not, in the order of the streams' names."""
    own = [ReportsPlan()] if settings.sync_reports else []
    return heapq.merge(discover(client, settings), own, key=lambda plan: plan.stream_name)


def made_whole(text: Iterable[bytes], folder: str | None) -> Iterator[bytes]:
    """A text in parts, none of them before all of it is in a file of the folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.writelines(text)
        file.seek(0)
        while part := file.read(_PART):
            yield part


def catalog_text(plans: Iterable[Listed]) -> Iterator[bytes]:
    """The catalog of plans as JSON text for people, stream by stream: a big org's takes a hundred megabytes."""
    head = b'{\n  "streams": ['
    for plan in plans:
        text = msgspec.json.format(msgspec.json.encode(plan.entry()), indent=2)
        yield head + b"\n    " + text.replace(b"\n", b"\n    ")
        head = b","
    yield b"\n  ]\n}\n" if head == b"," else head + b"]\n}\n"


def catalog_of(plans: Iterable[Listed]) -> dict[str, Any]:
    """The Singer catalog of plans, its streams in the order of their names."""
    return {"streams": [plan.entry() for plan in sorted(plans, key=lambda plan: plan.stream_name)]}
