"""What the web login keeps between its pages: who is signed in at a browser, what is asked for, and the codes given out."""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesforce_simulator.apps import ConnectedApp
    from salesforce_simulator.clock import Clock
    from salesforce_simulator.users import User

CODE_LIFE = timedelta(minutes=15)
"""Help "OAuth 2.0 Web Server Flow": the authorization code expires after 15 minutes."""


@dataclass
class Approval:
    """What an app asks for at a browser.

    Attributes:
        challenge: The code_challenge, empty if there is none.
        must_login: Whether the user signs in although the browser is signed in (`prompt=login`).
        must_ask: Whether the user is asked although they have approved the app before (`prompt=consent`).
    """

    app: "ConnectedApp"
    redirect_uri: str
    state: str | None
    scopes: frozenset[str]
    challenge: str
    must_login: bool
    must_ask: bool


@dataclass(frozen=True)
class Code:
    """An authorization code that was given out."""

    approval: Approval
    user: "User"
    scopes: frozenset[str]
    given: datetime


class Approvals:
    """The web logins of an org; safe to use from any thread."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[str, Approval] = {}
        self._browsers: dict[str, User] = {}
        self._codes: dict[str, Code] = {}
        self._spent: set[str] = set()

    def ask(self, approval: Approval) -> str:
        """Keep what is asked for; gives the name by which the pages know it."""
        source = secrets.token_urlsafe(24)
        with self._lock:
            self._asked[source] = approval
        return source

    def asked(self, source: str) -> Approval | None:
        """What is asked for by that name."""
        return self._asked.get(source)

    def sign_in(self, user: "User") -> str:
        """Sign a user in; gives the browser's cookie."""
        sid = secrets.token_urlsafe(24)
        with self._lock:
            self._browsers[sid] = user
        return sid

    def user_of(self, sid: str) -> "User | None":
        """Who is signed in at the browser that has this cookie."""
        return self._browsers.get(sid)

    def give(self, source: str, user: "User", scopes: frozenset[str]) -> str:
        """Give a code for what is asked for, once."""
        code = f"aPrx{secrets.token_urlsafe(60)}=="
        with self._lock:
            self._codes[code] = Code(self._asked.pop(source), user, scopes, self._clock.now())
        return code

    def drop(self, source: str) -> None:
        """Forget what was asked for."""
        with self._lock:
            self._asked.pop(source, None)

    def take(self, code: str) -> Code | None:
        """Use a code up; None if it is too old or was never given. See `was_given`."""
        with self._lock:
            found = self._codes.pop(code, None)
            if found is not None:
                self._spent.add(code)
        if found is None or self._clock.now() >= found.given + CODE_LIFE:
            return None
        return found

    def was_given(self, code: str) -> bool:
        """Whether a code that cannot be used any more was one."""
        return code in self._spent
