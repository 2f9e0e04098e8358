"""The web login: the authorize endpoint, its pages, and the code that is exchanged for tokens."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import requests

from salesforce_simulator.simulation import (
    DEMO_CALLBACK,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_USER,
)
from tests.sim.api import DATA
from tests.web_login import Person

if TYPE_CHECKING:
    from salesforce_simulator.apps import ConnectedApp
    from tests.fix_org import OrgServer

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
GENERIC = (
    "OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occurred during authentication. Please try again."
)


def address(served: OrgServer, url: str | None = None, **other: str | None) -> str:
    asked = {
        "response_type": "code",
        "client_id": DEMO_CLIENT_ID,
        "redirect_uri": DEMO_CALLBACK,
        "scope": "api refresh_token",
        "code_challenge": CHALLENGE,
        "state": "s t&",
        **other,
    }
    known = {name: value for name, value in asked.items() if value is not None}
    return f"{url or served.url}/services/oauth2/authorize?{urlencode(known)}"


def exchange(served: OrgServer, code: str, **other: str | None) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": DEMO_CLIENT_ID,
        "redirect_uri": DEMO_CALLBACK,
        "code_verifier": VERIFIER,
        **other,
    }
    known = {name: value for name, value in form.items() if value is not None}
    return requests.post(f"{served.url}/services/oauth2/token", data=known, timeout=60)


def refusal(answer: requests.Response) -> tuple[str, str]:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"], answer.json()["error_description"]


def app_of(served: OrgServer) -> ConnectedApp:
    return served.org.apps[DEMO_CLIENT_ID]


def code_of(served: OrgServer, **other: str | None) -> str:
    return Person().answer(address(served, **other))["code"]


def test_a_code_gives_tokens_that_work(org_server: OrgServer) -> None:
    person = Person()
    told = person.answer(address(org_server))
    assert person.seen == ["login", "consent"]
    assert told.keys() == {"code", "state"}
    assert told["state"] == "s t&"
    answer: dict[str, Any] = exchange(org_server, told["code"]).json()
    assert answer["scope"] == "api refresh_token"
    assert answer["instance_url"] == org_server.url
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert requests.get(f"{org_server.url}{DATA}/limits", headers=headers, timeout=60).status_code == 200
    form = {
        "grant_type": "refresh_token",
        "client_id": DEMO_CLIENT_ID,
        "refresh_token": answer["refresh_token"],
    }
    again = requests.post(f"{org_server.url}/services/oauth2/token", data=form, timeout=60)
    assert "access_token" in again.json()


def test_who_is_signed_in_and_has_allowed_the_app_is_not_asked_again(org_server: OrgServer) -> None:
    person = Person()
    person.answer(address(org_server))
    for prompt, expected in (
        (None, []),
        ("login", ["login"]),
        ("consent", ["consent"]),
        ("login consent", ["login", "consent"]),
    ):
        person.seen.clear()
        assert "code" in person.answer(address(org_server, prompt=prompt))
        assert person.seen == expected


def test_deny(org_server: OrgServer) -> None:
    target = Person().open(address(org_server, state="x"), allow=False)
    query = "error=access_denied&error_description=end-user+denied+authorization&state=x"
    assert target == f"{DEMO_CALLBACK}?{query}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_id": "nobody"}, "error=invalid_client_id&error_description=client%20identifier%20invalid"),
        (
            {"redirect_uri": DEMO_CALLBACK + "/"},
            "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration",
        ),
        (
            {"response_type": "magic"},
            "error=unsupported_response_type&error_description=response%20type%20not%20supported",
        ),
        (
            {"code_challenge": None},
            "error=invalid_request&error_description=missing%20required%20code%20challenge",
        ),
        ({"code_challenge": "plain"}, "error=invalid_request&error_description=invalid%20code%20challenge"),
    ],
)
def test_what_is_not_sent_back_to_the_app(
    org_server: OrgServer, wrong: dict[str, str | None], said: str
) -> None:
    answer = requests.get(address(org_server, **wrong), allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.text) == (400, said)


def test_a_sandbox_is_not_known_at_the_production_login(org_server: OrgServer) -> None:
    org_server.org.login.sandbox = True
    assert "invalid_client_id" in Person().open(address(org_server, org_server.server.login_url))
    assert "code" in Person().answer(address(org_server, org_server.server.test_url))


def test_a_wrong_password_is_told_and_a_right_one_still_goes(org_server: OrgServer) -> None:
    wrong = Person(password="guessed")
    assert "Please check your username and password." in wrong.open(address(org_server))
    wrong.password = DEMO_PASSWORD
    assert "code" in wrong.answer(address(org_server))
    org_server.org.users[DEMO_USER].locked = True
    assert "Please check your username and password." in Person().open(address(org_server))


def test_a_login_leads_to_no_other_host(org_server: OrgServer) -> None:
    for start in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        form = {"username": DEMO_USER, "pw": DEMO_PASSWORD, "startURL": start}
        answer = requests.post(f"{org_server.url}/", data=form, allow_redirects=False, timeout=60)
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        (
            {"of_other_org": True},
            "OAUTH_AUTHORIZATION_BLOCKED",
            "Cross-org OAuth flows are not supported for this external client app",
        ),
        (
            {"approved_users": frozenset({"somebody@else"})},
            "OAUTH_APP_ACCESS_DENIED",
            "user is not admin approved to access this app",
        ),
    ],
)
def test_an_app_that_the_user_may_not_use(
    org_server: OrgServer, changes: dict[str, Any], error: str, description: str
) -> None:
    for name, value in changes.items():
        setattr(app_of(org_server), name, value)
    told = Person().answer(address(org_server, state="x"))
    assert told == {"error": error, "error_description": description, "state": "x"}


def test_an_app_without_the_scope_or_not_installed_gets_the_page_that_names_no_cause(
    org_server: OrgServer,
) -> None:
    app_of(org_server).scopes = frozenset({"api"})
    assert GENERIC in Person().open(address(org_server))
    code = code_of(org_server, scope=None)
    answer = exchange(org_server, code).json()
    assert answer["scope"] == "api"
    assert "refresh_token" not in answer
    app_of(org_server).installed = False
    assert GENERIC in Person().open(address(org_server, scope=None))


def test_a_user_whom_the_admin_approved_is_not_asked(org_server: OrgServer) -> None:
    app_of(org_server).approved_users = frozenset({DEMO_USER})
    person = Person()
    assert "code" in person.answer(address(org_server))
    assert person.seen == ["login"]


def test_a_code_is_good_once_and_for_fifteen_minutes(org_server: OrgServer) -> None:
    code = code_of(org_server)
    assert exchange(org_server, code).status_code == 200
    assert refusal(exchange(org_server, code)) == ("invalid_grant", "expired authorization code")
    late = code_of(org_server)
    org_server.org.clock.advance(minutes=15)
    assert refusal(exchange(org_server, late)) == ("invalid_grant", "expired authorization code")
    assert refusal(exchange(org_server, "guessed")) == ("invalid_grant", "invalid authorization code")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"code_verifier": "w" * 64}, ("invalid_grant", "invalid code verifier")),
        ({"code_verifier": None}, ("invalid_grant", "invalid code verifier")),
        (
            {"redirect_uri": "http://localhost:1/x"},
            ("redirect_uri_mismatch", "redirect_uri must match configuration"),
        ),
        ({"client_secret": "wrong"}, ("invalid_client", "invalid client credentials")),
        ({"client_id": "nobody"}, ("invalid_client_id", "client identifier invalid")),
    ],
)
def test_a_code_is_refused(
    org_server: OrgServer, wrong: dict[str, str | None], expected: tuple[str, str]
) -> None:
    assert refusal(exchange(org_server, code_of(org_server), **wrong)) == expected


def test_an_app_may_demand_its_secret_and_go_without_a_challenge(org_server: OrgServer) -> None:
    app_of(org_server).requires_secret = True
    app_of(org_server).requires_pkce = False
    code = code_of(org_server, code_challenge=None)
    assert refusal(exchange(org_server, code, code_verifier=None)) == (
        "invalid_client",
        "invalid client credentials",
    )
    answer = exchange(org_server, code, code_verifier=None, client_secret=DEMO_CLIENT_SECRET)
    assert answer.status_code == 200
    form = {
        "grant_type": "refresh_token",
        "client_id": DEMO_CLIENT_ID,
        "refresh_token": answer.json()["refresh_token"],
    }
    assert refusal(requests.post(f"{org_server.url}/services/oauth2/token", data=form, timeout=60)) == (
        "invalid_client",
        "invalid client credentials",
    )
