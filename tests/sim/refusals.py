"""A scene in which causes of refusals are set up, and the list of them, for `test_error_bodies`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from tests.sim.api import Api, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.apps import ConnectedApp
    from salesforce_simulator.http.instance import Instance
    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer

ALL = "SELECT Id, Name FROM Account"
ENVELOPE = (
    '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com"><env:Body>'
    "<urn:login><urn:username>{}</urn:username><urn:password>{}</urn:password></urn:login></env:Body></env:Envelope>"
)


class Scene:
    """A served org, someone logged in, and the calls that the causes share."""

    def __init__(self, served: OrgServer) -> None:
        self.served = served
        self.org: Org = served.org
        self.api = Api(served)

    @property
    def instance(self) -> Instance:
        return self.served.server.instance

    @property
    def app(self) -> ConnectedApp:
        return self.org.apps[DEMO_CLIENT_ID]

    def load(self, count: int) -> None:
        self.org.load("Account", ([f"Account {n:05}"] for n in range(count)), ["Name"])

    def refresh(self, token_text: str, url: str | None = None) -> requests.Response:
        return token(self.served, url, grant_type="refresh_token", refresh_token=token_text)

    def bearer(self, **claims: str) -> requests.Response:
        """A JWT login with a right key; `claims` are what is wrong about it."""
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
        now = self.org.clock.now()
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        certificate = builder.sign(key, hashes.SHA256())
        self.app.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        told = {"iss": DEMO_CLIENT_ID, "sub": DEMO_USER, "aud": "https://login.salesforce.com", **claims}
        assertion = jwt.encode(told | {"exp": int(now.timestamp()) + 180}, key, algorithm="RS256")
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return token(self.served, self.served.server.login_url, grant_type=grant, assertion=assertion)

    def soap(self, password: str, version: str = "62.0") -> requests.Response:
        url = f"{self.served.server.login_url}/services/Soap/u/{version}"
        return requests.post(url, data=ENVELOPE.format(DEMO_USER, password), timeout=20)

    def job(self, soql: str) -> requests.Response:
        return self.api.post("jobs/query", {"operation": "query", "query": soql})

    def changed(self, kind: str, back: timedelta) -> requests.Response:
        now = self.org.clock.now()
        window = {"start": (now - back).isoformat(), "end": (now + timedelta(minutes=2)).isoformat()}
        return self.api.get(f"sobjects/Account/{kind}/", params=window)


@dataclass(frozen=True)
class Refusal:
    """What a cause must be answered with."""

    status: int
    code: str
    message: str
    cause: Callable[[Scene], requests.Response]


REFUSALS: list[Refusal] = []


def answered(
    status: int, code: str, message: str = ""
) -> Callable[..., Callable[[Scene], requests.Response]]:
    """Note what a cause is answered with."""

    def note(cause: Callable[[Scene], requests.Response]) -> Callable[[Scene], requests.Response]:
        REFUSALS.append(Refusal(status, code, message, cause))
        return cause

    return note
