"""BATCH files: the same rows as RECORD messages carry, Bulk pages as they came, and storage that cannot be used."""

from __future__ import annotations

import csv
import gzip
import io
import json
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from salesforce_simulator.http.faults import Slow
from tap_sfsource.api.spool import give_name, nameless_file
from tests.fix_process import wait_until
from tests.tap.running import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

NAMES = ("Acme", 'Über "quoted"\nlines', "Third")


@pytest.fixture
def small_org(org_server: OrgServer) -> OrgServer:
    """Three accounts, and a clock that stands still."""
    for name in NAMES:
        org_server.org.create("Account", {"Name": name, "AnnualRevenue": 1234567890123456})
    org_server.org.clock.freeze()
    return org_server


def messages(output: bytes, kind: str) -> list[dict[str, Any]]:
    return [message for line in output.splitlines() if (message := json.loads(line))["type"] == kind]


def batched(server: OrgServer, root: str | Path, encoding: dict[str, str], **settings: Any) -> dict[str, Any]:
    storage = {"root": str(root), "prefix": "b-"}
    batch_config = {"encoding": encoding, "storage": storage, "batch_size": 2}
    return server.config(
        **{"objects": ["Account"], "batch_config": batch_config, "progress": "none", **settings}
    )


def of_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def of_parquet(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize(
    ("encoding", "read"),
    [
        ({"format": "jsonl", "compression": "gzip"}, of_jsonl),
        ({"format": "parquet", "compression": "gzip"}, of_parquet),
    ],
    ids=["jsonl", "parquet"],
)
def test_batches_hold_the_same_records(
    small_org: OrgServer,
    tmp_path: Path,
    encoding: dict[str, str],
    read: Callable[[Path], list[dict[str, Any]]],
) -> None:
    plain = run_tap(small_org.config(objects=["Account"]))
    outcome = run_tap(batched(small_org, f"file://{tmp_path}", encoding))
    manifests = [path for message in messages(outcome.output, "BATCH") for path in message["manifest"]]
    records = [record for path in manifests for record in read(Path(path.removeprefix("file://")))]
    assert len(manifests) == 2
    assert records == [message["record"] for message in messages(plain.output, "RECORD")]
    assert messages(outcome.output, "STATE")[-1] == messages(plain.output, "STATE")[-1]


def bulk(server: OrgServer, root: str | Path, compression: str = "none", **settings: Any) -> dict[str, Any]:
    encoding = {"format": "csv", "compression": compression}
    return batched(server, root, encoding, reader="bulk", bulk_page_size=2, **settings)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_csv_batches_are_bulk_pages_as_they_came(
    small_org: OrgServer, warehouse: Warehouse, processes: Processes, tmp_path: Path, compression: str
) -> None:
    folder = tmp_path / "made" / "batches"
    outcome = run_tap(bulk(small_org, f"file://{folder}", compression, objects=["Account", "Group"]))
    batches = messages(outcome.output, "BATCH")
    assert [batch["stream"] for batch in batches] == ["accounts", "accounts"]
    encoding = batches[0]["encoding"]
    assert encoding.keys() == {"format", "compression", "columns", "header", "quoted_empty", "dates"}
    assert encoding["compression"] == compression
    # Group has no IsDeleted, and so its rows are no plain Bulk page.
    assert {record["stream"] for record in messages(outcome.output, "RECORD")} <= {"_group"}
    files = [Path(url.removeprefix("file://")) for batch in batches for url in batch["manifest"]]
    assert sorted(files) == sorted(folder.iterdir())
    first = files[0].read_bytes()
    header = next(
        csv.reader(io.StringIO((gzip.decompress(first) if compression == "gzip" else first).decode()))
    )
    assert len(header) == len(encoding["columns"])
    assert header[:2] == ["Id", "IsDeleted"]
    processes.write("target.json", warehouse.config())
    (tmp_path / "messages.jsonl").write_bytes(outcome.output)
    processes.target("--config", "target.json", stdin=tmp_path / "messages.jsonl").expect()
    rows = warehouse.query(f'SELECT name, is_deleted FROM "{warehouse.schema}".accounts')
    assert {row["name"]: row["is_deleted"] for row in rows} == dict.fromkeys(NAMES, False)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_prefix_may_name_a_folder(small_org: OrgServer, tmp_path: Path, form: str) -> None:
    config = bulk(small_org, tmp_path / "batches")
    config["batch_config"] |= {"encoding": {"format": form}}
    config["batch_config"]["storage"]["prefix"] = "crm/eu/b-"
    outcome = run_tap(config)
    files = [path for message in messages(outcome.output, "BATCH") for path in message["manifest"]]
    assert len(files) == 2
    assert all(Path(path.removeprefix("file://")).parent == tmp_path / "batches/crm/eu" for path in files)


def test_pages_that_wait_on_another_file_system_are_copied(small_org: OrgServer, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    spool_dir = str(elsewhere if elsewhere.is_dir() else tmp_path)
    outcome = run_tap(bulk(small_org, tmp_path / "batches", spool_dir=spool_dir))
    files = [path for message in messages(outcome.output, "BATCH") for path in message["manifest"]]
    texts = [Path(path.removeprefix("file://")).read_text() for path in files]
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert {row["Name"] for row in rows} == set(NAMES)


def test_a_page_becomes_a_batch_file_where_that_is_possible(tmp_path: Path) -> None:
    with nameless_file(str(tmp_path)) as file:
        file.write(b"a page")
        assert list(tmp_path.iterdir()) == []
        moved = give_name(file, tmp_path / "page.csv")
    assert not moved or (tmp_path / "page.csv").read_bytes() == b"a page"
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        assert not give_name(file, tmp_path / "other.csv")
    with nameless_file(str(tmp_path)) as file:
        assert not give_name(file, tmp_path / "missing" / "other.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["page.csv"] * moved


def test_a_killed_run_leaves_no_part_of_a_file(
    small_org: OrgServer, processes: Processes, tmp_path: Path
) -> None:
    small_org.faults.add(Slow(bytes_per_second=200), path="*/results")
    processes.write("tap.json", bulk(small_org, tmp_path / "batches"))
    tap = processes.start(["tap-sfsource", "--config", "tap.json"])
    wait_until(lambda: small_org.ledger.matching("/results", method="GET"), "a page is asked for")
    tap.send_signal(signal.SIGKILL)
    processes.finish(tap)
    assert list((tmp_path / "batches").iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("root", "reason"),
    [
        ("a-file", "File exists"),
        ("nope://bucket", "Unsupported filesystem"),
        ("/proc/batches", "No such file"),
    ],
)
def test_a_storage_that_cannot_be_used_is_told_before_the_org_is_asked(
    org_server: OrgServer, processes: Processes, form: str, root: str, reason: str
) -> None:
    (processes.directory / "a-file").write_text("")
    processes.write("tap.json", batched(org_server, root, {"format": form}))

    finished = processes.tap("--config", "tap.json").expect(1)

    assert "Setting batch_config: files cannot be written to" in finished.stderr
    assert reason in finished.stderr
    assert "Traceback" not in finished.said
    assert org_server.ledger.matching("/services", method="GET") == []


def test_the_password_of_a_storage_is_not_told(org_server: OrgServer, processes: Processes) -> None:
    root = "ftp://loader:hush-hush@127.0.0.1:1/batches"
    processes.write("tap.json", batched(org_server, root, {"format": "csv"}))

    finished = processes.tap("--config", "tap.json").expect(1)

    assert "files cannot be written to ftp://loader:***@127.0.0.1:1/batches" in finished.stderr
    assert "hush" not in finished.said


@pytest.mark.parametrize(
    ("form", "reader", "setting"), [("csv", "bulk", "spool_dir"), ("jsonl", "rest", "batch_config")]
)
def test_a_full_disk_is_one_line_and_no_success(
    small_org: OrgServer, processes: Processes, form: str, reader: str, setting: str
) -> None:
    processes.write("tap.json", batched(small_org, "batches", {"format": form}, reader=reader))

    finished = processes.shell("ulimit -f 0; tap-sfsource --config tap.json").expect(1)

    assert setting in finished.stderr
    assert "Traceback" not in finished.said
    assert finished.messages("BATCH") == []
