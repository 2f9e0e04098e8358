"""Source runs fill a hub; warehouse runs read it, each with its own selection and pace, without a call to Salesforce."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from salesforce_simulator.custom import custom_field
from tests.fix_process import PROJECT, wait_until
from tests.fix_warehouse import Warehouse, open_warehouse, plain_url
from tests.levels import REPEATABLE, at_level, search, slow
from tests.pair.both import Pair
from tests.pair.hub import Flush, Hub, Rows, columns, differences, others, rows, shipped
from tests.pair.test_kill import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

OBJECTS = [
    "Account",
    "Contact",
    "Contract",
    "Opportunity",
    "OpportunityLineItem",
    "Product2",
    "Group",
    "Lead",
]
ALL = shipped("tap-postgres--analytics")["select"]
SOME = shipped("tap-postgres--finance")["select"]

pytestmark = slow


@pytest.fixture
def hub(warehouse_url: str, company_server: OrgServer) -> Iterator[Hub]:
    """A hub in a database of its own, empty."""
    name = f"hub_{uuid.uuid4().hex[:12]}"
    url = urlsplit(plain_url(warehouse_url))._replace(path=f"/{name}").geturl()
    with psycopg.connect(plain_url(warehouse_url), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            connection.prepare_threshold = None
            warehouse = Warehouse(url, "hub", connection)
            yield Hub(Pair(company_server, warehouse, {"objects": OBJECTS}, {"batch_size_rows": 40}))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def second(warehouse_url: str) -> Iterator[Warehouse]:
    """A second warehouse."""
    with open_warehouse(warehouse_url) as warehouse:
        yield warehouse


@pytest.fixture
def flush(
    hub: Hub, warehouse: Warehouse, processes: Processes, plugin_environment: Callable[[str], Path]
) -> Flush:
    """Runs that bring all of the hub into a schema of another database."""
    config = processes.write("target.json", warehouse.config(batch_size_rows=40))
    tap = plugin_environment("tap-postgres") / "tap-postgres"
    return Flush(hub, processes, tap, f"target-sfwarehouse --config {config}", ALL)


def change(hub: Hub, number: int) -> None:
    """A day in the org: new and changed rows, a new column that old rows have too, deletions."""
    org = hub.pair.server.org
    org.add_field("Account", custom_field(f"Extra{number}__c", "string"))
    accounts = [row["Id"] for row in org.rows("Account") if not row["IsDeleted"]]
    org.update(accounts[number], {f"Extra{number}__c": "new"})
    new = org.create("Account", {"Name": f"New {number}", "AnnualRevenue": 1234567890123456})
    org.create("Contact", {"LastName": "New", "AccountId": new})
    leads = [row["Id"] for row in org.rows("Lead") if not row["IsDeleted"]]
    org.delete(leads[0])
    org.hard_delete(leads[1])
    org.clock.advance(hours=3)


def test_meltano_fills_the_hub_and_two_warehouses(
    meltano: Meltano, hub: Hub, warehouse: Warehouse, second: Warehouse
) -> None:
    server = hub.pair.server
    meltano.environment["MELTANO_ENVIRONMENT"] = "hub"
    meltano.configure("tap-sfsource", server.config())
    meltano.environment["TAP_SFSOURCE__SELECT"] = json.dumps(
        ["accounts.*", "contracts.*", "leads.*", "_group.*"]
    )
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": hub.url})
    meltano.configure("tap-postgres", {"sqlalchemy_url": hub.url})
    for name, place in (("analytics", warehouse), ("finance", second)):
        meltano.configure(f"target-sfwarehouse--{name}", {"sqlalchemy_url": place.url})
        meltano.environment[f"TAP_POSTGRES__{name.upper()}__LOAD_SCHEMA"] = place.schema

    meltano.run("run", "hub-fill").expect()
    hub.an_hour_passes()
    calls = len(server.ledger.calls)
    meltano.run("run", "hub-to-analytics").expect()
    meltano.run("run", "hub-to-finance").expect()
    assert {"accounts", "contracts", "leads", "_group"} <= hub.warehouse.table_names()
    assert differences(hub, warehouse, ALL) == []
    assert differences(hub, second, SOME) == []
    assert len(warehouse.query("SELECT id FROM {schema}._group")) > 0
    assert len(server.ledger.calls) == calls

    change(hub, 1)
    meltano.run("run", "hub-fill").expect()
    hub.an_hour_passes()
    meltano.run("run", "hub-to-analytics").expect()
    assert differences(hub, warehouse, ALL) == []
    assert "extra_1_c" in columns(warehouse, "accounts")


def test_a_warehouse_without_a_server_is_not_the_hub(meltano: Meltano) -> None:
    meltano.environment["MELTANO_ENVIRONMENT"] = "hub"
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": "postgresql://hub.example.com/hub"})
    finished = meltano.run("invoke", "--dump=config", "target-sfwarehouse--finance").expect()

    assert json.loads(finished.stdout).get("sqlalchemy_url") is None


def test_a_warehouse_that_was_away_catches_up(hub: Hub, flush: Flush, warehouse: Warehouse) -> None:
    server = hub.pair.server
    hub.fill()
    flush.run()
    assert differences(hub, warehouse, ALL) == []
    for number in range(1, 4):
        change(hub, number)
        hub.fill()
    calls = len(server.ledger.calls)
    flush.run()

    assert differences(hub, warehouse, ALL) == []
    assert len(server.ledger.calls) == calls
    assert [row for row in warehouse.query("SELECT is_deleted FROM {schema}.leads") if row["is_deleted"]]
    assert {"extra_1_c", "extra_3_c"} <= set(columns(warehouse, "accounts"))


def test_rows_that_come_again_are_not_written_again(hub: Hub, flush: Flush, warehouse: Warehouse) -> None:
    hub.fill()
    flush.run()
    before = warehouse.query("SELECT id, xmin::text FROM {schema}.accounts ORDER BY id")
    finished = flush.run()

    assert "records in" in finished.stderr
    assert warehouse.query("SELECT id, xmin::text FROM {schema}.accounts ORDER BY id") == before


def test_a_column_that_comes_while_a_warehouse_reads_is_filled_by_the_next_run(
    hub: Hub, flush: Flush, warehouse: Warehouse
) -> None:
    hub.fill()
    flush.run()
    change(hub, 1)
    flush.discover()
    hub.pair.good()  # after the tap has looked at the columns, and before it reads the rows
    flush.again()
    hub.an_hour_passes()
    flush.run()

    assert differences(hub, warehouse, ALL) == []
    assert [row for row in rows(warehouse, "accounts", ["id", "extra_1_c"]).values() if row["extra_1_c"]]


def test_the_role_of_the_docs_reads_on_when_the_clocks_go_back(
    hub: Hub, flush: Flush, warehouse: Warehouse
) -> None:
    (statements,) = re.findall("```sql\n(.*?)```", (PROJECT / "docs" / "hub.md").read_text(), re.DOTALL)
    role = f"reader_{uuid.uuid4().hex[:12]}"
    place = urlsplit(hub.url)
    hub.fill()
    hub.warehouse.execute(statements.replace("hub_reader", role))
    hub.warehouse.execute(f"ALTER DATABASE {place.path[1:]} SET timezone = 'Europe/Berlin'")
    hub.warehouse.execute(
        "UPDATE {schema}.accounts SET received_at = '2025-10-26 00:59Z'::timestamptz "
        "+ ascii(right(md5(id), 1)) * interval '1 second'"
    )
    flush.processes.write(
        flush.config.name,
        {
            **json.loads(flush.config.read_text()),
            "sqlalchemy_url": place._replace(netloc=f"{role}:...@{place.hostname}:{place.port}").geturl(),
        },
    )
    flush.run()

    assert differences(hub, warehouse, ALL) == []
    hub.warehouse.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@search
@pytest.mark.parametrize("seed", range(at_level(normal=2, wide=20, long=200)))
def test_kills_lose_nothing(seed: int, hub: Hub, flush: Flush, warehouse: Warehouse) -> None:
    random = Random(seed if REPEATABLE else None)
    hub.fill()
    flush.discover()
    for number in range(1, 4):
        victim = random.choice(["tap-postgres", "target-sfwarehouse"])
        most = random.randrange(600)
        running = flush.start()
        wait_until(
            lambda: running.poll() is not None or loaded(warehouse) >= most,  # noqa: B023
            "the warehouse run is on its way",
        )
        if process := named(running.pid, victim):
            process.kill()
        flush.processes.finish(running)
        flush.keep_state()
        if random.random() < 0.5:
            change(hub, number)
            output = hub.pair.tap().output.splitlines(keepends=True)
            hub.pair.load(output[: random.randrange(len(output))], torn=True)
            hub.an_hour_passes()
            flush.discover()
    hub.fill()
    flush.run()

    assert differences(hub, warehouse, ALL) == []


QUERY = (
    "import duckdb, json, sys; c = duckdb.connect(sys.argv[1]); c.execute(sys.argv[2]); "
    "n = [d[0] for d in c.description]; print(json.dumps([dict(zip(n, r)) for r in c.fetchall()], default=str))"
)


@pytest.mark.parametrize("name", ["target-duckdb", "target-jsonl"])
def test_targets_of_others_take_the_hub(
    name: str, hub: Hub, processes: Processes, plugin_environment: Callable[[str], Path]
) -> None:
    folder = processes.directory
    command = plugin_environment(name) / name
    config = processes.write(
        "theirs.json",
        {"filepath": str(folder / "x.duckdb"), "default_target_schema": "main"}
        if name == "target-duckdb"
        else {"destination_path": str(folder), "do_timestamp_file": False},
    )
    tap = plugin_environment("tap-postgres") / "tap-postgres"
    flush = Flush(hub, processes, tap, f"{command} --config {config}", SOME)

    def held(table: str, names: list[str]) -> Rows:
        if name == "target-jsonl":  # each state of a row is a line, so the last one counts
            lines = (folder / f"hub-{table}.jsonl").read_text().splitlines()
            found = [json.loads(line) for line in lines]
        else:
            query = f"SELECT {', '.join(names)} FROM {table}"
            answer = processes.run(command.parent / "python", "-c", QUERY, folder / "x.duckdb", query)
            found = json.loads(answer.expect().stdout)
        return {row["id"]: {key: plain(row.get(key)) for key in names} for row in found}

    for number in range(1, 3):
        hub.fill()
        flush.run()
        for table, names in hub.selected(SOME).items():
            expected = {
                key: {column: plain(value) for column, value in row.items()}
                for key, row in hub.rows(table, names).items()
            }
            assert held(table, names) == expected, table
        change(hub, number)


def plain(value: Any) -> Any:
    """A value as targets keep it that know neither decimals nor time zones."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[ T]\d", value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    return value if value is None or isinstance(value, bool) else str(value)


def loaded(warehouse: Warehouse) -> int:
    """Rows that a warehouse has."""
    return sum(
        warehouse.query(f'SELECT count(*) AS rows FROM {{schema}}."{table}"')[0]["rows"]
        for table in others(warehouse)
    )


def test_source_and_warehouse_run_at_once(hub: Hub, flush: Flush, warehouse: Warehouse) -> None:
    hub.fill()
    for number in range(1, 3):
        flush.discover()
        running = flush.start()
        change(hub, number)
        hub.pair.good()
        flush.processes.finish(running).expect()
        flush.keep_state()
    hub.an_hour_passes()
    flush.run()

    assert differences(hub, warehouse, ALL) == []
