"""The way of somebody new, as docs/first-sync.md has it, on a machine with Python and a Postgres and nothing of the clone.

Both distributions are the built wheels, and everything that they need is what the package index has today.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.built import build_wheel
from tests.command.terminal import free_port
from tests.fix_process import DEADLINE, PROJECT, Processes, wait_until
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIANS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
HOST = "https://acme.my.salesforce.com"
"""The org of the page's commands."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of the pair and of the simulated org."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (PROJECT, PROJECT / "salesforce_simulator"):
        build_wheel(source, folder)
    return folder


@contextmanager
def debians_postgres() -> Iterator[str]:
    """URL of a new server of Debian's programs, as Debian's account for it where root runs the tests."""
    bin_ = DEBIANS[-1]
    account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="newcomer-"))
    if account:
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    options = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **account}
    (password := folder / "password").write_text("hunter2")
    password.chmod(0o644)
    make = [
        bin_ / "initdb",
        "-D",
        folder / "data",
        "-U",
        "loader",
        "-A",
        "scram-sha-256",
        "--pwfile",
        password,
    ]
    subprocess.run([*make, "-E", "UTF8", "--locale", "C.UTF-8"], check=True, timeout=DEADLINE, **options)  # type: ignore[call-overload]
    serve = [
        bin_ / "postgres",
        "-D",
        "data",
        "-p",
        str(port),
        "-k",
        folder,
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    server: subprocess.Popen[bytes] = subprocess.Popen(serve, **options)  # type: ignore[call-overload]
    url = f"postgresql://loader:hunter2@127.0.0.1:{port}/postgres"
    try:
        wait_until(lambda: answers(url), "Debian's Postgres answers")
        yield url
    finally:
        server.terminate()
        server.wait(DEADLINE)
        shutil.rmtree(folder)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def commands(section: str) -> list[str]:
    """The shell blocks of a section of docs/first-sync.md."""
    page = (PROJECT / "docs" / "first-sync.md").read_text()
    [part] = re.findall(rf"^## {section}\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```bash\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def is_environment(block: str) -> bool:
    return all(re.match(r"[A-Z_]+=\S+$", line) for line in block.splitlines())


def edit(block: str, values: dict[str, str]) -> str:
    """The page's one edit of .env: its lines, with values of one's own."""
    lines = []
    for name in re.findall(r"^([A-Z_]+)=", block, re.MULTILINE):
        if name in values:
            lines.append(f"grep -qE '^(# )?{name}=' .env")
            lines.append(f"sed -i -E 's|^(# )?{name}=.*|{name}={values[name]}|' .env")
    return "\n".join(lines)


class Machine(Processes):
    """A machine that has Python and the programs of the system, and knows where its packages come from."""

    def __init__(self, directory: Path, wheels: Path) -> None:
        super().__init__(directory)
        self.wheels = wheels

    def environment(self, extra: Any) -> dict[str, str]:
        """What installers are told about the package index, and the wheels, as if it had them."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "UV_", "SSL_", "LANG", "LC_")) or name.lower().endswith("_proxy")
        }
        python = Path(sys.base_prefix) / "bin"
        return {
            **kept,
            "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.directory),
            "PIP_FIND_LINKS": f"{kept.get('PIP_FIND_LINKS', '')} {self.wheels}".strip(),
            "UV_FIND_LINKS": ",".join(filter(None, (kept.get("UV_FIND_LINKS"), str(self.wheels)))),
            # Nothing may depend on Meltano's hub: nobody listens here.
            "MELTANO_HUB_URL": "http://127.0.0.1:9",
            "NO_COLOR": "1",
            **extra,
        }


@slow
def test_from_nothing_to_a_warehouse_that_equals_the_org(wheels: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, wheels)
    try:
        if DEBIANS:
            print(f"\nThe warehouse is Debian's Postgres {DEBIANS[-1].parent.name}.")
            with debians_postgres() as url:
                follow_the_page(machine, {"TARGET_SFWAREHOUSE_SQLALCHEMY_URL": url})
        else:
            print(
                "\nThe warehouse is the embedded server, as Debian's programs of Postgres are not installed."
            )
            try:
                follow_the_page(machine, {})
            finally:
                remove = (sys.executable, "-m", "target_sfwarehouse.embedded", "remove")
                machine.run(*remove, machine.directory / "my-project" / ".sfwarehouse").expect()
    finally:
        machine.close()


def follow_the_page(machine: Machine, warehouse: dict[str, str]) -> None:
    org = an_org(machine)
    values = {
        "TAP_SFSOURCE_LOGIN_URL": org["url"],
        "TAP_SFSOURCE_CLIENT_ID": org["client_id"],
        "TAP_SFSOURCE_CLIENT_SECRET": org["client_secret"],
        **warehouse,
    }
    blocks = commands("With Meltano")
    assert [block for block in blocks if is_environment(block)]
    # One shell, as a person has one: `cd` and `activate` hold for what comes after.
    script = [
        edit(block, values) if is_environment(block) else block.replace(HOST, org["url"]) for block in blocks
    ]
    # The environment prod is for a warehouse that is configured.
    script = [block for block in script if warehouse or "prod" not in block]
    finished = machine.run("bash", "-c", "\n".join(["set -eu -o pipefail", *script]), deadline=600).expect()
    told = re.findall(r"^(\w+): (\d+) collections, \d+ calls$", finished.stdout, re.MULTILINE)
    assert [status for status, _ in told] == ["equal"], finished.stdout[-3000:]
    assert int(told[0][1]) > 40


def an_org(machine: Machine) -> dict[str, str]:
    """A simulated org with its example company, of its own wheel in an environment of its own."""
    steps = ["python3 -m venv org", "org/bin/pip install salesforce-simulator"]
    machine.run("bash", "-c", " && ".join(steps), deadline=300).expect()
    served = machine.start(["org/bin/salesforce-simulator", "--company", "--port", "0", "--json"])
    assert served.stdout is not None
    found: dict[str, str] = json.loads(served.stdout.readline())
    return found
