"""Where alerts go: environment variables, or the file .env of the project, as Meltano reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from dotenv import dotenv_values

from sfsource.errors import SfsourceError
from target_sfwarehouse.masks import hide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

URLS: Final = "SFSOURCE_ALERT_URLS"
COMMAND: Final = "SFSOURCE_ALERT_COMMAND"
AFTER: Final = "SFSOURCE_ALERT_AFTER"
SKIPPED: Final = "SFSOURCE_ALERT_AFTER_SKIPPED"


class AlertSettingsError(SfsourceError):
    """A setting of the alerts cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Where alerts go, and when.

    Attributes:
        urls: Receivers, as apprise writes them; each is a secret.
        command: A command of the user's, as its shell is to see it.
        variables: What it finds in its environment.
        after: Failed ticks in a row before an alert.
        after_skipped: Skipped ticks in a row before one.
    """

    urls: str = ""
    command: str = ""
    after: int = 2
    after_skipped: int = 4
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, folder: Path) -> Self:
        """Read the settings; the environment goes before the file. Raises AlertSettingsError."""
        file = folder / ".env"
        given: Mapping[str, str | None] = {**dotenv_values(file), **os.environ}
        # dotenv would put nothing in place of ${SFSOURCE_ALERT_TEXT}.
        as_written = {**dotenv_values(file, interpolate=False), **os.environ}
        urls, command = (given.get(URLS) or "").strip(), (as_written.get(COMMAND) or "").strip()
        hide(urls, *urls.replace(",", " ").split())
        counts = (_count(given, AFTER, cls.after), _count(given, SKIPPED, cls.after_skipped))
        return cls(urls, command, *counts, {name: text for name, text in given.items() if text is not None})

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.urls or self.command)


def _count(given: Mapping[str, str | None], name: str, default: int) -> int:
    text = (given.get(name) or "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise AlertSettingsError(f"{name} must be a number of ticks from 1 on.")
    return int(text)
