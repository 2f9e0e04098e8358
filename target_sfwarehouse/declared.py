"""How a setting is declared as a JSON schema, and the parts of those that are objects."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.masks import file_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def setting(
    kind: str | tuple[str, ...],
    description: str,
    *,
    default: Any = None,
    secret: bool = False,
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
    parts: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a setting; an object's `parts` are JSON schemas of its members, or keywords beside them."""
    schema: dict[str, Any] = {"type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    if kind == "array":
        schema["items"] = {"type": ["string"]}
    if parts is not None:
        schema |= {"properties": parts, "additionalProperties": True}
    if default is not None:
        schema["default"] = list(default) if kind == "array" else default
    schema["description"] = description
    if secret:
        schema |= {"secret": True, "writeOnly": True}
    if choices:
        schema["enum"] = [*choices, None]
    if minimum is not None:
        schema["minimum"] = minimum
    return dataclasses.field(default=default, repr=not secret, metadata=schema)


def _part(kind: str, description: str, **rest: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], "description": description, **rest}


_SECRET = {"secret": True, "writeOnly": True}
SSH_TUNNEL = {
    "enable": _part("boolean", "Go through a bastion host.", default=False),
    "host": _part("string", "The bastion host."),
    "port": _part("integer", "Its port.", default=22),
    "username": _part("string", "Who logs in there."),
    "private_key": _part("string", "Private key, as text.", **_SECRET),
    "private_key_password": _part("string", "The key's password.", **_SECRET),
}
BATCH_CONFIG = {
    "encoding": _part(
        "object",
        "Specifies the format and compression of the batch files.",
        title="Batch Encoding Configuration",
        additionalProperties=True,
        properties={
            "format": _part(
                "string",
                "Format to use for batch files.",
                title="Batch Encoding Format",
                enum=["jsonl", "parquet", "csv"],
            ),
            "compression": _part(
                "string",
                "Compression format to use for batch files.",
                title="Batch Compression Format",
                enum=["gzip", "none"],
            ),
        },
    ),
    "storage": _part(
        "object",
        "Defines the storage layer to use when writing batch files",
        title="Batch Storage Configuration",
        additionalProperties=True,
        properties={
            "root": _part("string", "Root path to use when writing batch files.", title="Batch Storage Root"),
            "prefix": _part(
                "string", "Prefix to use when writing batch files.", title="Batch Storage Prefix"
            ),
        },
    ),
}


_SECRET_PARAMETERS = ("key", "secret", "token", "password", "credential", "connection_string")


def storage_secrets(batch_config: Any) -> Iterator[str]:
    """Secrets of where BATCH files are: the login in the storage's root, and parameters that are secrets by their names."""
    storage = batch_config.get("storage") if isinstance(batch_config, dict) else None
    if not isinstance(storage, dict):
        return
    yield from file_secrets(str(storage.get("root", "")))
    parameters = storage.get("params")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(value, str) and any(part in name.lower() for part in _SECRET_PARAMETERS):
            yield value
