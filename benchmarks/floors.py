"""What the machine can do at all, each as a process of its own, so that it is measured as the contestants are.

    python -m benchmarks.floors copy URL SCHEMA CSV          COPY into an empty table that has its key
    python -m benchmarks.floors merge URL SCHEMA CSV         COPY to a temporary table, then one MERGE
    python -m benchmarks.floors merge-pages URL SCHEMA FILE  the same with the pages of a Bulk job
    python -m benchmarks.floors download URL SOBJECT FILE    a Bulk job's pages to a file
    python -m benchmarks.floors query URL SOBJECT FILE       a REST query's pages to a file
    python -m benchmarks.floors parse CSV                    csv.reader over a file

An org's app is named by ORG_CLIENT_ID and ORG_CLIENT_SECRET in the environment.
"""

from __future__ import annotations

import csv
import itertools
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.records import STREAM, kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg
    import requests

_BLOCK = 1 << 20
_SENT = 1 << 18
_PAGE = 50_000
_TYPES = {
    "text": "text",
    "number": "double precision",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}
_DATA = "/services/data/v62.0"


def _columns(path: str) -> dict[str, str]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return kinds(len(next(csv.reader(file))))


def _definition(columns: dict[str, str], *, key: bool) -> str:
    parts = [f'"{name}" {_TYPES[kind]}' for name, kind in columns.items()]
    return ", ".join([*parts, 'PRIMARY KEY ("id")'] if key else parts)


def _blocks(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while block := file.read(_SENT):
            yield block


def _copy_in(
    connection: psycopg.Connection[Any], table: str, blocks: Iterable[bytes], options: str = ""
) -> None:
    from psycopg.generators import copy_to  # noqa: PLC0415 - the other floors do without

    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv{options})".encode()),
    ):
        # Copy.write would leave to libpq what the server has not taken yet, to be moved about in memory.
        for block in blocks:
            connection.wait(copy_to(connection.pgconn, block, flush=True))


def copy(url: str, schema: str, path: str) -> None:
    """Copy a file into a new table that has its primary key, in one transaction."""
    import psycopg  # noqa: PLC0415 - the other floors do without

    with psycopg.connect(url) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())
        connection.execute(
            f'CREATE TABLE "{schema}"."{STREAM}" ({_definition(_columns(path), key=True)})'.encode()
        )
        _copy_in(connection, f'"{schema}"."{STREAM}"', _blocks(path))


def merge(url: str, schema: str, path: str) -> None:
    """Copy a file to a temporary table, then bring what is new or different into the table by one MERGE."""
    _merge(url, schema, _columns(path), _blocks(path))


def merge_pages(url: str, schema: str, path: str) -> None:
    """Do the same with a Bulk job's pages, in which null is a quoted empty cell, without their header lines."""
    from benchmarks import lines  # noqa: PLC0415 - the other floors do without
    from tap_sfsource.rows.layout import kind_of  # noqa: PLC0415 - likewise

    names, _ = next(lines.pages(path))
    columns: dict[str, str] = {
        column.property: kind_of(column.sf_type) for column in map(lines.column, names)
    }
    nulls = ", ".join(f'"{name}"' for name in columns)
    blocks = itertools.chain.from_iterable(
        iter(partial(page.read, _SENT), b"") for _, page in lines.pages(path)
    )
    _merge(url, schema, columns, blocks, f", FORCE_NULL ({nulls})")


def _merge(
    url: str, schema: str, columns: dict[str, str], blocks: Iterable[bytes], options: str = ""
) -> None:
    import psycopg  # noqa: PLC0415 - the other floors do without

    rest = [name for name in columns if name != "id"]
    listed = ", ".join(f'"{name}"' for name in columns)
    sources = ", ".join(f's."{name}"' for name in columns)
    old, new = (", ".join(f'{side}."{name}"' for name in rest) for side in "ts")
    sets = ", ".join(f'"{name}" = s."{name}"' for name in rest)
    statement = (
        f'MERGE INTO "{schema}"."{STREAM}" AS t USING staged AS s ON t."id" = s."id" '
        f"WHEN MATCHED AND ROW({old}) IS DISTINCT FROM ROW({new}) THEN UPDATE SET {sets} "
        f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({sources})"
    )
    with psycopg.connect(url) as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'.encode())
        table = f'CREATE TABLE IF NOT EXISTS "{schema}"."{STREAM}" ({_definition(columns, key=True)})'
        connection.execute(table.encode())
        connection.execute(f"CREATE TEMPORARY TABLE staged ({_definition(columns, key=False)})".encode())
        _copy_in(connection, "staged", blocks, options)
        connection.execute(statement.encode())


def _session(url: str) -> requests.Session:
    import requests  # noqa: PLC0415 - the other floors do without

    session = requests.Session()
    form = {
        "grant_type": "client_credentials",
        "client_id": os.environ["ORG_CLIENT_ID"],
        "client_secret": os.environ["ORG_CLIENT_SECRET"],
    }
    answer = session.post(f"{url}/services/oauth2/token", data=form, timeout=60).json()
    session.headers["Authorization"] = f"Bearer {answer['access_token']}"
    return session


def _select(session: requests.Session, url: str, sobject: str) -> str:
    described = session.get(f"{url}{_DATA}/sobjects/{sobject}/describe", timeout=60).json()
    names = [field["name"] for field in described["fields"] if field["type"] not in ("address", "location")]
    return f"SELECT {', '.join(names)} FROM {sobject}"


def download(url: str, sobject: str, path: str) -> None:
    """Have an object's rows written by a Bulk job and download its pages to one file; FILE.sizes has their bytes."""
    session = _session(url)
    jobs = f"{url}{_DATA}/jobs/query"
    body = {"operation": "queryAll", "query": _select(session, url, sobject)}
    job = session.post(jobs, json=body, timeout=60).json()["id"]
    while session.get(f"{jobs}/{job}", timeout=60).json()["state"] != "JobComplete":
        time.sleep(0.1)
    sizes = []
    with Path(path).open("wb") as file:
        for page in _pages(session, f"{jobs}/{job}/results"):
            begin = file.tell()
            file.writelines(page.iter_content(_BLOCK))
            sizes.append(file.tell() - begin)
    Path(f"{path}.sizes").write_text(" ".join(map(str, sizes)), encoding="utf-8")


def _pages(session: requests.Session, results: str) -> Iterator[requests.Response]:
    locator = ""
    while locator != "null":
        asked = {"maxRecords": str(_PAGE), **({"locator": locator} if locator else {})}
        response = session.get(results, params=asked, stream=True, timeout=300)
        yield response
        locator = response.headers["Sforce-Locator"]


def query(url: str, sobject: str, path: str) -> None:
    """Read an object's rows by REST, page after page, to one file."""
    session = _session(url)
    answer = session.get(f"{url}{_DATA}/queryAll", params={"q": _select(session, url, sobject)}, timeout=300)
    with Path(path).open("wb") as file:
        file.write(answer.content)
        # The address of the next page stands near the head of a page; the records need not be parsed for it.
        while following := _next_page(answer.content):
            answer = session.get(url + following, timeout=300)
            file.write(answer.content)


def _next_page(content: bytes) -> str:
    _, found, rest = content[:500].partition(b'"nextRecordsUrl":')
    if not found:
        _, found, rest = content[-500:].partition(b'"nextRecordsUrl":')
    return rest.split(b'"')[1].decode() if found else ""


def parse(path: str) -> None:
    """Parse a file of CSV and throw the cells away."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass


_FLOORS: dict[str, Callable[..., None]] = {
    "copy": copy,
    "merge": merge,
    "merge-pages": merge_pages,
    "download": download,
    "query": query,
    "parse": parse,
}

if __name__ == "__main__":
    _FLOORS[sys.argv[1]](*sys.argv[2:])
