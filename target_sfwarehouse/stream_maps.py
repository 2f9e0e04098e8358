"""Stream maps of the target's settings: what they do with partial rows, and with a record that they cannot map.

A partial row comes under a narrow SCHEMA, with some of the stream's properties. Of a map's expressions,

- one whose properties are all there is computed as ever;
- one whose properties are all absent is left out with its column, which keeps what the last whole row brought;
- any other, and a filter, cannot be computed. That is an error: a guess would lose rows, or let a value out unmapped.
"""

from __future__ import annotations

import ast
import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError
from singer_sdk.mapper import CustomStreamMap

from target_sfwarehouse.errors import BadRecordError, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from singer_sdk.mapper import StreamMap

    from target_sfwarehouse.input.batcher import Batcher

WHOLE_RECORD = ("record", "_")
NOTHING = (None, "__NULL__")
_TELLING = (MapExpressionError, AttributeError, TypeError)
"""Errors whose text names types and expressions; that of other errors may hold a record's values."""
FILTER, KEYS, SOURCE = "__filter__", "__key_properties__", "__source__"


class PartialRowError(Exception):
    """A stream map cannot be applied to the partial rows that a SCHEMA announces."""


def for_partial_rows(
    maps: Mapping[str, Any],
    stream: str,
    properties: AbstractSet[str],
    known: AbstractSet[str],
    keys: Sequence[str],
) -> dict[str, Any]:
    """Give the maps that apply to a SCHEMA with these properties, where the stream is `known` to have more.

    Raises PartialRowError.
    """
    absent = known - properties
    return {
        name: _reduced(definition, properties, absent, keys)
        if absent and isinstance(definition, dict) and fnmatchcase(stream, definition.get(SOURCE) or name)
        else definition
        for name, definition in maps.items()
    }


def _reduced(
    definition: Mapping[str, Any], properties: AbstractSet[str], absent: AbstractSet[str], keys: Sequence[str]
) -> dict[str, Any]:
    kept = {}
    for name, expression in definition.items():
        if expression in NOTHING or (name.startswith("__") and name != FILTER):
            kept[name] = expression
            continue
        needed = _references(str(expression), name)
        missing = absent if needed is None else needed & absent
        if not missing:
            kept[name] = expression
        elif needed is None or name == FILTER or name in properties or needed & properties:
            _raise(name, missing)
    for key in definition.get(KEYS) or keys:
        if key not in kept and key not in properties:
            _raise(key, {key})
    return kept


def _raise(name: str, missing: AbstractSet[str]) -> None:
    raise PartialRowError(
        f"the stream map's `{name}` needs {', '.join(sorted(missing))}, which this SCHEMA of partial rows lacks. Set "
        "the tap's `partial_rows` to `whole`, or map in the tap's settings"
    )


def _references(expression: str, name: str) -> set[str] | None:
    """Find the properties that an expression for a property reads; None stands for the whole record."""
    try:
        found = _Names(name)
        found.visit(ast.parse(expression))
    except SyntaxError:
        return set()  # the SDK says what is wrong with it
    return None if found.whole else found.names


class _Names(ast.NodeVisitor):
    """Collects names: `amount`, `self`, `record['amount']`, `_.get('amount')`, `record.amount`."""

    def __init__(self, name: str) -> None:
        self.names: set[str] = set()
        self.whole = False
        self._name = name

    def visit_Name(self, node: ast.Name) -> None:
        self.whole = self.whole or node.id in WHOLE_RECORD
        self.names.add(self._name if node.id == "self" else node.id)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._member(node, node.value, node.slice)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._member(node, node.value, ast.Constant(node.attr))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            self._member(node, node.func.value, node.args[0])
        else:
            self.generic_visit(node)

    def _member(self, node: ast.AST, owner: ast.AST, member: ast.AST) -> None:
        of_record = isinstance(owner, ast.Name) and owner.id in WHOLE_RECORD
        if not (of_record and isinstance(member, ast.Constant)):
            self.generic_visit(node)
            return
        self.names.add(str(member.value))
        for argument in node.args[1:] if isinstance(node, ast.Call) else ():
            self.visit(argument)


def is_custom(stream_map: StreamMap) -> bool:
    """Whether a stream map is one of the settings, and not the SDK's own."""
    return isinstance(stream_map, CustomStreamMap)


def redacted(stream: str, version: int | None, record: Mapping[str, Any] | None = None) -> bytes:
    """Give a RECORD of mapped values for the quarantine: the line itself has values that the map may hide."""
    message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": record}
    if version is not None:
        message["version"] = version
    try:
        return json.dumps(message, default=str).encode()
    except ValueError:
        return json.dumps(message | {"record": None}).encode()  # an integer of more digits than Python writes


def _told(error: BaseException | None) -> str:
    """Say what an expression raised, and from what, without the values of the record."""
    told = []
    while error is not None:
        kind = type(error).__name__
        told.append(f"{kind}: {error}" if isinstance(error, _TELLING) else kind)
        error = error.__cause__
    return " from ".join(told)


def guard(stream_map: StreamMap, stream: str, batcher: Batcher) -> None:
    """Make a record that a map of the settings cannot map a bad record; the SDK would end the run with a traceback."""
    if not is_custom(stream_map) or "transform" in vars(stream_map):
        return
    transform = stream_map.transform

    def guarded(record: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return transform(record)
        except TargetError:
            raise
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            reason = f"its stream map cannot be applied: {_told(error)}"
            text = redacted(stream, batcher.source.version)
            raise BadRecordError(reason, line=batcher.line, stream=stream, text=text) from None

    vars(stream_map)["transform"] = guarded
