"""The rows of a Bulk job: a CSV file, and where in it each row begins."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path

from salesforce_simulator.http.messages import FilePart

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

    def shared(self, path: Path) -> "Results":
        """The same rows under another path; the file goes when nobody has a path to it any more."""
        path.hardlink_to(self.path)
        return replace(self, path=path)

    def part(self, start: int, end: int) -> FilePart:
        """The rows from `start` up to but without `end`."""
        return FilePart(self.path, self.offsets[start], self.offsets[end] - self.offsets[start])


def write_results(path: Path, header: bytes, blocks: Iterable[tuple[bytes, list[int]]]) -> Results:
    """Write the lines of a result, some at a time, each with its line end, and how long each is."""
    offsets = array("q", [0])
    with path.open("wb", buffering=0) as file:
        for lines, lengths in blocks:
            file.write(lines)
            offsets.extend(islice(accumulate(lengths, initial=offsets[-1]), 1, None))
    return Results(path, header, offsets)
