"""Meltano's select rules decide what is asked of the org, and its schema overrides stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer


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
