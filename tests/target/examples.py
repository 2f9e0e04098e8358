"""Records made from a JSON schema: deterministic, and of every shape that the schema allows."""

from __future__ import annotations

from typing import Any

FORMATS = {
    "date-time": "2026-03-0{}T10:11:12.123456+02:00",
    "date": "2026-03-0{}",
    "time": "10:11:0{}",
    "uri": "https://example.com/{}",
    "singer.decimal": "{}.25",
}


def example(schema: dict[str, Any], number: int) -> Any:
    """A value that the schema allows; numbers in a row give its alternatives in turn.

    Args:
        schema: JSON schema without references.
        number: Which one.

    Returns:
        The value.
    """
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return example(branches[number % len(branches)], number // len(branches))
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    kinds = schema.get("type", ["string", "integer", "object"])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return _of_kind(kinds[number % len(kinds)], schema, number)


def _of_kind(kind: str, schema: dict[str, Any], number: int) -> Any:
    if kind == "array":
        return [example(schema.get("items") or {}, n) for n in range(number % 3)]
    if kind == "object":
        fields = {name: example(inner, number) for name, inner in (schema.get("properties") or {}).items()}
        return fields if schema.get("additionalProperties") is False else fields | {"another": [number, None]}
    text = FORMATS.get(schema.get("format", ""), 'it\'s "{}",\n\\ü').format(number % 9 + 1)
    scalars = {"string": text, "integer": number * 10**6, "number": number + 0.5, "boolean": number % 2 == 0}
    return scalars.get(kind)


def examples(schema: dict[str, Any], keys: list[str], count: int) -> list[dict[str, Any]]:
    """Records whose keys differ; each lacks another property that is no key.

    Args:
        schema: Schema of a stream's records.
        keys: Its key properties.
        count: How many.

    Returns:
        The records.
    """
    properties: dict[str, Any] = schema["properties"]
    optional = [name for name in properties if name not in keys]
    records = []
    for number in range(count):
        record = {name: example(inner, number) for name, inner in properties.items()}
        record |= {key: _key(properties[key], number) for key in keys}
        if optional:
            del record[optional[number % len(optional)]]
        records.append(record)
    return records


def _key(schema: dict[str, Any], number: int) -> Any:
    kinds = schema.get("type", "string")
    kind = next(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")
    if kind == "string" and schema.get("format") == "date-time":
        return f"2026-03-04T10:11:{number:02}Z"
    return f"key {number}" if kind == "string" else number
