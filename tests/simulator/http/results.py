"""The rows of a Bulk job: a CSV file, and where in it each row begins."""

import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

from tests.simulator.http.messages import FilePart

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


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


def unordered(blocks: Iterable[list[bytes]], seed: int) -> Iterator[list[bytes]]:
    """The lines in no order that means anything, as Bulk results without ORDER BY come; the same for a seed."""
    order: list[int] = []
    for lines in blocks:
        if len(order) != len(lines):
            order = random.Random(seed).sample(range(len(lines)), len(lines))
        yield [lines[place] for place in order]


def write_results(path: Path, header: bytes, blocks: Iterable[list[bytes]]) -> Results:
    """Write the lines of a result, each with its line end; they come some at a time."""
    offsets = array("q", [0])
    with path.open("wb", buffering=0) as file:
        for lines in blocks:
            file.write(b"".join(lines))
            offsets.extend(islice(accumulate(map(len, lines), initial=offsets[-1]), 1, None))
    return Results(path, header, offsets)
