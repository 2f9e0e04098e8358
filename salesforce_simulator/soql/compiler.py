"""From a syntax tree and a schema to SQL: which plan answers a query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from salesforce_simulator.soql import aggregates, restrictions, syntax
from salesforce_simulator.soql.conditions import Operand, compile_condition
from salesforce_simulator.soql.errors import SoqlError, at
from salesforce_simulator.soql.parser import parse
from salesforce_simulator.soql.selection import BulkSelection, RestSelection
from salesforce_simulator.soql.sources import (
    ADVICE,
    ID_TYPES,
    RELATIONSHIP_ADVICE,
    Parameters,
    Scope,
    is_text,
)

if TYPE_CHECKING:
    from salesforce_simulator.schema import Schema, SObject
    from salesforce_simulator.soql.aggregates import AggregateColumn
    from salesforce_simulator.soql.cells import Cell
    from salesforce_simulator.soql.shapes import RecordShape

MAX_OFFSET = 2000
# "Relationship queries": the root and four levels of children below it.
MAX_CHILD_LEVELS = 4
_ACTIVITIES = ("Task", "Event")


@dataclass(slots=True)
class Statement:
    """An SQL statement and its parameters."""

    sql: str
    parameters: Parameters


@dataclass(slots=True)
class ChildPlan:
    """A child subquery: its statement takes `:ids`, the parents' ids; `parent_place` says where a row has its own."""

    statement: Statement
    parent_place: int
    shape: RecordShape
    children: list[ChildPlan]
    taken: slice


@dataclass(slots=True)
class RecordsPlan:
    """A query for records: one statement for the ids, one for the values of a page of ids (`:ids`)."""

    sobject: str
    ids: Statement
    page: Statement
    shape: RecordShape
    children: list[ChildPlan]


@dataclass(slots=True)
class CountPlan:
    """`SELECT COUNT()`: a number."""

    sobject: str
    statement: Statement


@dataclass(slots=True)
class AggregatePlan:
    """A query for AggregateResults."""

    sobject: str
    statement: Statement
    columns: list[AggregateColumn]


@dataclass(slots=True)
class BulkPlan:
    """A Bulk query: the cells of a line and the rest of the statement after its SELECT list."""

    sobject: str
    cells: list[Cell]
    tail: str
    parameters: Parameters


Plan = RecordsPlan | CountPlan | AggregatePlan | BulkPlan


def compile_query(text: str, schema: Schema, api: str, *, all_rows: bool, asker: str | None = None) -> Plan:
    """Check a query against what the asking user may see, and plan it.

    `api` is `rest` or `bulk`. With `all_rows` deleted, merged and archived rows count (queryAll). `USING SCOPE mine`
    gives the records of the user with the id `asker`.

    Raises:
        SoqlError: the query is not one that this API takes.
    """
    try:
        return _Compiler(text, schema, all_rows=all_rows, asker=asker).plan(parse(text), api)
    except RecursionError:
        # Conditions within conditions, functions within functions, subqueries within subqueries.
        raise restrictions.too_complicated() from None


def scope_of(
    text: str, schema: Schema, query: syntax.Query, sobject: SObject, parameters: Parameters
) -> Scope:
    """The tables of one SELECT; what stands before a path in it are its aliases and the object's own name."""
    names: dict[str, tuple[str, ...]] = {sobject.name.lower(): ()}
    if query.tables[0].alias is not None:
        names[query.tables[0].alias.lower()] = ()
    for table in query.tables[1:]:
        first, *rest = table.path.parts
        known = names.get(first.lower())
        steps = (*known, *rest) if known is not None else table.path.parts
        names[(table.alias or table.path.parts[-1]).lower()] = steps
    return Scope(text, schema, sobject, parameters, names)


class _Compiler:
    def __init__(self, text: str, schema: Schema, *, all_rows: bool, asker: str | None) -> None:
        self.asker = asker
        self.text = text
        self.schema = schema
        self.all_rows = all_rows

    def plan(self, query: syntax.Query, api: str) -> Plan:
        sobject = self._entity(query)
        self._check_clauses(query)
        aggregate = aggregates.is_aggregate(query)
        if api == "bulk":
            if aggregate:
                raise SoqlError("API_ERROR", "Aggregate queries are not supported in Bulk Query")
            if query.offset is not None:
                raise SoqlError("API_ERROR", "OFFSET is not supported in Bulk Query")
            return self._bulk(query, sobject)
        if aggregate and sobject.big:
            raise SoqlError("BIG_OBJECT_UNSUPPORTED_OPERATION", "Aggregate functions not supported")
        if aggregates.is_bare_count(query):
            return self._count(query, sobject)
        return self._aggregate(query, sobject) if aggregate else self._records(query, sobject)

    # Plans

    def _records(self, query: syntax.Query, sobject: SObject) -> RecordsPlan:
        found = self._scope(query, sobject, Parameters())
        tail = self._tail(found, query)
        ids = Statement(f"SELECT {found.root.id_sql} {found.from_sql} {tail}", found.parameters)
        shown = self._scope(query, sobject, Parameters())
        selection = RestSelection(shown, query)
        children = [self._child(child, sobject, selection) for child in selection.children]
        where = f"WHERE {shown.root.id_sql} IN (SELECT value FROM json_each(:ids))"
        page = Statement(f"SELECT {selection.columns.sql} {shown.from_sql} {where}", shown.parameters)
        return RecordsPlan(sobject.name, ids, page, selection.shape, children)

    def _bulk(self, query: syntax.Query, sobject: SObject) -> BulkPlan:
        scope = self._scope(query, sobject, Parameters())
        cells = BulkSelection(scope, query).cells
        tail = self._tail(scope, query)
        return BulkPlan(sobject.name, cells, f"{scope.from_sql} {tail}", scope.parameters)

    def _count(self, query: syntax.Query, sobject: SObject) -> CountPlan:
        if len(query.select) > 1:
            second = query.select[1]
            position = second.expression.position if isinstance(second, syntax.Column) else second.position
            raise self._refuse(
                position, "MALFORMED_QUERY", "COUNT() must be the only element in the SELECT list"
            )
        scope = self._scope(query, sobject, Parameters())
        tail = self._tail(scope, query)
        sql = f"SELECT count(*) FROM (SELECT 1 {scope.from_sql} {tail})"
        return CountPlan(sobject.name, Statement(sql, scope.parameters))

    def _aggregate(self, query: syntax.Query, sobject: SObject) -> AggregatePlan:
        scope = self._scope(query, sobject, Parameters())
        columns = aggregates.columns(scope, query)
        aliases = {column.key.lower(): column.sql for column in columns}
        parts = [self._where(scope, query)]
        if query.group_by:
            parts.append(f"GROUP BY {aggregates.grouping(scope, query)}")
        if query.having is not None:
            having = compile_condition(
                scope, query.having, partial(aggregates.operand, scope), self._no_subselect(scope)
            )
            parts.append(f"HAVING {having}")
        self._check_ungrouped(scope, query, aliases)
        parts += [self._order(scope, query, aliases), _limit(query)]
        tail = " ".join(part for part in parts if part)
        names = ", ".join(column.sql for column in columns)
        return AggregatePlan(
            sobject.name, Statement(f"SELECT {names} {scope.from_sql} {tail}", scope.parameters), columns
        )

    def _check_ungrouped(self, scope: Scope, query: syntax.Query, aliases: dict[str, str]) -> None:
        """Refuse an order by what is no longer there after grouping, and LIMIT of a single row."""
        if query.limit is not None and not query.group_by:
            problem = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
            raise self._refuse(query.positions["limit"], "MALFORMED_QUERY", problem)
        allowed = aggregates.grouped_sql(scope, query)
        for ordering in query.order_by:
            expression = ordering.expression
            if aggregates.has_aggregate(expression):
                continue
            written = expression.text if isinstance(expression, syntax.Path) else expression.name
            if written.lower() in aliases or aggregates.operand(scope, expression).sql in allowed:
                continue
            raise SoqlError("MALFORMED_QUERY", f"Ordered field must be grouped or aggregated: {written}")

    def _child(self, item: syntax.Child, parent: SObject, outer: RestSelection, depth: int = 1) -> ChildPlan:
        query = item.query
        path = query.tables[0].path
        name = path.parts[-1].lower()
        relationship = next(
            (
                r
                for r in self.schema.child_relationships(parent.name)
                if r.relationship_name is not None and r.relationship_name.lower() == name
            ),
            None,
        )
        if relationship is None:
            problem = f"Didn't understand relationship '{path.text}' in FROM part of query call. {RELATIONSHIP_ADVICE}"
            raise self._refuse(path.position, "INVALID_TYPE", problem)
        assert relationship.relationship_name is not None
        if depth > MAX_CHILD_LEVELS:
            problem = f"Only {MAX_CHILD_LEVELS} levels of child subqueries are allowed"
            raise self._refuse(path.position, "MALFORMED_QUERY", problem)
        child = self.schema.objects[relationship.child]
        self._check_clauses(query)
        if aggregates.is_aggregate(query):
            problem = "Grouping and aggregates are not allowed in a child subquery"
            raise self._refuse(query.positions["select"], "MALFORMED_QUERY", problem)
        scope = self._scope(query, child, Parameters())
        selection = RestSelection(scope, query)
        reference = scope.root.column(child.fields[relationship.field])
        place = selection.columns.place(reference)
        children = [self._child(inner, child, selection, depth + 1) for inner in selection.children]
        where = self._where(scope, query, f"{reference} IN (SELECT value FROM json_each(:ids))")
        order = self._order(scope, query, {})
        sql = f"SELECT {selection.columns.sql} {scope.from_sql} {where} {order}"
        if not outer.add_children(outer.children.index(item), relationship.relationship_name):
            problem = f"duplicate relationship selected: {relationship.relationship_name}"
            raise self._refuse(path.position, "MALFORMED_QUERY", problem)
        start = query.offset or 0
        taken = slice(start, None if query.limit is None else start + query.limit)
        return ChildPlan(Statement(sql, scope.parameters), place, selection.shape, children, taken)

    # Clauses

    def _entity(self, query: syntax.Query) -> SObject:
        path = query.tables[0].path
        sobject = self.schema.get(path.text)
        if sobject is None:
            raise self._refuse(
                path.position,
                "INVALID_TYPE",
                f"sObject type '{path.text}' is not supported. If you are attempting to use a custom object, be "
                f"sure to append the '__c' after the entity name. {ADVICE}",
            )
        if not sobject.queryable:
            raise SoqlError(
                "INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support query"
            )
        if sobject.refusal is not None:
            raise SoqlError(*sobject.refusal)
        return sobject

    def _check_clauses(self, query: syntax.Query) -> None:
        refused = {
            "all_rows": "ALL ROWS not allowed in this context",
            "for_update": "FOR UPDATE not allowed in this context",
        }
        for clause, problem in refused.items():
            if clause in query.positions:
                raise self._refuse(query.positions[clause], "MALFORMED_QUERY", problem)
        if query.offset is not None and query.offset > MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        if query.having is not None and not query.group_by:
            position = query.positions["having"]
            raise self._refuse(position, "MALFORMED_QUERY", "HAVING is only allowed with GROUP BY")

    def _scope(self, query: syntax.Query, sobject: SObject, parameters: Parameters) -> Scope:
        return scope_of(self.text, self.schema, query, sobject, parameters)

    def _tail(self, scope: Scope, query: syntax.Query) -> str:
        parts = (self._where(scope, query), self._order(scope, query, {}), _limit(query))
        return " ".join(part for part in parts if part)

    def _where(self, scope: Scope, query: syntax.Query, *conditions: str) -> str:
        sobject = scope.root.sobject
        terms = list(conditions)
        if not self.all_rows:
            if "IsDeleted" in sobject.fields:
                terms.append(f'NOT ifnull({scope.root.alias}."IsDeleted", 0)')
            if sobject.name in _ACTIVITIES and "IsArchived" in sobject.fields:
                terms.append(f'NOT ifnull({scope.root.alias}."IsArchived", 0)')
        if query.scope == "mine":
            terms.append(self._mine(scope, query))
        if sobject.requires_filter:
            restrictions.check_required_filter(sobject, query.where)
        if query.where is not None:
            restrictions.check_semi_joins(self.text, query.where)
            operand = partial(self._filter_operand, scope)
            terms.append(compile_condition(scope, query.where, operand, partial(self._subselect, scope)))
        return f"WHERE {' AND '.join(terms)}" if terms else ""

    def _mine(self, scope: Scope, query: syntax.Query) -> str:
        if self.asker is None or "OwnerId" not in scope.root.sobject.fields:
            problem = f"{scope.root.sobject.name} does not support the scope mine"
            raise self._refuse(query.positions["scope"], "MALFORMED_QUERY", problem)
        return f'{scope.root.alias}."OwnerId" = {scope.parameters.bind(self.asker)}'

    def _filter_operand(self, scope: Scope, expression: syntax.Expression) -> Operand:
        if aggregates.has_aggregate(expression):
            problem = "Grouping or aggregate expressions are only allowed in HAVING and in grouped queries"
            raise self._refuse(expression.position, "MALFORMED_QUERY", problem)
        return aggregates.operand(scope, expression)

    def _order(self, scope: Scope, query: syntax.Query, aliases: dict[str, str]) -> str:
        terms = []
        for ordering in query.order_by:
            expression = ordering.expression
            name = expression.text.lower() if isinstance(expression, syntax.Path) else ""
            if name in aliases:
                sql = aliases[name]
            else:
                resolve = aggregates.operand if aliases else self._filter_operand
                sql = self._sortable(expression, resolve(scope, expression))
            direction = "DESC" if ordering.descending else "ASC"
            terms.append(f"{sql} {direction} NULLS {'LAST' if ordering.nulls_last else 'FIRST'}")
        return f"ORDER BY {', '.join(terms)}" if terms else ""

    def _sortable(self, expression: syntax.Expression, operand: Operand) -> str:
        of = operand.field
        if not of.sortable or of.compound or of.type in ("base64", "multipicklist"):
            problem = f"field '{of.name}' can not be sorted in a query call"
            raise self._refuse(expression.position, "INVALID_FIELD", problem)
        if of.type == "boolean":
            return f"ifnull({operand.sql}, 0)"
        # Folding each text once is quicker than folding two a comparison.
        return f"soql_fold({operand.sql})" if is_text(of) else operand.sql

    # Semi-joins

    def _subselect(self, scope: Scope, comparison: syntax.Comparison, left: Operand) -> str:
        query = comparison.right
        assert isinstance(query, syntax.Query)
        position = query.positions["select"]
        sobject = self._entity(query)
        self._check_clauses(query)
        if len(query.select) != 1 or not isinstance(query.select[0], syntax.Column):
            problem = "The inner select of a semi join must have exactly one field"
            raise self._refuse(position, "MALFORMED_QUERY", problem)
        expression = query.select[0].expression
        inner = self._scope(query, sobject, scope.parameters)
        operand = self._filter_operand(inner, expression)
        for field_, place in ((left.field, comparison.position), (operand.field, expression.position)):
            if field_.type not in ID_TYPES:
                problem = f"semi join sub-selects can only query id fields, cannot use: '{field_.name}'"
                raise self._refuse(place, "MALFORMED_QUERY", problem)
        if sobject.name == scope.root.sobject.name and left.field.type == operand.field.type == "id":
            problem = "The inner and outer selects should not be on the same object type"
            raise self._refuse(position, "MALFORMED_QUERY", problem)
        tail = self._tail(inner, query)
        return f"(SELECT {operand.sql} {inner.from_sql} {tail})"

    def _no_subselect(self, scope: Scope) -> partial[str]:
        def refuse(comparison: syntax.Comparison, _left: Operand) -> str:
            raise scope.refuse(
                comparison.position, "MALFORMED_QUERY", "Semi join sub-selects are not allowed in HAVING"
            )

        return partial(refuse)

    def _refuse(self, position: int, error_code: str, problem: str) -> SoqlError:
        return at(self.text, position, error_code, problem)


def _limit(query: syntax.Query) -> str:
    if query.limit is None and query.offset is None:
        return ""
    limit = -1 if query.limit is None else min(query.limit, 2**62)
    return f"LIMIT {limit} OFFSET {query.offset or 0}"
