"""Follow `$ref` in a JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["dereferenced"]


def dereferenced(
    schema: Mapping[str, Any], root: Mapping[str, Any], seen: frozenset[str] = frozenset()
) -> Mapping[str, Any]:
    """Replace the references of a property's schema and of its alternatives by what they point to.

    Args:
        schema: JSON schema of the property.
        root: The schema that it is part of, which holds `definitions` or `$defs`.
        seen: References on the way here, which are not followed again.

    Returns:
        The schema; a reference into another document, to nothing or to itself stands for any value. What stands
        beside a reference is kept (JSON schema, section 8.2.3.1 of draft 2020-12).
    """
    target = schema.get("$ref")
    if isinstance(target, str):
        found = {} if target in seen else _pointed(target, root)
        seen |= {target}
        schema = {**found, **{keyword: value for keyword, value in schema.items() if keyword != "$ref"}}
        return dereferenced(schema, root, seen)
    alternatives = {
        keyword: [
            dereferenced(branch, root, seen) if isinstance(branch, dict) else branch
            for branch in schema[keyword]
        ]
        for keyword in ("anyOf", "oneOf", "allOf")
        if isinstance(schema.get(keyword), list)
    }
    return {**schema, **alternatives} if alternatives else schema


def _pointed(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a JSON pointer into the same document (RFC 6901) names."""
    document, _, pointer = reference.partition("#")
    found: Any = None if document else root
    for part in pointer.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
