"""The spellings of dates and times that mean the same for every server, role and day, as a regular expression.

Python reads it, and Postgres (`~*`).
"""

from __future__ import annotations

from typing import Final

# RFC 3339, which JSON schema's formats follow, ISO 8601's basic form, and what databases write: a space before the time, an
# offset in hours, years beyond 9999 and before Christ.
_ZONE = r"(?: ?(?:z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?))?"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?" + _ZONE
_BASIC = r"[0-9]{8}(?:t[0-9]{4}(?:[0-9]{2}(?:\.[0-9]+)?)?" + _ZONE + ")?"
MOMENT: Final = rf"(?:[0-9]{{4,7}}-[0-9]{{2}}-[0-9]{{2}}(?:[t ]{_TIME})?(?: bc)?|{_BASIC}|{_TIME})"
