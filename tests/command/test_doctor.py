"""`sfsource doctor` names what would stop a run, or make it read less than all, and says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.users import Permissions
from tests.command.asked import Answer, ask, written
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


def select(*streams: str, **fields: list[str]) -> dict[str, Any]:
    """A selection-only catalog."""
    return {
        "streams": [
            {
                "tap_stream_id": stream,
                "metadata": [
                    {"breadcrumb": [], "metadata": {"selected": True}},
                    *(
                        {"breadcrumb": ["properties", name], "metadata": {"selected": True}}
                        for name in fields.get(stream, [])
                    ),
                ],
            }
            for stream in streams
        ]
    }


class Patient:
    """An org, a warehouse and a state, at which the doctor looks."""

    def __init__(self, folder: Path, org: OrgServer, warehouse: Warehouse) -> None:
        self.folder, self.org, self.warehouse = folder, org, warehouse
        self.tap: dict[str, Any] = {"objects": ["Account", "Contact"]}
        self.target: dict[str, Any] = {}
        self.state: dict[str, Any] | None = None
        self.catalog: dict[str, Any] | None = None

    def seen(self, *options: str) -> Answer:
        """Ask the doctor."""
        files: list[str | Path] = ["--tap", written(self.folder, "tap.json", self.org.config(**self.tap))]
        files += ["--target", written(self.folder, "target.json", self.warehouse.config(**self.target))]
        for name, value in (("state", self.state), ("catalog", self.catalog)):
            if value is not None:
                files += [f"--{name}", written(self.folder, f"{name}.json", value)]
        return ask("doctor", *files, *options)

    def findings(self, status: int) -> dict[tuple[str, str], tuple[str, str]]:
        """Area and check to level, and what is said."""
        found = self.seen("--json").expect(status).json["findings"]
        told: dict[tuple[str, str], tuple[str, str]] = {}
        for part in found:
            key = (part["area"], part["check"])
            level, before = told.get(key, (part["level"], ""))
            worst = max(level, part["level"], key=("skipped", "ok", "warning", "failure").index)
            told[key] = (worst, f"{before} {part['told']} {part['advice']}".strip())
        return told


@pytest.fixture
def patient(tmp_path: Path, org_server: OrgServer, warehouse: Warehouse) -> Patient:
    return Patient(tmp_path, org_server, warehouse)


def bookmark(org: OrgServer, age: timedelta, **more: Any) -> dict[str, Any]:
    moment = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    ours = {"replication_key": "system_modstamp", "replication_key_value": moment, "deleted_until": moment}
    return {"org": org.org.id[:15], **ours, **more}


def test_all_is_well(patient: Patient) -> None:
    patient.state = {"bookmarks": {"accounts": bookmark(patient.org, timedelta(hours=3))}}
    answer = patient.seen().expect(0)
    for told in (
        "login",
        "clock",
        "API calls a day",
        "none in between",
        "rows are merged by",
        "2 of 2 selected",
    ):
        assert told in answer.words
    found = patient.findings(0)
    assert found.pop(("org", "permissions"))[0] == "skipped", "this org has no such object"
    assert {level for level, _ in found.values()} == {"ok"}
    assert patient.warehouse.table_names() == set()
    assert "is not there yet, and" in found["warehouse", "schema"][1]


def test_its_own_calls_are_told(patient: Patient) -> None:
    patient.org.ledger.clear()
    answer = patient.seen("--json").expect(0)
    # The list of API versions is free, and the tap counts what it sends.
    assert answer.json["api_calls"] == patient.org.ledger.api_calls + 1 > 1


def test_a_refused_login_is_told_without_the_secret_and_the_warehouse_is_still_looked_at(
    patient: Patient,
) -> None:
    patient.tap["client_secret"] = "verysecret"
    answer = patient.seen("--json").expect(1)
    assert "verysecret" not in answer.stdout + answer.stderr
    found = patient.findings(1)
    assert found["org", "login"][0] == "failure"
    assert "Check client_id and client_secret" in found["org", "login"][1]
    assert found["org", "permissions"][0] == "skipped"
    assert found["warehouse", "connection"][0] == "ok"


@pytest.mark.parametrize(("by", "said"), [(-600, "600 s ahead of"), (600, "600 s behind")])
def test_a_clock_that_is_off_is_told(by: int, said: str, patient: Patient) -> None:
    patient.org.org.clock.advance(seconds=by)
    level, told = patient.findings(0)["org", "clock"]
    assert level == "warning"
    assert said in told.replace("599", "600").replace("601", "600")
    assert "NTP" in told


def test_an_api_version_that_the_org_does_not_speak_fails(patient: Patient) -> None:
    patient.tap["api_version"] = "99.0"
    level, told = patient.findings(1)["org", "API version"]
    assert level == "failure"
    assert "Set api_version to 67.0" in told


def test_a_day_that_is_used_up_fails(patient: Patient) -> None:
    patient.org.org.limits.daily_api_requests.spend(85_000)
    level, told = patient.findings(1)["org", "API calls a day"]
    assert level == "failure"
    assert "quota_percent_total (80 %) is reached, so no run begins now" in told


def test_bulk_jobs_that_are_used_up_are_a_warning(patient: Patient) -> None:
    patient.org.org.limits.daily_bulk_v2_query_jobs.spend(9_000)
    level, told = patient.findings(0)["org", "Bulk query jobs a day"]
    assert (level, "large reads wait" in told) == ("warning", True)


def test_what_the_selection_names_and_the_user_does_not_see_is_named(patient: Patient) -> None:
    org, user = patient.org.org, patient.org.user.username
    patient.catalog = select("accounts", "contacts", "leads", accounts=["phone", "industry"])
    org.set_permissions(user, Permissions().without_object("Lead").without_field("Account.Phone"))
    found = patient.findings(0)
    level, told = found["org", "accounts"]
    assert level == "warning"
    assert "accounts: the user sees no phone" in told
    assert "industry" not in told
    assert found["org", "leads"][0] == "warning"
    assert "Give the user Read permission" in found["org", "leads"][1]
    assert found["org", "selection"][1] == "2 of 2 selected collections can be read"


def test_a_state_of_another_org_is_told(patient: Patient) -> None:
    patient.state = {
        "bookmarks": {"accounts": {**bookmark(patient.org, timedelta(hours=1)), "org": "00D5g000001abcd"}}
    }
    level, told = patient.findings(0)["state", "org"]
    assert level == "warning"
    assert "of org 00D5g000001abcd" in told
    assert "reads all rows again" in told
    patient.tap["on_other_org"] = "stop"
    assert patient.findings(1)["state", "org"][0] == "failure"


def test_an_old_state_is_told_with_what_follows(patient: Patient) -> None:
    old = bookmark(patient.org, timedelta(days=16))
    patient.state = {
        "bookmarks": {"accounts": old, "contacts": bookmark(patient.org, timedelta(days=13)), "leads": old}
    }
    found = patient.findings(0)
    assert "the last run was 13 days ago" in found["state", "age"][1]
    level, told = found["state", "deletion log"]
    assert level == "warning"
    assert "accounts: Salesforce's log of deletions keeps 15 days" in told
    assert "contacts: within days" in told
    assert "leads: bookmarks of streams that are not selected any more" in found["state", "bookmarks"][1]


def test_a_state_that_cannot_be_read_fails(patient: Patient) -> None:
    broken = {**bookmark(patient.org, timedelta(hours=1)), "deleted_until": "yesterday"}
    patient.state = {"bookmarks": {"accounts": broken}}
    level, told = patient.findings(1)["state", "bookmarks"]
    assert level == "failure"
    assert "State of accounts: deleted_until 'yesterday' is not a date" in told


def test_a_warehouse_that_is_not_there_fails(patient: Patient) -> None:
    patient.target["sqlalchemy_url"] = "postgresql://loader:hunter2@127.0.0.1:1/d"
    answer = patient.seen("--json").expect(1)
    assert "hunter2" not in answer.stdout
    assert (
        "Cannot connect to the warehouse at 127.0.0.1:1" in patient.findings(1)["warehouse", "connection"][1]
    )


def test_rights_that_the_role_lacks_are_named_with_the_statement(
    patient: Patient, loader: tuple[str, str], warehouse: Warehouse
) -> None:
    role, url = loader
    patient.target["sqlalchemy_url"] = url
    assert patient.findings(0)["warehouse", "schema"][0] == "ok"
    warehouse.execute("CREATE TABLE {schema}.accounts (id text PRIMARY KEY)")
    warehouse.execute("CREATE TABLE {schema}.contacts (id text PRIMARY KEY)")
    warehouse.execute(f"GRANT SELECT, INSERT, UPDATE ON {{schema}}.contacts TO {role}")
    level, told = patient.findings(1)["warehouse", "tables"]
    assert level == "failure"
    assert "accounts (of " in told
    assert "contacts (of " in told
    assert f'."accounts" OWNER TO "{role}"' in told
    warehouse.execute("ALTER SCHEMA {schema} OWNER TO CURRENT_USER")
    level, told = patient.findings(1)["warehouse", "schema"]
    assert (level, f'TO "{role}"' in told) == ("failure", True)


def test_rows_of_another_org_fail(patient: Patient, warehouse: Warehouse) -> None:
    # % has a meaning for the driver.
    warehouse = patient.warehouse = replace(warehouse, schema=f"{warehouse.schema} %s")
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE TABLE {schema}._sources (collection text PRIMARY KEY, source text)")
    # Of a collection that is not selected; a table without rows does not count.
    warehouse.execute("CREATE TABLE {schema}.leads (id text PRIMARY KEY)")
    warehouse.execute("INSERT INTO {schema}._sources VALUES ('leads', 'salesforce:00D5g000001abcd')")
    assert ("warehouse", "source") not in patient.findings(0)
    warehouse.execute("INSERT INTO {schema}.leads VALUES ('00Q5g00000A')")
    level, told = patient.findings(1)["warehouse", "source"]
    assert level == "failure"
    assert "hold rows of salesforce:00D5g000001abcd" in told
    patient.target["on_other_source"] = "allow"
    assert patient.findings(0)["warehouse", "source"][0] == "warning"
    warehouse.execute("DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize(
    ("setting", "level", "said"),
    [
        ({"start_date": "2999-01-01"}, "failure", "2999-01-01 is in the future, so nothing would be read"),
        ({"stream_maps": {"accounts": {"name": "upper("}}}, "failure", "the map of accounts cannot be used"),
        ({"stream_maps": {"acounts": {"name": None}}}, "warning", "acounts"),
        ({"object": ["Account"]}, "warning", "There is no setting object; it is ignored. Is it objects?"),
        ({"stream_maps": {"accounts": {"name": None}}}, "ok", ""),
    ],
)
def test_settings_that_a_run_refuses_or_warns_of(
    setting: dict[str, Any], level: str, said: str, patient: Patient
) -> None:
    patient.tap |= setting
    found = patient.findings(int(level == "failure")).get(("org", "settings"), ("ok", ""))
    assert found[0] == level
    assert said in found[1]


def test_without_settings_of_the_target_the_org_is_looked_at(
    tmp_path: Path, org_server: OrgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = ask("doctor", "--tap", written(tmp_path, "tap.json", org_server.config(objects=["Account"])))
    assert "give --target FILE" in answer.expect(0).words


def test_settings_that_cannot_be_used_are_a_failure_and_the_warehouse_is_still_looked_at(
    patient: Patient,
) -> None:
    patient.tap["reader"] = "fast"
    found = patient.findings(1)
    level, told = found["org", "settings"]
    assert level == "failure"
    assert "reader" in told
    assert found["warehouse", "connection"][0] == "ok"


@slow
def test_in_a_meltano_project(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    for name, value in meltano.environment.items():
        monkeypatch.setenv(name, value)
    answer = ask("doctor", "--project", meltano.processes.directory, "--json").expect(0)
    found = {(part["area"], part["check"]): part for part in answer.json["findings"]}
    assert found["org", "selection"]["told"] == "47 of 47 selected collections can be read"
    assert "the next run is a first sync" in found["state", "bookmarks"]["told"]
    assert found["warehouse", "connection"]["level"] == "ok"
    assert answer.json["forecast"]["next_run"]["together"]["rows"] > 4_000


def test_a_first_sync_names_the_state_that_was_not_found(patient: Patient) -> None:
    """A name that is misspelt looks like a first sync."""
    answer = patient.seen("--state", "stat.json", "--no-forecast").expect(0)
    assert "stat.json holds no bookmark yet: the next run is a first sync" in answer.words
