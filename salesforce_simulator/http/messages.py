"""What a handler is given and what it answers: plain values, no web framework."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from salesforce_simulator.errors import ApiError
from salesforce_simulator.values import Double

if TYPE_CHECKING:
    from salesforce_simulator.http.faults import Action
    from salesforce_simulator.http.hosts import Host
    from salesforce_simulator.http.ledger import Entry
    from salesforce_simulator.http.sessions import Session

A = TypeVar("A", bound="Action")
JSON = "application/json;charset=UTF-8"
HTML = "text/html;charset=UTF-8"


def _double(value: object) -> msgspec.Raw:
    assert isinstance(value, Double), value
    return msgspec.Raw(value.text().encode())


_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_double)


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file from `offset` on; sent without passing through Python."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        """The bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


@dataclass
class Reply:
    """An answer: a status, headers and a body: bytes, then perhaps a part of a file."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    file: FilePart | None = None
    actions: "list[Action]" = field(default_factory=list)

    @property
    def length(self) -> int:
        """Length of the body in bytes, as it would be sent without compression."""
        return len(self.body) + (self.file.length if self.file else 0)

    def json(self) -> Any:
        """The body as JSON, its decimals exact; None when it is empty."""
        return json.loads(self.body, parse_float=Double) if self.body else None


@dataclass
class Call:
    """A request as the handlers see it, be it one of its own or a part of a composite."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: "Host"
    session: "Session | None" = None
    entry: "Entry | None" = None
    actions: "list[Action]" = field(default_factory=list)

    def json(self) -> Any:
        """The body as JSON, its decimals exact.

        Raises:
            ApiError: `JSON_PARSER_ERROR` if it is not JSON.
        """
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError as error:
            raise ApiError("JSON_PARSER_ERROR", f"Unexpected content in the request body: {error}") from None

    def form(self) -> dict[str, str]:
        """The body as a form, the way OAuth requests come."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def action(self, kind: "type[A]") -> "A | None":
        """The fault of that kind which a rule laid on this call."""
        return next((action for action in self.actions if isinstance(action, kind)), None)

    def part(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> "Call":
        """A subrequest of this call, with the caller's session."""
        path, query = split_url(url)
        return replace(
            self,
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            actions=[],
        )


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """Path (decoded) and query parameters of a URL; slashes in front are one, as orgs take them."""
    parts = urlsplit(f"/{url.lstrip('/')}" if url.startswith("//") else url)
    return unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))


def encode(value: Any) -> bytes:
    """A value as JSON; decimals are numbers with every digit."""
    return _ENCODER.encode(value)


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, encode(value), dict(headers or {}))


def no_content(status: int = 204) -> Reply:
    """An answer without a body."""
    return Reply(status, b"")
