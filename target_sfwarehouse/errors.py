"""What can go wrong, in words for the person who runs the target."""

from __future__ import annotations

from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException

from target_sfwarehouse.masks import without_secrets

SHOWN_VALUE = 120
"""Characters of a value that a message may quote."""

SAID = 500
"""Characters of what the server or the SDK says that a message may have: they may quote a whole value."""


class TargetError(Exception):
    """Base of the errors that end a run with one clear line and a non-zero exit."""

    def __init__(self, text: str) -> None:
        """Keep the text, without secrets."""
        super().__init__(without_secrets(text))


class SettingsError(TargetError):
    """A setting is missing, wrong or contradicts another."""


class WarehouseError(TargetError):
    """The warehouse cannot be reached or refuses what we ask of it."""


class TableLockedError(WarehouseError):
    """Another run holds the table and `lock_behavior` is `fail`."""


class BadSchemaError(TargetError):
    """A SCHEMA message that no table can follow."""


class StoppedError(TargetError):
    """The run was told to stop by a signal.

    Attributes:
        signum: The signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"Stopped by signal {signum}; what had been read is committed.")
        self.signum = signum


class InputError(TargetError):
    """A line of the input that cannot be used.

    Attributes:
        line: Its number, counted from 1; 0 when it is not known.
        stream: The stream it belongs to, if that could be read.
        reason: What is wrong, without the place.
        name: The property at fault, if one is.
        text: What the quarantine keeps of the record in place of the line; None for the line itself.
    """

    def __init__(
        self,
        reason: str,
        *,
        line: int = 0,
        stream: str | None = None,
        name: str | None = None,
        key: str = "",
        text: bytes | None = None,
    ) -> None:
        place = [f"line {line}"] if line else []
        place += [f"stream '{stream}'"] if stream else []
        place += [f"key {key}"] if key else []
        place += [f"property '{name}'"] if name else []
        super().__init__(f"{', '.join(place)}: {reason}" if place else reason)
        self.line = line
        self.stream = stream
        self.reason = without_secrets(reason)  # the quarantine keeps it
        self.name = name
        self.text = text


class BadRecordError(InputError):
    """A RECORD whose values do not fit its table."""


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD of a stream that no SCHEMA announced."""


class MissingKeyError(BadRecordError, MissingKeyPropertiesError):
    """A RECORD that lacks one of its stream's key properties, or has null there."""


def said(error: BaseException) -> str:
    """Give the message of an error with its notes, in which a later SDK says what is wrong with a record."""
    return shortened("; ".join((str(error), *getattr(error, "__notes__", ()))), SAID)


def shown(value: object) -> str:
    """Quote a value in a message, shortened."""
    try:
        return shortened(repr(value), SHOWN_VALUE)
    except ValueError:
        return "a number of more digits than can be shown"


def shortened(text: str, most: int) -> str:
    """Cut text, as a message may quote a whole value."""
    return text if len(text) <= most else text[: most - 3] + "..."
