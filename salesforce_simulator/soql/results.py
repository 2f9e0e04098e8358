"""What a query gives: REST records page by page, or the rows of a Bulk result."""

from __future__ import annotations

import json
import random
import sqlite3
from typing import TYPE_CHECKING, Any

from salesforce_simulator import values
from salesforce_simulator.soql import cells, functions
from salesforce_simulator.soql.errors import SoqlError
from salesforce_simulator.soql.restrictions import too_complicated
from salesforce_simulator.soql.shapes import Page
from salesforce_simulator.soql.sources import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from salesforce_simulator.schema import Field
    from salesforce_simulator.soql.compiler import AggregatePlan, BulkPlan, ChildPlan, CountPlan, RecordsPlan

_ID_LENGTH = 18
# Few enough for the caches of a processor, and for memory where texts are long.
_ROWS_AT_A_TIME = 250
MAX_GROUPS = 2000
"""AggregateResults that a query may give: there are no further pages of them."""


def _execute(connection: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> sqlite3.Cursor:
    """Run a statement.

    Raises:
        SoqlError: QUERY_TOO_COMPLICATED, where it nests deeper than SQLite's parser goes; INVALID_QUERY_LOCATOR,
            where a column or table that it was compiled for is gone.
    """
    try:
        return connection.execute(sql, parameters)
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such "):
            raise SoqlError("INVALID_QUERY_LOCATOR", "invalid query locator") from None
        if str(error) == "parser stack overflow" or "maximum depth" in str(error):
            raise too_complicated() from None
        raise


class Ids:
    """The ids of a result in order, packed: 18 bytes each."""

    def __init__(self, packed: str) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // _ID_LENGTH

    def page(self, offset: int, limit: int | None) -> list[str]:
        """Some of them, from an offset on."""
        end = len(self._packed) if limit is None else (offset + limit) * _ID_LENGTH
        piece = self._packed[offset * _ID_LENGTH : end]
        return [piece[i : i + _ID_LENGTH] for i in range(0, len(piece), _ID_LENGTH)]


class RestResult:
    """The answer to a REST query.

    The result is fixed as a list of ids when the query runs; a page's values are read when the page is. So a record
    that changes in between shows its new values, one that was removed for good is missing from its page, and none
    is skipped or repeated. The guides call a locator "a server-side cursor" and no more. That ids are fixed and
    values read late was shown by experiment for the query locators of Batch Apex; that REST's cursors do the same
    is an inference.

    Attributes:
        sobject: The API name of the SObject in FROM.
        total_size: Records in the whole result; for `COUNT()` the count.
    """

    def __init__(
        self,
        plan: RecordsPlan | CountPlan | AggregatePlan,
        connection: sqlite3.Connection,
        now: datetime,
        base: str,
    ) -> None:
        self.sobject = plan.sobject
        self.total_size = 0
        self._connection = connection
        self._now = now
        self._base = base

    def __len__(self) -> int:
        """How many records `records()` can give: none for `COUNT()`."""
        return 0

    def records(
        self, offset: int = 0, limit: int | None = None, *, connection: sqlite3.Connection | None = None
    ) -> list[dict[str, Any]]:
        """Records as REST JSON has them, by the calling thread's connection where it is not the one that ran the query.

        Raises:
            SoqlError: INVALID_QUERY_LOCATOR, where a field or object of the query has been removed since.
        """
        del offset, limit, connection
        return []


class CountResult(RestResult):
    """The answer to `SELECT COUNT()`."""

    def __init__(self, plan: CountPlan, connection: sqlite3.Connection, now: datetime, base: str) -> None:
        super().__init__(plan, connection, now, base)
        statement = plan.statement
        self.total_size = _execute(connection, statement.sql, statement.parameters.at(now)).fetchone()[0]


class AggregateResult(RestResult):
    """The answer to a query with aggregates: AggregateResult records, all at once."""

    def __init__(self, plan: AggregatePlan, connection: sqlite3.Connection, now: datetime, base: str) -> None:
        super().__init__(plan, connection, now, base)
        statement = plan.statement
        rows = _execute(connection, statement.sql, statement.parameters.at(now)).fetchmany(MAX_GROUPS + 1)
        if len(rows) > MAX_GROUPS:
            raise SoqlError(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        self._records = [
            {
                "attributes": {"type": "AggregateResult"},
                **{column.key: column.show(value) for column, value in zip(plan.columns, row, strict=True)},
            }
            for row in rows
        ]
        self.total_size = len(self._records)

    def __len__(self) -> int:
        return self.total_size

    def records(
        self, offset: int = 0, limit: int | None = None, *, connection: sqlite3.Connection | None = None
    ) -> list[dict[str, Any]]:
        """Records as REST JSON has them."""
        del connection
        return self._records[offset : None if limit is None else offset + limit]


class RecordsResult(RestResult):
    """The answer to a query for records.

    Attributes:
        ids: The snapshot.
    """

    def __init__(self, plan: RecordsPlan, connection: sqlite3.Connection, now: datetime, base: str) -> None:
        super().__init__(plan, connection, now, base)
        self._plan = plan
        rows = _execute(connection, plan.ids.sql, plan.ids.parameters.at(now))
        self.ids = Ids("".join(row[0] for row in rows))
        self.total_size = len(self.ids)

    def __len__(self) -> int:
        return self.total_size

    def records(
        self, offset: int = 0, limit: int | None = None, *, connection: sqlite3.Connection | None = None
    ) -> list[dict[str, Any]]:
        """Records as REST JSON has them."""
        connection = connection or self._connection
        functions.prepare(connection)
        wanted = self.ids.page(offset, limit)
        packed = json.dumps(wanted)
        parameters = {**self._plan.page.parameters.at(self._now), "ids": packed}
        rows = _execute(connection, self._plan.page.sql, parameters).fetchall()
        page = self._page(self._plan.children, packed, connection)
        built = {row[0]: self._plan.shape.build(row, page) for row in rows}
        return [record for record_id in wanted if (record := built.get(record_id)) is not None]

    def _page(self, children: list[ChildPlan], parents: str, connection: sqlite3.Connection) -> Page:
        return Page(self._base, [self._children(child, parents, connection) for child in children])

    def _children(
        self, plan: ChildPlan, parents: str, connection: sqlite3.Connection
    ) -> dict[str, list[dict[str, Any]]]:
        """The records of a child subquery for these parents, by parent id."""
        parameters = {**plan.statement.parameters.at(self._now), "ids": parents}
        rows = _execute(connection, plan.statement.sql, parameters).fetchall()
        page = Page(self._base)
        if plan.children:
            page = self._page(plan.children, json.dumps([row[0] for row in rows]), connection)
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            record = plan.shape.build(row, page)
            assert record is not None
            found.setdefault(row[plan.parent_place], []).append(record)
        return {parent: records[plan.taken] for parent, records in found.items()}


class BulkResult:
    """The rows of a Bulk query, flat. Each call reads them anew: callers keep what they hand out twice.

    Attributes:
        sobject: The API name of the SObject in FROM.
        columns: The column names, such as `Id` and `Owner.Name`.
        fields: The columns' fields, in the same order.
    """

    def __init__(self, plan: BulkPlan, connection: sqlite3.Connection, now: datetime) -> None:
        self.sobject = plan.sobject
        self.columns: tuple[str, ...] = tuple(cell.header for cell in plan.cells)
        self.fields: tuple[Field, ...] = tuple(cell.field for cell in plan.cells)
        self._plan = plan
        self._connection = connection
        self._parameters = plan.parameters.at(now)

    @property
    def total_size(self) -> int:
        """How many rows there are (asked anew each time)."""
        row = self._execute(f"SELECT count(*) FROM (SELECT 1 {self._plan.tail})", None).fetchone()
        return int(row[0])

    @property
    def whole(self) -> bool:
        """Whether every row of the object is in it (asked anew each time)."""
        every = self._execute(f"SELECT count(*) FROM {quote(self.sobject)}", None).fetchone()[0]
        return self.total_size == int(every)

    @property
    def cells_sql(self) -> str:
        """How the cells are read: two whole results in no order are the same if this, their columns and the data are."""
        return cells.array_sql(self._plan.cells)

    def rows(self, *, connection: sqlite3.Connection | None = None) -> Iterator[tuple[Any, ...]]:
        """Rows of stored values; `values.to_csv` with the field of `fields` makes the cell."""
        names = ", ".join(cell.sql for cell in self._plan.cells)
        yield from self._execute(f"SELECT {names} {self._plan.tail}", connection)

    def csv_rows(self, *, connection: sqlite3.Connection | None = None) -> Iterator[tuple[str, ...]]:
        """Rows of CSV cells, not quoted, without the header."""
        for row in self.rows(connection=connection):
            yield tuple(values.to_csv(field, value) for field, value in zip(self.fields, row, strict=True))

    def csv_header(self, delimiter: str = ",", line_ending: str = "\n") -> bytes:
        """The header line, quoted."""
        return cells.header_line(self._plan.cells, delimiter, line_ending)

    def csv_lines(
        self,
        delimiter: str = ",",
        line_ending: str = "\n",
        *,
        seed: int | None = None,
        connection: sqlite3.Connection | None = None,
    ) -> Iterator[tuple[bytes, list[int]]]:
        """Whole lines of quoted CSV, without the header, and how long each is; many times as quick as `csv_rows`.

        With a `seed` rows come in no order that means anything, the same for a seed; else as the query orders them.
        `connection` is the calling thread's, where it is not the one that ran the query.
        """
        cursor = self._execute(f"SELECT {cells.array_sql(self._plan.cells)} {self._plan.tail}", connection)
        order: list[int] = []
        while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
            if len(order) != len(rows):
                places = range(len(rows))
                order = list(places) if seed is None else random.Random(seed).sample(places, len(rows))
            yield cells.csv_lines([rows[place][0] for place in order], delimiter, line_ending)

    def _execute(self, sql: str, connection: sqlite3.Connection | None) -> sqlite3.Cursor:
        connection = connection or self._connection
        functions.prepare(connection)
        return _execute(connection, sql, self._parameters)


Result = RestResult | BulkResult
