"""Keeps secrets out of the log, whoever logs them."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HIDDEN: Final = "***"
_SHORTEST: Final = 4
"""A shorter text would hit words that are no secrets."""

_SECRET_PARAMETERS: Final = ("key", "secret", "token", "password", "credential", "connection_string")


class RedactingFormatter(logging.Formatter):
    """Formats like another formatter, then blanks secrets out, in tracebacks too."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        """Wrap a formatter.

        Args:
            inner: The formatter that does the work.
            secrets: Texts to hide.
        """
        super().__init__()
        self._inner = inner
        self._secrets = sorted({text for text in secrets if len(text) >= _SHORTEST}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; see `logging.Formatter.format`."""
        text = self._inner.format(record)
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def redact_logs(secrets: Iterable[str]) -> None:
    """Hide secrets in everything that goes through the root logger's handlers.

    Args:
        secrets: Values of the secret settings.
    """
    kept = list(secrets)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), kept))


def storage_secrets(batch_config: Mapping[str, Any] | None) -> Iterator[str]:
    """Find what must not be shown of where BATCH files go.

    Args:
        batch_config: The setting, as it came.

    Yields:
        The password in the storage's root, and parameters that are secrets by their names.
    """
    storage = batch_config.get("storage") if isinstance(batch_config, dict) else None
    if not isinstance(storage, dict):
        return
    with contextlib.suppress(ValueError):
        yield urlsplit(str(storage.get("root", ""))).password or ""
    parameters = storage.get("params")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(value, str) and any(part in name.lower() for part in _SECRET_PARAMETERS):
            yield value
