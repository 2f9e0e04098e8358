"""What a terminal shows of the log: warnings, errors, and what is meant for the person who looks at it.

A file or a pipe gets the whole log, as Meltano reads it; so does a terminal where a log level or a log's settings are asked
for.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final

SHOWN: Final[dict[str, Any]] = {"shown": True}
"""`extra` of a log line that a terminal shows although it is no warning, and shows without time and level."""

WIPE: Final = "\r\x1b[K"
"""Takes away what stands in the terminal's last line, such as a bar."""


class _Formatter(logging.Formatter):
    """Formats like another formatter; a line begins where a bar may stand."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return WIPE + (record.getMessage() if _is_shown(record) else self._inner.format(record))


def _is_shown(record: logging.LogRecord) -> bool:
    return bool(getattr(record, "shown", False))


def hush(plugin: str) -> None:
    """Show on terminals only what people look for, unless a level of the log is asked for."""
    level = f"{plugin.upper().replace('-', '_')}_LOGLEVEL"
    if any(os.environ.get(name) for name in (level, "LOGLEVEL", "SINGER_SDK_LOG_CONFIG")):
        return
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
            handler.addFilter(lambda record: record.levelno >= logging.WARNING or _is_shown(record))
            handler.setFormatter(_Formatter(handler.formatter or logging.Formatter()))
