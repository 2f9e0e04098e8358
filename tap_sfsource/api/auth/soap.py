"""The SOAP login of the partner API: one envelope in, a session out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from tap_sfsource.api.auth.oauth import no_login_host, post, refusal
from tap_sfsource.errors import one_line

if TYPE_CHECKING:
    import requests

_LAST_VERSION: Final = 64.0
"""SOAP login() is gone from v65 on (SOAP API guide)."""

_STATUS_OF_FAULTS: Final = 500
_LONGEST_MESSAGE: Final = 200
_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
    '<login xmlns="urn:partner.soap.sforce.com"><username>{username}</username><password>{password}</password></login>'
    "</env:Body></env:Envelope>"
)
_HEADERS: Final = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login", "Accept": "text/xml"}


class _DoctypeError(Exception):
    """The answer declares entities, which no answer of Salesforce does."""


@dataclasses.dataclass(frozen=True)
class SoapSession:
    """What a login answers."""

    session_id: str = dataclasses.field(repr=False)
    instance_url: str
    org_id: str


def soap_login(
    http: requests.Session, login_host: str, username: str, password: str, api_version: str
) -> SoapSession:
    """Log in; `password` has the security token at its end.

    Raises:
        AuthError: Salesforce refused, or the host is no login host.
        ConnectionFailedError: The login host could not be reached.
    """
    path = f"/services/Soap/u/{min(float(api_version), _LAST_VERSION)}"
    body = _ENVELOPE.format(username=escape(username), password=escape(password)).encode()
    response = post(http, login_host, path, body, _HEADERS, busy_from=_STATUS_OF_FAULTS + 1)
    try:
        told = _texts(response.content)
    except (expat.ExpatError, _DoctypeError):
        raise no_login_host(login_host, f"{response.status_code} and no XML of Salesforce") from None
    if "sessionId" in told and "serverUrl" in told:
        instance_url = told["serverUrl"].partition("/services/")[0]
        return SoapSession(told["sessionId"], instance_url, told.get("organizationId", ""))
    code = told.get("exceptionCode") or told.get("faultcode") or str(response.status_code)
    message = told.get("exceptionMessage") or told.get("faultstring") or ""
    raise refusal(login_host, code.removeprefix("sf:"), one_line(message)[:_LONGEST_MESSAGE])


def _texts(xml: bytes) -> dict[str, str]:
    """The text of each element by its name, the first of several; a document type is refused."""
    found: dict[str, str] = {}
    name, text = "", ""

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal name, text
        name, text = tag.rpartition(":")[2], ""

    def read(data: str) -> None:
        nonlocal text
        text += data

    def end(tag: str) -> None:
        nonlocal name
        if name == tag.rpartition(":")[2]:
            found.setdefault(name, text)
        name = ""

    def refuse(*_: object) -> None:
        raise _DoctypeError

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = read, refuse
    parser.Parse(xml, True)
    return found
