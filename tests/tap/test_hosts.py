"""A token goes to the org's own host and to nothing but its API, whatever an answer says."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Replace, Status
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_PASSWORD, DEMO_SECURITY_TOKEN, DEMO_USER, add_demo_login
from tap_sfsource.api.client import Client
from tap_sfsource.config import Settings
from tap_sfsource.errors import AuthError, ConnectionFailedError, TapError, UnexpectedAnswerError
from tap_sfsource.hosts import is_resource, may_have_token
from tests.fix_org import OrgServer
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_process import Processes


@contextmanager
def stranger() -> Iterator[tuple[int, list[str]]]:
    """A server that is not the org's: its port, and the Authorization header of every request that it gets."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "link",
    [
        "@localhost:{port}/x",
        ".localhost:{port}/x",
        "http://localhost:{port}/services/x",
        "//localhost:{port}/x",
    ],
)
def test_a_next_page_elsewhere_gets_no_token_and_fails_the_collection(
    org_server: OrgServer, link: str
) -> None:
    accounts(org_server, 250)
    with stranger() as (port, seen):
        org_server.faults.add(
            Replace('"nextRecordsUrl":"', f'"nextRecordsUrl":"{link.format(port=port)}","was":"'),
            path="*/queryAll",
        )
        syncs = Syncs(org_server, "Account", reader="rest", page_size=200)
        syncs.sync()

    assert not syncs.complete
    assert seen == []


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/services/data/v62.0/query/01gRO0000016PIAYA2-2000", True),
        ("/services/data/v62.0/queryAll?q=SELECT%20Id", True),
        ("/services/data/v62.0/query/0r8/..%2f..", False),
        ("/services/../secur/x", False),
        ("/services/%2e%2e/secur/x", False),
        ("/services/data\\x", False),
        ("/services/data/x y", False),
        ("/services/data/x#y", False),
        ("//evil.example/services/", False),
        ("https://acme.my.salesforce.com/services/data", False),
        ("services/data", False),
        ("", False),
    ],
)
def test_a_resource_is_a_path_below_services(path: str, resource: bool) -> None:
    assert is_resource(path) is resource


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://acme.my.salesforce.com", True),
        ("https://na44.salesforce.com", True),
        ("https://acme.my.salesforce.mil", True),
        ("https://login.acme.example", True),
        ("https://api.login.acme.example", True),
        ("https://gateway.example", True),
        ("https://other.example", False),
        ("https://acme.my.salesforce.com.evil.example", False),
        ("https://evilsalesforce.com", False),
        ("http://acme.my.salesforce.com", False),
        ("http://localhost:8080", False),
        ("https://acme.my.salesforce.com@evil.example", False),
        ("https://evil.example\\.my.salesforce.com", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_a_token_goes_to_salesforce_and_to_the_domain_of_the_login(url: str, allowed: bool) -> None:
    for trusted in ("Gateway.example", "https://gateway.example", "https://gateway.example:8443/"):
        assert may_have_token(url, "https://login.acme.example", (trusted,)) is allowed


def test_a_login_that_leads_to_a_stranger_ends_the_run(org_server: OrgServer) -> None:
    org_server.faults.add(
        Replace('"instance_url":"', '"instance_url":"https://evil.example/","was":"'), path="*/token"
    )
    client = Client(Settings.from_config(org_server.config()))

    with pytest.raises(AuthError, match=r"leads to 'https://evil\.example', .* name it in trusted_hosts"):
        client.request("GET", client.data("/limits"))


def soap(org_server: OrgServer) -> Client:
    config = {
        "login_url": org_server.url,
        "username": DEMO_USER,
        "password": DEMO_PASSWORD,
        "security_token": DEMO_SECURITY_TOKEN,
    }
    return Client(Settings.from_config({**config, "retry_seconds": 1}))


def test_the_soap_login_follows_no_redirect(org_server: OrgServer) -> None:
    with stranger() as (port, seen):
        for status in (301, 302, 307, 308):
            org_server.faults.clear()
            org_server.faults.add(Status(status, location=f"http://127.0.0.1:{port}/x"), path="*/Soap/*")
            with pytest.raises(ConnectionFailedError, match=f"has moved to http://127.0.0.1:{port}"):
                _ = soap(org_server).instance_url
    assert seen == []


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x><sessionId>&b;</sessionId></x>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        "<x>&a;</x>",
        "<x>",
        "",
    ],
)
def test_the_soap_login_reads_no_entities(org_server: OrgServer, xml: str) -> None:
    org_server.faults.add(Status(200, html=xml), path="*/Soap/*")

    with pytest.raises(AuthError, match="is not a Salesforce login host: it answered 200 and no XML"):
        _ = soap(org_server).instance_url


def test_a_refusal_of_the_soap_login_has_its_own_words(org_server: OrgServer) -> None:
    org_server.user.password = "another"

    with pytest.raises(TapError, match=r"\(INVALID_LOGIN: Invalid username, password.*Check username"):
        _ = soap(org_server).instance_url


@pytest.mark.parametrize("status", [301, 307])
def test_a_renamed_my_domain_is_told_at_the_login_too(org_server: OrgServer, status: int) -> None:
    location = "https://renamed.my.salesforce.com/services/oauth2/token"
    org_server.faults.add(Status(status, location=location), path="*/token")
    client = Client(Settings.from_config(org_server.config()))

    with pytest.raises(
        ConnectionFailedError, match=r"has moved to https://renamed\.my\.salesforce\.com\. Set login_url"
    ):
        _ = client.instance_url
    assert len(org_server.ledger.calls) == 1


def test_a_path_that_the_tap_itself_would_not_ask_is_refused(org_server: OrgServer) -> None:
    client = Client(Settings.from_config(org_server.config()))

    with pytest.raises(UnexpectedAnswerError, match="not to a path below /services/"):
        client.request("GET", "/secur/frontdoor.jsp")
    assert org_server.ledger.calls == []


@pytest.mark.parametrize("proxy", ["socks5://me:hush-hush@127.0.0.1:9", "http://a:hush-hush:c"])
def test_a_proxy_without_its_library_is_one_line(
    proxy: str, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"login_url": "https://acme.my.salesforce.com", "client_id": "x", "client_secret": "y"}
    # A library for SOCKS is in the tests' environment, but not in that of a user.
    (processes.directory / "socks.py").write_text("raise ImportError")
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    environment = {"HTTPS_PROXY": proxy, "PYTHONPATH": str(processes.directory)}
    finished = processes.tap("--config", processes.write("tap.json", config), "--discover", env=environment)
    assert "Setting HTTPS_PROXY: the proxy of the environment" in finished.expect(1).stderr
    assert "hush-hush" not in finished.said


def test_an_untrusted_certificate_is_told_at_the_login_too() -> None:
    org = Org()
    try:
        add_demo_login(org)
        with serve(org, tls=True) as server:
            client = Client(Settings.from_config(OrgServer(server).config()))
            with pytest.raises(ConnectionFailedError, match=r"The certificate of https://.* is not trusted"):
                _ = client.instance_url
    finally:
        org.close()
