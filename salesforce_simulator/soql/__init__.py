"""SOQL over the org's SQLite store.

`execute` parses a query, checks it against a schema, compiles it to SQL and runs it. The parts: `parser` (text
to `syntax`), `sources`, `conditions`, `selection` and `aggregates` (each a part of the tree to SQL), `compiler`
(the whole), `results`.

Not there: USING SCOPE but for `everything` and `mine`, WITH, GROUP BY ROLLUP and CUBE, DISTANCE, currency literals
(USD100), and `FORMAT`, `convertCurrency`, `convertTimezone` and `toLabel` pass values through as they are. Child records
come all at once: there are no cursors for children.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload
from weakref import WeakKeyDictionary

from salesforce_simulator.soql import functions
from salesforce_simulator.soql.columns import columns
from salesforce_simulator.soql.compiler import (
    AggregatePlan,
    BulkPlan,
    CountPlan,
    Plan,
    compile_query,
)
from salesforce_simulator.soql.errors import SoqlError
from salesforce_simulator.soql.results import (
    AggregateResult,
    BulkResult,
    CountResult,
    RecordsResult,
    RestResult,
    Result,
)

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from salesforce_simulator.schema import Schema

__all__ = ["BulkResult", "RestResult", "Result", "SoqlError", "check", "columns", "execute"]

_PLANS_KEPT = 256
_plans: WeakKeyDictionary[Schema, dict[tuple[str, str, bool, str | None], Plan]] = WeakKeyDictionary()


@overload
def execute(
    text: str,
    *,
    schema: Schema,
    connection: sqlite3.Connection,
    now: datetime,
    all_rows: bool = False,
    api: Literal["rest"] = "rest",
    version: str = "62.0",
    asker: str | None = None,
) -> RestResult: ...


@overload
def execute(
    text: str,
    *,
    schema: Schema,
    connection: sqlite3.Connection,
    now: datetime,
    all_rows: bool = False,
    api: Literal["bulk"],
    version: str = "62.0",
    asker: str | None = None,
) -> BulkResult: ...


def execute(
    text: str,
    *,
    schema: Schema,
    connection: sqlite3.Connection,
    now: datetime,
    all_rows: bool = False,
    api: Literal["rest", "bulk"] = "rest",
    version: str = "62.0",
    asker: str | None = None,
) -> Result:
    """Run a query.

    Args:
        text: SOQL.
        schema: What the asking user may see.
        connection: The calling thread's connection to the store.
        now: The moment, aware; date literals are days of its time zone (the asking user's).
        all_rows: Whether deleted, merged and archived rows count (queryAll).
        api: `rest` for records, `bulk` for CSV; each refuses what Salesforce's does.
        version: API version for the URLs in `attributes`.
        asker: Id of the asking user, for `USING SCOPE mine`.

    Returns:
        For REST a `RestResult` with its ids fixed; for Bulk a `BulkResult`, which reads rows when asked.

    Raises:
        SoqlError: with Salesforce's code and message.
    """
    functions.prepare(connection)
    plan = _plan(text, schema, api, all_rows=all_rows, asker=asker)
    if isinstance(plan, BulkPlan):
        return BulkResult(plan, connection, now)
    base = f"/services/data/v{version}"
    if isinstance(plan, CountPlan):
        return CountResult(plan, connection, now, base)
    if isinstance(plan, AggregatePlan):
        return AggregateResult(plan, connection, now, base)
    return RecordsResult(plan, connection, now, base)


def check(
    text: str, *, schema: Schema, now: datetime, all_rows: bool = False, api: Literal["rest", "bulk"] = "rest"
) -> None:
    """Find out whether a query is one that an API takes, without running it; arguments as for `execute`.

    Raises:
        SoqlError: it is not.
    """
    del now  # no query is refused for the time of day; the parameter keeps the two calls alike
    _plan(text, schema, api, all_rows=all_rows)


def _plan(text: str, schema: Schema, api: str, *, all_rows: bool, asker: str | None = None) -> Plan:
    """The query's plan, compiled once for a schema."""
    plans = _plans.setdefault(schema, {})
    key = (text, api, all_rows, asker if "scope" in text.lower() else None)
    plan = plans.get(key)
    if plan is None:
        plan = compile_query(text, schema, api, all_rows=all_rows, asker=asker)
        if len(plans) >= _PLANS_KEPT:
            plans.clear()
        plans[key] = plan
    return plan
