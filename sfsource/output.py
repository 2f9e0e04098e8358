"""What the command prints: tables and lines for people on standard output, or one JSON document; errors on standard error."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from target_sfwarehouse.masks import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

console: Final = Console(highlight=False, soft_wrap=True)
"""For answers."""

progress: Final = Console(highlight=False, stderr=True)
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


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")


def error_line(text: str) -> None:
    """Print an error as one line on standard error, without secrets."""
    sys.stderr.write(f"sfsource: {without_secrets(' '.join(text.split()))}\n")


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
