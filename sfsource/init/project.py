"""The files of a new project: those of the package's own project, made to use released packages, and a few of its own."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from sfsource.errors import SfsourceError
from sfsource.init import texts

_EXECUTABLE: Final = frozenset({"deploy/run-schedule"})
_PLACE: Final = "/opt/sfsource"
"""Where the package's own files have the project."""

_NOT_WRITTEN: Final = frozenset({"__pycache__", "docker"})
"""Folders: the images of deploy/docker are built from a checkout."""

_PLAIN_PATH: Final = re.compile(r"[\w./-]+")
"""A path that needs no quotes in a crontab or a unit of systemd."""

_PIP_URL: Final = re.compile(
    r"(?P<indent> *)(?P<comments>(?:# .*\n *)*)pip_url: -e \.(?P<extra>\[[\w,]+\])? --constraint \S+"
)
_OTHERS_PIP_URL: Final = re.compile(
    r"(?P<indent> *)# With the locked versions\. In your own project: (?P<release>\S+)\n *pip_url: .*"
)


def template() -> Path:
    """The folder that has meltano.yml, catalogs/ and deploy/: in an installed package, or the checkout."""
    here = Path(__file__).resolve()
    packaged = here.with_name("template")
    return packaged if packaged.is_dir() else here.parents[2]


@dataclass(frozen=True)
class Project:
    """A project to be written.

    Attributes:
        host: URL of the org's My Domain.
        login: One of `texts.LOGINS`.
        pip_url: What pip installs both plugins from; the release of this version without it.
    """

    folder: Path
    host: str
    login: str
    pip_url: str | None = None

    def files(self) -> dict[str, str]:
        """Each file's text by its path in the project."""
        source = template()
        found = {
            str(path.relative_to(source)): path.read_text(encoding="utf-8")
            for part in ("catalogs", "deploy")
            for path in sorted((source / part).rglob("*"))
            if path.is_file() and not _NOT_WRITTEN & set(path.parts)
        }
        return {
            "README.md": texts.readme(self.login),
            ".env.example": texts.environment(self.host, self.login),
            ".gitignore": texts.GITIGNORE,
            "meltano.yml": self._meltano((source / "meltano.yml").read_text(encoding="utf-8")),
            **{self._name(name): self._deployed(name, text) for name, text in found.items()},
        }

    def write(self, *, force: bool) -> list[str]:
        """Write the files and give their names.

        Raises:
            SfsourceError: One exists and may not be replaced, or the folder cannot be written.
        """
        files = self.files()
        there = [name for name in files if (self.folder / name).exists()]
        if there and not force:
            raise SfsourceError(
                f"{self.folder.resolve()} has {', '.join(there)} already, and nothing was written. Name another folder, or "
                "replace them with --force."
            )
        try:
            for folder in {(self.folder / name).parent for name in files}:
                folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                path = self.folder / name
                path.write_text(text, encoding="utf-8")
                if name in _EXECUTABLE:
                    path.chmod(path.stat().st_mode | 0o111)
        except OSError as error:
            raise SfsourceError(f"{error.filename} cannot be written ({error.strerror}).") from None
        return list(files)

    def _meltano(self, text: str) -> str:
        """The project's meltano.yml: another project, of released packages."""
        text = re.sub(r"^project_id: .*$", f"project_id: {uuid.uuid4()}", text, count=1, flags=re.MULTILINE)
        return _PIP_URL.sub(self._released, text)

    def _released(self, match: re.Match[str]) -> str:
        release = f"sfsource{match['extra'] or ''}=={metadata.version('sfsource')}"
        # What the user names is quoted, as JSON is YAML.
        url = json.dumps(self.pip_url, ensure_ascii=False) if self.pip_url else release
        return f"{match['indent']}pip_url: {url}"

    @staticmethod
    def _name(name: str) -> str:
        """A part of Meltano's project that not everybody wants is one once it is renamed."""
        return f"{name}.example" if name.endswith(".meltano.yml") else name

    def _deployed(self, name: str, text: str) -> str:
        place = str(self.folder.resolve())
        # A container has the project where its image puts it.
        if not name.startswith("deploy/kubernetes/") and _PLAIN_PATH.fullmatch(place):
            text = text.replace(f"Put your checkout in place of {_PLACE}, then:", "To switch it on:")
            text = text.replace(_PLACE, place)
        return _OTHERS_PIP_URL.sub(r"\g<indent>pip_url: \g<release>", text)


def shell(folder: Path) -> str:
    """A folder as one types it."""
    return shlex.quote(str(folder))
