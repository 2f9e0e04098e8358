"""Plugins of other people, each lock of `requirements/` in an environment of its own, made once a session."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def plugin_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs `requirements/NAME.txt`, a whole lock, as it stands; gives the folder of its commands."""

    @functools.cache
    def install(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name.replace("/", "-")) / "venv"
        python = folder / "bin" / "python"
        lock = PROJECT / "requirements" / f"{name}.txt"
        uv: list[str | Path] = [SCRIPTS / "uv", "--quiet"]
        for command in (
            [*uv, "venv", "--python", sys.executable, folder],
            [*uv, "pip", "install", "--no-deps", "--python", python, "--require-hashes", "-r", lock],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return python.parent

    return install
