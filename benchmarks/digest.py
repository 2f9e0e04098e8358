"""Digest of the records that a tap wrote, whichever it is: `tap ... | python -m benchmarks.digest`.

Names are compared without case and underscores, numbers by value, datetimes by moment; null and an empty text are
one, as Salesforce knows no empty text. The order of rows does not matter, and a row that comes twice counts once.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")


def digest(lines: IO[bytes]) -> tuple[int, str]:
    """Digest Singer's or Airbyte's messages.

    Args:
        lines: JSON lines; those that are no records are passed over.

    Returns:
        How many different records there are, and a digest of them.
    """
    found = set()
    for line in lines:
        message = json.loads(line, parse_float=Decimal) if line.startswith(b"{") else {}
        # What a tap says of its own run is no record of the org.
        if message.get("type") == "RECORD" and message.get("stream") != "sync_reports":
            record = message["record"]
            found.add(_row(record["data"] if "data" in record and "namespace" in record else record))
    total = hashlib.md5("".join(sorted(found)).encode(), usedforsecurity=False)
    return len(found), total.hexdigest()


def _row(record: dict[str, Any]) -> str:
    cells = sorted((name.replace("_", "").lower(), _cell(value)) for name, value in record.items())
    text = json.dumps([cell for cell in cells if cell[1]], ensure_ascii=False)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return format(Decimal(value).normalize(), "f")
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return str(value)


if __name__ == "__main__":
    print(*digest(sys.stdin.buffer))
