"""`sfsource login`, as somebody sees it: the command in a terminal, the person at a browser, then the tap by itself."""

from __future__ import annotations

import json
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from salesforce_simulator.http.faults import TokenRefusal
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_USER
from salesforce_simulator.users import Permissions
from sfsource.login.callback import Callback
from tests.command.terminal import ADDRESS, free_port, shown_address
from tests.fix_process import wait_until
from tests.levels import at_level
from tests.web_login import Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command.terminal import Terminal


def test_after_a_login_the_tap_needs_no_token(terminal: Terminal) -> None:
    app = terminal.served.org.apps[DEMO_CLIENT_ID]
    app.run_as = None
    said = terminal.log_in()
    org = terminal.served.org
    (kept,) = terminal.kept()
    assert said.stdout.splitlines() == [
        f"Logged in as {DEMO_USER} at {terminal.served.url} (org {org.id}).",
        f"The refresh token is kept in {kept}.",
    ]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = json.loads(kept.read_text())["refresh_token"]
    assert app.refresh_tokens == {token: DEMO_USER}
    assert token not in said.said + terminal.begun
    for config in ({}, {"client_secret": DEMO_CLIENT_SECRET}):
        read = terminal.read(**config).expect()
        assert read.messages("RECORD")
        assert f"Logging in with the refresh token of sfsource login, kept in {kept}" in read.stderr
    app.rotate_refresh_tokens = True
    for _ in range(2):
        terminal.read().expect()
    # A later login replaces what rotation kept, and the tap goes on from there.
    assert f"{kept}, in place of the one before." in terminal.log_in().stdout
    terminal.read().expect()
    app.refresh_tokens.clear()
    assert "Run sfsource login again" in terminal.read().expect(1).stderr


def test_a_file_of_the_settings_and_a_token_that_they_still_have(terminal: Terminal) -> None:
    app = terminal.served.org.apps[DEMO_CLIENT_ID]
    app.requires_secret = True
    old = {
        "refresh_token": "of-another-day",
        "refresh_token_file": "token.json",
        "client_secret": DEMO_CLIENT_SECRET,
    }
    said = terminal.log_in("--json", configured=old)
    assert json.loads(said.stdout) == {
        "username": DEMO_USER,
        "org_id": terminal.served.org.id,
        "instance_url": terminal.served.url,
        "refresh_token_file": str(terminal.processes.directory / "token.json"),
        "replaced": False,
        "settings": {},
    }
    terminal.read(**old).expect()
    app.refresh_tokens["set-later"] = DEMO_USER
    later = terminal.read(**old | {"refresh_token": "set-later"}).expect()
    assert terminal.kept() == []
    assert later.messages("RECORD")


def test_options_alone_suffice_and_the_tap_is_told_of_them(terminal: Terminal) -> None:
    command = ["sfsource", "login", "--client-id", DEMO_CLIENT_ID, "--login-url", terminal.served.url]
    terminal.running = terminal.processes.start(
        [*command, "--port", str(terminal.port), "--no-browser"], env=terminal.environment
    )
    address = shown_address(terminal.running)
    assert {"prompt=login", "code_challenge_method=S256"} <= set(address.split("&"))
    assert "client_secret" not in address
    requests.get(Person().open(address), timeout=60)
    said = terminal.finish().stdout
    settings = f"client_id = {DEMO_CLIENT_ID}, login_url = {terminal.served.url}"
    assert f"So that tap-sfsource finds it, put into its settings: {settings}." in said
    assert terminal.read().expect().messages("RECORD")


def test_the_first_browser_that_opens_is_used_and_one_that_does_not_prints_the_address(
    terminal: Terminal, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{opened}.new\nmv {opened}.new {opened}\n')
    browser.chmod(0o755)
    terminal.processes.write("tap.json", {"login_url": terminal.served.url, "client_id": DEMO_CLIENT_ID})
    command: list[str | Path] = ["sfsource", "login", "--tap", "tap.json", "--port", str(terminal.port)]
    terminal.running = terminal.processes.start(
        command, env=terminal.environment | {"BROWSER": f"{browser} %s"}
    )
    wait_until(opened.exists, "the browser is opened", deadline=60)
    requests.get(Person().open(opened.read_text().strip()), timeout=60)
    said = terminal.finish()
    assert f"The browser shows {terminal.served.url}" in said.stderr
    terminal.running = terminal.processes.start(
        [*command, "--wait", "1"], env=terminal.environment | {"BROWSER": "/bin/false %s"}
    )
    refused = terminal.finish(2)
    assert ADDRESS.search(refused.stderr)
    assert "No answer came from the browser within 1 s." in refused.stderr.splitlines()[-1]


def test_only_the_answer_of_this_login_ends_the_wait(terminal: Terminal) -> None:
    address = terminal.start()
    for strange in (
        "",
        "?code=stolen",
        "?code=stolen&state=guessed",
        "?error=access_denied&state=guessed",
        "?code=x&state=%FF",
    ):
        answer = requests.get(f"{terminal.callback}{strange}", timeout=60)
        assert (answer.status_code, "does not belong to the login" in answer.text) == (400, True)
    assert requests.get(f"http://localhost:{terminal.port}/favicon.ico", timeout=60).status_code == 404
    with socket.create_connection(("127.0.0.1", terminal.port)):
        # A browser's connection on which nothing comes keeps nobody waiting.
        requests.get(Person().open(address), timeout=60)
    terminal.finish()
    assert terminal.kept()


@given(
    path=st.sampled_from(["/OauthRedirect", "/", "/OauthRedirect/x"]),
    parameters=st.dictionaries(
        st.sampled_from(["code", "error", "state", "x"]), st.text(st.characters(codec="utf-8"))
    ),
)
@settings(max_examples=at_level(normal=40, wide=200, long=2000))
def test_no_answer_of_a_stranger_is_taken(path: str, parameters: dict[str, str]) -> None:
    port = free_port()
    with Callback(port, "the state of this login") as callback:
        answer = requests.get(f"http://127.0.0.1:{port}{path}", params=parameters, timeout=60)
        assert answer.status_code in (400, 404)
        mine = {"code": "c", "state": callback.state}
        requests.get(callback.redirect_uri, params=mine, timeout=60)
        assert requests.get(callback.redirect_uri, params=mine, timeout=60).status_code == 400, "taken once"
        assert callback.wait(60) == mine


def test_denied(terminal: Terminal) -> None:
    page = requests.get(Person().open(terminal.start(), allow=False), timeout=60)
    assert "You can close this page. The terminal says what to do." in page.text
    (line,) = terminal.finish(2).stderr.splitlines()[-1:]
    assert line.startswith(f"sfsource: Salesforce refused the login at {terminal.served.url} (access_denied:")
    assert line.endswith("Log in again and choose Allow.")
    assert terminal.kept() == []


CAUSES: dict[str, tuple[dict[str, Any], str]] = {
    "another callback": (
        {"callback_urls": ()},
        "Register the callback URL http://localhost:PORT/OauthRedirect in the app",
    ),
    "no such app": ({"client_id": "other"}, "The org does not know this client_id."),
    "another org's app": ({"of_other_org": True}, "Name the org's My Domain with --login-url"),
    "not approved": ({"approved_users": frozenset()}, "An administrator has to allow the user"),
    "flow off": ({"grants": frozenset()}, "Switch the authorization code flow on"),
    "secret demanded": ({"requires_secret": True}, "Set the app's client_secret"),
    "not installed": (
        {"installed": False},
        "If the browser showed OAUTH_APPROVAL_ERROR_GENERIC: the app needs",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_refusal_is_one_line_that_says_what_to_do(terminal: Terminal, cause: str) -> None:
    changes, said = CAUSES[cause]
    app = terminal.served.org.apps.pop(DEMO_CLIENT_ID)
    for name, value in changes.items():
        setattr(app, name, value)
    terminal.served.org.apps[app.client_id] = app
    address = terminal.start("--wait", "2")
    if address:
        target = Person().open(address)
        if target.startswith("http"):
            requests.get(target, timeout=60)
    # Where the address was never shown, the error is the first line.
    rest = terminal.finish(2)
    line = (terminal.begun + rest.stderr).splitlines()[-1]
    assert line.startswith("sfsource: ")
    assert said.replace("PORT", str(terminal.port)) in line
    assert rest.stdout == ""
    assert terminal.kept() == []


def test_what_comes_after_consent(terminal: Terminal) -> None:
    app = terminal.served.org.apps[DEMO_CLIENT_ID]
    person = Person()
    target = person.open(terminal.start())
    terminal.served.org.clock.advance(minutes=16)
    requests.get(target, timeout=60)
    assert "is too old. Run sfsource login again." in terminal.finish(2).stderr
    terminal.served.faults.add(
        TokenRefusal("invalid_grant", "ip restricted or invalid login hours"), path="*/oauth2/token", times=1
    )
    requests.get(person.open(terminal.start()), timeout=60)
    assert "add it to the login IP ranges" in terminal.finish(2).stderr
    target = person.open(terminal.start(), allow=True)
    assert terminal.kept() == []
    requests.get(target, timeout=60)
    terminal.finish()
    terminal.served.org.set_permissions(DEMO_USER, Permissions(api_enabled=False))
    requests.get(person.open(terminal.start()), timeout=60)
    assert 'the system permission "API Enabled"' in terminal.finish(2).stderr
    assert app.refresh_tokens


def test_an_app_without_the_scope_gives_no_refresh_token(terminal: Terminal) -> None:
    """As where the browser asks for less than the command did: an org's own page in between, say."""
    target = Person().open(terminal.start().replace("api+refresh_token", "api"))
    requests.get(target, timeout=60)
    assert "Add the scope refresh_token" in terminal.finish(2).stderr
    assert terminal.kept() == []


def test_what_is_wrong_before_the_browser_opens(terminal: Terminal) -> None:
    def refused(*arguments: str, **configured: Any) -> str:
        assert terminal.start(*arguments, configured=configured) == ""
        terminal.finish(2)
        return terminal.begun.splitlines()[-1]

    with socket.create_server(("127.0.0.1", terminal.port)):
        assert f"Port {terminal.port} of 127.0.0.1 cannot be used (Address already in use)" in refused()
    assert "Nothing says which app logs in" in refused(client_id=None)
    assert "Setting private_key: the tap would log in by it" in refused(private_key="x")
    assert "but the tap's settings have login_url" in refused("--sandbox")
    assert "Setting login_url: 'http://acme' is not an https URL" in refused("--login-url", "http://acme")
    nobody = f"http://127.0.0.1:{free_port()}"
    assert f"{nobody} did not answer" in refused("--login-url", nobody)
    (terminal.processes.directory / "token.json").write_text("{")
    assert "Setting refresh_token_file: token.json cannot be read" in refused(refresh_token_file="token.json")
