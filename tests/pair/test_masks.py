"""After a run with a mask, the tables hold no plain value of the column; nor does what the target keeps beside them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.fix_process import PROJECT
from tests.masked import SALT, hashed, hashed_text
from tests.pair.both import Pair, batch_config

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

EMAIL = "ada.lovelace@example.com"
FIELDS = {"Email": EMAIL, "Birthdate": "1985-12-10", "Score__c": 12.5, "Pet__c": True}
COLUMNS = {"email": "Email", "birthdate": "Birthdate", "score_c": "Score__c", "pet_c": "Pet__c"}
MASK = {
    "Contact.Email": "hash",
    "Contact.Birthdate": "hash",
    "Contact.Score__c": "hash",
    "Contact.Pet__c": "hash",
}


@pytest.fixture
def org(org_server: OrgServer) -> Org:
    """Three contacts, one of them in the recycle bin."""
    org = org_server.org
    org.clock.freeze()
    org.add_field("Contact", custom_field("Score__c", "double"))
    org.add_field("Contact", custom_field("Pet__c", "boolean"))
    for name in ("Lovelace", "Byron", "King"):
        org.create("Contact", {"LastName": name, **FIELDS})
    org.clock.advance(hours=3)
    return org


def everything(warehouse: Warehouse) -> str:
    """All rows of all tables, as text."""
    tables = warehouse.table_names()
    return "".join(str(warehouse.query(f'SELECT * FROM {{schema}}."{table}"')) for table in sorted(tables))


@pytest.mark.parametrize("form", ["lines", "csv", "jsonl"])
@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_a_mask_set_later_leaves_no_plain_value_in_the_column(
    org_server: OrgServer,
    org: Org,
    warehouse: Warehouse,
    tmp_path: Path,
    form: str,
    reader: str,
    partial_rows: str,
) -> None:
    settings: dict[str, Any] = {"reader": reader, "partial_rows": partial_rows, "mask_salt": SALT}
    settings["sync_reports"] = False
    if form != "lines":
        settings["batch_config"] = batch_config(form, tmp_path)
    pair = Pair(org_server, warehouse, {"objects": ["Contact"], **settings})
    pair.good()
    org.delete(min(pair.rows("contacts")))
    org.clock.advance(hours=3)
    pair.good()
    assert EMAIL in everything(warehouse)
    pair.good(mask=MASK)
    for column, field in COLUMNS.items():
        assert set(pair.column("contacts", column).values()) == {hashed(FIELDS[field])}, column
    assert EMAIL not in everything(warehouse)
    assert pair.good(mask=MASK).of("RECORD") == []
    pair.good(mask={"Contact.Email": "null"})
    assert set(pair.column("contacts", "email").values()) == {None}
    assert {str(value) for value in pair.column("contacts", "score_c").values()} == {"12.5"}


def test_joins_of_hashes_hold_between_objects(org_server: OrgServer, org: Org, warehouse: Warehouse) -> None:
    org.create("Lead", {"LastName": "Lovelace", "Company": "Analytical", "Email": EMAIL})
    org.clock.advance(hours=3)
    pair = Pair(org_server, warehouse, {"objects": ["Contact", "Lead"], "mask_salt": SALT})
    pair.good(mask={"*.Email": "hash"})
    joined = warehouse.query("SELECT l.email FROM {schema}.leads l JOIN {schema}.contacts c USING (email)")
    assert {row["email"] for row in joined} == {hashed_text(EMAIL)}
    assert len(joined) == 3


def test_a_rejected_row_is_kept_with_its_masks(org_server: OrgServer, org: Org, warehouse: Warehouse) -> None:
    pair = Pair(org_server, warehouse, {"objects": ["Contact"], "mask_salt": SALT, "mask": MASK})
    pair.target = {"on_bad_record": "quarantine"}
    pair.good()
    warehouse.execute("ALTER TABLE {schema}.contacts ADD CHECK (last_name <> 'Refused')")
    org.create("Contact", {"LastName": "Refused", **FIELDS})
    org.clock.advance(hours=3)
    pair.good()
    kept = json.dumps(warehouse.query("SELECT * FROM {schema}._rejected"), default=str)
    assert "Refused" in kept
    assert hashed_text(EMAIL) in kept
    assert EMAIL not in everything(warehouse)


def test_the_statements_of_the_docs_empty_what_no_run_can_reach(
    org_server: OrgServer, org: Org, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(org_server, warehouse, {"objects": ["Contact"], "mask_salt": SALT})
    pair.target = {"on_bad_record": "quarantine"}
    pair.good()
    warehouse.execute("ALTER TABLE {schema}.contacts ADD CHECK (last_name <> 'Refused')")
    org.create("Contact", {"LastName": "Refused", **FIELDS})
    gone, *kept = sorted(pair.rows("contacts"))
    org.hard_delete(gone)
    org.clock.advance(hours=3)
    pair.good()
    warehouse.execute("ALTER TABLE {schema}.contacts DROP CONSTRAINT contacts_last_name_check")
    pair.good(mask=MASK)
    assert "contacts: mask hides Email, " in caplog.text
    assert pair.column("contacts", "email")[gone] == EMAIL
    page = (PROJECT / "docs" / "personal-data.md").read_text()
    (statements,) = re.findall(r"```sql\n(UPDATE .*?)```", page, re.DOTALL)
    warehouse.execute(statements.replace("salesforce.", "{schema}."))
    emails = pair.column("contacts", "email")
    assert emails.pop(gone) is None
    assert set(kept) <= set(emails)
    assert set(emails.values()) == {hashed_text(EMAIL)}
    assert EMAIL not in everything(warehouse)
