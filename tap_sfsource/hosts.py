"""Where credentials and tokens may go: the hosts of Salesforce, those that the user names, and paths below /services/."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOGIN_HOSTS: Final[Mapping[str, str]] = {
    "production": "https://login.salesforce.com",
    "sandbox": "https://test.salesforce.com",
}
"""The shared login host of each environment."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that may be reached without TLS."""

_SALESFORCE: Final = (
    ".salesforce.com",
    ".cloudforce.com",
    ".database.com",
    ".salesforce.mil",
    ".crmforce.mil",
    ".sfcrmproducts.cn",
)
"""Domains below which an org has its API: My Domains, instances, older brands, the government's and China's cloud."""

_OF_THE_BROWSER: Final = (
    ".lightning.force.com",
    ".my.salesforce-setup.com",
    ".lightning.crmforce.mil",
)
"""Domains of pages for people; the same org's API is at its My Domain."""

_NOT_IN_A_URL: Final = re.compile(r"[^\x21-\x7e]|[\\<>\"^`{|}]")
_SERVICES: Final = "/services/"
_LONGEST_LABEL: Final = 63
"""Characters between two dots of a host's name (RFC 1035)."""


def check_url(name: str, url: str | None) -> None:
    """Make sure that a setting is the URL of a host that can be logged in at.

    Raises:
        ConfigError: It is not, or programs could read it in different ways.
    """
    if url is None:
        return
    remedy = "Set it to a URL such as https://acme.my.salesforce.com."
    if "@" in url:
        # Not shown: before the @ there may be a password.
        raise ConfigError(name, "it has an @, so it may lead to another host than it seems", remedy)
    if _NOT_IN_A_URL.search(url):
        raise ConfigError(name, f"{url!r} has characters that no URL has", remedy)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise ConfigError(name, f"{url!r} is not a URL ({error})", remedy) from None
    if (
        not host
        or not all(0 < len(label) <= _LONGEST_LABEL for label in host.split("."))
        or (parts.scheme != "https" and not (parts.scheme == "http" and host in LOCAL_HOSTS))
    ):
        raise ConfigError(name, f"{url!r} is not an https URL", remedy)
    if parts.query or parts.fragment or f"{parts.path}/".startswith(_SERVICES):
        raise ConfigError(name, f"{url!r} is more than a host", f"Set it to {parts.scheme}://{parts.netloc}.")
    for domain in _OF_THE_BROWSER:
        if host.endswith(domain):
            ending = ".my.salesforce.mil" if domain.endswith(".mil") else ".my.salesforce.com"
            raise ConfigError(
                name,
                f"{host} is a host of pages for people",
                f"The same org's API is at https://{host.removesuffix(domain)}{ending}.",
            )


def may_have_token(url: str, login_url: str, trusted: Iterable[str]) -> bool:
    """Whether a token may be sent to a host that the answer of a login names.

    `trusted` are further hosts that the user names, as hosts or as URLs: a refusal shows a URL.
    """
    try:
        check_url("instance_url", url)
    except ConfigError:
        return False
    host, own = urlsplit(url).hostname or "", urlsplit(login_url).hostname or ""
    if own in LOCAL_HOSTS and host in LOCAL_HOSTS:
        return True
    if urlsplit(url).scheme != "https":
        return False
    return host == own or host.endswith((f".{own}", *_SALESFORCE)) or host in map(_host_named, trusted)


def _host_named(text: str) -> str:
    return (text.partition("//")[2] or text).partition("/")[0].partition(":")[0].lower()


def is_resource(path: str) -> bool:
    """Whether a path, behind an org's host, is one of its API's resources and cannot lead elsewhere."""
    plain = unquote(path.partition("?")[0])
    return (
        plain.startswith(_SERVICES)
        and not _NOT_IN_A_URL.search(path)
        and "\\" not in plain
        and "#" not in path
        and ".." not in plain.split("/")
    )
