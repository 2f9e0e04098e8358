"""`mask`: a field with personal data goes out hashed, empty or not at all, whatever carries its row."""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from salesforce_simulator.custom import custom_field
from tap_sfsource.catalog.masks import Mask
from tap_sfsource.errors import ConfigError, TapError
from tap_sfsource.rows.bulk_csv import BulkCsv
from tap_sfsource.rows.json_rows import JsonRows
from tap_sfsource.rows.layout import Layout
from tap_sfsource.tap import TapSFSource
from tests.masked import SALT, hashed, hashed_text
from tests.pair.both import batch_config, run_tap
from tests.tap.reference import ReferenceTarget
from tests.tap.syncs import Syncs
from tests.tap.test_rows import COLUMNS, EXTRACTED, as_csv, as_json, expected, rows_strategy

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

READERS = pytest.mark.parametrize("reader", ["rest", "bulk"])
EMAIL = "ada.lovelace@example.com"


@given(rows_strategy)
def test_a_hash_is_of_the_value_and_the_same_by_rest_and_bulk(rows: list[tuple[str | None, ...]]) -> None:
    mask = Mask("hash", SALT)
    layout = Layout("things", [dataclasses.replace(column, mask=mask) for column in COLUMNS])
    lines, count = BulkCsv(layout).lines(as_csv(rows), EXTRACTED)
    assert JsonRows(layout).lines(as_json(rows), EXTRACTED) == (lines, count)
    plain = [expected(row) for row in rows]
    assert [json.loads(line)["record"] for line in lines.splitlines()] == [
        {name: hashed(value) for name, value in row.items()} for row in plain
    ]


@given(rows_strategy)
def test_a_mask_of_some_columns_leaves_the_others_alone(rows: list[tuple[str | None, ...]]) -> None:
    masked = [
        dataclasses.replace(column, mask=Mask("null") if place % 2 else None)
        for place, column in enumerate(COLUMNS)
    ]
    layout = Layout("things", masked)
    lines, _ = BulkCsv(layout).lines(as_csv(rows), EXTRACTED)
    assert JsonRows(layout).lines(as_json(rows), EXTRACTED)[0] == lines
    plain, _ = BulkCsv(Layout("things", COLUMNS)).lines(as_csv(rows), EXTRACTED)
    for line, was in zip(lines.splitlines(), plain.splitlines(), strict=True):
        record = json.loads(line)["record"]
        for place, (name, value) in enumerate(json.loads(was)["record"].items()):
            assert record[name] == (None if place % 2 else value)


def test_an_error_does_not_quote_the_value_of_a_masked_column() -> None:
    (column,) = (column for column in COLUMNS if column.sf_type == "int")
    layout = Layout("things", [dataclasses.replace(column, mask=Mask("null"))])
    with pytest.raises(TapError, match=column.api_name) as by_bulk:
        BulkCsv(layout).lines(b'"1203.5"\n', EXTRACTED)
    with pytest.raises(TapError, match=column.api_name) as by_rest:
        JsonRows(layout).lines(f'[{{"{column.api_name}":1203.5}}]'.encode(), EXTRACTED)
    assert "1203" not in f"{by_bulk.value} {by_rest.value}"


def people(server: OrgServer) -> list[str]:
    """Two contacts with an e-mail address each, the first one known."""
    return [
        server.org.create("Contact", {"FirstName": "Ada", "LastName": name, "Email": email})
        for name, email in (("Lovelace", EMAIL), ("Byron", "b@example.com"))
    ]


EMITTERS: dict[str, dict[str, Any]] = {
    "lines": {},
    "flattening": {"flattening_enabled": True, "flattening_max_depth": 1},
    "map": {"stream_maps": {"contacts": {"shown": "email"}}},
    "whole": {"partial_rows": "whole"},
    "csv": {},
    "jsonl": {},
}


@READERS
@pytest.mark.parametrize(
    ("emitter", "kind"),
    [*((emitter, "hash") for emitter in EMITTERS), ("lines", "null"), ("csv", "drop"), ("jsonl", "null")],
)
def test_no_plain_value_leaves_by_any_emitter(
    org_server: OrgServer,
    frozen: Clock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    reader: str,
    emitter: str,
    kind: str,
) -> None:
    caplog.set_level("DEBUG")
    first, second = people(org_server)
    frozen.advance(hours=3)
    config = {**EMITTERS[emitter], "reader": reader, "mask": {"Contact.Email": kind}, "mask_salt": SALT}
    if emitter in ("csv", "jsonl"):
        config["batch_config"] = batch_config(emitter, tmp_path)
    settings = org_server.config(objects=["Contact"], refresh_fields=["Contact.Email"], **config)
    written, state = b"", None
    for again in range(2):
        if again:  # with partial rows: a tombstone, a refreshed field, a new field
            org_server.org.hard_delete(second)
            org_server.org.add_field("Contact", custom_field("Extra__c", "string"))
            frozen.advance(hours=26)
        run = run_tap(settings, state=state)
        assert run.error is None, run.said
        written += run.output + run.said.encode()
        state = run.of("STATE")[-1]["value"]
    for path in tmp_path.iterdir():
        text = path.read_bytes()
        written += gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text
    written += caplog.text.encode()
    assert first.encode() in written
    assert EMAIL.encode() not in written
    assert (hashed_text(EMAIL).encode() in written) == (kind == "hash")


@READERS
def test_a_hash_is_text_and_says_what_it_is(org_server: OrgServer, frozen: Clock, reader: str) -> None:
    first = org_server.org.create(
        "Account", {"Name": "Acme", "AnnualRevenue": 1200.50, "NumberOfEmployees": 7}
    )
    second = org_server.org.create("Account", {"Name": "Acme"})
    frozen.advance(hours=3)
    mask = {"accounts.annual*": "hash", "Account.NumberOf*": "null", "Account.Name": "hash"}
    syncs = Syncs(org_server, "Account", reader=reader, mask=mask, mask_salt=SALT)
    syncs.sync()
    row = syncs.row("accounts", first)
    assert (row["annual_revenue"], row["number_of_employees"]) == (hashed_text("1200.5"), None)
    assert row["name"] == syncs.row("accounts", second)["name"] == hashed_text("Acme")
    assert syncs.row("accounts", second)["annual_revenue"] is None
    (schema,) = (
        message["schema"]["properties"]
        for message in run_tap(syncs.config).of("SCHEMA")
        if message["stream"] == "accounts"
    )
    assert schema["annual_revenue"]["type"] == ["string", "null"]
    assert (schema["annual_revenue"]["x-masked"], schema["number_of_employees"]["x-masked"]) == (
        "hash",
        "null",
    )
    assert "x-masked" not in schema["industry"]


@READERS
@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_another_mask_reads_its_column_for_every_row(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    first, _ = people(org_server)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Contact", reader=reader, partial_rows=partial_rows, mask_salt=SALT)
    syncs.sync()

    def email(**config: Any) -> str | None:
        frozen.advance(hours=3)
        syncs.sync(**config)
        value: str | None = syncs.row("contacts", first)["email"]
        return value

    hashes = {"mask": {"Contact.Email": "hash"}}
    assert email() == EMAIL
    assert email(**hashes) == hashed_text(EMAIL)
    assert syncs.sync(**hashes) == {}
    assert email(**hashes, mask_salt="another salt of the tests") not in {EMAIL, hashed_text(EMAIL)}
    assert email(**hashes) == hashed_text(EMAIL)
    assert email(mask={"Contact.Email": "null"}) is None
    assert email() == EMAIL
    # The state does not hold the salt, nor what it could be found out by.
    assert SALT not in json.dumps(syncs.target.state)


def test_a_mask_set_while_a_first_sync_is_not_finished_holds_for_all_rows(
    org_server: OrgServer, frozen: Clock
) -> None:
    for number in range(9):
        org_server.org.create("Contact", {"LastName": f"L{number}", "Email": f"{number}@example.com"})
    frozen.advance(hours=3)
    settings = org_server.config(objects=["Contact"], reader="bulk", bulk_page_size=2, download_connections=1)
    settings |= {"state_seconds": 0, "mask_salt": SALT}
    lines = run_tap(settings).output.splitlines(keepends=True)
    for cut in range(1, len(lines)):
        target = ReferenceTarget()
        target.feed(b"".join(lines[:cut]))
        for _ in range(2):
            run = run_tap({**settings, "mask": {"Contact.Email": "hash"}}, state=target.state)
            target.feed(run.output)
        found = {row["email"] for row in target.tables["contacts"].values()}
        assert found == {hashed_text(f"{number}@example.com") for number in range(9)}, cut


def test_what_is_dropped_is_not_asked_for_and_the_run_says_what_stays(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    people(org_server)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Contact")
    syncs.sync()
    mask = {"Contact.*Email": "drop"}
    syncs.sync(mask=mask)
    told = "mask drops Email from here on; the values of earlier runs stay in the warehouse"
    assert told in caplog.text
    assert "email" not in syncs.target.properties("contacts")
    assert not [part for entry in org_server.ledger.calls for part in entry.parts if ", Email," in part.soql]
    caplog.clear()
    syncs.sync(mask=mask)
    assert told not in caplog.text
    entry = next(
        entry
        for entry in TapSFSource(config={**syncs.config, "mask": mask}).catalog_dict["streams"]
        if entry["stream"] == "contacts"
    )
    (email,) = (part["metadata"] for part in entry["metadata"] if part["breadcrumb"][-1:] == ["email"])
    assert (email["inclusion"], email["sfsource.unsupported"]) == ("unsupported", "the setting mask drops it")


def test_a_catalog_made_under_a_mask_does_not_keep_it(org_server: OrgServer, frozen: Clock) -> None:
    first = org_server.org.create("Account", {"Name": "Acme", "AnnualRevenue": 12.5})
    frozen.advance(hours=3)
    mask = {"mask": {"Account.AnnualRevenue": "hash"}, "mask_salt": SALT}
    syncs = Syncs(org_server, "Account")
    catalog = TapSFSource(config={**syncs.config, **mask}).catalog_dict
    syncs.sync(catalog, **mask)
    assert syncs.row("accounts", first)["annual_revenue"] == hashed_text("12.5")
    syncs.sync(catalog)
    assert syncs.row("accounts", first)["annual_revenue"] == pytest.approx(12.5)


@READERS
def test_names_are_masked_as_the_objects_that_have_them(
    org_server: OrgServer, frozen: Clock, reader: str
) -> None:
    org = org_server.org
    contact = org.create("Contact", {"FirstName": "Ada", "LastName": "Lovelace"})
    lead = org.create("Lead", {"FirstName": "Jane", "LastName": "Roe", "Company": "Roe & Co"})
    for who in (contact, lead):
        org.create("Task", {"Subject": "Call", "Status": "Not Started", "Priority": "Normal", "WhoId": who})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Task", "Name", reader=reader, mask_salt=SALT)
    syncs.sync()
    assert syncs.row("names", contact)["last_name"] == "Lovelace"
    frozen.advance(hours=3)
    # Another mask reads the names anew; one of tasks does not.
    syncs.sync(mask={"contacts.*name": "hash", "Lead.LastName": "drop"})
    told = {key: (row["name"], row["last_name"]) for key, row in syncs.target.tables["names"].items()}
    assert told[contact] == (hashed_text("Ada Lovelace"), hashed_text("Lovelace"))
    assert told[lead] == ("Jane Roe", None)
    assert {row["type"] for row in syncs.target.tables["names"].values()} >= {"Contact", "Lead"}
    assert syncs.sync(mask={"contacts.*name": "hash", "Lead.LastName": "drop"}) == {}
    frozen.advance(hours=3)
    syncs.sync(mask={"Name.*Name": "null"})
    assert {row["last_name"] for row in syncs.target.tables["names"].values()} == {None}


def refused(server: OrgServer, *objects: str, **config: Any) -> str:
    with pytest.raises(ConfigError) as error:
        TapSFSource(config=server.config(objects=list(objects), mask_salt=SALT) | config)
    return str(error.value)


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        ({"Contact.Emial": "hash"}, ["Contact.Emial matches no field", "Is it Email?"]),
        ({"Contct.Email": "hash"}, ["Contct matches no object", "Is it Contact?"]),
        ({"Contact.Id": "hash"}, ["Contact.Id cannot be masked"]),
        ({"*.SystemModstamp": "null"}, ["Contact.SystemModstamp cannot be masked"]),
        ({"contacts.is_deleted": "drop"}, ["Contact.IsDeleted cannot be masked"]),
        ({"Contact": "hash"}, ["'Contact' names no field", '{"Contact.Email": "hash"}']),
        ({"Contact.Email": "sha"}, ["'sha' of Contact.Email is not a choice", "hash, null, drop, keep"]),
        ('{"Contact.Email"', ["is not an object"]),
        ({"Contact.Email": ""}, ["is not a choice"]),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(
    org_server: OrgServer, mask: dict[str, str] | str, told: list[str]
) -> None:
    said = refused(org_server, "Contact", mask=mask)
    assert said.startswith("Setting mask: ")
    assert all(part in said for part in told), said


def test_discovery_checks_names_of_fields_too(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=r"Contact\.Emial matches no field"):
        list(
            TapSFSource(
                config=org_server.config(mask={"Contact.Emial": "null"}), setup_mapper=False
            ).catalog_dict
        )
    assert TapSFSource(config=org_server.config(mask={"*.Email": "null"}), setup_mapper=False).catalog_dict
    assert "Setting mask" not in caplog.text


def test_hashes_need_a_salt(org_server: OrgServer, caplog: pytest.LogCaptureFixture) -> None:
    mask = {"Contact.Email": "hash"}
    assert refused(org_server, "Contact", mask=mask, mask_salt=None).startswith("Setting mask_salt: ")
    TapSFSource(config=org_server.config(objects=["Contact"], mask=mask, mask_salt="pepper"))
    assert "Setting mask_salt: it is short" in caplog.text
    assert "pepper" not in caplog.text


def test_patterns_leave_what_the_sync_needs_and_names_go_before_them(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = people(org_server)
    frozen.advance(hours=3)
    # JSON's null, which YAML users write without quotes, hides values too.
    mask = {"Contact.LastName": "keep", "Contact.*": None, "*.Fax*": "drop", "Contact.*Nothing*": "hash"}
    syncs = Syncs(org_server, "Contact", mask=mask, mask_salt=SALT)
    syncs.sync()
    row = syncs.row("contacts", first)
    assert {name for name, value in row.items() if value is not None} == {
        "id",
        "is_deleted",
        "last_name",
        "system_modstamp",
    }
    assert "fax" not in row
    assert "Setting mask: Contact.*Nothing* matches no field" in caplog.text


def test_a_run_tells_of_plain_columns_that_show_masked_ones(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    text = {"formula": "{Email}", "formula_text": 'LEFT(Email, 5) & "Phone"'}
    org_server.org.add_field("Contact", custom_field("Short__c", "string", **text))
    config = org_server.config(objects=["Contact"], mask_salt=SALT)
    TapSFSource(config=config | {"mask": {"Contact.Email": "hash", "Contact.LastName": "drop"}}).run_plan  # noqa: B018
    assert "contacts: Short__c is made of Email, which the setting mask hides." in caplog.text
    assert "contacts: Name is made of LastName, which the setting mask hides." in caplog.text
    caplog.clear()
    TapSFSource(config=config | {"mask": {"Contact.Phone": "hash"}}).run_plan  # noqa: B018
    assert "is made of" not in caplog.text.replace("Short__c is made of Phone", "")


def test_a_run_tells_of_other_objects_that_show_masked_values(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    org = org_server.org
    org.add_field("Contact", custom_field("SSN__c", "string"))
    for name in ("SSN__pc", "Shoe__pc", "PersonEmail", "PersonTitle", "IsPersonAccount"):
        org.add_field("Account", custom_field(name, "boolean" if name.startswith("Is") else "string"))
    config = org_server.config(objects=["Account", "Contact", "OpportunityFieldHistory"], mask_salt=SALT)
    mask = {
        "Contact.Email": "hash",
        "Contact.SSN__c": "drop",
        "Opportunity.Name": "null",
        "Contact.AccountId": "hash",
    }
    TapSFSource(config=config | {"mask": mask}).run_plan  # noqa: B018
    assert "accounts: PersonEmail, SSN__pc may have values of Contact" in caplog.text.replace(
        "SSN__pc, PersonEmail", "PersonEmail, SSN__pc"
    )
    assert "opportunity_field_history: OldValue, NewValue may have values of Opportunity" in caplog.text
    assert "contacts: mask hashes AccountId, which then join no id" in caplog.text
    caplog.clear()
    TapSFSource(config=config | {"mask": mask | {"Account.*": "null", "*History.*": "drop"}}).run_plan  # noqa: B018
    assert "may have values of" not in caplog.text


def test_contents_of_files_that_a_mask_empties_are_not_read(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    folder = org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    first = org.create("Document", {"Name": "cv", "FolderId": folder, "Body": "c2VjcmV0"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Document", include_base64=True, mask_salt=SALT)
    syncs.sync(mask={"Document.Body": "hash"})
    assert syncs.row("documents", first)["body"] == hashed_text("c2VjcmV0")
    syncs.sync(mask={"Document.Body": "null"})
    assert syncs.row("documents", first)["body"] is None
    assert not [entry for entry in org_server.ledger.calls if entry.path.endswith("/Body")]
