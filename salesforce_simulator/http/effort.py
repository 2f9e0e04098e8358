"""Queries that ask for more than the org can do in time."""

from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError
from salesforce_simulator.soql.parser import parse
from salesforce_simulator.soql.restrictions import too_complicated

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Settings
    from salesforce_simulator.users import User

_ACTIVITIES = ("Task", "Event")


def check_columns(settings: "Settings", text: str) -> None:
    """Refuse a query of too many columns.

    Raises:
        SoqlError: `QUERY_TOO_COMPLICATED`.
    """
    if settings.most_columns is not None and len(parse(text).select) > settings.most_columns:
        raise too_complicated()


def check_effort(settings: "Settings", user: "User", sobject: str, rows: int) -> None:
    """Refuse a query that the org does not get done.

    Args:
        settings: How much it gets done.
        user: Who asks.
        sobject: The object of the query.
        rows: Rows that it finds.

    Raises:
        ApiError: `QUERY_TIMEOUT` or `OPERATION_TOO_LARGE`; a query for less may do.
    """
    if settings.timeout_rows is not None and rows > settings.timeout_rows:
        raise ApiError("QUERY_TIMEOUT", "Your query request was running for too long.")
    # Without "View All" the org must find out whose each activity's person and record are.
    limited = sobject in _ACTIVITIES and not user.permissions.on(sobject).view_all
    if limited and rows > settings.most_activities:
        raise ApiError("OPERATION_TOO_LARGE", f"exceeded {settings.most_activities} distinct who/what's")
