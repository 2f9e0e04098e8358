"""Which of Salesforce's hosts a request was sent to.

One server plays three: the production login host, the sandbox login host and the org's own My Domain.
Each listens on a port of its own; a Host header with a Salesforce name decides before the port does, so a
client that insists on `https://login.salesforce.com` can be led here by its resolver alone.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesforce_simulator.apps import LoginPolicy


class Role(Enum):
    """What a host is for."""

    PRODUCTION_LOGIN = "login"
    SANDBOX_LOGIN = "test"
    MY_DOMAIN = "my"


_LOGIN_NAMES = {
    "login.salesforce.com": Role.PRODUCTION_LOGIN,
    "test.salesforce.com": Role.SANDBOX_LOGIN,
    "login.localhost": Role.PRODUCTION_LOGIN,
    "test.localhost": Role.SANDBOX_LOGIN,
}


@dataclass(frozen=True)
class Host:
    """The host of one request: its role, and the org's own address as seen from there."""

    role: Role
    url: str
    instance_url: str

    @property
    def audience(self) -> str:
        """The `aud` that a JWT for this host may carry, beside the host's own address."""
        name = "test" if self.role is Role.SANDBOX_LOGIN else "login"
        return f"https://{name}.salesforce.com"


def is_home(host: Host, login: "LoginPolicy") -> bool:
    """Whether this org's users can log in at the host: a sandbox's cannot at the production login, or vice versa."""
    return host.role is Role.MY_DOMAIN or (host.role is Role.SANDBOX_LOGIN) == login.sandbox


def host_of(header: str, port_role: Role, scheme: str, my_domain: str, instance_url: str) -> Host:
    """The host that a request means.

    Args:
        header: The request's Host header.
        port_role: The role of the port that it came in by.
        scheme: `http` or `https`.
        my_domain: The org's My Domain name as Salesforce would spell it, `acme.my.salesforce.com`.
        instance_url: Where the org's My Domain listens in fact.
    """
    name = header.rsplit(":", 1)[0].lower()
    port = header[len(name) :]
    url = f"{scheme}://{header}"
    if name.endswith(".salesforce.com"):
        role = _LOGIN_NAMES.get(name, Role.MY_DOMAIN)
        return Host(role, url, f"{scheme}://{my_domain}{port}")
    return Host(_LOGIN_NAMES.get(name, port_role), url, instance_url)
