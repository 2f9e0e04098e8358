"""What the command prints: tables and lines for people on standard output, or one JSON document; errors on standard error."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.segment import Segment

from target_sfwarehouse.masks import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import ConsoleOptions, RenderableType

_COMMANDS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that tell a terminal to do something, but for tabs and line ends."""


class _Console(Console):
    """A console on which a text of others is no markup and commands nothing."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console.render`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_COMMANDS.sub("", segment.text), segment.style)


console: Final = _Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
"""For answers."""

progress: Final = _Console(highlight=False, stderr=True, markup=False, emoji=False)
"""For what tells that the command is at work; shown on terminals only."""

json_option: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document in place of tables."
)


@contextmanager
def hushed(logger: str, level: int) -> Iterator[None]:
    """Leave out what a logger says below a level, for as long as the block runs."""
    told = logging.getLogger(logger)
    before = told.level
    told.setLevel(level)
    try:
        yield
    finally:
        told.setLevel(before)


@contextmanager
def warnings_of(logger: str) -> Iterator[list[str]]:
    """Take the warnings of a logger, in place of its handlers, for as long as the block runs."""
    texts: list[str] = []

    class Taker(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    told, taker = logging.getLogger(logger), Taker(logging.WARNING)
    before = told.level, told.propagate, told.handlers
    told.propagate, told.handlers = False, [taker]
    told.setLevel(logging.WARNING)
    try:
        yield texts
    finally:
        told.propagate, told.handlers = before[1:]
        told.setLevel(before[0])


def print_json(value: Any) -> None:
    """Print one JSON document, without secrets."""
    as_it_is = sys.stdout.encoding.lower().startswith("utf")
    text = json.dumps(_masked(value), indent=2, ensure_ascii=not as_it_is, default=_plain)
    sys.stdout.write(f"{text}\n")


def one_line(text: str) -> str:
    """A text of others as one line that commands no terminal."""
    return _COMMANDS.sub("", " ".join(text.split()))


def counted(number: float, thing: str) -> str:
    """Write a number of things: 1 row, 2,000 rows."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def error_line(text: str) -> None:
    """Print an error as one line on standard error, without secrets."""
    sys.stderr.write(f"sfsource: {without_secrets(one_line(text))}\n")


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: _masked(part) for name, part in value.items()}
    return [_masked(part) for part in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return without_secrets(str(value))
