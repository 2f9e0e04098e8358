"""A collection as an SDK stream: turns the events of its sync into messages, counts and state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk import metrics

from tap_sfsource.api.usage import paid_by
from tap_sfsource.clock import isoformat
from tap_sfsource.errors import AuthError, RefusedError, TapError
from tap_sfsource.rows.pages import ValuesPage
from tap_sfsource.singer.emitters import BatchEmitter, Emitter
from tap_sfsource.singer.maps import Maps
from tap_sfsource.singer.output import OutputError
from tap_sfsource.singer.report import StreamSummary
from tap_sfsource.singer.sdk import ABORTED, BatchConfig, SDKStream
from tap_sfsource.sync.drift import drift
from tap_sfsource.sync.events import Activate, Checkpoint, Kind, Narrowed, Rows

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.singer.output import Output
    from tap_sfsource.singer.report import RunReport
    from tap_sfsource.singer.state_lines import StateLines
    from tap_sfsource.sync.object_sync import ObjectSync
    from tap_sfsource.sync.run import SyncRun

logger = logging.getLogger("tap-sfsource")

_RUN_ERRORS = (OutputError, BrokenPipeError, *ABORTED)
"""Errors that are not of one collection: they end the run."""


class RunParts(Protocol):
    """The parts of a run that its streams share."""

    @property
    def client(self) -> Client:
        """The connection to the org."""
        ...  # pragma: no cover

    @property
    def output(self) -> Output:
        """Where messages go."""
        ...  # pragma: no cover

    @property
    def report(self) -> RunReport:
        """What happens to each stream."""
        ...  # pragma: no cover

    @property
    def state_lines(self) -> StateLines:
        """Writes the state."""
        ...  # pragma: no cover

    @property
    def sync_run(self) -> SyncRun:
        """The syncs of the selected objects."""
        ...  # pragma: no cover

    @property
    def names_stream(self) -> NamesStream | None:
        """The stream of names, if it is selected."""
        ...  # pragma: no cover


class SalesforceStream(SDKStream):
    """One SObject of the org.

    Rows come in their final types and with the selected properties only, because the query asks for nothing else. So the
    SDK has nothing to conform.
    """

    def __init__(self, tap: Tap, run: RunParts, plan: SObjectPlan, schema: dict[str, Any]) -> None:
        super().__init__(tap, schema=schema, name=plan.stream_name)
        self.plan = plan
        self._run = run
        self._maps: Maps | None = None
        self.primary_keys = [plan.key]
        self.replication_key = plan.replication_key.property if plan.replication_key else None

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never, for the SDK: it would activate a version before its rows; this tap does so behind them."""
        return False

    @property
    def maps(self) -> Maps:
        """The user's stream maps for this stream."""
        if self._maps is None:
            self._maps = Maps(self, self.plan.is_deleted)
        return self._maps

    def _emitter(self, config: BatchConfig | None) -> Emitter:
        output, deleted = self._run.output, self.plan.is_deleted
        if config is None:
            return Emitter(self, self.maps, output, deleted)
        return BatchEmitter(self, self.maps, output, deleted, config)

    def emit(self, config: BatchConfig | None) -> None:
        """Write the stream's messages; a failure is the report's to tell, so that other streams go on."""
        if self.maps.removed:
            return
        run, report = self._run.sync_run, self._run.report
        summary = report.begin(self.name, self.plan.api_name)
        counter, timer = self.get_record_counter(), self.get_sync_timer()
        with counter, timer, paid_by(self.name):
            try:
                sync = run.take(self.name)
                known = sync.source.state.known
                summary.notes = sync.source.notes
                if sync.source.plan is not self.plan:
                    self._narrow(sync.source.plan)
                try:
                    self._emit(sync, config, summary, counter)
                finally:
                    summary.drift = drift(sync.source, known)
                summary.reader = "Bulk" if sync.used_bulk else "REST"
            except ABORTED:
                self._run.state_lines.write()  # a dry run takes stream by stream, and has no end of its own
                raise
            except _RUN_ERRORS:
                raise
            except RefusedError as refusal:
                report.leave_out(summary, refusal)
            except Exception as error:  # noqa: BLE001 - one collection's failure never ends the run
                timer.tags[metrics.Tag.STATUS] = metrics.Status.FAILED
                told = _told(error)
                if isinstance(told, AuthError):
                    run.stop(told)
                report.fail(summary, told)
        report.progress.finished()
        self._run.state_lines.offer()
        summary.end()

    def _narrow(self, plan: SObjectPlan) -> None:
        """Take a plan that the sync has found to be the one that the org answers to, and announce it."""
        self.plan = plan
        self.replication_key = plan.replication_key.property if plan.replication_key else None
        self.change_schema(plan.schema(), [plan.key])
        self._maps = None
        self.write_schema()

    def _emit(
        self, sync: ObjectSync, config: BatchConfig | None, summary: StreamSummary, counter: metrics.Counter
    ) -> None:
        """Write the events. The state moves at a checkpoint, or once the rows that wait before it are written."""
        emitter = self._emitter(config)
        states = self._run.state_lines
        due: list[Checkpoint] = []
        for event in sync.events():
            match event:
                case Rows():
                    counts = event.kind is Kind.WHOLE and not sync.reads_log
                    written = emitter.rows(event, count_marks=counts)
                    summary.add(event.kind, written)
                    counter.increment(written.rows)
                    self._run.report.progress.rows(self.name, summary.rows, sync.query.total)
                    self._write_names()
                    if written.rows:
                        states.rows_written()
                case Activate():
                    emitter.activate(event.version)
                case Narrowed():
                    emitter.flush()
                    self._move(due)
                    self._narrow(sync.source.plan)
                    emitter = self._emitter(config)
                case Checkpoint():
                    due.append(event)
                    if event.waits:
                        emitter.flush()
                    if not emitter.holds:
                        self._move(due)
            self.check_record_limit(summary.written)
        emitter.flush()
        self._move(due)

    def _move(self, due: list[Checkpoint]) -> None:
        """Move the state to checkpoints whose rows are written, and write it where a restart needs it."""
        states = self._run.state_lines
        states.move(due)
        if any(checkpoint.waits or checkpoint.resumes for checkpoint in due):
            states.need()
        else:
            states.offer()
        due.clear()

    def _write_names(self) -> None:
        """Write the names that the rows before brought along."""
        if self._run.names_stream is not None:
            self._run.names_stream.write_names()


class NamesStream(SalesforceStream):
    """The collection of names, which is written while other collections are read."""

    def __init__(self, tap: Tap, run: RunParts, plan: SObjectPlan, schema: dict[str, Any]) -> None:
        super().__init__(tap, run, plan, schema)
        self._summary = StreamSummary(self.name, api_name=plan.api_name)
        self._names_emitter: Emitter | None = None
        self._announced = False

    def write_names(self) -> None:
        """Write the names collected since the last call. A failure is the names' own: the other collections go on."""
        names = self._run.sync_run.names
        found = names.take() if names is not None else []
        if names is None or not found or names.broken or self.maps.removed:
            return
        if not self._announced:
            self.write_schema()
            self._announced = True
        if self._names_emitter is None:
            self._names_emitter = self._emitter(self.get_batch_config(self.config))
        extracted = isoformat(self._run.client.now())
        try:
            self._names_emitter.rows(
                Rows(Kind.WHOLE, ValuesPage(found, len(found), lambda: extracted), names.layout)
            )
            self._names_emitter.flush()
        except _RUN_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - one collection's failure never ends the run
            names.broken = True
            self._run.report.fail(self._summary, _told(error))
        else:
            self._summary.rows += len(found)

    def emit(self, config: BatchConfig | None) -> None:  # noqa: ARG002
        """Write nothing: names come with the rows of other streams."""
        self._announced = True
        self._summary.done = True
        self._run.report.summaries.append(self._summary)


def _told(error: Exception) -> TapError:
    if isinstance(error, TapError):
        return error
    logger.debug("Unexpected error", exc_info=error)
    return TapError(
        f"unexpected {type(error).__name__} ({error}). This is a defect of the tap: please report it with the log of a run "
        "at level debug."
    )
