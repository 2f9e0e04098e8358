"""One data folder of Postgres: make it, start a server on it, see whether one runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from target_sfwarehouse.embedded.accounts import EmbeddedPostgresError

if TYPE_CHECKING:
    from pathlib import Path

    from target_sfwarehouse.embedded.accounts import Account
    from target_sfwarehouse.embedded.programs import Binaries

HOST = "127.0.0.1"
NAME = "sfwarehouse"  # the role, the database and the psql service
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "''",  # its path may be too long for a socket, and the password guards TCP alike
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "wal_level": "minimal",  # nobody replicates this server, and loads write less
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}
BUILTIN_LOCALE_SINCE = 17  # from then on lower() and ILIKE know all letters without the machine's locales
BUSY = ("the database system is", "too many clients", "slots are reserved")
HINTS = {
    "No space left on device": "The disk is full: free some space and run again; what was loaded is kept.",
    "could not create shared memory segment": "The machine allows Postgres too little shared memory.",
    "could not look up effective user ID": "Postgres wants its user in /etc/passwd: run as one that is there.",
    "Permission denied": "A file of the data folder is closed to the account that runs the server.",
}


@dataclass(frozen=True)
class Cluster:
    """The data folder in `home`, which is the keeper's; the account and the programs that run the server."""

    home: Path
    password: str
    keeper: Account
    account: Account
    binaries: Binaries

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "data"

    def run(
        self, name: str, *arguments: str, account: Account | None = None, log: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the data folder, in English."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        # The folder goes through the environment: pg_ctl puts -D into a shell command.
        env = {**kept, "PGDATA": str(self.data), "LC_ALL": "C"}
        return (account or self.account).run(
            [self.binaries.directory / name, *arguments], env=env, stdout=log
        )

    def create(self) -> None:
        """Make the data folder; a half-made one of an earlier try is replaced."""
        maker = self.account.named()
        new, password_file = self.home / "data.new", self.home / "password.new"
        with self.keeper.acting():
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
        self.keeper.write(password_file, self.password)
        if maker != self.keeper:  # so the keeper is root, and nobody else can put a link there
            for path in (new, password_file):
                os.chown(path, *maker.numbers)
        arguments = [f"--pgdata={new}", f"--username={NAME}", f"--pwfile={password_file}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        if self.binaries.major >= BUILTIN_LOCALE_SINCE:
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = self.run("initdb", *arguments, account=maker)
        with self.keeper.acting():
            password_file.unlink()
        if done.returncode:
            raise explained(f"Postgres could not make its data folder in {self.home}", done.stdout)
        if maker != self.account:
            for _, _, files, folder in os.fwalk(new):
                for name in (".", *files):
                    os.chown(name, *self.account.numbers, dir_fd=folder, follow_symlinks=False)
        with self.keeper.acting():
            new.rename(self.data)

    def running_port(self) -> int | None:
        """Port of the live server on this data folder, or None. Postgres keeps it in the fourth line of its lock file."""
        with suppress(OSError, ValueError, IndexError):
            port = int(self.account.read(self.data / "postmaster.pid").split("\n")[3])
            try:
                self._connect(port).close()
            except psycopg.errors.ConnectionTimeout:
                return port
            except psycopg.OperationalError as error:
                # One that starts, stops or is full is live; one that refuses our password is not ours.
                return port if any(said in str(error) for said in BUSY) else None
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
            _, _, rest = self.account.read(lock_file).partition("\n")
            gone = subprocess.Popen(["/bin/sh", "-c", ":"])
            gone.wait()
            self.account.write(lock_file, f"{gone.pid}\n{rest}")
        with self.keeper.acting():
            log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            begin = os.fstat(log).st_size
            flags = " ".join(f"-c {name}={value}" for name, value in (SETTINGS | options).items())
            arguments = ["--silent", "--wait", "--timeout=60", "--options", flags]
            done = self.run("pg_ctl", "start", *arguments, log=log)
        finally:
            os.close(log)
        return (
            self.keeper.read(log_path).encode()[begin:].decode(errors="replace") if done.returncode else None
        )

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


def explained(what: str, output: str) -> EmbeddedPostgresError:
    """An error of one line: what failed, what to do, and Postgres's own last words."""
    hints = [hint for mark, hint in HINTS.items() if mark in output]
    lines = re.sub(r"^[-0-9:. ]+[A-Z]+ \[\d+\] ", "", output, flags=re.MULTILINE).splitlines()
    noise = re.compile(r"\s*$|waiting|pg_ctl|Examine|stopped waiting")
    told = [line.strip() for line in lines if not noise.match(line)] or lines
    return EmbeddedPostgresError(" ".join([f"{what}.", *hints, f"Postgres said: {' | '.join(told[-4:])}"]))
