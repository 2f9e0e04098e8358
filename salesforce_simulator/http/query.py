"""`query` and `queryAll`, and the pages that follow the first."""

import re
from typing import TYPE_CHECKING

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.cursors import Cursor
from salesforce_simulator.http.effort import check_columns, check_effort, check_refused_columns
from salesforce_simulator.http.errors import invalid_session
from salesforce_simulator.http.faults import ShortPage
from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

# Guide, "Query Options Header": batchSize from 200 to 2,000.
_SMALLEST_PAGE, _LARGEST_PAGE = 200, 2000
# Guide, "SOQL SELECT syntax": characters of a statement.
SOQL_LIMIT = 100_000
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)")


def query(site: "Site", call: Call, *, version: str) -> Reply:
    """`query?q=`: rows that are not deleted and not archived."""
    return _first_page(site, call, version, all_rows=False)


def query_all(site: "Site", call: Call, *, version: str) -> Reply:
    """`queryAll?q=`: deleted and archived rows too."""
    return _first_page(site, call, version, all_rows=True)


def query_more(site: "Site", call: Call, *, version: str, kind: str, locator: str) -> Reply:
    """The page at a locator, which is a cursor's id and the position of the page's first row."""
    assert call.session
    cursor_id, _, start = locator.rpartition("-")
    if not start.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    cursor = site.cursors.find(cursor_id, call.session.user.id)
    if site.settings.cursors_end_with_session and not site.sessions.find(cursor.token):
        raise invalid_session()
    return _page(site, call, f"/services/data/v{version}/{kind}", cursor, int(start))


def check_length(text: str) -> None:
    """Refuse a statement that is too long.

    Raises:
        ApiError: `MALFORMED_QUERY`.
    """
    if len(text) > SOQL_LIMIT:
        raise ApiError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {SOQL_LIMIT} characters.")


def _first_page(site: "Site", call: Call, version: str, *, all_rows: bool) -> Reply:
    assert call.session
    if "explain" in call.query:
        return json_reply(_explained(site, call, call.query["explain"]))
    text = call.query.get("q")
    if text is None:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    check_length(text)
    user = call.session.user
    if call.query.get("columns", "").lower() == "true":
        return json_reply(soql.columns(text, site.org.schema_for(user)))
    result = soql.execute(
        text,
        schema=site.org.schema_for(user),
        connection=site.org.connection(),
        now=site.org.clock.now(),
        all_rows=all_rows,
        version=version,
        asker=user.id,
    )
    check_columns(site.settings, text)
    check_refused_columns(site.settings, text, result.sobject)
    check_effort(site.settings, user, result.sobject, result.total_size)
    cursor = site.cursors.new(result, call.session, _page_rows(site, call))
    base = f"/services/data/v{version}/{'queryAll' if all_rows else 'query'}"
    return _page(site, call, base, cursor, 0)


def _explained(site: "Site", call: Call, text: str) -> dict[str, object]:
    """A query's plan (guide, "Query Performance Feedback"): here it always reads the whole table."""
    assert call.session
    user = call.session.user
    result = soql.execute(
        text,
        schema=site.org.schema_for(user),
        connection=site.org.connection(),
        now=site.org.clock.now(),
        asker=user.id,
    )
    note = {
        "description": "Not considering filter for optimization because unindexed",
        "fields": ["IsDeleted"],
        "tableEnumOrId": result.sobject,
    }
    plan = {
        "cardinality": result.total_size,
        "fields": [],
        "leadingOperationType": "TableScan",
        "notes": [note] if "IsDeleted" in site.org.object(result.sobject).fields else [],
        "relativeCost": 2.8,
        "sobjectCardinality": site.org.count(result.sobject),
        "sobjectType": result.sobject,
    }
    return {"plans": [plan], "sourceQuery": text}


def _page_rows(site: "Site", call: Call) -> int:
    match = _BATCH_SIZE.search(call.headers.get("Sforce-Query-Options", ""))
    if match is None:
        return site.settings.page_rows
    return min(max(int(match[1]), _SMALLEST_PAGE), _LARGEST_PAGE)


def _page(site: "Site", call: Call, base: str, cursor: Cursor, start: int) -> Reply:
    short = call.action(ShortPage)
    rows = short.rows if short else cursor.page_rows
    end = min(start + rows, len(cursor.result))
    page: dict[str, object] = {"totalSize": cursor.result.total_size, "done": end >= len(cursor.result)}
    if not page["done"]:
        site.cursors.keep(cursor)
        page["nextRecordsUrl"] = f"{base}/{cursor.id}-{end}"
    page["records"] = cursor.result.records(start, end - start, connection=site.org.connection())
    return json_reply(page)


ROUTES = [
    Route("GET", r"/services/data/v{version:\d+\.0}/query", query),
    Route("GET", r"/services/data/v{version:\d+\.0}/queryAll", query_all),
    Route("GET", r"/services/data/v{version:\d+\.0}/{kind:query|queryAll}/{locator}", query_more),
]
