"""The checkout's own meltano.yml, its plugins installed once a session outside the checkout, state fresh a test."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_process import PROJECT, Finished, Processes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Meltano:
    """Runs Meltano on the checkout's project with one test's settings."""

    processes: Processes
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, plugin: str, config: dict[str, Any]) -> None:
        """Set a plugin's settings, as a person does, by environment variables."""
        prefix = plugin.replace("-", "_").upper()
        for name, value in config.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self.environment[f"{prefix}_{name.upper()}"] = text

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Meltano."""
        return self.processes.start(["meltano", *arguments], env=self.environment)

    def run(self, *arguments: str, deadline: float = 180.0) -> Finished:
        """Run Meltano."""
        return self.processes.finish(self.start(*arguments), deadline=deadline)


@pytest.fixture(scope="session")
def meltano_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the session's plugin installations are, made from the checkout with the locked versions."""
    home = tmp_path_factory.mktemp("meltano")
    processes = Processes(PROJECT)
    processes.meltano("install", env=_places(home, home), deadline=300).expect()
    yield home
    processes.close()


@pytest.fixture
def meltano(meltano_home: Path, tmp_path: Path) -> Iterator[Meltano]:
    """Meltano with the plugins installed and no state."""
    processes = Processes(PROJECT)
    yield Meltano(processes, _places(meltano_home, tmp_path))
    processes.close()


def _places(home: Path, state: Path) -> dict[str, str]:
    return {
        "MELTANO_SYS_DIR_ROOT": str(home),
        "MELTANO_DATABASE_URI": f"sqlite:///{state / 'meltano.db'}",
        # Nothing may depend on the hub: nobody listens here.
        "MELTANO_HUB_URL": "http://127.0.0.1:9",
        # Colours and tables as in a pipe, whatever the machine that runs the tests has set.
        "NO_COLOR": "1",
        "HOME": os.environ.get("HOME", str(state)),
    }
