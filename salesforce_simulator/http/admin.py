"""`/_simulator/...`: what a process beside the org may see and do; not a part of Salesforce.

`GET ledger`, `DELETE ledger`, `GET clock`, `POST clock` (`{"advance": {"hours": 3}}` or `{"freeze": true}`),
`POST next-day`, `POST faults` (`{"action": "Status", "with": {"status": 503}, "path": "*/query*"}`), `DELETE faults`,
`POST end-sessions`. Changes of records, metadata and the instance are in `steering`.
"""

import json
from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.fault_specs import FaultSpecError, rule
from salesforce_simulator.http.messages import Call, Reply, json_reply, no_content
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site


def ledger(site: "Site", call: Call) -> Reply:
    """Every call so far, with totals."""
    return json_reply(site.ledger.summary())


def clear_ledger(site: "Site", call: Call) -> Reply:
    """Begin a new ledger."""
    site.ledger.clear()
    return no_content()


def clock(site: "Site", call: Call) -> Reply:
    """What the org's clock shows; moves it first if asked to."""
    if call.method == "POST":
        wish = json.loads(call.body)
        if wish.get("freeze"):
            site.org.clock.freeze()
        elif "freeze" in wish:
            site.org.clock.resume()
        if "advance" in wish:
            site.org.clock.advance(**wish["advance"])
    return json_reply({"now": site.org.clock.now().isoformat()})


def next_day(site: "Site", call: Call) -> Reply:
    """Let the example company live a day: updates, deletes, an undelete, new rows, a new field."""
    if site.next_day is None:
        raise ApiError(
            "NOT_FOUND", "This org has no company whose days could go by; start it with --company."
        )
    return json_reply({"changes": site.next_day(site.org)})


def add_fault(site: "Site", call: Call) -> Reply:
    """Add a rule to the fault plan."""
    wish = json.loads(call.body)
    try:
        site.faults.add_rule(rule({**wish.pop("with", {}), **wish}))
    except FaultSpecError as error:
        raise ApiError("INVALID_FIELD", str(error)) from None
    return no_content()


def clear_faults(site: "Site", call: Call) -> Reply:
    """End the fault plan."""
    site.faults.clear()
    return no_content()


def end_sessions(site: "Site", call: Call) -> Reply:
    """Log everybody out."""
    return json_reply({"ended": site.sessions.end_all()})


ROUTES = [
    Route("GET", "/_simulator/ledger", ledger),
    Route("DELETE", "/_simulator/ledger", clear_ledger),
    Route("GET", "/_simulator/clock", clock),
    Route("POST", "/_simulator/clock", clock),
    Route("POST", "/_simulator/next-day", next_day),
    Route("POST", "/_simulator/faults", add_fault),
    Route("DELETE", "/_simulator/faults", clear_faults),
    Route("POST", "/_simulator/end-sessions", end_sessions),
]
