"""The file of `--state-file`: the last STATE whose rows are committed, whole at any moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from target_sfwarehouse.errors import SettingsError


class StateFile:
    """A file that is replaced by each STATE: a run that ends before its first STATE leaves the state of the run before."""

    def __init__(self, path: Path) -> None:
        """Make sure that it can be written, before a row is loaded. Raises SettingsError."""
        # The file that a link names is replaced, not the link.
        self._path = path.resolve()
        if self._path.is_dir():
            raise SettingsError(f"--state-file: {path} is a folder. Name a file in it.")
        try:
            with tempfile.NamedTemporaryFile(dir=self._path.parent):
                pass
        except OSError as error:
            raise SettingsError(
                f"--state-file: no file can be written in {self._path.parent} ({error.strerror}). Make the folder, or name "
                "another file."
            ) from None

    def write(self, state: bytes) -> None:
        """Replace the file. Raises SettingsError; the old file is whole then."""
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(state + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # Others may read a state that they could read before.
            if self._path.exists():
                Path(name).chmod(self._path.stat().st_mode & 0o777)
            Path(name).replace(self._path)
        except OSError as error:
            raise SettingsError(f"--state-file: {self._path} cannot be written ({error.strerror}).") from None
