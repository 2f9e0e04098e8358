"""An SObject in one run: what to ask of it, and how to write what it answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_sfsource.rows.rows import Rows
from tap_sfsource.sync.names import RowsWithNames
from tap_sfsource.sync.scan import Scan
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.catalog.plan import Column, SObjectPlan
    from tap_sfsource.sync.names import Lookup, Names
    from tap_sfsource.sync.scan import Readers
    from tap_sfsource.sync.state import StreamState


@dataclass
class Source:
    """One SObject in one run.

    Attributes:
        plan: What to read.
        state: The stream's bookmark.
        readers: The run's readers.
        names: Collects the names behind polymorphic lookups, None if nobody wants them.
        count: About how many rows the SObject has, where known.
        id: The column of the Id.
        is_deleted: The column of IsDeleted, None if the SObject has none.
        columns: What a query of many rows can hold.
        files: Base64 columns, which it cannot.
        lookups: Lookups that lead to names.
        constants: ``is_deleted`` of an SObject that has none.
        notes: What is worth a word in the summary.
    """

    plan: SObjectPlan
    state: StreamState
    readers: Readers
    names: Names | None = None
    count: int | None = None
    id: Column = field(init=False)
    is_deleted: Column | None = field(init=False)
    columns: list[Column] = field(init=False)
    files: list[Column] = field(init=False)
    lookups: list[Lookup] = field(init=False)
    constants: dict[str, Any] = field(init=False)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort the plan's columns by how they are read."""
        by_api_name = {column.api_name: column for column in self.plan.columns}
        self.id = by_api_name["Id"]
        self.is_deleted = by_api_name.get("IsDeleted")
        self.columns = [column for column in self.plan.columns if column.sf_type != "base64"]
        self.files = [column for column in self.plan.columns if column.sf_type == "base64"]
        self.lookups = self.names.lookups(self.plan) if self.names is not None else []
        self.constants = {} if self.plan.has_is_deleted else {self.plan.is_deleted: False}
        self.state.begin(self.plan.key_prefix)
        if self.state.sweep_due:
            self.notes.append("the object was made anew: swept all ids")

    @property
    def key(self) -> str | None:
        """API name of the replication key, None for a full table."""
        key = self.plan.replication_key
        return key.api_name if key else None

    @property
    def further(self) -> tuple[str, ...]:
        """The fields of names behind the lookups, as SOQL spells them."""
        return tuple(part for lookup in self.lookups for part in lookup.fields)

    @property
    def unsortable(self) -> frozenset[str]:
        """API names by which the SObject does not let a query be ordered."""
        return frozenset(column.api_name for column in self.plan.columns if not column.sortable)

    @property
    def properties(self) -> list[str]:
        """All that rows are read with, as the state remembers it."""
        return [*(column.mark() for column in [*self.columns, *self.files]), *self.further]

    @property
    def has_log(self) -> bool:
        """Whether Salesforce keeps a log of its deletions, and the user wants to know."""
        return self.plan.replicateable and self.readers.settings.deletes != "soft"

    def rows(
        self,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> Rows:
        """How to write columns, and nothing but them."""
        return Rows(self.plan.stream_name, columns, constants, version)

    def rows_with_names(
        self,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> Rows:
        """How to write columns of a query that asks for `further` as well."""
        if self.names is None or not self.lookups:
            return self.rows(columns, constants, version)
        return RowsWithNames(
            self.plan.stream_name, columns, constants, version, names=self.names, lookups=self.lookups
        )

    def scan(self, window: Window) -> Scan:
        """The scan of a window's rows; it goes on with the job that an earlier run left in the middle."""
        scan = Scan(
            self.readers,
            self.plan.api_name,
            self.columns,
            self.key,
            window,
            # How many rows have changed since a bookmark, the count of all does not tell.
            count=self.count if self.state.bookmark is None else None,
            further=self.further,
            unsortable=self.unsortable,
        )
        scan.resume(self.state)
        return scan

    def whole_table(self, purpose: str, columns: Sequence[Column], further: tuple[str, ...] = ()) -> Scan:
        """A scan of single columns of every row; resumed likewise."""
        scan = Scan(
            self.readers,
            self.plan.api_name,
            columns,
            None,
            Window(),
            purpose,
            self.count,
            further,
            self.unsortable,
        )
        scan.resume(self.state)
        return scan


def version_of(scan: Scan) -> int:
    """The table version of a scan's rows: a resumed job's own, else one that is larger than any before.

    Returns:
        Milliseconds since the epoch, as the SDK has them.
    """
    if scan.job is not None and scan.job.version:
        return scan.job.version
    return time.time_ns() // 1_000_000
