"""A setting's value, as a user gave it: checked against the setting's kind and bounds, or refused with the setting's name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOWEST_API_VERSION: Final = 58.0
"""`/jobs/query/{id}/resultPages` came with v58 (Bulk API guide)."""


def is_unset(value: Any) -> bool:
    """Whether a value is as good as no setting."""
    return value is None or (isinstance(value, str) and not value.strip())


def checked(name: str, metadata: Mapping[str, Any], value: Any) -> Any:
    """The value of a setting's kind; `metadata` is that of its field in `Settings`.

    Raises:
        ConfigError: It is of another kind, out of its bounds or not among the choices.
    """
    kind = metadata["kind"]
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
    """Refuse a version that Salesforce or the tap does not have."""
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
    """A date as an aware UTC time; `name` is its setting."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(name, f"{value!r} is not a date", "Write it like 2024-01-31T00:00:00Z.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
