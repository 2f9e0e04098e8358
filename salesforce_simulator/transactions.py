"""Transactions that commit late: rows are stamped when written and seen when committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from salesforce_simulator.records import OpenWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from salesforce_simulator.records import Records
    from salesforce_simulator.users import User


class Transaction(OpenWrites):
    """Writes that nobody sees until `commit`; each keeps the stamp of the moment at which it was written.

    As a context manager it commits at the end, or forgets everything after an exception. Records that it wrote are
    locked for others (`UNABLE_TO_LOCK_ROW`).
    """

    def __init__(self, org: Records) -> None:
        super().__init__(org.clock.now_ms())
        self._org = org
        self._writes: list[Callable[[], None]] = []
        org.begin(self)

    def create(self, sobject: str, values: Mapping[str, Any], *, user: User | str | None = None) -> str:
        """Add a record; gives its id. Arguments and errors as for `Org.create`."""
        record_id, write = self._org.plan_create(sobject, values, user, self)
        self.pending.add(record_id)
        self._writes.append(write)
        return record_id

    def update(self, record_id: str, values: Mapping[str, Any], *, user: User | str | None = None) -> None:
        """Change a record, one of this transaction's own included."""
        self._keep(record_id, self._org.plan_update(record_id, values, user, self))

    def delete(self, record_id: str, *, user: User | str | None = None) -> None:
        """Delete a record."""
        self._keep(record_id, self._org.plan_delete(record_id, user, self))

    def _keep(self, record_id: str, write: Callable[[], None]) -> None:
        self.locked.add(record_id)
        self._writes.append(write)

    def commit(self) -> None:
        """Make everything visible at once."""
        self._org.finish(self, self._writes)

    def rollback(self) -> None:
        """Forget everything."""
        self._org.finish(self, [])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.open:
            return
        if kind is None:
            self.commit()
        else:
            self.rollback()
