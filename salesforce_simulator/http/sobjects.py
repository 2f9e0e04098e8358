"""`/services/data/`, `sobjects`, `sobjects/X` and its describe."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from salesforce_simulator import describe
from salesforce_simulator.http.errors import not_found
from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.routing import Route
from salesforce_simulator.schema import Schema, SObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.http.site import Site

_SEASONS = ("Spring", "Summer", "Winter")


def versions(site: "Site", call: Call) -> Reply:
    """The API versions that the org speaks; needs no session."""
    settings = site.settings
    return json_reply(
        [
            {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in range(settings.first_version, settings.last_version + 1)
        ]
    )


def resources(site: "Site", call: Call, *, version: str) -> Reply:
    """What there is below a version."""
    base = f"/services/data/v{version}"
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs")
    return json_reply({name: f"{base}/{name}" for name in names})


def describe_global(site: "Site", call: Call, *, version: str) -> Reply:
    """Every object that the user may see."""
    return _if_modified(
        site,
        call,
        None,
        lambda: describe.describe_global(schema_seen(site, call), f"/services/data/v{version}"),
    )


def sobject_info(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """An object's line of describe global; recent items are always none."""
    sobject = visible(site, call, name)
    line = describe.describe_line(sobject, f"/services/data/v{version}")
    return json_reply({"objectDescribe": line, "recentItems": []})


def describe_sobject(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """An object with its fields, as far as the user may see them."""
    sobject = visible(site, call, name)
    return _if_modified(
        site,
        call,
        sobject.name,
        lambda: describe.describe_sobject(
            schema_seen(site, call), sobject, f"/services/data/v{version}", call.host.instance_url
        ),
    )


def visible(site: "Site", call: Call, name: str) -> SObject:
    """The object of that name as the caller sees it.

    Raises:
        HttpError: `NOT_FOUND`, for an object that the user may not see as for one that is not there.
    """
    sobject = schema_seen(site, call).get(name)
    if sobject is None:
        raise not_found()
    return sobject


def schema_seen(site: "Site", call: Call) -> "Schema":
    """What the caller may see."""
    assert call.session
    return site.org.schema_for(call.session.user)


def _if_modified(site: "Site", call: Call, name: str | None, make: "Callable[[], object]") -> Reply:
    """The metadata, or 304 if it did not change since the moment that the caller names."""
    assert call.session
    # HTTP dates have whole seconds.
    changed = site.org.described_at(name, call.session.user).replace(microsecond=0)
    headers = {"Last-Modified": format_datetime(changed, usegmt=True)}
    since = _date(call.headers.get("If-Modified-Since"))
    if since is not None and changed <= since:
        return Reply(304, b"", headers)
    return json_reply(make(), headers=headers)


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _label(number: int) -> str:
    """Versions are named by release: v60.0 is Spring '24, three a year."""
    season = number % 3
    year = 24 + (number - 60) // 3 + (season == 2)
    return f"{_SEASONS[season]} '{year}"


_BASE = r"/services/data/v{version:\d+\.0}"
ROUTES = [
    Route("GET", "/services/data", versions),
    Route("GET", _BASE, resources),
    Route("GET", _BASE + "/sobjects", describe_global),
    Route("GET", _BASE + "/sobjects/{name}", sobject_info),
    Route("GET", _BASE + "/sobjects/{name}/describe", describe_sobject),
]
