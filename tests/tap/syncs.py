"""An org synced again and again into one reference target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.http.faults import Action, Rule
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fix_org import OrgServer


class Meanwhile(Rule):
    """Somebody works in the org at the moment of a call that meets the conditions."""

    def __init__(self, work: Callable[[], object], **conditions: Any) -> None:
        super().__init__(Action(), **conditions)
        self._work = work

    def fires(self, method: str, path: str, sobject: str | None) -> bool:
        fires = super().fires(method, path, sobject)
        if fires:
            self._work()
        return fires


class Syncs:
    """One org synced again and again into one reference target."""

    def __init__(self, server: OrgServer, *objects: str, **config: Any) -> None:
        self.server = server
        self.config = server.config(objects=list(objects), **config)
        self.target = ReferenceTarget()
        self.complete = True

    def sync(self, catalog: Mapping[str, Any] | None = None, **config: Any) -> dict[str, int]:
        """Sync; gives the records of each stream."""
        self.server.ledger.clear()
        outcome = run_tap({**self.config, **config}, catalog=catalog, state=self.target.state)
        self.target.feed(outcome.output)
        self.complete = outcome.complete
        return self.target.counts

    def row(self, stream: str, record_id: str) -> dict[str, Any]:
        return self.target.tables[stream][record_id]


def accounts(server: OrgServer, count: int) -> list[str]:
    return [server.org.create("Account", {"Name": f"Account {number}"}) for number in range(count)]


def whole_reads(server: OrgServer) -> int:
    """How many jobs so far asked for all accounts, and not for what is newer than a bookmark."""
    return sum("SystemModstamp >=" not in job.query for job in server.server.site.jobs.all())
