"""The vendor's own CLI (npm, `sf`) works against the simulated org, unmodified and told nothing but where it is.

Its `undici` is held at a major release that runs on Node 20.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from tests.levels import slow

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

PACKAGE = Path(__file__).with_name("clients") / "sf_cli" / "package.json"


@pytest.fixture(scope="module")
def installed(request: pytest.FixtureRequest) -> Path:
    """The program, which pytest's cache keeps until its version changes."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = Path(request.config.cache.mkdir("sf_cli"))
    stamp = folder / "node_modules" / "installed.json"
    wanted = PACKAGE.read_bytes()
    if not stamp.exists() or stamp.read_bytes() != wanted:
        (folder / "package.json").write_bytes(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=400)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"the CLI does not install here: {error}")
        stamp.write_bytes(wanted)
    return stamp.parent / ".bin" / "sf"


@dataclass(frozen=True)
class Cli:
    """The CLI with a home of its own."""

    program: Path
    home: Path

    def run(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SF_DISABLE_TELEMETRY": "true",
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
            "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
        }
        done = subprocess.run(
            [str(self.program), *arguments],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def result(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))["result"]


@pytest.fixture
def cli(installed: Path, company_server: OrgServer, tmp_path: Path) -> Cli:
    """Logged in by JWT."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cli")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    company_server.org.apps[DEMO_CLIENT_ID].certificate = certificate.public_bytes(pem).decode()
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    cli = Cli(installed, tmp_path)
    told = cli.result(
        "org", "login", "jwt", "--client-id", DEMO_CLIENT_ID, "--jwt-key-file", str(key_file),
        "--username", DEMO_USER, "--instance-url", company_server.url, "--set-default",
    )  # fmt: skip
    assert (told["orgId"], told["username"]) == (company_server.org.id, DEMO_USER)
    assert (told["name"], told["orgEdition"], told["isSandbox"]) == ("Acme", "Developer Edition", False)
    return cli


@slow
def test_the_vendors_cli(company_server: OrgServer, cli: Cli) -> None:
    org = company_server.org
    truth = {row["Id"]: row["Name"] for row in org.rows("Account") if not row["IsDeleted"]}
    found = cli.result("data", "query", "--query", "SELECT Id, Name, Owner.Name FROM Account")
    assert {row["Id"]: row["Name"] for row in found["records"]} == truth
    assert found["records"][0]["Owner"]["attributes"]["type"] == "User"
    table = cli.run(
        "data", "query", "--result-format", "csv", "--query", "SELECT Id, Owner.Name FROM Account LIMIT 3"
    )
    assert table.splitlines()[0] == "Id,Owner.Name"
    assert len(table.splitlines()) == 4
    assert company_server.ledger.matching("/query", "GET", "Account")[-1].query.endswith("columns=true")
    file = cli.home / "accounts.csv"
    cli.result(
        "data", "export", "bulk", "--query", "SELECT Id, Name FROM Account", "--output-file", str(file), "--wait", "2"
    )  # fmt: skip
    with file.open(newline="", encoding="utf-8") as lines:
        assert {row["Id"]: row["Name"] for row in csv.DictReader(lines)} == truth
    described = cli.result("sobject", "describe", "--sobject", "Account")
    assert [f["name"] for f in described["fields"]] == list(org.object("Account").fields)
    assert set(cli.result("sobject", "list")) == set(org.schema.objects)
    limits = {line["name"]: line["max"] for line in cli.result("limits", "api", "display")}
    assert limits["DailyApiRequests"] == org.limits.daily_api_requests.maximum
