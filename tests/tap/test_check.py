"""`--test` says in plain words what the user may do and which permissions lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import Status
from salesforce_simulator.schema import Field as OrgField
from salesforce_simulator.schema import SObject as OrgObject
from salesforce_simulator.users import Permissions
from tap_sfsource.api.client import Client
from tap_sfsource.check import check_connection
from tap_sfsource.config import Settings

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes


def check(org_server: OrgServer, **settings: object) -> bool:
    client = Client(Settings.from_config(org_server.config(**settings)))
    return check_connection(client, client.settings)


def add_permission_object(org_server: OrgServer, *, view_all: bool) -> None:
    """UserPermissionAccess has one row: the permissions of whoever asks."""
    fields = [
        OrgField("Id", "id", nillable=False, createable=False),
        OrgField("PermissionsViewAllData", "boolean"),
        OrgField("PermissionsQueryAllFiles", "boolean"),
    ]
    org = org_server.org
    org.add_object(
        OrgObject("UserPermissionAccess", "0aq", {field.name: field for field in fields}, replicateable=False)
    )
    org.create("UserPermissionAccess", {"PermissionsViewAllData": view_all, "PermissionsQueryAllFiles": True})


def test_a_user_who_may_read_all_passes(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", org_server.config())

    finished = processes.tap("--config", "tap.json", "--test").expect(0)

    assert f"Login: ok, {org_server.url}" in finished.stdout
    assert "33 of 33 selected collections can be read." in finished.stdout
    for limit in ("API calls", "Bulk query jobs", "megabytes of Bulk results"):
        assert f"{limit} a day: " in finished.stdout


def test_the_sdks_schema_test_still_works(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", org_server.config(objects=["Account"]))

    finished = processes.tap("--config", "tap.json", "--test=schema").expect(0)

    assert [message["stream"] for message in finished.messages("SCHEMA")] == ["accounts"]


def test_what_is_not_there_is_listed_with_the_reasons_that_it_may_have(
    org_server: OrgServer, capsys: pytest.CaptureFixture[str]
) -> None:
    org_server.org.set_permissions(org_server.user.username, Permissions().without_object("Lead"))

    assert check(org_server)
    told = capsys.readouterr().out
    assert "Not there, because the feature is off or the user has no Read permission on the object: " in told
    assert "Lead" in told


def test_a_collection_that_cannot_be_read_fails_the_check(
    org_server: OrgServer, capsys: pytest.CaptureFixture[str]
) -> None:
    org_server.faults.add(
        Status(403, code="INSUFFICIENT_ACCESS", message="no access"), path="*/query", sobject="Lead"
    )

    assert not check(org_server)
    told = capsys.readouterr().out
    assert "leads: cannot be read." in told
    assert "32 of 33 selected collections can be read." in told


def test_a_hidden_replication_key_says_which_access_to_give(
    org_server: OrgServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = ("Account.SystemModstamp", "Account.LastModifiedDate", "Account.CreatedDate")
    org_server.org.set_permissions(org_server.user.username, Permissions().without_field(*hidden))

    assert check(org_server, objects=["Account"])
    assert "accounts: the user sees none of SystemModstamp" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("view_all", "line"), [(False, '"View All Data" is lacking'), (True, "System permissions: ok")]
)
def test_a_lacking_system_permission_is_named_with_what_follows(
    org_server: OrgServer, capsys: pytest.CaptureFixture[str], view_all: bool, line: str
) -> None:
    add_permission_object(org_server, view_all=view_all)

    check(org_server, objects=["Account"])

    assert line in capsys.readouterr().out


def test_a_user_without_the_api_fails_with_what_to_give(org_server: OrgServer, processes: Processes) -> None:
    org_server.org.set_permissions(org_server.user.username, Permissions(api_enabled=False))
    processes.write("tap.json", org_server.config())

    finished = processes.tap("--config", "tap.json", "--test").expect(1)

    assert "API Enabled" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("visible", [True, False])
def test_children_are_checked_by_their_parents(
    org_server: OrgServer, capsys: pytest.CaptureFixture[str], visible: bool
) -> None:
    if not visible:
        org_server.org.set_permissions(
            org_server.user.username, Permissions().without_object("ContentDocument")
        )
    assert check(org_server, objects=["ContentDocumentLink"]) is visible
    said = capsys.readouterr().out
    assert f"{int(visible)} of 1 selected collections can be read." in said
    assert "field-level access" not in said
    assert ("content_document_link: cannot be read." in said) is not visible
