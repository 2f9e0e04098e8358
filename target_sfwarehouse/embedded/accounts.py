"""The accounts that run the server and own its files. Postgres does not run as root, so root gives it an account of its own.

Root opens nothing in a folder of another account: it becomes that account first, which can do no harm by a link.
"""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = range(61_184, 65_520)  # what systemd keeps for accounts of one service each; nobody else has them
FIRST_USER = 1000  # numbers below are the system's


class EmbeddedPostgresError(Exception):
    """The target's own Postgres cannot be found, started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """A user and a group by their numbers; the caller unless told otherwise. Only root can act as another."""

    uid: int = field(default_factory=os.geteuid)
    gid: int = field(default_factory=os.getegid)

    @classmethod
    def owner(cls, path: Path) -> Account:
        """The owner of a folder for root; for others the caller, who can be nobody else."""
        return cls(path.stat().st_uid, path.stat().st_gid) if os.geteuid() == 0 else cls()

    @classmethod
    def own(cls) -> Account:
        """A number that no account and no process has."""
        taken = _running() | {entry.pw_uid for entry in pwd.getpwall()}
        number = secrets.choice([number for number in OWN if number not in taken])
        return cls(number, number)

    def named(self) -> Account:
        """This account if it has a name, as `initdb` wants it; else a system's one as which nothing runs."""
        with suppress(KeyError):
            pwd.getpwuid(self.uid)
            return self
        taken = _running() | {0}
        for entry in pwd.getpwall():
            if entry.pw_uid < FIRST_USER and entry.pw_uid not in taken:
                return Account(entry.pw_uid, entry.pw_gid)
        raise EmbeddedPostgresError(
            "Postgres does not run as root, and each other account of the system is in use. "
            "Run as another user, or configure the warehouse to load."
        )

    @property
    def numbers(self) -> tuple[int, int]:
        """User and group."""
        return self.uid, self.gid

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments for `subprocess`: none if root need not become somebody else."""
        if os.geteuid() or not self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, command: list[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program as this account."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options, **self.identity}
        return subprocess.run(  # noqa: S603 - programs of Postgres and of the machine
            command, check=False, cwd="/", stderr=subprocess.STDOUT, text=True, errors="replace", **options
        )

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Open and make files as this account, for as long as the block lasts."""
        if not self.identity:
            yield
            return
        groups, group = os.getgroups(), os.getegid()
        os.setgroups([])
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)

    def read(self, path: Path) -> str:
        """Read a file."""
        with self.acting():
            return path.read_text(errors="replace")

    def write(self, path: Path, text: str) -> None:
        """Replace a file by one that only this account may read."""
        with self.acting():
            handle, new = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(new).replace(path)

    def can_enter(self, directory: Path) -> bool:
        """Try to enter an existing folder, so that access lists and mounts count too."""
        return not self.identity or not self.run(["/bin/sh", "-c", 'cd "$0"', directory]).returncode


def _running() -> set[int]:
    """Users of the processes that show."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add(process.stat().st_uid)
    return found
