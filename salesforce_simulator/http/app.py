"""The web server's side: bytes in, bytes out, slow lines and cut connections included."""

import asyncio
import contextlib
import gzip
import itertools
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiohttp import web

from salesforce_simulator.http.dispatch import answer
from salesforce_simulator.http.faults import Drop, Latency, Slow, WrongDate
from salesforce_simulator.http.hosts import Host, Role, host_of
from salesforce_simulator.http.ledger import Entry
from salesforce_simulator.http.messages import Call, FilePart, Reply, split_url

if TYPE_CHECKING:
    from datetime import datetime

    from salesforce_simulator.http.site import Site

# Guide, "Status Codes and Error Responses": URI and headers together, in bytes.
HEAD_LIMIT = 16_384
_CHUNK = 1 << 18
_COMPRESS_FROM = 1024


class Transport:
    """Takes requests from aiohttp, has them answered in worker threads and sends the answers.

    Args:
        site: The org's HTTP side.
        roles: Which host each port plays.
        my_domain: The org's My Domain name as Salesforce would spell it.
        instance_url: Where it listens in fact.
    """

    def __init__(self, site: "Site", roles: dict[int, Role], my_domain: str, instance_url: str) -> None:
        self._site = site
        self._roles = roles
        self._my_domain = my_domain
        self._instance_url = instance_url
        self._workers = ThreadPoolExecutor(8, "simulated-org")
        self._connected: WeakKeyDictionary[asyncio.BaseTransport, datetime] = WeakKeyDictionary()
        self._numbers = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        site.instance.cut_connections = self._cut_connections

    def close(self) -> None:
        """Let the workers go."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request."""
        number = next(self._numbers)
        if not request.path.startswith("/_simulator"):
            self._site.instance.begin(number)
        try:
            return await self._handle(request)
        finally:
            self._site.instance.end(number)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        begun = time.perf_counter()
        body = await request.read()
        path, query = split_url(request.raw_path)
        entry = Entry(
            time=self._site.org.clock.now(),
            method=request.method,
            path=path,
            query=request.raw_path.partition("?")[2],
            received=len(body),
        )
        steering = path.startswith("/_simulator")
        reply = _too_long(request) or (None if steering else self._at_the_edge(request))
        if reply is None:
            call = Call(request.method, path, query, request.headers, body, self._host(request), entry=entry)
            reply = await asyncio.get_running_loop().run_in_executor(self._workers, answer, self._site, call)
        entry.status = reply.status
        entry.fault = ", ".join(repr(action) for action in reply.actions) or None
        # Before the answer goes out: who has read it may look the call up.
        if not steering:
            self._site.ledger.add(entry)
        try:
            return await self._send(request, reply, entry, begun)
        except ConnectionError:
            # The client went away before the answer's end; that is its own affair.
            return _cut(request)
        finally:
            entry.seconds = time.perf_counter() - begun

    def _at_the_edge(self, request: web.Request) -> Reply | None:
        """What the edge in front of the org answers by itself, if anything."""
        self._loop = asyncio.get_running_loop()
        now = self._site.org.clock.now()
        # A request that steers the org comes by a connection that stays.
        connected = self._connected.setdefault(request.transport, now) if request.transport else now
        return self._site.instance.at_the_edge(request.remote or "", connected)

    def _cut_connections(self) -> None:
        """Cut the connections of every client, from whatever thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._shut_all)

    def _shut_all(self) -> None:
        for transport in list(self._connected):
            # A file on its way out ends with an error; it would wait for ever on a transport that is aborted.
            with contextlib.suppress(OSError):
                transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _host(self, request: web.Request) -> Host:
        assert request.transport is not None
        port = request.transport.get_extra_info("sockname")[1]
        return host_of(request.host, self._roles[port], request.scheme, self._my_domain, self._instance_url)

    async def _send(
        self, request: web.Request, reply: Reply, entry: Entry, begun: float
    ) -> web.StreamResponse:
        actions = reply.actions
        wait = self._site.settings.latency / 1000 + sum(a.seconds for a in actions if isinstance(a, Latency))
        if (left := wait - (time.perf_counter() - begun)) > 0:
            await asyncio.sleep(left)
        drop = next((action.when for action in actions if isinstance(action, Drop)), None)
        if drop in ("request", "response"):
            return _cut(request)
        file = await self._encoded(request, reply)
        rates = [a.bytes_per_second for a in actions if isinstance(a, Slow)]
        rates += [self._site.settings.bandwidth] if self._site.settings.bandwidth else []
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        wrong = timedelta(seconds=sum(a.seconds for a in actions if isinstance(a, WrongDate)))
        response.headers["Date"] = format_datetime(self._site.org.clock.now() + wrong, usegmt=True)
        if reply.content_type and reply.status not in (204, 304):
            response.headers["Content-Type"] = reply.content_type
        if reply.headers.get("Connection") == "close":
            response.force_close()
        if request.method == "HEAD" or reply.status in (204, 304):
            await response.prepare(request)
            return response
        response.content_length = entry.sent = reply.length
        await response.prepare(request)
        if drop is None and file and not _encrypted(request) and not rates:
            if reply.body:
                await response.write(reply.body)
            await _send_file(request, response, file)
        else:
            limit = reply.length // 2 if drop == "body" else reply.length
            entry.sent = limit
            await _send_bytes(response, _pieces(reply, limit), min(rates, default=None))
        if drop:
            await _flush(request)
            _cut(request)
        else:
            await response.write_eof()
        return response

    async def _encoded(self, request: web.Request, reply: Reply) -> FilePart | None:
        """Compress the reply if asked to; gives the file that is left to send, if any."""
        wanted = "gzip" in request.headers.get("Accept-Encoding", "").lower()
        if wanted and self._site.settings.compression and reply.length >= _COMPRESS_FROM:
            run = asyncio.get_running_loop().run_in_executor
            if reply.file:
                reply.file = await run(self._workers, _compressed_file, reply.body, reply.file)
                reply.body = b""
            else:
                reply.body = await run(self._workers, _compressed, reply.body)
            reply.headers["Content-Encoding"] = "gzip"
        return reply.file


def _too_long(request: web.Request) -> Reply | None:
    head = len(request.raw_path) + sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    if head <= HEAD_LIMIT:
        return None
    status, reason = (
        (414, "URI Too Long")
        if len(request.raw_path) > HEAD_LIMIT // 2
        else (
            431,
            "Request Header Fields Too Large",
        )
    )
    page = f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
    return Reply(status, page.encode(), {}, "text/html;charset=iso-8859-1")


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    # aiohttp finds the transport gone and ends the connection without a word.
    return web.Response(status=499)


def _encrypted(request: web.Request) -> bool:
    """Whether asyncio would read a file in steps of 16 KiB, each in another thread: ten times the work of `_pieces`."""
    return request.transport is not None and request.transport.get_extra_info("sslcontext") is not None


async def _flush(request: web.Request) -> None:
    """Wait until what was written has left; cutting the connection would throw it away."""
    while request.transport and request.transport.get_write_buffer_size():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.001)


async def _send_file(request: web.Request, response: web.StreamResponse, part: FilePart) -> None:
    if not part.length:
        return
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    with part.path.open("rb") as file:
        await asyncio.get_running_loop().sendfile(transport, file, part.offset, part.length)


async def _send_bytes(response: web.StreamResponse, pieces: Iterator[bytes], rate: int | None) -> None:
    """Send pieces; at a rate (bytes a second), a connection being a wire for one answer after the other."""
    begun, sent = time.perf_counter(), 0
    for piece in pieces:
        if rate is None:
            await response.write(piece)
            continue
        step = max(1, rate // 20)
        for start in range(0, len(piece), step):
            part = piece[start : start + step]
            await response.write(part)
            sent += len(part)
            await asyncio.sleep(max(0.0, begun + sent / rate - time.perf_counter()))


def _pieces(reply: Reply, limit: int) -> Iterator[bytes]:
    if reply.body and limit:
        yield reply.body[:limit]
        limit -= len(reply.body)
    if reply.file is None:
        return
    with reply.file.path.open("rb") as file:
        file.seek(reply.file.offset)
        while limit > 0 and (piece := file.read(min(_CHUNK, limit))):
            limit -= len(piece)
            yield piece


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def _compressed_file(head: bytes, part: FilePart) -> FilePart:
    """The bytes and the part as a gzip file beside it, made once."""
    path = part.path.with_name(f"{part.path.name}.{part.offset}-{part.length}.gz")
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.{time.monotonic_ns()}")
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        reply = Reply(body=head, file=part)
        with unfinished.open("wb") as out:
            for piece in _pieces(reply, reply.length):
                out.write(packer.compress(piece))
            out.write(packer.flush())
        unfinished.rename(path)
    return FilePart(path, 0, path.stat().st_size)
