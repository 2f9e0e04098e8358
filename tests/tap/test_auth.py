"""Every way to log in, and what is said when it fails."""

from __future__ import annotations

import datetime
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from salesforce_simulator.http.faults import Status
from salesforce_simulator.simulation import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_SECURITY_TOKEN,
    DEMO_USER,
)
from tap_sfsource.api.auth.credentials import grant_from
from tap_sfsource.api.auth.grants import JwtBearer
from tap_sfsource.api.auth.oauth import refusal
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError, ConfigError, ConnectionFailedError, TapError
from tests.tap.logins import ANY, can_ask, client_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes


@pytest.fixture(scope="module")
def key_pair() -> tuple[str, str]:
    """A private key and the certificate that an app knows it by, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tap")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_client_credentials(org_server: OrgServer) -> None:
    assert can_ask(org_server.config())


def test_jwt_bearer_with_the_key_as_a_value_or_in_a_file(
    org_server: OrgServer, key_pair: tuple[str, str], tmp_path: Path
) -> None:
    private_key, certificate = key_pair
    org_server.org.apps[DEMO_CLIENT_ID].certificate = certificate
    config = {"login_url": org_server.url, "client_id": DEMO_CLIENT_ID, "username": DEMO_USER}
    file = tmp_path / "key.pem"
    file.write_text(private_key)

    assert can_ask({**config, "private_key": private_key})
    assert can_ask({**config, "private_key": private_key.replace("\n", "\\n")})
    assert can_ask({**config, "private_key_file": str(file)})


@pytest.mark.parametrize(
    ("config", "audience"),
    [
        ({}, "https://login.salesforce.com"),
        ({"environment": "sandbox"}, "https://test.salesforce.com"),
        ({"login_url": "https://acme.my.salesforce.com"}, "https://login.salesforce.com"),
        ({"login_url": "https://acme--dev.sandbox.my.salesforce.com"}, "https://test.salesforce.com"),
        ({"login_url": "https://x-dev-ed.scratch.my.salesforce.com"}, "https://test.salesforce.com"),
        ({"jwt_audience": "https://site.example.com"}, "https://site.example.com"),
    ],
)
def test_a_jwt_is_for_the_login_host_of_its_environment(config: dict[str, Any], audience: str) -> None:
    grant = grant_from(
        Settings.from_config({"client_id": "x", "username": "u", "private_key": "k", **config})
    )

    assert isinstance(grant, JwtBearer)
    assert grant.audience == audience


def test_a_jwt_key_that_is_none_is_refused_without_showing_it(org_server: OrgServer) -> None:
    config = {"login_url": org_server.url, "client_id": "x", "username": "u", "private_key": "my-secret-key"}

    with pytest.raises(ConfigError, match="private_key: it is not an RSA private key") as caught:
        can_ask(config)
    assert "my-secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    "layout", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_an_encrypted_jwt_key_is_named_as_such(
    org_server: OrgServer, key_pair: tuple[str, str], layout: serialization.PrivateFormat
) -> None:
    key = serialization.load_pem_private_key(key_pair[0].encode(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, layout, serialization.BestAvailableEncryption(b"x")
    )
    config = {"login_url": org_server.url, "client_id": "x", "username": "u"}

    with pytest.raises(ConfigError, match="private_key: it is encrypted with a passphrase"):
        can_ask({**config, "private_key": encrypted.decode()})


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = tmp_path / "spoilt.pem"
    spoilt.write_text("no certificate")
    config = {"client_id": "x", "client_secret": "y", "login_url": "https://a.my.salesforce.com"}

    with pytest.raises(ConfigError, match=r"ca_file: .*spoilt\.pem holds no certificates"):
        client_of({**config, "ca_file": str(spoilt)})
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigError, match=r"REQUESTS_CA_BUNDLE: .*missing\.pem does not exist"):
        client_of(config)


def test_username_and_password_by_soap_and_by_oauth(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    config = {
        "login_url": org_server.url,
        "username": DEMO_USER,
        "password": DEMO_PASSWORD,
        "security_token": DEMO_SECURITY_TOKEN,
    }
    app = {"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET}
    org_server.org.login.password_grant = True

    assert can_ask(config)
    assert can_ask({**config, **app})
    assert "ends with Salesforce's Summer '27 release" in caplog.text
    assert DEMO_PASSWORD not in caplog.text


def test_soap_login_switched_off_says_what_to_use(org_server: OrgServer) -> None:
    org_server.org.login.soap_login = False
    config = {"login_url": org_server.url, "username": DEMO_USER, "password": "wrong-password"}

    with pytest.raises(AuthError, match="use client credentials or the JWT bearer grant"):
        can_ask(config)


def test_an_access_token_works_until_it_dies_and_then_says_so(org_server: OrgServer) -> None:
    token = client_of(org_server.config())._session_token()
    client = client_of({"access_token": token.access_token, "instance_url": token.instance_url})
    assert client.get(client.data("/sobjects"), ANY)["sobjects"]
    org_server.server.sessions.end_all()

    with pytest.raises(AuthError, match="access_token has expired or was revoked"):
        client.get(client.data("/sobjects"), ANY)


def test_a_wrong_secret_says_what_to_check_and_shows_nothing(org_server: OrgServer) -> None:
    with pytest.raises(
        AuthError, match=r"invalid_client: invalid client credentials.*Check client_id"
    ) as caught:
        can_ask(org_server.config(client_secret="very-wrong-secret"))
    assert "very-wrong-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "hint"),
    [("production", "set environment to sandbox"), ("sandbox", "set environment to production")],
)
def test_the_shared_login_hosts_name_the_other_environment(environment: str, hint: str) -> None:
    settings = Settings.from_config({"environment": environment})

    assert hint in str(refusal(settings.login_host, "invalid_grant", "authentication failure"))


def test_a_user_who_is_not_approved_for_the_app(org_server: OrgServer) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].approved_users = frozenset()

    with pytest.raises(AuthError, match="administrator has to allow the user"):
        can_ask(org_server.config())


def test_a_host_that_is_no_login_host(org_server: OrgServer) -> None:
    org_server.faults.add(Status(404, html="<html>nothing here</html>"), path="*/token")

    with pytest.raises(AuthError, match=r"is not a Salesforce login host.*Check login_url"):
        can_ask(org_server.config())


def test_a_login_host_that_is_down_for_a_moment(org_server: OrgServer) -> None:
    org_server.faults.add(Status(503), path="*/token", times=1)

    assert can_ask(org_server.config())


PASSING = [
    ("unknown_error", "retry your request"),
    ("invalid_grant", "token request is already being processed"),
    ("server_error", "an internal error"),
    ("temporarily_unavailable", "try again later"),
]


def refused(code: str, description: str) -> Status:
    return Status(400, html=json.dumps({"error": code, "error_description": description}))


@pytest.mark.parametrize(("code", "description"), PASSING)
def test_a_refusal_that_passes_is_tried_again_at_the_start_and_in_mid_run(
    org_server: OrgServer, code: str, description: str
) -> None:
    rule = org_server.faults.add(refused(code, description), path="*/token", nth=(1, 3))
    client = client_of(org_server.config())

    assert client.get(client.data("/sobjects"), ANY)["sobjects"]
    org_server.server.sessions.end_all()
    assert client.get(client.data("/sobjects"), ANY)["sobjects"]
    assert (rule.fired, rule.seen) == (2, 4)


def test_a_refusal_that_does_not_pass_is_told_in_its_own_words(org_server: OrgServer) -> None:
    org_server.faults.add(refused(*PASSING[0]), path="*/token")

    with pytest.raises(AuthError, match="unknown_error: retry your request"):
        can_ask(org_server.config(retry_seconds=1))


def test_a_refusal_that_stays_is_not_tried_again(org_server: OrgServer) -> None:
    rule = org_server.faults.add(refused("invalid_grant", "authentication failure"), path="*/token")

    with pytest.raises(AuthError, match="authentication failure"):
        can_ask(org_server.config())
    assert rule.fired == 1


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("http://127.0.0.1:9", "it takes no connection"),
        ("https://acme.invalid", "no such name is known here"),
    ],
)
def test_a_host_that_nobody_answers_at(host: str, why: str) -> None:
    """`.invalid` is a name that nobody has."""
    config = {"login_url": host, "client_id": "x", "client_secret": "y", "retry_seconds": 0}
    with pytest.raises(ConnectionFailedError) as told:
        can_ask(config)
    assert f"{host} cannot be reached ({why})." in str(told.value)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "Setting client_id: no credentials are set"),
        ({"client_id": "x", "client_secret": "y"}, "Setting login_url: client credentials do not log in at"),
        (
            {"client_id": "x", "login_url": "https://a.my.salesforce.com"},
            "Setting client_secret: it is not set",
        ),
        ({"access_token": "t"}, "Setting instance_url: it is not set"),
        ({"refresh_token": "t"}, "Setting client_id: it is not set"),
        ({"private_key": "k", "client_id": "x"}, "Setting username: it is not set"),
        ({"password": "p"}, "Setting username: it is not set"),
        ({"access_token": "t", "password": "p"}, "Setting access_token and password: each asks for a login"),
        (
            {"private_key": "k", "private_key_file": "f"},
            "Setting private_key and private_key_file: each asks for a login",
        ),
        (
            {"private_key_file": "/nowhere", "client_id": "x", "username": "u"},
            "Setting private_key_file: /nowhere",
        ),
    ],
)
def test_credentials_that_are_incomplete_or_ambiguous_name_the_settings(
    config: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        grant_from(Settings.from_config(config))
    assert str(caught.value).startswith(problem)


def test_no_secret_is_in_a_representation_or_a_log(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(org_server.config())
    client.get(client.data("/sobjects"), ANY)
    token = client._session_token()

    for shown in (caplog.text, repr(client._grant), repr(token)):
        assert DEMO_CLIENT_SECRET not in shown
        assert token.access_token not in shown


def test_all_errors_of_a_login_are_for_people() -> None:
    assert issubclass(AuthError, TapError)
    assert issubclass(ConnectionFailedError, TapError)


@pytest.mark.parametrize("token", ["00Dxx!half\nhalf", "00Dxx!h\u00e4lf", "00Dxx! half"])
def test_a_token_that_cannot_be_sent_is_told_and_not_shown(
    org_server: OrgServer, processes: Processes, token: str
) -> None:
    config = {"access_token": token, "instance_url": org_server.url, "objects": ["Account"]}
    processes.write("tap.json", config)

    finished = processes.tap("--config", "tap.json").expect(1)

    assert "Setting access_token: it has characters that no token has" in finished.stderr
    assert "half" not in finished.said
    assert "Traceback" not in finished.said


def test_a_login_that_gives_no_token_is_told(org_server: OrgServer) -> None:
    answer = json.dumps({"access_token": "a\r\nX-Evil: b", "instance_url": org_server.url})
    org_server.faults.add(Status(200, html=answer), path="*/token")
    client = client_of(org_server.config())
    with pytest.raises(AuthError, match="gave a token with characters that no token has"):
        client.request("GET", client.data("/limits"))
