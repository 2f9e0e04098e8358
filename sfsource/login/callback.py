"""The callback that the browser comes back to: a server on this machine that takes the one answer it waits for."""

from __future__ import annotations

import hmac
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from sfsource.errors import SfsourceError

if TYPE_CHECKING:
    from types import TracebackType

PATH: Final = "/OauthRedirect"
"""The path of the vendor's own command line, which many have registered already."""

_HOST: Final = "127.0.0.1"
_SECONDS_OF_A_REQUEST: Final = 5
_PAGE: Final = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>sfsource login</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)


class Callback:
    """Listens on 127.0.0.1 while the block runs.

    Attributes:
        state: What the answer must carry: it shows that the answer belongs to this login.
    """

    def __init__(self, port: int, state: str) -> None:
        """Take the port.

        Raises:
            SfsourceError: It is not free.
        """
        self.state = state
        self.redirect_uri = f"http://localhost:{port}{PATH}"
        self._answer: dict[str, str] | None = None
        self._answered = threading.Event()
        self._lock = threading.Lock()
        self._unrelated = ""
        try:
            self._server = _Server((_HOST, port), self)
        except OSError as error:
            raise SfsourceError(
                f"Port {port} of {_HOST} cannot be used ({error.strerror}). End the program that has it, or name another "
                "one with --port and register its callback URL in the app."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> dict[str, str]:
        """Give the answer's parameters.

        Raises:
            SfsourceError: None came in time.
        """
        if self._answered.wait(seconds):
            assert self._answer is not None
            return self._answer
        raise SfsourceError(
            f"No answer came from the browser within {seconds:g} s. Log in again, with --wait if that is too short."
            f"{self._hint()}"
        )

    def take(self, parameters: dict[str, str]) -> bool:
        """Take an answer if it is the first of this login."""
        # Compared as bytes: what a stranger sends need not be ASCII.
        ours = hmac.compare_digest(parameters.get("state", "").encode(), self.state.encode())
        with self._lock:
            if not ours or self._answer is not None or not parameters.keys() & {"code", "error"}:
                self._unrelated = parameters.get("error", self._unrelated)
                return False
            self._answer = parameters
            return True

    def told(self) -> None:
        """The browser has its page, so the wait may end."""
        self._answered.set()

    def _hint(self) -> str:
        if self._unrelated.isidentifier():
            return f" An answer came that names no login of this command: {self._unrelated[:60]}."
        return (
            " If the browser showed OAUTH_APPROVAL_ERROR_GENERIC: the app needs the scopes api and refresh_token, and a user "
            "who may use it and is not API-only."
        )


class _Server(ThreadingHTTPServer):
    """A thread a connection: browsers open some that they send nothing on."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], callback: Callback) -> None:
        self.callback = callback
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hangs up is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS_OF_A_REQUEST

    def do_GET(self) -> None:
        """Answer the browser."""
        parts = urlsplit(self.path)
        if parts.path != PATH:
            self._page(HTTPStatus.NOT_FOUND, "Not here", "There is no such page.")
            return
        parameters = dict(parse_qsl(parts.query))
        if not self.server.callback.take(parameters):
            self._page(
                HTTPStatus.BAD_REQUEST,
                "Not this login",
                "This answer does not belong to the login that waits in the terminal.",
            )
            return
        try:
            if "error" in parameters:
                self._page(
                    HTTPStatus.OK, "Not logged in", "You can close this page. The terminal says what to do."
                )
            else:
                self._page(
                    HTTPStatus.OK,
                    "Salesforce has answered",
                    "You can close this page and go back to the terminal.",
                )
        finally:
            self.server.callback.told()

    def _page(self, status: HTTPStatus, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        # The address holds the code.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the line would hold the code."""
