"""COUNT, MIN, SUM and the rest, GROUP BY and HAVING."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from salesforce_simulator import values
from salesforce_simulator.schema import NUMBER_TYPES, Field
from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.conditions import Operand
from salesforce_simulator.soql.errors import SoqlError
from salesforce_simulator.soql.sources import is_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.soql.sources import Scope
    from salesforce_simulator.soql.syntax import Call, Expression

AGGREGATES = frozenset({"count", "count_distinct", "min", "max", "sum", "avg"})
_INTEGER = Field("expr", "int")
_NUMERIC = ("int", *NUMBER_TYPES)
_UNGROUPABLE = ("base64", "datetime", "time", "multipicklist", *NUMBER_TYPES)
# Date functions by what strftime calls them; the result is a whole number.
_DATE_PARTS = {
    "calendar_year": "CAST(strftime('%Y', {0}) AS INTEGER)",
    "calendar_month": "CAST(strftime('%m', {0}) AS INTEGER)",
    "calendar_quarter": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
    "fiscal_year": "CAST(strftime('%Y', {0}) AS INTEGER)",
    "fiscal_month": "CAST(strftime('%m', {0}) AS INTEGER)",
    "fiscal_quarter": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
    "day_in_month": "CAST(strftime('%d', {0}) AS INTEGER)",
    "day_in_week": "CAST(strftime('%w', {0}) AS INTEGER) + 1",
    "day_in_year": "CAST(strftime('%j', {0}) AS INTEGER)",
    "week_in_year": "(CAST(strftime('%j', {0}) AS INTEGER) + 6) / 7",
    "hour_in_day": "CAST(strftime('%H', {0}) AS INTEGER)",
    "day_only": "strftime('%Y-%m-%d', {0})",
}


@dataclass(frozen=True, slots=True)
class AggregateColumn:
    """A member of an AggregateResult: its key, its SQL and how its value is shown."""

    key: str
    sql: str
    show: Callable[[Any], Any]


def is_aggregate(query: syntax.Query) -> bool:
    """Whether the query gives AggregateResults instead of records."""
    return bool(query.group_by) or any(
        isinstance(item, syntax.Column)
        and isinstance(item.expression, syntax.Call)
        and item.expression.name.lower() in AGGREGATES
        for item in query.select
    )


def is_bare_count(query: syntax.Query) -> bool:
    """Whether it is `SELECT COUNT() FROM ...`, which gives a number and no records."""
    first = query.select[0]
    return (
        isinstance(first, syntax.Column)
        and isinstance(first.expression, syntax.Call)
        and first.expression.name.lower() == "count"
        and not first.expression.arguments
    )


def operand(scope: Scope, expression: Expression) -> Operand:
    """The operand of a field, a date function or an aggregate.

    Raises:
        SoqlError: no such field or function, or one that the field does not allow.
    """
    if isinstance(expression, syntax.Path):
        source, field = scope.resolve(expression)
        return Operand(source.column(field), field)
    name = expression.name.lower()
    if name in AGGREGATES:
        return _aggregate(scope, expression, name)
    if name in _DATE_PARTS:
        return _date_part(scope, expression, name)
    if name in ("tolabel", "convertcurrency", "converttimezone") and len(expression.arguments) == 1:
        return operand(scope, expression.arguments[0])
    raise scope.refuse(expression.position, "MALFORMED_QUERY", f"unexpected token: '{expression.name}'")


def has_aggregate(expression: Expression) -> bool:
    """Whether there is an aggregate function in it, at any depth."""
    if isinstance(expression, syntax.Path):
        return False
    return expression.name.lower() in AGGREGATES or any(map(has_aggregate, expression.arguments))


def _argument(scope: Scope, call: Call) -> Expression:
    """The one argument of an aggregate or a date function, in which there can be no other aggregate."""
    if len(call.arguments) != 1 or has_aggregate(call.arguments[0]):
        raise scope.refuse(call.position, "MALFORMED_QUERY", f"unexpected token: '{call.name}'")
    return call.arguments[0]


def _aggregate(scope: Scope, call: Call, name: str) -> Operand:
    if name == "count" and not call.arguments:
        return Operand("count(*)", _INTEGER)
    argument = _argument(scope, call)
    inner = operand(scope, argument)
    field = inner.field
    summed = name in ("sum", "avg")
    if (
        field.compound
        or field.type == "base64"
        or (summed and field.type not in _NUMERIC)
        or field.type == "boolean"
    ):
        problem = f"field {field.name} does not support aggregate operator {call.name.upper()}"
        raise scope.refuse(argument.position, "MALFORMED_QUERY", problem)
    collated = f"{inner.sql} COLLATE soql" if is_text(field) else inner.sql
    if name == "count":
        return Operand(f"count({inner.sql})", _INTEGER)
    if name == "count_distinct":
        return Operand(f"count(DISTINCT {collated})", _INTEGER)
    if name == "avg":
        # As an integer with ten more places, so that it compares and shows exactly like a decimal.
        places = 10
        sql = f"(CAST(round(avg({inner.sql}) * 1e{places}) AS INTEGER))"
        scale = (field.scale if field.type != "int" else 0) + places
        return Operand(sql, replace(field, type="double", scale=scale, precision=38))
    if name == "sum":
        # Numbers with more decimals than their field are kept as doubles, whose sums have digits of their own at the end.
        total = f"sum({inner.sql})"
        exact = f"(CASE typeof({total}) WHEN 'real' THEN round({total}, 9) ELSE {total} END)"
        return Operand(exact, field)
    return Operand(f"{name}({collated})", field)


def _date_part(scope: Scope, call: Call, name: str) -> Operand:
    argument = _argument(scope, call)
    inner = operand(scope, argument)
    if inner.field.type not in ("date", "datetime"):
        problem = f"field {inner.field.name} does not support date function {call.name.upper()}"
        raise scope.refuse(argument.position, "MALFORMED_QUERY", problem)
    moment = inner.sql if inner.field.type == "date" else f"{inner.sql} / 1000.0, 'unixepoch'"
    kind = "date" if name == "day_only" else "int"
    return Operand(f"({_DATE_PARTS[name].format(moment)})", Field(inner.field.name, kind))


def columns(scope: Scope, query: syntax.Query) -> list[AggregateColumn]:
    """The members of an aggregate query's results, in order.

    Raises:
        SoqlError: a field that is neither grouped nor aggregated, a doubled alias.
    """
    grouped = grouped_sql(scope, query)
    found: list[AggregateColumn] = []
    taken: set[str] = set()
    unnamed = 0
    for item in query.select:
        if not isinstance(item, syntax.Column):
            problem = "Aggregate queries cannot have subqueries or TYPEOF"
            raise scope.refuse(item.position, "MALFORMED_QUERY", problem)
        expression = item.expression
        of = operand(scope, expression)
        if not has_aggregate(expression) and of.sql not in grouped:
            written = expression.text if isinstance(expression, syntax.Path) else expression.name
            raise SoqlError("MALFORMED_QUERY", f"Field must be grouped or aggregated: {written}")
        key = item.alias or (expression.parts[-1] if isinstance(expression, syntax.Path) else None)
        if key is None:
            key, unnamed = f"expr{unnamed}", unnamed + 1
        elif isinstance(expression, syntax.Path) and item.alias is None:
            key = of.field.name
        if key.lower() in taken:
            raise scope.refuse(expression.position, "MALFORMED_QUERY", f"duplicate alias: {key}")
        taken.add(key.lower())
        found.append(AggregateColumn(key, of.sql, _shower(of.field)))
    return found


def grouped_sql(scope: Scope, query: syntax.Query) -> set[str]:
    """SQL of the expressions that the query groups by."""
    return {operand(scope, expression).sql for expression in query.group_by}


def grouping(scope: Scope, query: syntax.Query) -> str:
    """The GROUP BY list.

    Raises:
        SoqlError: a field that cannot be grouped by, ROLLUP or CUBE.
    """
    parts = []
    for expression in query.group_by:
        if has_aggregate(expression):
            assert isinstance(expression, syntax.Call)
            problem = f"unexpected token: '{expression.name}'"
            raise scope.refuse(expression.position, "MALFORMED_QUERY", problem)
        if isinstance(expression, syntax.Call) and expression.name.lower() in ("rollup", "cube"):
            problem = f"unexpected token: '{expression.name}'"
            raise scope.refuse(expression.position, "MALFORMED_QUERY", problem)
        of = operand(scope, expression)
        if not of.field.groupable or of.field.compound or of.field.type in _UNGROUPABLE:
            problem = f"field '{of.field.name}' can not be grouped in a query call"
            raise scope.refuse(expression.position, "INVALID_FIELD", problem)
        parts.append(f"{of.sql} COLLATE soql" if is_text(of.field) else of.sql)
    return ", ".join(parts)


def _shower(field: Field) -> Callable[[Any], Any]:
    return lambda stored: None if stored is None else values.to_rest(field, stored)
