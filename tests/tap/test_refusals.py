"""One cause, one message: a refusal of the user or the org as a whole ends the run at once, and is told once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import EndSession, Status
from tap_sfsource.api.client import Client
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.http.faults import Action
    from tests.fix_org import OrgServer

EXPIRED = Status(
    403,
    code="INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
    message="The users password has expired, you must call SetPassword before attempting any other API operations",
)
LOCKED = Status(403, code="ORG_LOCKED", message="organization is locked")
NO_API = Status(
    403, code="API_DISABLED_FOR_ORG", message="API is not enabled for this Organization or Partner"
)
IP = Status(400, html=json.dumps({"error": "invalid_grant", "error_description": "ip restricted"}))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (EXPIRED, "The user's password has expired"),
        (LOCKED, "The org is locked"),
        (NO_API, "The user may not use the API"),
        (EndSession(), "refuses a session that it has just opened"),
    ],
    ids=["expired", "locked", "no API", "session"],
)
@pytest.mark.parametrize("alone", [False, True])
def test_what_every_call_would_get_is_asked_once_and_told_once(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture, fault: Action, message: str, alone: bool
) -> None:
    accounts(org_server, 1)
    names = ("Account", "Contact", "Lead", "Case", "Task", "Event", "Campaign", "Opportunity")
    if alone:
        org_server.faults.add(Status(404, code="NOT_FOUND", message="no"), path="*/composite")
    # From the first read of rows on: what is there has been described before.
    org_server.faults.add(fault, path="*/limits/recordCount")
    org_server.faults.add(fault, path="*/queryAll")
    org_server.faults.add(fault, path="*/jobs/query")
    syncs = Syncs(org_server, *names, reader="auto")

    try:
        syncs.sync()
    except AuthError as error:
        told = [str(error)]
    else:
        told = [record.message for record in caplog.records if record.levelname == "ERROR"]

    (line,) = told
    assert message in line
    calls = [call for call in org_server.ledger.calls if call.status in {401, 403}]
    assert len(calls) <= 3


def test_a_login_that_is_refused_is_not_asked_again(org_server: OrgServer) -> None:
    org_server.faults.add(IP, path="*/token")
    client = Client(Settings.from_config(org_server.config()))

    for _ in range(3):
        with pytest.raises(AuthError, match=r"ip restricted.*does not allow this machine's address"):
            client.request("GET", client.data("/limits"))
    assert len(org_server.ledger.calls) == 1
