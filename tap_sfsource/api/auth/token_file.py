"""Where the refresh token of a login by browser, or a rotated one, is kept, so that the next run can log in."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.auth")

_PASSING_FOLDERS: Final = frozenset({"overlay", "aufs", "tmpfs", "ramfs", "rootfs"})
"""File systems that end with their container or machine."""


@dataclasses.dataclass(frozen=True)
class KeptToken:
    """A refresh token of a login by browser, or that an app gave in place of another one.

    Attributes:
        origins: Digests of the configured tokens that it descends from, oldest first. Each of them is rotated out: to
            present one would make Salesforce revoke this one and every session. Empty where the file does not tell.
    """

    refresh_token: str = dataclasses.field(repr=False)
    origins: tuple[str, ...] = ()

    def replaces(self, configured: str | None) -> bool:
        """Whether it, and not the configured token, is the one to use."""
        return not configured or not self.origins or _digest(configured) in self.origins

    @classmethod
    def descendant(cls, refresh_token: str, configured: str | None, before: KeptToken | None) -> KeptToken:
        """The token that an app gave for the configured one, or for what was kept before."""
        origins = before.origins if before is not None else ()
        added = (_digest(configured),) if configured else ()
        return cls(refresh_token, (*(part for part in origins if part not in added), *added))


@dataclasses.dataclass(frozen=True)
class TokenFile:
    """Keeps one refresh token in a file that only its owner reads, replaced as a whole.

    The file is JSON: `{"refresh_token": "...", "origins": ["digest of a configured token"]}`.
    """

    path: Path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from logging in with the same file until the block ends, or the process."""
        # The folder and not the file: the file is replaced while the lock is held.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            # Some network file systems know no locks: then runs at the same time are the user's to keep apart.
            with contextlib.suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def load(self) -> KeptToken | None:
        """The kept token, None if there is none.

        Raises:
            ConfigError: The file exists but cannot be read.
        """
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            raise ConfigError(
                "refresh_token_file", f"{self.path} cannot be read ({reason})", "Repair or remove it."
            ) from None
        token = kept.get("refresh_token") if isinstance(kept, dict) else None
        if not isinstance(token, str) or not token:
            return None
        origins = kept.get("origins")
        return KeptToken(token, tuple(map(str, origins)) if isinstance(origins, list) else ())

    def save(self, kept: KeptToken) -> None:
        """Replace the kept token by the one that the next login has to use.

        Raises:
            ConfigError: The file cannot be written, and so the token would be lost.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # mkstemp's files are 0600 from the start.
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(dataclasses.asdict(kept), file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise ConfigError(
                "refresh_token_file",
                f"the refresh token cannot be kept in {self.path} ({error.strerror})",
                "Name a file in a folder that the tap may write to, then authorize the app again: the old "
                "token is used up.",
            ) from None

    def check(self) -> None:
        """Make sure that a token could be kept, before one is used up.

        Raises:
            ConfigError: The folder cannot be made or written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.path.parent):
                pass
        except OSError as error:
            raise ConfigError(
                "refresh_token_file",
                f"a refresh token could not be kept in {self.path} ({error.strerror})",
                "Name a file in a folder that the tap may write to.",
            ) from None

    def warn_if_passing(self) -> None:
        """Say so where the folder will not last until the next run, before a token is used up."""
        kind = _file_system(self.path.parent)
        if kind in _PASSING_FOLDERS:
            logger.warning(
                "Setting refresh_token_file: %s is on %s, which ends with this container or machine. If the app rotates "
                "refresh tokens, name a file on storage that lasts: without the rotated token no later run can log in.",
                self.path,
                kind,
            )


def _digest(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:16]


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; empty where the system does not tell."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return ""
    real = folder.resolve()
    # A later mount hides an earlier one at the same place.
    over = [(len(at), kind) for _, at, kind, *_ in mounts if real.is_relative_to(at.replace("\\040", " "))]
    return max(reversed(over), key=lambda mount: mount[0], default=(0, ""))[1]


def _sync_folder(folder: Path) -> None:
    """Make a replaced file last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def default_path(settings: Settings) -> Path:
    """The file for a rotated token when no setting names one: each login has its own, so that two never share a token.

    Raises:
        ConfigError: The user has no home folder.
    """
    try:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:
        raise ConfigError(
            "refresh_token_file",
            "it is not set, and this user has no home folder for a rotated token",
            "Name a file that the next run finds again.",
        ) from None
    # The original token is part of the name: another user of the same app has another file.
    told = "\n".join((settings.login_host, settings.client_id or "", settings.refresh_token or ""))
    return base / "tap-sfsource" / f"refresh-token-{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"
