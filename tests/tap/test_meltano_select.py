"""Meltano's select rules decide what is asked of the org, and its schema overrides stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.levels import slow
from tests.masked import SALT, hashed_text

if TYPE_CHECKING:
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer


@slow
def test_only_what_the_rules_select_is_asked_for(meltano: Meltano, org_server: OrgServer) -> None:
    org_server.org.create("Account", {"Name": "Acme", "Industry": "Energy", "AnnualRevenue": 1.5})
    meltano.configure("tap-sfsource", org_server.config())
    meltano.environment["TAP_SFSOURCE__SELECT"] = json.dumps(
        ["accounts.name", "accounts.annual_revenue", "contacts.*", "!contacts.email"]
    )
    meltano.environment["TAP_SFSOURCE__SCHEMA"] = json.dumps(
        {"accounts": {"annual_revenue": {"type": ["string", "null"]}}}
    )

    run = meltano.run("invoke", "tap-sfsource").expect()

    schemas = {
        message["stream"]: message["schema"]["properties"]
        for message in map(
            json.loads, filter(lambda line: line.startswith('{"type"'), run.stdout.splitlines())
        )
        if message["type"] == "SCHEMA"
    }
    assert schemas.keys() == {"accounts", "contacts"}
    assert schemas["accounts"].keys() == {"id", "is_deleted", "system_modstamp", "name", "annual_revenue"}
    assert schemas["accounts"]["annual_revenue"]["type"] == ["string", "null"]
    assert "email" not in schemas["contacts"]
    assert "last_name" in schemas["contacts"]
    parts = [part for entry in org_server.ledger.calls for part in entry.parts]
    asked = {
        field
        for part in parts
        for field in part.soql.partition(" FROM ")[0].removeprefix("SELECT ").split(", ")
    }
    assert {"Id", "AnnualRevenue", "LastName"} <= asked
    assert not {"Industry", "Email"} & asked


@slow
def test_meltano_hands_on_masks_by_field(meltano: Meltano, org_server: OrgServer) -> None:
    org_server.org.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com", "Phone": "123"})
    mask = {"Contact.Email": "hash", "Contact.*Name": "null", "contacts": {"phone": "drop"}}
    meltano.configure("tap-sfsource", org_server.config(mask=mask, mask_salt=SALT))
    meltano.environment["TAP_SFSOURCE__SELECT"] = json.dumps(["contacts.*"])

    run = meltano.run("invoke", "tap-sfsource").expect()

    (record,) = (
        json.loads(line)["record"] for line in run.stdout.splitlines() if line.startswith('{"type":"RECORD"')
    )
    assert (record["email"], record["last_name"]) == (hashed_text("ada@example.com"), None)
    assert "phone" not in record
    assert "ada@example.com" not in run.said
    assert SALT not in run.said
