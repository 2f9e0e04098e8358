"""What no message may show: the values of secret settings, in any spelling that a message may quote."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN: Final = "***"
_SHORTEST: Final = 4
"""A shorter text would hit words that are no secrets."""

_hidden: list[str] = []


def hide_anew(*secrets: str) -> None:
    """Forget the secrets of a run before, and keep these texts out of every message."""
    _hidden.clear()
    hide(*secrets)


def hide(*secrets: str) -> None:
    """Keep texts out of every message from here on."""
    found = {spelling for secret in secrets for spelling in _spellings(secret) if len(spelling) >= _SHORTEST}
    # A longer text may hold a shorter one.
    _hidden[:] = sorted(found.union(_hidden), key=len, reverse=True)


def _spellings(secret: str) -> Iterator[str]:
    """Give a secret as it is, and as URLs, JSON and Python write it."""
    for text in (secret, secret.strip(), unquote(secret)):
        yield from (text, quote(text, safe=""), quote(text), json.dumps(text)[1:-1], repr(text)[1:-1])


def login_password(url: str) -> str:
    """Give the password in a URL, whatever its characters; empty if there is none."""
    login, at, _ = url.partition("://")[2].rpartition("@")
    return login.partition(":")[2] if at else ""


def file_secrets(url: str) -> tuple[str, str]:
    """Give what may be secret in the URL of a file: the password in it, and its query, which may sign it (`?sig=...`)."""
    scheme, _, rest = url.partition("://")
    return login_password(url), rest.partition("?")[2] if scheme != "file" else ""


def without_secrets(text: str) -> str:
    """Blank out what is hidden."""
    for secret in _hidden:
        text = text.replace(secret, HIDDEN)
    return text


class _Formatter(logging.Formatter):
    """Formats like another formatter, then blanks secrets out, in tracebacks too."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(self._inner.format(record))


def redact_logs() -> None:
    """Keep secrets out of everything that goes through the root logger's handlers."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Formatter(handler.formatter or logging.Formatter()))
