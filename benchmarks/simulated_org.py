"""How fast the simulated org starts, makes a Bulk result and serves it: it must not be what a benchmark measures.

    python -m benchmarks.simulated_org [ROWS]

Rows of 60 columns, 1,000,000 of them unless ROWS says otherwise; about 2.5 GB below the temporary folder.
"""

from __future__ import annotations

import http.client
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from salesforce_simulator.org import Org
from salesforce_simulator.schema import Field
from salesforce_simulator.server import Server, serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, add_demo_login

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD = (
    "Id", "Name", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp", "OwnerId", "CreatedById",
    "LastModifiedById", "Industry", "AnnualRevenue", "NumberOfEmployees",
)  # fmt: skip
CUSTOM = tuple(f"Text_{number}__c" for number in range(60 - len(STANDARD)))
DATA = "/services/data/v62.0"
PAGE = 50_000


def fill(org: Org, rows: int) -> None:
    """Give Account 60 columns and that many rows."""
    for name in CUSTOM:
        org.add_field("Account", Field(name, "string", length=80, custom=True))
    texts = [f"value of {name}" for name in CUSTOM]
    org.load("Account", ((f"Account {number}", *texts) for number in range(rows)), ["Name", *CUSTOM])


def login(server: Server) -> dict[str, str]:
    """The headers of a session."""
    form = {
        "grant_type": "client_credentials",
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,
    }
    answer = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=60).json()
    return {"Authorization": f"Bearer {answer['access_token']}", "Accept-Encoding": "identity"}


def make_job(server: Server, headers: dict[str, str]) -> str:
    """Have every row written to a result; gives the job's id."""
    url = f"{server.url}{DATA}/jobs/query"
    query = f"SELECT {', '.join((*STANDARD, *CUSTOM))} FROM Account"
    job = requests.post(url, json={"operation": "query", "query": query}, headers=headers, timeout=60).json()
    while True:
        state = requests.get(f"{url}/{job['id']}", headers=headers, timeout=60).json()
        if state["state"] == "JobComplete":
            return str(job["id"])
        if state["state"] == "Failed":
            raise SystemExit(state["errorMessage"])
        time.sleep(0.1)


def download(server: Server, headers: dict[str, str], job_id: str) -> Iterator[int]:
    """Read the result page by page as fast as the socket gives it; yields bytes."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    buffer = memoryview(bytearray(1 << 20))
    locator = ""
    while locator != "null":
        path = f"{DATA}/jobs/query/{job_id}/results?maxRecords={PAGE}" + (
            f"&locator={locator}" if locator else ""
        )
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        locator = response.headers["Sforce-Locator"]
        while count := response.readinto(buffer):
            yield count
    connection.close()


def main(rows: int) -> None:
    """Measure and print."""
    begun = time.perf_counter()
    org = Org()
    add_demo_login(org)
    try:
        with serve(org) as server:
            print(f"start with {len(org.schema.objects)} objects: {time.perf_counter() - begun:.3f} s")
            fill(org, rows)
            headers = login(server)
            begun = time.perf_counter()
            job_id = make_job(server, headers)
            seconds = time.perf_counter() - begun
            print(
                f"make a result of {rows:,} rows x 60 columns: {seconds:.1f} s, {rows / seconds:,.0f} rows/s"
            )
            begun = time.perf_counter()
            size = sum(download(server, headers, job_id))
            seconds = time.perf_counter() - begun
            print(f"serve it: {size / 1e6:,.0f} MB in {seconds:.2f} s, {size / 1e6 / seconds:,.0f} MB/s")
    finally:
        org.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
