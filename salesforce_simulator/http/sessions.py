"""Sessions: what an access token stands for, and when it stops doing so."""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesforce_simulator.apps import ConnectedApp
    from salesforce_simulator.org import Org
    from salesforce_simulator.users import User


@dataclass
class Session:
    """A login that is alive.

    Attributes:
        token: The access token, also called session id.
        app: The connected app that it was given to; None after a SOAP login.
        opened: The moment of the login.
        last_used: The moment that its life is counted from.
        refresh_token: The refresh token that it was opened with, if any.
    """

    token: str
    user: "User"
    app: "ConnectedApp | None"
    opened: datetime
    last_used: datetime
    refresh_token: str | None = None


class Sessions:
    """The sessions of an org; safe to use from any thread."""

    def __init__(self, org: "Org") -> None:
        self._org = org
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def open(
        self, user: "User", app: "ConnectedApp | None", refresh_token: str | None = None, token: str = ""
    ) -> Session:
        """Log a user in; a token of another form stands for one that is a JWT."""
        token = token or f"{self._org.id[:15]}!AQ{secrets.token_urlsafe(66)}"
        now = self._org.clock.now()
        session = Session(token, user, app, now, now, refresh_token)
        with self._lock:
            self._sessions[token] = session
        return session

    def find(self, token: str) -> Session | None:
        """The live session of a token.

        A session ends after the org's session timeout without use; as in Salesforce, use in the second half of
        that time starts it anew.
        """
        session = self.peek(token)
        if session is not None:
            now, life = self._org.clock.now(), timedelta(minutes=self._org.login.session_minutes)
            if now >= session.last_used + life / 2:
                session.last_used = now
        return session

    def peek(self, token: str) -> Session | None:
        """The live session of a token, which is not used by this."""
        with self._lock:
            session = self._sessions.get(token)
            life = timedelta(minutes=self._org.login.session_minutes)
            if session is not None and self._org.clock.now() >= session.last_used + life:
                del self._sessions[token]
                return None
            return session

    def end(self, token: str) -> bool:
        """Log out; False if there was no such session."""
        with self._lock:
            return self._sessions.pop(token, None) is not None

    def end_of(self, refresh_token: str) -> None:
        """End the sessions that a refresh token opened."""
        with self._lock:
            for token in [t for t, s in self._sessions.items() if s.refresh_token == refresh_token]:
                del self._sessions[token]

    def end_all(self, username: str | None = None, app: "ConnectedApp | None" = None) -> int:
        """End every session, or those of one user, or of one connected app; gives how many."""
        with self._lock:
            ended = [
                token
                for token, session in self._sessions.items()
                if username in (None, session.user.username) and (app is None or session.app is app)
            ]
            for token in ended:
                del self._sessions[token]
            return len(ended)
