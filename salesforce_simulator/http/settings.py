"""How the server behaves where Salesforce does not say, or says it depends."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass
class Settings:
    """How a server behaves; the defaults are those of an org.

    Attributes:
        latency: Milliseconds that every answer takes at least.
        bandwidth: Bytes of bodies that one TCP connection carries in a second; None: as many as the machine can.
        page_rows: Rows of a REST query page when the caller does not ask for a number.
        bulk_page_rows: Rows of a page of Bulk results when the caller does not ask for a number.
        result_chunks: Whether `resultPages` lists `resultChunks`, each a `resultLink` below `/services/data/vNN.0`, as two
            clients have met it, and not `resultPages` as the guide has it.
        listed_jobs: Bulk jobs of a page of their list.
        bulk_queued: Time on the org's clock that a Bulk job stays UploadComplete.
        bulk_processing: Time that it stays InProgress after that.
        bulk_results_kept: Whether a Bulk job that gives every row of an object, in no order, takes over what an earlier
            job has written if nothing in the org has changed since: no work for whoever shares this machine.
        compression: Whether gzip is sent to those who ask for it.
        timeout_rows: A REST query that finds more rows runs into QUERY_TIMEOUT, and so does a Bulk query with ORDER BY,
            which switches PK chunking off; None: none does.
        most_columns: A query that selects more is QUERY_TOO_COMPLICATED, as one of many long formulas is; None: none is.
        refused_columns: `Account.Industry` to what a query may not do with that field although describe says that it may:
            `read` or `filter`. Fields behind lookups are `Name.FirstName`.
        refused_when_run: Whether a Bulk job is refused for such a field when it runs, not when it is created.
        most_formulas: Formula fields that a query may select before it is QUERY_TOO_COMPLICATED; None: any number.
        most_activities: Tasks or events that a query may find for a user without "View All" on them.
        app_quotas: API calls a day for a connected app, by client id; the limit header of such an app has its long form.
        cursors_end_with_session: Whether a query locator is worth nothing to other sessions once its own has ended (seen
            in one issue thread of a connector with refresh token rotation; the guides do not say).
        first_version, last_version: API versions that the org speaks.
    """

    latency: float = 0.0
    bandwidth: int | None = None
    page_rows: int = 2000
    bulk_page_rows: int = 100_000
    result_chunks: bool = False
    listed_jobs: int = 1000
    bulk_queued: timedelta = timedelta(0)
    bulk_processing: timedelta = timedelta(0)
    bulk_results_kept: bool = False
    compression: bool = True
    timeout_rows: int | None = None
    most_columns: int | None = None
    refused_columns: dict[str, str] = field(default_factory=dict)
    refused_when_run: bool = False
    most_formulas: int | None = None
    most_activities: int = 100_000
    app_quotas: dict[str, int] = field(default_factory=dict)
    cursors_end_with_session: bool = False
    first_version: int = 31
    last_version: int = 67
