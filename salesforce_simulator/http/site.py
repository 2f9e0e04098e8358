"""What the handlers share: the org and the state that belongs to its HTTP side."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from salesforce_simulator.http.approvals import Approvals
from salesforce_simulator.http.bulk1_batches import BatchJobs
from salesforce_simulator.http.cursors import Cursors
from salesforce_simulator.http.faults import Faults
from salesforce_simulator.http.instance import Instance
from salesforce_simulator.http.jobs import Jobs
from salesforce_simulator.http.ledger import Ledger
from salesforce_simulator.http.routing import Router
from salesforce_simulator.http.sessions import Sessions
from salesforce_simulator.http.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.org import Org


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
    approvals: Approvals = field(init=False)
    instance: Instance = field(init=False)
    cursors: Cursors = field(init=False)
    jobs: Jobs = field(init=False)
    batch_jobs: BatchJobs = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.org)
        self.approvals = Approvals(self.org.clock)
        self.instance = Instance(self.org.clock)
        self.cursors = Cursors(self.org)
        self.jobs = Jobs(self.org, self.settings, self.directory)
        self.batch_jobs = BatchJobs(self.org, self.settings, self.directory)

    def close(self) -> None:
        """Stop background work."""
        self.jobs.close()
