"""The files of `--config`, which are checked before the SDK reads them: it would answer with a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_before(option: click.Parameter) -> None:
    """Have an option's files checked before its own callback gets them."""
    read = option.callback
    assert read is not None

    def checked(context: click.Context, parameter: click.Parameter, paths: Sequence[str]) -> Any:
        for path in paths:
            # A pipe, such as a shell's `<(...)`, can be read once only.
            if path != "ENV" and not Path(path).is_fifo():
                _check(path)
        return read(context, parameter, paths)

    option.callback = checked


def _check(path: str) -> None:
    """Make sure that a file holds a JSON object. Raises ClickException, whose text quotes nothing of the file."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(f"--config: {path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise click.ClickException(f"--config: {path} is not JSON{place}. Repair it there.") from None
    if not isinstance(value, dict):
        raise click.ClickException(f'--config: {path} holds no JSON object such as {{"name": value}}.')
