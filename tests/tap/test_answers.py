"""Answers with a status of success that are not Salesforce's: pages of a proxy or of maintenance, JSON of another shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from salesforce_simulator.http.faults import Status
from tap_sfsource.api.answers import decode, error_parts
from tap_sfsource.errors import AuthError, TapError, UnexpectedAnswerError, UnreadableError
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

HTML = "<!doctype html><html><body>We are down for maintenance.</body></html>"
BODIES = {"html": HTML, "other shape": '{"status": "maintenance"}', "cut off": '{"totalSize": 1, "rec'}

NO_COMPOSITE = Status(404, code="NOT_FOUND", message="The requested resource does not exist")


@dataclass(frozen=True)
class Resource:
    """A resource that the tap reads.

    Attributes:
        path: Pattern of its path.
        named: Text of the error that tells which resource it is.
        config: Settings with which a run asks it.
        alone: Whether composite calls are refused, so that it is a call of its own.
        fails: What fails where it cannot be read: the run, the collection of accounts, or nothing.
    """

    path: str
    named: str
    config: dict[str, Any] = field(default_factory=dict)
    alone: bool = False
    fails: str = "collection"
    objects: tuple[str, str] = ("Account", "Contact")

    @property
    def sobject(self) -> str | None:
        return "Account" if self.fails == "collection" else None


REST: dict[str, Any] = {"reader": "rest", "page_size": 200}
BULK: dict[str, Any] = {"reader": "bulk", "bulk_page_size": 200}

RESOURCES = {
    "first page": Resource("*/queryAll", "/queryAll cannot be read", REST, alone=True),
    "cursor": Resource("*/query*/*-*", "/query.*/.* cannot be read", REST),
    "job creation": Resource("*/jobs/query", "/jobs/query cannot be read", BULK, fails="nothing"),
    "job poll": Resource("*/jobs/query/" + 18 * "?", "/jobs/query/750.* cannot be read", BULK),
    "results": Resource("*/results", "/results cannot be read", BULK),
    "record counts": Resource("*/recordCount", "/limits/recordCount cannot be read", BULK, fails="nothing"),
    "limits": Resource("*/limits", "/limits cannot be read", BULK, fails="nothing"),
    "deletion log": Resource("*/deleted/", "/Account/deleted/ cannot be read", REST, alone=True, fails="log"),
    "describe": Resource("*/Account/describe", "/Account/describe cannot be read", REST, True, "plan"),
    "describe global": Resource(
        "*/sobjects", "/sobjects cannot be read", REST, fails="run", objects=("Accoun?", "Contac?")
    ),
    "composite": Resource("*/composite", "/composite cannot be read", REST, fails="nothing"),
}


@pytest.fixture
def two_collections(org_server: OrgServer) -> OrgServer:
    accounts(org_server, 250)
    org_server.org.create("Contact", {"LastName": "Doe"})
    return org_server


def syncs_of(server: OrgServer, resource: Resource, **config: Any) -> Syncs:
    if resource.alone:
        server.faults.add(NO_COMPOSITE, path="*/composite")
    return Syncs(server, *resource.objects, **{**resource.config, **config})


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_page_that_passes_is_asked_again(two_collections: OrgServer, resource: Resource) -> None:
    rule = two_collections.faults.add(Status(200, html=HTML), path=resource.path, times=1)
    syncs = syncs_of(two_collections, resource)

    assert syncs.sync() == {"accounts": 250, "contacts": 1}
    assert syncs.complete
    assert rule.fired == 1


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_an_answer_that_cannot_be_read_fails_what_it_concerns_in_one_line(
    two_collections: OrgServer, resource: Resource, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    rule = two_collections.faults.add(Status(200, html=body), path=resource.path, sobject=resource.sobject)
    syncs = syncs_of(two_collections, resource, retry_seconds=0)

    if resource.fails == "run":
        with pytest.raises(TapError, match=resource.named):
            syncs.sync()
        return
    counts = syncs.sync()
    assert rule.fired
    assert counts["contacts"] == 1
    assert syncs.complete is (resource.fails != "collection")
    if resource.fails in {"nothing", "log"}:
        assert counts["accounts"] == 250
    if resource.fails != "nothing":
        told = [record for record in caplog.records if "cannot be read" in record.getMessage()]
        assert told
        assert not any("\n" in record.getMessage() or record.exc_info for record in told)


def test_a_deletion_log_that_cannot_be_read_is_read_from_the_same_moment_next_time(
    org_server: OrgServer, frozen: Clock
) -> None:
    ids = accounts(org_server, 3)
    syncs = Syncs(org_server, "Account", reader="rest", retry_seconds=0)
    frozen.advance(hours=3)
    syncs.sync()
    org_server.org.hard_delete(ids[0])
    frozen.advance(hours=3)
    org_server.faults.add(Status(200, html='{"status": "maintenance"}'), path="*/deleted/")
    org_server.faults.add(NO_COMPOSITE, path="*/composite")
    syncs.sync()
    assert syncs.row("accounts", ids[0])["is_deleted"] is False
    org_server.faults.clear()
    syncs.sync()
    assert syncs.row("accounts", ids[0])["is_deleted"] is True


def test_the_versions_of_an_org_that_cannot_be_read(org_server: OrgServer) -> None:
    org_server.faults.add(Status(200, html=HTML), path="/services/data")
    with pytest.raises(TapError, match="/services/data cannot be read"):
        Syncs(org_server, "Account", api_version="99.0", retry_seconds=0).sync()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_login_that_answers_something_else(org_server: OrgServer, body: str) -> None:
    org_server.faults.add(Status(200, html=body), path="*/oauth2/token")
    with pytest.raises(AuthError, match="login"):
        Syncs(org_server, "Account").sync()


@pytest.mark.parametrize(
    "body", [*BODIES.values(), "<html>\n<body>\n</body>\n</html>"], ids=[*BODIES, "lines"]
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_soap_login_that_answers_something_else(org_server: OrgServer, status: int, body: str) -> None:
    org_server.faults.add(Status(status, html=body), path="*/services/Soap/*")
    login = {
        "username": org_server.user.username,
        "password": "secret",
        "client_id": None,
        "client_secret": None,
    }
    with pytest.raises(AuthError, match="login") as caught:
        Syncs(org_server, "Account", **login).sync()
    assert "\n" not in str(caught.value)


class _Thing(msgspec.Struct):
    name: str


THING = msgspec.json.Decoder(_Thing)


@pytest.mark.parametrize(
    ("content", "error", "why"),
    [
        (HTML.encode(), UnreadableError, "it is HTML"),
        (b"", UnreadableError, "it is not JSON"),
        (b'{"name": "\xff"}', UnreadableError, "it is not JSON"),
        (b'{"name": 1}', UnexpectedAnswerError, "Expected `str`, got `int`"),
        (b"[]", UnexpectedAnswerError, "Expected `object`, got `array`"),
    ],
    ids=["html", "empty", "no utf-8", "another type", "another shape"],
)
def test_what_is_wrong_is_said(content: bytes, error: type[TapError], why: str) -> None:
    with pytest.raises(error, match=why) as caught:
        decode(content, THING, "/services/data/v62.0/thing?secret=1")
    assert "for /services/data/v62.0/thing cannot be read" in str(caught.value)


@pytest.mark.parametrize("content", [HTML.encode(), b"", b'"\xff"', b"null", b"{}", b"[]", b"[" * 100_000])
def test_an_error_answer_of_any_kind_has_parts(content: bytes) -> None:
    code, _ = error_parts(content)
    assert code == ""
