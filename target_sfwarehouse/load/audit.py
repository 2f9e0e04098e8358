"""The target's own tables: `_sync_runs` has what each run did, `_rejected` the records in quarantine."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg

from target_sfwarehouse.postgres.ddl import wait_for_lock
from target_sfwarehouse.postgres.grants import let_read
from target_sfwarehouse.postgres.schema import comment, on_table, quoted
from target_sfwarehouse.postgres.waiting import LOCK_TIMEOUT, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError

logger = logging.getLogger("target-sfwarehouse")

SYNC_RUNS = "_sync_runs"
SYNC_STATUS = "_sync_status"
REJECTED = "_rejected"
SOURCES = "_sources"
RECEIVED_AT = "_received_at"

_LONGEST = 100
"""Characters of a bookmark's value that `_sync_runs` keeps."""

CREATE_SYNC_RUNS = """
CREATE TABLE IF NOT EXISTS {table} (
    run_id uuid, collection text, started_at timestamptz NOT NULL, ended_at timestamptz,
    rows_inserted bigint NOT NULL, rows_updated bigint NOT NULL, rows_unchanged bigint NOT NULL,
    rows_marked_deleted bigint NOT NULL, rows_rejected bigint NOT NULL, bookmark jsonb,
    PRIMARY KEY (run_id, collection)
) USING heap
"""

SYNC_RUNS_COMMENTS = {
    "": "What each run of target-sfwarehouse did, a row for each stream",
    "run_id": "The run; the same as in _rejected",
    "collection": "The stream",
    "started_at": "When the run met the stream",
    "ended_at": "When the run ended; NULL while it runs, or if it was killed",
    "rows_inserted": "New rows",
    "rows_updated": "Rows of which a value changed",
    "rows_unchanged": "Records that changed nothing",
    "rows_marked_deleted": "Rows that were there and became deleted",
    "rows_rejected": "Records in _rejected",
    "bookmark": "How far the stream was read, in brief; to go on from, use the STATE",
}
"""Comments of the columns, the table's under the empty string."""

CREATE_REJECTED = """
CREATE TABLE IF NOT EXISTS {table} (
    run_id uuid NOT NULL, rejected_at timestamptz NOT NULL DEFAULT now(), line bigint NOT NULL,
    collection text, property text, reason text NOT NULL, message text NOT NULL
) USING heap
"""

RECORD = """
INSERT INTO {table} (run_id, collection, started_at, rows_inserted, rows_updated, rows_unchanged,
    rows_marked_deleted, rows_rejected)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (run_id, collection) DO UPDATE SET rows_inserted = excluded.rows_inserted,
    rows_updated = excluded.rows_updated, rows_unchanged = excluded.rows_unchanged,
    rows_marked_deleted = excluded.rows_marked_deleted, rows_rejected = excluded.rows_rejected
"""

FINISH = "UPDATE {table} SET ended_at = now(), bookmark = %s WHERE run_id = %s AND collection = %s"

ADD_TAP_RUN = "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS tap_run_id text"

HAS_TAP_RUN = """
SELECT 1 FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attname = 'tap_run_id' AND NOT attisdropped
"""

NAME_TAP_RUN = "UPDATE {table} SET tap_run_id = %s WHERE run_id = %s"

REJECT = """
INSERT INTO {table} (run_id, line, collection, property, reason, message) VALUES (%s, %s, %s, %s, %s, %s)
"""


COUNT = """
SELECT count(*) FROM {table} WHERE (collection IS NULL OR collection = ANY(%s)) AND (run_id = %s OR message ~ %s)
"""


@dataclass
class Counts:
    """What happened to the rows of one stream.

    Attributes:
        inserted: New rows.
        updated: Rows of which a column changed.
        unchanged: Records that changed nothing, those that a later record of the batch replaced included.
        marked_deleted: Rows that were there and became deleted: by a record, or marked or removed by ACTIVATE_VERSION.
        rejected: Records in quarantine.
        read: Records taken in.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    marked_deleted: int = 0
    rejected: int = 0
    read: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def columns(self) -> tuple[int, ...]:
        """Return the values that `_sync_runs` has columns for, in their order."""
        return self.inserted, self.updated, self.unchanged, self.marked_deleted, self.rejected


OWN = """
SELECT pg_has_role(relowner, 'USAGE') AND obj_description(oid, 'pg_class') IS NULL
FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)
"""


def ensure_own(
    connection: psycopg.Connection[Any],
    settings: Settings,
    table: str,
    create: str,
    comments: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Make one of the target's own tables if it is not there, and comment one that has no comment."""
    take_lock = partial(wait_for_lock, connection, table)
    found = connection.execute(OWN, (table,)).fetchone()
    statements = [] if found is not None else [create.format(table=table)]
    if settings.column_comments and (found is None or found[0]):
        statements += [comment(table, column, text) for column, text in comments.items()]
    if statements:
        with connection.transaction():
            take_lock()
            for statement in statements:
                run(connection, statement)
    let_read(connection, settings, table, take_lock)


def make_own(
    connection: psycopg.Connection[Any],
    settings: Settings,
    table: str,
    create: str,
    *,
    level: int,
    unnoticed: str,
) -> bool:
    """Make one of the target's own tables if the role may, else tell what nobody notices without it."""
    try:
        ensure_own(connection, settings, table, create)
    except pg.InsufficientPrivilege:
        statement = " ".join(create.format(table=table).split())
        told = "The role may not make %s, %s. Let an owner make it: %s;"
        logger.log(level, told, table, unnoticed, statement)
        return False
    return True


@dataclass
class RunLog:
    """The run's rows in `_sync_runs`, written in the same transactions as the rows they count.

    Attributes:
        tap_run: The run of the tap, where its reports have named it.
    """

    settings: Settings
    run_id: uuid.UUID = field(default_factory=uuid.uuid4)
    started: dict[str, datetime] = field(default_factory=dict)
    state: bytes = b"{}"
    tap_run: str = ""

    @property
    def table(self) -> str:
        """Quoted name of the table."""
        return quoted(self.settings.target_schema, SYNC_RUNS)

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Make the table if the settings ask for it."""
        if self.settings.sync_runs:
            ensure_own(connection, self.settings, self.table, CREATE_SYNC_RUNS, SYNC_RUNS_COMMENTS)

    def record(self, connection: psycopg.Connection[Any], stream: str, counts: Counts) -> None:
        """Write a stream's counters as they will be once the open transaction is committed."""
        started = self.started.setdefault(stream, datetime.now(UTC))
        if not self.settings.sync_runs:
            return
        row = (self.run_id, stream, started, *counts.columns())
        connection.execute(on_table(RECORD, self.table), row)

    def finish(self, connection: psycopg.Connection[Any], counted: Mapping[str, Counts]) -> None:
        """Write the end of the run, each stream's counters as committed, and its bookmark in brief."""
        if not self.settings.sync_runs:
            return
        bookmarks = _bookmarks(self.state)
        names_run = bool(self.tap_run) and self._has_tap_run(connection)
        with connection.transaction():
            for stream, counts in counted.items():
                self.record(connection, stream, counts)
                mark = bookmarks.get(stream)
                text = None if mark is None else json.dumps(_brief(mark))
                connection.execute(on_table(FINISH, self.table), (text, self.run_id, stream))
            if names_run:
                connection.execute(on_table(NAME_TAP_RUN, self.table), (self.tap_run, self.run_id))

    def _has_tap_run(self, connection: psycopg.Connection[Any]) -> bool:
        """Add the column for the tap's run, which only its reports fill; a later run does where the table is in use."""
        if connection.execute(HAS_TAP_RUN, (self.table,)).fetchone() is not None:
            return True
        try:
            with connection.transaction():
                run(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                run(connection, ADD_TAP_RUN.format(table=self.table))
                if self.settings.column_comments:
                    run(connection, comment(self.table, "tap_run_id", "The tap's run: run_id of its reports"))
        except (pg.LockNotAvailable, pg.InsufficientPrivilege):
            return False
        return True


def _bookmarks(state: bytes) -> Mapping[str, Any]:
    """The bookmarks by stream in a STATE's value; none where it is of another form."""
    value = json.loads(state)
    bookmarks = value.get("bookmarks") if isinstance(value, dict) else None
    return bookmarks if isinstance(bookmarks, dict) else {}


def _brief(bookmark: Any) -> Any:
    """What says how far a stream is: a STATE keeps more, for each stream and in each run the same."""
    if not isinstance(bookmark, dict):
        return bookmark
    return {
        key: value
        for key, value in bookmark.items()
        if not isinstance(value, dict | list) and len(str(value)) <= _LONGEST
    }


@dataclass
class Quarantine:
    """The run's rows in `_rejected`: records that did not fit, and why."""

    settings: Settings
    run_id: uuid.UUID
    _ready: bool = False

    def write(self, connection: psycopg.Connection[Any], error: InputError, text: bytes) -> None:
        """Put a record in, as it came; an open transaction takes the row with it."""
        table = quoted(self.settings.target_schema, REJECTED)
        if not self._ready:
            ensure_own(connection, self.settings, table, CREATE_REJECTED)
            self._ready = True
        message = text.decode("utf-8", "replace").replace("\0", "�").rstrip("\r\n")
        reason = error.reason.replace("\0", "�").encode("utf-8", "replace").decode()
        row = (self.run_id, error.line, error.stream, error.name, reason, message)
        connection.execute(on_table(REJECT, table), row)

    def count(self, connection: psycopg.Connection[Any], streams: AbstractSet[str], version: int) -> int:
        """Count the records of this run, and those of a version that earlier runs began, that may be of some streams."""
        table = quoted(self.settings.target_schema, REJECTED)
        found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        if found is None or found[0] is None:
            return 0
        values = (list(streams), self.run_id, f'"version":\\s*{version}([^0-9]|$)')
        row = connection.execute(on_table(COUNT, table), values).fetchone()
        return 0 if row is None else int(row[0])

    def forget(self) -> None:
        """A transaction has failed that may have made the table: look for it again."""
        self._ready = False
