"""One data folder of Postgres: make it, start a server on it, see whether one runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from target_sfwarehouse.embedded.programs import EmbeddedPostgresError

if TYPE_CHECKING:
    from target_sfwarehouse.embedded.programs import Account, Binaries

HOST = "127.0.0.1"
NAME = "sfwarehouse"  # the role, the database and the psql service
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # its path may be too long for a socket, and the password guards TCP alike
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "wal_level": "minimal",  # nobody replicates this server, and loads write less
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}
BUILTIN_LOCALE_SINCE = (
    17  # from this version on, lower() and ILIKE know all letters without the machine's locales
)
PROCESSES = Path("/proc")  # where Linux shows its processes; elsewhere ps is asked
HINTS = {
    "No space left on device": "The disk is full: free some space and run again; what was loaded is kept.",
    "could not create shared memory segment": "The machine allows Postgres too little shared memory.",
    "could not look up effective user ID": "Postgres wants its user in /etc/passwd: run as one that is there.",
    "Permission denied": "A file of the data folder is closed to the account that runs the server.",
}


@dataclass(frozen=True)
class Cluster:
    """The data folder in `home`, the role's password, and the account and programs that run the server."""

    home: Path
    password: str
    account: Account
    binaries: Binaries

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "data"

    def run(self, name: str, *arguments: str, log: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        """Run a program on the data folder, as the account and in English."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        return subprocess.run(  # noqa: S603 - the programs of the wheel
            [self.binaries.directory / name, *arguments],
            check=False,
            cwd="/",
            # The folder goes through the environment: pg_ctl puts -D into a shell command.
            env={**kept, "PGDATA": str(self.data), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **self.account.identity,
        )

    def create(self) -> None:
        """Make the data folder; a half-made one of an earlier try is replaced."""
        new, password_file = self.home / "data.new", self.home / "password.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        write_private(password_file, self.password)
        arguments = [f"--pgdata={new}", f"--username={NAME}", f"--pwfile={password_file}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        if self.binaries.major >= BUILTIN_LOCALE_SINCE:
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            if identity := self.account.identity:
                for path in (new, password_file):
                    os.chown(path, identity["user"], identity["group"])
            done = self.run("initdb", *arguments)
        finally:
            password_file.unlink()
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise explained(f"Postgres could not make its data folder in {self.home}", done.stdout)
        with (new / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        new.rename(self.data)

    def running_port(self) -> int | None:
        """Port of the live server on this data folder, or None.

        Postgres keeps its process id in the first line of postmaster.pid and its port in the fourth. A server whose
        process does not show (it is another container's, say) is live if it takes our password.
        """
        with suppress(OSError, ValueError, IndexError, psycopg.OperationalError):
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            pid, port = int(lines[0]), int(lines[3])
            if not _serves(pid, self.data):
                self._connect(port).close()
            return port
        return None

    def _connect(self, port: int) -> psycopg.Connection:
        where = {"host": HOST, "port": port, "dbname": "postgres", "user": NAME, "password": self.password}
        return psycopg.connect(autocommit=True, connect_timeout=5, **where)  # type: ignore[arg-type]

    def launch(self, options: dict[str, str], log_path: Path) -> str | None:
        """Start the server with these settings and wait for it; where it gives up, return what it wrote."""
        with suppress(FileNotFoundError):
            # After kill -9 the process id in the lock file may be a zombie's or another program's, and Postgres takes
            # either for a live server: let the file name a process that is gone. By its other lines Postgres notices
            # orphans that still use the data.
            lock_file = self.data / "postmaster.pid"
            _, _, rest = lock_file.read_text().partition("\n")
            gone = subprocess.Popen(["/bin/sh", "-c", ":"])
            gone.wait()
            lock_file.write_text(f"{gone.pid}\n{rest}")
        log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        give_to_owner(log_path)
        try:
            begin = os.fstat(log).st_size
            flags = " ".join(f"-c {name}={value}" for name, value in options.items())
            arguments = ["--silent", "--wait", "--timeout=60", "--options", flags]
            done = self.run("pg_ctl", "start", *arguments, log=log)
        finally:
            os.close(log)
        return log_path.read_bytes()[begin:].decode(errors="replace") if done.returncode else None

    def wait_until_ready(self, port: int, deadline: float) -> None:
        """Wait until the server lets us in, and make its database; `deadline` is on the monotonic clock."""
        while True:
            try:
                with self._connect(port) as connection:
                    there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
                    if not there.fetchone():
                        connection.execute(f"CREATE DATABASE {NAME}")
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"The Postgres of {self.data} runs on port {port} but lets nobody in: {error}"
                    ) from error
            time.sleep(0.05)


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is a live server on a data folder, not a zombie or another program."""
    if (PROCESSES / "self" / "cwd").exists():
        with suppress(OSError):
            # Postgres works inside its data folder.
            return (PROCESSES / str(pid) / "cwd").readlink() == data.resolve()
        return False
    command = ["/bin/ps", "-o", "stat=", "-o", "command=", "-p", str(pid)]
    listing = subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603 - a number
    return "postgres" in listing and not listing.startswith("Z")


def explained(what: str, output: str) -> EmbeddedPostgresError:
    """An error of one line: what failed, what to do, and Postgres's own last words."""
    hints = [hint for mark, hint in HINTS.items() if mark in output]
    lines = re.sub(r"^[-0-9:. ]+[A-Z]+ \[\d+\] ", "", output, flags=re.MULTILINE).splitlines()
    noise = re.compile(r"\s*$|waiting|pg_ctl|Examine|stopped waiting")
    told = [line.strip() for line in lines if not noise.match(line)] or lines
    return EmbeddedPostgresError(" ".join([f"{what}.", *hints, f"Postgres said: {' | '.join(told[-4:])}"]))


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read."""
    handle, new = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    give_to_owner(Path(new)).replace(path)


def give_to_owner(path: Path) -> Path:
    """Give a new file to the owner of its folder, which matters when root works in a user's folder."""
    if os.geteuid() == 0:
        os.chown(path, path.parent.stat().st_uid, path.parent.stat().st_gid, follow_symlinks=False)
    return path
