"""The standard objects, read from this package's own data files in `metadata/`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salesforce_simulator.schema import Field, SObject

if TYPE_CHECKING:
    from collections.abc import Collection

_FOLDER = Path(__file__).with_name("metadata")


def standard_objects(features: Collection[str] = ()) -> list[SObject]:
    """The standard objects of an org with some of the features `tags`, `schedules` and `multicurrency`."""
    return [
        sobject.with_fields(f for f in sobject.fields.values() if f.feature is None or f.feature in features)
        for sobject in _all_objects()
        if sobject.feature is None or sobject.feature in features
    ]


@lru_cache(maxsize=1)
def _all_objects() -> tuple[SObject, ...]:
    return tuple(_object(json.loads(path.read_text("utf-8"))) for path in sorted(_FOLDER.glob("*.json")))


def _object(data: dict[str, Any]) -> SObject:
    fields = [Field(**arguments(item)) for item in data.pop("fields")]
    return SObject(fields={f.name: f for f in fields}, **arguments(data))


def arguments(data: dict[str, Any]) -> dict[str, Any]:
    """Keys as Python names, lists as tuples."""
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower(): tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
    }
