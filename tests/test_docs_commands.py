"""Every command in every page is run: here, by a test that is named here, or there is a reason why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.fix_process import PROJECT
from tests.test_docs import PAGES

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse


class Block(NamedTuple):
    """A shell example."""

    page: str
    text: str

    @property
    def begins(self) -> str:
        """Its first command, which names it."""
        return self.text.strip().splitlines()[0].partition("#")[0].strip().removesuffix("\\").strip()

    def is_environment(self) -> bool:
        """Whether it has the lines of an .env file, whose names tests/test_docs.py compares with the settings."""
        return all(re.match(r"[A-Z_]+=\S+$", line) for line in self.text.strip().splitlines())


BLOCKS = [
    Block(page.name, text)
    for page in PAGES
    for text in re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
]

HERE = (
    "tap-sfsource --config tap.json --test",
    "tap-sfsource --config tap.json --discover",
    "python -m tap_sfsource.models erd",
    "python -m tap_sfsource.models dbt",
    "python -m tap_sfsource.shards",
)
"""Beginnings of what is run below as it stands, in a folder with tap.json, target.json and catalogs/."""

ELSEWHERE = {
    "[ -e state.json ] || echo": "pair/test_readme.py",
    "tap-sfsource --config tap.json --state state.json | target-jsonl": "pair/test_readme.py",
    "TAP_SFSOURCE_NAMING=salesforce": "pair/test_readme.py",
    "set -euo pipefail": "pair/test_readme.py",
    "tap-github --config github.json": "pair/test_readme.py",
    "meltano --environment=prod run tap-sfsource": "pair/test_meltano.py",
    "python3 -m venv .venv": "test_newcomer.py",
    "meltano install": "test_newcomer.py",
    "meltano invoke sfsource verify": "test_newcomer.py",
    "sfsource login": "command/test_login.py",
    "sfsource status": "command/test_status.py",
    "sfsource verify": "command/test_verify.py",
    "sfsource resync": "command/test_resync.py",
    "meltano add --plugin-type extractor": "test_hub_plugins.py",
    "meltano run tap-sfsource--emea": "pair/test_meltano.py",
    "meltano run salesforce-shard-0": "pair/test_shards.py",
    "xargs -P 4 -I ORG meltano run": "pair/test_many_orgs.py",
    "TAP_SFSOURCE_DELETES=sweep tap-sfsource": "pair/test_takeover.py",
    "TAP_SFSOURCE_DELETES=sweep meltano": "pair/test_meltano.py",
    "meltano run --full-refresh tap-sfsource--csv target-csv": "pair/test_other_targets.py",
    "sfsource doctor": "command/test_doctor.py",
    "sfsource pick --tap": "command/test_pick.py",
    "dbt source freshness": "pair/test_dbt.py",
    "python -m target_sfwarehouse.embedded": "target/test_embedded.py",
}
"""Beginnings of what a test runs, most often in its own words: the file below tests/."""

NOT_RUN = {
    "make demo": "CI runs it",
    "make test": "CI runs it",
    "make setup": "CI begins with it",
    "pip install": "this version is not published yet; tests/test_package.py builds what it installs",
}
"""Beginnings of what no test runs, and why."""


def test_each_command_is_run_or_has_a_reason() -> None:
    known = (*HERE, *ELSEWHERE, *NOT_RUN)
    found = {block.begins: block.page for block in BLOCKS if not block.is_environment()}
    assert {begins: page for begins, page in found.items() if not begins.startswith(known)} == {}
    assert [key for key in known if not any(begins.startswith(key) for begins in found)] == []
    assert [file for file in ELSEWHERE.values() if not (PROJECT / "tests" / file).is_file()] == []


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.begins.startswith(HERE)], ids=lambda block: block.begins[:60]
)
def test_it_runs(block: Block, company_server: OrgServer, warehouse: Warehouse, processes: Processes) -> None:
    (processes.directory / "catalogs").symlink_to(PROJECT / "catalogs")
    (processes.directory / "models").mkdir()
    processes.write("tap.json", company_server.config())
    processes.write("target.json", warehouse.config())
    processes.shell(block.text, env={"PYTHONPATH": str(PROJECT)}).expect()
