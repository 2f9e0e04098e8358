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

from target_sfwarehouse.embedded.accounts import Account, EmbeddedPostgresError
from target_sfwarehouse.embedded.cluster import HOST, NAME, Cluster, explained
from target_sfwarehouse.embedded.programs import find_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT_HOME = Path(
    "/var/lib/sfwarehouse"
)  # root's data go there if the server's account cannot enter the folder
OWN_FILES = ("server.json", "pg_service.conf", "server.log", "lock")  # beside the data
FSYNC_OFF = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PATIENCE = 60.0  # seconds that a server may take to let us in


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


def start(directory: Path, *, fsync: bool = True) -> EmbeddedServer:
    """Start a server on a folder, which is made if it is not there, or adopt the one that runs there.

    It has the port of last time if that is free. `fsync` may be false for data that need not survive a crash of the
    machine.
    """
    directory = directory.absolute()
    with _locked(directory):
        state, cluster = _open(directory)
        if running := cluster.running_port():
            return _ready(directory, cluster, running, started=False)
        if not cluster.data.exists():
            cluster.create()
        log, deadline = directory / "server.log", time.monotonic() + PATIENCE
        while trouble := cluster.launch({**({} if fsync else FSYNC_OFF), "port": str(state.port)}, log):
            busy = "Address already in use" in trouble
            orphans = "pre-existing shared memory block" in trouble
            if not (busy or orphans) or time.monotonic() > deadline:
                raise explained(f"Postgres did not start; its log is {log}", trouble)
            state.port = _free_port() if busy else state.port
            time.sleep(0.1)
        cluster.keeper.write(directory / "server.json", json.dumps(asdict(state)))
        return _ready(directory, cluster, state.port, started=True)


def status(directory: Path) -> EmbeddedServer | None:
    """Return the server that runs on a folder, or None."""
    directory = directory.absolute()
    if (directory / "server.json").exists():
        _, cluster = _open(directory)
        if port := cluster.running_port():
            return _ready(directory, cluster, port, started=False)
    return None


def stop(directory: Path) -> bool:
    """Stop the server of a folder, whoever started it; its data stay. False if none was running."""
    directory = directory.absolute()
    if not (directory / "server.json").exists():
        return False
    with _locked(directory):
        _, cluster = _open(directory)
        if not cluster.running_port():
            return False
        done = cluster.run("pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=60")
        if done.returncode:
            raise explained(f"The Postgres of {directory} did not stop", done.stdout)
    return True


def remove(directory: Path) -> bool:
    """Stop the server of a folder and remove what it made there. False if there was nothing to remove."""
    directory = directory.absolute()
    stop(directory)
    if not (directory / "server.json").exists():
        return False
    keeper = Account.owner(directory)
    home = Path(json.loads(keeper.read(directory / "server.json"))["home"] or directory)
    with keeper.acting():
        for folder in (*home.glob("postgres-*"), home / "data", home / "data.new"):
            shutil.rmtree(folder, ignore_errors=True)
        for name in OWN_FILES:
            (directory / name).unlink(missing_ok=True)
    for folder in {home, directory}:
        with suppress(OSError):  # something of somebody else's is in it
            folder.rmdir()
    return True


def _ready(directory: Path, cluster: Cluster, port: int, *, started: bool) -> EmbeddedServer:
    """Wait for the server, write the file that psql reads, and describe the server."""
    cluster.wait_until_ready(port, time.monotonic() + PATIENCE)
    service = directory / "pg_service.conf"
    entry = f"host={HOST}\nport={port}\nuser={NAME}\ndbname={NAME}\npassword={cluster.password}\n"
    cluster.keeper.write(service, f"[{NAME}]\n{entry}")
    psql = cluster.binaries.directory / "psql"
    command = shlex.quote(str(psql) if psql.exists() else "psql")
    command = f"PGSERVICEFILE={shlex.quote(str(service))} {command} service={NAME}"
    url = f"postgresql+psycopg://{NAME}:{quote(cluster.password, safe='')}@{HOST}:{port}/{NAME}"
    return EmbeddedServer(directory, cluster.data, url, command, started)


def _open(directory: Path) -> tuple[_State, Cluster]:
    """Read or make `server.json`, and find the programs that fit the data."""
    path = directory / "server.json"
    keeper = Account.owner(directory)
    try:
        if not path.exists():
            find_binaries()  # a missing wheel shows before anything is written
            home = _home(directory, _account(keeper, directory))
            made = _State(_free_port(), secrets.token_urlsafe(24), None if home == directory else str(home))
            keeper.write(path, json.dumps(asdict(made)))
        state = _State(**json.loads(keeper.read(path)))
        home = Path(state.home) if state.home else directory
        account = _account(keeper, home)
        major = int(account.read(home / "data" / "PG_VERSION")) if (home / "data").exists() else None
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename} belongs to another user: run as that user, or name another folder."
        ) from error
    except (ValueError, TypeError) as error:
        raise EmbeddedPostgresError(
            f"{path} is damaged; remove {directory} to start with an empty one."
        ) from error
    binaries = find_binaries(major).for_account(account, home, keeper)
    return state, Cluster(home, state.password, keeper, account, binaries)


def _account(keeper: Account, home: Path) -> Account:
    """Choose who runs the server: the keeper, unless that is root; then who owns the data, or an account of its own."""
    if keeper.uid:
        return keeper
    return Account.owner(home / "data") if (home / "data").exists() else Account.own()


def _home(directory: Path, account: Account) -> Path:
    """Choose where the data go: `directory`, or for root a new folder that the server's account can enter."""
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
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time start or stop the server of a folder; makes the folder."""
    handle = None
    try:
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        with Account.owner(directory).acting():
            handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The folder {directory} cannot be used for Postgres: {error}."
        ) from error
    finally:
        if handle is not None:
            os.close(handle)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
