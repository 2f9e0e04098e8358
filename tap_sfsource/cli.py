"""The command line: one clear line for an error, an exit status that tells, and no secret in the log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_sfsource.errors import CatalogError, ConfigError, TapError, json_kind
from tap_sfsource.terminal import hush

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import click

_HIDDEN: Final = "***"
_SHORTEST: Final = 4
"""A shorter text would hit words that are no secrets."""

_SECRET_PARAMETERS: Final = ("key", "secret", "token", "password", "credential", "connection_string")


class TerminatedError(SystemExit):
    """SIGTERM or SIGINT: the run ends with 128 + the signal's number, as shells count."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal = signal.Signals(signum)

    def __str__(self) -> str:
        return f"Stopped by {self.signal.name} before the end."


class TapCommand(SingerCommand):
    """The SDK's command, without tracebacks for errors that are meant for people."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; see `click.Command.main`."""
        hush(self.logger.name)
        try:
            return super().main(*args, **kwargs)
        except TerminatedError as ended:
            self.logger.error("%s", ended)  # noqa: TRY400
            # Threads that wait for an answer would hold the interpreter's exit for minutes.
            leave(int(ended.code or 1))

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments, which is when --discover and --test run; see `click.Command.make_context`."""
        try:
            return super().make_context(*args, **kwargs)
        except TapError as error:
            self._end(error)
        except ConfigValidationError as error:
            for problem in error.errors:
                self.logger.error("%s", problem)  # noqa: TRY400 - a line for people
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sync; see `click.Command.invoke`."""
        try:
            return super().invoke(ctx)
        except TapError as error:
            self._end(error)
        except BrokenPipeError:
            self.logger.error(  # noqa: TRY400 - a traceback would tell no more
                "The target closed its end of the pipe: see what it says. The next run goes on from its last state."
            )
            leave(1)

    def _end(self, error: TapError) -> NoReturn:
        self.logger.error("%s", error)
        sys.exit(1)


def leave(status: int) -> None:
    """End the process at once, with what is written so far."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(status)


def read_input(what: str, file: IO[str] | None) -> dict[str, Any] | None:
    """Read a file, `what` being `catalog` or `state`; None without a file, and for an empty state file.

    Raises:
        CatalogError: The catalog is not a JSON object.
        ConfigError: The state is not a JSON object.
    """
    if file is None:
        return None
    try:
        text = file.read()
        if what == "state" and not text.strip():
            return None
        value = json.loads(text)
    except UnicodeDecodeError:
        value, problem = None, "it is not UTF-8"
    except (ValueError, RecursionError) as error:
        value, problem = None, f"it is not JSON ({error})"
    else:
        problem = f"it holds {json_kind(value)}, not an object"
    if isinstance(value, dict):
        return value
    if what == "catalog":
        raise CatalogError(f"The catalog {file.name} cannot be used: {problem}. Make one with --discover.")
    raise ConfigError("--state", f"{file.name}: {problem}", "Give the last STATE that the tap wrote.")


def check_config_file(path: str) -> None:
    """Make sure that a configuration file holds a JSON object. A pipe, which can be read once only, is not looked at.

    Raises:
        ConfigError: It cannot be read, is not JSON or holds something else; the message shows none of its text.
    """
    if Path(path).is_fifo():
        return
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            "--config", f"{path} cannot be read ({error.strerror})", "Name a file of settings."
        ) from None
    except ValueError as error:
        place = (
            f"line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else "its text"
        )
        raise ConfigError("--config", f"{path} is not JSON ({place})", "Repair it there.") from None
    if not isinstance(value, dict):
        raise ConfigError(
            "--config", f"{path} holds no JSON object", 'Write the settings as {"name": value}.'
        )


class Mask:
    """Blanks secrets out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({text for text in secrets if len(text) >= _SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


class RedactingFormatter(logging.Formatter):
    """Formats like another formatter, then blanks secrets out, in tracebacks too."""

    def __init__(self, inner: logging.Formatter, mask: Mask) -> None:
        super().__init__()
        self._inner = inner
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; see `logging.Formatter.format`."""
        return self._mask(self._inner.format(record))


def redact_logs(mask: Mask) -> None:
    """Hide secrets in everything that goes through the root logger's handlers."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), mask))


def storage_secrets(batch_config: Mapping[str, Any] | None) -> Iterator[str]:
    """Secrets of where BATCH files go: the password in the storage's root, and parameters that are secrets by their names."""
    storage = batch_config.get("storage") if isinstance(batch_config, dict) else None
    if not isinstance(storage, dict):
        return
    with contextlib.suppress(ValueError):
        yield urlsplit(str(storage.get("root", ""))).password or ""
    parameters = storage.get("params")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(value, str) and any(part in name.lower() for part in _SECRET_PARAMETERS):
            yield value
