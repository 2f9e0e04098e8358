"""A Meltano project: settings, selection and state, by Meltano's own commands."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from sfsource.errors import SettingsMissingError, SfsourceError

_FILE = "meltano.yml"
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
        return self.state_id or f"{self._environment}:{self.extractor}-to-{self.loader}"

    @functools.cached_property
    def _environment(self) -> str:
        if self.environment:
            return self.environment
        text = (self.folder / _FILE).read_text(encoding="utf-8")
        default = (yaml.safe_load(text) or {}).get("default_environment")
        if not default:
            raise SettingsMissingError(
                f"{self.folder / _FILE} has no default_environment. Name one with --environment."
            )
        return str(default)

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
            [program, "--log-level=error", f"--environment={self._environment}", *arguments],
            cwd=self.folder,
            env=inherited | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise SfsourceError(
                f"meltano {' '.join(arguments[:2])} failed in {self.folder}: {said[-1] if said else 'it said nothing'}"
            )
        return done.stdout

    def _program(self) -> str:
        near = Path(sys.executable).with_name("meltano")
        program = shutil.which("meltano") or (str(near) if near.is_file() else None)
        if program is None:
            raise SettingsMissingError(
                f"{self.folder} is a Meltano project, and there is no program meltano on the PATH. Install it "
                "(pip install meltano), or give --tap FILE and --target FILE."
            )
        return program
