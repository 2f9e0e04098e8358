"""The file of `--state-file`: the last STATE whose rows are committed, whole at any moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from target_sfwarehouse.errors import SettingsError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file as a whole: whoever reads it meanwhile, or after a kill, sees the old data or the new. Raises OSError."""
    path = path.resolve()  # the file that a link names is replaced, not the link
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    # Others may read what they could read before.
    if path.exists():
        Path(name).chmod(path.stat().st_mode & 0o777)
    Path(name).replace(path)


class StateFile:
    """A file that is replaced by each STATE: a run that ends before its first STATE leaves the state of the run before."""

    def __init__(self, path: Path) -> None:
        """Make sure that it can be written, before a row is loaded. Raises SettingsError."""
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
            write_whole(self._path, state + b"\n")
        except OSError as error:
            raise SettingsError(f"--state-file: {self._path} cannot be written ({error.strerror}).") from None
