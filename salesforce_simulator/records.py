"""Changing an org's records, and what their replication tells."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from salesforce_simulator import rollups, validate
from salesforce_simulator.changes import whole_second
from salesforce_simulator.clock import Clock, from_ms, to_ms
from salesforce_simulator.errors import ApiError
from salesforce_simulator.ids import parse_id
from salesforce_simulator.reading import Reading
from salesforce_simulator.replication import ChangeWindow, Replication
from salesforce_simulator.schema import TEXT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from salesforce_simulator.schema import Schema, SObject
    from salesforce_simulator.store import Row
    from salesforce_simulator.users import User


class OpenWrites:
    """Writes that nobody sees yet, as other writers meet them.

    Attributes:
        pending: ids that they create.
        locked: ids that they change.
        open: whether they are still to come.
        started: since when, milliseconds; getDeleted and getUpdated cover no more than the oldest.
    """

    def __init__(self, started: int) -> None:
        self.pending: set[str] = set()
        self.locked: set[str] = set()
        self.open = True
        self.started = started


class Records(Reading):
    """The records of an org and their changes; `Org` adds metadata and people.

    Attributes:
        replication: the delete log and its limits.
        recycle_bin: what the recycle bin keeps.
        users, admin: logins by user name, and the first of them.
    """

    users: dict[str, User]
    admin: User

    def __init__(
        self, schema: Schema, clock: Clock, directory: Path | str | None, log_from: datetime
    ) -> None:
        super().__init__(schema, clock, directory)
        self._validator = validate.Validator(schema, self._store)
        self.replication = Replication(self._store, log_from)
        self.recycle_bin = self._changes.recycle_bin
        self._open: list[OpenWrites] = []
        self._backdate: int | None = None

    def _next_id(self, sobject: str) -> str:
        return self._changes.counters.next_id(self._schema.objects[sobject])

    def _insert(self, sobject: str, record_id: str, row: Row, actor: str) -> str:
        with self._store.writing():
            self._changes.create(self._schema.objects[sobject], record_id, row, self._stamp(), actor)
        return record_id

    # writing; `user` is a User, its id or its name, none the system, which may set read-only fields

    def create(self, sobject: str, values: Mapping[str, Any], *, user: User | str | None = None) -> str:
        """Add a record; gives its id.

        Raises:
            ApiError: as Salesforce refuses it, e.g. `REQUIRED_FIELD_MISSING`; so do all of the following.
        """
        record_id, write = self.plan_create(sobject, values, user)
        self._write(write)
        return record_id

    def update(self, record_id: str, values: Mapping[str, Any], *, user: User | str | None = None) -> None:
        """Set fields of a record."""
        with self._store.lock:
            self._write(self.plan_update(record_id, values, user))

    def delete(self, record_id: str, *, user: User | str | None = None) -> None:
        """Delete a record, and what hangs on it, into the recycle bin."""
        with self._store.lock:
            self._write(self.plan_delete(record_id, user))

    def restricting(self, record_id: str) -> list[str]:
        """Ids of the records that must go before this one can be deleted."""
        with self._store.writing():
            found = self._changes.restricting(*self._locate(record_id))
        return [each for ids in found.values() for each in ids]

    def undelete(self, record_id: str, *, user: User | str | None = None) -> None:
        """Take a record and what its delete took along out of the recycle bin."""
        _, actor = self._acting(user)
        sobject, record_id = self._locate(record_id, deleted=True)
        self._write(lambda: self._changes.undelete(sobject, record_id, self._stamp(), actor))

    def hard_delete(self, record_id: str, *, user: User | str | None = None) -> None:
        """Delete a record, deleted before or not, past the recycle bin."""
        acting, _ = self._acting(user)
        sobject, record_id = self._locate(record_id, deleted=True)
        validate.check_delete(sobject, acting)
        self._write(lambda: self._changes.hard_delete(sobject, record_id, self._stamp()))

    def merge(self, master_id: str, losers: Sequence[str], *, user: User | str | None = None) -> None:
        """Merge records of one object; the losers go to the bin with `MasterRecordId`, their children to the master."""
        _, actor = self._acting(user)
        sobject, master = self._locate(master_id)
        found = [self._locate(loser) for loser in losers]
        if not sobject.mergeable or any(other is not sobject for other, _ in found):
            raise ApiError("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support merge")
        ids = [loser for _, loser in found]
        if master in ids:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "master record cannot be merged with itself")
        self._write(lambda: self._changes.merge(sobject, master, ids, self._stamp(), actor))

    def empty_recycle_bin(self, record_ids: Iterable[str] | None = None) -> int:
        """Empty the bin, or take these records out of it, for good; gives how many rows. They vanish a day later."""
        now, emptied = self.clock.now_ms(), 0
        ids = None if record_ids is None else [self._locate(each, deleted=True)[1] for each in record_ids]
        with self._store.writing():
            for sobject in self._schema:
                if sobject.queryable and "IsDeleted" in sobject.fields:
                    emptied += self._changes.empty_bin(sobject, now, ids)
        return emptied

    def archive(self, record_ids: Iterable[str]) -> int:
        """Archive tasks and events; gives how many."""
        return self._quietly(record_ids, self._changes.archive)

    def touch(self, record_ids: Iterable[str]) -> int:
        """Move SystemModstamp and nothing else, as background jobs do; gives how many rows."""
        return self._quietly(record_ids, self._changes.touch)

    def empty_texts(self, record_id: str, *names: str) -> None:
        """Have text fields of a record be `""`, which no client can write but some fields of real orgs say."""
        with self._store.lock:
            sobject, record_id = self._locate(record_id)
            fields = [sobject.field(name) for name in names]
            if any(f is None or f.type not in TEXT_TYPES for f in fields):
                raise ValueError(f"not all of {', '.join(names)} are text fields of {sobject.name}")
            row = {f.name: "" for f in fields if f is not None}
            self._write(lambda: self._changes.update(sobject, record_id, row, self._stamp(), self.admin.id))

    def _quietly(self, record_ids: Iterable[str], change: Callable[[SObject, list[str], int], None]) -> int:
        by_object: dict[str, list[str]] = {}
        for each in record_ids:
            sobject, record_id = self._locate(each)
            by_object.setdefault(sobject.name, []).append(record_id)
        with self._store.writing():
            for name, ids in by_object.items():
                change(self._schema.objects[name], ids, self._stamp())
        return sum(map(len, by_object.values()))

    def load(self, sobject: str, rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> int:
        """Add many rows fast, without checks; gives how many.

        Args:
            sobject: their object.
            rows: storage values (see `values`), one sequence a row in the order of `columns`.
            columns: API names. `Id` may be among them; without it ids are given out in order. What is not named gets
                its default, the audit fields the present and the administrator.
        """
        target = self.object(sobject)
        stamp = whole_second(self._stamp())
        constants: Row = validate.defaults(target)
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            constants[name] = stamp
        for name in ("CreatedById", "LastModifiedById", "OwnerId"):
            constants[name] = self.admin.id
        given = {name.lower() for name in columns}
        constants = {
            name: value
            for name, value in constants.items()
            if name in target.fields and name.lower() not in given
        }
        names = list(columns)
        with self._store.writing():
            counters = self._changes.counters
            if "id" not in given:
                names = ["Id", *names]
                ids = counters.following_ids(target)
                rows = ((record_id, *row) for record_id, row in zip(ids, rows, strict=False))
            count = self._store.insert_many(target.name, constants, names, rows)
            counters.take_ids(target, count)
            counters.take_numbers(target, count)
            self._changes.formulas.refresh_all(self._store, target.name)
        return count

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Keep all writes inside, or on an exception none; other threads' writes wait."""
        with self._store.writing():
            yield

    # planning: checked now, stamped now, done later

    def plan_create(
        self,
        sobject: str,
        values: Mapping[str, Any],
        user: User | str | None,
        within: OpenWrites | None = None,
    ) -> tuple[str, Callable[[], None]]:
        """Check a create and give its id and what does it."""
        acting, actor = self._acting(user)
        target = self.object(sobject)
        with self._store.lock:
            pending = within.pending if within is not None else ()
            row = self._validator.create(target, values, acting, pending)
            record_id = self._changes.counters.next_id(target)
        stamp = self._stamp()
        return record_id, lambda: self._changes.create(
            *self._by_now(target, record_id, row), stamp=stamp, actor=actor
        )

    def plan_update(
        self,
        record_id: str,
        values: Mapping[str, Any],
        user: User | str | None,
        within: OpenWrites | None = None,
    ) -> Callable[[], None]:
        """Check an update and give what does it."""
        acting, actor = self._acting(user)
        sobject, record_id = self._locate(record_id, within=within)
        with self._store.lock:
            pending = within.pending if within is not None else ()
            row = self._validator.update(sobject, record_id, values, acting, pending)
        stamp = self._stamp()
        return lambda: self._changes.update(*self._by_now(sobject, record_id, row), stamp=stamp, actor=actor)

    def _by_now(self, sobject: SObject, record_id: str, row: Row) -> tuple[SObject, str, Row]:
        """A planned write as the metadata has it when it is done: fields may have come and gone since."""
        present = self.object(sobject.name)
        return present, record_id, {name: value for name, value in row.items() if name in present.fields}

    def plan_delete(
        self, record_id: str, user: User | str | None, within: OpenWrites | None = None
    ) -> Callable[[], None]:
        """Check a delete and give what does it."""
        acting, actor = self._acting(user)
        sobject, record_id = self._locate(record_id, within=within)
        validate.check_delete(sobject, acting)
        stamp = self._stamp()
        return lambda: self._changes.delete(self.object(sobject.name), record_id, stamp, actor)

    def multiply(self, sobject: str, count: int, *, first: datetime, span: timedelta) -> None:
        """Add copies of an object's rows by the million: ids of their own, unique fields left empty.

        `first` is SystemModstamp and LastModifiedDate of the first copy; those of the others run evenly over `span`.
        """
        target = self.object(sobject)
        moments: dict[str, tuple[int, int]] = {
            name: (to_ms(first), span // timedelta(milliseconds=1))
            for name in ("LastModifiedDate", "SystemModstamp")
            if name in target.fields
        }
        columns = [
            f.name for f in target.columns if f.name not in moments and f.name != "Id" and not f.unique
        ]
        counters = self._changes.counters
        with self._store.writing():
            self._store.multiply(target.name, columns, count, counters.following_ids(target), moments)
            counters.take_ids(target, count)
            rollups.recalculate(self._store, self._schema, target)

    def reserve_ids(self, sobject: str, count: int) -> list[str]:
        """Ids that will not be given out again, for rows to `load`."""
        target = self.object(sobject)
        with self._store.lock:
            return [self._changes.counters.next_id(target) for _ in range(count)]

    @contextmanager
    def backdated(self, moment: datetime) -> Iterator[None]:
        """Stamp what is written inside with a moment of the past, to seed a history."""
        with self._store.lock:
            self._backdate = to_ms(moment)
            try:
                yield
            finally:
                self._backdate = None

    def _stamp(self) -> int:
        return self.clock.now_ms() if self._backdate is None else self._backdate

    def _write(self, write: Callable[[], None]) -> None:
        self._expire()
        with self._store.writing():
            write()

    def _acting(self, user: User | str | None) -> tuple[User | None, str]:
        if isinstance(user, str):
            user = next(u for u in self.users.values() if user in (u.id, u.username))
        return user, (user or self.admin).id

    def _locate(
        self, record_id: str, *, deleted: bool = False, within: OpenWrites | None = None
    ) -> tuple[SObject, str]:
        """The object and 18-character id of a record that exists."""
        record_id = parse_id(record_id)
        sobject = self._schema.of_id(record_id)
        if sobject is None or not sobject.queryable:
            raise ApiError("NOT_FOUND", "The requested resource does not exist")
        if within is not None and record_id in within.pending:
            return sobject, record_id
        self._expire()
        with self._store.lock:
            for other in self._open:
                if other is not within and record_id in other.locked:
                    raise ApiError(
                        "UNABLE_TO_LOCK_ROW",
                        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
                    )
            row = self._store.get(sobject.name, record_id)
        if row is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist")
        if row.get("IsDeleted") and not deleted:
            raise ApiError("ENTITY_IS_DELETED", "entity is deleted")
        return sobject, record_id

    # late commits and replication

    def begin(self, writes: OpenWrites) -> None:
        """Hold back what covers later moments, and lock what is written, until `finish`."""
        with self._store.lock:
            self._open.append(writes)

    def finish(self, writes: OpenWrites, done: Sequence[Callable[[], None]]) -> None:
        """End open writes and do these."""
        with self._store.lock:
            self._open.remove(writes)
            writes.open = False
            with self._store.writing():
                for write in done:
                    write()

    @property
    def latest_covered(self) -> datetime:
        """Up to where nothing can appear any more: the start of the oldest open transaction, or a lag ago."""
        lag = self.replication.lag // timedelta(milliseconds=1)
        with self._store.lock:
            oldest = min((self.clock.now_ms() - lag, *(writes.started for writes in self._open)))
        return from_ms(whole_second(oldest))

    def deleted(self, sobject: str, start: datetime, end: datetime) -> ChangeWindow:
        """What getDeleted answers: ids deleted in [start, end)."""
        covered = self.latest_covered
        return self.replication.deleted(self.object(sobject), start, end, self.clock.now(), covered)

    def updated(self, sobject: str, start: datetime, end: datetime) -> ChangeWindow:
        """What getUpdated answers: ids of living rows stamped in [start, end)."""
        covered = self.latest_covered
        return self.replication.updated(self.object(sobject), start, end, self.clock.now(), covered)

    def purge_delete_log(self, before: datetime | None = None) -> None:
        """Drop the delete log up to a moment (none: the present); windows that start earlier are refused from then."""
        moment = before or self.clock.now()
        self.replication.purge_log(moment)
        self.replication.log_from = max(self.replication.log_from, moment.astimezone(UTC))
