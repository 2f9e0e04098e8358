"""What a bookmark says of an object that Salesforce refuses to give: it is not asked again for some days."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_sfsource import clock

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_KEPT = datetime.timedelta(days=7)
_MAY_PASS = datetime.timedelta(hours=1)


def reason(bookmark: Mapping[str, Any], now: datetime.datetime, until: datetime.datetime | None) -> str:
    """Why Salesforce has refused to give all rows; empty if it has not, or if that was long ago."""
    told = _told(bookmark)
    return str(told.get("reason", "")) if told.get("lasting") and until is not None and now < until else ""


def note(
    bookmark: MutableMapping[str, Any],
    now: datetime.datetime,
    since: datetime.datetime | None,
    reason: str,
    *,
    lasting: bool,
) -> bool:
    """Note a refusal, and tell whether it lasts: one that may pass does so once it has been met twice, hours apart."""
    again = _told(bookmark).get("reason") == reason
    lasting = lasting or (since is not None and again and now - since >= _MAY_PASS)
    bookmark["refused"] = {"reason": reason, "lasting": lasting}
    if since is None or not again:
        bookmark["refused_since"] = clock.isoformat(now)
    bookmark["refused_until"] = clock.isoformat(now + _KEPT)
    return lasting


def forget(bookmark: MutableMapping[str, Any]) -> None:
    """Forget a refusal: the object has answered."""
    if "refused" in bookmark:
        bookmark.update(refused={}, refused_since=None, refused_until=None)


def _told(bookmark: Mapping[str, Any]) -> Mapping[str, Any]:
    told = bookmark.get("refused")
    return told if isinstance(told, Mapping) else {}
