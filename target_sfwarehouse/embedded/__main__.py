"""Start, look at, open, stop or remove the target's own Postgres."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from target_sfwarehouse.embedded import EmbeddedPostgresError, remove, start, status, stop


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 0, or 1 when there is no server or it failed."""
    parser = argparse.ArgumentParser(prog="python -m target_sfwarehouse.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "status", "psql", "stop", "remove"])
    parser.add_argument("directory", type=Path, nargs="?", default=Path(".sfwarehouse"))
    parser.add_argument("psql_arguments", nargs=argparse.REMAINDER, help="passed on to psql")
    asked = parser.parse_args(arguments)
    folder: Path = asked.directory
    try:
        if asked.action == "stop":
            said = "Stopped the server of" if stop(folder) else "No server runs on"
        elif asked.action == "remove":
            said = "Removed the data of" if remove(folder) else "Nothing to remove in"
        else:
            server = start(folder) if asked.action == "start" else status(folder)
            if server and asked.action == "psql":
                variable, *command = shlex.split(server.psql_command)
                os.environ["PGSERVICEFILE"] = variable.partition("=")[2]
                os.execvp(command[0], [*command, *asked.psql_arguments])  # noqa: S606 - the line that the notice shows
            print(server.notice if server else f"No server runs on {folder}")  # noqa: T201
            return 0 if server else 1
    except EmbeddedPostgresError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{said} {folder}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
