"""What settings, spoilt tables and an org in trouble do to `sfsource verify`: it blames no row wrongly, and hides nothing."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Latency, Status
from tap_sfsource.catalog.keys import CREATED_BEFORE, CREATED_FROM
from tests.command.verifying import Verified, copied, fill, ids, lost, many, spoilt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

SALT = "x" * 32


@pytest.fixture
def large(org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> Verified:
    """More accounts than a page has, of 70 days."""
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"])
    many(verified.org)
    verified.sync()
    return verified


def queries(verified: Verified) -> list[str]:
    return [part.soql for call in verified.server.ledger.calls for part in call.parts if part.soql]


def test_a_lost_row_and_one_too_many_do_not_cancel_out(large: Verified) -> None:
    account, other = ids(large.org, "Account")[1000], "001Hs0000000zzzIAA"
    large.warehouse.execute(lost("accounts", account))
    large.warehouse.execute(copied("accounts", ids(large.org, "Account")[10], f"id = '{other}'"))
    large.server.ledger.clear()
    assert large.differences("--sample", "0") == {
        ("accounts", "missing", account),
        ("accounts", "hidden", other),
    }
    # Both groupings are one call; then come the ids of the days, and what has become of the two rows.
    asked = queries(large)
    assert len([soql for soql in asked if "GROUP BY" in soql]) == 2
    assert large.calls <= 10


def test_a_change_that_the_warehouse_lacks_is_found_by_the_days_of_changes(large: Verified) -> None:
    account = ids(large.org, "Account")[1000]
    large.warehouse.execute(
        spoilt("accounts", account, "name = 'old', system_modstamp = system_modstamp - interval '9 days'")
    )
    assert large.differences("--sample", "0") == {("accounts", "differs", account)}


def test_of_many_years_weeks_are_counted_and_then_days(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"])
    for number in range(2010):
        verified.org.create("Account", {"Name": f"Account {number}"})
        verified.org.clock.advance(days=1)
    verified.sync()
    account, other = ids(verified.org, "Account")[1000], ids(verified.org, "Account")[30]
    warehouse.execute(lost("accounts", account))
    warehouse.execute(spoilt("accounts", other, "created_date = NULL"))
    org_server.ledger.clear()
    assert verified.differences("--sample", "0") == {
        ("accounts", "missing", account),
        ("accounts", "differs", other),
    }
    assert any("WEEK_IN_YEAR(CreatedDate)" in soql for soql in queries(verified))


def test_rows_of_other_shards_are_left_to_them(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"])
    fill(verified.org)
    edge = verified.org.rows("Account")[3]["CreatedDate"].replace("+0000", "Z")
    verified.org.clock.advance(hours=3)
    states: dict[str, Any] = {}
    for key in (CREATED_BEFORE, CREATED_FROM):
        window = {"breadcrumb": [], "metadata": {"selected": True, key: edge}}
        catalog = {"streams": [{"tap_stream_id": "accounts", "metadata": [window]}]}
        (tmp_path / key).write_text(json.dumps(catalog))
        verified.pair.state = None
        verified.pair.good(catalog)
        states[key] = verified.pair.state
    accounts = ids(verified.org, "Account")
    warehouse.execute(lost("accounts", accounts[0]))
    warehouse.execute(lost("accounts", accounts[5]))
    # The warehouse has this row in the time of the other shard.
    warehouse.execute(spoilt("accounts", accounts[4], "created_date = created_date - interval '3 days'"))
    found = {}
    for key, state in states.items():
        verified.pair.state = state
        options = ["--catalog", str(tmp_path / key)]
        for how in ([], ["--full"]):
            found[key, *how] = verified.differences(*options, *how)
    assert verified.differences(*options, "--repair", status=0) == set()
    assert verified.pair.deleted() == set()
    first = {("accounts", "missing", accounts[0])}
    second = {("accounts", "missing", accounts[5]), ("accounts", "marked", accounts[4])}
    assert list(found.values()) == [first, first, second, second]


def test_rows_without_an_id_are_told_and_stay(verified: Verified) -> None:
    verified.warehouse.execute(
        "ALTER TABLE {schema}.accounts DROP CONSTRAINT accounts_pkey; "
        "ALTER TABLE {schema}.accounts ALTER id DROP NOT NULL; INSERT INTO {schema}.accounts (name) VALUES ('theirs')"
    )
    for how in ([], ["--full"]):
        assert verified.differences(*how) == {("accounts", "no_id", "")}, how
    verified.warehouse.execute("DELETE FROM {schema}.accounts WHERE id IS NULL")
    assert verified.differences(status=0) == set()


def test_an_id_of_another_object_never_was_in_the_org(verified: Verified) -> None:
    account, contact = ids(verified.org, "Account")[1], ids(verified.org, "Contact")[1]
    verified.warehouse.execute(copied("accounts", account, f"id = '{contact}'"))
    for how in ([], ["--full"]):
        assert verified.differences(*how) == {("accounts", "no_id", contact)}, how


def test_of_versions_the_last_one_is_compared(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], partial_rows="whole")
    verified.target = {"load_method": "append-only"}
    fill(verified.org)
    verified.sync()
    first, second, third, fourth = ids(verified.org, "Account")[:4]
    verified.org.update(first, {"Name": "newer"})
    verified.org.delete(second)
    verified.org.hard_delete(fourth)
    verified.sync()
    for how in ([], ["--full"]):
        assert verified.differences(*how, status=0) == set(), how
    verified.warehouse.execute(spoilt("accounts", first, "name = 'spoilt'"))
    verified.warehouse.execute(lost("accounts", third))
    wrong = {("accounts", "differs", first), ("accounts", "missing", third)}
    for how in ([], ["--full"]):
        assert verified.differences(*how) == wrong, how
    assert verified.differences("--repair", status=0) == set()


def test_a_column_that_cannot_hold_the_values_is_named_without_them(verified: Verified) -> None:
    account = ids(verified.org, "Account")[1]
    verified.warehouse.execute(
        "ALTER TABLE {schema}.accounts ALTER name TYPE varchar(5) USING left(name, 5); "
        "ALTER TABLE {schema}.contacts ALTER last_name TYPE boolean USING true; "
        "ALTER TABLE {schema}.tasks ALTER is_closed TYPE text"
    )
    for how in ([], ["--full"]):
        said = json.dumps(found := verified(*how, status=2))
        assert "name of" in found["accounts"]["unchecked"]
        assert "last_name of" in found["contacts"]["unchecked"]
        assert found["tasks"]["status"] == "equal"
        assert "Account " not in said
        assert "Contact " not in said
    verified.warehouse.execute(spoilt("accounts", account, "number_of_employees = 17"))
    assert verified.differences() == {("accounts", "differs", account)}


def test_an_object_that_cannot_be_described_is_told_where_it_is_meant(verified: Verified) -> None:
    fault = Status(400, code="INSUFFICIENT_ACCESS", message="no")
    verified.server.faults.add(fault, path="*/Task/describe", times=None)
    assert set(verified("accounts", status=0)) == {"accounts"}
    for name in ("tasks", "Task"):
        found = verified(name, status=2)
        assert set(found) == {"tasks"}
        assert "INSUFFICIENT_ACCESS" in found["tasks"]["unchecked"]
    assert set(verified(status=2)) == {"accounts", "contacts", "tasks"}


def test_what_is_found_before_the_org_fails_stands(verified: Verified) -> None:
    account = ids(verified.org, "Account")[1]
    verified.warehouse.execute(lost("accounts", account))
    calls = verified.org.limits.daily_api_requests
    verified(status=1)
    # The sample is the last thing that is asked for.
    calls.maximum = (calls.used + verified.calls - 1) * 100 // 80
    found = verified(status=1)
    assert [part["id"] for part in found["accounts"]["differences"]] == [account]
    assert "quota_percent_total" in found["contacts"]["unchecked"]


def test_a_row_that_is_deleted_after_the_log_was_read_is_no_difference(verified: Verified) -> None:
    first, second = ids(verified.org, "Contact")[3:5]
    verified.org.hard_delete(first)
    told: list[str] = []

    def delete_late() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not any(
            "/deleted/" in part.path for call in verified.server.ledger.calls for part in call.parts
        ):
            pass
        verified.server.faults.add(Latency(0.5), path="*/composite", times=1)
        verified.org.hard_delete(second)
        told.append(second)

    verified.server.ledger.clear()
    living = threading.Thread(target=delete_late)
    living.start()
    found = verified.differences("contacts", status=0)
    living.join()
    assert (found, told) == (set(), [second])


def test_of_doubled_rows_the_better_one_stays_where_the_repair_fails(verified: Verified) -> None:
    contact = ids(verified.org, "Contact")[1]
    verified.warehouse.execute(
        "ALTER TABLE {schema}.contacts DROP CONSTRAINT contacts_pkey; "
        + copied("contacts", contact, "is_deleted = true, last_name = 'x'")
        + "; "
        + spoilt("contacts", contact, "first_name = 'y'")
        + "; ALTER TABLE {schema}.contacts ADD CHECK (last_name <> 'Contact 1') NOT VALID"
    )
    found = verified("--repair", status=1)["contacts"]
    assert [part["kind"] for part in found["differences"]] == ["doubled"]
    assert "the repair failed" in found["unchecked"]
    assert [part["kind"] for part in verified(status=1)["contacts"]["differences"]] == ["differs"]
    assert verified.pair.column("contacts", "last_name")[contact] == "Contact 1"


KEPT = "BEGIN RETURN NULL; END", "Rows of contacts could not be removed"
REFUSED = "BEGIN RAISE 'No row is deleted here'; END", "No row is deleted here"


@pytest.mark.parametrize(("body", "said"), [REFUSED, KEPT], ids=["refused", "kept"])
def test_what_is_found_stands_where_the_warehouse_refuses_a_repair(
    body: str, said: str, verified: Verified
) -> None:
    account, contact = ids(verified.org, "Account")[1], ids(verified.org, "Contact")[1]
    verified.warehouse.execute(
        "ALTER TABLE {schema}.contacts DROP CONSTRAINT contacts_pkey; "
        + copied("contacts", contact, "last_name = 'secret'")
        + "; CREATE FUNCTION {schema}.keep() RETURNS trigger LANGUAGE plpgsql AS $$ "
        + body
        + " $$; CREATE TRIGGER keep BEFORE DELETE ON {schema}.contacts FOR EACH ROW EXECUTE FUNCTION {schema}.keep()"
    )
    verified.warehouse.execute(spoilt("accounts", account, "name = 'old'"))
    found = verified("--repair", status=1)
    assert [part["id"] for part in found["accounts"]["differences"]] == [account]
    assert [part["kind"] for part in found["contacts"]["differences"]] == ["doubled"]
    assert "the repair failed" in found["contacts"]["unchecked"]
    assert said in found["contacts"]["unchecked"]


def test_a_repaired_collection_is_equal_though_its_rows_tell_no_change(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], deletes="soft")
    fill(verified.org)
    marks = {"selected": True, "forced-replication-method": "FULL_TABLE"}
    catalog = {
        "streams": [{"tap_stream_id": "accounts", "metadata": [{"breadcrumb": [], "metadata": marks}]}]
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    verified.pair.good(catalog)
    options = ["--catalog", str(tmp_path / "catalog.json")]
    warehouse.execute(spoilt("accounts", ids(verified.org, "Account")[1], "name = 'old'"))
    assert "nothing tells" in verified(*options, status=2)["accounts"]["unchecked"]
    assert verified(*options, "--repair", status=0)["accounts"]["unchecked"] is None
    assert verified(*options, status=0)["accounts"]["status"] == "equal"


@pytest.mark.parametrize("objects", [["Account", "Contact"], ["Account"]], ids=str)
def test_a_change_after_the_run_is_no_difference_where_each_run_reads_all_rows(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, objects: list[str]
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=objects)
    fill(verified.org)
    verified.org.clock.advance(hours=3)
    marks = {"accounts": {"selected": True, "forced-replication-method": "FULL_TABLE"}}
    if "Contact" in objects:
        marks["contacts"] = {"selected": True}
    catalog = {
        "streams": [
            {"tap_stream_id": name, "metadata": [{"breadcrumb": [], "metadata": mark}]}
            for name, mark in marks.items()
        ]
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    verified.pair.good(catalog)
    verified.org.clock.advance(hours=1)
    verified.org.update(ids(verified.org, "Account")[1], {"Name": "newer"})
    assert verified.differences("accounts", "--catalog", str(tmp_path / "catalog.json"), status=None) == set()


def test_tables_are_not_locked_while_the_org_is_asked(verified: Verified) -> None:
    verified.warehouse.execute(lost("accounts", ids(verified.org, "Account")[1]))
    verified.server.faults.add(Latency(0.4), path="*/composite", times=None)
    held: list[Any] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            held.extend(
                verified.warehouse.query(
                    "SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction' "
                    "AND now() - xact_start > interval '0.2 s'"
                )
            )

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        assert len(verified.differences()) == 1
    finally:
        stop.set()
        watching.join()
    assert held == []


def test_a_row_that_came_back_without_a_stamp_is_accepted_until_it_is_read_again(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    objects = ["Opportunity", "OpportunityFieldHistory"]
    verified = Verified(org_server, warehouse, tmp_path, objects=objects)
    org = verified.org
    given = {"Name": "deal", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    opportunity = org.create("Opportunity", given)
    org.update(opportunity, {"StageName": "Qualification"})
    verified.sync()
    org.delete(opportunity)
    verified.sync()
    org.undelete(opportunity)
    (found,) = verified()["opportunity_field_history"]["differences"]
    assert found["kind"] == "marked"
    assert "without a new stamp" in found["accepted"]
    org.clock.advance(days=1)
    verified.sync()
    assert verified()["opportunity_field_history"]["differences"] == []
    # After that nothing excuses a mark.
    org.clock.advance(days=20)
    verified.sync()
    warehouse.execute("UPDATE {schema}.opportunity_field_history SET is_deleted = true")
    assert {kind for _, kind, _ in verified.differences()} == {"marked"}


def test_every_doubled_row_is_found_and_one_stays(verified: Verified) -> None:
    alive, binned, gone = (
        ids(verified.org, "Contact")[1],
        ids(verified.org, "Contact")[0],
        ids(verified.org, "Contact")[2],
    )
    verified.org.hard_delete(gone)
    verified.sync()
    verified.org.update(ids(verified.org, "Contact")[3], {"LastName": "newer"})
    strange = "003' OR Id != '"
    verified.warehouse.execute(copied("contacts", alive, f"id = '{strange.replace(chr(39), chr(39) * 2)}'"))
    verified.warehouse.execute("ALTER TABLE {schema}.contacts DROP CONSTRAINT contacts_pkey")
    verified.warehouse.execute("INSERT INTO {schema}.contacts SELECT * FROM {schema}.contacts")
    keys = {
        key
        for (key,) in {
            tuple(row.values()) for row in verified.warehouse.query("SELECT id FROM {schema}.contacts")
        }
    }
    assert keys >= {alive, binned, gone, strange}
    for how in ([], ["--full"]):
        assert verified.differences(*how) == {("contacts", "doubled", key) for key in keys}, how
    assert verified.differences("--repair", status=0) == set()
    assert verified.warehouse.query("SELECT count(*) AS rows FROM {schema}.contacts") == [{"rows": len(keys)}]
    assert verified.pair.deleted("contacts") == {binned, gone, strange}
