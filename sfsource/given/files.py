"""JSON files that a person names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sfsource.errors import SettingsMissingError, SfsourceError
from target_sfwarehouse import state_file

if TYPE_CHECKING:
    from pathlib import Path


def read_object(option: str, path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises SettingsMissingError, whose text quotes nothing of the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsMissingError(f"{option}: {path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SettingsMissingError(f"{option}: {path} is not JSON{place}. Repair it there.") from None
    if not isinstance(value, dict):
        raise SettingsMissingError(f'{option}: {path} holds no JSON object such as {{"name": value}}.')
    return value


def write_whole(path: Path, text: str) -> None:
    """Write a file as a whole. Raises SfsourceError."""
    try:
        state_file.write_whole(path, text.encode())
    except OSError as error:
        raise SfsourceError(f"{path} cannot be written ({error.strerror}).") from None
