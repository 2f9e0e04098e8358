"""Times as Salesforce, a bookmark and a setting write them: UTC, to the second."""

from __future__ import annotations

import datetime


def to_second(moment: datetime.datetime) -> datetime.datetime:
    """The moment in UTC without the fraction of its second."""
    return moment.astimezone(datetime.UTC).replace(microsecond=0)


def parse(text: str) -> datetime.datetime:
    """A datetime in UTC from a state, a setting or an answer of Salesforce; one without a zone is UTC.

    Raises:
        ValueError: The text is no ISO 8601 date or datetime, or lies in UTC outside the years 1 to 9999.
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=datetime.UTC)
    try:
        return moment.astimezone(datetime.UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def isoformat(moment: datetime.datetime) -> str:
    """The datetime as SOQL, a URL and a bookmark take it: ``2026-03-29T10:11:12Z``."""
    # Not by strftime, which writes the year 900 with three digits on Linux.
    return f"{to_second(moment).replace(tzinfo=None).isoformat()}Z"
