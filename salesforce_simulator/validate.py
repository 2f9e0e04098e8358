"""What Salesforce checks before it saves a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salesforce_simulator.errors import ApiError
from salesforce_simulator.schema import TEXT_TYPES
from salesforce_simulator.store import quoted
from salesforce_simulator.values import to_storage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from salesforce_simulator.schema import Field, Schema, SObject
    from salesforce_simulator.store import Row, Store
    from salesforce_simulator.users import User


@dataclass(frozen=True, slots=True)
class Validator:
    """Checks against a schema, and against the store for references and unique values."""

    schema: Schema
    store: Store

    def create(
        self, sobject: SObject, values: Mapping[str, Any], user: User | None, pending: Collection[str]
    ) -> Row:
        """The storage values of a record to be created.

        Without a user the system creates it, which may set read-only fields. `pending` are ids that do not exist yet but may
        be referred to.

        Raises:
            ApiError: as Salesforce refuses it.
        """
        if user is not None:
            if not sobject.createable:
                raise _unsupported(sobject, "create")
            if not user.permissions.on(sobject.name).create:
                raise _no_access()
        row = _converted(sobject, values, user, "createable")
        missing = [
            f.name
            for f in sobject.columns
            if f.createable and not f.nillable and not f.defaulted_on_create and row.get(f.name) is None
        ]
        if missing:
            raise _missing(missing)
        _check_references(self.schema, self.store, sobject, row, pending)
        _check_unique(self.store, sobject, row, None)
        return row

    def update(
        self,
        sobject: SObject,
        record_id: str,
        values: Mapping[str, Any],
        user: User | None,
        pending: Collection[str],
    ) -> Row:
        """The storage values that an update sets; arguments and errors as for `create`."""
        if user is not None:
            if not sobject.updateable:
                raise _unsupported(sobject, "update")
            if not user.permissions.on(sobject.name).edit:
                raise _no_access()
        row = _converted(sobject, values, user, "updateable")
        emptied = [name for name, value in row.items() if value is None and not sobject.fields[name].nillable]
        if emptied:
            raise _missing(emptied)
        _check_references(self.schema, self.store, sobject, row, pending)
        _check_unique(self.store, sobject, row, record_id)
        return row


def check_delete(sobject: SObject, user: User | None) -> None:
    """Whether a user may delete records of an object.

    Raises:
        ApiError: not.
    """
    if user is not None:
        if not sobject.deletable:
            raise _unsupported(sobject, "delete")
        if not user.permissions.on(sobject.name).delete:
            raise _no_access()


def defaults(sobject: SObject) -> Row:
    """Storage values that a new record has where none is given: no null in a field that allows none."""
    row: Row = {}
    for f in sobject.columns:
        if f.name == "Id":
            continue
        if f.default is not None:
            row[f.name] = to_storage(f, f.default)
        elif f.summary is not None:
            row[f.name] = 0 if f.summary.function in ("count", "sum") else None
        elif f.type == "boolean" or (not f.nillable and f.type in ("int", "double", "currency", "percent")):
            row[f.name] = 0
        elif f.empty_text:
            row[f.name] = ""
        elif f.name == "CurrencyIsoCode":
            row[f.name] = "USD"
    return row


def _converted(sobject: SObject, values: Mapping[str, Any], user: User | None, right: str) -> Row:
    row: Row = {}
    refused = []
    for name, value in values.items():
        f = _visible(sobject, name, user)
        if (
            f.compound
            or f.calculated
            or f.name == "Id"
            or (user is not None and not _may_write(sobject, f, user, right))
        ):
            refused.append(f.name)
            continue
        if f.type == "boolean" and value is None:
            raise ApiError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{f.label}: value not of required type: null", (f.name,)
            )
        row[f.name] = to_storage(f, value)
        _check_picklist(f, row[f.name])
    if refused:
        raise ApiError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set.",
            tuple(refused),
        )
    return row


def _visible(sobject: SObject, name: str, user: User | None) -> Field:
    f = sobject.field(name)
    if f is None or (user is not None and not user.permissions.may_see(sobject.name, f.name)):
        raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}", (name,))
    return f


def _may_write(sobject: SObject, f: Field, user: User, right: str) -> bool:
    if f"{sobject.name}.{f.name}" in user.permissions.read_only_fields:
        return False
    if user.permissions.set_audit_fields and f.name in ("CreatedDate", "CreatedById", "LastModifiedDate"):
        return right == "createable"
    return bool(getattr(f, right))


def _check_picklist(f: Field, stored: object) -> None:
    if not f.restricted_picklist or stored is None or not f.picklist:
        return
    chosen = str(stored).split(";") if f.type == "multipicklist" else [str(stored)]
    for value in chosen:
        if value not in f.picklist:
            raise ApiError(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{f.label}: bad value for restricted picklist field: {value}",
                (f.name,),
            )


def _check_references(
    schema: Schema, store: Store, sobject: SObject, row: Row, pending: Collection[str]
) -> None:
    for name, record_id in row.items():
        f = sobject.fields[name]
        if f.type != "reference" or record_id is None or record_id in pending:
            continue
        target = schema.of_id(record_id)
        if target is None or target.name not in f.reference_to:
            raise ApiError(
                "FIELD_INTEGRITY_EXCEPTION", f"{f.label}: id value of incorrect type: {record_id}", (f.name,)
            )
        _check_exists(store, target, f, record_id)


def _check_exists(store: Store, target: SObject, f: Field, record_id: str) -> None:
    flag = '"IsDeleted"' if "IsDeleted" in target.fields else "0"
    found = store.writer.execute(
        f'SELECT {flag} FROM {quoted(target.name)} WHERE "Id" = ?', (record_id,)
    ).fetchone()
    if found is None:
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (f.name,))
    if found[0]:
        raise ApiError("ENTITY_IS_DELETED", "entity is deleted", (f.name,))


def _check_unique(store: Store, sobject: SObject, row: Row, record_id: str | None) -> None:
    for name, value in row.items():
        f = sobject.fields[name]
        if not f.unique or value is None:
            continue
        column = f"{quoted(name)} COLLATE NOCASE" if f.type in TEXT_TYPES else quoted(name)
        live = ' AND "IsDeleted" = 0' if "IsDeleted" in sobject.fields else ""
        found = store.writer.execute(
            f'SELECT "Id" FROM {quoted(sobject.name)} WHERE {column} = ? AND "Id" IS NOT ?{live}',
            (value, record_id),
        ).fetchone()
        if found is not None:
            raise ApiError(
                "DUPLICATE_VALUE",
                f"duplicate value found: {name} duplicates value on record with id: {found[0][:15]}",
                (name,),
            )


def _missing(names: list[str]) -> ApiError:
    return ApiError(
        "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", tuple(names)
    )


def _unsupported(sobject: SObject, action: str) -> ApiError:
    return ApiError("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support {action}")


def _no_access() -> ApiError:
    return ApiError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
