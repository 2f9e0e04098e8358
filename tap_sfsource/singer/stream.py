"""A collection as an SDK stream: ties an extraction to Singer messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream, metrics
from singer_sdk.singerlib import MetadataMapping
from singer_sdk.streams.core import TypeConformanceLevel  # type: ignore[attr-defined]

from tap_sfsource.api.charges import charged_to
from tap_sfsource.errors import TapError
from tap_sfsource.singer.batches import FORMAT, BatchFiles, writing
from tap_sfsource.singer.emit import activate, emit_lines, emit_records, writes_lines
from tap_sfsource.singer.summary import StreamSummary
from tap_sfsource.sync.windows import isoformat

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib.encoding.simple import Message

    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.sync.names import Names
    from tap_sfsource.sync.run import Output
    from tap_sfsource.sync.steps import Step
    from tap_sfsource.tap import TapSFSource


class SalesforceStream(Stream):
    """One SObject of the org.

    Rows come in their final types and with the selected properties only, because the query asks for nothing else; so the
    SDK's conformance has nothing to do.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: TapSFSource, plan: SObjectPlan) -> None:
        """Make a stream of a plan.

        Args:
            tap: The tap.
            plan: What to read: the selected columns.
        """
        super().__init__(tap, schema=plan.schema(), name=plan.stream_name)
        self.plan = plan
        self._tap_sfsource = tap
        self._files: BatchFiles | None = None
        self._counts_marks = False
        self.primary_keys = [plan.key]
        self.replication_key = plan.replication_key.property if plan.replication_key else None

    @property
    def metadata(self) -> MetadataMapping:
        """Catalog metadata: the input catalog's, else the one that discovery gives."""
        if self._metadata is None and self._tap_input_catalog is None:
            self._metadata = MetadataMapping.from_iterable(self.plan.entry()["metadata"])
        return super().metadata

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never, for the SDK: it would activate a version before its rows; this tap does so behind them."""
        return False

    def set_version(self, version: int | None) -> None:
        """Set the table version of the records that the SDK writes."""
        self._stream_version = version

    def write(self, message: Message) -> None:
        """Write a message through the tap's writer."""
        self._tap.write_message(message)

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield the run's records, without writing any message.

        Args:
            context: Not used: a collection has no partitions.
        """
        yield from self._sync_records(context, write_messages=False)

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Write BATCH messages: Bulk pages as they are for ``csv``, else what the SDK makes of the records."""
        if batch_config.encoding.format != FORMAT or not writes_lines(self):
            with writing(batch_config.storage):
                super()._sync_batches(batch_config, context)
            return
        self._files = BatchFiles(self.name, batch_config.storage, batch_config.encoding.compression)
        for _ in self._sync_records(context):
            pass

    def _sync_records(
        self,
        context: Context | None = None,  # noqa: ARG002 - the SDK's signature
        *,
        write_messages: bool = True,
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the stream's messages; a failure is the run's to report, so that other streams go on."""
        run = self._tap_sfsource.sync_run
        summary = StreamSummary(self.name)
        run.summaries.append(summary)
        started = time.monotonic()
        counter, timer = self.get_record_counter(), self.get_sync_timer()
        with counter, timer, charged_to(self.name):
            try:
                extraction = run.take(self)
                summary.notes = extraction.source.notes
                for step in extraction.steps():
                    before = summary.written
                    self._counts_marks = not extraction.reads_log
                    yield from self._write(step, summary, write_messages=write_messages)
                    counter.increment(summary.written - before)
                    run.progress.rows(self.name, summary.rows, extraction.scan.total)
                    step.done()
                    if write_messages and (step.page is not None or step.waits):
                        self._tap.state_writer.write_state(self.tap_state)
                summary.reader = "Bulk" if extraction.used_bulk else "REST"
            except TapError as error:
                timer.tags[metrics.Tag.STATUS] = metrics.Status.FAILED
                run.fail(summary, error)
        run.progress.finished()
        if write_messages:
            self._tap.state_writer.write_state(self.tap_state)
        summary.seconds = time.monotonic() - started

    def _write_names(self) -> None:
        """Write the names that the rows of this step brought along."""
        run = self._tap_sfsource.sync_run
        if run.names is not None and run.names_stream is not None:
            run.names_stream.write_names(run.names, run.output)

    def _write(
        self, step: Step, summary: StreamSummary, *, write_messages: bool
    ) -> Generator[dict[str, Any], Any, Any]:
        if step.page is not None and step.rows is not None:
            if self._files is not None and self._files.takes(step):
                message, count = self._files.save(step)
                self.write(message)
                summary.add(step.kind, count)
            elif not write_messages and step.kind == "rows":
                for record in step.page.records(step.rows):
                    summary.rows += 1
                    yield record
            elif writes_lines(self):
                self._write_lines(step, summary)
            else:
                for record in emit_records(self, step):
                    self._check_max_record_limit(summary.rows)
                    summary.add(
                        step.kind, 1, int(self._counts_marks and record.get(self.plan.is_deleted) is True)
                    )
                    yield record
            self._write_names()
        if step.activate is not None:
            activate(self, step.activate)

    def _write_lines(self, step: Step, summary: StreamSummary) -> None:
        output = self._tap_sfsource.sync_run.output
        before = output.marked
        output.mark = f'"{self.plan.is_deleted}":true'.encode() if self._counts_marks else None
        count = emit_lines(self, step, output)
        output.mark = None
        summary.add(step.kind, count, output.marked - before)


class NamesStream(SalesforceStream):
    """The collection of names, which is written while other collections are read."""

    def __init__(self, tap: TapSFSource, plan: SObjectPlan) -> None:
        """Make the stream; see `SalesforceStream`."""
        super().__init__(tap, plan)
        self.summary = StreamSummary(self.name)
        self._announced = False

    def write_names(self, names: Names, output: Output) -> None:
        """Write the names collected since the last call.

        Args:
            names: The collector.
            output: Where ready-made lines go.
        """
        found = names.take()
        if not found:
            return
        if not self._announced:
            self._write_schema_message()
            self._announced = True
        if writes_lines(self):
            extracted = isoformat(self._tap_sfsource.client.now())
            output.write(b"".join(names.rows.message(values, extracted) for values in found))
        else:
            for record in names.rows.as_records(found):
                self._write_record_message(record)
        self.summary.rows += len(found)

    def _sync_records(
        self,
        context: Context | None = None,  # noqa: ARG002 - the SDK's signature
        *,
        write_messages: bool = True,  # noqa: ARG002
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write nothing: names come with the rows of other streams."""
        self._announced = True
        self._tap_sfsource.sync_run.summaries.append(self.summary)
        yield from ()
