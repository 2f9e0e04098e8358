"""Where the warehouse is: the settings as parameters of libpq (PostgreSQL's manual, section 34.1.2)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote

from psycopg import pq

from target_sfwarehouse.config import LAST_PORT
from target_sfwarehouse.errors import SettingsError, shown
from target_sfwarehouse.masks import hide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_sfwarehouse.config import Settings

PEM: Final = "-----BEGIN "
VERIFYING: Final = ("verify-ca", "verify-full")
SECRETS: Final = frozenset({"password", "sslpassword"})

_URL = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://(?:(?P<login>.*)@)?(?P<hosts>[^@/?]*)(?:/(?P<database>[^@?]*))?(?:\?(?P<query>[^@]*))?",
    re.DOTALL,
)
"""A password may hold anything: what stands before the last `@` is the login."""

_LOGIN = re.compile(r"(?:[^\x00-\x20\x7f@/?#\[\]%]|%(?!00)[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]*))?")


def of_settings(settings: Settings) -> dict[str, Any]:
    """Say how to reach the configured warehouse; empty if none is configured. Raises SettingsError."""
    if settings.sqlalchemy_url:
        return of_url(settings.sqlalchemy_url)
    tls = dict(_tls(settings))
    if not settings.host:
        if tls:
            raise SettingsError(
                "`ssl_*` say how to reach a warehouse, but no warehouse is configured: set `host` or "
                "`sqlalchemy_url`."
            )
        return {}
    parts = {
        "host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "password": settings.password,
        "dbname": settings.database,
    }
    return {name: value for name, value in parts.items() if value is not None} | tls


def of_url(url: str) -> dict[str, Any]:
    """Read a URL of SQLAlchemy or libpq, without a word of it in a message: anything in it may be a password.

    Raises SettingsError where it can be read in two ways.
    """
    found = _URL.fullmatch(url.strip())
    if found is None:
        raise SettingsError("`sqlalchemy_url` must look like postgresql://user:password@host:port/database.")
    login, hosts, database, query = found.group("login", "hosts", "database", "query")
    parameters: dict[str, Any] = {}
    if login is not None:
        if not _LOGIN.fullmatch(login):
            _refuse(
                "it has characters before its last '@' that have a meaning of their own in a URL. Write '@' as %40, "
                "'/' as %2F, '?' as %3F, '#' as %23, '%' as %25, '[' as %5B, ']' as %5D, a space as %20. Or set "
                "`host`, `user`, `password` and `database` in its place, which take all characters as they are"
            )
        user, _, password = login.partition(":")
        hide(password)
        parameters |= {"user": _decoded(user), "password": _decoded(password)}
    parameters |= _hosts(hosts) | {"dbname": _decoded(database or "")}
    parameters = {name: value for name, value in parameters.items() if value}
    return parameters | (_query(query) if query else {})


def _refuse(reason: str) -> NoReturn:
    raise SettingsError(f"`sqlalchemy_url` cannot be used: {reason}.")


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        _refuse("a part of it is no UTF-8 text once its %-codes are decoded")
    return decoded


def _hosts(text: str) -> dict[str, str]:
    found = [_HOST.fullmatch(host) for host in text.split(",")]
    ports = [host["port"] or "" for host in found if host]
    if not all(found) or any(int(port or 1) not in range(1, LAST_PORT + 1) for port in ports):
        _refuse(f"what follows the user and password is not host:port with a port from 1 to {LAST_PORT}")
    names = [_decoded(host["address"] or host["name"]) for host in found if host]
    return {"host": ",".join(names) if any(names) else "", "port": ",".join(ports) if any(ports) else ""}


def _query(text: str) -> dict[str, str]:
    pairs = [part.split("=") for part in text.split("&")]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - name and value
        _refuse("what stands after '?' is not name=value&name=value. Write '=' in a value as %3D, '&' as %26")
    query = {_decoded(name): _decoded(value) for name, value in pairs}
    if query.get("ssl") == "true":  # JDBC's spelling, which libpq takes in URLs
        query = {name: value for name, value in query.items() if name != "ssl"} | {"sslmode": "require"}
    hide(*(query[name] for name in SECRETS & query.keys()))
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    if unknown := sorted(query.keys() - known):
        # After a password with a raw '&' a piece of it looks like a name.
        which = "" if SECRETS & query.keys() else f", {shown(unknown[0])}"
        _refuse(f"it has a parameter after '?' that libpq does not know{which}. One that it knows is sslmode")
    return query


def _tls(settings: Settings) -> Iterator[tuple[str, str]]:
    """Give libpq's parameters for target-postgres's `ssl_*`; perhaps none."""
    if settings.ssl_enable:
        yield "sslmode", settings.ssl_mode
        # Without verification nothing needs the authority, which then may be the default that nobody made.
        needed = settings.ssl_mode in VERIFYING
        if authority := _file(settings, "ssl_certificate_authority", "root.crt", needed=needed):
            yield "sslrootcert", authority
    if settings.ssl_client_certificate_enable:
        yield "sslcert", _file(settings, "ssl_client_certificate", "cert.crt")
        yield "sslkey", _file(settings, "ssl_client_private_key", "pkey.key")


def _file(settings: Settings, setting: str, name: str, *, needed: bool = True) -> str:
    """Return the path of a certificate or key; empty if it is not there and not needed."""
    value = str(getattr(settings, setting) or "")
    if PEM in value:
        return _written(Path(settings.ssl_storage_directory).expanduser(), name, value)
    path = Path(value).expanduser()
    if value and os.path.isfile(path):  # noqa: PTH113 - a Path raises where a name is too long, and quotes it
        return str(path)
    if needed:
        # A key whose first line is missing is no path to be shown.
        there = "" if setting in settings.secrets() else f" ({path})"
        raise SettingsError(
            f"`{setting}` is neither a file that is there{there} nor the text itself, which begins with '{PEM}'."
        )
    return ""


def _written(directory: Path, name: str, text: str) -> str:
    """Write a certificate that was given as text to a file, which libpq needs."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    # Environment variables and JSON in YAML often hold \n as two characters.
    content = text if "\n" in text.strip() else text.replace("\\n", "\n")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content.rstrip() + "\n")
    return str(path)
