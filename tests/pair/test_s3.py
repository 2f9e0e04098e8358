"""BATCH files on S3, as `pip install 'sfsource[s3]'` has them: the tap writes them there, and the target reads them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.command.terminal import free_port
from tests.fix_process import PROJECT, SCRIPTS, wait_until
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1]).create_bucket(Bucket='lake')"
LEFT = """\
import boto3, sys
print(boto3.client("s3", endpoint_url=sys.argv[1]).list_objects(Bucket="lake").get("Contents"))
"""


@pytest.fixture
def scripts(plugin_environment: Callable[[str], Path], processes: Processes) -> Path:
    """Where the pair's programs are in an environment that has the extra."""
    folder = plugin_environment("s3")
    options = ("--no-deps", "--python", folder / "python")
    processes.run(SCRIPTS / "uv", "--quiet", "pip", "install", *options, PROJECT).expect()
    return folder


@pytest.fixture
def s3(scripts: Path, processes: Processes) -> str:
    """The address of a server that stands in for S3, with a bucket `lake`."""
    port = free_port()
    # It says a line for each request, more than a pipe holds that nobody reads.
    processes.start(["bash", "-c", f"exec {scripts}/moto_server -H 127.0.0.1 -p {port} >s3.log 2>&1"])

    def answers() -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, "the server of S3 answers", deadline=60)
    address = f"http://127.0.0.1:{port}"
    processes.run(scripts / "python", "-c", BUCKET, address, env=KEYS).expect()
    return address


@slow
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_the_tap_writes_to_s3_the_target_loads(
    form: str, s3: str, scripts: Path, company_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    batches = {
        "encoding": {"format": form, "compression": "gzip"},
        "storage": {"root": "s3://lake/batches", "params": {"endpoint_url": s3}},
    }
    tap = company_server.config(batch_config=batches, objects=["Account", "Contact"], reader="bulk")
    target = warehouse.config(batch_config=batches, batch_files_from="storage", delete_batch_files=True)
    processes.write("tap.json", tap)
    processes.write("target.json", target)
    pipe = f"{scripts}/tap-sfsource --config tap.json | tee lines | {scripts}/target-sfwarehouse --config target.json"
    processes.shell(pipe, env=KEYS).expect()
    assert '"s3://lake/batches/' in (processes.directory / "lines").read_text()
    for table, name in (("accounts", "Account"), ("contacts", "Contact")):
        [row] = warehouse.query(f"SELECT count(*) AS rows FROM {{schema}}.{table}")
        assert row["rows"] == company_server.org.count(name)
    assert processes.run(scripts / "python", "-c", LEFT, s3, env=KEYS).expect().stdout == "None\n"
