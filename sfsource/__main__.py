"""Console entry point of sfsource."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line."""
    from sfsource.cli import cli  # noqa: PLC0415 - imports wait until the command runs

    for stream in (sys.stdout, sys.stderr):
        # A letter that a terminal does not know is no reason to say nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    cli()


if __name__ == "__main__":
    main()
