"""Distributions built from the checkout."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def build(source: Path, folder: Path, *options: str) -> None:
    """Build the wheel and the sdist of a folder of the project, or what hatchling's options name, into another folder."""
    command = [sys.executable, "-m", "hatchling", "build", *options, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel only, and give its path."""
    before = set(folder.glob("*.whl"))
    build(source, folder, "--target", "wheel")
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel
