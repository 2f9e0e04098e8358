"""JSON files that a person names."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from sfsource.errors import SettingsMissingError, SfsourceError


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
    """Write a file as a whole: whoever reads it meanwhile, or after a kill, sees the old text or the new one."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise SfsourceError(f"{path} cannot be written ({error.strerror}).") from None
