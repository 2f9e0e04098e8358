"""The plain schemas that a property's JSON schema stands for: references followed, combinations joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from target_sfwarehouse.errors import BadSchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ALTERNATIVES = 10_000
"""Schemas that may be looked at for one property. References that double 25 times would never end."""

_COMBINATIONS = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def alternatives(schema: Any, root: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Give the plain schemas of a property: none of them has a `$ref`, `allOf`, `anyOf` or `oneOf`.

    Each one has the keywords that stand beside or around it too, such as a `format` beside an `anyOf`. `root` is the
    schema around the property, which holds `definitions` or `$defs`. A reference into another document, to nothing or to
    itself stands for any value. Raises BadSchemaError for a schema that has no end.
    """
    try:
        return _Search(root).alternatives(schema, frozenset())
    except RecursionError:
        raise BadSchemaError("its schema is nested too deeply") from None


class _Search:
    """Looks for the alternatives of one property, and counts the schemas that it looks at."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MOST_ALTERNATIVES

    def alternatives(self, schema: Any, seen: frozenset[str]) -> list[dict[str, Any]]:
        if not isinstance(schema, dict):
            return [{}]
        schema, seen = self._dereferenced(schema, seen)
        found = [{keyword: value for keyword, value in schema.items() if keyword not in _COMBINATIONS}]
        for branch in _listed(schema, "allOf"):
            found = self._joined(found, self.alternatives(branch, seen))
        for keyword in ("anyOf", "oneOf"):
            branches = [
                each for branch in _listed(schema, keyword) for each in self.alternatives(branch, seen)
            ]
            found = self._joined(found, branches) if branches else found
        return found

    def _dereferenced(
        self, schema: dict[str, Any], seen: frozenset[str]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """Follow the reference of a schema; keywords beside it are kept (draft 2020-12, section 8.2.3.1)."""
        while isinstance(target := schema.get("$ref"), str):
            self._count(1)
            found = {} if target in seen else _pointed(target, self._root)
            beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
            schema, seen = {**found, **beside}, seen | {target}
        return schema, seen

    def _joined(self, around: list[dict[str, Any]], branches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._count(len(around) * len(branches))
        return [_join(outer, branch) for outer in around for branch in branches]

    def _count(self, schemas: int) -> None:
        self._left -= schemas
        if self._left < 0:
            raise BadSchemaError(
                f"its schema has more than {MOST_ALTERNATIVES:,} alternatives (`$ref`, `allOf`, `anyOf`, `oneOf`)"
            )


def _join(outer: Mapping[str, Any], branch: Mapping[str, Any]) -> dict[str, Any]:
    """Join two schemas that hold together; of a keyword that both have the inner one counts, but for `type`."""
    joined = {**outer, **branch}
    if "type" in outer and "type" in branch:
        first, second = type_names(outer), type_names(branch)
        # An integer is a number. Types that contradict each other are taken for a union, as somebody meant one of them.
        common = {name for name in first if name in second or (name == "integer" and "number" in second)}
        common |= {"integer"} if "integer" in second and "number" in first else set()
        joined["type"] = sorted(common or first | second)
    return joined


def type_names(schema: Mapping[str, Any]) -> set[str]:
    """Give the names that a schema's `type` has, null included."""
    own = schema.get("type", ())
    return {own} if isinstance(own, str) else set(own)


def _listed(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    """Give the branches of a combination; `true` and `false` say nothing about a type."""
    branches = schema.get(keyword)
    return [branch for branch in branches if isinstance(branch, dict)] if isinstance(branches, list) else []


def _pointed(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a JSON pointer into the same document (RFC 6901) names."""
    document, _, pointer = reference.partition("#")
    found: Any = None if document else root
    for part in pointer.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
