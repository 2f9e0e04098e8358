"""The peers: released programs from PyPI, each in an environment of its own with pinned, hashed requirements."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements" / "peers"
ENVIRONMENTS = PROJECT / ".bench" / "peers"
_INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """An installed peer.

    Attributes:
        name: Its distribution, and the name of its requirements file.
        version: The pinned version.
        folder: Its environment.
    """

    name: str
    version: str
    folder: Path

    def program(self, name: str) -> str:
        """Path of a program in its environment."""
        return str(self.folder / "bin" / name)


class Peers:
    """Installs peers when they are first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Peer | str] = {}

    def get(self, name: str) -> Peer | str:
        """Give a peer.

        Args:
            name: Of its file in requirements/peers.

        Returns:
            The peer, or why it cannot take part.
        """
        if name not in self._found:
            self._found[name] = _installed(name)
        return self._found[name]


class NoPeers(Peers):
    """For runs without a package registry."""

    def get(self, name: str) -> Peer | str:
        """Give nobody."""
        return f"{name} was not asked for"


def _installed(name: str) -> Peer | str:
    locked = REQUIREMENTS / f"{name}.txt"
    version = (REQUIREMENTS / f"{name}.in").read_text().strip().partition("==")[2]
    folder = ENVIRONMENTS / name
    stamp = folder / "compiled.txt"
    if stamp.exists() and stamp.read_bytes() == locked.read_bytes():
        return Peer(name, version, folder)
    uv = str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "--quiet", "--python", str(folder)]
    commands = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        # As pip does: a user's programs do not compile themselves whenever they start.
        [*install, "--compile-bytecode", "--require-hashes", "-r", str(locked)],
    )
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{name} does not install: {error}"
        except subprocess.CalledProcessError as error:
            return f"{name} does not install: {error.stderr.strip()[-300:]}"
    stamp.write_bytes(locked.read_bytes())
    return Peer(name, version, folder)
