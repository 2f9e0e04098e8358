"""Tables as Segment makes and fills them from an org."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from tests.pair.store import columns_of, expected_value, table_of

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import Field
    from tests.fix_warehouse import Warehouse

SYNCED = datetime(2026, 1, 1, tzinfo=UTC)
"""When Segment last wrote a row."""

LENGTH = 512

TYPES = {
    "boolean": "boolean",
    "int": "bigint",
    "long": "bigint",
    "double": "numeric",
    "currency": "numeric",
    "percent": "numeric",
    "datetime": "timestamp with time zone",
    "date": "timestamp with time zone",
}
"""Types of what is not text, by Salesforce's types; a date is a time to Segment."""


def fill(warehouse: Warehouse, org: Org, names: list[str], moment: str) -> None:
    """Make a table for each object, with the rows that the org has now; `moment` is the type of Segment's own columns.

    Text is cut, and a column exists only if a row has had a value for it.
    """
    warehouse.execute("CREATE SCHEMA {schema}")
    for name in names:
        sobject = org.object(name)
        rows = [dict(row) for row in org.rows(name)]
        fields = {
            column: field
            for column, field in columns_of(sobject).items()
            if column != "id" and any(expected_value(field, row[field.name]) is not None for row in rows)
        }
        own = f"received_at {moment}, uuid bigint, uuid_ts {moment}"
        columns = [f'"{column}" {TYPES.get(field.type, "varchar(512)")}' for column, field in fields.items()]
        table = f"{{schema}}.{table_of(sobject)}"
        warehouse.execute(
            f"CREATE TABLE {table} (id varchar(512) NOT NULL PRIMARY KEY, {own}, {', '.join(columns)})"
        )
        for column in ("received_at", "uuid", "uuid_ts"):
            warehouse.execute(f"CREATE INDEX ON {table} ({column})")
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(warehouse.schema, table_of(sobject)),
            sql.SQL(", ").join(map(sql.Identifier, ("id", "received_at", "uuid", "uuid_ts", *fields))),
        )
        with warehouse.connection.cursor() as cursor, cursor.copy(into) as copy:
            for number, row in enumerate(rows):
                values = [_cell(field, row[field.name]) for field in fields.values()]
                copy.write_row((row["Id"], SYNCED, number, SYNCED, *values))


def _cell(field: Field, given: Any) -> Any:
    if field.type == "time":
        return given
    value = expected_value(field, given)
    if isinstance(value, date) and field.type == "date":
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if TYPES.get(field.type) == "bigint" and value is not None:
        return int(value)
    return value[:LENGTH] if isinstance(value, str) else value


VIEWS = {
    "open_pipeline": "SELECT stage_name, count(*) AS deals, sum(amount) AS amount FROM {schema}.opportunities"
    " WHERE NOT is_closed AND NOT is_deleted GROUP BY stage_name",
    "customers": "SELECT a.id, a.name, a.industry, count(c.id) AS contacts FROM {schema}.accounts a"
    " LEFT JOIN {schema}.contacts c ON c.account_id = a.id AND NOT c.is_deleted WHERE NOT a.is_deleted GROUP BY a.id",
    "all_cases": "SELECT * FROM {schema}.cases",
}
"""Views over Segment's tables, by name: with some columns, with a join, and with all columns."""

DASHBOARDS = [
    "SELECT * FROM {schema}.open_pipeline ORDER BY stage_name",
    "SELECT industry, count(*), sum(contacts) FROM {schema}.customers GROUP BY industry ORDER BY industry",
    "SELECT status, priority, count(*) FROM {schema}.all_cases WHERE NOT is_deleted GROUP BY 1, 2 ORDER BY 1, 2",
    (
        "SELECT lead_source, count(*), avg((is_converted)::integer) FROM {schema}.leads WHERE is_deleted = false"
        " GROUP BY 1 ORDER BY 1"
    ),
    (
        "SELECT date_trunc('month', close_date) AS month, sum(amount) FROM {schema}.opportunities"
        " WHERE is_won AND NOT is_deleted GROUP BY 1 ORDER BY 1"
    ),
    (
        "SELECT name, annual_revenue FROM {schema}.accounts WHERE NOT is_deleted"
        " ORDER BY annual_revenue DESC NULLS LAST, id LIMIT 10"
    ),
    (
        "SELECT a.name, count(*) FROM {schema}.cases k JOIN {schema}.accounts a ON a.id = k.account_id"
        " WHERE NOT k.is_deleted AND k.status <> 'Closed' GROUP BY a.id, a.name ORDER BY 2 DESC, a.id LIMIT 20"
    ),
    "SELECT owner_id, count(*), max(activity_date) FROM {schema}.tasks WHERE NOT is_deleted GROUP BY 1 ORDER BY 1",
    (
        "SELECT date_trunc('week', created_date) AS week, count(*) FROM {schema}.contacts WHERE NOT is_deleted"
        " GROUP BY 1 ORDER BY 1"
    ),
    (
        "SELECT count(*), count(received_at), count(uuid_ts) FROM {schema}.accounts WHERE NOT is_deleted"
        " AND received_at >= '2026-01-01'"
    ),
]
"""Ten questions as dashboards ask them."""
