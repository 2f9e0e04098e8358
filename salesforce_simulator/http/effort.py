"""Queries that ask for more than the org can do in time."""

from typing import TYPE_CHECKING

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.errors import at
from salesforce_simulator.soql.parser import parse
from salesforce_simulator.soql.restrictions import comparisons, too_complicated
from salesforce_simulator.soql.sources import no_such_column

if TYPE_CHECKING:
    from salesforce_simulator.http.settings import Settings
    from salesforce_simulator.schema import Schema
    from salesforce_simulator.users import User

_ACTIVITIES = ("Task", "Event")


def check_columns(settings: "Settings", text: str) -> None:
    """Refuse a query of too many columns.

    Raises:
        SoqlError: `QUERY_TOO_COMPLICATED`.
    """
    if settings.most_columns is not None and len(parse(text).select) > settings.most_columns:
        raise too_complicated()


def check_refused_columns(settings: "Settings", text: str, sobject: str) -> None:
    """Refuse a query that does with a column what the org does not take.

    Raises:
        SoqlError: `INVALID_FIELD`.
    """
    if not settings.refused_columns:
        return
    query = parse(text)
    read = [item.expression for item in query.select if isinstance(item, syntax.Column)]
    filtered = [] if query.where is None else [term.left for term in comparisons(query.where)]
    refused = {name.lower(): use for name, use in settings.refused_columns.items()}
    for use, expressions in (("read", read), ("filter", filtered)):
        for path in expressions:
            if not isinstance(path, syntax.Path):
                continue
            name = path.parts[-1]
            # Behind a lookup that may point at objects of several kinds stands the object Name.
            entity = sobject if len(path.parts) == 1 else "Name"
            if refused.get(f"{entity}.{name}".lower()) == use:
                problem = f"field '{name}' can not be filtered in a query call"
                if use == "read":
                    problem = no_such_column(name, entity)
                raise at(text, path.position, "INVALID_FIELD", problem)


def check_effort(settings: "Settings", user: "User", sobject: str, rows: int) -> None:
    """Refuse a query that the org does not get done; `rows` are those that it finds.

    Raises:
        ApiError: `QUERY_TIMEOUT` or `OPERATION_TOO_LARGE`; a query for less may do.
    """
    if settings.timeout_rows is not None and rows > settings.timeout_rows:
        raise ApiError("QUERY_TIMEOUT", "Your query request was running for too long.")
    # Without "View All" the org must find out whose each activity's person and record are.
    limited = sobject in _ACTIVITIES and not user.permissions.on(sobject).view_all
    if limited and rows > settings.most_activities:
        raise ApiError("OPERATION_TOO_LARGE", f"exceeded {settings.most_activities} distinct who/what's")


def check_formulas(settings: "Settings", schema: "Schema", text: str) -> None:
    """Refuse a query of too many formula fields, however few its rows.

    Raises:
        ApiError: `QUERY_TOO_COMPLICATED`; a query for fewer columns may do.
    """
    if settings.most_formulas is not None and soql.formula_count(text, schema) > settings.most_formulas:
        raise soql.too_complicated()
