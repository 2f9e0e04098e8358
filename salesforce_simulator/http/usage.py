"""`limits` and `limits/recordCount`."""

from typing import TYPE_CHECKING

from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

# Limits that nothing here uses up, so that a client finds the names it knows from real orgs.
_UNUSED = {
    "ConcurrentAsyncGetReportInstances": 200,
    "DailyAsyncApexExecutions": 250_000,
    "DailyStreamingApiEvents": 10_000,
    "DataStorageMB": 10_240,
    "FileStorageMB": 10_240,
    "HourlyDashboardRefreshes": 200,
    "SingleEmail": 5_000,
}


def limits(site: "Site", call: Call, *, version: str) -> Reply:
    """Maximum and remaining of each limit."""
    shown = {name: {"Max": most, "Remaining": most} for name, most in _UNUSED.items()}
    for name, limit in site.org.limits.all().items():
        shown[name] = {"Max": limit.maximum, "Remaining": limit.remaining}
    return json_reply(dict(sorted(shown.items())))


def record_count(site: "Site", call: Call, *, version: str) -> Reply:
    """How many rows objects have; Salesforce's are approximate, these are exact."""
    assert call.session
    schema = site.org.schema_for(call.session.user)
    wanted = call.query.get("sObjects")
    names = [part.strip() for part in wanted.split(",")] if wanted else list(schema.objects)
    counts = []
    for sobject in filter(None, map(schema.get, names)):
        if not sobject.queryable:
            continue
        alive = ' WHERE NOT "IsDeleted"' if "IsDeleted" in sobject.fields else ""
        (count,) = site.org.connection().execute(f'SELECT COUNT(*) FROM "{sobject.name}"{alive}').fetchone()
        if count or wanted:
            counts.append({"count": count, "name": sobject.name})
    return json_reply({"sObjects": counts})


ROUTES = [
    Route("GET", r"/services/data/v{version:\d+\.0}/limits", limits),
    Route("GET", r"/services/data/v{version:\d+\.0}/limits/recordCount", record_count),
]
