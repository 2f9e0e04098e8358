"""What an org says of its objects: describe global, and the describe of each object.

A composite call asks for 25 describes. With a cache folder each is asked with If-Modified-Since, and Salesforce answers
304 without a body for an object that did not change.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import os
import tempfile
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from tap_sfsource.api.composite import SIZE, Subrequest
from tap_sfsource.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.composite import Subresponse
    from tap_sfsource.config import Settings
    from tap_sfsource.errors import TapError

logger = logging.getLogger("tap-sfsource.describe")

_CACHE_FORMAT: Final = 2
_ROUNDS: Final = 2
_NO_SUCH_OBJECT: Final = frozenset({"NOT_FOUND", "INVALID_TYPE"})


class Field(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A field's describe, as far as the tap reads it (REST API guide, "Describe Field Result").

    Attributes are named as in the describe: `name` is the API name, `type` the SOAP type in lower case,
    `length` in characters, `precision`/`scale` of a number, `reference_to` API names of
    objects. `calculated_formula` is missing for roll-ups, and where the user may not see it.
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    calculated: bool = False
    calculated_formula: str | None = None
    custom: bool = False
    filterable: bool = True
    sortable: bool = True
    relationship_name: str | None = None
    reference_to: tuple[str, ...] = ()


class SObject(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An object's describe, as far as the tap reads it; describe global leaves `fields` empty."""

    name: str
    label: str = ""
    key_prefix: str | None = None
    queryable: bool = True
    replicateable: bool = False
    fields: tuple[Field, ...] = ()

    def field(self, name: str) -> Field | None:
        """The field of an API name, None if the object lacks it or the user may not see it."""
        return next((field for field in self.fields if field.name == name), None)


# Made here: msgspec crashes where several threads meet a type that holds others for the first time.
_SOBJECT: Final = msgspec.json.Decoder(SObject)


@dataclasses.dataclass(frozen=True)
class Described:
    """What came of describing objects.

    Attributes:
        found: API name to describe, in the order asked.
        missing: API names of objects that the org lacks or the user may not see.
        failed: API name to the error that its describe met.
    """

    found: dict[str, SObject]
    missing: list[str]
    failed: dict[str, TapError]


class _Cached(msgspec.Struct):
    last_modified: str
    sobject: SObject


class _CacheFile(msgspec.Struct):
    format: int
    sobjects: dict[str, _Cached]


class _Global(msgspec.Struct):
    sobjects: list[SObject]


_GLOBAL: Final = msgspec.json.Decoder(_Global)
_CACHE: Final = msgspec.json.Decoder(_CacheFile)


class DescribeCache:
    """Describes of one org as one user sees it, in one file of a folder."""

    def __init__(self, path: Path) -> None:
        """Open a cache; a file that cannot be read counts as empty."""
        self._path = path
        self._changed = False
        try:
            kept = _CACHE.decode(path.read_bytes())
            self._sobjects = kept.sobjects if kept.format == _CACHE_FORMAT else {}
        except FileNotFoundError:
            self._sobjects = {}
        except (OSError, ValueError, msgspec.DecodeError) as error:
            logger.warning(
                "The describe cache %s cannot be read (%s): starting with an empty one.", path, error
            )
            self._sobjects = {}

    def headers(self, name: str) -> dict[str, str]:
        """The headers that ask for a describe only if it changed."""
        kept = self._sobjects.get(name)
        return {"If-Modified-Since": kept.last_modified} if kept else {}

    def forget(self, name: str) -> None:
        """Keep a describe no longer: something has changed that its Last-Modified does not show, such as a permission."""
        self._changed = self._sobjects.pop(name, None) is not None or self._changed

    def get(self, name: str) -> SObject | None:
        """A kept describe, or None."""
        kept = self._sobjects.get(name)
        return kept.sobject if kept else None

    def put(self, sobject: SObject, last_modified: str | None) -> None:
        """Keep a describe; without its Last-Modified it cannot be asked for conditionally, and is not kept."""
        if last_modified:
            self._sobjects[sobject.name] = _Cached(_http_date(last_modified), sobject)
            self._changed = True

    def save(self) -> None:
        """Write the file if anything changed, replaced as a whole.

        A folder that cannot be written is logged: the cache only saves time.
        """
        if not self._changed:
            return
        content = msgspec.json.encode(_CacheFile(_CACHE_FORMAT, self._sobjects))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(self._path)
        except OSError as error:
            logger.warning("The describe cache %s cannot be written (%s).", self._path, error.strerror)
        self._changed = False


def open_cache(client: Client) -> DescribeCache | None:
    """The cache of an org as one login sees it at one API version; None if no folder is set."""
    settings = client.settings
    if not settings.cache_dir:
        return None
    # Two users of an org see different fields, so whoever logs in is part of the name. A refreshed sandbox is another org at
    # the same address, and its metadata may be older than what is kept.
    told = (
        client.instance_url,
        client.org_id,
        settings.api_version,
        settings.client_id,
        settings.username,
        settings.refresh_token,
        settings.access_token,
    )
    digest = hashlib.sha256("\n".join(part or "" for part in told).encode()).hexdigest()[:16]
    return DescribeCache(Path(settings.cache_dir) / f"describe-{digest}.json")


def describes_at_once(settings: Settings) -> int:
    """How many describes are in memory as they came."""
    return SIZE * settings.max_workers * _ROUNDS


def describe_global(client: Client) -> list[SObject]:
    """List the objects that the user may see, without their fields."""
    return client.get(client.data("/sobjects"), _GLOBAL).sobjects


def describe_global_with(
    client: Client, likely: Sequence[str], cache: DescribeCache | None = None
) -> tuple[list[SObject], dict[str, SObject]]:
    """List the objects that the user may see, and describe those of the names that are API names, by the same call."""
    if not likely:
        return describe_global(client), {}
    listing = Subrequest("GET", client.data("/sobjects"), "all")
    requests = [listing, *_describes(client, likely[: SIZE - 1], cache)]
    listed, *answers = client.composite(requests)
    if not listed.ok:
        raise listed.error(listing.path)
    found: dict[str, SObject] = {}
    for name, answer in zip(likely, answers, strict=False):
        # What is no describe is asked for again in its turn, and told of then.
        with contextlib.suppress(UnreadableError):
            if answer.ok:
                sobject = _read(name, answer, cache)
                found[sobject.name] = sobject
    return listed.decode(_GLOBAL).sobjects, found


def describe(
    client: Client,
    names: Iterable[str],
    cache: DescribeCache | None = None,
    known: Mapping[str, SObject] | None = None,
) -> Described:
    """Describe objects, 25 to a call; those that are `known` already are not asked for.

    An object whose describe fails does not stop the others.
    """
    known = known or {}
    names = list(dict.fromkeys(names))
    described = Described({name: known[name] for name in names if name in known}, [], {})
    wanted = [name for name in names if name not in known]
    for name, request, answer in _answers(client, wanted, cache):
        if answer.error_code in _NO_SUCH_OBJECT:
            described.missing.append(name)
        elif not answer.ok:
            described.failed[name] = answer.error(request.path)
        else:
            try:
                described.found[name] = _read(name, answer, cache)
            except UnreadableError as error:
                described.failed[name] = error
    for name, failure in described.failed.items():
        logger.warning("%s is skipped, as Salesforce does not describe it: %s", name, failure)
    if described.missing:
        logger.info(
            "Skipped, because the org lacks them or the user may not see them: %s",
            ", ".join(described.missing),
        )
    if cache:
        cache.save()
    return described


def _answers(
    client: Client, names: Sequence[str], cache: DescribeCache | None
) -> Iterator[tuple[str, Subrequest, Subresponse]]:
    """The answers to describes, some rounds of calls at a time: each answer has 100 KB or more."""
    size = describes_at_once(client.settings)
    for at in range(0, len(names), size):
        some = names[at : at + size]
        requests = _describes(client, some, cache)
        yield from zip(some, requests, client.composite(requests), strict=True)


def _describes(client: Client, names: Iterable[str], cache: DescribeCache | None) -> list[Subrequest]:
    return [
        Subrequest(
            "GET",
            client.data(f"/sobjects/{quote(name, safe='')}/describe"),
            f"d{place}",
            cache.headers(name) if cache else {},
        )
        for place, name in enumerate(names)
    ]


def _read(name: str, answer: Subresponse, cache: DescribeCache | None) -> SObject:
    kept = cache.get(name) if cache and answer.status == HTTPStatus.NOT_MODIFIED else None
    if kept is not None:
        return kept
    sobject = answer.decode(_SOBJECT)
    if cache:
        cache.put(sobject, _header(answer.headers, "Last-Modified"))
    return sobject


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


def _http_date(value: str) -> str:
    try:
        return formatdate(parsedate_to_datetime(value).timestamp(), usegmt=True)
    except ValueError:
        return value
