"""What a WHERE clause must or must not hold, whatever the types of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.errors import SoqlError, at

if TYPE_CHECKING:
    from salesforce_simulator.schema import SObject

_MAX_SEMI_JOINS = 2
_IDS_ONLY = "ContentDocumentLink"


def too_complicated() -> SoqlError:
    """The error for a query that is too much."""
    return SoqlError(
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated.",
    )


def check_semi_joins(text: str, where: syntax.Condition) -> None:
    """Refuse semi-joins in places where they may not stand (guide: "Comparison Operators", semi-joins).

    Raises:
        SoqlError: MALFORMED_QUERY.
    """
    top = {id(term) for term in where.terms} if isinstance(where, syntax.And | syntax.Or) else {id(where)}
    count = 0
    for term in comparisons(where):
        if not isinstance(term.right, syntax.Query):
            continue
        count += 1
        if isinstance(where, syntax.Or) and id(term) in top:
            problem = "Semi join sub-selects are not allowed with the 'OR' operator"
            raise at(text, term.position, "MALFORMED_QUERY", problem)
        if id(term) not in top:
            problem = (
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested "
                "WHERE expressions."
            )
            raise at(text, term.position, "MALFORMED_QUERY", problem)
        inner = term.right.where
        if inner is not None and any(isinstance(c.right, syntax.Query) for c in comparisons(inner)):
            problem = "Nesting of semi join sub-selects is not supported"
            raise at(text, term.right.positions["select"], "MALFORMED_QUERY", problem)
    if count > _MAX_SEMI_JOINS:
        problem = f"Maximum {_MAX_SEMI_JOINS} semi join sub-selects are allowed"
        raise SoqlError("MALFORMED_QUERY", problem)


def check_required_filter(sobject: SObject, where: syntax.Condition | None) -> None:
    """Refuse a query of an SObject that wants a filter on ids and gets none; one on Id will do as well.

    Raises:
        SoqlError: MALFORMED_QUERY.
    """
    wanted = {"id", *(name.lower() for name in sobject.requires_filter)}
    operators = ("=",) if sobject.one_id_a_filter else ("=", "in")
    top = where.terms if isinstance(where, syntax.And) else () if where is None else (where,)
    filters = [
        (name, term.operator)
        for term in top
        if isinstance(term, syntax.Comparison)
        and isinstance(term.left, syntax.Path)
        and (name := term.left.parts[-1].lower()) in wanted
        and term.operator in operators
    ]
    if filters:
        if sobject.name == _IDS_ONLY and ("linkedentityid", "=") not in filters:
            _check_only_ids(sobject, where)
        return
    if sobject.filter_refusal:
        raise SoqlError("MALFORMED_QUERY", sobject.filter_refusal)
    if "DurableId" in sobject.requires_filter:
        columns = ",".join(sobject.requires_filter)
        raise SoqlError(
            "MALFORMED_QUERY", f"{sobject.name}: a filter on a reified column is required [{columns}]"
        )
    names = " or ".join(sobject.requires_filter)
    raise SoqlError(
        "MALFORMED_QUERY",
        f"Implementation restriction: {sobject.name} requires a filter by a single Id on {names} using the equals "
        f"operator or multiple Id's using the IN operator.",
    )


def _check_only_ids(sobject: SObject, where: syntax.Condition | None) -> None:
    for term in comparisons(where) if where is not None else ():
        field = sobject.field(term.left.parts[-1]) if isinstance(term.left, syntax.Path) else None
        if field is None or field.type not in ("id", "reference"):
            raise SoqlError(
                "MALFORMED_QUERY",
                "Implementation restriction: filtering on non-id fields is only permitted when filtering by "
                f"{sobject.name}.LinkedEntityId using the equals operator.",
            )


def comparisons(condition: syntax.Condition) -> list[syntax.Comparison]:
    """Every comparison of a condition, however deep."""
    found: list[syntax.Comparison] = []
    rest = [condition]
    while rest:
        term = rest.pop()
        if isinstance(term, syntax.Comparison):
            found.append(term)
        else:
            rest += (term.term,) if isinstance(term, syntax.Not) else reversed(term.terms)
    return found
