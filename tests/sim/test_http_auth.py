"""Logging in to the simulated org, and being refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_PASSWORD, DEMO_SECURITY_TOKEN, DEMO_USER
from tests.sim.api import DATA, Api, error, token

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SOAP_LOGIN = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com">
  <env:Body><urn:login><urn:username>{user}</urn:username><urn:password>{password}</urn:password></urn:login></env:Body>
</env:Envelope>"""


def refusal(answer: requests.Response) -> tuple[str, str]:
    assert answer.status_code == 400, answer.text
    body = answer.json()
    return body["error"], body["error_description"]


def test_client_credentials_give_a_token_that_works(org_server: OrgServer) -> None:
    answer = token(org_server).json()
    assert answer["instance_url"] == org_server.url
    assert answer["token_type"] == "Bearer"
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    listing = requests.get(f"{org_server.url}{DATA}/sobjects", headers=headers, timeout=20)
    assert "Account" in {line["name"] for line in listing.json()["sobjects"]}
    who = requests.get(answer["id"], headers=headers, timeout=20).json()
    assert who["username"] == DEMO_USER


def test_client_credentials_come_in_a_basic_header_too(org_server: OrgServer) -> None:
    config = org_server.config()
    answer = requests.post(
        f"{org_server.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(config["client_id"], config["client_secret"]),
        timeout=20,
    )
    assert answer.status_code == 200


def test_client_credentials_need_the_my_domain(org_server: OrgServer) -> None:
    for url in (org_server.server.login_url, org_server.server.test_url):
        assert refusal(token(org_server, url)) == ("invalid_grant", "request not supported on this domain")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"client_id": "nobody"}, ("invalid_client_id", "client identifier invalid")),
        ({"client_secret": "wrong"}, ("invalid_client", "invalid client credentials")),
        ({"grant_type": "magic"}, ("unsupported_grant_type", "grant type not supported")),
    ],
)
def test_wrong_credentials(org_server: OrgServer, form: dict[str, str], expected: tuple[str, str]) -> None:
    assert refusal(token(org_server, **form)) == expected


def test_an_app_takes_only_the_users_that_an_admin_approved(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].approved_users = frozenset({"somebody@else"})
    assert refusal(token(org_server)) == (
        "invalid_app_access",
        "user is not admin approved to access this app",
    )


def test_refresh_token_without_rotation_stays_good(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["kept"] = DEMO_USER
    for _ in range(2):
        answer = token(org_server, grant_type="refresh_token", refresh_token="kept")
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()


def test_rotation_kills_the_old_refresh_token_and_the_sessions_that_it_opened(org_server: OrgServer) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first"] = DEMO_USER
    first = token(org_server, grant_type="refresh_token", refresh_token="first").json()
    second = token(org_server, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    for answer, status in ((first, 401), (second, 200)):
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        assert (
            requests.get(f"{org_server.url}{DATA}/limits", headers=headers, timeout=20).status_code == status
        )


def test_a_production_login_refuses_a_sandbox_and_the_other_way_round(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["kept"] = DEMO_USER
    hosts = {False: org_server.server.login_url, True: org_server.server.test_url}
    password = DEMO_PASSWORD + DEMO_SECURITY_TOKEN
    for sandbox in (False, True):
        org_server.org.login.sandbox = sandbox
        home, strange = hosts[sandbox], hosts[not sandbox]
        form = {"grant_type": "refresh_token", "refresh_token": "kept"}
        assert token(org_server, home, **form).status_code == 200
        assert refusal(token(org_server, strange, **form)) == (
            "invalid_client_id",
            "client identifier invalid",
        )
        assert soap(home, password=password).status_code == 200
        assert "<sf:exceptionCode>INVALID_LOGIN<" in soap(strange, password=password).text


def test_password_grant_and_its_switch(org_server: OrgServer) -> None:
    form = {"grant_type": "password", "username": DEMO_USER, "password": DEMO_PASSWORD + DEMO_SECURITY_TOKEN}
    org_server.org.login.password_grant = True
    assert token(org_server, org_server.server.login_url, **form).status_code == 200
    assert refusal(token(org_server, **form | {"password": DEMO_PASSWORD}))[0] == "invalid_grant"
    org_server.org.login.password_grant = False
    assert refusal(token(org_server, **form)) == ("invalid_grant", "authentication failure")


def soap(url: str, version: str = "62.0", user: str = DEMO_USER, password: str = "") -> requests.Response:
    body = SOAP_LOGIN.format(user=user, password=password)
    return requests.post(f"{url}/services/Soap/u/{version}", data=body, timeout=20)


def test_soap_login_opens_a_session(org_server: OrgServer) -> None:
    org_server.org.login.soap_login = True
    answer = soap(org_server.server.login_url, password=DEMO_PASSWORD + DEMO_SECURITY_TOKEN)
    assert answer.status_code == 200, answer.text
    assert f"<serverUrl>{org_server.url}/services/Soap/u/62.0/" in answer.text
    session_id = answer.text.partition("<sessionId>")[2].partition("<")[0]
    headers = {"Authorization": f"Bearer {session_id}"}
    assert requests.get(f"{org_server.url}{DATA}/limits", headers=headers, timeout=20).status_code == 200


def test_soap_login_is_refused(org_server: OrgServer) -> None:
    right = DEMO_PASSWORD + DEMO_SECURITY_TOKEN
    org_server.org.login.soap_login = True
    wrong = soap(org_server.url, password=DEMO_PASSWORD)
    assert wrong.status_code == 500
    assert "INVALID_LOGIN" in wrong.text
    assert "INVALID_OPERATION" in soap(org_server.url, version="65.0", password=right).text
    org_server.org.users[DEMO_USER].locked = True
    assert "INVALID_LOGIN" in soap(org_server.url, password=right).text
    org_server.org.users[DEMO_USER].locked = False
    org_server.org.login.soap_login = False
    assert "SOAP API login() is disabled by default in this org" in soap(org_server.url, password=right).text


def test_a_session_ends_on_the_orgs_clock_unless_it_is_used(org_server: OrgServer) -> None:
    api = Api(org_server)
    minutes = org_server.org.login.session_minutes
    for _ in range(4):
        org_server.org.clock.advance(minutes=minutes * 0.75)
        assert api.get("limits").status_code == 200
    org_server.org.clock.advance(minutes=minutes + 1)
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")


def test_revoke(org_server: OrgServer) -> None:
    api = Api(org_server)
    access = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    url = f"{org_server.url}/services/oauth2/revoke"
    assert requests.post(url, data={"token": access}, timeout=20).status_code == 200
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")


def test_a_revoked_refresh_token_takes_its_sessions_along(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["kept"] = DEMO_USER
    api = Api(org_server)
    opened = token(org_server, grant_type="refresh_token", refresh_token="kept").json()["access_token"]
    url = f"{org_server.url}/services/oauth2/revoke"
    assert requests.post(url, data={"token": "kept"}, timeout=20).status_code == 200
    assert refusal(token(org_server, grant_type="refresh_token", refresh_token="kept"))[0] == "invalid_grant"
    assert api.get("limits").status_code == 200
    api.session.headers["Authorization"] = f"Bearer {opened}"
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")


def test_a_user_without_api_enabled(org_server: OrgServer) -> None:
    api = Api(org_server)
    permissions = org_server.user.permissions
    org_server.org.set_permissions(DEMO_USER, type(permissions)(api_enabled=False))
    assert error(api.get("sobjects")) == (403, "API_CURRENTLY_DISABLED")


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def jwt_server(org_server: OrgServer, key: rsa.RSAPrivateKey) -> OrgServer:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tap")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    org_server.org.apps[DEMO_CLIENT_ID].certificate = pem
    return org_server


def claims(served: OrgServer, **other: Any) -> dict[str, Any]:
    expiry = int(served.org.clock.now().timestamp()) + 180
    return {
        "iss": DEMO_CLIENT_ID,
        "sub": DEMO_USER,
        "aud": "https://login.salesforce.com",
        "exp": expiry,
        **other,
    }


def bearer(
    served: OrgServer, key: rsa.RSAPrivateKey, url: str | None = None, **other: Any
) -> requests.Response:
    assertion = jwt.encode(claims(served, **other), key, algorithm="RS256")
    return token(served, url or served.server.login_url, grant_type=JWT_BEARER, assertion=assertion)


def test_jwt_bearer(jwt_server: OrgServer, key: rsa.RSAPrivateKey) -> None:
    assert bearer(jwt_server, key).status_code == 200
    assert bearer(jwt_server, key, jwt_server.url, aud=jwt_server.url).status_code == 200


def test_the_end_of_an_assertion_may_be_far(jwt_server: OrgServer, key: rsa.RSAPrivateKey) -> None:
    """The vendor's own client counts it in milliseconds, and orgs take it."""
    milliseconds = jwt_server.org.clock.now_ms() + 300
    assert bearer(jwt_server, key, exp=milliseconds).status_code == 200


def test_jwt_bearer_is_refused(jwt_server: OrgServer, key: rsa.RSAPrivateKey) -> None:
    past = int(jwt_server.org.clock.now().timestamp()) - 1
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"aud": "https://test.salesforce.com"}, "invalid_grant", "Audience validation failed"),
        ({"exp": past}, "invalid_grant", "expired authorization code"),
        ({"sub": "nobody@acme.example"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "nobody"}, "invalid_client_id", "client identifier invalid"),
    ]
    for wrong, kind, description in cases:
        assert refusal(bearer(jwt_server, key, **wrong)) == (kind, description)
    stranger = rsa.generate_private_key(65537, 2048)
    assert refusal(bearer(jwt_server, stranger)) == ("invalid_grant", "invalid assertion")


def test_a_host_header_decides_before_the_port(org_server: OrgServer) -> None:
    body = {
        "grant_type": "client_credentials",
        "client_id": org_server.config()["client_id"],
        "client_secret": org_server.config()["client_secret"],
    }
    url = f"{org_server.url}/services/oauth2/token"
    refused = requests.post(url, data=body, headers={"Host": "login.salesforce.com"}, timeout=20)
    assert refusal(refused) == ("invalid_grant", "request not supported on this domain")
    granted = requests.post(url, data=body, headers={"Host": org_server.server.my_domain}, timeout=20)
    assert granted.json()["instance_url"] == f"http://{org_server.server.my_domain}"
