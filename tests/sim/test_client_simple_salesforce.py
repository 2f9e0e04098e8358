"""simple-salesforce works against the simulated org, told nothing but where the hosts are and which CA to trust."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from salesforce_simulator import company
from salesforce_simulator.org import Org
from salesforce_simulator.server import Server, serve
from salesforce_simulator.simulation import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_SECURITY_TOKEN,
    DEMO_USER,
    add_demo_login,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "62.0"


class Resolver(HTTPAdapter):
    """Leads Salesforce's host names to the server, as a hosts file would, and trusts its CA and no other."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._netloc = urlsplit(server.url).netloc
        self._ca_file = str(server.ca_file)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=self._netloc))
        # Set here because REQUESTS_CA_BUNDLE in the environment would beat the session's own setting.
        return super().send(request, *args, **options | {"verify": self._ca_file})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    org = Org(features=company.FEATURES)
    add_demo_login(org)
    company.populate(org)
    org.login.soap_login = True
    try:
        with serve(org, tls=True) as served:
            yield served
    finally:
        org.close()


@pytest.fixture
def session(server: Server) -> requests.Session:
    session = requests.Session()
    session.mount("https://", Resolver(server))
    return session


@pytest.fixture
def salesforce(server: Server, session: requests.Session) -> Salesforce:
    return Salesforce(
        consumer_key=DEMO_CLIENT_ID,
        consumer_secret=DEMO_CLIENT_SECRET,
        domain=server.my_domain.removesuffix(".salesforce.com"),
        session=session,
        version=VERSION,
    )


def test_soap_login(server: Server, session: requests.Session) -> None:
    client = Salesforce(
        username=DEMO_USER,
        password=DEMO_PASSWORD,
        security_token=DEMO_SECURITY_TOKEN,
        session=session,
        version=VERSION,
    )
    assert client.sf_instance == server.my_domain
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] > 0


def test_soap_login_is_refused(session: requests.Session) -> None:
    for domain, password in (("login", "wrong"), ("test", DEMO_PASSWORD)):
        with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
            Salesforce(
                username=DEMO_USER,
                password=password,
                security_token=DEMO_SECURITY_TOKEN,
                domain=domain,
                session=session,
                version=VERSION,
            )


def test_jwt_login(server: Server, session: requests.Session) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    server.org.apps[DEMO_CLIENT_ID].certificate = certificate.decode()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client = Salesforce(
        username=DEMO_USER,
        consumer_key=DEMO_CLIENT_ID,
        privatekey=pem.decode(),
        session=session,
        version=VERSION,
    )
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] > 0


def test_describe(server: Server, salesforce: Salesforce) -> None:
    everything = salesforce.describe()
    assert everything is not None
    assert {line["name"] for line in everything["sobjects"]} == set(server.org.schema.objects)
    account: Any = salesforce.Account
    assert account.describe()["fields"][0]["name"] == "Id"
    assert account.metadata()["objectDescribe"]["name"] == "Account"
    assert salesforce.is_sandbox() is False


def test_queries(server: Server, salesforce: Salesforce) -> None:
    truth = {row["Id"]: row["Name"] for row in server.org.rows("Account") if not row["IsDeleted"]}
    found = salesforce.query_all("SELECT Id, Name FROM Account")
    assert {record["Id"]: record["Name"] for record in found["records"]} == truth
    lazily = salesforce.query_all_iter("SELECT Id, Name FROM Account")
    assert {record["Id"]: record["Name"] for record in lazily} == truth
    deleted = salesforce.query_all("SELECT Id FROM Account", include_deleted=True)
    assert deleted["totalSize"] == len(server.org.rows("Account"))
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        salesforce.query("SELECT Nope FROM Account")


def test_usage_and_limits(salesforce: Salesforce) -> None:
    salesforce.query("SELECT Id FROM Account LIMIT 1")
    assert salesforce.api_usage["api-usage"].total == 100_000
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100_000


def test_bulk2_query(server: Server, salesforce: Salesforce, tmp_path: Any) -> None:
    truth = {row["Id"] for row in server.org.rows("Contact") if not row["IsDeleted"]}
    bulk: Any = salesforce.bulk2
    pages = list(bulk.Contact.query("SELECT Id, LastName, Email FROM Contact", max_records=20, wait=0.05))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert len(pages) == -(-len(truth) // 20)
    assert {row["Id"] for row in rows} == truth
    files = bulk.Contact.download("SELECT Id FROM Contact", path=str(tmp_path), max_records=5000, wait=0.05)
    assert sum(item["number_of_records"] for item in files) == len(truth)


def test_bulk1_query(server: Server, salesforce: Salesforce) -> None:
    truth = {row["Id"]: row["LastName"] for row in server.org.rows("Contact") if not row["IsDeleted"]}
    bulk: Any = salesforce.bulk
    rows = bulk.Contact.query("SELECT Id, LastName FROM Contact", wait=0.05)
    assert {row["Id"]: row["LastName"] for row in rows} == truth


def test_deleted_and_updated(server: Server, salesforce: Salesforce) -> None:
    account: Any = salesforce.Account
    record_id = account.create({"Name": "short-lived"})["id"]
    assert account.delete(record_id) == 204
    now = server.org.clock.now()
    start, end = now - timedelta(minutes=1), now + timedelta(minutes=2)
    assert record_id in {item["id"] for item in account.deleted(start, end)["deletedRecords"]}
    kept = account.create({"Name": "kept"})["id"]
    assert kept in account.updated(start, end)["ids"]


def test_records(salesforce: Salesforce) -> None:
    account: Any = salesforce.Account
    record_id = account.create({"Name": "Acme", "NumberOfEmployees": 12})["id"]
    assert account.get(record_id)["NumberOfEmployees"] == 12
    assert account.update(record_id, {"Name": "Acme Ltd"}) == 204
    assert account.get(record_id)["Name"] == "Acme Ltd"
    assert account.delete(record_id) == 204
    with pytest.raises(SalesforceResourceNotFound):
        account.get(record_id)
