"""An org with data and a login behind a server: what the command and the pytest fixtures start."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

from salesforce_simulator import company as example_company
from salesforce_simulator.apps import ConnectedApp
from salesforce_simulator.http.fault_specs import rule_of
from salesforce_simulator.org import Org
from salesforce_simulator.server import LOCAL, Server, serve
from salesforce_simulator.volume import add_custom_objects, load_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from salesforce_simulator.http.faults import Faults
    from salesforce_simulator.http.ledger import Ledger
    from salesforce_simulator.http.settings import Settings

DEMO_CLIENT_ID = "3MVG9demo.integration.connected.app"
DEMO_CLIENT_SECRET = "demo-client-secret"
DEMO_USER = "integration@acme.example"
DEMO_PASSWORD = "demo-password"
DEMO_SECURITY_TOKEN = "demoToken"
DEMO_CALLBACK = "http://localhost:1717/OauthRedirect"


def add_demo_login(org: Org) -> None:
    """Give the org a user and a connected app that runs as that user."""
    org.add_user(DEMO_USER, password=DEMO_PASSWORD, security_token=DEMO_SECURITY_TOKEN)
    org.add_app(
        ConnectedApp(
            "Demo", DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, run_as=DEMO_USER, callback_urls=(DEMO_CALLBACK,)
        )
    )


class UnknownObjectError(ValueError):
    """Records were asked for of an object that the org does not have, or that has none."""


@dataclass(frozen=True)
class Simulation:
    """A served org, and how to log in to it.

    Attributes:
        server: everything else: the sandbox login host, sessions, settings, the machines around the org.
    """

    server: Server
    client_id: ClassVar[str] = DEMO_CLIENT_ID
    client_secret: ClassVar[str] = DEMO_CLIENT_SECRET
    user: ClassVar[str] = DEMO_USER
    password: ClassVar[str] = DEMO_PASSWORD
    security_token: ClassVar[str] = DEMO_SECURITY_TOKEN
    callback_url: ClassVar[str] = DEMO_CALLBACK

    @property
    def url(self) -> str:
        """Address of the org's My Domain, where data is and where every login works."""
        return self.server.url

    @property
    def login_url(self) -> str:
        """Address that stands for login.salesforce.com, or for test.salesforce.com if the org is a sandbox."""
        return self.server.test_url if self.org.login.sandbox else self.server.login_url

    @property
    def ca_file(self) -> Path | None:
        """The CA to trust if the org speaks https."""
        return self.server.ca_file

    @property
    def org(self) -> Org:
        """The org: its records, objects, users and clock."""
        return self.server.org

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.server.faults

    @property
    def ledger(self) -> Ledger:
        """Every request so far, and what it cost."""
        return self.server.ledger

    def access_token(self) -> str:
        """A new access token (session id) of the user, without a request."""
        org = self.org
        return self.server.sessions.open(org.users[self.user], org.apps[self.client_id]).token


@contextmanager
def simulate(
    *,
    company: bool = False,
    features: Iterable[str] = (),
    seed: int = 1,
    sandbox: bool = False,
    clock: Clock | None = None,
    directory: Path | str | None = None,
    custom_objects: int = 0,
    records: Mapping[str, int] | None = None,
    faults: Iterable[str] = (),
    tls: bool = False,
    host: str = LOCAL,
    port: int = 0,
    settings: Settings | None = None,
) -> Iterator[Simulation]:
    """Serve a new org until the context ends.

    Args:
        company: fill it with the example company, tags and schedules on.
        features: of `tags`, `schedules`, `multicurrency`.
        seed: what ids, secrets and example data depend on; from 1.
        sandbox: be a sandbox.
        clock: what every moment comes from; none means real time.
        directory: where its data goes; none means a folder that is removed.
        custom_objects: how many custom objects to add, `Custom_1__c` and so on.
        records: how many plausible records to add, by object.
        faults: what goes wrong, as texts (`http/fault_specs`).
        tls: speak https, with a CA of its own.
        host: name or address by which others reach it; it then listens on all addresses.
        port: port of the My Domain; the login hosts take the two that follow. 0 means any.
        settings: everything else.

    Raises:
        ValueError: a feature, object or fault that does not exist.
        OSError: a port is taken.
    """
    rules = [rule_of(spec) for spec in faults]
    wanted = {*features, *(example_company.FEATURES if company else ())}
    org = Org(seed=seed, features=wanted, clock=clock, directory=directory)
    try:
        org.login.sandbox = sandbox
        add_demo_login(org)
        if company:
            example_company.populate(org)
        add_custom_objects(org, custom_objects)
        for name, count in (records or {}).items():
            _load(org, name, count)
        next_day = example_company.next_day if company else None
        with serve(org, tls=tls, host=host, port=port, settings=settings, next_day=next_day) as server:
            for rule in rules:
                server.faults.add_rule(rule)
            yield Simulation(server)
    finally:
        org.close()


def _load(org: Org, name: str, count: int) -> None:
    sobject = org.schema.get(name)
    if sobject is None:
        near = get_close_matches(name, list(org.schema.objects), n=1)
        raise UnknownObjectError(f"the org has no object {name}{f'; nearest: {near[0]}' if near else ''}")
    if not sobject.queryable:
        raise UnknownObjectError(f"{name} cannot be queried, so that it has no records")
    load_many(org, sobject.name, count)
