"""The org as a server, in a thread of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from salesforce_simulator.http.app import HEAD_LIMIT, Transport
from salesforce_simulator.http.hosts import Role
from salesforce_simulator.http.resources import router
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.http.site import Site
from salesforce_simulator.http.tls import make_certificates

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from salesforce_simulator.http.faults import Faults
    from salesforce_simulator.http.instance import Instance
    from salesforce_simulator.http.ledger import Ledger
    from salesforce_simulator.http.sessions import Sessions
    from salesforce_simulator.org import Org

LOCAL = "127.0.0.1"
_BODY_LIMIT = 1 << 30
_ROLES = (Role.MY_DOMAIN, Role.PRODUCTION_LOGIN, Role.SANDBOX_LOGIN)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: The org's My Domain, where data is and where every grant works.
        login_url: The production login host.
        test_url: The sandbox login host.
        ca_file: The CA to trust if it speaks TLS.
        my_domain: The name of the My Domain as Salesforce would spell it; sent as Host header it means `url`.
    """

    url: str
    login_url: str
    test_url: str
    ca_file: Path | None
    my_domain: str
    site: Site

    @property
    def org(self) -> Org:
        """The org behind it."""
        return self.site.org

    @property
    def ledger(self) -> Ledger:
        """Every request so far."""
        return self.site.ledger

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.site.faults

    @property
    def instance(self) -> Instance:
        """The machines that serve it."""
        return self.site.instance

    @property
    def sessions(self) -> Sessions:
        """Who is logged in."""
        return self.site.sessions

    @property
    def settings(self) -> Settings:
        """How it behaves; can be changed while it runs."""
        return self.site.settings


@contextmanager
def serve(
    org: Org,
    *,
    tls: bool = False,
    host: str = LOCAL,
    port: int = 0,
    latency: float = 0.0,
    settings: Settings | None = None,
    next_day: Callable[[Org], Any] | None = None,
) -> Iterator[Server]:
    """Serve an org until the context ends.

    Args:
        org: The org; it is not closed.
        tls: Speak https, with a certificate of a CA made for this server.
        host: Name or address by which others reach it; it then listens on all addresses and not on 127.0.0.1 alone.
        port: Port of the My Domain; the login hosts take the two that follow. 0 means any free ports.
        latency: Milliseconds that every answer takes at least.
        settings: Everything else.
        next_day: What `POST /_simulator/next-day` does to the org.

    Raises:
        OSError: a port is taken.
    """
    _tell_sandbox(org)
    directory = Path(tempfile.mkdtemp(prefix="simulated-org-"))
    site = Site(org, directory, router(), next_day, settings or Settings())
    site.settings.latency = latency or site.settings.latency
    ca_file, context = make_certificates(directory, host) if tls else (None, None)
    sockets = _listen(LOCAL if host == LOCAL else "0.0.0.0", port)
    roles = dict(zip((s.getsockname()[1] for s in sockets), _ROLES, strict=True))
    urls = [f"{'https' if tls else 'http'}://{host}:{number}" for number in roles]
    name = f"{org.login.my_domain}{'.sandbox' if org.login.sandbox else ''}.my.salesforce.com"
    transport = Transport(site, roles, name, urls[0])
    thread = _Thread(transport, sockets, context)
    try:
        thread.begin()
        yield Server(urls[0], urls[1], urls[2], ca_file, name, site)
    finally:
        thread.end()
        transport.close()
        site.close()
        shutil.rmtree(directory, ignore_errors=True)


def _tell_sandbox(org: Org) -> None:
    """Have the Organization record say whether the org is a sandbox, which is not known when the record is made."""
    (row,) = org.rows("Organization")
    if row["IsSandbox"] != org.login.sandbox:
        org.update(org.id, {"IsSandbox": org.login.sandbox})


def _listen(address: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for place in range(len(_ROLES)):
            listener = socket.socket()
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port + place if port else 0))
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


class _Thread:
    """An event loop in a thread that serves until it is told to end."""

    def __init__(
        self, transport: Transport, sockets: list[socket.socket], context: ssl.SSLContext | None
    ) -> None:
        self._transport = transport
        self._sockets = sockets
        self._context = context
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulated-org", daemon=True)

    def begin(self) -> None:
        """Start to serve; returns once connections are taken."""
        self._thread.start()
        self._ready.wait()
        if self._problem:
            raise self._problem

    def end(self) -> None:
        """Stop; connections that are open are cut."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            self._problem = problem
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=_BODY_LIMIT)
        app.router.add_route("*", "/{path:.*}", self._transport.handle)
        # Heads that are too long must reach the org, which refuses them in Salesforce's way.
        runner = web.AppRunner(
            app,
            access_log=None,
            max_line_size=8 * HEAD_LIMIT,
            max_field_size=8 * HEAD_LIMIT,
            shutdown_timeout=0.0,
            keepalive_timeout=75.0,
        )
        await runner.setup()
        try:
            for listener in self._sockets:
                await web.SockSite(runner, listener, ssl_context=self._context, backlog=128).start()
            self._ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()
