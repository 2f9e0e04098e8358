"""Load an example company's org, let it live a while, load again, and show what a person wants to see."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.org import running_org
from demo.report import answer, heading, say, table
from demo.sync import RunFailedError, Sync
from demo.warehouse import Change, Warehouse, changes
from salesforce_simulator.company import LEAD_NAME, TICKET_SUBJECT, UNDELETED_ACCOUNT
from target_sfwarehouse import embedded

if TYPE_CHECKING:
    from types import FrameType

    from demo.org import ExampleOrg
    from demo.warehouse import Snapshot

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".demo"
SERVER = FOLDER / "warehouse"
SCHEMA = "sfdc_demo"

QUESTIONS = (
    f"SELECT subject, status, is_closed FROM {SCHEMA}.cases WHERE subject = '{TICKET_SUBJECT}'",
    f"SELECT name, company, is_deleted FROM {SCHEMA}.leads WHERE name = '{LEAD_NAME}'",
    f"SELECT name, industry, is_deleted FROM {SCHEMA}.accounts WHERE name = '{UNDELETED_ACCOUNT}'",
)
"""Asked after each run."""


def main() -> int:
    """Run the demo.

    Returns:
        Exit status: 0, 1 if a step failed, 130 if it was interrupted.
    """
    signal.signal(signal.SIGTERM, _interrupt)  # the org must not outlive the demo, however that ends
    began = time.monotonic()
    try:
        _clean()
        with running_org(PROJECT, FOLDER) as org:
            say(f"A simulated Salesforce org with an example company is up at {org.url}")
            _show(org)
    except (RunFailedError, RuntimeError, embedded.EmbeddedPostgresError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the simulated org is gone.", file=sys.stderr)
        return 130
    _farewell(time.monotonic() - began)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _clean() -> None:
    """Forget the state and the tables of an earlier demo; its server is kept if it is up."""
    FOLDER.mkdir(exist_ok=True)
    for leftover in FOLDER.glob("meltano.db*"):
        leftover.unlink()
    server = embedded.status(SERVER)
    if server is None:
        embedded.remove(SERVER)
        return
    warehouse = Warehouse(server.url, SCHEMA)
    warehouse.drop()
    warehouse.close()


def _show(org: ExampleOrg) -> None:
    sync = Sync(PROJECT, FOLDER, SERVER, SCHEMA, org)
    sync.install()
    before: Snapshot = {}
    after = _run(sync, "First run: everything", before)
    say("")
    say("In the org, a ticket is closed, a lead deleted, an account undeleted; some records change, some are")
    say("new, and Account gets a new custom field, Loyalty Tier. Three hours later the schedule fires again.")
    org.next_day()
    org.wait_hours(3)
    _run(sync, "Second run: what changed", after)


def _run(sync: Sync, title: str, before: Snapshot) -> Snapshot:
    """Run the pair, and show what it did to the tables and what the questions give now."""
    heading(title)
    cost = sync.run()
    server = embedded.status(SERVER)
    if server is None:
        raise RunFailedError(f"the target's Postgres in {SERVER} is gone")
    warehouse = Warehouse(server.url, SCHEMA)
    try:
        after = warehouse.snapshot()
        _table(changes(before, after))
        say(f"\n  {cost.seconds:.1f} s, {cost.api_calls} API calls")
        for question in QUESTIONS:
            say("")
            answer(question, *warehouse.ask(question))
    finally:
        warehouse.close()
    return after


def _table(found: list[Change]) -> None:
    touched = [change for change in found if change.touched]
    titles = ["collection", "rows", "new", "changed", "deleted", "restored", "marked deleted in all"]
    table(
        titles,
        [
            (
                change.table,
                change.rows,
                change.new,
                change.changed,
                change.deleted,
                change.restored,
                change.marked,
            )
            for change in touched
        ],
    )
    if quiet := len(found) - len(touched):
        say(f"  and {quiet} collections without a change")


def _farewell(seconds: float) -> None:
    server = embedded.status(SERVER)
    assert server is not None, "the last run found it"
    heading(f"Done in {seconds:.0f} s")
    say("The warehouse stays up. Look inside:")
    say(f"\n  {server.psql_command}\n")
    say(
        f"for example with:  SELECT name, loyalty_tier_c FROM {SCHEMA}.accounts WHERE loyalty_tier_c IS NOT NULL;"
    )
    say("\nStop it:")
    say(f"\n  {sys.executable} -m target_sfwarehouse.embedded stop {SERVER}\n")
    say("Your own org instead (README, docs/salesforce.md):")
    say(
        "\n  TAP_SFSOURCE_LOGIN_URL=https://acme.my.salesforce.com TAP_SFSOURCE_CLIENT_ID=... \\"
        "\n  TAP_SFSOURCE_CLIENT_SECRET=... .venv/bin/meltano run tap-sfsource target-sfwarehouse"
    )


if __name__ == "__main__":
    sys.exit(main())
