"""`sobjects/X/deleted` and `sobjects/X/updated`: what changed in a span of time."""

from datetime import datetime
from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.moments import moment_text
from salesforce_simulator.http.routing import Route
from salesforce_simulator.http.sobjects import visible
from salesforce_simulator.values import parse_datetime

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site


def deleted(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """Ids that were deleted, and when."""
    sobject = visible(site, call, name)
    window = site.org.deleted(sobject.name, _moment(call, "start"), _moment(call, "end"))
    return json_reply(
        {
            "deletedRecords": [
                {"id": record_id, "deletedDate": moment_text(at)} for record_id, at in window.records
            ],
            "earliestDateAvailable": moment_text(window.earliest_available),
            "latestDateCovered": moment_text(window.latest_covered),
        }
    )


def updated(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """Ids that were created or changed."""
    sobject = visible(site, call, name)
    window = site.org.updated(sobject.name, _moment(call, "start"), _moment(call, "end"))
    return json_reply(
        {
            "ids": [record_id for record_id, _ in window.records],
            "latestDateCovered": moment_text(window.latest_covered),
        }
    )


def _moment(call: Call, name: str) -> datetime:
    text = call.query.get(name)
    if text is None:
        raise ApiError("MISSING_ARGUMENT", f"{name} parameter is required")
    try:
        # A plus sign that was not escaped arrives as a space.
        return parse_datetime(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise ApiError("INVALID_REPLICATION_DATE", f"Invalid value for {name}: {text}") from None


ROUTES = [
    Route("GET", r"/services/data/v{version:\d+\.0}/sobjects/{name}/deleted", deleted),
    Route("GET", r"/services/data/v{version:\d+\.0}/sobjects/{name}/updated", updated),
]
