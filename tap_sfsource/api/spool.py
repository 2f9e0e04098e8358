"""Files in which pages wait to be written: without a name, so that a run that is killed leaves none of them behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def nameless_file(folder: str | None) -> IO[bytes]:
    """A file that stands in no folder and goes when it is closed, on the file system of a folder (None: the temporary one).

    Raises:
        OSError: No file can be made there.
    """
    # `tempfile` opens its own with O_EXCL, which forbids that they ever get a name (Linux, open(2)).
    if flag := getattr(os, "O_TMPFILE", 0):
        with contextlib.suppress(OSError):
            return os.fdopen(os.open(folder or tempfile.gettempdir(), flag | os.O_RDWR, 0o600), "w+b")
    return tempfile.TemporaryFile(dir=folder, prefix="tap-sfsource-")


def give_name(file: IO[bytes], path: Path) -> bool:
    """Put a nameless file into a folder, without copying it, under a name that must be free.

    Whether that was possible: it is on Linux, within one file system that knows files without names.
    """
    file.flush()
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError:
        return False
    try:
        # With a descriptor of the folder, Python follows the link that /proc has for the file.
        os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder)
    except (OSError, NotImplementedError):
        return False
    finally:
        os.close(folder)
    return True
