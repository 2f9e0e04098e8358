"""What a setting needs and `pip install sfsource` does not bring is told in one line, with the extra to install."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

ZSTD = b"\x28\xb5\x2f\xfd" + bytes(8)
SCHEMA = {
    "type": "SCHEMA",
    "stream": "leads",
    "schema": {"properties": {"id": {"type": "string"}}},
    "key_properties": ["id"],
}


def without(processes: Processes, module: str) -> dict[str, str]:
    """An environment in which a module cannot be imported, as if it were not installed."""
    folder = processes.directory / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    return {"PYTHONPATH": str(folder)}


def batch(url: str, kind: str = "jsonl") -> dict[str, Any]:
    return {"type": "BATCH", "stream": "leads", "encoding": {"format": kind}, "manifest": [url]}


@pytest.mark.parametrize(
    ("extra", "module", "message"),
    [
        ("s3", "s3fs", batch("s3://bucket/leads.jsonl")),
        ("zstd", "zstandard", batch("leads.jsonl.zst")),
        ("parquet", "pyarrow", batch("leads.parquet", "parquet")),
    ],
    ids=["s3", "zstd", "parquet"],
)
def test_a_batch_file_that_needs_an_extra(
    extra: str, module: str, message: dict[str, Any], warehouse: Warehouse, processes: Processes
) -> None:
    for name in ("leads.jsonl.zst", "leads.parquet"):
        (processes.directory / name).write_bytes(ZSTD if extra == "zstd" else b"PAR1")
    config = processes.write("target.json", warehouse.config())
    lines = processes.directory / "lines.singer"
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in (SCHEMA, message)))
    finished = processes.target("--config", config, stdin=lines, env=without(processes, module)).expect(1)
    told(finished.stderr, extra)


def test_a_tunnel_needs_an_extra(processes: Processes) -> None:
    tunnel = {"enable": True, "host": "127.0.0.1", "port": 1, "username": "u", "private_key": "k"}
    config = processes.write("target.json", {"host": "warehouse.test", "ssh_tunnel": tunnel, "schema": "s"})
    lines = processes.directory / "lines.singer"
    lines.write_text("This is no message: the extra is told before a line is read.\n")
    env = without(processes, "target_postgres")
    told(processes.target("--config", config, stdin=lines, env=env).expect(1).stderr, "ssh")


@pytest.mark.parametrize(
    ("extra", "module", "root", "kind"),
    [("s3", "s3fs", "s3://bucket/batches", "jsonl"), ("parquet", "pyarrow", "batches", "parquet")],
    ids=["s3", "parquet"],
)
def test_a_tap_that_writes_files_needs_an_extra(
    extra: str, module: str, root: str, kind: str, org_server: OrgServer, processes: Processes
) -> None:
    files = {"storage": {"root": root}, "encoding": {"format": kind, "compression": "none"}}
    config = processes.write("tap.json", org_server.config(batch_config=files, objects=["Account"]))
    finished = processes.tap("--config", config, env=without(processes, module)).expect(1)
    told(finished.stderr, extra)
    assert '"stream":"accounts"' not in finished.stdout, "nothing is read"


def told(said: str, extra: str) -> None:
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "pip install" in line]
    assert f"pip install 'sfsource[{extra}]'" in line


def test_the_page_has_each_extra() -> None:
    """docs/first-sync.md says what each brings; those of one command are told by that command's tests."""
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    page = (PROJECT / "docs" / "first-sync.md").read_text()
    assert [extra for extra in extras if f"\n| `{extra}` |" not in page] == []
