"""Query cursors: a result that is handed out page by page, for two days on the org's clock."""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError

if TYPE_CHECKING:
    from salesforce_simulator.http.sessions import Session
    from salesforce_simulator.org import Org
    from salesforce_simulator.soql import RestResult

# Limits guide, "API Query Cursor Limits": two days, any number of them.
_LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Cursor:
    """The result of one query.

    Attributes:
        result: Its ids, fixed when it was asked; values are read as pages are.
        user_id: Whose it is; nobody else can read on.
        token: The session that asked.
        page_rows: Rows a page.
    """

    id: str
    result: "RestResult"
    user_id: str
    token: str
    page_rows: int
    created: datetime


class Cursors:
    """The open cursors of an org; safe to use from any thread."""

    def __init__(self, org: "Org") -> None:
        self._org = org
        self._lock = threading.Lock()
        self._cursors: dict[str, Cursor] = {}

    def new(self, result: "RestResult", session: "Session", page_rows: int) -> Cursor:
        """A cursor over a result; it can be found again once it is kept."""
        cursor_id = f"0r8Hs000{secrets.token_hex(5)}"
        return Cursor(cursor_id, result, session.user.id, session.token, page_rows, self._org.clock.now())

    def keep(self, cursor: Cursor) -> None:
        """Keep it for the pages that follow; those whose time is over go."""
        now = self._org.clock.now()
        with self._lock:
            self._cursors = {each.id: each for each in self._cursors.values() if now < each.created + _LIFE}
            self._cursors[cursor.id] = cursor

    def find(self, cursor_id: str, user_id: str) -> Cursor:
        """An open cursor of this user.

        Raises:
            ApiError: `INVALID_QUERY_LOCATOR`.
        """
        with self._lock:
            cursor = self._cursors.get(cursor_id)
            if cursor and self._org.clock.now() >= cursor.created + _LIFE:
                del self._cursors[cursor_id]
                cursor = None
        if cursor is None or cursor.user_id != user_id:
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return cursor

    def sobject_of(self, locator: str) -> str | None:
        """What the query behind a locator is about."""
        with self._lock:
            cursor = self._cursors.get(locator.rpartition("-")[0])
        return cursor.result.sobject if cursor else None

    def clear(self) -> None:
        """Close them all."""
        with self._lock:
            self._cursors.clear()
