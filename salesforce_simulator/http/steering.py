"""`/_simulator/records`, `/fields`, `/objects`, `/instance`: changes for which this org has no API of Salesforce's.

    POST records   {"undelete": [ids]}, {"hardDelete": [ids]}, {"merge": {"master": id, "others": [ids]}},
                   {"archive": [ids]}, {"touch": [ids]}, {"emptyRecycleBin": [ids], or null for all},
                   {"emptyTexts": {id: [fields]}}
    POST fields    {"sobject": "Account", "name": "Tier__c", "type": "picklist", "picklist": ["A", "B"]}
    DELETE fields  ?sobject=Account&name=Tier__c
    POST objects   {"name": "Visit__c", "fields": [{"name": ..., "type": ...}]}
    DELETE objects ?name=Visit__c
    POST instance  {"maintain": {"minutes": 60, "beginsIn": {"minutes": 5}, "readOnly": true}}, {"restart": {"seconds": 30}},
                   {"move": {"minutes": 2}}, {"failDatabase": {"seconds": 30}}, {"requestsPerMinute": 100},
                   {"longRequests": 5}; see `instance`
    DELETE instance  it is well again

Fields are told as in the files of `metadata/`.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.messages import Call, Reply, no_content
from salesforce_simulator.http.routing import Route
from salesforce_simulator.schema import Field, Summary
from salesforce_simulator.standard import arguments

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.org import Org


def _each(change: Callable[["Org", str], object]) -> Callable[["Org", Any], None]:
    def change_all(org: "Org", ids: Any) -> None:
        with org.atomic():
            for record_id in ids:
                change(org, record_id)

    return change_all


def _empty_texts(org: "Org", wish: dict[str, list[str]]) -> None:
    with org.atomic():
        for record_id, names in wish.items():
            org.empty_texts(record_id, *names)


_CHANGES: dict[str, Callable[["Org", Any], object]] = {
    "undelete": _each(lambda org, record_id: org.undelete(record_id)),
    "hardDelete": _each(lambda org, record_id: org.hard_delete(record_id)),
    "merge": lambda org, wish: org.merge(wish["master"], wish["others"]),
    "archive": lambda org, ids: org.archive(ids),
    "touch": lambda org, ids: org.touch(ids),
    "emptyTexts": _empty_texts,
    "emptyRecycleBin": lambda org, ids: org.empty_recycle_bin(ids),
}


def records(site: "Site", call: Call) -> Reply:
    """Change records."""
    for name, wish in _wish(call).items():
        if name not in _CHANGES:
            raise ApiError("INVALID_FIELD", f"{name} is none of {', '.join(_CHANGES)}")
        _try(partial(_CHANGES[name], site.org, wish))
    return no_content()


def add_field(site: "Site", call: Call) -> Reply:
    """Add a custom field."""
    wish = _wish(call)
    sobject = str(wish.pop("sobject", ""))
    _try(lambda: site.org.add_field(sobject, _field(wish)))
    return no_content()


def remove_field(site: "Site", call: Call) -> Reply:
    """Remove a custom field with its values."""
    _try(lambda: site.org.remove_field(call.query.get("sobject", ""), call.query.get("name", "")))
    return no_content()


def add_object(site: "Site", call: Call) -> Reply:
    """Add a custom object."""
    wish = _wish(call)
    fields = wish.pop("fields", [])
    _try(lambda: site.org.add_object(custom_object(fields=map(_field, fields), **arguments(wish))))
    return no_content()


def remove_object(site: "Site", call: Call) -> Reply:
    """Remove a custom object with its records."""
    _try(lambda: site.org.remove_object(call.query.get("name", "")))
    return no_content()


def change_instance(site: "Site", call: Call) -> Reply:
    """Have something happen to the machines that serve the org."""
    for name, wish in _wish(call).items():
        if name not in _EVENTS:
            raise ApiError("INVALID_FIELD", f"{name} is none of {', '.join(_EVENTS)}")
        _try(partial(_EVENTS[name], site, wish))
    return no_content()


def recover(site: "Site", call: Call) -> Reply:
    """End whatever happened to them."""
    site.instance.recover()
    site.org.fail_database(timedelta(0))
    return no_content()


def _maintain(site: "Site", wish: dict[str, Any]) -> None:
    wish = dict(wish)
    begins_in = timedelta(**wish.pop("beginsIn", {}))
    read_only = bool(wish.pop("readOnly", False))
    site.instance.maintain(timedelta(**wish), begins_in=begins_in, read_only=read_only)


_EVENTS: dict[str, Callable[["Site", Any], object]] = {
    "maintain": _maintain,
    "restart": lambda site, wish: site.instance.restart(timedelta(**wish)),
    "move": lambda site, wish: site.instance.move(timedelta(**wish)),
    "failDatabase": lambda site, wish: site.org.fail_database(timedelta(**wish)),
    "requestsPerMinute": lambda site, wish: setattr(site.instance, "requests_per_minute", wish),
    "longRequests": lambda site, wish: setattr(site.instance, "long_requests", int(wish)),
}


def _field(wish: dict[str, Any]) -> Field:
    told = arguments(wish)
    if "summary" in told:
        told["summary"] = Summary(**told["summary"])
    return custom_field(told.pop("name"), told.pop("type"), **told)


def _wish(call: Call) -> dict[str, Any]:
    wish = call.json()
    if not isinstance(wish, dict):
        raise ApiError("JSON_PARSER_ERROR", "The wish must be a JSON object.")
    return wish


def _try(change: Callable[[], object]) -> None:
    try:
        change()
    except (ValueError, TypeError, KeyError) as error:
        raise ApiError("INVALID_FIELD", f"This cannot be done: {error}") from None


ROUTES = [
    Route("POST", "/_simulator/records", records),
    Route("POST", "/_simulator/fields", add_field),
    Route("DELETE", "/_simulator/fields", remove_field),
    Route("POST", "/_simulator/objects", add_object),
    Route("DELETE", "/_simulator/objects", remove_object),
    Route("POST", "/_simulator/instance", change_instance),
    Route("DELETE", "/_simulator/instance", recover),
]
