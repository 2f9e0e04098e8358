"""WHERE and HAVING as SQL.

Every condition is either true or not: a comparison with a missing value is not true, except that != and NOT IN
are true of it, and NOT turns it round. A missing boolean is false, and `= null` of a boolean asks for false (guide:
"Use null in WHERE").
"""

from __future__ import annotations

import json
from datetime import datetime, time
from decimal import ROUND_FLOOR, Context, Decimal
from functools import partial
from typing import TYPE_CHECKING

from salesforce_simulator.clock import to_ms
from salesforce_simulator.ids import is_id, to_18
from salesforce_simulator.schema import NUMBER_TYPES, Field
from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.relative_dates import span
from salesforce_simulator.soql.sources import ID_TYPES, Scope, is_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from salesforce_simulator.soql.syntax import Condition, Expression, Literal

_EXACT = Context(prec=60)
# From here on a stored number is whole: no float has a fraction.
_FRACTIONS_END = 2**53
_LARGEST = Decimal(2**63 - 1)
_TYPE_NAMES = {"datetime": "dateTime", "id": "ID", "reference": "reference"}
_KINDS = {
    "boolean": ("boolean",),
    "date": ("date", "relative"),
    "datetime": ("datetime", "relative"),
    "time": ("time",),
    **dict.fromkeys(("int", *NUMBER_TYPES), ("number",)),
}
_LONG_TEXT = 255
_SINCE = ("LAST_N_DAYS", "LAST_90_DAYS")
_NEGATED = {"!=": "=", "not in": "in", "excludes": "includes"}


class Operand:
    """The left side of a comparison: SQL of a stored value and the field whose type and name it has."""

    def __init__(self, sql: str, field: Field) -> None:
        self.sql = sql
        self.field = field


def compile_condition(
    scope: Scope,
    condition: Condition,
    operand: Callable[[Expression], Operand],
    subselect: Callable[[syntax.Comparison, Operand], str],
) -> str:
    """Turn a condition into SQL.

    Args:
        scope: Where its parameters go.
        condition: The tree.
        operand: Resolves the left side of a comparison (fields in WHERE, aggregates too in HAVING).
        subselect: Turns a semi-join's query into an SQL subselect.

    Raises:
        SoqlError: a comparison that the field's type does not allow.
    """
    compiler = _Conditions(scope, operand, subselect)
    return compiler.sql(condition, negated=False)


class _Conditions:
    """Compiles a tree of conditions; NOT is pushed down to the comparisons, so that the SQL nests no deeper than
    AND within OR does (SQLite's parser has a small stack)."""

    def __init__(
        self,
        scope: Scope,
        operand: Callable[[Expression], Operand],
        subselect: Callable[[syntax.Comparison, Operand], str],
    ) -> None:
        self._scope = scope
        self._operand = operand
        self._subselect = subselect

    def sql(self, condition: Condition, *, negated: bool) -> str:
        while isinstance(condition, syntax.Not):
            condition, negated = condition.term, not negated
        if isinstance(condition, syntax.Comparison):
            return self._comparison(condition, negated=negated)
        terms = [self.sql(term, negated=negated) for term in condition.terms]
        return _balanced(terms, "AND" if isinstance(condition, syntax.And) != negated else "OR")

    def _comparison(self, comparison: syntax.Comparison, *, negated: bool) -> str:
        left = self._operand(comparison.left)
        if isinstance(comparison.right, syntax.Query):
            member = f"({left.sql} IN {self._subselect(comparison, left)})"
        else:
            right = comparison.right
            literals = right if isinstance(right, tuple) else (right,)
            positive = _NEGATED.get(comparison.operator, comparison.operator)
            member = _Comparison(self._scope, comparison.position, left).sql(positive, literals)
        negative = negated != (comparison.operator in _NEGATED)
        return f"NOT ifnull({member}, 0)" if negative else f"ifnull({member}, 0)" if negated else member


def _balanced(terms: Sequence[str], operator: str) -> str:
    """Join terms as a shallow tree: SQLite refuses expressions over 1000 levels deep."""
    if len(terms) <= 2:
        return f"({f' {operator} '.join(terms)})"
    middle = len(terms) // 2
    return f"({_balanced(terms[:middle], operator)} {operator} {_balanced(terms[middle:], operator)})"


class _Comparison:
    """One operand compared with literals, by the operand's type."""

    def __init__(self, scope: Scope, position: int, left: Operand) -> None:
        self.scope = scope
        self.position = position
        # Empty text is null to a condition.
        self.left = Operand(f"nullif({left.sql}, '')", left.field) if is_text(left.field) else left
        self.field = left.field
        self.bind = scope.parameters.bind

    def sql(self, operator: str, literals: Sequence[Literal]) -> str:
        self._check_operator(operator)
        for literal in literals:
            self._check_type(literal)
        if operator == "includes":
            return f"soql_includes({self.left.sql}, {self.bind(json.dumps([_plain(v) for v in literals]))})"
        if operator == "in":
            return self._in(literals)
        literal = literals[0]
        if operator == "like":
            return f"soql_like({self.left.sql}, {self.bind(str(literal.value))})"
        if self._is_null(literal):
            return self._null(operator)
        return self._compare(operator, literal)

    def _check_operator(self, operator: str) -> None:
        field = self.field
        if not field.filterable or field.compound or field.type == "base64" or _is_long_text(field):
            raise self._refuse("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        if operator == "includes":
            if field.type != "multipicklist":
                raise self._refuse(
                    "INVALID_FIELD", "includes or excludes operator only valid on multipicklist field"
                )
        elif operator == "like" and not is_text(field):
            name = "id" if field.type in ID_TYPES else field.type
            raise self._refuse("INVALID_FIELD", f"invalid operator on {name} field")
        elif operator not in ("=", "in") and field.type == "boolean":
            raise self._refuse("INVALID_FIELD", "invalid operator on boolean field")

    def _check_type(self, literal: Literal) -> None:
        field = self.field
        if literal.kind == "null":
            return
        if is_text(field) or field.type in ID_TYPES:
            kinds: tuple[str, ...] = ("string",)
            should = "should be enclosed in quotes"
        else:
            kinds, should = _KINDS[field.type], "should not be enclosed in quotes"
        if literal.kind not in kinds:
            name = "string" if is_text(field) else _TYPE_NAMES.get(field.type, field.type)
            problem = (
                f"value of filter criterion for field '{field.name}' must be of type {name} and {should}"
            )
            raise self._refuse("INVALID_FIELD", problem)
        if field.type in ID_TYPES and not is_id(str(literal.value)):
            problem = f"invalid ID field: {_plain(literal)}"
            raise self._refuse("INVALID_QUERY_FILTER_OPERATOR", problem)

    def _refuse(self, error_code: str, problem: str) -> Exception:
        return self.scope.refuse(self.position, error_code, problem)

    def _is_null(self, literal: Literal) -> bool:
        return literal.kind == "null" or (literal.value == "" and is_text(self.field))

    def _null(self, operator: str) -> str:
        if operator != "=":
            return "0"
        if self.field.type == "boolean":
            return f"(ifnull({self.left.sql}, 0) = 0)"
        return f"({self.left.sql} IS NULL)"

    def _in(self, literals: Sequence[Literal]) -> str:
        terms = []
        plain = [literal for literal in literals if not self._is_null(literal)]
        if len(plain) < len(literals):
            terms.append(self._null("="))
        if is_text(self.field):
            terms.append(self._member(f"{self.left.sql} COLLATE soql", [_plain(v) for v in plain]))
        elif self.field.type in ID_TYPES:
            terms.append(self._member(self.left.sql, [to_18(str(v.value)) for v in plain]))
        else:
            terms += [self._compare("=", literal) for literal in plain]
        return _balanced(terms, "OR")

    def _member(self, sql: str, values: list[str]) -> str:
        return f"({sql} IN (SELECT value FROM json_each({self.bind(json.dumps(values))})))"

    def _compare(self, operator: str, literal: Literal) -> str:
        sql, kind = self.left.sql, self.field.type
        if is_text(self.field):
            return f"({sql} COLLATE soql {operator} {self.bind(_plain(literal))})"
        if kind in ID_TYPES:
            return f"({sql} {operator} {self.bind(to_18(str(literal.value)))})"
        if kind == "boolean":
            return f"(ifnull({sql}, 0) {operator} {self.bind(int(bool(literal.value)))})"
        if literal.kind == "relative":
            return self._compare_span(operator, str(literal.value))
        if literal.kind == "number":
            assert isinstance(literal.value, Decimal)
            return self._compare_number(operator, literal.value)
        return f"({sql} {operator} {self.bind(self._moment(literal))})"

    def _compare_number(self, operator: str, number: Decimal) -> str:
        """Compare with the stored, scaled number: exact, however many digits the literal has."""
        scaled = number.scaleb(self.field.scale, _EXACT) if self.field.type != "int" else number
        # Beyond what SQLite's integers hold, and beyond any field's digits, only the sign matters.
        scaled = max(min(scaled, _LARGEST), -_LARGEST)
        floor = int(scaled.to_integral_value(ROUND_FLOOR))
        if scaled != floor and abs(floor) < _FRACTIONS_END:
            return f"({self.left.sql} {operator} {self.bind(float(scaled))})"
        if scaled != floor:
            if operator == "=":
                return "0"
            # Between two stored values: only the side matters.
            operator = ">" if operator in (">", ">=") else "<="
        return f"({self.left.sql} {operator} {self.bind(floor)})"

    def _compare_span(self, operator: str, name: str) -> str:
        sql = self.left.sql
        start, end = (self.bind(partial(_edge, name, i, self.field.type)) for i in (0, 1))
        if operator == "=":
            return f"({sql} >= {start} AND {sql} < {end})"
        if operator == ">" and name.startswith(_SINCE):
            # `> LAST_N_DAYS:3` is in wide use for "in the last three days"; after the range's end nothing could be.
            return f"({sql} > {start})"
        return {
            "<": f"({sql} < {start})",
            ">=": f"({sql} >= {start})",
            "<=": f"({sql} < {end})",
            ">": f"({sql} >= {end})",
        }[operator]

    def _moment(self, literal: Literal) -> str | int:
        text = str(literal.value)
        try:
            if literal.kind == "date":
                datetime.fromisoformat(text)
                return text
            if literal.kind == "time":
                moment = time.fromisoformat(text.removesuffix("Z"))
                seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
                return seconds * 1000 + moment.microsecond // 1000
            return to_ms(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            name = _TYPE_NAMES.get(literal.kind, literal.kind)
            problem = f"invalid {name}: {text}"
            raise self.scope.refuse(literal.position, "MALFORMED_QUERY", problem) from None


def _edge(name: str, index: int, kind: str, now: datetime) -> str | int:
    """One end of a date literal's range in a field's storage form, at the moment of the query."""
    day = span(name, now)[index]
    if kind == "date":
        return day.isoformat()
    return to_ms(datetime.combine(day, time(), now.tzinfo))


def _plain(literal: Literal) -> str:
    r"""A string literal's text where there is no LIKE: `\_`, `\%` and `\\` stand for the character alone."""
    text = str(literal.value)
    for escaped in ("\\\\", "\\_", "\\%"):
        if escaped in text:
            return _unescape_wildcards(text)
    return text


def _unescape_wildcards(text: str) -> str:
    characters = iter(text)
    return "".join(next(characters, "") if c == "\\" else c for c in characters)


def _is_long_text(field: Field) -> bool:
    return field.type == "textarea" and field.length > _LONG_TEXT
