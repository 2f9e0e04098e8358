"""Records one by one, and in collections: read, create, update, upsert, delete."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.all_or_none import all_or_none
from salesforce_simulator.http.errors import HttpError
from salesforce_simulator.http.messages import Call, Reply, json_reply, no_content
from salesforce_simulator.http.routing import Route
from salesforce_simulator.http.sobjects import visible
from salesforce_simulator.ids import is_id, to_18
from salesforce_simulator.schema import SObject

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

# Guide, "sObject Collections": at most 200 records.
_MOST_RECORDS = 200
_ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone header"
)


def read(site: "Site", call: Call, *, version: str, name: str, record_id: str) -> Reply:
    """One record; `fields=` names those wanted."""
    sobject = visible(site, call, name)
    record = _record(site, sobject, record_id)
    wanted = call.query.get("fields")
    names = [part.strip() for part in wanted.split(",")] if wanted else _readable(sobject)
    assert call.session
    result = soql.execute(
        f"SELECT {', '.join(_field(sobject, field_name) for field_name in names)} FROM {sobject.name}"
        f" WHERE Id = '{record['Id']}'",
        schema=site.org.schema_for(call.session.user),
        connection=site.org.connection(),
        now=site.org.clock.now(),
        all_rows=True,
        version=version,
    )
    (shown,) = result.records()
    return json_reply({**shown, "Id": record["Id"]})


def _readable(sobject: "SObject") -> list[str]:
    return [f.name for f in sobject.fields.values() if not f.unreadable]


def blob(site: "Site", call: Call, *, version: str, name: str, record_id: str, field_name: str) -> Reply:
    """The bytes of a base64 field, as they are."""
    sobject = visible(site, call, name)
    field = sobject.field(field_name)
    if field is None or field.type != "base64":
        raise HttpError(404, "NOT_FOUND", "The requested resource does not exist")
    record = _record(site, sobject, record_id)
    content = record.get(field.name) or ""
    kind = str(record.get("ContentType") or "application/octet-stream")
    return Reply(200, base64.b64decode(content), content_type=kind)


def create(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """A new record."""
    sobject = visible(site, call, name)
    record_id = site.org.create(sobject.name, _values(call.json()), user=_actor(call))
    return json_reply({"id": record_id, "success": True, "errors": []}, 201)


def update(site: "Site", call: Call, *, version: str, name: str, record_id: str) -> Reply:
    """New values for a record."""
    sobject = visible(site, call, name)
    record = _record(site, sobject, record_id)
    site.org.update(record["Id"], _values(call.json()), user=_actor(call))
    return no_content()


def delete(site: "Site", call: Call, *, version: str, name: str, record_id: str) -> Reply:
    """Into the recycle bin."""
    sobject = visible(site, call, name)
    record = _record(site, sobject, record_id)
    site.org.delete(record["Id"], user=_actor(call))
    return no_content()


def read_by_key(site: "Site", call: Call, *, version: str, name: str, key: str, value: str) -> Reply:
    """One record by an external id; a base64 field of a record has the same kind of address."""
    sobject = visible(site, call, name)
    if is_id(key):
        return blob(site, call, version=version, name=name, record_id=key, field_name=value)
    found = _by_key(site, sobject, key, value)
    if found is None:
        raise HttpError(
            404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + key
        )
    return read(site, call, version=version, name=name, record_id=found)


def upsert(site: "Site", call: Call, *, version: str, name: str, key: str, value: str) -> Reply:
    """Update the record with that external id, or create it."""
    sobject = visible(site, call, name)
    found = _by_key(site, sobject, key, value)
    values = _values(call.json())
    if found is None:
        record_id = site.org.create(sobject.name, {**values, _field(sobject, key): value}, user=_actor(call))
        return json_reply({"id": record_id, "success": True, "errors": [], "created": True}, 201)
    site.org.update(found, values, user=_actor(call))
    return json_reply({"id": found, "success": True, "errors": [], "created": False})


def delete_by_key(site: "Site", call: Call, *, version: str, name: str, key: str, value: str) -> Reply:
    """Delete the record with that external id."""
    found = _by_key(site, visible(site, call, name), key, value)
    return delete(site, call, version=version, name=name, record_id=found or "")


def create_many(site: "Site", call: Call, *, version: str) -> Reply:
    """New records of any objects."""

    def create_one(item: dict[str, Any]) -> str:
        attributes = item.get("attributes")
        sobject = visible(site, call, str(attributes.get("type") if isinstance(attributes, dict) else None))
        return site.org.create(sobject.name, _values(item), user=_actor(call))

    return _each(site, call, _items(call), create_one)


def update_many(site: "Site", call: Call, *, version: str) -> Reply:
    """New values for records of any objects."""

    def update_one(item: dict[str, Any]) -> str:
        record_id = to_18(str(item.get("Id") or item.get("id")))
        values = {name: value for name, value in _values(item).items() if name.lower() != "id"}
        site.org.update(record_id, values, user=_actor(call))
        return record_id

    return _each(site, call, _items(call), update_one)


def delete_many(site: "Site", call: Call, *, version: str) -> Reply:
    """Records of any objects into the recycle bin."""

    def delete_one(item: dict[str, Any]) -> str:
        site.org.delete(item["Id"], user=_actor(call))
        return str(item["Id"])

    ids = [to_18(part.strip()) for part in call.query.get("ids", "").split(",") if part.strip()]
    return _each(site, call, [{"Id": record_id} for record_id in ids], delete_one)


def _actor(call: Call) -> str:
    assert call.session
    return call.session.user.id


def _values(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ApiError("JSON_PARSER_ERROR", "A record must be a JSON object.")
    return {name: value for name, value in body.items() if name != "attributes"}


def _record(site: "Site", sobject: SObject, record_id: str) -> dict[str, Any]:
    if not is_id(record_id):
        raise HttpError(
            404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + record_id
        )
    record = site.org.get(to_18(record_id))
    if record is None or (sobject.key_prefix and record_id[:3] != sobject.key_prefix):
        raise HttpError(404, "NOT_FOUND", "The requested resource does not exist")
    if record.get("IsDeleted"):
        raise HttpError(404, "ENTITY_IS_DELETED", "entity is deleted")
    return record


def _field(sobject: SObject, name: str) -> str:
    field = sobject.field(name)
    if field is None:
        raise ApiError(
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom field, be sure "
            "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )
    return field.name


def _by_key(site: "Site", sobject: SObject, key: str, value: str) -> str | None:
    field = sobject.field(key)
    if field is None or not (field.external_id or field.id_lookup or field.type == "id"):
        raise HttpError(
            404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + key
        )
    deleted = " AND NOT IsDeleted" if "IsDeleted" in sobject.fields else ""
    rows = site.org.connection().execute(
        f'SELECT "Id" FROM "{sobject.name}" WHERE "{field.name}" = ? COLLATE NOCASE{deleted}', (value,)
    )
    found = [row[0] for row in rows]
    if len(found) > 1:
        raise HttpError(
            300, "MULTIPLE_CHOICES", f"{field.name}: more than one record found for external id {value}"
        )
    return found[0] if found else None


def _items(call: Call) -> list[dict[str, Any]]:
    body = call.json()
    items = body.get("records") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError("JSON_PARSER_ERROR", "The request must have an array of records.")
    return items


def _each(
    site: "Site", call: Call, items: list[dict[str, Any]], change: Callable[[dict[str, Any]], str]
) -> Reply:
    if len(items) > _MOST_RECORDS:
        raise ApiError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {_MOST_RECORDS} records"
        )
    if not _wants_all_or_none(call):
        return json_reply([_outcome(item, change) for item in items])
    outcome, kept = all_or_none(
        site.org, lambda: [_outcome(item, change) for item in items], lambda result: not result["success"]
    )
    if not kept:
        halted = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": _ROLLED_BACK, "fields": []}
        undone = {"success": False, "errors": [halted]}
        outcome = [undone if result["success"] else result for result in outcome]
    return json_reply(outcome)


def _wants_all_or_none(call: Call) -> bool:
    wish = call.json().get("allOrNone") if call.body else call.query.get("allOrNone") == "true"
    return bool(wish)


def _outcome(item: dict[str, Any], change: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    try:
        return {"id": change(item), "success": True, "errors": []}
    except ApiError as error:
        problem = {"statusCode": error.error_code, "message": error.message, "fields": list(error.fields)}
        return {"success": False, "errors": [problem]}


_BASE = r"/services/data/v{version:\d+\.0}"
_KEYED = _BASE + r"/sobjects/{name}/{key}/{value}"
ROUTES = [
    Route("POST", _BASE + "/sobjects/{name}", create),
    Route("GET", _BASE + "/sobjects/{name}/{record_id}", read),
    Route("PATCH", _BASE + "/sobjects/{name}/{record_id}", update),
    Route("DELETE", _BASE + "/sobjects/{name}/{record_id}", delete),
    Route("GET", _KEYED, read_by_key),
    Route("PATCH", _KEYED, upsert),
    Route("DELETE", _KEYED, delete_by_key),
    Route("POST", _BASE + "/composite/sobjects", create_many),
    Route("PATCH", _BASE + "/composite/sobjects", update_many),
    Route("DELETE", _BASE + "/composite/sobjects", delete_many),
]
