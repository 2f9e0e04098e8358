"""How records come, change and go: the rules of Salesforce over a plain store.

Every function writes within `Store.writing()` and takes the stamp of the change, in milliseconds; it was checked
before (`validate`). Stamps are whole seconds, as Salesforce's are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from salesforce_simulator import derived, validate
from salesforce_simulator.counters import Counters
from salesforce_simulator.errors import ApiError
from salesforce_simulator.store import in_chunks, marks, quoted
from salesforce_simulator.values import to_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from salesforce_simulator.formulas import Formulas
    from salesforce_simulator.schema import Schema, SObject
    from salesforce_simulator.store import Row, Store

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BIN_MS = 15 * DAY_MS
EMPTIED_MS = DAY_MS
_LIVING = '"IsDeleted" = 0'
# Of the children that forbid a delete, the message names so many; how many Salesforce names no source says.
_SHOWN_CHILDREN = 5
# Filled with whoever creates the record, where nothing else is given.
_ACTOR_FIELDS = frozenset({"OwnerId", "AuthorId", "RunningUserId"})
_TRACKED = {"StageName": "DynamicEnum", "Amount": "Currency", "CloseDate": "DateOnly"}


def whole_second(stamp: int) -> int:
    """A moment in milliseconds, cut to its second."""
    return stamp - stamp % 1000


@dataclass(slots=True)
class RecycleBin:
    """What the recycle bin keeps, for tests to set.

    Attributes:
        limit: rows that it holds (none: any number). Beyond it the oldest are emptied out, but for those of the last
            two hours, as Salesforce's help says.
        emptied_fields: by object, fields that a soft delete makes null; an undelete brings their values back. Which
            fields Salesforce treats so no guide says.
        log_keeps_undeleted: whether the deletion log still tells of a row that was undeleted. No guide says.
    """

    limit: int | None = None
    emptied_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    log_keeps_undeleted: bool = False
    lost: dict[str, Row] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Changes:
    """The engine: a schema's rules applied to a store.

    Attributes:
        counters: the ids and auto-numbers that were given out.
        next_purge: the moment at which the next deleted row vanishes, or none.
        recycle_bin: what the recycle bin keeps.
    """

    schema: Schema
    store: Store
    formulas: Formulas
    counters: Counters = field(default_factory=Counters)
    next_purge: int | None = None
    recycle_bin: RecycleBin = field(default_factory=RecycleBin)

    # create and update

    def create(self, sobject: SObject, record_id: str, given: Row, stamp: int, actor: str) -> None:
        """Add a record with an id given out before."""
        stamp = whole_second(stamp)
        row: Row = {
            "Id": record_id,
            **validate.defaults(sobject),
            **self._audit(sobject, stamp, actor, created=True),
        }
        for f in sobject.fields.values():
            if f.auto_number and f.name not in given:
                row[f.name] = derived.auto_number(sobject, f.name, self.counters.next_number(sobject, f.name))
        row |= dict.fromkeys(_ACTOR_FIELDS & sobject.fields.keys(), actor)
        row |= {name: value for name, value in given.items() if value is not None or name not in row}
        row |= derived.derive(sobject, row, given, stamp)
        if "TagDefinitionId" in sobject.fields and row.get("TagDefinitionId") is None:
            row["TagDefinitionId"] = self._tag_definition(row["Name"], row["Type"], stamp, actor)
        self.store.insert(sobject.name, row)
        self.formulas.refresh(self.store, sobject.name, [record_id])

    def _tag_definition(self, name: str, kind: str, stamp: int, actor: str) -> str:
        """The id of a tag's definition, which its first use makes."""
        condition = '"Name" = ? COLLATE NOCASE AND "Type" = ? AND "IsDeleted" = 0'
        found = self.store.ids_where("TagDefinition", condition, (name, kind))
        if found:
            return found[0]
        definition = self.schema.objects["TagDefinition"]
        record_id = self.counters.next_id(definition)
        self.create(definition, record_id, {"Name": name, "Type": kind}, stamp, actor)
        return record_id

    def update(self, sobject: SObject, record_id: str, given: Row, stamp: int, actor: str) -> None:
        """Set values in a record and stamp it."""
        stamp = whole_second(stamp)
        before = self.store.get(sobject.name, record_id)
        assert before is not None
        merged = before | given
        changes = {
            **self._audit(sobject, stamp, actor),
            **given,
            **derived.derive(sobject, merged, given, stamp),
        }
        self.store.update(sobject.name, [record_id], changes)
        self.formulas.refresh(self.store, sobject.name, [record_id])
        if sobject.name == "Opportunity":
            self._note_history(sobject, before, changes, stamp, actor)

    def _note_history(self, sobject: SObject, before: Row, after: Row, stamp: int, actor: str) -> None:
        """Field history, of the fields that a new org tracks on opportunities."""
        history = self.schema.objects["OpportunityFieldHistory"]
        for name, kind in _TRACKED.items():
            if name not in after or before[name] == after[name]:
                continue
            tracked = sobject.fields[name]
            row = {
                "Id": self.counters.next_id(history),
                "IsDeleted": 0,
                "OpportunityId": before["Id"],
                "CreatedById": actor,
                "CreatedDate": stamp,
                "Field": name,
                "DataType": kind,
                "OldValue": to_csv(tracked, before[name]) or None,
                "NewValue": to_csv(tracked, after[name]) or None,
            }
            self.store.insert(history.name, row)

    def touch(self, sobject: SObject, ids: Sequence[str], stamp: int) -> None:
        """Move SystemModstamp alone, as a background job does."""
        if "SystemModstamp" in sobject.fields:
            self.store.update(sobject.name, ids, {"SystemModstamp": whole_second(stamp)})

    def archive(self, sobject: SObject, ids: Sequence[str], stamp: int) -> None:
        """Archive activities; the system's work, so only SystemModstamp moves."""
        self.store.update(sobject.name, ids, {"IsArchived": 1, "SystemModstamp": whole_second(stamp)})

    def _audit(self, sobject: SObject, stamp: int, actor: str, *, created: bool = False) -> Row:
        row: Row = {"LastModifiedDate": stamp, "LastModifiedById": actor, "SystemModstamp": stamp}
        if created:
            row |= {"CreatedDate": stamp, "CreatedById": actor}
        return {name: value for name, value in row.items() if name in sobject.fields}

    # delete and undelete

    def delete(self, sobject: SObject, record_id: str, stamp: int, actor: str) -> None:
        """Put a record and what it takes along into the recycle bin, or remove them where they have none."""
        stamp = whole_second(stamp)
        self._check_restricted(sobject, record_id)
        for name, ids in self._with_dependents(sobject, record_id, _LIVING).items():
            taken = self.schema.objects[name]
            if taken.binless or "IsDeleted" not in taken.fields:
                self._vanish(taken, ids, stamp)
                self.store.log_deletions(name, ids, stamp)
            else:
                self._to_bin(taken, ids, stamp, actor, record_id)
        self._trim_bin(stamp)

    def restricting(self, sobject: SObject, record_id: str) -> dict[str, list[str]]:
        """Ids of living rows, by object, that forbid to delete a record or what its delete takes along."""
        taken = self._with_dependents(sobject, record_id, _LIVING)
        found: dict[str, list[str]] = {}
        for name, ids in taken.items():
            for relationship in self.schema.child_relationships(name):
                if not relationship.restricted_delete:
                    continue
                child = relationship.child
                for child_id in self._children(child, relationship.field, ids, _LIVING):
                    if child_id not in taken.get(child, ()) and child_id not in found.setdefault(child, []):
                        found[child].append(child_id)
        return {name: ids for name, ids in found.items() if ids}

    def _check_restricted(self, sobject: SObject, record_id: str) -> None:
        for name, ids in self.restricting(sobject, record_id).items():
            child = self.schema.objects[name]
            names = ", ".join(self._shown_name(child, each) for each in ids[:_SHOWN_CHILDREN])
            raise ApiError(
                "DELETE_FAILED",
                f"Your attempt to delete {self._shown_name(sobject, record_id)} could not be completed because it is "
                f"associated with the following {child.label_plural.lower()}.: {names}\n",
            )

    def _shown_name(self, sobject: SObject, record_id: str) -> str:
        """A record as messages call it: a person with the salutation, what has no name by its id."""
        row = self.store.get(sobject.name, record_id) or {}
        name = row.get(sobject.name_field.name) if sobject.name_field is not None else None
        return " ".join(part for part in (row.get("Salutation"), name or record_id) if part)

    def _to_bin(self, sobject: SObject, ids: list[str], stamp: int, actor: str, root: str) -> None:
        changes = {"IsDeleted": 1, **self._audit(sobject, stamp, actor)}
        changes |= {"_InBin": 1, "_PurgeAt": stamp + BIN_MS, "_DeletedWith": root}
        emptied = self.recycle_bin.emptied_fields.get(sobject.name, ())
        for record_id in ids if emptied else ():
            before = self.store.get(sobject.name, record_id)
            assert before is not None
            self.recycle_bin.lost[record_id] = {name: before[name] for name in emptied}
        self.store.update(sobject.name, ids, changes | dict.fromkeys(emptied))
        # A row that came back from the bin is deleted anew.
        self.store.forget_deletions(ids)
        self.store.log_deletions(sobject.name, ids, stamp)
        self._vanish_at(stamp + BIN_MS)

    def _trim_bin(self, now: int) -> None:
        """Empty the oldest rows out of a bin that is over its limit."""
        if self.recycle_bin.limit is None:
            return
        kept = [
            (purge_at, sobject, record_id)
            for sobject in self.schema
            if sobject.queryable and "IsDeleted" in sobject.fields
            for record_id, purge_at in self.store.writer.execute(
                f'SELECT "Id", "_PurgeAt" FROM {quoted(sobject.name)} WHERE "_InBin" = 1'
            )
        ]
        kept.sort(key=lambda entry: entry[0])
        for purge_at, sobject, record_id in kept[: max(0, len(kept) - self.recycle_bin.limit)]:
            if purge_at - BIN_MS <= now - 2 * HOUR_MS:
                self._empty_out(sobject, [record_id], now)

    def undelete(self, sobject: SObject, record_id: str, stamp: int, actor: str) -> None:
        """Take a record and what its delete took along out of the recycle bin again.

        Raises:
            ApiError: `UNDELETE_FAILED`, it is not in the bin, went there with its parent, or cannot be without a parent
                that is gone.
        """
        stamp = whole_second(stamp)
        row = self.store.get(sobject.name, record_id)
        if row is None or row["_InBin"] != 1 or row["_DeletedWith"] != record_id or not sobject.undeletable:
            raise ApiError("UNDELETE_FAILED", "Entity is not in the recycle bin")
        self.store.update(sobject.name, [record_id], self._lost_parents(sobject, row))
        marked = f"\"_DeletedWith\" = '{record_id}'"
        for name, ids in self._with_dependents(sobject, record_id, marked).items():
            back = self.schema.objects[name]
            changes: Row = {"IsDeleted": 0, **self._audit(back, stamp, actor)}
            if "MasterRecordId" in back.fields:
                changes["MasterRecordId"] = None
            changes |= {"_InBin": None, "_PurgeAt": None, "_DeletedWith": None}
            self.store.update(name, ids, changes)
            for each in ids:
                self.store.update(name, [each], self.recycle_bin.lost.pop(each, {}))
            if not self.recycle_bin.log_keeps_undeleted:
                self.store.forget_deletions(ids)

    def _lost_parents(self, sobject: SObject, row: Row) -> Row:
        """References of a row that comes back whose parents are deleted or gone, to be emptied."""
        lost: Row = {}
        for f in sobject.columns:
            if not f.cascade_delete or row[f.name] is None:
                continue
            parent = self.schema.of_id(row[f.name])
            found = self.store.get(parent.name, row[f.name]) if parent is not None else None
            if found is not None and not found.get("IsDeleted"):
                continue
            if not f.nillable:
                raise ApiError("UNDELETE_FAILED", f"{f.label}: the parent record is deleted", (f.name,))
            lost[f.name] = None
        return lost

    def hard_delete(self, sobject: SObject, record_id: str, stamp: int) -> None:
        """Remove a record and its dependents at once, past the bin."""
        row = self.store.get(sobject.name, record_id)
        if row is None or not row.get("IsDeleted"):
            self._check_restricted(sobject, record_id)
        for name, ids in self._with_dependents(sobject, record_id, "1").items():
            rows = ((each, self.store.get(name, each) or {}) for each in ids)
            self.store.forget_deletions([each for each, found in rows if not found.get("IsDeleted")])
            self._vanish(self.schema.objects[name], ids, whole_second(stamp))
            self.store.log_deletions(name, ids, whole_second(stamp))

    def merge(self, sobject: SObject, master: str, losers: list[str], stamp: int, actor: str) -> None:
        """Move everything that points at the losers to the master, and the losers to the bin."""
        stamp = whole_second(stamp)
        for relationship in self.schema.child_relationships(sobject.name):
            child = self.schema.objects[relationship.child]
            if not child.queryable:
                continue
            ids = self.store.ids_where(
                child.name, f"{quoted(relationship.field)} IN ({marks(losers)})", losers
            )
            for record_id in ids:
                target = None if record_id == master else master
                changes = {relationship.field: target, **self._audit(child, stamp, actor)}
                self.store.update(child.name, [record_id], changes)
            self.formulas.refresh(self.store, child.name, ids)
        for loser in losers:
            self._to_bin(sobject, [loser], stamp, actor, loser)
        self.store.update(sobject.name, losers, {"MasterRecordId": master})
        self.store.update(sobject.name, [master], self._audit(sobject, stamp, actor))
        self._trim_bin(stamp)

    # the end of deleted rows

    def empty_bin(self, sobject: SObject, now: int, ids: Sequence[str] | None) -> int:
        """Make rows of the bin beyond undelete; they vanish a day later. None means all; gives how many."""
        condition, values = '"_InBin" = 1', []
        if ids is not None:
            condition += f' AND "_DeletedWith" IN ({marks(ids)})'
            values = list(ids)
        found = self.store.ids_where(sobject.name, condition, values)
        if found:
            self._empty_out(sobject, found, now)
        return len(found)

    def _empty_out(self, sobject: SObject, ids: list[str], now: int) -> None:
        for chunk in in_chunks(ids):
            self.store.writer.execute(
                f'UPDATE {quoted(sobject.name)} SET "_InBin" = 0, "_PurgeAt" = min("_PurgeAt", ?) '
                f'WHERE "Id" IN ({marks(chunk)})',
                (now + EMPTIED_MS, *chunk),
            )
        self._vanish_at(now + EMPTIED_MS)

    def purge(self, now: int) -> None:
        """Remove deleted rows whose time has come."""
        self.next_purge = None
        for sobject in self.schema:
            if "IsDeleted" not in sobject.fields:
                continue
            due = self.store.ids_where(sobject.name, '"_PurgeAt" <= ?', (now,))
            if due:
                self._vanish(sobject, due, whole_second(now))
            sql = f'SELECT min("_PurgeAt") FROM {quoted(sobject.name)} WHERE "_PurgeAt" IS NOT NULL'
            (following,) = self.store.writer.execute(sql).fetchone()
            if following is not None:
                self._vanish_at(following)

    def _vanish_at(self, moment: int) -> None:
        self.next_purge = moment if self.next_purge is None else min(self.next_purge, moment)

    def _vanish(self, sobject: SObject, ids: list[str], stamp: int) -> None:
        """Remove rows for good; lookups that pointed at them are emptied, which only SystemModstamp tells."""
        self.store.remove(sobject.name, ids)
        for relationship in self.schema.child_relationships(sobject.name):
            child = self.schema.objects[relationship.child]
            f = child.fields[relationship.field]
            if relationship.cascade_delete or not f.nillable or not child.queryable:
                continue
            pointing = self._children(child.name, f.name, ids, "1")
            stamped = {"SystemModstamp": stamp} if "SystemModstamp" in child.fields else {}
            self.store.update(child.name, pointing, {f.name: None, **stamped})
        self.formulas.refresh(self.store, sobject.name, ids)

    def _with_dependents(self, sobject: SObject, record_id: str, condition: str) -> dict[str, list[str]]:
        """The record, then the rows below it in cascade relationships that meet a condition, by object."""
        taken = {sobject.name: [record_id]}
        todo = [(sobject.name, [record_id])]
        while todo:
            parent, ids = todo.pop(0)
            for relationship in self.schema.child_relationships(parent):
                if not relationship.cascade_delete:
                    continue
                found = self._children(relationship.child, relationship.field, ids, condition)
                known = set(taken.get(relationship.child, ()))
                new = [child_id for child_id in found if child_id not in known]
                if new:
                    taken.setdefault(relationship.child, []).extend(new)
                    todo.append((relationship.child, new))
        return taken

    def _children(self, child: str, field_name: str, ids: list[str], condition: str) -> list[str]:
        if "IsDeleted" not in self.schema.objects[child].fields:
            condition = "1"
        return [
            child_id
            for chunk in in_chunks(ids)
            for child_id in self.store.ids_where(
                child, f"{quoted(field_name)} IN ({marks(chunk)}) AND {condition}", chunk
            )
        ]
