"""`filters`: a SOQL condition by object holds for every row that a run reads, by whatever reader and for whatever reason."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.http.faults import Status
from tap_sfsource.config import Settings
from tap_sfsource.errors import ConfigError
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

READERS = pytest.mark.parametrize("reader", ["rest", "bulk"])
ROWS = pytest.mark.parametrize("partial_rows", ["auto", "whole"])
ENERGY = {"Account": "Industry = 'Energy' OR Name = 'It''s'".replace("''", "\\'")}


def account(server: OrgServer, industry: str, **more: Any) -> str:
    return server.org.create("Account", {"Name": f"{industry} Inc.", "Industry": industry, **more})


def live(syncs: Syncs) -> set[str]:
    return {name for name, row in syncs.target.tables["accounts"].items() if not row["is_deleted"]}


@READERS
@ROWS
def test_only_rows_that_meet_the_condition_are_read(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    energy, quoted = account(org_server, "Energy"), account(org_server, "Media", Name="It's")
    account(org_server, "Media")
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows, filters=ENERGY)
    assert syncs.sync() == {"accounts": 2}
    assert live(syncs) == {energy, quoted}
    later = account(org_server, "Energy")
    account(org_server, "Media")
    org_server.org.delete(quoted)
    frozen.advance(hours=3)
    syncs.sync()
    assert live(syncs) == {energy, later}
    assert syncs.row("accounts", quoted)["is_deleted"] is True
    frozen.advance(hours=30)
    syncs.sync(deletes="sweep")
    assert live(syncs) == {energy, later}
    assert set(syncs.target.tables["accounts"]) == {energy, quoted, later}


@READERS
@ROWS
@pytest.mark.parametrize("key", ["incremental", "full table"])
def test_another_condition_reads_the_object_anew_and_leaves_no_other_row_alive(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str, key: str
) -> None:
    energy, media, both = (account(org_server, name) for name in ("Energy", "Media", "Banking"))
    frozen.advance(hours=3)
    method = [{"breadcrumb": [], "metadata": {"forced-replication-method": "FULL_TABLE"}}]
    entry = {"tap_stream_id": "accounts", "metadata": method if key == "full table" else []}
    catalog = {"streams": [entry]}
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows, deletes="soft")
    syncs.sync(catalog)
    assert live(syncs) == {energy, media, both}
    frozen.advance(hours=3)
    syncs.sync(catalog, filters={"accounts": "Industry IN ('Energy', 'Banking')"})
    assert live(syncs) == {energy, both}
    frozen.advance(hours=3)
    syncs.sync(catalog, filters={"acc*": "Industry IN ('Media', 'Banking')"})
    assert live(syncs) == {media, both}
    assert syncs.row("accounts", media)["name"] == "Media Inc."
    frozen.advance(hours=3)
    syncs.sync(catalog, filters={"acc*": "Industry IN ('Media', 'Banking')", "Account": None})
    assert live(syncs) == {energy, media, both}
    if key == "incremental":
        frozen.advance(hours=3)
        assert syncs.sync(catalog) == {}


@READERS
@ROWS
@pytest.mark.parametrize("deletes", ["soft", "all"])
@pytest.mark.parametrize("before", [{}, ENERGY], ids=["none", "another"])
def test_another_condition_after_a_first_sync_was_killed_leaves_no_other_row_alive(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str, deletes: str, before: dict[str, str]
) -> None:
    for _ in range(3):
        account(org_server, "Energy")
    media = {account(org_server, "Media") for _ in range(2)}
    frozen.advance(hours=3)
    config = org_server.config(
        objects=["Account"],
        reader=reader,
        partial_rows=partial_rows,
        deletes=deletes,
        bulk_page_size=2,
        state_seconds=0,
    )
    lines = run_tap({**config, "filters": before}).output.splitlines(keepends=True)
    frozen.advance(hours=3)
    for count in range(len(lines) + 1):
        target = ReferenceTarget()
        target.feed(b"".join(lines[:count]))
        again = {**config, "filters": {"Account": "Industry = 'Media'"}}
        target.feed(run_tap(again, state=target.state).output)
        assert {name for name, row in target.tables["accounts"].items() if not row["is_deleted"]} == media, (
            count
        )


def test_a_condition_written_otherwise_is_the_same(org_server: OrgServer, frozen: Clock) -> None:
    account(org_server, "Energy")
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync(filters={"Account": "Industry = 'Energy'\n  AND Name != 'a  b'"})
    frozen.advance(hours=3)
    assert syncs.sync(filters="{\"acc*\": \" Industry = 'Energy' AND Name != 'a  b'\"}") == {}


def test_an_older_state_under_the_new_one_brings_no_bookmark_back(
    org_server: OrgServer, frozen: Clock
) -> None:
    """Meltano merges states: what a run that was killed has left goes over the state before it."""
    account(org_server, "Media")
    contacts = [org_server.org.create("Contact", {"LastName": name}) for name in ("Doe", "Dee", "Roe")]
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    syncs.sync(filters={"Contact": "LastName = 'Roe'"})
    before = syncs.target.state
    assert before is not None
    account(org_server, "Media")
    frozen.advance(hours=3)
    config = {**syncs.config, "filters": {"Contact": "LastName LIKE 'D%'"}, "state_seconds": 0}
    outcome = run_tap(config, state=json.loads(json.dumps(before)))
    states = [json.loads(line)["value"] for line in outcome.output.splitlines() if b'"STATE"' in line]
    marks = next(state["bookmarks"] for state in states if state["bookmarks"]["contacts"].get("sweep_due"))
    assert marks["contacts"]["replication_key_value"] is None
    syncs.target.state = {
        "bookmarks": {name: before["bookmarks"][name] | mark for name, mark in marks.items()}
    }
    frozen.advance(hours=3)
    syncs.sync(filters=config["filters"])
    table = syncs.target.tables["contacts"]
    assert {name for name, row in table.items() if not row["is_deleted"]} == set(contacts[:2])
    assert [table[name]["last_name"] for name in contacts] == ["Doe", "Dee", "Roe"]


@ROWS
def test_a_row_that_meets_the_condition_no_more_stays_until_a_sweep(
    org_server: OrgServer, frozen: Clock, partial_rows: str
) -> None:
    energy = account(org_server, "Energy")
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", filters=ENERGY, partial_rows=partial_rows)
    syncs.sync()
    org_server.org.update(energy, {"Industry": "Media"})
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    assert live(syncs) == {energy}
    syncs.sync(deletes="sweep")
    assert live(syncs) == set()
    org_server.org.update(energy, {"Industry": "Energy"})
    frozen.advance(hours=3)
    syncs.sync()
    assert live(syncs) == {energy}


@READERS
def test_new_columns_and_refreshes_bring_no_other_row(
    org_server: OrgServer, frozen: Clock, reader: str
) -> None:
    energy = account(org_server, "Energy", Site="here")
    account(org_server, "Media")
    frozen.advance(hours=3)
    part = {"breadcrumb": ["properties", "site"], "metadata": {"selected": False}}
    syncs = Syncs(
        org_server,
        "Account",
        reader=reader,
        filters=ENERGY,
        refresh_fields=["Account.Phone"],
        bulk_threshold=0,
    )
    syncs.sync({"streams": [{"tap_stream_id": "accounts", "metadata": [part]}]})
    frozen.advance(hours=30)
    syncs.sync()
    assert {name: row["site"] for name, row in syncs.target.tables["accounts"].items()} == {energy: "here"}
    queries = [job.query for job in org_server.server.site.jobs.all()]
    assert all("(Industry = 'Energy' OR Name = 'It\\'s')" in query for query in queries)
    assert bool(queries) == (reader == "bulk")


def test_a_query_of_too_many_columns_and_one_that_is_too_large_keep_the_condition(
    org_server: OrgServer, frozen: Clock
) -> None:
    energy = account(org_server, "Energy")
    account(org_server, "Media")
    frozen.advance(hours=3)
    for code in ("QUERY_TOO_COMPLICATED", "QUERY_TIMEOUT"):
        org_server.faults.add(Status(400, code), path="*/queryAll", times=3)
        syncs = Syncs(org_server, "Account", reader="rest", filters=ENERGY)
        syncs.sync()
        assert syncs.complete
        assert set(syncs.target.tables["accounts"]) == {energy}


def test_children_that_are_read_by_their_parents_ids_meet_their_condition(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    document = org_server.org.create("ContentDocument", {"Title": "Slides"})
    links = {
        record: org_server.org.create(
            "ContentDocumentLink", {"ContentDocumentId": document, "LinkedEntityId": record}
        )
        for record in (account(org_server, "Energy"), account(org_server, "Media"))
    }
    wanted, other = links
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "ContentDocumentLink")
    syncs.sync(filters={"ContentDocumentLink": f"LinkedEntityId = '{wanted}'"})
    assert set(syncs.target.tables["content_document_link"]) == {links[wanted]}
    syncs.sync(filters={"ContentDocumentLink": f"LinkedEntityId = '{other}'"})
    table = syncs.target.tables["content_document_link"]
    assert {name for name, row in table.items() if not row["is_deleted"]} == {links[other]}
    syncs.sync(filters={"ContentDocumentLink": "No_Such__c = 'x'"})
    assert not syncs.complete
    assert "Setting filters: Salesforce refuses the condition of ContentDocumentLink" in caplog.text


@READERS
@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("Industry = Energy", "MALFORMED_QUERY"),
        ("No_Such__c = 'x'", "INVALID_FIELD: .*No such column 'No_Such__c'"),
        ("Industry", "MALFORMED_QUERY"),
        ("NumberOfEmployees = 'many'", "INVALID_FIELD"),
    ],
)
def test_a_bad_condition_is_one_error_with_salesforces_own_message(
    org_server: OrgServer, processes: Processes, reader: str, condition: str, told: str
) -> None:
    account(org_server, "Energy")
    org_server.org.create("Contact", {"LastName": "Doe"})
    filters = {"Account": condition}
    config = org_server.config(
        objects=["Account", "Contact"], filters=filters, reader=reader, progress="none"
    )
    processes.write("tap.json", config)
    for _ in range(2):
        finished = processes.tap("--config", "tap.json").expect(1)
        (line,) = [line for line in finished.stderr.splitlines() if "is not complete" in line]
        assert re.search(
            rf"accounts is not complete: Setting filters: Salesforce refuses the condition of Account \({told}",
            line,
        ), line
        assert "Not complete: accounts." in finished.stderr
        assert '"stream":"contacts"' in finished.stdout.replace(" ", "")
        assert '"RECORD","stream":"accounts"' not in finished.stdout.replace(" ", "")
    tested = processes.tap("--config", "tap.json", "--test").expect(1)
    assert "accounts: cannot be read." in tested.stdout
    assert "condition of the setting filters" in tested.stdout


def test_a_column_that_is_refused_is_not_blamed_on_the_condition(
    org_server: OrgServer, frozen: Clock
) -> None:
    energy = account(org_server, "Energy")
    frozen.advance(hours=3)
    org_server.server.settings.refused_columns["Account.Phone"] = "read"
    syncs = Syncs(org_server, "Account", filters=ENERGY)
    syncs.sync()
    assert syncs.complete
    assert live(syncs) == {energy}
    assert "phone" not in syncs.row("accounts", energy)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("Name = 'x", "has a quote ' that nothing closes"),
        ("Name = 'x\\'", "has a quote ' that nothing closes"),
        ("(Name = 'x'", "has parentheses that do not match"),
        ("Name = 'x') OR (Name != 'x'", "has parentheses that do not match"),
        ("Name = 'x' ORDER  BY Name", "has ORDER BY, which is no part of a condition"),
        ("Name = 'x' limit 1", "has LIMIT, which"),
        ("Name = 'x' group by Name", "has GROUP BY, which"),
        ("Name = 'x' ALL ROWS", "has ALL ROWS, which"),
        ("Name = 'x'; DROP", "has ';' outside of a text"),
        ("Name = 'x' -- all", "has '--' outside of a text"),
        ("Name = 'x' /* all */", "has '/*' outside of a text"),
        ('Name = "x"', "has '\"' outside of a text"),
        (5, "must be text, not a number"),
    ],
)
def test_what_is_no_condition_is_refused_before_anything_is_asked(condition: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_config({"filters": {"Account": condition}})
    assert str(caught.value).startswith(f"Setting filters: the condition of Account {problem[:5]}")
    assert problem in str(caught.value)


@pytest.mark.parametrize("value", ["Name = 'x'", ["x"], "{bad", 3])
def test_a_condition_for_no_object_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"Setting filters: .* is not an object"):
        Settings.from_config({"filters": value})


@given(st.text(alphabet="ab'\\()\n;-/*\" =,", max_size=12))
def test_no_condition_leads_out_of_its_parentheses(condition: str) -> None:
    """What is accepted has its quotes and parentheses closed, wherever it stands."""
    try:
        settings = Settings.from_config({"filters": {"*": condition}})
    except ConfigError:
        return
    kept = settings.by_object("filters").get("*") or ""
    depth, quoted, place = 0, False, 0
    while place < len(kept):
        sign = kept[place]
        if quoted:
            place += sign == "\\"
            quoted = sign != "'"
        elif sign == "'":
            quoted = True
        else:
            depth += (sign == "(") - (sign == ")")
            assert sign not in ';"\\'
        assert depth >= 0
        place += 1
    assert not quoted
    assert depth == 0


def test_words_in_texts_and_names_are_no_clauses() -> None:
    condition = "Name = 'a; ORDER BY -- (' AND Limit__c > 5 AND Id IN (SELECT AccountId FROM Contact)"
    assert Settings.from_config({"filters": {"Account": condition}}).by_object("filters") == {
        "Account": condition
    }


def test_what_salesforce_says_in_several_lines_is_one_line_of_the_log(
    org_server: OrgServer, processes: Processes
) -> None:
    account(org_server, "Energy")
    processes.write(
        "tap.json", org_server.config(objects=["Account"], reader="bulk", filters={"Account": "No__c = 1"})
    )
    finished = processes.tap("--config", "tap.json").expect(1)
    assert "No such column 'No__c'" in finished.stderr
    assert not [line for line in finished.stderr.splitlines() if line.startswith("ERROR at Row")]
