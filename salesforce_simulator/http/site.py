"""What the handlers share: the org and the state that belongs to its HTTP side."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from salesforce_simulator.http.bulk1_batches import BatchJobs
from salesforce_simulator.http.cursors import Cursors
from salesforce_simulator.http.faults import Faults
from salesforce_simulator.http.instance import Instance
from salesforce_simulator.http.jobs import Jobs
from salesforce_simulator.http.ledger import Ledger
from salesforce_simulator.http.routing import Router
from salesforce_simulator.http.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.org import Org


@dataclass
class Settings:
    """How the server behaves where Salesforce does not say, or says it depends.

    Attributes:
        latency: Milliseconds that every answer takes at least.
        page_rows: Rows of a REST query page when the caller does not ask for a number.
        bulk_page_rows: Rows of a page of Bulk results when the caller does not ask for a number.
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
            `read` or `filter`.
        refused_when_run: Whether a Bulk job is refused for such a field when it runs, not when it is created.
        most_formulas: Formula fields that a query may select before it is QUERY_TOO_COMPLICATED; None: any number.
        most_activities: Tasks or events that a query may find for a user without "View All" on them.
        app_quotas: API calls a day for a connected app, by client id; the limit header of such an app has its long form.
        cursors_end_with_session: Whether a query locator is worth nothing to other sessions once its own has ended (seen
            in one issue thread of a connector with refresh token rotation; the guides do not say).
        first_version, last_version: API versions that the org speaks.
    """

    latency: float = 0.0
    page_rows: int = 2000
    bulk_page_rows: int = 100_000
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


@dataclass
class Site:
    """One server's state around an org.

    Attributes:
        directory: Folder for Bulk results.
        router: Where composite calls send their parts.
        app_usage: API calls by client id.
        next_day: What a day does to the org, if it has the example company; tells what it did.
    """

    org: "Org"
    directory: Path
    router: Router
    next_day: "Callable[[Org], object] | None" = None
    settings: Settings = field(default_factory=Settings)
    ledger: Ledger = field(default_factory=Ledger)
    faults: Faults = field(default_factory=Faults)
    app_usage: "Counter[str]" = field(default_factory=Counter)
    sessions: Sessions = field(init=False)
    instance: Instance = field(init=False)
    cursors: Cursors = field(init=False)
    jobs: Jobs = field(init=False)
    batch_jobs: BatchJobs = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.org)
        self.instance = Instance(self.org.clock)
        self.cursors = Cursors(self.org)
        self.jobs = Jobs(self)
        self.batch_jobs = BatchJobs(self)

    def close(self) -> None:
        """Stop background work."""
        self.jobs.close()
