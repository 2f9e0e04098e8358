"""The rows of a Bulk job: a CSV file, and where in it each row begins."""

import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.simulator.http.messages import FilePart

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_BUFFER = 1 << 20
_SHUFFLED = 5000


@dataclass(frozen=True)
class Results:
    """Finished rows on disk.

    Attributes:
        header: The line of column names, which every page begins with.
        offsets: Where each row begins, and at last the length of the file.
    """

    path: Path
    header: bytes
    offsets: "array[int]"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return self.offsets[-1]

    def part(self, start: int, end: int) -> FilePart:
        """The rows from `start` up to but without `end`."""
        return FilePart(self.path, self.offsets[start], self.offsets[end] - self.offsets[start])


def unordered(lines: Iterable[bytes], seed: int) -> Iterator[bytes]:
    """The lines in no order that means anything, as Bulk results without ORDER BY come; the same for a seed."""
    chance = random.Random(seed)
    rest = iter(lines)
    while batch := list(islice(rest, _SHUFFLED)):
        chance.shuffle(batch)
        yield from batch


def write_results(path: Path, header: bytes, lines: Iterable[bytes]) -> Results:
    """Write the lines of a result, each with its line end."""
    offsets, position = array("q", [0]), 0
    with path.open("wb", buffering=_BUFFER) as file:
        for line in lines:
            file.write(line)
            position += len(line)
            offsets.append(position)
    return Results(path, header, offsets)
