"""Every way to log in, what is said when it fails, and that no rotated token is ever lost."""

from __future__ import annotations

import datetime
import json
import logging
import os
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from salesforce_simulator.__main__ import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_SECURITY_TOKEN,
    DEMO_USER,
)
from salesforce_simulator.http.faults import Latency, Status
from tap_sfsource.api.auth.grants import JwtBearer, grant_from
from tap_sfsource.api.auth.oauth import refusal
from tap_sfsource.api.client import Client
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError, ConfigError, ConnectionFailedError, TapError
from tests.fix_process import wait_until

if TYPE_CHECKING:
    from salesforce_simulator.limits import Limit
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

ANY = msgspec.json.Decoder()


def client_of(config: dict[str, Any]) -> Client:
    return Client(Settings.from_config({"retry_seconds": 5, **config}))


def can_ask(config: dict[str, Any]) -> bool:
    client = client_of(config)
    return bool(client.get(client.data("/sobjects"), ANY)["sobjects"])


def refresh_config(org_server: OrgServer, token: str, file: Path, **more: Any) -> dict[str, Any]:
    return {
        "login_url": org_server.server.login_url,
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,
        "refresh_token": token,
        "refresh_token_file": str(file),
        **more,
    }


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


def test_a_user_without_a_home_is_told_to_name_a_token_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)

    with pytest.raises(ConfigError, match="refresh_token_file: it is not set, and this user has no home"):
        grant_from(Settings.from_config({"refresh_token": "t", "client_id": "x"}))


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


def test_a_rotated_refresh_token_is_kept_and_used_by_the_next_run(
    org_server: OrgServer, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first-token"] = DEMO_USER
    file = tmp_path / "state" / "token.json"
    config = refresh_config(org_server, "first-token", file)

    assert can_ask(config)
    kept = json.loads(file.read_text())["refresh_token"]
    assert kept in app.refresh_tokens
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert can_ask(config)
    assert json.loads(file.read_text())["refresh_token"] != kept
    assert [path.name for path in file.parent.iterdir()] == ["token.json"]


def test_a_rotated_token_is_kept_also_when_a_session_dies_in_mid_run(
    org_server: OrgServer, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first-token"] = DEMO_USER
    client = client_of(refresh_config(org_server, "first-token", tmp_path / "token.json"))

    for _ in range(3):
        assert client.get(client.data("/sobjects"), ANY)
        org_server.server.sessions.end_all()
    assert json.loads((tmp_path / "token.json").read_text())["refresh_token"] in app.refresh_tokens


def more_than(used: int, limit: Limit) -> bool:
    return limit.used > used


def test_a_tap_killed_right_after_a_login_has_kept_the_rotated_token(
    org_server: OrgServer, processes: Processes, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first-token"] = DEMO_USER
    org_server.faults.add(Latency(1), path="/services/data/*")
    config = refresh_config(org_server, "first-token", tmp_path / "token.json", objects=["Account"])
    processes.write("tap.json", config)
    calls = org_server.org.limits.daily_api_requests
    for used in range(3):
        tap = processes.start(["tap-sfsource", "--config", "tap.json"])
        # The org counts a call before it answers: the session is in use, and by now the token must be safe.
        wait_until(partial(more_than, used, calls), "its first call")
        tap.kill()
        tap.wait(30)
    org_server.faults.clear()
    assert "first-token" not in app.refresh_tokens
    assert can_ask(config)


def test_two_runs_at_the_same_time_do_not_use_up_each_others_token(
    org_server: OrgServer, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first-token"] = DEMO_USER
    org_server.faults.add(Latency(0.2), path="*/oauth2/token")
    config = refresh_config(org_server, "first-token", tmp_path / "token.json")

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(can_ask, [config] * 4))


def test_a_refresh_token_that_is_rotated_out_is_never_presented_again(
    org_server: OrgServer, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first-token"] = DEMO_USER
    config = refresh_config(org_server, "first-token", tmp_path / "token.json")
    assert can_ask(config)
    # Could it be used now, then a tap that presents it would be seen.
    app.refresh_tokens.clear()
    app.refresh_tokens["first-token"] = DEMO_USER

    with pytest.raises(AuthError, match=r"is the one kept in .*token\.json; .*Authorize the app again"):
        can_ask(config)
    assert "first-token" in app.refresh_tokens


def test_a_changed_token_in_the_settings_replaces_a_kept_one(org_server: OrgServer, tmp_path: Path) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens |= {"first-token": DEMO_USER, "second-token": DEMO_USER}
    file = tmp_path / "token.json"
    assert can_ask(refresh_config(org_server, "first-token", file))
    of_first = json.loads(file.read_text())["refresh_token"]

    assert can_ask(refresh_config(org_server, "second-token", file))

    assert of_first in app.refresh_tokens
    assert "second-token" not in app.refresh_tokens
    # Settings that go back to the first token name one that is used up: the kept one goes on.
    app.refresh_tokens["first-token"] = DEMO_USER
    assert can_ask(refresh_config(org_server, "first-token", file))
    assert "first-token" in app.refresh_tokens
    assert "first-token" not in file.read_text()


def test_a_token_file_of_an_earlier_version_goes_before_the_settings(
    org_server: OrgServer, tmp_path: Path
) -> None:
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens |= {"first-token": DEMO_USER, "kept-token": DEMO_USER}
    file = tmp_path / "token.json"
    file.write_text(json.dumps({"refresh_token": "kept-token"}))

    assert can_ask(refresh_config(org_server, "first-token", file))
    assert "kept-token" not in app.refresh_tokens
    assert "first-token" in app.refresh_tokens
    file.write_text(json.dumps({"refresh_token": "dead-token"}))
    with pytest.raises(AuthError, match="set the new refresh_token; then remove the file"):
        can_ask(refresh_config(org_server, "first-token", file))
    assert "first-token" in app.refresh_tokens


def test_a_folder_that_does_not_last_is_told_before_the_first_refresh(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        with pytest.raises(AuthError):
            can_ask(refresh_config(org_server, "unknown-token", Path(folder) / "token.json"))
        assert f"Setting refresh_token_file: {folder}/token.json is on tmpfs, which ends with" in caplog.text


def test_nothing_is_used_up_when_the_rotated_token_could_not_be_kept(
    org_server: OrgServer, tmp_path: Path
) -> None:
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["only-token"] = DEMO_USER
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(ConfigError, match="refresh_token_file"):
        can_ask(refresh_config(org_server, "only-token", blocked / "token.json"))
    assert org_server.ledger.calls == []


def test_a_spoilt_token_file_is_named(org_server: OrgServer, tmp_path: Path) -> None:
    file = tmp_path / "token.json"
    file.write_text("not json")

    with pytest.raises(
        ConfigError, match=r"refresh_token_file: .*token\.json cannot be read \(it is not JSON\)"
    ):
        can_ask(refresh_config(org_server, "token", file))


def test_a_wrong_secret_says_what_to_check_and_shows_nothing(org_server: OrgServer) -> None:
    with pytest.raises(
        AuthError, match=r"invalid_client: invalid client credentials.*Check client_id"
    ) as caught:
        can_ask(org_server.config(client_secret="very-wrong-secret"))
    assert "very-wrong-secret" not in str(caught.value)


def test_sandbox_credentials_at_another_host_get_the_hint(org_server: OrgServer, tmp_path: Path) -> None:
    org_server.org.login.sandbox = True
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["sandbox-token"] = DEMO_USER
    config = refresh_config(org_server, "sandbox-token", tmp_path / "t.json")

    with pytest.raises(AuthError, match="may also belong to another environment"):
        can_ask(config)
    assert can_ask({**config, "login_url": org_server.server.test_url})


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


def test_a_host_that_nobody_answers_at() -> None:
    config = {"login_url": "http://127.0.0.1:9", "client_id": "x", "client_secret": "y"}

    with pytest.raises(ConnectionFailedError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        can_ask(config)


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
    client = Client(Settings.from_config(org_server.config()))
    with pytest.raises(AuthError, match="gave a token with characters that no token has"):
        client.request("GET", client.data("/limits"))
