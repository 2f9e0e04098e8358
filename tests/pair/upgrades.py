"""What a released version left behind: its state and its tables, which every later version goes on from.

    make upgrades RELEASE=VERSION

keeps those of this checkout in tests/upgrades/VERSION. Run it once for each release, before its tag, and keep the files.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from salesforce_simulator.clock import Clock
from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from target_sfwarehouse import embedded
from target_sfwarehouse.embedded.programs import find_binaries
from tests.fix_org import OrgServer
from tests.fix_process import PROJECT, Processes
from tests.fix_warehouse import open_warehouse, plain_url

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = PROJECT / "tests" / "upgrades"
OBJECTS: Final = ["Account", "Contact", "Task", "CampaignShare", "Invoice__c", "Name"]
START: Final = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
PIPE: Final = (
    "tap-sfsource --config tap.json --state state.json |"
    " target-sfwarehouse --config target.json --state-file state.json > /dev/null"
)


@contextmanager
def small_org() -> Iterator[OrgServer]:
    """The org that the tables are of: the same ids, values and stamps each time."""
    org = Org(clock=Clock(START, frozen=True))
    try:
        add_demo_login(org)
        org.add_object(custom_object("Invoice__c", [custom_field("Amount__c", "currency")]))
        accounts = [
            org.create("Account", {"Name": f"Account {number}", "AnnualRevenue": f"{number}.25"})
            for number in range(6)
        ]
        for number, account in enumerate(accounts):
            org.create("Contact", {"LastName": f"Contact {number}", "AccountId": account})
        contact = org.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
        org.create("Task", {"Subject": "Call", "WhoId": contact, "WhatId": accounts[0]})
        org.create("Campaign", {"Name": "Fair"})
        org.create("Invoice__c", {"Name": "1", "Amount__c": "12.50"})
        org.delete(accounts[5])
        org.clock.advance(hours=1)
        with serve(org) as server:
            yield OrgServer(server)
    finally:
        org.close()


def a_day_later(org: Org) -> None:
    """Change something of every kind that a run sees."""
    org.clock.advance(days=1)
    accounts = {row["Name"]: row["Id"] for row in org.rows("Account")}
    contacts = {row["LastName"]: row["Id"] for row in org.rows("Contact")}
    org.update(accounts["Account 0"], {"Name": "Account 0, renamed"})
    org.delete(contacts["Contact 1"])
    org.hard_delete(contacts["Contact 2"])
    org.undelete(accounts["Account 5"])
    org.create("Account", {"Name": "Account 6"})
    org.add_field("Contact", custom_field("Tier__c", "picklist", picklist=("A", "B")))
    org.update(contacts["Lovelace"], {"Tier__c": "A"})
    org.clock.advance(hours=1)


def main() -> None:
    """Keep the state and the tables of this version."""
    if len(sys.argv) != 2 or not re.fullmatch(r"\d+\.\d+\.\d+", sys.argv[1]):
        sys.exit("Name the version that is to be released: make upgrades RELEASE=1.2.3")
    pg_dump = find_binaries().directory / "pg_dump"
    folder = FOLDER / sys.argv[1]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, small_org() as served:
        Path(place).chmod(0o711)
        server = embedded.start(Path(place) / "warehouse", fsync=False)
        try:
            with open_warehouse(server.url) as warehouse:
                processes = Processes(Path(place))
                processes.write("tap.json", served.config(objects=OBJECTS))
                processes.write("target.json", warehouse.config())
                processes.write("state.json", {})
                processes.shell(PIPE).expect()
                (folder / "schema.sql").write_text(dumped(pg_dump, plain_url(server.url), warehouse.schema))
                state: Any = json.loads((Path(place) / "state.json").read_text())
                (folder / "state.json").write_text(json.dumps(state, indent=1) + "\n")
        finally:
            embedded.stop(server.directory)


def dumped(pg_dump: Path, url: str, schema: str) -> str:
    """A schema as SQL, `{schema}` in place of its name."""
    options = ("--no-owner", "--no-privileges", "--inserts", f"--schema={schema}")
    text = subprocess.run(
        [pg_dump, *options, url], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.replace(schema, "{schema}")
    # psql's own commands, and settings that an older server has not.
    kept = (
        line
        for line in text.splitlines()
        if not line.startswith(("\\", "--", "SET ", "SELECT pg_catalog.set"))
    )
    return "\n".join(line for line in kept if line) + "\n"


if __name__ == "__main__":
    main()
