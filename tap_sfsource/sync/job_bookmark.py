"""What a bookmark says of a Bulk job that is being read."""

from __future__ import annotations

import msgspec

from tap_sfsource.sync.parts import parts_of


class JobBookmark(msgspec.Struct, frozen=True):
    """A Bulk job that is being read.

    Attributes:
        query: Hash of the SOQL, of its fields' types and of the way in which rows are emitted. A run that would ask or
            emit otherwise does not resume the job.
        locator: Of the page to read next; empty for the first.
        watermark: The bookmark of the stream once the last page is read.
        rows: Rows emitted so far.
        version: The table version of its rows, 0 if they have none.
        bookmark: The stream's bookmark when the job was created; empty before the first sync.
        parts: Those left of a query read as several, by `text_of`; `bookmark` moves with each, the job is of the first.
    """

    id: str
    query: str
    locator: str = ""
    watermark: str = ""
    rows: int = 0
    version: int = 0
    bookmark: str = ""
    parts: str = ""

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its jobs."""
        return frozenset({self.id, *(part.job for part in parts_of(self.parts))} - {""})

    def of_version(self, version: int | None) -> JobBookmark:
        """The same with the table version of its rows."""
        return msgspec.structs.replace(self, version=version or 0)
