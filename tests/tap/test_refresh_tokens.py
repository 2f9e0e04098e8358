"""Refresh tokens: rotated ones are kept, used once and never lost."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Latency
from salesforce_simulator.simulation import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_USER,
)
from tap_sfsource.api.auth.credentials import grant_from
from tap_sfsource.api.auth.grants import ClientCredentials
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError, ConfigError
from tests.fix_process import wait_until
from tests.tap.logins import ANY, can_ask, client_of

if TYPE_CHECKING:
    from salesforce_simulator.limits import Limit
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes


def refresh_config(org_server: OrgServer, token: str, file: Path, **more: Any) -> dict[str, Any]:
    return {
        "login_url": org_server.server.login_url,
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,
        "refresh_token": token,
        "refresh_token_file": str(file),
        **more,
    }


def test_a_user_without_a_home_is_told_to_name_a_token_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)

    with pytest.raises(ConfigError, match="refresh_token_file: it is not set, and this user has no home"):
        grant_from(Settings.from_config({"refresh_token": "t", "client_id": "x"}))
    # Where no login by browser can be kept, client credentials still serve.
    app = {"login_url": "https://acme.my.salesforce.com", "client_id": "x", "client_secret": "y"}
    assert isinstance(grant_from(Settings.from_config(app)), ClientCredentials)


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


def test_sandbox_credentials_at_another_host_get_the_hint(org_server: OrgServer, tmp_path: Path) -> None:
    org_server.org.login.sandbox = True
    org_server.org.apps[DEMO_CLIENT_ID].refresh_tokens["sandbox-token"] = DEMO_USER
    config = refresh_config(org_server, "sandbox-token", tmp_path / "t.json")

    with pytest.raises(AuthError, match="may also belong to another environment"):
        can_ask(config)
    assert can_ask({**config, "login_url": org_server.server.test_url})
