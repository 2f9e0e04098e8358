"""Simulated orgs to read from, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import SObject

OBJECT = "Measured__c"
"""The object with many rows; what its kind is to everyone else, a custom object without compound fields."""
COLUMNS = 60
REFRESH_TOKEN = "kept"
_STANDARD = 9
_KINDS = (
    "string", "string", "picklist", "currency", "string", "email", "datetime", "string", "boolean", "int",
)  # fmt: skip
_START_SECONDS = 600
_COMPARED_AS = {
    "currency": "number", "int": "integer", "boolean": "boolean", "datetime": "datetime",
}  # fmt: skip


def kinds() -> dict[str, str]:
    """Give the columns of such an object that a checksum looks at, each with its kind as for `Warehouse.checksum`."""
    custom = (_KINDS[place % len(_KINDS)] for place in range(COLUMNS - _STANDARD))
    own = {f"{kind.title()}_{place}__c": _COMPARED_AS.get(kind, "text") for place, kind in enumerate(custom)}
    return {"Id": "text", "IsDeleted": "boolean", "SystemModstamp": "datetime", **own}


@dataclass(frozen=True)
class Contents:
    """What an org has beside its standard objects.

    Attributes:
        objects: Custom objects to add, by API name: rows and columns of each.
        company: Whether the standard objects hold the small example company.
        latency: Milliseconds that every answer takes at least.
        bandwidth: Bytes a second that one connection carries; None: as many as the machine can.
        bulk_page_rows: Rows of a page of Bulk results as the org lists it.
        describable: How many objects the org has at least; what is missing is added empty, 60 columns each.
        custom: The same of custom objects.
    """

    objects: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    company: bool = False
    latency: float = 0.0
    bandwidth: int | None = None
    bulk_page_rows: int = 100_000
    describable: int = 0
    custom: int = 0


@dataclass(frozen=True)
class RunningOrg:
    """Where an org is and who may log in.

    Attributes:
        url: Its My Domain, https.
        ca_file: The CA to trust.
        client_id: Consumer key of its app.
        client_secret: Consumer secret of its app.
    """

    url: str
    ca_file: str
    client_id: str
    client_secret: str

    @property
    def netloc(self) -> str:
        """Its host and port, where Salesforce's host names have to lead."""
        return self.url.partition("://")[2]

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which the floors find the app and trust the CA."""
        return {
            "ORG_CLIENT_ID": self.client_id,
            "ORG_CLIENT_SECRET": self.client_secret,
            "REQUESTS_CA_BUNDLE": self.ca_file,
        }

    def ledger(self) -> dict[str, int]:
        """What the org was asked so far: `apiCalls` as Salesforce counts them, `requests`, `bytesSent`."""
        answer = requests.get(f"{self.url}/_simulator/ledger", timeout=60, verify=self.ca_file).json()
        return {key: int(answer[key]) for key in ("apiCalls", "requests", "bytesSent")}

    def forget(self) -> None:
        """Begin a new ledger."""
        requests.delete(f"{self.url}/_simulator/ledger", timeout=60, verify=self.ca_file).raise_for_status()


@contextmanager
def serving(contents: Contents) -> Iterator[RunningOrg]:
    """Serve an org over https.

    Args:
        contents: What it has.

    Yields:
        The org, filled and ready.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(contents, there), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(_START_SECONDS):
            raise TimeoutError(f"the org is not ready after {_START_SECONDS} s")
        yield RunningOrg(*here.recv())
        here.send(None)
    finally:
        process.join(10)
        if process.is_alive():
            process.terminate()
            process.join()


def _serve(contents: Contents, connection: Connection) -> None:
    """Fill an org and serve it until a message comes; runs in the org's process."""
    from salesforce_simulator import company  # noqa: PLC0415 - the process that measures stays small
    from salesforce_simulator.http.settings import Settings  # noqa: PLC0415
    from salesforce_simulator.org import Org  # noqa: PLC0415
    from salesforce_simulator.server import serve  # noqa: PLC0415
    from salesforce_simulator.simulation import (  # noqa: PLC0415
        DEMO_CLIENT_ID,
        DEMO_CLIENT_SECRET,
        DEMO_USER,
        add_demo_login,
    )

    org = Org(features=company.FEATURES if contents.company else ())
    try:
        add_demo_login(org)
        org.apps[DEMO_CLIENT_ID].refresh_tokens[REFRESH_TOKEN] = DEMO_USER
        if contents.company:
            company.populate(org)
        _fill(org, contents)
        # The org compresses slower than anyone here reads, and no wire is saved by it. It stands for a machine elsewhere:
        # what it spends on a result would be taken from the two cores that the contestants share.
        settings = Settings(
            latency=contents.latency,
            bandwidth=contents.bandwidth,
            bulk_page_rows=contents.bulk_page_rows,
            compression=False,
            bulk_results_kept=True,
        )
        with serve(org, tls=True, settings=settings) as server:
            connection.send((server.url, str(server.ca_file), DEMO_CLIENT_ID, DEMO_CLIENT_SECRET))
            connection.recv()
    finally:
        org.close()


def _fill(org: Org, contents: Contents) -> None:
    from salesforce_simulator.custom import custom_field, custom_object  # noqa: PLC0415
    from salesforce_simulator.volume import load_many  # noqa: PLC0415

    def made(name: str, columns: int) -> SObject:
        kinds = [_KINDS[place % len(_KINDS)] for place in range(max(0, columns - _STANDARD))]
        return custom_object(
            name, [custom_field(f"{kind.title()}_{place}__c", kind) for place, kind in enumerate(kinds)]
        )

    missing = max(contents.describable - len(org.schema.objects), contents.custom) - len(contents.objects)
    org.add_objects(
        [
            *(made(name, columns) for name, (_, columns) in contents.objects.items()),
            *(made(f"Empty_{place}__c", COLUMNS) for place in range(missing)),
        ]
    )
    for name, (rows, _) in contents.objects.items():
        if rows:
            load_many(org, name, rows)
