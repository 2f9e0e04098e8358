"""Write docs/pictures/: `python -m docs.draw`, which `make pictures` runs.

The pictures of a run stay as they are where they say the same as before: a run takes other seconds each time.
"""

from __future__ import annotations

import sys

from docs.draw import benchmarks, picker, run, status, tables
from docs.draw.album import FOLDER, same


def main() -> None:
    """Draw all of them."""
    drawn: dict[str, str] = {}
    for chapter in (picker, run, status, tables, benchmarks):
        drawn |= chapter.pictures()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        if old.name not in drawn:
            old.unlink()
    for name, svg in drawn.items():
        path = FOLDER / name
        if not path.exists() or (
            path.read_text() != svg and not (name in run.NAMES and same(path.read_text(), svg))
        ):
            path.write_text(svg)
            print(f"{path.name} is new", file=sys.stderr)


if __name__ == "__main__":
    main()
