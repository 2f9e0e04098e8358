"""When the metadata of each object last changed, for `If-Modified-Since`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock


class MetadataLog:
    """Stamps in whole seconds; each change moves its stamp, also twice within one second of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._born = self._now()
        self._latest = self._born
        self._objects: dict[str, datetime] = {}
        self._users: dict[str, datetime] = {}

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _next(self) -> datetime:
        self._latest = max(self._now(), self._latest + timedelta(seconds=1))
        return self._latest

    def note(self, *sobjects: str) -> None:
        """These objects changed."""
        self._objects |= dict.fromkeys(sobjects, self._next())

    def note_user(self, username: str) -> None:
        """What a user may see changed, and with it every describe."""
        self._users[username] = self._next()

    def changed_at(self, sobject: str | None, username: str | None) -> datetime:
        """When an object's describe last changed for a user; none is describe global, and the administrator."""
        of_user = self._users.get(username or "", self._born)
        if sobject is None:
            return max(self._born, of_user, *self._objects.values())
        return max(self._objects.get(sobject, self._born), of_user)
