"""Values of settings: checked by the kind, the bounds and the choices that a setting's metadata names."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource import clock
from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_LOWEST_API_VERSION: Final = 58.0
"""`/jobs/query/{id}/resultPages` came with v58 (Bulk API guide)."""

_EXAMPLE: Final = '{"Account": "Industry = \'Energy\'"}'
FIELD_EXAMPLE: Final = '{"Contact.Email": "hash"}'

_TEXT: Final = re.compile(r"'(?:[^'\\\n\r]|\\.)*'")
_STRANGE: Final = re.compile(r"[;\"`\\\x00-\x08\x0b\x0c\x0e-\x1f]|--|/\*|//")
_CLAUSES: Final = re.compile(
    r"\b(ORDER\s+BY|GROUP\s+BY|HAVING|LIMIT(?=\s+[\d:])|OFFSET(?=\s+[\d:])|FOR\s+(?:VIEW|REFERENCE|UPDATE)|ALL\s+ROWS"
    r"|UPDATE\s+(?:TRACKING|VIEWSTAT)|USING\s+SCOPE|WITH)\b",
    re.IGNORECASE,
)


def is_unset(value: Any) -> bool:
    """Whether a value is as good as none."""
    return value is None or (isinstance(value, str) and not value.strip())


def checked(name: str, metadata: Mapping[str, Any], value: Any) -> Any:
    """A value in its setting's type.

    Raises:
        ConfigError: It is of the wrong kind, out of its bounds or not among the choices.
    """
    kind = metadata["kind"]
    if metadata["by_field"]:
        return _checked_by_field(
            name, metadata["choices"], _object_in(name, kind, value, FIELD_EXAMPLE) or {}
        )
    if metadata["by_object"] and (values := _object_in(name, kind, value)) is not None:
        return _checked_by_object(name, metadata, values)
    if kind == "integer":
        return _checked_integer(name, metadata, value)
    if kind == "boolean":
        if not isinstance(value, bool):
            raise ConfigError(name, f"{value!r} is not true or false", "Set it to true or false.")
        return value
    if kind == "array":
        return _checked_names(name, value)
    if not isinstance(value, str):
        raise ConfigError(name, f"it must be text, not {type(value).__name__}", "Put it in quotes.")
    # A file or a clipboard adds a line end; a password may have spaces of its own.
    value = value.strip("\r\n" if name == "password" else None)
    if metadata["choices"] and value not in metadata["choices"]:
        raise ConfigError(
            name, f"{value!r} is not a choice", f"Choose one of {', '.join(metadata['choices'])}."
        )
    if kind == "date-time":
        parse_time(name, value)
    return _expanded(name, value) if metadata["path"] else value


def _object_in(name: str, kind: str, value: Any, example: str = _EXAMPLE) -> Mapping[Any, Any] | None:
    """A value that is an object, or the text of one, as an environment variable has it; None for a plain value."""
    if isinstance(value, str) and value.strip().startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return value
    if kind == "object":
        raise ConfigError(name, f"{value!r} is not an object", f"Write it like {example}.")
    return None


def _checked_by_field(name: str, choices: Sequence[str], values: Mapping[Any, Any]) -> dict[str, str]:
    """Choices by Object.Field or pattern, or by field within an object, which Meltano makes of a dot.

    JSON's null is the choice of that name: to ignore it would let data out.
    """
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _checked_by_field(
                name, choices, {f"{key}.{field}": each for field, each in value.items()}
            )
            continue
        sobject, dot, field = str(key).strip().partition(".")
        if not sobject or not dot or not field:
            raise ConfigError(name, f"{key!r} names no field of an object", f"Write it like {FIELD_EXAMPLE}.")
        choice = "null" if value is None else value
        if choice not in choices:
            raise ConfigError(
                name, f"{value!r} of {key} is not a choice", f"Choose one of {', '.join(choices)}."
            )
        found[f"{sobject}.{field}"] = choice
    return found


def _checked_by_object(name: str, metadata: Mapping[str, Any], values: Mapping[Any, Any]) -> dict[str, Any]:
    """Values by object or pattern; null, or an empty text, is as good as no setting for these objects."""
    one = {**metadata, "by_object": False}
    checked_values: dict[str, Any] = {}
    for key, value in values.items():
        wanted = str(key).strip()
        if not wanted:
            raise ConfigError(
                name, f"{value!r} is for no object", "Write the object's name or a pattern before it."
            )
        if is_unset(value):
            checked_values[wanted] = None
        elif metadata["kind"] == "object":
            checked_values[wanted] = _checked_condition(name, wanted, value)
        else:
            try:
                checked_values[wanted] = checked(name, one, value)
            except ConfigError as error:
                raise ConfigError(name, f"{error.problem} (in the part for {wanted})", error.remedy) from None
    return checked_values


def _checked_condition(name: str, wanted: str, value: Any) -> str:
    """A SOQL condition in one line, which stays a condition where parentheses are put around it."""
    told = f"the condition of {wanted}"
    if not isinstance(value, str):
        raise ConfigError(name, f"{told} must be text, not {type(value).__name__}", "Put it in quotes.")
    bare = _TEXT.sub(lambda text: " " * len(text[0]), value)
    problem = _problem_of(bare)
    if problem:
        raise ConfigError(
            name,
            f"{told} {problem}",
            "Write what comes after WHERE, such as Industry = 'Energy' AND IsActive = true.",
        )
    parts, at = [], 0
    for text in _TEXT.finditer(value):
        parts += [re.sub(r"\s+", " ", value[at : text.start()]), text[0]]
        at = text.end()
    return "".join([*parts, re.sub(r"\s+", " ", value[at:])]).strip()


def _problem_of(bare: str) -> str:
    """What is wrong with a condition without its texts, as a clause; empty if nothing is."""
    if "'" in bare:
        return "has a quote ' that nothing closes"
    if strange := _STRANGE.search(bare):
        return f"has {strange[0]!r} outside of a text in quotes"
    if clause := _CLAUSES.search(bare):
        return f"has {' '.join(clause[0].upper().split())}, which is no part of a condition"
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return "has parentheses that do not match" if depth else ""


def _expanded(name: str, path: str) -> str:
    """The path with a home folder in place of `~`."""
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        raise ConfigError(
            name, f"{path} is in a home folder that is not known", "Write the whole path."
        ) from None


def _checked_integer(name: str, metadata: Mapping[str, Any], value: Any) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise ConfigError(name, f"{value!r} is not a whole number", "Set it to a whole number.")
    low, high = metadata["minimum"], metadata["maximum"]
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = f"between {low} and {high}" if high is not None else f"{low} or more"
        raise ConfigError(name, f"{number} is out of bounds", f"Set it to {bounds}.")
    return number


def _checked_names(name: str, value: Any) -> tuple[str, ...]:
    names = value
    if isinstance(value, str):
        names = _names_in(value.strip())
    if not isinstance(names, list | tuple) or not all(
        isinstance(part, str) and part.strip() for part in names
    ):
        raise ConfigError(
            name, f"{value!r} is not a list of names", 'Set it to a list, such as ["Account", "*__c"].'
        )
    return tuple(part.strip() for part in names)


def _names_in(text: str) -> Any:
    if not text.startswith("["):
        return text.split(",")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def check_api_version(version: str) -> None:
    """Make sure that a version has all that the tap asks for.

    Raises:
        ConfigError: It is too old, or none.
    """
    try:
        number = float(version)
    except ValueError:
        number = 0.0
    if number < _LOWEST_API_VERSION or version != f"{number:.1f}":
        raise ConfigError(
            "api_version",
            f"{version!r} is not a version from {_LOWEST_API_VERSION} on",
            'Set it to one such as "62.0".',
        )


def parse_time(name: str, value: str) -> datetime:
    """A setting's time, in UTC.

    Raises:
        ConfigError: It is none.
    """
    try:
        return clock.parse(value)
    except ValueError:
        raise ConfigError(name, f"{value!r} is not a date", "Write it like 2024-01-31T00:00:00Z.") from None
