"""Who a token stands for, where an assertion ends, and paths as clients in wide use spell them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from salesforce_simulator.apps import ConnectedApp
from salesforce_simulator.org import Org
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from tests.sim.api import DATA, Api, token

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


def introspected(served: OrgServer, **form: str) -> requests.Response:
    config = served.config()
    body = {"client_id": config["client_id"], "client_secret": config["client_secret"]}
    return requests.post(f"{served.url}/services/oauth2/introspect", data=body | form, timeout=60)


def test_a_token_answer_names_org_and_user(org_server: OrgServer) -> None:
    answer = token(org_server).json()
    assert urlsplit(answer["id"]).path == f"/id/{org_server.org.id}/{org_server.user.id}"
    assert answer["access_token"].startswith(f"{org_server.org.id[:15]}!")


def test_orgs_of_other_seeds_are_other_orgs() -> None:
    ids = set()
    for seed in (1, 2, 2):
        org = Org(seed=seed)
        ids.add(org.id)
        assert org.rows("Organization")[0]["Id"] == org.id
        org.close()
    assert len(ids) == 2


def test_introspect(org_server: OrgServer) -> None:
    org_server.org.clock.freeze()
    access = token(org_server).json()["access_token"]
    now = int(org_server.org.clock.now().timestamp())
    answer = introspected(org_server, token=access, token_type_hint="access_token")
    assert answer.status_code == 200
    assert answer.json() == {
        "active": True,
        "scope": "api refresh_token",
        "client_id": DEMO_CLIENT_ID,
        "username": DEMO_USER,
        "sub": f"{org_server.url}/id/{org_server.org.id}/{org_server.user.id}",
        "token_type": "access_token",
        "exp": now + org_server.org.login.session_minutes * 60,
        "iat": now,
        "nbf": now,
    }
    org_server.org.clock.advance(minutes=org_server.org.login.session_minutes)
    assert introspected(org_server, token=access).json() == {"active": False}


def test_introspect_says_nothing_of_what_is_not_ones_own(org_server: OrgServer) -> None:
    org_server.org.add_app(ConnectedApp("Other", "other", "secret", run_as=DEMO_USER))
    other = token(org_server, client_id="other", client_secret="secret").json()["access_token"]
    assert introspected(org_server, token=other).json() == {"active": False}
    assert introspected(org_server, token="guessed").json() == {"active": False}
    refused = introspected(org_server, token=other, client_secret="wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_introspect_knows_refresh_tokens(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["kept"] = DEMO_USER
    answer = introspected(org_server, token="kept").json()
    assert (answer["active"], answer["token_type"], answer["username"]) == (True, "refresh_token", DEMO_USER)


@pytest.mark.parametrize("slashes", ["//", "///"])
def test_a_path_may_begin_with_several_slashes(org_server: OrgServer, slashes: str) -> None:
    api = Api(org_server)
    answer = api.session.get(f"{org_server.url}{slashes}{DATA[1:]}/query?q=SELECT+Id+FROM+User", timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["totalSize"] == org_server.org.count("User")
    (call,) = org_server.ledger.matching("/query", "GET", "User")
    assert call.path == f"{DATA}/query"
