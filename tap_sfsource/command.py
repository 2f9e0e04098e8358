"""The command line's behaviour at its end: one clear line for an error, and an exit status that tells."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_sfsource.errors import CatalogError, ConfigError, TapError

if TYPE_CHECKING:
    import click


class TerminatedError(SystemExit):
    """SIGTERM or SIGINT: the run ends with 128 + the signal's number, as shells count."""

    def __init__(self, signum: int) -> None:
        """Keep the signal.

        Args:
            signum: Its number.
        """
        super().__init__(128 + signum)
        self.signal = signal.Signals(signum)


class TapCommand(SingerCommand):
    """The SDK's command, without tracebacks for errors that are meant for people."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; see `click.Command.main`."""
        try:
            return super().main(*args, **kwargs)
        except TerminatedError as ended:
            self.logger.error("Stopped by %s before the end.", ended.signal.name)  # noqa: TRY400
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
    """End the process at once, with what is written so far.

    Args:
        status: Exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(status)


def read_input(what: str, file: IO[str] | None) -> dict[str, Any] | None:
    """Read a catalog or state file.

    Args:
        what: `catalog` or `state`.
        file: The open file, or None if the user gave none.

    Returns:
        The decoded object, None without a file; an empty state file counts as none.

    Raises:
        CatalogError: The catalog is not a JSON object.
        ConfigError: The state is not a JSON object.
    """
    if file is None:
        return None
    text = file.read()
    if what == "state" and not text.strip():
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        value, problem = None, f"it is not JSON ({error})"
    else:
        problem = f"it holds a {type(value).__name__}, not an object"
    if isinstance(value, dict):
        return value
    if what == "catalog":
        raise CatalogError(f"The catalog {file.name} cannot be used: {problem}. Make one with --discover.")
    raise ConfigError("--state", f"{file.name}: {problem}", "Give the last STATE that the tap wrote.")


def check_config_file(path: str) -> None:
    """Make sure that a configuration file holds a JSON object.

    Args:
        path: The file.

    Raises:
        ConfigError: It cannot be read, is not JSON or holds something else; the message shows none of its text.
    """
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
