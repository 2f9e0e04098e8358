"""How a setting is declared, and the JSON schema that follows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def setting(
    kind: str,
    description: str,
    *,
    default: Any = None,
    secret: bool = False,
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
    maximum: int | None = None,
    path: bool = False,
    by_object: bool = False,
    by_field: bool = False,
) -> Any:
    """Declare a setting.

    `by_object`: it may have values by object; `by_field`: by object and field. `path`: it names a file.
    """
    metadata = {
        "kind": kind,
        "description": description,
        "secret": secret,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "path": path,
        "by_object": by_object,
        "by_field": by_field,
    }
    if isinstance(default, tuple | dict):
        told = list(default) if isinstance(default, tuple) else default
        return dataclasses.field(default_factory=lambda: default, metadata={**metadata, "default": told})
    return dataclasses.field(default=default, metadata={**metadata, "default": default})


def property_schema(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of a declared setting, from what its declaration says."""
    kind = metadata["kind"]
    schema: dict[str, Any] = {"description": metadata["description"]}
    if kind == "array":
        schema |= {"type": ["array", "null"], "items": {"type": "string"}}
    elif kind == "date-time":
        schema |= {"type": ["string", "null"], "format": "date-time"}
    else:
        schema["type"] = [kind, "null"]
    if metadata["by_field"]:
        # Text too: of an object of Meltano's the keys with a dot are lost where an environment variable has it.
        values = {"type": ["string", "object", "null"]}
        choices = [{"type": ["object", "null"], "additionalProperties": values}, {"type": "string"}]
        return {"description": schema["description"], "anyOf": choices}
    if metadata["choices"]:
        schema["enum"] = [*metadata["choices"], None]
    if metadata["by_object"]:
        schema = _schema_by_object(schema)
    for bound in ("minimum", "maximum"):
        if metadata[bound] is not None and not metadata["by_object"]:
            schema[bound] = metadata[bound]
    if metadata["default"] not in (None, [], {}):
        schema["default"] = metadata["default"]
    if metadata["secret"]:
        schema |= {"secret": True, "writeOnly": True}
    return schema


def _schema_by_object(plain: dict[str, Any]) -> dict[str, Any]:
    """A setting's schema with an object of such values beside a plain value."""
    description = plain.pop("description")
    if plain["type"] == ["object", "null"]:
        texts = {"type": ["string", "null"]}
        return {"description": description, **plain, "additionalProperties": texts}
    if plain["type"] == ["integer", "null"]:
        # The SDK makes an int of an integer's environment variable, which may hold an object.
        plain["type"] = ["number", "string", "null"]
    return {"description": description, "anyOf": [plain, {"type": "object", "additionalProperties": plain}]}
