"""A state is of one org: what a run does when the login leads to another one, and how a target learns of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec
import pytest

from salesforce_simulator.custom import custom_field
from tap_sfsource.api.auth.grants import Token
from tap_sfsource.api.client import Client
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError, TapError
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

OTHER = "00D7Q00000ABCDEUA2"


def test_a_refreshed_sandbox_is_read_anew_and_loses_no_row(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    kept, *_ = accounts(org_server, 3)
    frozen.advance(hours=3)
    first_org = org_server.org.id[:15]
    syncs = Syncs(org_server, "Account")
    assert syncs.sync() == {"accounts": 3}
    assert "Reading all rows" not in caplog.text
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    # The refreshed sandbox has older rows, and never had one that the old one had.
    gone = "001Hs00000GONEAIAX"
    schema: dict[str, Any] = {"properties": {"id": {}, "is_deleted": {}}}
    record = {"id": gone, "is_deleted": False}
    messages = [
        {"type": "SCHEMA", "stream": "accounts", "schema": schema, "key_properties": ["id"]},
        {"type": "RECORD", "stream": "accounts", "record": record},
    ]
    syncs.target.feed("\n".join(map(json.dumps, messages)))
    org_server.org.id = OTHER

    assert syncs.sync()["accounts"] >= 3

    assert syncs.complete
    assert syncs.row("accounts", gone)["is_deleted"] is True
    assert syncs.row("accounts", kept)["is_deleted"] is False
    assert f"The state is of org {first_org}, and the login leads to org {OTHER[:15]}." in caplog.text
    caplog.clear()
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    assert "The state is of org" not in caplog.text


def test_an_older_state_under_the_new_one_brings_no_bookmark_of_the_other_org_back(
    org_server: OrgServer, frozen: Clock
) -> None:
    """Meltano merges states: what a run that was killed has left goes over the state before it."""
    accounts(org_server, 2)
    contacts = [org_server.org.create("Contact", {"LastName": "Doe"}) for _ in range(3)]
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    syncs.sync()
    before = syncs.target.state
    assert before is not None
    org_server.org.id = OTHER
    outcome = run_tap(syncs.config, state=json.loads(json.dumps(before)))
    states = [json.loads(line)["value"] for line in outcome.output.splitlines() if b'"STATE"' in line]
    marks = next(
        state["bookmarks"] for state in states if state["bookmarks"]["contacts"]["org"] == OTHER[:15]
    )
    syncs.target.tables.clear()
    syncs.target.state = {
        "bookmarks": {name: before["bookmarks"][name] | mark for name, mark in marks.items()}
    }
    frozen.advance(hours=3)
    syncs.sync()
    assert [syncs.row("contacts", contact).get("last_name") for contact in contacts] == ["Doe"] * 3


def test_a_refreshed_sandbox_is_described_anew_although_its_metadata_is_older_than_the_cache(
    org_server: OrgServer, frozen: Clock, tmp_path: Path
) -> None:
    org = org_server.org
    (account,) = accounts(org_server, 1)
    org.add_field("Account", custom_field("Older__c", "string"))
    org.update(account, {"Older__c": "here"})
    refreshed = org.described_at("Account")
    frozen.advance(hours=3)
    org.add_field("Account", custom_field("Fresh__c", "string"))
    org.remove_field("Account", "Older__c")
    syncs = Syncs(org_server, "Account", cache_dir=str(tmp_path))
    syncs.sync()
    org.add_field("Account", custom_field("Older__c", "string"))
    org.remove_field("Account", "Fresh__c")
    org.update(account, {"Older__c": "here"})
    org.id = OTHER
    frozen.advance(hours=3)

    # What the new org says of itself is older than the cache of the old one.
    with patch.object(org, "described_at", return_value=refreshed):
        syncs.sync()

    assert syncs.complete
    assert syncs.row("accounts", account)["older_c"] == "here"


def test_what_the_other_org_refused_does_not_come_back_with_an_older_state(
    org_server: OrgServer, frozen: Clock
) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    refused = {
        "org": org_server.org.id[:15],
        "refused": {"reason": "Salesforce does not give all of its rows", "lasting": True},
        "refused_since": None,
        "refused_until": (org_server.org.clock.now() + timedelta(days=7)).isoformat(),
    }
    syncs.target.state = {"bookmarks": {"accounts": refused}}
    org_server.org.id = OTHER
    assert syncs.sync()["accounts"] >= 2
    syncs.target.state["bookmarks"]["accounts"] = refused | syncs.target.state["bookmarks"]["accounts"]
    accounts(org_server, 1)
    frozen.advance(hours=3)

    assert syncs.sync() == {"accounts": 1}


def test_another_org_ends_the_run_where_the_settings_say_so(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 1)
    syncs = Syncs(org_server, "Account", "Contact", on_other_org="stop")
    syncs.sync()
    frozen.advance(hours=3)
    org_server.org.id = OTHER

    with pytest.raises(TapError, match=f"The state is of org 00D.*, and the login leads to org {OTHER[:15]}"):
        syncs.sync()


def test_a_state_that_names_no_org_is_taken_as_this_one(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    assert syncs.target.state is not None
    assert syncs.target.state["bookmarks"]["accounts"].pop("org") == org_server.org.id[:15]
    frozen.advance(hours=3)
    accounts(org_server, 1)
    frozen.advance(hours=3)

    assert syncs.sync() == {"accounts": 1}
    assert syncs.target.state["bookmarks"]["accounts"]["org"] == org_server.org.id[:15]


@pytest.mark.parametrize("org", ["sandbox", 5, ["00D"], "00D7Q00000ABCDEUA2X"])
def test_a_state_whose_org_is_no_id_fails_its_stream_and_names_it(
    org: object, org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    syncs.sync()
    assert syncs.target.state is not None
    syncs.target.state["bookmarks"]["accounts"]["org"] = org

    syncs.sync()

    assert not syncs.complete
    assert "State of accounts: org" in caplog.text
    assert syncs.target.state["bookmarks"]["accounts"]["org"] == org


def test_a_schema_names_the_org_that_its_rows_are_of(org_server: OrgServer) -> None:
    lines = run_tap(org_server.config(objects=["Account"])).output.decode().splitlines()

    schemas = [message for line in lines if (message := json.loads(line))["type"] == "SCHEMA"]
    assert {message["schema"]["x-source"] for message in schemas} == {f"salesforce:{org_server.org.id[:15]}"}


@pytest.mark.parametrize(
    ("token", "told", "org"),
    [
        ("00D7Q00000ABCDE!AQx", "", "00D7Q00000ABCDE"),
        ("opaque", "00D7Q00000ABCDEUA2", "00D7Q00000ABCDE"),
        ("eyJ0bmsi.eyJz.x", "", ""),
        ("opaque", "005xx0000012345", ""),
    ],
)
def test_an_org_is_known_by_the_login_or_by_the_token(token: str, told: str, org: str) -> None:
    assert Token(token, "https://acme.my.salesforce.com", told).org_id == org


def test_a_login_that_leads_to_another_org_in_mid_run_ends_it(org_server: OrgServer) -> None:
    client = Client(Settings.from_config(org_server.config()))
    decoder = msgspec.json.Decoder()
    client.get(client.data("/sobjects"), decoder)
    org_server.server.sessions.end_all()
    org_server.org.id = OTHER

    with pytest.raises(
        AuthError, match=r"The login led to org 00D.* before and leads to 00D7Q00000ABCDE now"
    ):
        client.get(client.data("/sobjects"), decoder)


def test_a_token_that_names_no_org_does_not_hide_another_one(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that is a JWT: the org is asked."""
    accounts(org_server, 2)
    frozen.advance(hours=3)
    sessions, user = org_server.server.site.sessions, org_server.user
    token = sessions.open(user, None, token="eyJ0bmsi.eyJpc3Mi.c2ln").token
    syncs = Syncs(org_server, "Account", access_token=token, instance_url=org_server.url)
    for name in ("client_id", "client_secret", "username", "password", "login_url"):
        syncs.config.pop(name, None)
    syncs.sync()
    first_org = org_server.org.id[:15]
    assert syncs.target.state is not None
    bookmark = syncs.target.state["bookmarks"]["accounts"]
    assert bookmark["org"] == first_org
    bookmark["org"] = OTHER[:15]
    assert syncs.sync()["accounts"] >= 2
    assert f"The state is of org {OTHER[:15]}, and the login leads to org {first_org}." in caplog.text
    org_server.server.settings.refused_columns["Organization.Id"] = "read"
    caplog.clear()
    syncs.sync()
    assert syncs.complete
    assert "Neither the login nor the org tells which org it is" in caplog.text


def test_a_state_of_other_streams_is_told(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    assert "The state has bookmarks" not in caplog.text
    assert syncs.sync(naming="salesforce")["Account"] == 1
    assert (
        "The state has bookmarks of accounts, and of none of the streams of this run. Reading all rows of Account."
        in caplog.text
    )
