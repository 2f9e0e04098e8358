"""Refresh tokens that rotate, and refusals at the token endpoint that pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from salesforce_simulator.http.faults import TokenRefusal
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from tests.sim.api import DATA, token

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

DEAD = {"error": "invalid_grant", "error_description": "expired access/refresh token"}


def refreshed(served: OrgServer, refresh_token: str) -> dict[str, Any]:
    answer: dict[str, Any] = token(served, grant_type="refresh_token", refresh_token=refresh_token).json()
    return answer


def works(served: OrgServer, answer: dict[str, Any]) -> bool:
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    return requests.get(f"{served.url}{DATA}/limits", headers=headers, timeout=60).status_code == 200


@pytest.fixture
def rotating(org_server: OrgServer) -> OrgServer:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens |= {"first": DEMO_USER, "unrelated": DEMO_USER}
    return org_server


@pytest.mark.parametrize("again", [0, 1])
def test_a_token_that_was_rotated_out_takes_all_with_it(rotating: OrgServer, again: int) -> None:
    """Help 005316711: reuse revokes the current refresh token and all access tokens."""
    tokens = ["first"]
    for _ in range(2):
        answer = refreshed(rotating, tokens[-1])
        tokens.append(answer["refresh_token"])
    by_itself = token(rotating).json()
    assert works(rotating, answer)
    assert refreshed(rotating, tokens[again]) == DEAD
    assert not works(rotating, answer)
    assert not works(rotating, by_itself)
    assert refreshed(rotating, tokens[-1]) == DEAD
    assert "access_token" in refreshed(rotating, "unrelated")


def test_a_token_that_never_was_revokes_nothing(rotating: OrgServer) -> None:
    answer = refreshed(rotating, "first")
    assert refreshed(rotating, "guessed") == DEAD
    assert works(rotating, answer)
    assert "access_token" in refreshed(rotating, answer["refresh_token"])


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (TokenRefusal(), {"error": "unknown_error", "error_description": "retry your request"}),
        (
            TokenRefusal("invalid_grant"),
            {"error": "invalid_grant", "error_description": "token request is already being processed"},
        ),
        (TokenRefusal("server_error", "x"), {"error": "server_error", "error_description": "x"}),
        (
            TokenRefusal("temporarily_unavailable"),
            {
                "error": "temporarily_unavailable",
                "error_description": "the authentication server is temporarily unavailable",
            },
        ),
    ],
)
def test_refusals_that_pass(rotating: OrgServer, fault: TokenRefusal, body: dict[str, str]) -> None:
    rotating.faults.add(fault, path="*/oauth2/token", times=1)
    answer = token(rotating, grant_type="refresh_token", refresh_token="first")
    assert (answer.status_code, answer.json()) == (400, body)
    assert "access_token" in refreshed(rotating, "first"), "the refusal used nothing up"
