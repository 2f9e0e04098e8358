"""A Postgres server of the target's own, for a first look and for tests.

`start` makes a data folder, starts a server on it and says how to reach it; one that is up is adopted. The
server outlives the process that started it, so that psql can look at what was loaded. It listens on 127.0.0.1
only and asks for a random password, which is kept in files that only their owner may read.

    python -m target_sfwarehouse.embedded start|status|psql|stop|remove DIRECTORY

As root the server runs as an unprivileged account, and needs a folder that this account can enter. Where
`directory` lies below a closed one (such as /root), the data go to a new folder in /var/lib/sfwarehouse,
and `directory/server.json` remembers which. No permission of anything that was there before is changed.
"""

from __future__ import annotations

import argparse
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

from target_sfwarehouse.postgres_binaries import Account, EmbeddedPostgresError, find_binaries, server_account
from target_sfwarehouse.postgres_cluster import (
    FSYNC_OFF,
    HOST,
    NAME,
    Cluster,
    explain,
    give_to_owner,
    write_private,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EmbeddedPostgresError", "EmbeddedServer", "remove", "start", "status", "stop"]

ROOT_HOME = Path("/var/lib/sfwarehouse")
"""Where root's data go when the account that runs the server cannot enter the folder asked for."""

OWN_FILES = ("server.json", "pg_service.conf", "server.log", "lock")
"""What stands in the folder beside the data."""


@dataclass
class _State:
    """What `server.json` keeps between runs; `home` is None while the data lie in the folder itself."""

    port: int
    password: str
    home: str | None = None


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server.

    Attributes:
        directory: The folder that it was started for.
        data: Its data folder, elsewhere than in `directory` only as the module's docstring says.
        url: SQLAlchemy URL of its database, with the password.
        psql_command: A shell command that opens psql on it; holds no secret.
        started: True if this call started it, False if it was up already.
    """

    directory: Path
    data: Path
    url: str
    psql_command: str
    started: bool

    @property
    def notice(self) -> str:
        """One line for people: where the data are, how to look inside, how to stop the server."""
        verb = "Started" if self.started else "Found"
        python = shlex.quote(sys.executable)
        return (
            f"{verb} the target's own Postgres, data in {self.data}. Look inside: {self.psql_command}  "
            f"Stop it: {python} -m target_sfwarehouse.embedded stop {shlex.quote(str(self.directory))}"
        )

    def stop(self) -> None:
        """Stop the server if this call started it; one that was adopted is left to whoever started it."""
        if self.started:
            stop(self.directory)


def start(
    directory: Path, *, fsync: bool = True, port: int | None = None, timeout: float = 60
) -> EmbeddedServer:
    """Start a server on a folder, or adopt the one that runs there.

    Args:
        directory: Where the data go; made if it is not there.
        fsync: False for data that need not survive a crash of the machine (tests).
        port: TCP port on 127.0.0.1; None takes the one of last time, or a free one.
        timeout: Seconds to wait for another process that is starting it, and for the server.

    Returns:
        The server, which accepts connections.

    Raises:
        EmbeddedPostgresError: No programs, no space, a closed folder, a taken port, a server that fails.
    """
    directory = Path(directory).absolute()
    deadline = time.monotonic() + timeout
    with _locked(directory, deadline):
        state, cluster = _open(directory)
        running_port = cluster.running_port()
        if running_port is not None:
            cluster.accepts(running_port, deadline)
            return _describe(directory, cluster, running_port, started=False)
        if not cluster.data.exists():
            cluster.create()
        log = directory / "server.log"
        options = FSYNC_OFF if not fsync else {}
        chosen = port or state.port
        while trouble := cluster.launch({**options, "port": str(chosen)}, log):
            busy = "Address already in use" in trouble
            orphans = "pre-existing shared memory block" in trouble
            if busy and port is not None:
                raise EmbeddedPostgresError(f"Port {port} of {HOST} is taken; name another one, or none.")
            if not (busy or orphans) or time.monotonic() > deadline:
                raise EmbeddedPostgresError(explain(f"Postgres did not start; its log is {log}", trouble))
            chosen = _free_port() if busy else chosen
            time.sleep(0.1)
        state.port = chosen
        _save(directory, state)
        cluster.accepts(chosen, deadline)
        return _describe(directory, cluster, chosen, started=True)


def status(directory: Path) -> EmbeddedServer | None:
    """Look whether a server runs on a folder.

    Args:
        directory: As given to `start`.

    Returns:
        The server, or None when there is none.

    Raises:
        EmbeddedPostgresError: It runs but does not let us in, or the folder is closed.
    """
    directory = Path(directory).absolute()
    if not (directory / "server.json").exists():
        return None
    _, cluster = _open(directory)
    port = cluster.running_port()
    if port is None:
        return None
    cluster.accepts(port, time.monotonic() + 10)
    return _describe(directory, cluster, port, started=False)


def stop(directory: Path) -> bool:
    """Stop the server of a folder, whoever started it; its data stay.

    Args:
        directory: As given to `start`.

    Returns:
        False if none was running.

    Raises:
        EmbeddedPostgresError: It does not stop.
    """
    directory = Path(directory).absolute()
    if not (directory / "server.json").exists():
        return False
    with _locked(directory, time.monotonic() + 60):
        _, cluster = _open(directory)
        if cluster.running_port() is None:
            return False
        done = cluster.run("pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=60")
        if done.returncode:
            raise EmbeddedPostgresError(explain(f"The Postgres of {directory} did not stop", done.stdout))
    return True


def remove(directory: Path) -> bool:
    """Stop the server of a folder and remove its data, wherever they are.

    Args:
        directory: As given to `start`; goes too if nothing else is in it.

    Returns:
        False if there was nothing to remove.

    Raises:
        EmbeddedPostgresError: The server does not stop.
    """
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


def _describe(directory: Path, cluster: Cluster, port: int, *, started: bool) -> EmbeddedServer:
    """Describe the running server, and write the file that psql reads."""
    service = directory / "pg_service.conf"
    lines = [f"[{NAME}]", f"host={HOST}", f"port={port}", f"user={NAME}", f"dbname={NAME}"]
    write_private(service, "\n".join([*lines, f"password={cluster.password}", ""]))
    psql = f"PGSERVICEFILE={shlex.quote(str(service))} {shlex.quote(cluster.binaries.psql())} service={NAME}"
    url = f"postgresql+psycopg://{NAME}:{quote(cluster.password, safe='')}@{HOST}:{port}/{NAME}"
    return EmbeddedServer(directory, cluster.data, url, psql, started)


def _open(directory: Path) -> tuple[_State, Cluster]:
    """Read or make what `server.json` keeps, and find the programs that fit the data."""
    path = directory / "server.json"
    try:
        state = _State(**json.loads(path.read_text()))
    except FileNotFoundError:
        find_binaries()  # a missing wheel shows before anything is written
        home = _home(directory, server_account())
        state = _State(_free_port(), secrets.token_urlsafe(24), None if home == directory else str(home))
        _save(directory, state)
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{path} belongs to another user: run as that user, or name another folder."
        ) from error
    except (ValueError, TypeError) as error:
        raise EmbeddedPostgresError(f"{path} is damaged; remove {directory} to begin anew.") from error
    home = Path(state.home) if state.home else directory
    version = home / "data" / "PG_VERSION"
    try:
        major = int(version.read_text()) if version.exists() else None
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"The data in {home} belong to another user: run as that user, or name another folder."
        ) from error
    account = server_account(home / "data")
    binaries = find_binaries(major).for_account(account, home)
    return state, Cluster(home, state.password, account, binaries)


def _home(directory: Path, account: Account) -> Path:
    """Choose where the data go: `directory`, or for root a new folder that the server's account can enter."""
    if account.can_enter(directory):
        return directory
    for make in (_root_home, lambda: Path(tempfile.mkdtemp(prefix=f"{NAME}-"))):
        with suppress(OSError):
            home = make()
            home.chmod(0o711)  # made just now, with whatever the umask left
            if account.can_enter(home):
                return home
            home.rmdir()
    raise EmbeddedPostgresError(
        "Postgres does not run as root, and the account that may run it can enter neither "
        f"{directory} nor {ROOT_HOME}. Run as another user, or name a folder that others may enter."
    )


def _root_home() -> Path:
    if not ROOT_HOME.exists():
        ROOT_HOME.mkdir()
        ROOT_HOME.chmod(0o755)
    return Path(tempfile.mkdtemp(dir=ROOT_HOME))


@contextmanager
def _locked(directory: Path, deadline: float) -> Iterator[None]:
    """Let one process at a time start or stop the server of a folder; makes the folder."""
    try:
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        give_to_owner(directory / "lock")
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The folder {directory} cannot be used for Postgres: {error.strerror}."
        ) from error
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"Another process has been busy with the Postgres of {directory} for too long."
                    ) from error
            time.sleep(0.05)
        try:
            yield
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The folder {directory} cannot be used for Postgres: {error}."
            ) from error
    finally:
        os.close(handle)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _save(directory: Path, state: _State) -> None:
    write_private(directory / "server.json", json.dumps(asdict(state)))


def main(arguments: list[str] | None = None) -> int:
    """Start, look at, open, stop or remove the server of a folder from the command line.

    Args:
        arguments: Command-line arguments; None takes the process's.

    Returns:
        Exit status: 0, or 1 when there is no server or it failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m target_sfwarehouse.embedded",
        description="Start, look at, open, stop or remove the target's own Postgres.",
    )
    parser.add_argument("action", choices=["start", "status", "psql", "stop", "remove"])
    parser.add_argument("directory", type=Path, nargs="?", default=Path(".sfwarehouse"))
    parser.add_argument("psql_arguments", nargs=argparse.REMAINDER, help="passed on to psql")
    asked = parser.parse_args(arguments)
    try:
        if asked.action == "stop":
            stopped = stop(asked.directory)
            print(f"{'Stopped the server of' if stopped else 'No server runs on'} {asked.directory}")  # noqa: T201
            return 0
        if asked.action == "remove":
            removed = remove(asked.directory)
            print(f"{'Removed the data of' if removed else 'Nothing to remove in'} {asked.directory}")  # noqa: T201
            return 0
        server = start(asked.directory) if asked.action == "start" else status(asked.directory)
    except EmbeddedPostgresError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    if server is None:
        print(f"No server runs on {asked.directory}")  # noqa: T201
        return 1
    if asked.action == "psql":
        variable, *command = shlex.split(server.psql_command)
        os.environ["PGSERVICEFILE"] = variable.partition("=")[2]
        os.execvp(command[0], [*command, *asked.psql_arguments])  # noqa: S606 - the line that the notice shows
    print(server.notice)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
