"""Reads the JSON of Salesforce's answers: the only place that decodes one, and knows how an answer can go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from tap_sfsource.errors import UnexpectedAnswerError, UnreadableError

if TYPE_CHECKING:
    from http import HTTPStatus

_T = TypeVar("_T")
_ANY = msgspec.json.Decoder()


def decode(
    content: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[_T], path: str, status: int | HTTPStatus = 200
) -> _T:
    """Decode an answer's JSON; errors name the path, without its query string, and the status.

    The decoder is made when its module is imported: msgspec crashes where threads meet a type for the first time together.

    Raises:
        UnreadableError: The body is no JSON, as a page of a proxy or of maintenance is, or no UTF-8.
        UnexpectedAnswerError: It is JSON of another shape.
    """
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise UnexpectedAnswerError(status, "", str(error), urlsplit(path).path) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        text = bytes(content[:200] if isinstance(content, bytes) else content).lstrip()
        kind = "it is HTML" if text.startswith(b"<") else f"it is not JSON: {error}"
        raise UnreadableError(status, "", kind, urlsplit(path).path) from None


def error_parts(content: bytes | msgspec.Raw) -> tuple[str, str]:
    """Read the code and the message of an error answer, each empty without one.

    REST answers `[{"errorCode", "message"}]`, some resources the same without the brackets, OAuth `{"error",
    "error_description"}`. A page of HTML has neither.
    """
    try:
        body: Any = _ANY.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "", ""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", "" if first is None else str(first)
    code = first.get("errorCode") or first.get("exceptionCode") or first.get("error") or ""
    message = first.get("message") or first.get("exceptionMessage") or first.get("error_description") or ""
    return str(code), str(message)
