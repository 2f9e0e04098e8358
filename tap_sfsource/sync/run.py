"""One run of the tap over its selected streams: what they share, what failed, and how it ends.

A stream that cannot be read to its end does not stop the others: its state is kept, the run goes on, ends with a non-zero
status and says what is missing.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource.api.bulk import BulkReader
from tap_sfsource.api.bulk_budget import BulkBudget
from tap_sfsource.errors import AuthError, IncompleteError, QuotaReachedError, TapError
from tap_sfsource.singer.progress import Progress
from tap_sfsource.singer.summary import StreamSummary, log_metrics, table
from tap_sfsource.sync.extraction import Extraction
from tap_sfsource.sync.lookahead import Lookahead
from tap_sfsource.sync.names import Names
from tap_sfsource.sync.scan import Readers
from tap_sfsource.sync.source import Source
from tap_sfsource.sync.state import StreamState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.singer.stream import NamesStream, SalesforceStream

logger = logging.getLogger("tap-sfsource")

_COUNTS_A_CALL = 100


class Output:
    """Standard output for ready-made lines, between which a signal may end the run but within which it may not.

    Attributes:
        mark: Text to count in the lines, None for no counting.
        marked: How often it has been found.
    """

    def __init__(self) -> None:
        self.mark: bytes | None = None
        self.marked = 0
        self._busy = False
        self._ending: SystemExit | None = None

    def write(self, lines: bytes) -> None:
        """Write whole lines.

        Raises:
            SystemExit: The run was told to end while the lines were being written.
        """
        sys.stdout.flush()
        if self.mark is not None:
            self.marked += lines.count(self.mark)
        self._busy = True
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        finally:
            self._busy = False
        if self._ending is not None:
            raise self._ending

    def end(self, ending: SystemExit) -> None:
        """End the run: now, or behind the lines that are being written; when told twice, now.

        Args:
            ending: What to end with.

        Raises:
            SystemExit: The ending.
        """
        if self._busy and self._ending is None:
            self._ending = ending
            return
        raise ending


@dataclass(frozen=True, slots=True)
class Failure:
    """A stream that is not complete."""

    stream: str
    error: TapError


class _Count(msgspec.Struct):
    name: str
    count: int


class _Counts(msgspec.Struct):
    sObjects: list[_Count]  # noqa: N815 - Salesforce's name


_counts_decoder = msgspec.json.Decoder(_Counts)


class SyncRun:
    """The run.

    Args:
        client: The connection to the org.
        streams: The selected streams but that of names, in the order in which they will be read.
        names_stream: The stream of names, if it is selected.
        spool_dir: The folder in which Bulk pages wait, None for the system's.
    """

    def __init__(
        self,
        client: Client,
        streams: Sequence[SalesforceStream],
        names_stream: NamesStream | None = None,
        spool_dir: str | None = None,
    ) -> None:
        settings = client.settings
        self.output = Output()
        self.failures: list[Failure] = []
        self.summaries: list[StreamSummary] = []
        self._client = client
        self._started = time.monotonic()
        self._fatal: TapError | None = None
        bulk = BulkReader(client, settings.bulk_page_size, spool_dir)
        readers = Readers(client, bulk, BulkBudget(client), settings)
        self.names_stream = names_stream
        self.names = Names(names_stream.plan) if names_stream is not None else None
        self._extractions = {
            stream.name: Extraction(
                Source(
                    stream.plan,
                    StreamState(stream.name, stream.stream_state, stream.replication_key),
                    readers,
                    self.names,
                )
            )
            for stream in streams
        }
        self.progress = Progress(settings.progress, len(self._extractions))
        self._lookahead = Lookahead(client, list(self._extractions.values()), settings.max_workers)

    def start(self) -> None:
        """Begin to look ahead; where much may have to be read, with a count of it."""
        sources = [part.source for part in self._extractions.values()]
        unread = [part for part in sources if part.state.bookmark is None and "rows" not in part.state.jobs]
        # Bulk has to know as well: it looks at a job when it may be done, and each look is a call.
        if unread and self._client.settings.reader != "rest":
            self._count(unread)
        self._lookahead.start()

    def take(self, stream: SalesforceStream) -> Extraction:
        """Give a stream's extraction, once its first answers are there.

        A quota that is used up does not keep back what has been answered already: that takes no further call.

        Raises:
            AuthError: The run can read no further stream: its login is refused.
        """
        if isinstance(self._fatal, AuthError):
            raise self._fatal
        extraction = self._extractions[stream.name]
        self._lookahead.wait(extraction)
        return extraction

    def fail(self, summary: StreamSummary, error: TapError) -> None:
        """Note that a stream is not complete; some errors leave no hope for the next ones."""
        self.progress.wipe()
        summary.problem = str(error)
        if isinstance(error, QuotaReachedError | AuthError):
            if self._fatal is None:
                logger.error("%s", error)
            else:
                summary.problem = "the run had to stop"
            self._fatal = error
        else:
            logger.error("%s is not complete: %s", summary.stream, error)
        self.failures.append(Failure(summary.stream, error))

    def leave_out(self, stream: str, error: TapError) -> None:
        """Note that a stream could not even be planned."""
        summary = StreamSummary(stream)
        self.summaries.append(summary)
        self.fail(summary, error)

    def close(self) -> None:
        """Let go of what is under way: what was looked at ahead, and jobs that nobody will read."""
        self._lookahead.stop()
        self.progress.wipe()
        for extraction in self._extractions.values():
            extraction.abandon()

    def check(self) -> None:
        """Hold the run against what it should have done.

        Raises:
            IncompleteError: Streams are not complete; the message names them.
        """
        if self.failures:
            names = ", ".join(failure.stream for failure in self.failures)
            raise IncompleteError(
                f"Not complete: {names}. The reasons are above; the next run goes on where each stopped."
            )

    def report(self, skipped: Mapping[str, str]) -> str:
        """The run as a table for people; machines get it as metrics.

        Args:
            skipped: Stream that was selected and cannot be read, to the reason.
        """
        charges = self._client.charges
        log_metrics(self.summaries, charges, skipped)
        return table(self.summaries, charges, time.monotonic() - self._started, skipped)

    def _count(self, sources: Sequence[Source]) -> None:
        """Ask for approximate sizes, so that no first page of a large table is fetched for nothing."""
        by_name = {source.plan.api_name: source for source in sources}
        names = sorted(by_name)
        for at in range(0, len(names), _COUNTS_A_CALL):
            try:
                counts = self._client.get(
                    self._client.data("/limits/recordCount"),
                    _counts_decoder,
                    params={"sObjects": ",".join(names[at : at + _COUNTS_A_CALL])},
                )
            except (QuotaReachedError, AuthError):
                raise
            except TapError as error:
                logger.info("No record counts: %s", error)
                return
            for count in counts.sObjects:
                if count.name in by_name:
                    by_name[count.name].count = count.count
