"""A Meltano project: settings, selection and state, by Meltano's own commands."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from sfsource.errors import SettingsMissingError, SfsourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = "meltano.yml"
_LOGGED: Final = re.compile(r"^\S+Z \[(?:error|critical) *\] \S+ +(.+?) *$", re.MULTILINE)
"""The text of an error in Meltano's log."""

_NOT_INSTALLED: Final = re.compile(r"FileNotFoundError:.*/venv/bin/")
_SCHEMA_VARIABLE = "MELTANO_EXTRACT__LOAD_SCHEMA"


@dataclass(frozen=True)
class MeltanoProject:
    """The tap and the target of a project, in one of its environments. It keeps the tap's state (see StateStore)."""

    folder: Path
    environment: str | None
    extractor: str
    loader: str
    state_id: str | None = None

    @classmethod
    def find(
        cls, folder: Path | None, environment: str | None, extractor: str, loader: str, state_id: str | None
    ) -> Self | None:
        """Find the project in a folder, in the one that Meltano itself names, or here; None if there is none.

        Raises SettingsMissingError where a folder that is named has none.
        """
        place = folder or Path(os.environ.get("MELTANO_PROJECT_ROOT", "."))
        if not (place / _FILE).is_file():
            if folder is not None:
                raise SettingsMissingError(f"--project: {folder} has no {_FILE}.")
            return None
        named = environment or os.environ.get("MELTANO_ENVIRONMENT")
        return cls(place.resolve(), named, extractor, loader, state_id)

    @property
    def name(self) -> str:
        """How a message calls the place of the state."""
        return f"Meltano's state {self._state_id}"

    @functools.cached_property
    def _state_id(self) -> str:
        return self.state_id or f"{self.environment_name}:{self.extractor}-to-{self.loader}"

    @functools.cached_property
    def environment_name(self) -> str:
        """The environment that is named, or the project's own. Raises SfsourceError."""
        if self.environment:
            return self.environment
        path = self.folder / _FILE
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise SettingsMissingError(f"{path} cannot be read ({error.strerror}).") from None
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f" at line {mark.line + 1}" if mark else ""
            raise SettingsMissingError(f"{path} is not YAML{place}. Repair it there.") from None
        default = found.get("default_environment") if isinstance(found, dict) else None
        if not isinstance(default, str):
            raise SettingsMissingError(f"{path} has no default_environment. Name one with --environment.")
        return default

    def tap_config(self) -> dict[str, Any]:
        """The tap's settings."""
        return self._dumped("config", self.extractor)

    def target_config(self) -> dict[str, Any]:
        """The target's settings, as they are in a run after this tap."""
        extras = self._json("config", "--unsafe", "print", "--extras", "--format", "json", self.extractor)
        schema = {_SCHEMA_VARIABLE: str(extras.get("_load_schema") or "")}
        return self._dumped("config", self.loader, schema)

    def catalog(self) -> dict[str, Any]:
        """The catalog that a run gives the tap; asks the org, unless Meltano has a fresh one."""
        return self._dumped("catalog", self.extractor)

    def read(self) -> dict[str, Any] | None:
        """Give the state; None if there is none yet."""
        found = self._json("state", "get", self._state_id)
        state = found.get("singer_state", found)
        return state or None

    def write(self, state: dict[str, Any]) -> None:
        """Replace the state."""
        self._output("state", "set", "--force", self._state_id, json.dumps({"singer_state": state}))

    def _dumped(self, what: str, plugin: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
        return self._json("invoke", "--no-install", f"--dump={what}", plugin, variables=variables)

    def _json(self, *arguments: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
        text = self._output(*arguments, variables=variables)
        try:
            value = json.loads(text or "{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise SfsourceError(f"meltano {' '.join(arguments[:2])} printed no JSON object.")
        return value

    def _output(self, *arguments: str, variables: dict[str, str] | None = None) -> str:
        program = self._program()
        # What Meltano gives its plugins is not for the Meltano that is started here.
        inherited = {name: value for name, value in os.environ.items() if name != "MELTANO_LOAD_SCHEMA"}
        done = subprocess.run(  # noqa: S603 - the user's own Meltano
            [program, "--log-level=error", f"--environment={self.environment_name}", *arguments],
            cwd=self.folder,
            env=inherited | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self._failed(arguments, done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def _failed(self, arguments: Sequence[str], said: str) -> SfsourceError:
        if _NOT_INSTALLED.search("".join(said.split())):
            return SfsourceError(
                f"The plugins of {self.folder} are not installed yet. Run there: meltano install"
            )
        # A traceback may follow, broken into lines of a terminal.
        told = _LOGGED.findall(said) or said.splitlines()[-1:] or ["it said nothing"]
        return SfsourceError(f"meltano {' '.join(arguments[:2])} failed in {self.folder}: {told[0]}")

    def _program(self) -> str:
        near = Path(sys.executable).with_name("meltano")
        program = shutil.which("meltano") or (str(near) if near.is_file() else None)
        if program is None:
            raise SettingsMissingError(
                f"{self.folder} is a Meltano project, and there is no program meltano on the PATH. Install it "
                "(pip install meltano), or give --tap FILE and --target FILE."
            )
        return program
