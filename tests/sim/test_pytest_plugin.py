"""The pytest plugin in a project of somebody else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from salesforce_simulator.org import ALL_FEATURES
from salesforce_simulator.pytest_plugin import FEATURES
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_process import Finished, Processes

# Without the plugins of this environment, which take seconds to load.
ALONE = {"PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

UNUSED = """
import sys

def test_nothing_is_imported_before_a_fixture_is_used():
    assert not {"aiohttp", "lark", "cryptography", "msgspec", "salesforce_simulator.org"} & set(sys.modules)
"""

USED = """
import json, urllib.parse, urllib.request
import pytest

def ask(org, query, token=None):
    url = f"{org.url}/services/data/v62.0/query?" + urllib.parse.urlencode({"q": query})
    headers = {"Authorization": f"Bearer {token or org.access_token()}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return json.load(answer)

def login(url, **form):
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/services/oauth2/token", data, timeout=20) as answer:
        return json.load(answer)["access_token"]

def test_an_empty_org(salesforce_org):
    assert ask(salesforce_org, "SELECT COUNT() FROM Account")["totalSize"] == 0
    salesforce_org.org.create("Account", {"Name": "Acme"})
    assert ask(salesforce_org, "SELECT Name FROM Account")["records"][0]["Name"] == "Acme"
    assert [call.status for call in salesforce_org.ledger.calls] == [200, 200]

def test_its_login(salesforce_org):
    org = salesforce_org
    app = {"client_id": org.client_id, "client_secret": org.client_secret}
    org.org.login.password_grant = True
    password = org.password + org.security_token
    for token in (
        login(org.url, grant_type="client_credentials", **app),
        login(org.login_url, grant_type="password", username=org.user, password=password, **app),
    ):
        assert ask(org, "SELECT COUNT() FROM Account", token)["totalSize"] == 0

def test_the_company(salesforce_company):
    assert ask(salesforce_company, "SELECT COUNT() FROM Account")["totalSize"] > 100
    assert "AccountTag" in salesforce_company.org.schema.objects

@pytest.mark.salesforce(features=["multicurrency"], seed=7, records={"Lead": 3}, faults=["Status=503,nth=2"])
class TestMarks:
    def test_of_the_class(self, salesforce_org):
        assert salesforce_org.org.features == {"multicurrency", "schedules"}
        assert salesforce_org.org.seed == 7
        assert len(salesforce_org.org.rows("Lead")) == 3
        ask(salesforce_org, "SELECT COUNT() FROM Account")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(salesforce_org, "SELECT COUNT() FROM Account")

    @pytest.mark.salesforce(company=True, seed=8, sandbox=True, records={}, faults=[])
    def test_the_nearest_wins(self, salesforce_org):
        assert (salesforce_org.org.seed, salesforce_org.login_url) == (8, salesforce_org.server.test_url)
        assert ask(salesforce_org, "SELECT COUNT() FROM Account")["totalSize"] > 100

def test_options(salesforce_org):
    assert (salesforce_org.org.features, salesforce_org.org.seed) == ({"schedules"}, 3)
"""

WRONG = """
import pytest

@pytest.mark.salesforce(record={"Lead": 3})
def test_no_such_name(salesforce_org): ...

@pytest.mark.salesforce(["tags"])
def test_no_name(salesforce_org): ...

@pytest.mark.salesforce(records={"Laed": 3})
def test_no_such_object(salesforce_org): ...

@pytest.mark.salesforce(features=["magic"])
def test_no_such_feature(salesforce_org): ...

@pytest.mark.salesforce(faults=["Magic"])
def test_no_such_fault(salesforce_org): ...
"""


def run(processes: Processes, text: str, *arguments: str) -> Finished:
    processes.directory.joinpath("test_theirs.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider"]
    plugin = ["-p", "salesforce_simulator.pytest_plugin", *arguments]
    return processes.run(*command, *plugin, env=ALONE)


def test_it_costs_nothing_where_it_is_not_used(processes: Processes) -> None:
    run(processes, UNUSED).expect()


def test_fixtures_marks_and_options(processes: Processes) -> None:
    run(processes, USED, "--salesforce-seed", "3", "--salesforce-feature", "schedules").expect()


def test_a_wrong_mark_says_what_is_wrong(processes: Processes) -> None:
    said = run(processes, WRONG).expect(1).stdout
    assert "pytest.mark.salesforce has no record; it has company, features" in said
    assert "pytest.mark.salesforce takes named values only" in said
    assert "the org has no object Laed; nearest: Lead" in said
    assert "unknown features: magic" in said
    assert "'Magic' is no fault; there are AbortJob" in said
    assert "Traceback" not in said


def test_the_example_for_simple_salesforce(processes: Processes) -> None:
    example: Path = PROJECT / "salesforce_simulator" / "examples" / "test_simple_salesforce.py"
    run(processes, example.read_text()).expect()


def test_the_plugin_names_all_features() -> None:
    assert set(FEATURES) == ALL_FEATURES
