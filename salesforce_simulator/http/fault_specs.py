"""A rule of the fault plan as one text: `Status=503,path=*/query*,nth=2`.

The action comes first; `=VALUE` is its first field. Its other fields and the conditions of `Rule` follow, in any order.
`nth=2+5` means the second and the fifth call. A value with a comma in it needs JSON:
`{"action": "Status", "status": 400, "message": "No, thanks."}`.
"""

import dataclasses
import json
import re
import sys
from typing import Any, Literal, get_args, get_origin

import msgspec

from salesforce_simulator.http.faults import ACTIONS, Action, Rule

CONDITIONS = {f.name: f for f in dataclasses.fields(Rule) if f.init and f.name != "action"}
# The least of other numbers is 0.
_LEAST = {"status": 200, "nth": 1, "times": 1, "bytes_per_second": 1}
_SIGNED = frozenset({"at", "seconds", "seed"})
_MOST = {"status": 599, "probability": 1}


class FaultSpecError(ValueError):
    """The text describes no rule; the message says what is wrong with it."""


def rule_of(spec: str) -> Rule:
    """The rule that a text describes, or FaultSpecError."""
    if not spec.lstrip().startswith("{"):
        return _rule(*_words(spec), strict=False)
    try:
        given = json.loads(spec)
    except ValueError as error:
        raise FaultSpecError(f"this is no JSON: {error}") from None
    return rule(given)


def rule(given: dict[str, Any]) -> Rule:
    """The rule of an `action` with its fields and conditions by name, or FaultSpecError."""
    rest = {key: value for key, value in given.items() if key != "action"}
    return _rule(_kind(str(given.get("action", ""))), rest, strict=True)


def usage(kind: type[Action]) -> str:
    """How an action is written, with what may be left out in brackets."""
    text = kind.__name__
    for place, f in enumerate(dataclasses.fields(kind)):
        value = "|".join(get_args(f.type)) if get_origin(f.type) is Literal else f.name.upper()
        part = f",{f.name}={value}" if place else f"={value}"
        text += part if f.default is dataclasses.MISSING else f"[{part}]"
    return text


def _kind(name: str) -> type[Action]:
    for known, kind in ACTIONS.items():
        if known.lower() == name.lower():
            return kind
    raise FaultSpecError(f"{name!r} is no fault; there are {', '.join(sorted(ACTIONS))}")


def _words(spec: str) -> tuple[type[Action], dict[str, Any]]:
    first, *rest = spec.split(",")
    name, equals, value = first.partition("=")
    kind = _kind(name.strip())
    given: dict[str, Any] = {}
    if equals:
        fields = dataclasses.fields(kind)
        if not fields:
            raise FaultSpecError(f"{kind.__name__} takes no value")
        given[fields[0].name] = value.strip()
    for word in rest:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals:
            raise FaultSpecError(f"{word.strip()!r} is not KEY=VALUE; a value with a comma in it needs JSON")
        if key in given:
            raise FaultSpecError(f"{key} is given twice")
        given[key] = value
    if re.fullmatch(r"\d+(\+\d+)+", given.get("nth", "")):
        given["nth"] = given["nth"].split("+")
    return kind, given


def _rule(kind: type[Action], given: dict[str, Any], *, strict: bool) -> Rule:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    known = {**fields, **CONDITIONS}
    values = {}
    for key, value in given.items():
        if key not in known:
            raise FaultSpecError(f"{kind.__name__} has no {key!r}; it may have {', '.join(known)}")
        try:
            values[key] = _value(key, value, known[key].type, strict=strict)
        except ValueError:
            raise FaultSpecError(f"{key} cannot be {value!r}: {usage(kind)}") from None
    for f in fields.values():
        if f.default is dataclasses.MISSING and f.name not in values:
            raise FaultSpecError(f"{kind.__name__} needs {f.name}: {usage(kind)}")
    action = kind(**{key: values.pop(key) for key in fields if key in values})
    return Rule(action, **values)


def _value(key: str, value: Any, kind: Any, *, strict: bool) -> Any:
    # `null` is a locator's text as well.
    text = isinstance(value, str) and kind == str | None
    known = value if text else msgspec.convert(value, kind, strict=strict)
    for number in known if isinstance(known, list) else [known]:
        checked = isinstance(number, int | float) and key not in _SIGNED
        if checked and not _LEAST.get(key, 0) <= number <= _MOST.get(key, sys.maxsize):
            raise ValueError(number)
    return known
